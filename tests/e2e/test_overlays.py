"""Labels drawn over the pictures, read back with the official package and compared with what FiftyOne holds."""

import cv2
import fiftyone as fo
import numpy as np
import PIL.Image
import pytest

from tests.e2e.overlays import boxes, drawn, mask, names, same_boxes

SIZE = (40, 20)  # width, height: small enough to be its own thumbnail
NAN = float("nan")


@pytest.fixture
def picture(tmp_path):
    """Writes pictures, each another one."""

    def write(name, size=SIZE):
        path = tmp_path / name
        cv2.imwrite(str(path), np.full((size[1], size[0], 3), sum(name.encode()) % 200, np.uint8))
        return str(path)

    return write


def images(read, result, key="samples"):
    return [row["image"] for row in read.rows(result, key)]


def full(shape, *, value=True, dtype=bool):
    return np.full(shape, value, dtype)


@pytest.mark.oldest
def test_boxes_of_both_tables(dataset, picture, log_view, log_predictions, read):
    """One layer for each field, whose boxes are those of FiftyOne."""

    def detections(*labels):
        return fo.Detections(
            detections=[
                fo.Detection(label=label, bounding_box=[0.1 * k - 0.05, 0.1, 0.3, 0.4], confidence=score)
                for k, (label, score) in enumerate(labels)
            ]
        )

    made = dataset(
        [
            fo.Sample(
                filepath=picture("a.png"),
                truth=detections(("cat", None), ("dog", None)),
                guess=detections(("cat", 0.75), ("bird", 0.0)),
                weather=fo.Classification(label="sun", confidence=0.5),
            ),
            fo.Sample(filepath=picture("b.png"), truth=detections(), guess=detections(("dog", 0.25))),
            fo.Sample(filepath=picture("c.png")),
        ]
    )
    for result, key, layers in [
        (log_view(made, include_labels=True), "samples", ("truth", "guess")),
        (log_predictions(made, "guess", image_mode="thumbnail"), "predictions", ("guess",)),
        (log_predictions(made, "guess", image_mode="original", gt_field="truth"), "predictions", ("guess", "truth")),
        (log_view(made, include_labels=True, overlays=["truth"]), "samples", ("truth",)),
    ]:
        assert [w["code"] for w in result["warnings"]] == ["outside_picture"]
        got = images(read, result, key)
        for image, sample in zip(got, made, strict=True):
            assert set(image._boxes or {}) == {name for name in layers if sample[name] and sample[name].detections}
            for name in image._boxes or {}:
                same_boxes(boxes(image, name), drawn(sample[name]))

        assert got[0]._caption == ("weather: sun (0.50)" if layers == ("truth", "guess") else None)
        table = read.artifact(result).get(key)
        params = image_type(table).params
        assert set(params["box_layers"].params["val"]) == set(layers)
        assert params["box_score_keys"].params["val"] == ({"confidence"} if "guess" in layers else set())
        # One file names the classes for all rows and layers.
        (_,) = [path for path in read.artifact(result).manifest.entries if path.startswith("media/classes/")]
        labels = {one.label for sample in made for name in layers if sample[name] for one in sample[name].detections}
        assert set(names(got[0]).values()) == labels


def image_type(table, column="image"):
    """The type of a column of pictures."""
    (found,) = [
        t for t in table._column_types.params["type_map"][column].params["allowed_types"] if t.name == "image-file"
    ]
    return found


@pytest.fixture
def everything(dataset, picture, tmp_path):
    """A sample with a label of each kind that is drawn, beside one that has none."""

    def write(name, array):
        cv2.imwrite(str(tmp_path / name), array)
        return str(tmp_path / name)

    left = np.zeros((4, 4), np.uint8)
    left[:, :2] = 1
    colors = np.zeros((2, 2, 3), np.uint8)
    colors[0, 0], colors[0, 1] = (255, 0, 0), (0, 0, 255)
    labels = {
        "instances": fo.Detections(
            detections=[
                fo.Detection(label="cat", bounding_box=[0, 0, 0.5, 1], mask=full((4, 4)), confidence=0.5),
                fo.Detection(label="dog", bounding_box=[0, 0, 1, 0.5], mask_path=write("dog.png", left * 255)),
                fo.Detection(bounding_box=[0.75, 0.75, 0.5, 0.5], mask=full((2, 2), dtype=np.uint8)),
                fo.Detection(label="flat", bounding_box=[0.5, 0.5, 0.0, 0.0]),
                fo.Detection(label="solid", location=[1, 2, 3], dimensions=[1, 1, 1], rotation=[0, 0, 1]),
            ]
        ),
        "turned": fo.Detection(label="dog", bounding_box=[0.4, 0.3, 0.2, 0.2], rotation=90),
        "lines": fo.Polylines(
            polylines=[
                fo.Polyline(label="road", points=[[(0, 0.5), (1, 0.5), (1, 1), (0, 1)]], closed=True, filled=True),
                fo.Polyline(label="lane", points=[[(0.25, 0.25), (0.5, 0.75)]], confidence=0.25),
                fo.Polyline(label="yard", points=[[(0, 0), (0.5, 0), (0.5, 0.5)]], closed=True),
            ]
        ),
        "points": fo.Keypoints(
            keypoints=[
                fo.Keypoint(label="nose", points=[(0.5, 0.5), (NAN, NAN), (0.9, 0.1)], confidence=[0.75, NAN, 0.5])
            ]
        ),
        "named": fo.Segmentation(mask=np.array([[0, 1], [7, 255]], np.uint8)),
        "named_file": fo.Segmentation(mask_path=write("named.png", np.array([[1, 0], [0, 7]], np.uint8))),
        "colored": fo.Segmentation(mask=colors),
        "bare": fo.Segmentation(mask=np.array([[0, 3]], np.uint8)),
        "heat": fo.Heatmap(map=np.linspace(0, 1, 32, dtype=np.float32).reshape(4, 8)),
        "heat_file": fo.Heatmap(map_path=write("heat.png", np.full((2, 2), 255, np.uint8))),
        "words": fo.Classifications(classifications=[fo.Classification(label="a"), fo.Classification(label="b")]),
    }
    made = dataset([fo.Sample(filepath=picture("a.png"), **labels), fo.Sample(filepath=picture("b.png"))])
    made.default_mask_targets = {1: "sky", 7: "sea"}
    made.mask_targets = {"colored": {"#ff0000": "red", "#0000ff": "blue"}, "bare": {3: "three"}}
    made.save()
    return made


def test_values_without_targets_are_called_by_themselves(dataset, picture, log_view, read):
    colors = np.zeros((2, 2, 3), np.uint8)
    colors[0, 0], colors[0, 1], colors[1, 0] = (255, 128, 0), (0, 0, 255), (9, 9, 9)
    numbers = np.array([[0, 3], [300, 40000]], np.uint16)
    made = dataset(
        [
            fo.Sample(
                filepath=picture("a.png"), colors=fo.Segmentation(mask=colors), numbers=fo.Segmentation(mask=numbers)
            )
        ]
    )
    result = log_view(made, include_labels=True)

    assert result["warnings"] == []
    (image,) = images(read, result)
    width, height = SIZE
    for field, corners in {
        "colors": [["#ff8000", "#0000ff"], ["9", "background"]],
        "numbers": [["background", "3"], ["300", "40000"]],
    }.items():
        assert (mask(image, field) == np.array(corners).repeat(height // 2, 0).repeat(width // 2, 1)).all(), field


def test_positions_in_pixels(dataset, picture, log_view):
    box = fo.Detections(detections=[fo.Detection(label="x", bounding_box=[120, 40, 60, 30])])
    made = dataset([fo.Sample(filepath=picture("a.png"), boxes=box)])
    (warning,) = log_view(made, include_labels=True)["warnings"]
    assert (warning["code"], "look like pixels" in warning["message"]) == ("position_in_pixels", True)
    assert warning["sample_ids"] == made.values("id")


def test_every_kind_of_label(everything, log_view, read):
    result = log_view(everything, include_labels=True)
    first = [everything.first().id]
    assert {w["code"]: w["sample_ids"] for w in result["warnings"]} == {
        "unnamed_values": first,
        "outside_picture": first,
    }

    first, second = read.rows(result, "samples")
    image = first["image"]
    assert second["image"]._boxes in (None, {}) and second["image"]._masks in (None, {})
    assert second["heatmap_heat"] is None and second["heatmap_heat_file"] is None
    assert image._caption == "words: a, b"

    assert set(image._boxes) == {"instances", "turned", "lines", "points"}
    same_boxes(
        boxes(image, "instances"),
        [
            ("cat", "cat (0.50)", 0.5, [0, 0, 0.5, 1]),
            ("dog", "dog", None, [0, 0, 1, 0.5]),
            ("(no label)", None, None, [0.75, 0.75, 1, 1]),
            ("flat", "flat", None, [0.4875, 0.475, 0.5125, 0.525]),  # a pixel
        ],
    )
    # 8 x 4 pixels about their middle.
    same_boxes(boxes(image, "turned"), [("dog", "dog", None, [0.45, 0.2, 0.55, 0.6])])
    same_boxes(
        boxes(image, "lines"),
        [("lane", "lane (0.25)", 0.25, [0.25, 0.25, 0.5, 0.75]), ("yard", "yard", None, [0, 0, 0.5, 0.5])],
    )
    same_boxes(
        boxes(image, "points"),
        [
            ("nose", "nose (0.75)", 0.75, [0.4875, 0.475, 0.5125, 0.525]),
            ("nose", "nose (0.50)", 0.5, [0.8875, 0.075, 0.9125, 0.125]),
        ],
    )  # a pixel each: 2% of this picture is less

    assert set(image._masks) == {"instances", "lines", "named", "named_file", "colored", "bare"}
    width, height = SIZE
    wanted = np.full((height, width), "background", object)
    wanted[:, : width // 2] = "cat"
    wanted[: height // 2, : width // 2] = "dog"  # its mask is the left half of its box
    wanted[height * 3 // 4 :, width * 3 // 4 :] = "(no label)"
    # Of two objects of one size, the later one is in front.
    assert (mask(image, "instances") == wanted).all()
    wanted[:], wanted[height // 2 :] = "background", "road"
    assert (mask(image, "lines") == wanted).all()
    for field, corners in {
        "named": [["background", "sky"], ["sea", "other"]],
        "named_file": [["sky", "background"], ["background", "sea"]],
        "colored": [["red", "blue"], ["background", "background"]],
        "bare": [["background", "three"], ["background", "three"]],
    }.items():
        assert (mask(image, field) == np.array(corners).repeat(height // 2, 0).repeat(width // 2, 1)).all(), field

    # The heatmap goes from dark to bright, row by row; the file's is all bright.
    heat = cv2.cvtColor(cv2.imread(first["heatmap_heat"]._path), cv2.COLOR_BGR2GRAY).astype(int)
    assert heat.shape == (height, width)
    assert heat[1, 1] < 60 < 150 < heat[-2, -2] and (np.diff(heat[10, 2:-2]) >= -3).all()
    assert cv2.imread(first["heatmap_heat_file"]._path)[5, 5] == pytest.approx((37, 231, 253), abs=8)


def test_patches(dataset, picture, log_view, read):
    """A label's own box is all of its patch; what else is drawn is where it is in the patch."""

    def detections(*found):
        return fo.Detections(detections=[fo.Detection(label=label, **kwargs) for label, kwargs in found])

    left = np.zeros((2, 2), bool)
    left[:, 0] = True
    made = dataset(
        [
            fo.Sample(
                filepath=picture("a.png"),
                truth=detections(("cat", {"bounding_box": [0.25, 0.5, 0.5, 0.5], "mask": left})),
                guess=detections(("cat", {"bounding_box": [0.35, 0.5, 0.5, 0.5], "confidence": 0.5})),
            )
        ]
    )
    (image,) = images(read, log_view(made.to_patches("truth"), include_labels=True))
    assert (image._width, image._height) == (20, 10)
    same_boxes(boxes(image, "truth"), [("cat", "cat", None, [0, 0, 1, 1])])
    assert (mask(image, "truth")[:, :10] == "cat").all() and (mask(image, "truth")[:, 10:] == "background").all()

    made.evaluate_detections("guess", gt_field="truth", eval_key="ev")
    (image,) = images(read, log_view(made.to_evaluation_patches("ev"), include_labels=True))
    assert (image._width, image._height) == (24, 10)  # around both
    same_boxes(boxes(image, "truth"), [("cat", "cat", None, [0, 0, 5 / 6, 1])])
    same_boxes(boxes(image, "guess"), [("cat", "cat (0.50)", 0.5, [1 / 6, 0, 1, 1])])


def test_masks_of_files_that_are_stored_on_their_side(dataset, tmp_path, log_view, read):
    """The mask has the size of the picture as it is shown."""
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.new("RGB", SIZE).save(tmp_path / "a.jpg", exif=exif)
    made = dataset(
        [
            fo.Sample(
                filepath=str(tmp_path / "a.jpg"),
                one=fo.Detection(label="cat", bounding_box=[0, 0, 1, 0.5], mask=np.ones((1, 1), bool)),
            )
        ]
    )
    for mode in ("original", "thumbnail"):
        (image,) = images(read, log_view(made, include_labels=True, image_mode=mode))
        assert (mask(image, "one") == np.array([["cat"], ["background"]]).repeat(20, 0).repeat(20, 1)).all()
