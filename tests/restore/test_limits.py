"""What a restored view may ask of MongoDB and of this process: rows, seconds, memory; and how its work is ended."""

import json
import threading
import time

import fiftyone.core.odm as odm
import numpy as np
import pytest

from shim.errors import WandBCancelled
from shim.restoring import ids, limits, rebuild, stagecheck
from support import datasets
from support.waiting import SECONDS
from tests.restore.hostile import concat, mongo, stage
from tests.restore.test_hostile import SLOW

pytestmark = pytest.mark.usefixtures("fiftyone")


@pytest.fixture
def images(media):
    dataset = datasets.images(media)
    yield dataset
    dataset.delete()


@pytest.fixture
def few(monkeypatch):
    """A cap on rows that a test can reach."""
    monkeypatch.setattr(limits, "_ROWS", 10)


def logged_of(*documents, ids=b""):
    return rebuild.Logged({}, json.dumps(list(documents)), ids)


@pytest.mark.parametrize("generated", [False, True])
def test_more_rows_than_there_can_be(images, few, generated):
    """Nothing is generated of them."""
    documents = [concat() for _ in range(12)]
    before = sorted(odm.get_db_conn().list_collection_names())
    if generated:
        documents.append(stage("ToPatches", field="ground_truth"))

    with pytest.raises(stagecheck.StagesRefused, match="more than 120 rows, many more than were logged"):
        rebuild.restore(images, logged_of(*documents))

    assert sorted(odm.get_db_conn().list_collection_names()) == before


def test_as_many_rows_as_were_logged(images, few):
    """Labels may be many more than samples."""
    many = b"".join(bytes.fromhex(i) for i in images.values("id")) * 10

    again = rebuild.restore(images, logged_of(*[concat() for _ in range(12)], ids=many))

    assert again.rows == 13 * 12


ENDLESS = {
    "rows": [stage("Match", filter={"$expr": SLOW})],
    "generating": [stage("FilterLabels", field="ground_truth", filter=SLOW), stage("ToPatches", field="ground_truth")],
    "a pipeline": [mongo({"$match": {"$expr": SLOW}})],
    "concatenated": [concat(stage("Match", filter={"$expr": SLOW}))],
    "a computed value": [stage("SetField", field="number", expr={"$cond": [SLOW, 1, 2]})],
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_cancel_ends_the_work_in_mongodb(images, kind):
    work, ended = limits.Work(), []

    def load():
        # Again and again, since a fast machine may be done before the cancel.
        try:
            while True:
                rebuild.restore(images, logged_of(*ENDLESS[kind]), work=work)
        except BaseException as e:
            ended.append(e)

    thread = threading.Thread(target=load)
    thread.start()
    _until(lambda: work.operations() or ended)
    work.cancel()
    thread.join(SECONDS)

    assert not thread.is_alive()
    assert [type(e) for e in ended] == [WandBCancelled]
    assert work.operations() == []


def _until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_other_operations_are_left_alone(images):
    """Those of a view with other stages, and those of another process."""
    work = limits.Work()
    work.about_to_run({images._sample_collection_name}, [{"$match": {"$expr": SLOW}}])
    found = {"ns": f"x.{images._sample_collection_name}", "opid": 1, "client": "here:1"}

    def is_mine(**changed):
        return work._is_mine({**found, **changed}, {"here:1"})

    assert is_mine(command={"pipeline": [{"$match": {"$expr": SLOW}}, {"$limit": 1}]})
    assert is_mine(client="there:1", command={"comment": work.comment})
    assert not is_mine(command={"pipeline": [{"$limit": 1}]})
    assert not is_mine(client="there:1", command={"pipeline": [{"$match": {"$expr": SLOW}}]})
    assert not is_mine(ns="x.samples.other", command={"pipeline": [{"$match": {"$expr": SLOW}}]})
    assert not is_mine(command={"find": "x"})


def test_a_deadline_ends_what_fiftyone_does(images, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.01)

    with pytest.raises(RuntimeError, match="did not finish within|did not finish it in time"):
        rebuild.restore(images, logged_of(*ENDLESS["generating"]))


def test_long_lists_are_compared_in_little_memory():
    """Two million here; what is in memory depends on the parts, not on the lists."""
    import tracemalloc

    rng = np.random.default_rng(5)
    raw = rng.integers(0, 256, 12 * 2_000_000, dtype=np.uint8).tobytes()
    tracemalloc.start()
    first, second = ids.Ids(), ids.Ids(raw[: 12 * 500_000])
    for begin in range(0, len(raw), 12 * 65_536):
        first.extend(raw[begin : begin + 12 * 65_536])

    both = sum(int((part.has["a"] & part.has["b"]).sum()) for part in ids.parts(a=first, b=second))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert both == 500_000
    assert peak < 150 << 20


def test_lists_in_parts_are_as_in_one(monkeypatch):
    monkeypatch.setattr(ids, "_PART", 7)
    monkeypatch.setattr(ids, "_CHUNK", 11)
    monkeypatch.setattr(ids, "_IN_MEMORY", 24)
    rng = np.random.default_rng(3)
    some = [rng.integers(0, 256, 12, dtype=np.uint8).tobytes() for _ in range(60)]
    a = [some[i] for i in rng.integers(0, 60, 200)]
    b = [some[i] for i in rng.integers(0, 30, 100)]
    first = ids.Ids(b"".join(a))

    mask = np.zeros(len(a), dtype=bool)
    for part in ids.parts(a=first, b=ids.Ids(b"".join(b))):
        mask[part.first[part.has["a"] & part.has["b"]]] = True

    left = first.chosen(mask)
    assert left.array().tobytes() == b"".join(i for i in dict.fromkeys(a) if i in set(b))
    assert not first.is_ascending()
    assert ids.Ids(b"".join(sorted(set(a)))).is_ascending()
    assert not ids.Ids(b"".join([*sorted(set(a)), min(a)])).is_ascending()


def test_more_clips_than_there_can_be(media, few, monkeypatch):
    """Each is a copy of its video's fields: they are counted before any is written."""
    from shim.restoring import generate

    videos = datasets.videos(media)
    most = limits.most_rows(0, len(videos) + 24)
    documents = [stage("ToClips", field_or_expr=[[[1, 2]] * (most + 1), [], []], config={"other_fields": True})]
    before = sorted(odm.get_db_conn().list_collection_names())
    monkeypatch.setattr(generate, "_write", None)

    with pytest.raises(stagecheck.StagesRefused, match=f"more than {most:,} rows, many more than were logged"):
        rebuild.restore(videos, logged_of(*documents))

    assert sorted(odm.get_db_conn().list_collection_names()) == before
    videos.delete()


def test_clips_of_an_expression_ask_only_whether(media):
    """The value of the expression, here the whole video for each frame, does not come into this process."""
    videos = datasets.videos(media)
    videos.set_values("number", [1, 2, 3])

    again = rebuild.restore(videos, logged_of(stage("ToClips", field_or_expr={"$ifNull": ["$$CURRENT", 1]})))
    videos.delete()

    assert again.rows == 3
