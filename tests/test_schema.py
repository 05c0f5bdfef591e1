"""Which fields are logged, and what is said about those that cannot be."""

import re

import fiftyone as fo
import pytest

from shim import schema
from shim.errors import WandBError
from support import datasets

pytestmark = [pytest.mark.oldest, pytest.mark.usefixtures("fiftyone")]


@pytest.fixture(scope="module")
def images(media, fiftyone):
    return datasets.images(media).view()


@pytest.fixture(scope="module")
def labels(media, fiftyone):
    return datasets.all_labels(media).view()


@pytest.fixture(scope="module")
def videos(media, fiftyone):
    return datasets.videos(media).view()


def test_every_label_type_in_the_order_of_the_schema(labels):
    found, _ = schema.label_fields(labels)

    assert [f["path"] for f in found] == [*datasets.LABELS, "inner.b"]
    types = {f["path"]: f["label_type"] for f in found}
    for path in datasets.LABELS:
        expected = {"custom": "Classification", "bare": ""}.get(path)
        if expected is None:
            expected = path.title().replace("_", "")

        assert types[path] == expected

    assert types["inner.b"] == "Classification"


def test_labels_in_lists_are_named(labels):
    _, left_out = schema.label_fields(labels)
    assert left_out == ["many.b"]


def test_the_view_decides(images):
    def paths(view):
        return [f["path"] for f in schema.label_fields(view)[0]]

    assert paths(images) == ["ground_truth", "predictions", "weather", "location"]
    assert paths(images.select_fields("weather")) == ["weather"]
    assert paths(images.exclude_fields("predictions")) == ["ground_truth", "weather", "location"]
    assert paths(images.to_patches("ground_truth")) == ["ground_truth"]


def test_no_label_is_in_two_columns(images):
    """Boxes of Detections are labels too, but not fields of samples."""
    found, left_out = schema.label_fields(images)
    assert not any("detections" in f["path"] for f in found)
    assert left_out == []


@pytest.mark.parametrize(
    ("path", "db_path", "field_type", "item_type"),
    [
        ("number", "number", "IntField", ""),
        ("score", "score", "FloatField", ""),
        ("flag", "flag", "BooleanField", ""),
        ("caption", "caption", "StringField", ""),
        ("day", "day", "DateField", ""),
        ("moment", "moment", "DateTimeField", ""),
        ("words", "words", "ListField", "StringField"),
        ("numbers", "numbers", "ListField", "FloatField"),
        ("tags", "tags", "ListField", "StringField"),
        ("id", "_id", "ObjectIdField", ""),
        ("filepath", "filepath", "StringField", ""),
        ("metadata.width", "metadata.width", "IntField", ""),
        ("created_at", "created_at", "DateTimeField", ""),
        ("weather.label", "weather.label", "StringField", ""),
        ("weather.id", "weather._id", "ObjectIdField", ""),
    ],
)
def test_plain_fields(images, path, db_path, field_type, item_type):
    expected = {"path": path, "db_path": db_path, "field_type": field_type, "item_type": item_type}
    assert schema.plain_fields(images, [path]) == [expected]
    assert schema.plain_fields(images, path) == [expected]


def test_plain_field_nested_in_a_document(labels):
    assert schema.plain_fields(labels, "inner.number")[0]["db_path"] == "inner.number"


def test_fields_named_twice_are_one(images):
    assert [f["path"] for f in schema.plain_fields(images, ["number", "score", "number"])] == ["number", "score"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("nmber", "has no such field. Did you mean 'number'?"),
        ("xyz_123", "has no such field. It has: id, filepath"),
        ("weather.confidenc", "Did you mean 'weather.confidence'?|It has"),
        ("ground_truth", "is a label field"),
        ("ground_truth.detections.label", "'ground_truth.detections' is a list"),
        ("embedding", "is a VectorField.*embedding_field"),
        ("metadata", "is an embedded document.*metadata.width"),
        ("frames.objects", r"field of video frames.*to_frames\(sample_frames="),
        (7, "list of names, not 7"),
        ([None], r"list of names, not \[None\]"),
        ([""], "name of a field, not ''"),
    ],
)
def test_wrong_plain_fields(images, argument, words):
    with pytest.raises(WandBError, match=words) as caught:
        schema.plain_fields(images, argument)

    assert caught.value.source == "settings"


def test_lists_of_documents_are_no_columns(labels):
    with pytest.raises(WandBError, match="list of embedded documents"):
        schema.plain_fields(labels, "many")


def test_frame_fields_name_the_way_out(videos):
    for path in ("frames.objects", "objects", "quality"):
        with pytest.raises(WandBError, match=r"to_frames\(sample_frames=False\)"):
            schema.predictions_field(videos, path)

    assert schema.frame_label_fields(videos) == ["objects"]


@pytest.mark.parametrize("files", [True, False], ids=["frames in files", "frames of videos"])
def test_the_advised_view_of_frames_has_rows(fiftyone, videos, files):
    view = videos.view() if files else videos.exclude_fields("frames.filepath")

    with pytest.raises(WandBError) as caught:
        schema.predictions_field(view, "frames.objects")

    frames = eval(re.search(r"view\.to_frames\(.*\)", str(caught.value)).group(), {"view": view})
    assert len(frames) == videos.count("frames")


def test_embedding_fields(images):
    assert schema.embedding_fields(images, None) == []
    assert [f["field_type"] for f in schema.embedding_fields(images, ["embedding", "numbers"])] == [
        "VectorField",
        "ListField",
    ]
    with pytest.raises(WandBError, match="'score' is a FloatField.*It could be: numbers, embedding"):
        schema.embedding_fields(images, "score")


def test_predictions_and_prompts(images, labels):
    assert schema.predictions_field(images, "predictions") == {
        "path": "predictions",
        "db_path": "predictions",
        "label_type": "Detections",
    }
    assert schema.predictions_field(images, "caption")["field_type"] == "StringField"
    assert schema.predictions_field(labels, "inner.b")["db_path"] == "inner.b"
    with pytest.raises(WandBError, match="'number' is an IntField and holds no predictions"):
        schema.predictions_field(images, "number")

    with pytest.raises(WandBError, match="has no such field"):
        schema.predictions_field(images, "predictions_v2_of_nobody")

    assert schema.prompt_field(images, None) is None
    assert schema.prompt_field(images, "prompt")["path"] == "prompt"
    with pytest.raises(WandBError, match="has to be a string field"):
        schema.prompt_field(images, "weather")


def test_choices(images):
    assert schema.choices(images, schema.is_vector) == ["numbers", "embedding"]
    assert "weather" in schema.choices(images, schema.is_label)
    assert "metadata.width" in schema.choices(images, schema.is_plain)
    assert "embedding" not in schema.choices(images, schema.is_plain)


def test_private_label_bases_are_no_types():
    class Odd(fo.core.labels._HasID, fo.Label):
        pass

    assert schema.label_type(Odd) == ""
