"""Stages that nobody should run, in tables: each with what the error has to say."""

import base64
import io
import zlib

import numpy as np

HARMLESS = {"_cls": "fiftyone.core.stages.Limit", "kwargs": [["limit", 2]]}


def stage(name, **arguments):
    """A stage as an artifact holds it."""
    return {"_cls": f"fiftyone.core.stages.{name}", "kwargs": [[key, value] for key, value in arguments.items()]}


def mongo(*pipeline, **arguments):
    """A stage with a pipeline."""
    return stage("Mongo", pipeline=list(pipeline), **arguments)


def concat(*inner):
    """A stage that appends another view of the dataset."""
    return stage("Concat", samples={"dataset_id": "0" * 24, "stages": list(inner)})


def packed(raw):
    """Bytes as FiftyOne packs the vector of a similarity search."""
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def npy(array, allow_pickle=False):
    """The bytes of a ``.npy`` file."""
    raw = io.BytesIO()
    np.save(raw, array, allow_pickle=allow_pickle)
    return raw.getvalue()


def archive():
    """A file of several arrays, where one is wanted."""
    raw = io.BytesIO()
    np.savez(raw, a=np.arange(3.0))
    return packed(raw.getvalue())


def nested(value, depth):
    """A value that deep inside others."""
    for _ in range(depth):
        value = {"$not": [value]}

    return value


def broken(text, at):
    """A text with a line break in it."""
    return text[:at] + "\n" + text[at:]


TRAP = {"$function": {"body": "function() { while (true) {} }", "args": [], "lang": "js"}}
BODY = TRAP["$function"]
SCRIPT = {"$accumulator": {"init": "function() {}", "accumulate": "function() {}", "lang": "js"}}
BOMB = packed(bytes(200_000_000))
VECTOR = packed(npy(np.arange(64.0)))
SET_FILE = {"$set": {"filepath": "/etc/passwd"}}

FOREIGN = {
    "a program": ({"_cls": "subprocess.Popen", "kwargs": [["args", ["touch", "MARK"]]]}, "'subprocess.Popen'"),
    "a shell": ({"_cls": "os.system", "kwargs": [["command", "touch MARK"]]}, "'os.system'"),
    "eval": ({"_cls": "builtins.eval", "kwargs": []}, "'builtins.eval'"),
    "a user's class": ({"_cls": "evil.Stage", "kwargs": []}, "'evil.Stage'"),
    "an allowed name elsewhere": ({"_cls": "evil.Limit", "kwargs": [["limit", 1]]}, "'evil.Limit'"),
    "a name without a module": ({"_cls": "Limit", "kwargs": [["limit", 1]]}, "'Limit'"),
    "a deeper module": ({"_cls": "fiftyone.core.stages.fod.Dataset", "kwargs": []}, "fod.Dataset"),
    "not a stage of the module": ({"_cls": "fiftyone.core.stages.ObjectId", "kwargs": []}, "ObjectId"),
    "the base class": ({"_cls": "fiftyone.core.stages.ViewStage", "kwargs": []}, "ViewStage"),
    "no class": ({"kwargs": []}, "NoneType"),
    "a class that is not a text": ({"_cls": ["fiftyone.core.stages.Limit"], "kwargs": []}, "list"),
    "a stage that is not a dict": ("fiftyone.core.stages.Limit", "is not a FiftyOne stage"),
    "more than a stage": ({**HARMLESS, "extra": 1}, "is not a FiftyOne stage"),
    "invalid arguments": ({"_cls": HARMLESS["_cls"], "kwargs": 7}, "no list of arguments"),
    "an unknown argument": (stage("Limit", limit=2, shell="touch MARK"), "unknown argument 'shell'"),
    "control characters": ({"_cls": "a\x1b[2Jb", "kwargs": []}, r"'a\?\[2Jb'"),
    "nested in Concat": (concat(HARMLESS, {"_cls": "subprocess.Popen", "kwargs": []}), "'subprocess.Popen'"),
    "Concat of something else": (stage("Concat", samples={"file": "/etc/passwd", "stages": []}), "holds no view"),
    "nested in Flatten": (stage("Flatten", stages={"_cls": "os.system", "kwargs": []}), "'os.system'"),
    "code": (stage("Match", filter={"x": {"$code": "function() {}"}}), r"'\$code'"),
    "code with a scope": (stage("Match", filter={"x": {"$code": "1", "$scope": {}}}), r"'\$code'"),
    "a reference": (stage("Match", filter={"x": {"$ref": "datasets", "$id": 1}}), r"'\$ref'"),
    "a pointer": (stage("Match", filter={"x": {"$dbPointer": {"$ref": "a", "$id": 1}}}), r"'\$dbPointer'"),
    "too deep": (stage("Match", filter={"$expr": nested(True, 70)}), "nested deeper"),
    "a configuration of the wrong type": (stage("ToFrames", config=["x"]), "wrong type"),
    "an invalid pipeline": (mongo("drop"), "no pipeline"),
    "two operators in a stage": (mongo({"$match": {}, "$out": "datasets"}), "no pipeline"),
    "fields that are not a document": (mongo({"$set": ["a"]}), "no pipeline"),
    "slices of the wrong type": (mongo({"$match": {}}, _group_slices=[{"a": 1}]), "where the name of a field"),
    "$out in a list of the plugin's own": (
        mongo({"$lookup": {"from": "datasets", "as": "wandb.ids.1", "pipeline": [{"$out": "x"}]}}),
        r"'\$lookup'",
    ),
    "a collection for each stage": (
        concat(*[stage("ToPatches", field="ground_truth", config={"other_fields": [f"f{i}"]}) for i in range(21)]),
        "more than 20 stages that make patches",
    ),
}

# Vectors of a similarity search: what our reader does not read is not handed on to FiftyOne's.
VECTORS = {
    "a pickle": packed(b"\x80\x04."),
    "a bomb": BOMB,
    "a bomb with a line break": broken(BOMB, 40),
    "a bomb with a space at its end": BOMB + " ",
    "a bomb in lines": "\n".join(BOMB[i : i + 76] for i in range(0, len(BOMB), 76)),
    "a bomb with a sign that is not base64": broken(BOMB, 8).replace("\n", "-"),
    "a vector with a line break": broken(VECTOR, 16),
    "a vector with a space": " " + VECTOR,
    "a vector that is cut off": base64.b64encode(zlib.compress(npy(np.arange(64.0)))[:-9]).decode(),
    "a vector and more": base64.b64encode(zlib.compress(npy(np.arange(3.0))) + b"more").decode(),
    "an archive": archive(),
    "an array of objects": packed(npy(np.array([{"a": 1}], dtype=object), allow_pickle=True)),
    "an array of texts": packed(npy(np.array(["a", "b"]))),
    "three dimensions": packed(npy(np.zeros((2, 2, 2)))),
    "no dimension": packed(npy(np.float64(1.0))),
    "a shape beyond its data": packed(npy(np.arange(3.0)).replace(b"(3,)", b"(9,)")),
    "less shape than data": packed(npy(np.arange(3.0)).replace(b"(3,)", b"(1,)")),
    "complex numbers": packed(npy(np.zeros(3, dtype=complex))),
    "words without an end": "cat " * 2_000,
}
SIMILAR = {
    **{f"query: {kind}": (stage("SortBySimilarity", query=query), "damaged query") for kind, query in VECTORS.items()},
    "a query of the wrong type": (stage("SortBySimilarity", query={"a": 1}), "wrong type"),
    "a query of several types": (stage("SortBySimilarity", query=["a", 1]), "wrong type"),
}

# Where an expression can stand, and where a query can.
EXPRESSIONS = {
    "FilterLabels": lambda e: stage("FilterLabels", field="ground_truth", filter=e),
    "FilterField": lambda e: stage("FilterField", field="score", filter=e),
    "FilterKeypoints": lambda e: stage("FilterKeypoints", field="points", filter=e),
    "MatchLabels": lambda e: stage("MatchLabels", fields="ground_truth", filter=e),
    "MatchFrames": lambda e: stage("MatchFrames", filter=e),
    "SetField": lambda e: stage("SetField", field="number", expr=e),
    "SetField of labels": lambda e: stage("SetField", field="ground_truth.detections.label", expr=e),
    "GroupBy": lambda e: stage("GroupBy", field_or_expr=e),
    "GroupBy's match": lambda e: stage("GroupBy", field_or_expr="number", flat=True, match_expr=e),
    "GroupBy's sort": lambda e: stage("GroupBy", field_or_expr="number", flat=True, sort_expr=e),
    "SortBy": lambda e: stage("SortBy", field_or_expr=[[e, 1]]),
    "ToClips": lambda e: stage("ToClips", field_or_expr=e),
    "Match": lambda e: stage("Match", filter={"$expr": e}),
    "Mongo's $match": lambda e: mongo({"$match": {"$expr": e}}),
    "Mongo's $set": lambda e: mongo({"$set": {"number": e}}),
    "Mongo's $redact": lambda e: mongo({"$redact": e}),
    "Concat": lambda e: concat(stage("Match", filter={"$expr": e})),
    "Flatten": lambda e: stage("Flatten", stages=stage("Match", filter={"$expr": e})),
}
SCRIPTS = {
    "$function": {"$add": [1, TRAP]},
    "$accumulator": {"$cond": [True, SCRIPT, 1]},
    "$range": {"$size": {"$range": [0, 1_000_000_000]}},
    "a key with $function": {"$mergeObjects": [{"a.$function": BODY}]},
    "a field with $function": {"$size": "$ground_truth.detections.$function"},
}
WORDS = {
    "$function": r"'\$function'",
    "$accumulator": r"'\$accumulator'",
    "$range": r"'\$range'",
    "a key with $function": r"'a\.\$function'",
    "a field with $function": "cannot be a field",
}
RUNNING = {
    f"{kind} in {place}": (make(expression), WORDS[kind])
    for place, make in EXPRESSIONS.items()
    for kind, expression in SCRIPTS.items()
}

QUERIES = {
    "$where": (stage("Match", filter={"$where": "sleep(10000)"}), r"'\$where'"),
    "$where deeper": (stage("Match", filter={"$or": [{"a": 1}, {"$where": "1"}]}), r"'\$where'"),
    "$where in $geoNear": (stage("GeoNear", point=[0, 0], query={"$where": "1"}), r"'\$where'"),
    "$where in Mongo": (mongo({"$match": {"$where": "1"}}), r"'\$where'"),
    "$function in a configuration": (
        stage("ToPatches", field="x", config={"other_fields": [TRAP]}),
        "where the name of a field belongs",
    ),
    "$function as a mapped value": (stage("MapValues", field="caption", map={"a": TRAP}), "plain values"),
    "$function as a key": (stage("MapLabels", field="weather", map={"$function": "x"}), r"'\$function'"),
    "a field as a mapped value": (stage("MapLabels", field="weather", map={"x": "$filepath"}), r"'\$filepath'"),
    "$function as data": (stage("SelectBy", field="number", values=[TRAP]), r"'\$function'"),
    "$function as a point": (stage("GeoNear", point=TRAP), r"'\$function'"),
    "$function as a tag": (stage("MatchTags", tags=[TRAP]), r"'\$function'"),
    "$function as a number": (stage("Limit", limit=TRAP), r"'\$function'"),
    "$function in labels": (stage("SelectLabels", labels=[{"label_id": TRAP}]), r"'\$function'"),
}

# Texts that name fields: FiftyOne makes keys of their parts.
TEXTS = ("ground_truth.detections.$function", "$function", "a.$where", "a..b", "", "a.", ".a", "a[].$function", "a.[]")
FIELDS = {
    "SetField": lambda t: stage("SetField", field=t, expr=BODY, _allow_missing=True),
    "MapValues": lambda t: stage("MapValues", field=t, map={"a": "b"}),
    "MapLabels": lambda t: stage("MapLabels", field=t, map={"a": "b"}),
    "FilterLabels": lambda t: stage("FilterLabels", field=t, filter=True),
    "FilterField": lambda t: stage("FilterField", field=t, filter=BODY),
    "FilterKeypoints": lambda t: stage("FilterKeypoints", field=t, filter=True),
    "Exists": lambda t: stage("Exists", field=t),
    "SelectBy": lambda t: stage("SelectBy", field=t, values=[1]),
    "ExcludeBy": lambda t: stage("ExcludeBy", field=t, values=[1]),
    "SelectFields": lambda t: stage("SelectFields", field_names=["number", t]),
    "ExcludeFields": lambda t: stage("ExcludeFields", field_names=t),
    "LimitLabels": lambda t: stage("LimitLabels", field=t, limit=1),
    "MatchLabels": lambda t: stage("MatchLabels", fields=[t], tags="x"),
    "SelectLabels": lambda t: stage("SelectLabels", fields=t, ids=["0" * 24]),
    "SelectLabels by labels": lambda t: stage("SelectLabels", labels=[{"label_id": "0" * 24, "field": t}]),
    "ExcludeLabels": lambda t: stage("ExcludeLabels", fields=t),
    "GeoNear": lambda t: stage("GeoNear", point=[0, 0], location_field=t),
    "GeoWithin": lambda t: stage("GeoWithin", boundary=[], location_field=t),
    "GroupBy's order": lambda t: stage("GroupBy", field_or_expr="number", order_by=t),
    "SelectGroupSlices": lambda t: stage("SelectGroupSlices", slices=["left", t]),
    "ExcludeGroupSlices": lambda t: stage("ExcludeGroupSlices", slices=t),
    "Mongo's slices": lambda t: mongo({"$match": {}}, _group_slices=[t]),
    "ToPatches": lambda t: stage("ToPatches", field=t),
    "ToPatches' other fields": lambda t: stage("ToPatches", field="ground_truth", config={"other_fields": [t]}),
    "ToTrajectories": lambda t: stage("ToTrajectories", field=t),
    "ToEvaluationPatches": lambda t: stage("ToEvaluationPatches", eval_key=t),
    "SortBySimilarity": lambda t: stage("SortBySimilarity", query="0" * 24, brain_key=t),
    "Mongo's $set": lambda t: mongo({"$set": {t: BODY}}),
    "Mongo's $project": lambda t: mongo({"$project": {t: 1}}),
}
NAMED = {
    f"{text!r} in {place}": (make(text), "cannot be a field|not known to only read|where the name of a field")
    for place, make in FIELDS.items()
    for text in TEXTS
}

OPERATORS = ("$merge", "$out", "$lookup", "$graphLookup", "$unionWith", "$collStats", "$documents", "$currentOp")
OPERATORS += ("$changeStream", "$facet", "$unwind", "$group", "$replaceRoot", "$replaceWith", "$densify", "$fill")
OPERATORS += ("$bucket", "$bucketAuto", "$setWindowFields", "$geoNear", "$count", "$sortByCount", "$listSessions")
OPERATORS += ("$indexStats", "$planCacheStats", "$search", "$listLocalSessions", "$unknown")
PIPELINES = {
    **{f"Mongo: {o}": (mongo({"$match": {}}, {o: {"from": "x"}}), rf"'\{o}'") for o in OPERATORS},
    **{f"Mongo in Concat: {o}": (concat(mongo({o: "datasets"})), rf"'\{o}'") for o in OPERATORS},
    "rows out of nothing": (
        mongo({"$set": {"number": {"$range": [0, 100_000]}}}, {"$unwind": "$number"}),
        r"'\$range'",
    ),
    "$merge nested in Concat": (concat(concat(mongo({"$merge": "x"}))), r"'\$merge'"),
    "$out in $facet": (mongo({"$facet": {"a": [{"$out": "datasets"}]}}), r"'\$facet'"),
}

# What a view writes: plain values only, and none that says what a sample is or which file it has.
PATHS = ("filepath", "ground_truth.detections[].mask_path", "depth.map_path", "frames.filepath", "_id", "id")
PATHS += ("sample_id", "_media_type", "_rand", "metadata", "metadata.width", "group", "group.name", "thumb_path")
PATHS += ("media_reference.key", "ground_truth._cls", "_dataset_id", "frame_id", "frames.frame_number")
WRITING = {
    **{
        f"SetField {p}": (stage("SetField", field=p, expr="/x", _allow_missing=True), "what a sample is") for p in PATHS
    },
    **{f"MapValues {p}": (stage("MapValues", field=p, map={"/a": "/etc/passwd"}), "what a sample is") for p in PATHS},
    **{f"$set {p}": (mongo({"$set": {p: "/etc/passwd"}}), "what a sample is") for p in PATHS},
    "a whole label": (
        stage("SetField", field="weather", expr={"_cls": "Segmentation", "mask": 1}),
        "a list or a document",
    ),
    "a list of labels": (stage("SetField", field="ground_truth.detections", expr=[{"a": 1}]), "a list or a document"),
    "an empty document": (stage("SetField", field="weather", expr={}), "a list or a document"),
    "a whole label in a pipeline": (mongo({"$set": {"weather": {"mask_path": "/x"}}}), "a list or a document"),
    "a computed projection": (mongo({"$project": {"filepath": {"$literal": "/x"}}}), "cannot be a field"),
    "a renamed field": (mongo({"$project": {"filepath": "$caption"}}), "may only choose fields"),
    "another file in front of patches": (
        concat(mongo({"$set": {"number": 1}}), stage("ToPatches", field="ground_truth")),
        "documents that a pipeline has changed",
    ),
    "a pipeline in front of frames": (
        concat(mongo({"$addFields": {"number": 1}}), stage("ToFrames")),
        "documents that a pipeline has changed",
    ),
}

# Expressions that make much of little.
GROWING = {
    "a list that doubles": (
        {"$reduce": {"input": "$tags", "initialValue": "$tags", "in": {"$concatArrays": ["$$value", "$$value"]}}},
        "doubles its result",
    ),
    "a text that doubles": (
        {"$reduce": {"input": "$tags", "initialValue": "x", "in": {"$concat": ["$$value", "$$value"]}}},
        "doubles its result",
    ),
    "a text that doubles under another name": (
        {
            "$reduce": {
                "input": "$tags",
                "initialValue": "x",
                "in": {"$let": {"vars": {"v": "$$value"}, "in": {"$concat": ["$$v", "$$v"]}}},
            }
        },
        "inside a \\$reduce",
    ),
    "loops in loops in loops": (
        {"$map": {"input": "$a", "in": {"$map": {"input": "$a", "in": {"$map": {"input": "$a", "in": 1}}}}}},
        "loops in loops in loops",
    ),
    "loops over a list that is written down": (
        {"$map": {"input": [0] * 1_001, "in": {"$map": {"input": [0] * 1_001, "in": 1}}}},
        "more than 1,000 values",
    ),
    "many lists joined": ({"$concatArrays": ["$tags"] * 13}, "joins more than 12 lists"),
    "a field compared with itself too often": ({"$in": [1, ["$tags"] * 101]}, "copies of a sample's fields"),
    "fields inside a field that is compared too": (
        {"$in": [1, ["$a"] * 50 + ["$a.b"] * 50 + ["$a.b.c"]]},
        "copies of a sample's fields",
    ),
    "deep fields compared": (
        {"$setIsSubset": [[f"${'a.' * 11}{i}" for i in range(101)], "$tags"]},
        "copies of a sample's fields",
    ),
    "lists compared with lists": ({"$setEquals": [["$a", "$b"]] * 101}, "copies of a sample's fields"),
    "the whole sample compared": ({"$in": [1, [f"$$ROOT.{i}" for i in range(101)]]}, "copies of a sample's fields"),
    "many fields compared in a loop": (
        {"$filter": {"input": "$a", "cond": {"$in": ["$$this", [f"${i}" for i in range(1_001)]]}}},
        "compares with more than 1,000 fields",
    ),
}


def _let(value, inner, depth):
    """A value that is named, and doubled, in each of so many steps."""
    for _ in range(depth):
        inner = {"$let": {"vars": {"v": ["$$v", "$$v"]}, "in": inner}}

    return {"$let": {"vars": {"v": value}, "in": inner}}


def _reduced(step, words):
    many = {"$split": [",".join("a" * 4_000), ","]}
    return {"$reduce": {"input": many, "initialValue": [1], "in": step}}, words


# MongoDB ends such expressions at no deadline, or it ends itself: its stack is as deep as a value is nested.
GROWING.update(
    {
        "a value that doubles 24 times": (_let("$n", {"$eq": ["$$v", 1]}, 24), "copies of a sample's fields"),
        "a text that doubles 24 times": (_let("x", {"$eq": ["$$v", 1]}, 24), "copies of a sample's fields"),
        "lists zipped 24 times": (
            _let("$a", {"$zip": {"inputs": ["$$v", "$$v"]}}, 24),
            "copies of a sample's fields",
        ),
        "a list in a list in a list": _reduced(["$$value"], "nests its result"),
        "a list in $zip in $zip": _reduced({"$zip": {"inputs": ["$$value"]}}, "nests its result"),
        "a list in a joined list": _reduced({"$concatArrays": [["$$value"]]}, "nests its result"),
        "a document in a document": _reduced({"a": "$$value"}, "nests its result"),
        "a document in a merged one": _reduced({"$mergeObjects": [{"a": "$$value"}]}, "nests its result"),
        "a document in a chosen one": _reduced({"$cond": [True, {"a": "$$value"}, 1]}, "nests its result"),
        "a list in a branch": _reduced(
            {"$switch": {"branches": [{"case": True, "then": ["$$value"]}], "default": 1}}, "nests its result"
        ),
        "a field in $setField": _reduced(
            {"$setField": {"field": "a", "input": {}, "value": "$$value"}}, "nests its result"
        ),
        "a list joined for each element": _reduced({"$concatArrays": ["$$value", "$a"]}, "joins whole lists"),
        "lists of lists joined": (
            {
                "$reduce": {
                    "input": {"$map": {"input": "$a", "in": "$a"}},
                    "initialValue": [],
                    "in": {"$concatArrays": ["$$value", "$$this"]},
                }
            },
            "joins whole lists",
        ),
        "filters in filters in filters": (
            {"$filter": {"input": "$a", "cond": {"$filter": {"input": "$a", "cond": {"$filter": {"input": "$a"}}}}}},
            "loops in loops in loops",
        ),
        "loops over a text that is written down": (
            {"$filter": {"input": {"$split": ["a," * 501, ","]}, "cond": {"$filter": {"input": "$a", "cond": 1}}}},
            "more than 1,000 values",
        ),
        "a loop over a long text": (
            {"$map": {"input": {"$split": ["a," * 5_001, ","]}, "in": 1}},
            "a text of more than 10,000",
        ),
        "what is another time each time": ({"$cond": [{"$gt": ["$$NOW", 1]}, [1], [2]]}, "another one each time"),
    }
)
AMPLIFYING = {
    f"{kind} in {place}": (make({"$size": expression}), words)
    for kind, (expression, words) in GROWING.items()
    for place, make in EXPRESSIONS.items()
    if place in ("SetField", "Match", "Mongo's $set", "FilterLabels")
}

# What one stage makes, the next one takes.
TWICE = {"$max": {"$concatArrays": ["$words", "$words"]}}
AMPLIFYING.update(
    {
        "a list that doubles with each stage": (
            concat(*[stage("SetField", field="number", expr=TWICE)] * 7),
            "copies of a sample's fields",
        ),
        "a list that doubles with each step": (
            mongo(*[{"$set": {"number": TWICE}}] * 7),
            "copies of a sample's fields",
        ),
        "rows that are sorted too often": (
            concat(*[stage("SortBy", field_or_expr="number"), stage("Skip", skip=1)] * 51),
            "more than 50 times",
        ),
        "rows that are sorted too often in steps": (
            mongo(*[{"$sort": {"number": 1}}, {"$skip": 1}] * 51),
            "more than 50 times",
        ),
    }
)

#: All of them: from a name to a stage and a pattern of words.
REFUSED = {
    **FOREIGN,
    **SIMILAR,
    **RUNNING,
    **QUERIES,
    **NAMED,
    **PIPELINES,
    **WRITING,
    **AMPLIFYING,
}
