"""What is drawn over a cell's picture, as the official package reads it."""

import cv2
import numpy as np
import pytest


def names(image):
    """The class set of a cell, by id."""
    return {entry["id"]: entry["name"] for entry in image._classes._class_set}


def boxes(image, layer):
    """The boxes of a layer: (class, caption, score, position) each."""
    classes, found = names(image), []
    for box in image._boxes[layer]._val if layer in (image._boxes or {}) else ():
        position = box["position"]
        found.append(
            (
                classes[box["class_id"]],
                box.get("box_caption"),
                (box.get("scores") or {}).get("confidence"),
                [position["minX"], position["minY"], position["maxX"], position["maxY"]],
            )
        )

    return found


def mask(image, layer):
    """A layer's mask as an array of class names."""
    classes = names(image)
    stored = cv2.imread(image._masks[layer]._path, cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint8 and stored.ndim == 2
    return np.vectorize(lambda i: classes[i])(stored)


def same_boxes(got, wanted):
    assert [box[:2] for box in got] == [box[:2] for box in wanted]
    for (_, _, score, position), (_, _, wanted_score, wanted_position) in zip(got, wanted, strict=True):
        assert score == (None if wanted_score is None else pytest.approx(wanted_score))
        assert position == pytest.approx(wanted_position, abs=2e-6)


def drawn(detections):
    """What is to be seen of FiftyOne's detections."""
    found = []
    for one in detections.detections:
        x, y, w, h = one.bounding_box
        caption = one.label if one.confidence is None else f"{one.label} ({one.confidence:.2f})"
        found.append((one.label, caption, one.confidence, [max(x, 0), max(y, 0), min(x + w, 1), min(y + h, 1)]))

    return found
