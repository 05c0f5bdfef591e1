"""Loading only reads: whatever the kind of view, the database is afterwards what it was before.

What generated views need is the exception: FiftyOne makes a collection for patches, clips and frames, an entry for it
in ``datasets``, and indexes on it. They are told by their names.
"""

import json

import bson
import fiftyone as fo
import fiftyone.core.odm as odm
import pytest

from shim import query
from shim.restoring import rebuild
from support import datasets
from tests.restore.hostile import stage
from tests.restore.test_kinds import ALL

pytestmark = [pytest.mark.oldest, pytest.mark.usefixtures("fiftyone")]


def database():
    """Every document and every index of the database, but for what was generated for views."""
    found = {}
    generated = {d["sample_collection_name"] for d in odm.get_db_conn()["datasets"].find({}) if _is_generated(d)}
    for name in odm.get_db_conn().list_collection_names():
        collection = odm.get_db_conn()[name]
        if name in generated or name.startswith("frames.") and _belongs(name, generated):
            continue

        kept = {} if name != "datasets" else {"sample_collection_name": {"$nin": sorted(generated)}}
        documents = [bson.encode(document) for document in collection.find(kept).sort("_id", 1)]
        found[name] = (documents, sorted(map(repr, collection.index_information().items())))

    return found


def _datasets(found):
    """What the entries of datasets say, by name, but for the time of last use: FiftyOne notes it when it makes clips."""
    documents = {document["name"]: document for document in map(bson.decode, found["datasets"][0])}
    return {name: {**document, "last_loaded_at": None} for name, document in documents.items()}


def _is_generated(document):
    return document["sample_collection_name"].startswith(("patches.", "clips.", "frames."))


def _belongs(name, generated):
    return any(name.endswith(collection) for collection in generated)


@pytest.mark.any_version
def test_no_kind_of_view_changes_the_database(data, log):
    """One test for all of them: the comparison takes longer than the views."""
    views = {kind: query.as_view(ALL[kind](data)) for kind in sorted(set(ALL) - {"empty"})}
    logged = {kind: log(view) for kind, view in views.items()}
    before = database()

    for kind, view in views.items():
        rebuild.restore(query.root_dataset(view), logged[kind])
        rebuild.restore(query.root_dataset(view), logged[kind], by_ids=True)

    after = database()
    assert sorted(after) == sorted(before)
    assert [name for name in before if after[name] != before[name] and name != "datasets"] == []
    assert _datasets(after) == _datasets(before)


INDEXED = {
    "sorted": stage("SortBy", field_or_expr="score", create_index=True),
    "grouped": stage("GroupBy", field_or_expr="number", order_by="score", create_index=True),
    "near": stage("GeoNear", point=[0, 0], location_field="location", create_index=True),
    "within": stage(
        "GeoWithin",
        boundary=[[[-180, -80], [180, -80], [0, 80], [-180, -80]]],
        location_field="location",
        create_index=True,
    ),
}


@pytest.mark.parametrize("kind", INDEXED)
def test_indexes_are_not_made(media, log, kind):
    """What cannot be had without one is loaded by its ids."""
    images = datasets.images(media)
    before = database()

    again = rebuild.restore(images, rebuild.Logged({}, json.dumps([INDEXED[kind]]), log(images).ids))

    assert again.way == (rebuild.IDS if kind == "near" else rebuild.STAGES)
    assert database() == before
    if kind == "near":
        assert "index" in again.notes[0]

    images.delete()


@pytest.mark.parametrize("config", [{"sample_frames": "dynamic"}, {"fps": 1}, {"max_fps": 1}])
def test_metadata_is_not_computed(media, log, config):
    videos = datasets.videos(media)
    videos.clear_sample_field("metadata")
    before = database()

    again = rebuild.restore(videos, rebuild.Logged({}, json.dumps([stage("ToFrames", config=config)]), log(videos).ids))

    assert (again.way, again.rows) == (rebuild.IDS, len(videos))
    assert "call dataset.compute_metadata() before" in again.notes[0]
    assert database() == before
    videos.delete()


@pytest.mark.parametrize("kind", ["expression", "by hand", "frame labels", "trajectories"])
def test_clips_do_not_touch_the_samples(data, media, log, kind):
    """FiftyOne itself writes them to the samples for a moment, which sets the time of their last change."""
    name = {
        "expression": "clips of an expression",
        "by hand": "clips by hand",
        "frame labels": "clips of frame labels",
        "trajectories": "trajectories",
    }[kind]
    view = query.as_view(ALL[name](data))
    logged = log(view)
    videos = query.root_dataset(view)
    before = videos.values("last_modified_at")

    again = rebuild.restore(videos, logged)

    assert again.way == rebuild.STAGES
    assert videos.values("last_modified_at") == before
    # A session that is given the view does not make it again.
    rebuilt = fo.DatasetView._build(videos, again.view._serialize())
    assert rebuilt._dataset.name == again.view._dataset.name
    assert videos.values("last_modified_at") == before
