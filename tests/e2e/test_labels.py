"""Labels of every type, ordinary and odd, as texts of a view's table and as predictions."""

import fiftyone as fo
import pytest
from fiftyone import ViewField as F

from support import datasets
from tests.e2e import expected
from tests.e2e.labels import LABELS, samples
from tests.e2e.reading import file, lines, rows

pytestmark = pytest.mark.oldest


@pytest.fixture(scope="module")
def labels(media, fiftyone):
    dataset = fo.Dataset(datasets.name("labels"))
    dataset.add_samples(samples(media), dynamic=True)
    yield dataset
    dataset.delete()


def test_texts_of_all_labels(labels, log_view, read):
    result = log_view(labels, include_labels=True, include_images=False)

    got, wanted = read.rows(result, "samples"), expected.view_rows(labels)
    assert {f"label_{path}" for path in LABELS} <= set(got[0])
    for path in LABELS:
        assert [row[f"label_{path}"] for row in got] == [row[f"label_{path}"] for row in wanted], path
    assert got == wanted
    assert result["warnings"] == []


@pytest.mark.parametrize("path", sorted(LABELS))
def test_predictions_of_all_labels(labels, log_predictions, read, path):
    result = log_predictions(labels, path, low_confidence_threshold=0.3)

    found = read.artifact(result)
    assert rows(found.get("predictions")) == expected.prediction_rows(labels, path)
    wanted = expected.prediction_metadata(labels, path, 0.3)
    assert {key: found.metadata[key] for key in wanted} == wanted
    assert list(found.metadata["class_distribution"].items()) == list(wanted["class_distribution"].items())
    for name in ("sample_ids", "label_ids", "low_confidence_label_ids"):
        assert lines(found, f"fiftyone/{name}.txt") == wanted[name]
    assert (result["total_predictions"], result["num_classes"], result["num_low_confidence"]) == (
        wanted["total_predictions"],
        wanted["num_classes"],
        wanted["num_low_confidence"],
    )


def test_points_that_a_view_takes_out(labels, log_view, read):
    view = labels.select_fields(["keypoint", "keypoints"]).filter_keypoints("keypoints", filter=F("confidence") > 0.3)
    result = log_view(view, include_labels=True, include_images=False)
    assert read.rows(result, "samples") == expected.view_rows(view)


def test_masks_and_vectors_stay_where_they_are(dataset, log_view, read):
    """A field of 30 MB gives a table of some bytes, and a dataset of them no job that is too large."""
    import numpy as np

    big = dataset(
        [
            fo.Sample(
                filepath=f"/none/{i}.png",
                mask=fo.Segmentation(mask=np.random.default_rng(i).integers(0, 255, (3000, 3000), np.uint8)),
                embedding=np.random.default_rng(i).random(100_000),
            )
            for i in range(3)
        ]
    )
    result = log_view(big, include_labels=True, include_images=False)
    table = file(read.artifact(result), "samples.table.json")
    assert len(table) < 2000
    assert read.rows(result, "samples") == expected.view_rows(big)


def test_broken_labels_cost_their_cells(dataset, log_view, log_predictions, read):
    """What programs wrote past FiftyOne, which could not even load it."""
    odd = dataset([fo.Sample(filepath=f"/none/{i}.png", label=datasets.detections(i)) for i in range(6)])
    collection = fo.core.odm.get_db_conn()[odd._sample_collection_name]
    ids = [row["_id"] for row in collection.find({}, {"_id": 1})]
    forms = ["text", 7, [], {"_cls": "Detections", "detections": "no list"}, {"_cls": "Nobody", "a": {"b": []}}]
    for _id, form in zip(ids, forms, strict=False):
        collection.update_one({"_id": _id}, {"$set": {"label": form, "filepath": 7, "tags": "x", "metadata": 1}})

    result = log_view(odd, include_labels=True)
    got = read.rows(result, "samples")
    assert [row["sample_id"] for row in got] == [str(i) for i in ids]
    assert [row["label_label"] for row in got[:5]] == [None, None, None, "0 detections", "0 detections"]
    assert got[5]["label_label"] == expected.text(datasets.detections(5))
    assert [row["filepath"] for row in got[:5]] == [""] * 5
    assert [row["num_predictions"] for row in read.rows(log_predictions(odd, "label"), "predictions")] == [0] * 5 + [3]
    log_view(odd)
