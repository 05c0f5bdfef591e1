"""A picture that is in no dataset is shown by no view that is made of an artifact, and uploaded by none."""

import json

import bson
import fiftyone as fo
import pytest

from shim.restoring import finished, limits, rebuild, rows, stagecheck
from support import datasets
from tests.restore.hostile import concat, mongo, stage

pytestmark = [pytest.mark.oldest, pytest.mark.usefixtures("fiftyone")]

SECRET = "secret-6cf2.png"


@pytest.fixture(scope="module")
def paths(media, fiftyone):
    """A dataset with every kind of path that a picture can be opened from."""
    labels = datasets.all_labels(media)
    labels.add_sample_field("thumb", fo.StringField)
    labels.add_sample_field("note", fo.StringField)
    labels.add_sample_field("projected", fo.EmbeddedDocumentField, embedded_doc_type=_projection())
    sample = labels.first()
    sample["thumb"] = sample.filepath
    sample["note"] = "a note"
    sample["masked"] = fo.Segmentation(mask_path=sample.filepath)
    sample["heat"] = fo.Heatmap(map_path=sample.filepath)
    sample["things"] = fo.Detections(
        detections=[fo.Detection(label="a", bounding_box=[0, 0, 1, 1], mask_path=sample.filepath)]
    )
    sample["projected"] = _projection()(filepath=sample.filepath)
    sample.save()
    labels.app_config.media_fields = ["filepath", "thumb"]
    labels.app_config.grid_media_field = "thumb"
    labels.save()
    yield labels
    labels.delete()


def _projection():
    from fiftyone.utils.utils3d import OrthographicProjectionMetadata

    return OrthographicProjectionMetadata


# Each way in which a path could come into a row, by the field that is opened.
FIELDS = (
    "filepath",
    "masked.mask_path",
    "heat.map_path",
    "things.detections.mask_path",
    "thumb",
    "projected.filepath",
)


def _ways(secret):
    for field in FIELDS:
        root, _, rest = field.partition(".")
        inner = {rest: secret} if rest else secret
        yield f"SetField {field}", [stage("SetField", field=field, expr=secret)]
        yield f"SetField of what is missing {field}", [stage("SetField", field=field, expr=secret, _allow_missing=True)]
        yield f"SetField by $literal {field}", [stage("SetField", field=field, expr={"$literal": secret})]
        yield f"SetField whole {field}", [stage("SetField", field=root, expr={"$literal": inner})]
        yield f"SetField merged {field}", [stage("SetField", field=root, expr={"$mergeObjects": [f"${root}", inner]})]
        yield f"MapValues {field}", [stage("MapValues", field=field, map={"a": secret})]
        yield f"$set {field}", [mongo({"$set": {field: secret}})]
        yield f"$addFields whole {field}", [mongo({"$addFields": {root: inner}})]
        yield f"$set by $setField {field}", [mongo({"$set": {root: {"$setField": {"field": rest, "value": secret}}}})]
        yield f"$project {field}", [mongo({"$project": {field: {"$literal": secret}}})]
        yield f"$replaceWith {field}", [mongo({"$replaceWith": {"$mergeObjects": ["$$ROOT", {root: inner}]}})]
        yield f"in Concat {field}", [stage("Limit", limit=1), concat(mongo({"$set": {field: secret}}))]
        yield f"before patches {field}", [mongo({"$set": {field: secret}}), stage("ToPatches", field="things")]
        yield f"of patches {field}", [stage("ToPatches", field="things"), mongo({"$set": {field: secret}})]


@pytest.mark.parametrize("kind", [kind for kind, _ in _ways("")])
def test_every_way_to_every_path(paths, media, tmp_path, kind):
    secret = str(tmp_path / SECRET)
    text = json.dumps(dict(_ways(secret))[kind])

    with pytest.raises(stagecheck.StagesRefused):
        rebuild.restore(paths, rebuild.Logged({}, text, b""))


# Views that nothing in an artifact can make, as a bug in the checks above could let them through.
FORGED = {
    **{f"sample: {field}": ("view", field) for field in FIELDS},
    **{f"patches: {field}": ("patches", field) for field in ("filepath", "things.mask_path")},
    "another field of the sample's label": ("view", "sneaked.mask_path"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_rows_are_compared_with_the_dataset(paths, tmp_path, kind):
    base, field = FORGED[kind]
    view = paths.to_patches("things") if base == "patches" else paths.match({"thumb": {"$ne": None}})
    secret = str(tmp_path / SECRET)
    if field == "sneaked.mask_path":
        field = "masked.mask_path"

    steps = [{"$set": {field: secret}}]
    if field.startswith("things.detections"):
        changed = {"$mergeObjects": ["$$this", {"mask_path": secret}]}
        steps = [{"$set": {"things.detections": {"$map": {"input": "$things.detections", "in": changed}}}}]

    assert rows.foreign_file(view, limits.Work()) is None
    assert rows.foreign_file(view.mongo(steps), limits.Work()) == secret


@pytest.mark.parametrize("kind", ["frames", "frame patches", "clips"])
def test_rows_of_videos_are_compared_with_the_dataset(media, kind, tmp_path):
    videos = datasets.videos(media)
    view = {
        "frames": lambda: videos.to_frames(sample_frames=False),
        "frame patches": lambda: videos.to_frames(sample_frames=False).to_patches("objects"),
        "clips": lambda: videos.to_clips("events"),
    }[kind]()
    secret = str(tmp_path / SECRET)

    assert rows.foreign_file(view, limits.Work()) is None
    assert rows.foreign_file(view.mongo([{"$set": {"filepath": secret}}]), limits.Work()) == secret
    other = {"$set": {"filepath": videos.last().frames.last().filepath or videos.last().filepath}}
    if kind != "clips":
        assert rows.foreign_file(view.limit(1).mongo([other]), limits.Work()) is not None

    videos.delete()


def test_frames_that_lost_their_files(media):
    """FiftyOne then makes up names of files, which may be there."""
    videos = datasets.videos(media)
    documents = [stage("ExcludeFields", field_names=["frames.filepath"]), stage("ToFrames", config={})]

    try:
        again = rebuild.restore(videos, rebuild.Logged({}, json.dumps(documents), b""))
    except RuntimeError:
        again = None

    known = set(videos.values("filepath")) | set(videos.values("frames.filepath", unwind=True))
    assert again is None or set(again.view.values("filepath")) <= known
    videos.delete()


@pytest.mark.parametrize(
    ("field", "expr"),
    [
        ("note", "$things"),
        ("note", {"$split": ["$filepath", "/"]}),
        ("things.detections.label", "$$ROOT.things"),
        ("things.detections.label", {"$objectToArray": "$masked"}),
    ],
)
def test_plain_fields_get_plain_values(paths, field, expr):
    """Lists and documents would be unwound by what comes after."""
    documents = [stage("SetField", field=field, expr=expr)]

    with pytest.raises(stagecheck.StagesRefused, match="a list or a document"):
        rebuild.restore(paths, rebuild.Logged({}, json.dumps(documents), b""))

    documents.append(stage("ToPatches", field="things"))
    before = fo.list_datasets()
    with pytest.raises(stagecheck.StagesRefused, match="a list or a document"):
        rebuild.restore(paths, rebuild.Logged({}, json.dumps(documents), b""))

    assert fo.list_datasets() == before


LATER = {"$cond": [{"$gt": [{"$rand": {}}, 2]}, {"$mergeObjects": ["$masked", {"mask_path": SECRET}]}, None]}


@pytest.mark.parametrize(
    "inner",
    [
        mongo({"$set": {"masked": LATER}}),
        mongo({"$set": {"thumb": SECRET}}),
        stage("MapValues", field="thumb", map={"a": SECRET}),
        stage("SetField", field="thumb", expr=SECRET),
    ],
)
def test_stages_of_groups_are_checked(paths, inner):
    """FiftyOne adds them to the pipeline of each group: what they compute may be seen by no later check."""
    grouped = stage("GroupBy", field_or_expr="note", order_by="id")
    for stages in (inner, [inner], [stage("Limit", limit=1), inner]):
        documents = [grouped, stage("Flatten", stages=stages)]
        with pytest.raises(stagecheck.StagesRefused, match="changes '|writes '"):
            rebuild.restore(paths, rebuild.Logged({}, json.dumps(documents), b""))


@pytest.mark.parametrize("field", ["nope", "things.detections.nope", "tags", "things", "masked", "created_at"])
def test_what_is_no_plain_field_is_not_written(paths, field):
    with pytest.raises(stagecheck.StagesRefused, match="writes"):
        rebuild.restore(
            paths, rebuild.Logged({}, json.dumps([stage("SetField", field=field, expr=1, _allow_missing=True)]), b"")
        )


def test_plain_values_may_be_written(paths):
    again = rebuild.restore(
        paths,
        rebuild.Logged(
            {}, json.dumps([stage("SetField", field="things.detections.label", expr={"$literal": "x"})]), b""
        ),
    )

    assert set(again.view.values("things.detections.label", unwind=True)) - {None} == {"x"}


PIPELINES = {
    "$function": [{"$addFields": {"a": {"$function": {}}}}],
    "$function behind a dot": [{"$addFields": {"a.$function": {}}}],
    "$where": [{"$match": {"$where": "1"}}],
    "$out": [{"$out": "x"}],
    "$merge": [{"$merge": "x"}],
    "$lookup elsewhere": [{"$lookup": {"from": "datasets", "as": "x", "pipeline": []}}],
    "$lookup in $lookup": [
        {"$lookup": {"from": "own", "as": "x", "pipeline": [{"$lookup": {"from": "runs", "as": "y"}}]}}
    ],
    "$function in $lookup": [
        {"$lookup": {"from": "own", "as": "x", "pipeline": [{"$match": {"$expr": {"$function": 1}}}]}}
    ],
    "$function in let": [{"$lookup": {"from": "own", "as": "x", "let": {"a": {"$function": {}}}, "pipeline": []}}],
    "$lookup with a database": [{"$lookup": {"from": {"db": "x", "coll": "own"}, "as": "x", "pipeline": []}}],
    "$unionWith elsewhere": [{"$unionWith": "datasets"}],
    "$out in $unionWith": [{"$unionWith": {"coll": "own", "pipeline": [{"$out": "x"}]}}],
    "$documents": [{"$documents": [{"_id": 1}]}],
    "$facet": [{"$facet": {"a": []}}],
    "$graphLookup": [{"$graphLookup": {"from": "own"}}],
    "$range": [{"$set": {"a": {"$range": [0, 9]}}}],
    "code": [{"$set": {"a": bson.Code("1")}}],
    "two operators": [{"$match": {}, "$limit": 1}],
    "a text": ["$match"],
}


@pytest.mark.parametrize("kind", PIPELINES)
def test_finished_pipelines_are_checked(kind):
    with pytest.raises(stagecheck.StagesRefused, match="what it would send to MongoDB"):
        finished.check_pipeline(PIPELINES[kind], {"own"})


def test_what_fiftyone_makes_of_names_is_checked(paths, monkeypatch):
    """Even if the check of names let one through."""
    monkeypatch.setattr("shim.restoring.stagecheck.check_field", lambda text: None)
    monkeypatch.setattr("shim.restoring.stagecheck.Checker._check_computed", lambda self, expression: None)
    monkeypatch.setattr("shim.restoring.written.check", lambda view, stage: None)
    document = stage("SetField", field="things.detections.$function", expr={"body": "x"}, _allow_missing=True)

    with pytest.raises(stagecheck.StagesRefused, match=r"what it would send to MongoDB uses '\$function'"):
        rebuild.restore(paths, rebuild.Logged({}, json.dumps([document]), b""))
