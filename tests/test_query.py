"""A view's pipeline, run with MongoDB's own client, gives what iterating the view gives."""

import functools
import json

import bson
import fiftyone as fo
import fiftyone.core.odm as foo
import pymongo
import pytest
from bson import json_util
from fiftyone import ViewField as F

from shim import query
from shim.errors import WandBError
from support import datasets, views
from support.contents import fields
from support.views import ALL, VIEWS

pytestmark = [pytest.mark.oldest, pytest.mark.usefixtures("fiftyone")]


@pytest.fixture(scope="module")
def data(media, fiftyone):
    made = views.sources(media)
    yield made
    for dataset in made.values():
        dataset.delete()


@pytest.fixture(scope="module")
def view(data):
    """The view of a kind. Patches, frames and clips take a while to make, so that each is made once."""
    return functools.cache(lambda kind: ALL[kind](data))


def _rows(described):
    """Runs a described view as the worker does: with nothing but the description."""
    with pymongo.MongoClient(described["uri"], appname="fiftyone") as client:
        # Dates are read as FiftyOne reads them.
        options = foo.get_db_conn().codec_options
        collection = client[described["database"]].get_collection(described["collection"], options)
        pipeline = bson.decode(described["pipeline"])["pipeline"]
        return list(collection.aggregate(pipeline, allowDiskUse=True))


@pytest.mark.parametrize("kind", ALL)
def test_same_rows_in_the_same_order(view, kind):
    """Each row is the sample that FiftyOne makes of it, with all fields and labels."""
    view = query.as_view(view(kind))

    rows = _rows(query.describe_view(view))

    assert (len(rows) == 0) == (kind == "empty")
    assert not any("frames" in row or "groups" in row for row in rows)
    made = [view._make_sample(row) for row in rows]
    assert [sample.id for sample in made] == [sample.id for sample in view]
    assert [fields(sample) for sample in made] == [fields(sample) for sample in view]


def test_at_least_eighty_kinds():
    assert len(ALL) >= 80


@pytest.mark.parametrize("kind", VIEWS)
def test_serialization_is_the_same_each_time(data, view, kind):
    first = view(kind)
    views = first, first.view() if "without seed" in kind else VIEWS[kind](data)

    texts = {query.serialization(query.as_view(view)) for view in views}

    assert len(texts) == 1
    text = texts.pop()
    assert json.loads(text) is not None
    assert "_uuid" not in text
    assert "_state" not in text
    generated = query.as_view(views[0])._dataset
    if generated is not query.root_dataset(query.as_view(views[0])):
        assert generated.name not in text


# What FiftyOne's own stages do not say: the active slice of a group, and that the fields in
# the expression of to_clips() are those of frames, without which it finds nothing.
NOT_IN_STAGES = {"group active slice", "clips of an expression"}


@pytest.mark.parametrize("kind", sorted(set(VIEWS) - NOT_IN_STAGES))
def test_serialization_is_enough_to_make_the_view_again(view, kind):
    view = query.as_view(view(kind))

    stages = json_util.loads(query.serialization(view))
    again = fo.DatasetView._build(query.root_dataset(view), stages)

    if query.row_kind(view) == "ROW_KIND_CLIP":
        # Their ids are new each time.
        assert again.values(["sample_id", "support"]) == view.values(["sample_id", "support"])
    else:
        assert [s.id for s in again] == [s.id for s in view]


@pytest.mark.parametrize(
    ("kind", "row_kind"),
    [
        ("dataset", "SAMPLE"),
        ("match", "SAMPLE"),
        ("group slice", "SAMPLE"),
        ("patches", "PATCH"),
        ("patches filtered", "PATCH"),
        ("evaluation patches", "PATCH"),
        ("frame patches", "PATCH"),
        ("frames", "FRAME"),
        ("clips of a field", "CLIP"),
        ("clips of an expression", "CLIP"),
        ("trajectories", "CLIP"),
    ],
)
def test_row_kind(view, kind, row_kind):
    assert query.row_kind(query.as_view(view(kind))) == f"ROW_KIND_{row_kind}"


@pytest.mark.parametrize(("kind", "subset"), [("dataset", False), ("no stages", False), ("match", True)])
def test_is_subset(data, kind, subset):
    described = query.describe_view(query.as_view(VIEWS[kind](data)))
    assert described["is_subset"] is subset
    assert bool(described["serialization_json"]) is subset


@pytest.mark.parametrize("kind", ALL)
def test_views_of_fiftyone_draw_no_other_samples_each_time(view, kind):
    assert not query.draws(view(kind))


def test_views_that_draw_other_samples_each_time(data):
    for stage in (
        {"$sample": {"size": 3}},
        {"$match": {"$sampleRate": 0.5}},
        {"$match": {"$expr": {"$lt": [{"$rand": {}}, 0.5]}}},
    ):
        assert query.draws(data["images"].mongo([{"$limit": 9}, stage])), stage


def test_dataset_facts(data):
    dataset = data["images"]
    dataset.info = {"source": "made", "nan": float("nan"), "list": (2, 1)}
    dataset.default_classes = ["cat", "dog"]
    dataset.mask_targets = {"segmentation": {1: "road"}}
    dataset.save()

    facts = query.describe_dataset(query.as_view(dataset.limit(1)))

    assert facts["name"] == dataset.name
    assert facts["media_type"] == "image"
    assert facts["fiftyone_version"] == fo.__version__
    assert facts["created_at"] == dataset.created_at.isoformat()
    assert json.loads(facts["info_json"]) == {"source": "made", "nan": None, "list": [2, 1]}
    assert json.loads(facts["default_classes_json"]) == ["cat", "dog"]
    assert json.loads(facts["mask_targets_json"]) == {"segmentation": {"1": "road"}}
    assert facts["frame_fields"] == []
    assert facts["has_frame_fields"] is False
    assert len(_rows({**query.describe_view(dataset.view()), **_place(facts)})) == len(dataset)


def _place(facts):
    return {"collection": facts["collection"], "pipeline": facts["pipeline"]}


def test_dataset_facts_of_videos_and_groups(data):
    videos = query.describe_dataset(query.as_view(data["videos"].to_frames(sample_frames=False)))
    assert videos["frame_fields"] == ["objects"]
    assert videos["has_frame_fields"] is True
    assert videos["name"] == data["videos"].name

    groups = query.describe_dataset(query.as_view(data["groups"]))
    rows = _rows({**query.describe_view(data["groups"].view()), **_place(groups)})
    assert len(rows) == len(data["groups"])


def test_deleted_dataset(media):
    dataset = datasets.images(media, n=1)
    view = dataset.limit(1)
    dataset.delete()

    for samples in (dataset, view):
        with pytest.raises(WandBError, match=f"'{dataset.name}' was deleted") as caught:
            query.as_view(samples)

        assert caught.value.source == "fiftyone"


def test_dataset_deleted_by_another_process(media):
    dataset = datasets.images(media, n=1)
    foo.get_db_conn().drop_collection(dataset._sample_collection_name)

    with pytest.raises(WandBError, match="was deleted"):
        query.as_view(dataset)

    dataset.delete()


def test_generated_collection_that_vanished(media):
    dataset = datasets.images(media, n=2)
    view = dataset.to_patches("ground_truth")
    foo.get_db_conn().drop_collection(view._dataset._sample_collection_name)

    with pytest.raises(WandBError, match="Create the view again"):
        query.as_view(view)

    dataset.delete()


def test_no_collection():
    with pytest.raises(WandBError, match="has to be a FiftyOne dataset or view, not str"):
        query.as_view("my-dataset")


def test_count(data):
    view = data["images"].match_tags("train")
    assert query.count(view, 1000) == len(view)
    assert query.count(view, 2) == 2
    assert query.count(data["images"].match(F("number") > 1000), 10) == 0


def test_fingerprints_tell_views_apart(data):
    images = data["images"]
    made = [images.view(), images.limit(1), images.limit(2), images.match_tags("train"), images.match(F("number") > 1)]
    assert len({query.fingerprint(view) for view in made}) == len(made)
    assert query.fingerprint(images.limit(1)) == query.fingerprint(images.limit(1))
    again = fo.DatasetView._build(images, json_util.loads(json_util.dumps(images.limit(1)._serialize())))
    assert query.fingerprint(again) == query.fingerprint(images.limit(1))


def test_counting_does_nothing_that_keeps_the_rows(data):
    """Of a large view, sorting takes much longer than counting."""
    never = [{"$addFields": {"number": {"$toInt": "no number"}}}, {"$sort": {"number": 1}}]
    view = data["images"].mongo(never)
    with pytest.raises(pymongo.errors.OperationFailure):
        view.first()

    assert query.count(view, 1000) == len(data["images"])
    assert query.count(view.match(F("number") > 1), 1000) is None
    assert query.count(data["images"].sort_by("number").limit(3).shuffle(seed=1), 1000) == 3
    # What is behind the last stage that chooses rows may say where the files are.
    assert query.media_size(data["images"].sort_by("number")) == query.media_size(data["images"])
    assert query.media_size(data["images"].mongo([{"$set": {"filepath": "one"}}, {"$sort": {"number": 1}}]))[1] == 1


def test_uri_of_a_mongod_that_fiftyone_started(monkeypatch):
    monkeypatch.setattr(fo.config, "database_uri", None)
    host, port = foo.get_db_conn().client.address
    assert query.database_uri() == f"mongodb://{host}:{port}/?directConnection=true"


def test_private_names_of_fiftyone(data):
    """Those that query.py uses. If this fails, FiftyOne has changed: look at query.py."""
    patches = data["images"].to_patches("ground_truth")
    for samples in (data["images"], data["images"].view(), patches):
        assert isinstance(samples._dataset, fo.Dataset)
        assert isinstance(samples._root_dataset, fo.Dataset)
        assert samples._dataset._sample_collection_name in foo.get_db_conn().list_collection_names()

    assert patches._dataset is not patches._root_dataset
    assert patches._root_dataset is data["images"]
    assert patches._label_fields == ["ground_truth"]
    assert data["scenes"].group_by("scene")._is_dynamic_groups and not data["groups"].view()._is_dynamic_groups
    assert isinstance(patches._pipeline(detach_frames=True, detach_groups=True), list)
    assert [type(s).__name__ for s in patches._all_stages] == ["ToPatches"]
    assert [set(s) for s in patches._serialize(include_uuids=False)] == [{"_cls", "kwargs"}]
    assert "_state" in dict(patches._serialize(include_uuids=False)[0]["kwargs"])
    assert patches._base_view._all_stages == patches._all_stages
    assert [type(s).__name__ for s in patches.limit(1)._stages] == ["Limit"]
    assert isinstance(patches._source_collection, fo.DatasetView)
    assert not query.is_generated(patches._source_collection)
    clips = data["videos"].to_clips("events")
    assert (clips._clips_stage.field_or_expr, type(clips._clips_stage)) == ("events", fo.ToClips)
    assert set(fo.Select([])._serialize(include_uuid=False)) == {"_cls", "kwargs"}
    assert "delegated_ops" in _delegated_collections()


def _delegated_collections():
    from fiftyone.operators.delegated import DelegatedOperationService

    DelegatedOperationService().list_operations()
    return foo.get_db_conn().list_collection_names()
