"""Stages that come out of an artifact and want to do something else than select samples."""

import json
import os
import sys
import types

import fiftyone as fo
import fiftyone.core.odm as odm
import numpy as np
import pytest

from shim import query
from shim.restoring import limits, rebuild, stagecheck, stagelists, stages, values
from tests.restore import hostile
from tests.restore.hostile import HARMLESS, concat, mongo, stage

pytestmark = [pytest.mark.oldest, pytest.mark.usefixtures("fiftyone")]

# Those whose refusal is seen from outside: nothing is built, run or written. The rest is only read.
EXECUTED = {**hostile.FOREIGN, **hostile.SIMILAR, **hostile.QUERIES}
EXECUTED.update({kind: found for kind, found in hostile.REFUSED.items() if "$function" in kind and "Mongo" in kind})


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


@pytest.mark.parametrize("kind", EXECUTED)
def test_refused_with_nothing_executed(dataset, log, state, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    evil = types.ModuleType("evil")
    evil.Stage = evil.Limit = lambda **_: (tmp_path / "MARK").touch()
    monkeypatch.setitem(sys.modules, "evil", evil)
    document, words = EXECUTED[kind]
    before = state()
    logged = rebuild.Logged({}, json.dumps([HARMLESS, document]), log(dataset).ids)

    with pytest.raises(stagecheck.StagesRefused, match=words) as caught:
        rebuild.restore(dataset, logged)

    assert str(caught.value).count("Nothing of it was run") == 1
    assert len(str(caught.value)) < 400
    assert caught.value.code == "untrusted_stages"
    assert os.listdir(tmp_path) == []
    assert state() == before


@pytest.mark.any_version
@pytest.mark.parametrize("kind", hostile.REFUSED)
def test_refused(kind):
    document, words = hostile.REFUSED[kind]

    with pytest.raises(stagecheck.StagesRefused, match=words) as caught:
        stages.parse(json.dumps([HARMLESS, document]))

    assert str(caught.value).count("Nothing of it was run") == 1
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_at_least_two_hundred_hostile_stages():
    assert len(hostile.REFUSED) >= 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ('{"stages": []}', "not a list"),
        ("7", "not a list"),
        ("[" * 100_000, "nested deeper|not JSON"),
        ("[" * 200 + "]" * 200, "nested deeper"),
        ('[{"_cls": "' + "a" * 34_000_000 + '"}]', "more than 32 MB"),
        ("[" + "[]," * 10_000_000 + "[]]", "more values than any view has"),
        ("[" + "1," * 10_000_000 + "1]", "more values than any view has"),
        (json.dumps([HARMLESS] * 1001), "more than 1,000 stages"),
        (json.dumps([concat(*[HARMLESS] * 600)] * 2), "more than 1,000 stages"),
    ],
)
def test_texts_that_are_refused(text, words):
    with pytest.raises(stagecheck.StagesRefused, match=words):
        stages.parse(text)


FAILING = {
    "a wrong type": (stage("Match", filter={"$expr": {"$add": ["$filepath", 1]}}), "MongoDB cannot run it"),
    "a division by zero": (stage("Match", filter={"$expr": {"$divide": [1, 0]}}), "MongoDB cannot run it"),
    "a number that is too large": (stage("Limit", limit=10**30), "8-byte"),
    "half a character": (stage("Match", filter={"caption": "\ud800\x1b[2J"}), "cannot run it"),
    "a name with a zero byte": (stage("Exists", field="a\0b"), ""),
    "no ids": (mongo({"$project": {"_id": 0}}), "its rows are not samples"),
    "a wrong expression": (stage("FilterLabels", field="ground_truth", filter={"$gt": [1, 2, 3]}), "cannot run it"),
}


@pytest.mark.parametrize("kind", FAILING)
def test_harmless_stages_that_fail(dataset, log, kind):
    """They may have worked once: before a field was written again, or with another MongoDB."""
    document, words = FAILING[kind]

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps([document]), log(dataset.limit(3)).ids))

    assert (again.way, again.view.values("id")) == (rebuild.IDS, dataset.limit(3).values("id"))
    (note,) = again.notes
    assert words in note
    assert note.isprintable()
    assert len(note) < 700


# A million steps for each sample.
SLOW = {"$map": {"input": [0] * 1_000, "in": {"$add": [{"$rand": {}}, "$$this"]}}}
SLOW = {"$gte": [{"$size": {"$map": {"input": [0] * 1_000, "in": SLOW}}}, 0]}


def test_stages_that_do_not_end(dataset, log, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.5)
    document = stage("Match", filter={"$expr": SLOW})

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps([document]), log(dataset.limit(3)).ids))

    assert again.way == rebuild.IDS
    assert "did not finish it in time" in again.notes[0]


def test_a_pattern_that_takes_for_ever_to_match(dataset, log):
    """MongoDB gives up by itself."""
    bomb = {"$regexMatch": {"input": "a" * 40 + "!", "regex": "^(a+)+$"}}
    document = stage("Match", filter={"$expr": {"$not": [bomb]}})

    again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps([document]), log(dataset.limit(3)).ids))

    assert again.rows in (3, 12)


def test_refused_stages_can_be_loaded_by_their_ids(dataset, log):
    logged = rebuild.Logged({}, json.dumps([EXECUTED["$where"][0]]), log(dataset.limit(3)).ids)

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
    assert values.read_query(text).tolist() == [0, 1, 2, 3]
    assert values.read_query("a text about cats") == "a text about cats"
    assert values.read_query("abcd") == "abcd"
