"""Stages that come out of an artifact and want to do something else than select samples."""

import base64
import io
import json
import os
import sys
import types
import zlib

import fiftyone as fo
import fiftyone.core.odm as odm
import numpy as np
import pytest

from shim import query
from shim.restoring import rebuild, stagecheck, stagelists, stages

pytestmark = [pytest.mark.oldest, pytest.mark.usefixtures("fiftyone")]

HARMLESS = {"_cls": "fiftyone.core.stages.Limit", "kwargs": [["limit", 2]]}


def stage(name, **arguments):
    return {"_cls": f"fiftyone.core.stages.{name}", "kwargs": [[key, value] for key, value in arguments.items()]}


def mongo(*pipeline, **arguments):
    return stage("Mongo", pipeline=list(pipeline), **arguments)


def concat(*inner):
    return stage("Concat", samples={"dataset_id": "0" * 24, "stages": list(inner)})


def archive():
    """A file of several arrays, where one is wanted."""
    raw = io.BytesIO()
    np.savez(raw, a=np.arange(3.0))
    return base64.b64encode(zlib.compress(raw.getvalue())).decode()


def nested(value, depth):
    for _ in range(depth):
        value = {"$not": [value]}

    return value


TRAP = {"$function": {"body": "function() { while (true) {} }", "args": [], "lang": "js"}}
SCRIPT = {"$accumulator": {"init": "function() {}", "accumulate": "function() {}", "lang": "js"}}
BOMB = base64.b64encode(zlib.compress(bytes(200_000_000))).decode()
SET_FILE = {"$set": {"filepath": "/etc/passwd"}}

REFUSED = {
    "a program": ({"_cls": "subprocess.Popen", "kwargs": [["args", ["touch", "MARK"]]]}, "'subprocess.Popen'"),
    "a shell": ({"_cls": "os.system", "kwargs": [["command", "touch MARK"]]}, "'os.system'"),
    "eval": ({"_cls": "builtins.eval", "kwargs": []}, "'builtins.eval'"),
    "a user's class": ({"_cls": "evil.Stage", "kwargs": []}, "'evil.Stage'"),
    "an allowed name elsewhere": ({"_cls": "evil.Limit", "kwargs": [["limit", 1]]}, "'evil.Limit'"),
    "a name without a module": ({"_cls": "Limit", "kwargs": [["limit", 1]]}, "'Limit'"),
    "a deeper module": ({"_cls": "fiftyone.core.stages.fod.Dataset", "kwargs": []}, "fod.Dataset"),
    "no stage of the module": ({"_cls": "fiftyone.core.stages.ObjectId", "kwargs": []}, "ObjectId"),
    "the base class": ({"_cls": "fiftyone.core.stages.ViewStage", "kwargs": []}, "ViewStage"),
    "no class": ({"kwargs": []}, "NoneType"),
    "a class that is no text": ({"_cls": ["fiftyone.core.stages.Limit"], "kwargs": []}, "list"),
    "a stage that is no dict": ("fiftyone.core.stages.Limit", "no stage of FiftyOne's"),
    "more than a stage": ({**HARMLESS, "extra": 1}, "no stage of FiftyOne's"),
    "arguments that are none": ({"_cls": HARMLESS["_cls"], "kwargs": 7}, "no arguments"),
    "an unknown argument": (stage("Limit", limit=2, shell="touch MARK"), "unknown argument 'shell'"),
    "control characters": ({"_cls": "a\x1b[2Jb", "kwargs": []}, r"'a\?\[2Jb'"),
    "$function": (stage("Match", filter={"$expr": TRAP}), r"'\$function'"),
    "$where": (stage("Match", filter={"$where": "sleep(10000)"}), r"'\$where'"),
    "$accumulator": (mongo({"$group": {"_id": None, "x": SCRIPT}}), r"'\$accumulator'"),
    "$function in a filter of labels": (stage("FilterLabels", field="ground_truth", filter=TRAP), r"'\$function'"),
    "$function in a field": (stage("SetField", field="number", expr={"$add": [1, TRAP]}), r"'\$function'"),
    "$function in a group": (stage("GroupBy", field_or_expr={"$add": [TRAP, 1]}), r"'\$function'"),
    "$function in a sort": (stage("SortBy", field_or_expr=[[TRAP, 1]]), r"'\$function'"),
    "$function in clips": (stage("ToClips", field_or_expr={"$gt": [TRAP, 1]}), r"'\$function'"),
    "$function in a configuration": (stage("ToPatches", field="x", config={"other_fields": [TRAP]}), r"'\$function'"),
    "$function as a mapped value": (stage("MapValues", field="caption", map={"a": TRAP}), "plain values"),
    "$function as a key": (stage("MapLabels", field="weather", map={"$function": "x"}), r"'\$function'"),
    "a field as a mapped value": (stage("MapLabels", field="weather", map={"x": "$filepath"}), r"'\$filepath'"),
    "$where in $geoNear": (stage("GeoNear", point=[0, 0], query={"$where": "1"}), r"'\$where'"),
    "$merge": (mongo({"$merge": {"into": "datasets"}}), r"'\$merge'"),
    "$out": (mongo({"$match": {}}, {"$out": "datasets"}), r"'\$out'"),
    "$lookup": (mongo({"$lookup": {"from": "datasets", "as": "x", "pipeline": []}}), r"'\$lookup'"),
    "$graphLookup": (mongo({"$graphLookup": {"from": "runs"}}), r"'\$graphLookup'"),
    "$unionWith": (mongo({"$unionWith": {"coll": "config"}}), r"'\$unionWith'"),
    "$collStats": (mongo({"$collStats": {}}), r"'\$collStats'"),
    "$out in $facet": (mongo({"$facet": {"a": [{"$out": "datasets"}]}}), r"'\$out'"),
    "$facet of no pipelines": (mongo({"$facet": [1]}), "no pipeline"),
    "a pipeline that is none": (mongo("drop"), "no pipeline"),
    "two operators in a stage": (mongo({"$match": {}, "$out": "datasets"}), "no pipeline"),
    "slices of the wrong type": (mongo({"$match": {}}, _group_slices=[{"a": 1}]), "wrong type"),
    "nested in Concat": (concat(HARMLESS, {"_cls": "subprocess.Popen", "kwargs": []}), "'subprocess.Popen'"),
    "$merge nested in Concat": (concat(concat(mongo({"$merge": "x"}))), r"'\$merge'"),
    "Concat of something else": (stage("Concat", samples={"file": "/etc/passwd", "stages": []}), "holds no view"),
    "nested in Flatten": (stage("Flatten", stages={"_cls": "os.system", "kwargs": []}), "'os.system'"),
    "nested in Flatten's list": (stage("Flatten", stages=[HARMLESS, mongo({"$out": "x"})]), r"'\$out'"),
    "code": (stage("Match", filter={"x": {"$code": "function() {}"}}), r"'\$code'"),
    "a reference": (stage("Match", filter={"x": {"$ref": "datasets", "$id": 1}}), r"'\$ref'"),
    "a pickle": (
        stage("SortBySimilarity", query=base64.b64encode(zlib.compress(b"\x80\x04.")).decode()),
        "damaged query",
    ),
    "a bomb": (stage("SortBySimilarity", query=BOMB), "damaged query"),
    "a query of the wrong type": (stage("SortBySimilarity", query={"a": 1}), "wrong type"),
    "a configuration of the wrong type": (stage("ToFrames", config=["x"]), "wrong type"),
    "too deep": (stage("Match", filter={"$expr": nested(True, 70)}), "nested deeper"),
    "an archive": (stage("SortBySimilarity", query=archive()), "damaged query"),
    "another file": (stage("SetField", field="filepath", expr="/etc/passwd"), "changes 'filepath'"),
    "another file of labels": (
        stage("SetField", field="ground_truth.detections[].mask_path", expr="/etc/passwd"),
        "which says what a sample is",
    ),
    "another file by a map": (stage("MapValues", field="filepath", map={"/a.jpg": "/etc/passwd"}), "'filepath'"),
    "another sample": (stage("SetField", field="_id", expr="$other"), "changes '_id'"),
    "another file in front of patches": (
        concat(mongo(SET_FILE), stage("ToPatches", field="ground_truth")),
        "documents that a pipeline has changed",
    ),
    "a collection for each stage": (
        concat(*[stage("ToPatches", field="ground_truth", config={"other_fields": [f"f{i}"]}) for i in range(21)]),
        "more than 20 stages that make patches",
    ),
    "$function in $facet": (mongo({"$facet": {"a": [{"$set": {"x": TRAP}}]}}), r"'\$function'"),
    "$lookup in $facet": (mongo({"$facet": {"a": [{"$lookup": {"from": "runs", "as": "x"}}]}}), r"'\$lookup'"),
    "$unionWith in Concat's $facet": (concat(mongo({"$facet": {"a": [{"$unionWith": "x"}]}})), r"'\$unionWith'"),
    "$out in a list of the plugin's own": (
        mongo({"$lookup": {"from": "datasets", "as": "wandb.ids.1", "pipeline": [{"$out": "x"}]}}),
        r"'\$lookup'",
    ),
    "$documents": (mongo({"$documents": [{"_id": 1}]}), r"'\$documents'"),
    "$currentOp": (mongo({"$currentOp": {"allUsers": True}}), r"'\$currentOp'"),
    "$changeStream": (mongo({"$changeStream": {}}), r"'\$changeStream'"),
    "a pointer": (stage("Match", filter={"x": {"$dbPointer": {"$ref": "a", "$id": 1}}}), r"'\$dbPointer'"),
}


@pytest.fixture(scope="module")
def dataset(data):
    return data["images"]


@pytest.fixture
def state(dataset):
    """All that could have been changed: collections, documents of datasets, one sample's fields."""

    def state():
        database = odm.get_db_conn()
        names = sorted(database.list_collection_names())
        return names, list(database["datasets"].find({})), dataset.first().to_mongo_dict()

    return state


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_nothing_executed(dataset, log, state, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    evil = types.ModuleType("evil")
    evil.Stage = evil.Limit = lambda **_: (tmp_path / "MARK").touch()
    monkeypatch.setitem(sys.modules, "evil", evil)
    document, words = REFUSED[kind]
    before = state()
    logged = rebuild.Logged({}, json.dumps([HARMLESS, document]), log(dataset).ids)

    with pytest.raises(stagecheck.StagesRefused, match=words) as caught:
        rebuild.restore(dataset, logged)

    assert str(caught.value).count("Nothing of it was run") == 1
    assert len(str(caught.value)) < 400
    assert caught.value.code == "untrusted_stages"
    assert os.listdir(tmp_path) == []
    assert state() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ('{"stages": []}', "no list"),
        ("7", "no list"),
        ("[" * 100_000, "nested deeper|no JSON"),
        ("[" * 200 + "]" * 200, "nested deeper"),
        ('[{"_cls": "' + "a" * 65_000_000 + '"}]', "more than 64 MB"),
        (json.dumps([HARMLESS] * 1001), "more than 1,000 stages"),
        (json.dumps([concat(*[HARMLESS] * 600)] * 2), "more than 1,000 stages"),
    ],
)
def test_texts_that_are_refused(text, words):
    with pytest.raises(stagecheck.StagesRefused, match=words):
        stages.parse(text)


FORGED = {
    "set": [mongo(SET_FILE)],
    "built": [
        mongo({"$replaceWith": {"$arrayToObject": [[["_id", "$_id"], ["filepath", "/etc/passwd"], ["tags", []]]]}})
    ],
    "concatenated": [HARMLESS, concat(mongo({"$project": {"tags": 1, "filepath": {"$literal": "/etc/passwd"}}}))],
    "in patches": [stage("ToPatches", field="ground_truth"), mongo(SET_FILE)],
    "of another sample": [
        mongo({"$set": {"filepath": {"$concat": ["$filepath", ""]}, "_id": {"$toObjectId": "0" * 24}}})
    ],
}


@pytest.mark.parametrize("kind", FORGED)
def test_other_files_than_those_of_the_samples(dataset, log, kind):
    """Whoever logs such a view with its pictures would give away a file of theirs."""
    before = dataset.first().to_mongo_dict()

    with pytest.raises(stagecheck.StagesRefused, match="other files than its samples have. It is not used"):
        rebuild.restore(dataset, rebuild.Logged({}, json.dumps(FORGED[kind]), log(dataset).ids))

    assert dataset.first().to_mongo_dict() == before


FAILING = {
    "a wrong type": (stage("Match", filter={"$expr": {"$add": ["$filepath", 1]}}), "MongoDB cannot run it"),
    "a division by zero": (stage("Match", filter={"$expr": {"$divide": [1, 0]}}), "MongoDB cannot run it"),
    "a number that is too large": (stage("Limit", limit=10**30), "8-byte"),
    "half a character": (stage("Match", filter={"caption": "\ud800\x1b[2J"}), "cannot run it"),
    "a name with a zero byte": (stage("Exists", field="a\0b"), ""),
    "no samples": (mongo({"$group": {"_id": "$number"}}), "its rows are no samples"),
    "no ids": (mongo({"$project": {"_id": 0}}), "its rows are no samples"),
    "a wrong expression": (stage("FilterLabels", field="ground_truth", filter={"$gt": [1, 2, 3]}), "cannot run it"),
}


@pytest.mark.parametrize("kind", FAILING)
def test_harmless_stages_that_fail(dataset, log, kind):
    """They may have worked once: before a field was written anew, or with another MongoDB."""
    document, words = FAILING[kind]

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps([document]), log(dataset.limit(3)).ids))

    assert (again.way, again.view.values("id")) == (rebuild.IDS, dataset.limit(3).values("id"))
    (note,) = again.notes
    assert words in note
    assert note.isprintable()
    assert len(note) < 700


def test_stages_that_do_not_end(dataset, log, monkeypatch):
    monkeypatch.setattr(rebuild, "_SECONDS", 0.001)
    document = mongo({"$set": {"n": {"$range": [0, 100_000]}}}, {"$unwind": "$n"}, {"$match": {"n": -1}})

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps([document]), log(dataset.limit(3)).ids))

    assert again.way == rebuild.IDS
    assert "was not done with it" in again.notes[0]


def test_a_pattern_that_takes_for_ever_to_match(dataset, log):
    """MongoDB gives up by itself."""
    bomb = {"$regexMatch": {"input": "a" * 40 + "!", "regex": "^(a+)+$"}}
    document = stage("Match", filter={"$expr": {"$not": [bomb]}})

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps([document]), log(dataset.limit(3)).ids))

    assert again.rows in (3, 12)


def test_refused_stages_can_be_loaded_by_their_ids(dataset, log):
    logged = rebuild.Logged({}, json.dumps([REFUSED["$where"][0]]), log(dataset.limit(3)).ids)

    again = rebuild.restore(dataset, logged, by_ids=True)

    assert (again.way, again.view.values("id")) == (rebuild.IDS, dataset.limit(3).values("id"))


def test_the_generated_dataset_that_a_stage_names_is_left_alone(dataset, log, media):
    """FiftyOne deletes the dataset that `_state` names, whichever it is."""
    victim = fo.Dataset()
    victim.add_sample(fo.Sample(filepath="/a.jpg"))
    clean = json.loads(query.serialization(query.as_view(dataset.to_patches("ground_truth"))))
    state = {
        "dataset_id": query.dataset_id(dataset),
        "stages": [],
        "field": "ground_truth",
        "config": None,
        "name": victim.name,
    }
    clean[0]["kwargs"].append(["_state", state])

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps(clean), b""))

    assert again.rows == 24
    assert len(fo.load_dataset(victim.name)) == 1
    victim.delete()


def test_the_pipeline_that_a_similarity_stage_keeps_is_not_run(dataset):
    query_id = dataset.first().id
    state = {"pipeline": [{"$out": "datasets"}], "query": query_id}
    document = stage("SortBySimilarity", query=query_id, k=3, brain_key="sim", dist_field="far", _state=state)

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps([document]), b""))

    assert (again.rows, again.view.first().id) == (3, query_id)
    assert not dataset.has_field("far")
    assert "Distances" in again.notes[0]


def test_no_picture_is_written(data, log, tmp_path):
    videos = data["videos"]
    config = {
        "sample_frames": True,
        "output_dir": str(tmp_path / "out"),
        "frames_patt": "../../%d.jpg",
        "force_sample": True,
        "out_opts": ["-f", "tee", "x"],
    }

    again = rebuild.restore(videos, rebuild.Logged({}, json.dumps([stage("ToFrames", config=config)]), b""))

    assert again.rows == 24
    assert os.listdir(tmp_path) == []
    assert "extracts none" in again.notes[0]


def test_names_of_generated_datasets_are_not_taken_over(dataset):
    config = {"name": "mine", "persistent": True, "_generated": False, "include_indexes": True}

    again = rebuild.restore(
        dataset, rebuild.Logged({}, json.dumps([stage("ToPatches", field="ground_truth", config=config)]), b"")
    )

    assert again.rows == 24
    assert "mine" not in fo.list_datasets()


def test_another_dataset_is_not_opened(dataset, data):
    """The dataset that a Concat names is not looked at."""
    document = stage("Concat", samples={"dataset": data["groups"].name, "stages": [HARMLESS]})

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps([HARMLESS, document]), b""))

    assert again.view.values("id") == dataset.limit(2).values("id") * 2


def test_indexes_are_not_made(dataset):
    before = dataset.list_indexes()
    documents = [stage("SortBy", field_or_expr="score", create_index=True)]

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps(documents), b""))

    assert again.rows == 12
    assert dataset.list_indexes() == before


def test_every_stage_of_fiftyone_is_known():
    """A new FiftyOne may have stages or arguments that this plugin has not looked at yet."""
    import fiftyone.core.stages as fos

    unknown = {}
    for cls in fos._STAGES:
        stored = {p["name"] for p in cls._params()} - {"_state"}
        allowed = set(stagelists.ARGUMENTS.get(cls.__name__, "").split())
        if not allowed or stored - allowed:
            unknown[cls.__name__] = stored - allowed

    assert unknown == {}


def test_vectors_are_read_as_fiftyone_writes_them():
    import fiftyone.core.utils as fou

    text = fou.serialize_numpy_array(np.arange(4.0), ascii=True)
    assert stagecheck.unpack(text).tolist() == [0, 1, 2, 3]
    assert stagecheck.unpack("a text about cats") == "a text about cats"
    assert stagecheck.unpack("abcd") == "abcd"
