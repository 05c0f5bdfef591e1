"""MongoDB's operators that only compute: what stages out of an artifact may use.

Left out on purpose are those that run scripts ($function, $where, $accumulator), write
($out, $merge), read other collections ($lookup, $graphLookup, $unionWith) or the
server's own state, and make lists out of nothing ($range, $documents, $densify).
"""

# Stages that keep samples unchanged, or only leave something out.
_KEEPING = "$limit $match $project $redact $sample $skip $sort $unset"

# Stages that write fields.
_SETTING = "$addFields $set"

# Further stages that FiftyOne generates. The collections that they read are checked by name.
_FIFTYONE = "$geoNear $group $lookup $replaceRoot $replaceWith $unionWith $unwind"

_QUERIES = """
    $all $and $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet $box $caseSensitive $center $centerSphere $comment
    $diacriticSensitive $elemMatch $eq $exists $expr $geoIntersects $geoWithin $geometry $gt $gte $in $jsonSchema
    $language $lt $lte $maxDistance $minDistance $mod $ne $near $nearSphere $nin $nor $not $options $or $polygon
    $regex $search $size $text $type $uniqueDocs
"""

_EXPRESSIONS = """
    $abs $acos $acosh $add $addToSet $allElementsTrue $anyElementTrue $arrayElemAt $arrayToObject $asin $asinh $atan
    $atan2 $atanh $avg $binarySize $bitAnd $bitNot $bitOr $bitXor $bsonSize $ceil $cmp $concat
    $concatArrays $cond $convert $cos $cosh $dateAdd $dateDiff $dateFromParts
    $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc $dayOfMonth $dayOfWeek $dayOfYear
    $degreesToRadians $divide $exp $filter $first $firstN $floor
    $getField $hour $ifNull $indexOfArray $indexOfBytes $indexOfCP $isArray $isNumber $isoDayOfWeek $isoWeek
    $isoWeekYear $last $lastN $let $literal $ln $log $log10 $ltrim $map $max $maxN $median
    $mergeObjects $meta $millisecond $min $minN $minute $month $multiply $objectToArray $percentile $pow
    $push $radiansToDegrees $rand $reduce $regexFind $regexFindAll $regexMatch $replaceAll $replaceOne
    $reverseArray $round $rtrim $sampleRate $second $setDifference $setEquals $setField $setIntersection $setIsSubset
    $setUnion $sin $sinh $slice $sortArray $split $sqrt $stdDevPop $stdDevSamp $strLenBytes $strLenCP $strcasecmp
    $substr $substrBytes $substrCP $subtract $sum $switch $tan $tanh $toBool $toDate $toDecimal $toDouble $toInt
    $toLong $toLower $toObjectId $toString $toUUID $toUpper $trim $trunc $tsIncrement $tsSecond
    $unsetField $week $year $zip
"""

#: Stages of a pipeline that an artifact may hold.
PIPELINE_STAGES = frozenset(f"{_KEEPING} {_SETTING}".split())

#: Those of them that write fields.
SETTING_STAGES = frozenset(_SETTING.split())

#: Stages of the finished pipeline of a view.
FINISHED_STAGES = PIPELINE_STAGES | frozenset(_FIFTYONE.split())

#: Operators of queries and expressions: a key that begins with a dollar sign has to be one.
OPERATORS = frozenset(_QUERIES.split()) | frozenset(_EXPRESSIONS.split())

#: Operators that do something for each element of a list.
LOOPS = frozenset({"$filter", "$map", "$reduce"})

#: Operators that compare lists with something, and whose results are true or false.
COMPARING = frozenset({"$in", "$setEquals", "$setIsSubset"})

#: Operators whose results are as large as their arguments together, or larger.
GROWING = frozenset({"$concat", "$concatArrays", "$mergeObjects", "$setUnion", "$zip"})

#: Operators whose results hold their arguments in lists or documents.
NESTING = frozenset(
    ["$arrayToObject", "$map", "$objectToArray", "$reduce", "$replaceAll", "$replaceOne", "$setField", "$zip"]
)

#: Operators whose results are as large as what they get; those of all others have the size of a number or a date.
SIZED = GROWING | frozenset(
    [
        "$addToSet",
        "$arrayElemAt",
        "$arrayToObject",
        "$cond",
        "$convert",
        "$filter",
        "$first",
        "$firstN",
        "$getField",
        "$ifNull",
        "$last",
        "$lastN",
        "$let",
        "$literal",
        "$ltrim",
        "$map",
        "$max",
        "$maxN",
        "$min",
        "$minN",
        "$objectToArray",
        "$push",
        "$reduce",
        "$regexFind",
        "$regexFindAll",
        "$replaceAll",
        "$replaceOne",
        "$reverseArray",
        "$rtrim",
        "$setDifference",
        "$setField",
        "$setIntersection",
        "$slice",
        "$sortArray",
        "$split",
        "$substr",
        "$substrBytes",
        "$substrCP",
        "$switch",
        "$toLower",
        "$toString",
        "$toUpper",
        "$trim",
        "$unsetField",
    ]
)
