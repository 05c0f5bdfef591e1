"""Labels over pictures: what cannot be drawn, very many classes, parts of videos, and what goes up."""

import re

import cv2
import fiftyone as fo
import numpy as np
import pytest

from support.pictures import FRAMES
from tests.e2e.overlays import boxes, drawn, mask, names, same_boxes
from tests.e2e.reading import file

NAN = float("nan")


@pytest.fixture
def picture(tmp_path):
    """Writes a picture of 16 x 16 pixels, each another one."""

    def write(number):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((16, 16, 3), number, np.uint8))
        return str(path)

    return write


def masked(label, x=0.0, size=0.5):
    return fo.Detection(label=label, bounding_box=[x, 0, size, size], mask=np.ones((2, 2), bool))


def test_what_cannot_be_drawn(dataset, picture, tmp_path, log_view, read, monkeypatch):
    """It costs its layer and is counted; what else the row has is there."""
    (tmp_path / "text.png").write_text("no picture")
    cv2.imwrite(str(tmp_path / "good.png"), np.ones((2, 2), np.uint8))
    monkeypatch.chdir(tmp_path)
    whole = fo.Detections(detections=[fo.Detection(label="a", bounding_box=[0, 0, 1, 1])])

    def broken(path):
        return fo.Detections(detections=[fo.Detection(label="b", bounding_box=[0, 0, 1, 1], mask_path=path)])

    made = dataset(
        [
            fo.Sample(filepath=picture(0), labels=whole, area=fo.Segmentation(mask_path=str(tmp_path / "none.png"))),
            fo.Sample(
                filepath=picture(1), labels=broken(str(tmp_path / "text.png")), heat=fo.Heatmap(map_path="/none")
            ),
            fo.Sample(
                filepath=picture(2),
                labels=fo.Detections(
                    detections=[fo.Detection(label="c", bounding_box=[NAN, 0, 1, 1]), *whole.copy().detections]
                ),
            ),
            fo.Sample(filepath=picture(3), labels=whole.copy(), area=fo.Segmentation(mask_path="good.png")),
            fo.Sample(filepath=str(tmp_path / "gone.png"), labels=whole.copy(), heat=fo.Heatmap(map=np.ones((3, 3)))),
        ]
    )
    made.default_mask_targets = {1: "one"}
    made.save()

    result = log_view(made, include_labels=True)

    ids = made.values("id")
    assert {w["code"]: w["sample_ids"] for w in result["warnings"]} == {
        "missing_mask": [ids[0], ids[1]],
        "bad_mask": [ids[1]],
        "bad_position": [ids[2]],
        "missing_file": [ids[4]],
    }
    rows = read.rows(result, "samples")
    for row, label in zip(rows[:4], "abaa", strict=True):
        assert [box[0] for box in boxes(row["image"], "labels")] == [label]

    assert (mask(rows[3]["image"], "area") == "one").all()  # a relative path
    assert rows[4]["image"] is None
    assert rows[4]["heatmap_heat"]._width == 3  # as large as the map, since there is no picture


def test_more_classes_than_a_mask_holds(dataset, picture, log_view, read):
    labels = [f"class {k:03}" for k in range(300)]
    samples = [
        fo.Sample(
            filepath=picture(n), labels=fo.Detections(detections=[masked(label) for label in labels[: 300 - 30 * n]])
        )
        for n in range(3)
    ]
    samples.append(fo.Sample(filepath=picture(9), labels=fo.Detections(detections=[masked(labels[-1])])))
    result = log_view(dataset(samples), include_labels=True)

    (warning,) = result["warnings"]
    assert warning["code"] == "many_classes" and "46 classes" in warning["message"]
    rows = read.rows(result, "samples")
    assert [box[0] for box in boxes(rows[0]["image"], "labels")] == labels  # boxes keep their classes
    # Those of all pictures have their own in masks, but for some of which there are fewer.
    assert set(np.unique(mask(rows[2]["image"], "labels"))) == {"background", labels[239]}
    assert set(np.unique(mask(rows[3]["image"], "labels"))) == {"background", "other"}
    shared = set(labels) - {name for i, name in names(rows[0]["image"]).items() if i < 256}
    assert len(shared) == 46 and shared < set(labels[240:])


def test_only_changed_masks_go_up(dataset, picture, log_view, server):
    made = dataset(
        [
            fo.Sample(
                filepath=picture(n),
                labels=fo.Detections(detections=[masked(("cat", "dog", "emu")[n % 3], x=0.0625 * n)]),
            )
            for n in range(8)
        ]
    )
    first = log_view(made, include_labels=True, artifact_name="changing")
    kinds = [path.rsplit("/", 1)[0] for path in server.artifact(first)["files"]]
    assert kinds.count("media/images/mask") == 8 and kinds.count("media/classes") == 1

    again = log_view(made, include_labels=True, artifact_name="changing")
    assert not again["new_version"]

    one = made.skip(4).first()
    one.labels.detections[0].label = "ant"  # a class that was not there, and is the first by name
    one.save()
    second = log_view(made, include_labels=True, artifact_name="changing")
    assert second["new_version"]
    changed = set(server.artifact(second)["files"]) - set(server.artifact(first)["files"])
    # Its mask, and the classes. The masks of the others have the ids that they had.
    assert sorted(path.rsplit("/", 1)[0] for path in changed) == ["media/classes", "media/images/mask"]
    assert second["files_uploaded"] == 3  # those and the table


def test_options(dataset, picture, log_view, log_predictions, read):
    made = dataset(
        [
            fo.Sample(
                filepath=picture(1),
                labels=fo.Detections(detections=[masked("cat")]),
                shape=fo.Polyline(label="yard", points=[[(0, 0), (1, 0), (1, 1)]], closed=True),
                answer="text",
            )
        ]
    )
    found = {}
    for name, kwargs in {
        "own": {},
        "all": {"mask_mode": "all"},
        "none": {"mask_mode": "none"},
        "one": {"overlays": "shape"},
        "off": {"overlays": False},
    }.items():
        result = log_view(made, include_labels=True, artifact_name="options", **kwargs)
        (row,) = read.rows(result, "samples")
        found[name] = (set(row["image"]._boxes or {}), set(row["image"]._masks or {}))
        assert result["new_version"], "what is drawn is part of the content"
        if name == "off":
            assert not [path for path in read.artifact(result).manifest.entries if path.startswith("media/classes")]
            assert b"overlays" not in file(read.artifact(result), "fiftyone/metadata.json")

    assert found == {
        "own": ({"labels", "shape"}, {"labels"}),
        "all": ({"labels"}, {"labels", "shape"}),
        "none": ({"labels", "shape"}, set()),
        "one": ({"shape"}, set()),
        "off": (set(), set()),
    }
    (row,) = read.rows(log_predictions(made, "answer", image_mode="thumbnail", gt_field="labels"), "predictions")
    assert set(row["image"]._boxes) == {"labels"}


def test_frames(data, log_view, read):
    frames = data["videos"].to_frames(sample_frames=False)
    rows = read.rows(log_view(frames, include_labels=True), "samples")
    assert len(rows) == 3 * FRAMES
    for row, frame in zip(rows, frames, strict=True):
        same_boxes(boxes(row["image"], "objects"), drawn(frame.objects))


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"overlays": ["missing"]}, "overlays names 'missing'"),
        ({"overlays": ["number"]}, "holds no labels. It could be: ground_truth"),
        ({"overlays": ["location"]}, "cannot be drawn in a picture (GeoLocation)"),
        ({"overlays": 3}, "overlays has to be True, False or a list"),
        ({"mask_mode": "some"}, "mask_mode has to be one of own, all, none"),
        ({"overlays": True, "include_images": False}, "include_images=True"),
        ({"mask_mode": "all", "include_images": False}, "include_images=True"),
    ],
)
def test_bad_options(data, log_view, kwargs, words):
    with pytest.raises(RuntimeError, match=re.escape(words)):
        log_view(data["images"], include_labels=True, **kwargs)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"gt_field": "number"}, "gt_field names 'number'"),
        ({"gt_field": "ground_truth", "include_images": False}, "include_images=True"),
    ],
)
def test_bad_ground_truth(data, log_predictions, kwargs, words):
    with pytest.raises(RuntimeError, match=re.escape(words)):
        log_predictions(data["images"], "predictions", **{"image_mode": "thumbnail", **kwargs})


def test_group_slices(dataset, picture, log_view, read):
    """Each slice has its own labels on its picture, and all slices share their classes."""
    group, samples = fo.Group(), []
    for number, side in enumerate(("left", "right")):
        label = fo.Detections(detections=[masked(f"only {side}", x=0.25 * number)])
        samples.append(fo.Sample(filepath=picture(number), group=group.element(side), labels=label))

    made = dataset(samples)
    (row,) = read.rows(log_view(made, include_labels=True), "samples")
    for column, sample in {"image": samples[0], "image_right": samples[1]}.items():
        same_boxes(boxes(row[column], "labels"), drawn(sample.labels))
        assert sample.labels.detections[0].label in mask(row[column], "labels")

    assert set(names(row["image"]).values()) == {"background", "only left", "only right"}
