"""A view that is refused, or that fails or is cancelled, leaves no collection and no dataset that was generated for it."""

import json

import fiftyone.core.odm as odm
import pytest

from shim.errors import WandBCancelled
from shim.restoring import limits, rebuild, rows
from support import datasets
from tests.restore.hostile import concat, mongo, stage
from tests.restore.test_readonly import _datasets, database

pytestmark = [pytest.mark.oldest, pytest.mark.usefixtures("fiftyone")]

PATCHES = stage("ToPatches", field="ground_truth")
DIVIDED = stage("Match", filter={"$expr": {"$divide": [1, 0]}})
CLIPS = {
    "a field": stage("ToClips", field_or_expr="events"),
    "an expression": stage("ToClips", field_or_expr={"$gt": ["$quality", 0.5]}),
    "trajectories": stage("ToTrajectories", field="frames.objects"),
}
FRAMES = stage("ToFrames", config={"sample_frames": False})

#: Views that cannot be made, by the dataset that they are of. Each generates something before it fails.
FAILING = {
    "a list where a value belongs": (
        "images",
        [PATCHES, stage("SetField", field="ground_truth.label", expr="$ground_truth.tags")],
    ),
    "a field that there is not": ("images", [PATCHES, stage("SetField", field="nope", expr=1)]),
    "a file": ("images", [PATCHES, stage("MapValues", field="weather", map={"a": "b"})]),
    "a wrong stage": ("images", [PATCHES, stage("FilterLabels", field="nope", filter=True)]),
    "a wrong expression": ("images", [PATCHES, DIVIDED]),
    "no ids": ("images", [PATCHES, mongo({"$project": {"_sample_id": 0}})]),
    "no rows": ("images", [PATCHES, stage("Match", filter={"filepath": "nowhere"})]),
    "too many rows": ("images", [PATCHES, *[concat(PATCHES)] * 12]),
    "concatenated": ("images", [concat(PATCHES), stage("FilterLabels", field="nope", filter=True)]),
    "patches of frames": ("videos", [FRAMES, stage("ToPatches", field="objects"), DIVIDED]),
    "frames that are not there": ("videos", [FRAMES, stage("ToPatches", field="nope")]),
    **{f"clips of {kind}": ("videos", [made, DIVIDED]) for kind, made in CLIPS.items()},
}


@pytest.fixture(scope="module")
def made(media, fiftyone):
    found = {"images": datasets.images(media), "videos": datasets.videos(media)}
    yield found
    for dataset in found.values():
        dataset.delete()


def _everything():
    """All of the database, and the names of what was generated; but for the time of last use."""
    found = database()
    names = sorted(odm.get_db_conn().list_collection_names())
    entries = sorted(document["name"] for document in odm.get_db_conn()["datasets"].find({}))
    return names, entries, {k: v for k, v in found.items() if k != "datasets"}, _datasets(found)


@pytest.mark.parametrize("with_ids", [False, True])
@pytest.mark.parametrize("kind", FAILING)
def test_views_that_cannot_be_made_leave_nothing(made, log, monkeypatch, kind, with_ids):
    name, documents = FAILING[kind]
    dataset = made[name]
    monkeypatch.setattr(limits, "_ROWS", 10)
    before = _everything()

    try:
        again = rebuild.restore(
            dataset, rebuild.Logged({}, json.dumps(documents), log(dataset).ids if with_ids else b"")
        )
        assert with_ids and again.way == rebuild.IDS
    except RuntimeError as e:
        assert e.code in ("untrusted_stages", "bad_view", "empty_view")

    assert _everything() == before


@pytest.mark.parametrize("name", ["images", "videos"])
def test_views_that_are_cancelled_leave_nothing(made, monkeypatch, name):
    documents = {"images": [PATCHES], "videos": [CLIPS["an expression"]]}[name]
    before, work = _everything(), limits.Work()
    read = rows.source_ids

    def cancelled(*arguments):
        work._cancelled.set()
        work.go_on()
        return read(*arguments)

    monkeypatch.setattr(rows, "source_ids", cancelled)

    with pytest.raises(WandBCancelled):
        rebuild.restore(made[name], rebuild.Logged({}, json.dumps(documents), b""), work=work)

    assert _everything() == before
