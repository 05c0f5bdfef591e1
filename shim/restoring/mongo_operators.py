"""MongoDB's operators that only compute: what stages out of an artifact may use.

Left out on purpose are those that run scripts ($function, $where, $accumulator), write
($out, $merge), or read other collections ($lookup, $graphLookup, $unionWith) or the
server's own state.
"""

_PIPELINE_STAGES = """
    $addFields $bucket $bucketAuto $count $densify $facet $fill $geoNear $group $limit $match $project $redact
    $replaceRoot $replaceWith $sample $set $setWindowFields $skip $sort $sortByCount $unset $unwind
"""

_QUERIES = """
    $all $and $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet $box $caseSensitive $center $centerSphere $comment
    $diacriticSensitive $elemMatch $eq $exists $expr $geoIntersects $geoWithin $geometry $gt $gte $in $jsonSchema
    $language $lt $lte $maxDistance $minDistance $mod $ne $near $nearSphere $nin $nor $not $options $or $polygon
    $regex $search $size $slice $text $type $uniqueDocs
"""

_EXPRESSIONS = """
    $abs $acos $acosh $add $addToSet $allElementsTrue $anyElementTrue $arrayElemAt $arrayToObject $asin $asinh $atan
    $atan2 $atanh $avg $binarySize $bitAnd $bitNot $bitOr $bitXor $bottom $bottomN $bsonSize $ceil $cmp $concat
    $concatArrays $cond $convert $cos $cosh $count $covariancePop $covarianceSamp $dateAdd $dateDiff $dateFromParts
    $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc $dayOfMonth $dayOfWeek $dayOfYear
    $degreesToRadians $denseRank $derivative $divide $documentNumber $exp $expMovingAvg $filter $first $firstN $floor
    $getField $hour $ifNull $indexOfArray $indexOfBytes $indexOfCP $integral $isArray $isNumber $isoDayOfWeek $isoWeek
    $isoWeekYear $last $lastN $let $linearFill $literal $ln $locf $log $log10 $ltrim $map $max $maxN $median
    $mergeObjects $meta $millisecond $min $minN $minMaxScaler $minute $month $multiply $objectToArray $percentile $pow
    $push $radiansToDegrees $rand $range $rank $reduce $regexFind $regexFindAll $regexMatch $replaceAll $replaceOne
    $reverseArray $round $rtrim $sampleRate $second $setDifference $setEquals $setField $setIntersection $setIsSubset
    $setUnion $shift $sin $sinh $sortArray $split $sqrt $stdDevPop $stdDevSamp $strLenBytes $strLenCP $strcasecmp
    $substr $substrBytes $substrCP $subtract $sum $switch $tan $tanh $toBool $toDate $toDecimal $toDouble $toInt
    $toLong $toLower $toObjectId $toString $toUUID $toUpper $top $topN $trim $trunc $tsIncrement $tsSecond
    $unsetField $week $year $zip
"""

#: Stages of a pipeline.
PIPELINE_STAGES = frozenset(_PIPELINE_STAGES.split())

#: All of them: a key that begins with a dollar sign has to be one.
OPERATORS = PIPELINE_STAGES | frozenset(_QUERIES.split()) | frozenset(_EXPRESSIONS.split())
