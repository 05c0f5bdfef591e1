"""Writes labels.json: labels as FiftyOne stores them, and what Format must say of them.

Run it with a Python that has FiftyOne (no database is needed):

    python make_labels.py

The expectations come from the attributes of FiftyOne's own objects, after a
round trip through BSON, by code that shares nothing with the Go package.
"""

import collections
import itertools
import json
import math
import pathlib

import bson
import fiftyone as fo
import numpy as np
from bson import json_util

NAN, INF = float("nan"), float("inf")
CANONICAL = json_util.CANONICAL_JSON_OPTIONS
MASK = np.ones((4, 4), dtype=np.uint8)
SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
REGRESSIONS = [
    *(3, 3.0, 0.0, -0.0, 0.1, 1 / 3, 100.0, 1e15, 9999999999999998.0, 1e16, 123456789012345680.0, 1e22, 2**53 + 1.0),
    *(1e-4, 0.00012, 9.999999999999999e-05, 1e-05, -2.5e-10, 5e-324, 1.7976931348623157e308, NAN, INF, -INF),
]
HOLE = [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4], [0.2, 0.2]]


class OwnTag(fo.Label):
    """A user's class that is derived from nothing but Label."""

    label = fo.StringField()
    confidence = fo.FloatField()


class OwnBare(fo.Label):
    """A user's class without a label."""

    text = fo.StringField()


class OwnBoxes(fo.Detections):
    """A user's class that is a kind of Detections."""


class OwnBox(fo.Detection):
    """A user's class that is a kind of Detection."""


def dets(*pairs):
    return [fo.Detection(label=n, confidence=c, bounding_box=[0.1, 0.1, 0.2, 0.2]) for n, c in pairs]


def cases():
    """Yields (name, label type of the field or None for the label's own, label), and
    maybe what other programs stored instead of FiftyOne's values.
    """
    c = fo.Classification
    yield "classification", None, c(label="cat", confidence=0.95)
    yield "classification, confidence zero", None, c(label="cat", confidence=0.0)
    yield "classification, confidence an int", None, c(label="cat", confidence=1)
    yield "classification, no confidence", None, c(label="cat")
    yield "classification, confidence NaN", None, c(label="cat", confidence=NAN)
    yield "classification, confidence infinite", None, c(label="cat", confidence=INF)
    yield "classification, no label", None, c(confidence=0.5)
    yield "classification, empty label", None, c(label="", confidence=0.5)
    yield "classification, nothing", None, c()
    yield "classification, logits", None, c(label="dog", confidence=0.875, logits=np.ones(1000))
    yield "classification, other alphabets", None, c(label='кот "猫" 🐈', confidence=0.125)
    for conf in (0.005, 0.015, 0.025, 0.994999, 0.995, 0.125, 0.375, -0.001, 1e300, 5e-324, 99.995):
        yield f"rounding {conf!r}", None, c(label="x", confidence=conf)

    yield (
        "classifications",
        None,
        fo.Classifications(
            classifications=[c(label="cat", confidence=0.9), c(label="dog", confidence=0.0)], logits=np.ones(10)
        ),
    )
    yield "classifications, none", None, fo.Classifications(classifications=[])
    yield "classifications, unset", None, fo.Classifications()

    yield "detection", None, dets(("dog", 0.88))[0]
    yield "detection with mask", None, fo.Detection(label="dog", mask=MASK, bounding_box=[0, 0, 1, 1], index=3)
    yield (
        "detection 3D",
        None,
        fo.Detection(label="car", confidence=0.5, location=[1, 2, 3], dimensions=[1, 1, 2], rotation=[0, 0, 0.5]),
    )
    yield (
        "detections",
        None,
        fo.Detections(
            detections=dets(
                ("dog", 0.25), ("person", 0.5), ("car", 0.75), ("person", 1.0), ("car", 0.0), ("person", None)
            )
        ),
    )
    yield (
        "detections, ties",
        None,
        fo.Detections(detections=dets(("b", 0.1), ("a", 0.2), ("c", 0.3), ("a", 0.3), ("b", 0.3), ("d", 0.3))),
    )
    yield "detections, some without label", None, fo.Detections(detections=dets(("a", 0.3), (None, 0.1), ("", NAN)))
    yield "detections, all without label", None, fo.Detections(detections=dets((None, 0.1), (None, 0.2)))
    yield "detections, none", None, fo.Detections()
    yield (
        "detections, masks",
        None,
        fo.Detections(detections=[fo.Detection(label=str(i), mask=MASK, bounding_box=[0, 0, 1, 1]) for i in range(3)]),
    )
    many = [(f"class {i * i % 61}", (i % 7) / 8) for i in range(130)]
    yield "detections, many classes", None, fo.Detections(detections=dets(*many))
    yield "detections, a class each", None, fo.Detections(detections=dets(*[(f"c{i}", 0.5) for i in range(70)]))

    yield "polyline", None, fo.Polyline(label="road", points=[[[0.1, 0.1]] * 25])
    yield "polyline, shapes", None, fo.Polyline(label="road", confidence=0.5, points=[SQUARE, HOLE, [[0, 0.5]]])
    yield "polyline, no label", None, fo.Polyline(points=[SQUARE])
    yield "polyline, no points", None, fo.Polyline(label="road", points=[])
    yield "polyline 3D", None, fo.Polyline(label="lane", points3d=[[[0, 0, 1], [1, 1, 2]], [[3.5, 1, 1]]])
    yield (
        "polylines",
        None,
        fo.Polylines(
            polylines=[
                fo.Polyline(label="road", points=[SQUARE], confidence=0.5),
                fo.Polyline(points=[HOLE], confidence=0.25),
                fo.Polyline(label="walk", points3d=[[[0, 0, 1]]]),
            ]
        ),
    )
    yield "polylines, none", None, fo.Polylines()

    yield "keypoint", None, fo.Keypoint(label="nose", points=[[0.1, 0.2]])
    yield "keypoint, no label", None, fo.Keypoint(points=[[0.1, 0.2], [NAN, NAN]])
    yield (
        "keypoint, confidences",
        None,
        fo.Keypoint(label="pose", points=[[0, 0], [0.5, 0.5], [NAN, NAN]], confidence=[0.25, 0.75, NAN]),
    )
    yield "keypoint, no finite confidence", None, fo.Keypoint(label="pose", points=[[0, 0]], confidence=[NAN])
    yield "keypoint, confidence zero", None, fo.Keypoint(label="pose", points=[[0, 0]], confidence=[0.0])
    yield (
        "keypoints",
        None,
        fo.Keypoints(
            keypoints=[
                fo.Keypoint(label="nose", points=[[0, 0], [1, 1]], confidence=[0.1, 0.3]),
                fo.Keypoint(label="eye", points=[[0, 0]], confidence=[0.7]),
                fo.Keypoint(label="eye", points=[[0, 0]]),
                fo.Keypoint(points=[[0, 0]], confidence=[]),
            ]
        ),
    )
    yield "keypoints, none", None, fo.Keypoints()

    yield "segmentation", None, fo.Segmentation(mask=MASK)
    yield "segmentation, file", None, fo.Segmentation(mask_path="mask.png")
    yield "heatmap", None, fo.Heatmap(map=MASK, range=[0, 1])
    yield "heatmap, wide range", None, fo.Heatmap(map_path="map.png", range=[-0.125, 255])
    yield "heatmap, no range", None, fo.Heatmap(map=MASK)
    yield "heatmap, range without ends", None, fo.Heatmap(map=MASK, range=[-INF, INF])

    t = fo.TemporalDetection
    yield "temporal detection", None, t(label="action", confidence=0.92, support=[10, 45])
    yield "temporal detection, confidence zero", None, t(label="action", confidence=0, support=[1, 1])
    yield "temporal detection, no label", None, t(support=[1, 2])
    yield (
        "temporal detections",
        None,
        fo.TemporalDetections(
            detections=[
                t(label="a", support=[1, 2], confidence=0.5),
                t(label="b", support=[1, 2]),
                t(label="b", support=[3, 4]),
            ]
        ),
    )
    yield "temporal detections, none", None, fo.TemporalDetections()

    g = fo.GeoLocation
    yield "point", None, g(point=[-73.99, 40.73])
    yield "point, integers", None, g(point=[-73, 40])
    yield "point, many digits", None, g(point=[-73.98765432101234, 1e-05])
    yield "point, not finite", None, g(point=[NAN, -INF])
    yield "point before line", None, g(point=[0.5, 0.25], line=HOLE, polygon=[SQUARE])
    yield "line", None, g(line=HOLE)
    yield "polygon", None, g(polygon=[SQUARE])
    yield "polygon with holes", None, g(polygon=[SQUARE, HOLE, HOLE])
    yield "geolocation, nothing", None, g()
    yield (
        "geolocations",
        None,
        fo.GeoLocations(points=[[1, 2], [3.5, 4]], lines=[HOLE], polygons=[[SQUARE, HOLE], [SQUARE]]),
    )
    yield "geolocations, points", None, fo.GeoLocations(points=[[1, 2]])
    yield "geolocations, none", None, fo.GeoLocations()

    r = fo.Regression
    yield "regression", None, r(value=3.14, confidence=0.89)
    yield "regression, nothing", None, r()
    yield "regression, confidence NaN", None, r(value=NAN, confidence=NAN)
    yield "regression, confidence zero", None, r(value=1.5, confidence=0.0)
    for value in REGRESSIONS:
        yield f"regression {value!r}", None, r(value=value)
    yield "regression, stored as int", None, r(), {"value": 3}
    yield "regression, stored as long", None, r(), {"value": bson.Int64(2**53 + 1), "confidence": 1}
    yield "classification, stored ints", None, c(label="cat"), {"confidence": bson.Int64(0)}
    yield "point, stored long", None, g(), {"point": {"type": "Point", "coordinates": [bson.Int64(7), 8]}}

    yield "own class", "", OwnTag(label="mine", confidence=0.5)
    yield "own class, confidence zero", "", OwnTag(label="mine", confidence=0.0)
    yield "own class without a label", "", OwnBare(text="x")
    yield "own kind of detections", "Detections", OwnBoxes(detections=dets(("a", 0.5), ("b", None)))
    yield "own kind of detection", "Detection", OwnBox(label="a", confidence=0.5, bounding_box=[0, 0, 1, 1])
    yield "own kinds in a list", None, fo.Detections(detections=[OwnBox(label="a", confidence=0.5)])
    yield (
        "extra attributes",
        None,
        fo.Detection(label="a", iscrowd=True, ev="tp", ev_iou=0.9, note={"label": "z", "confidence": 1}),
    )


ITEMS = {
    fo.Classifications: ("classifications", "classifications"),
    fo.Detections: ("detections", "detections"),
    fo.Polylines: ("polylines", "polylines"),
    fo.Keypoints: ("keypoints", "keypoints"),
    fo.TemporalDetections: ("detections", "temporal detections"),
}


def finite(x):
    return x if x is not None and math.isfinite(x) else None


def confidence(label):
    """The confidence of a single label: a float, or None."""
    value = getattr(label, "confidence", None)
    if not isinstance(value, list):
        return finite(value)
    good = [c for c in value if finite(c) is not None]
    return sum(good) / len(good) if good else None


def in_brackets(label):
    c = confidence(label)
    if c is None:
        c = getattr(label, "confidence", None)
    return f" ({c:.2f})" if isinstance(c, (int, float)) else ""


def items_of(label):
    for cls, (attr, noun) in ITEMS.items():
        if isinstance(label, cls):
            return list(getattr(label, attr) or []), noun
    return None, None


def text(label):
    """The cell's text."""
    items, noun = items_of(label)
    if items is not None:
        counts = collections.Counter(x.label for x in items if x.label)
        listed = ", ".join(f"{name}({n})" for name, n in counts.most_common())
        return f"{len(items)} {noun}" + (f": {listed}" if listed else "")
    if isinstance(label, fo.TemporalDetection):
        return f"{label.label}{in_brackets(label)} @ {label.support}"
    if isinstance(label, fo.Polyline):
        shapes = list(label.points or []) + list(label.get_field("points3d") if label.has_field("points3d") else [])
        return f"{label.label or 'polyline'} ({len(list(itertools.chain(*shapes)))} points)"
    if isinstance(label, fo.Keypoint):
        return label.label or "keypoint"
    if isinstance(label, fo.Segmentation):
        return "segmentation mask"
    if isinstance(label, fo.Heatmap):
        return "heatmap" + (" [{:.2f}, {:.2f}]".format(*label.range) if label.range else "")
    if isinstance(label, fo.GeoLocation):
        if label.point:
            return f"point {label.point}"
        if label.line:
            return f"line ({len(label.line)} points)"
        if label.polygon:
            return f"polygon ({sum(len(ring) for ring in label.polygon)} points)"
        return "geolocation"
    if isinstance(label, fo.GeoLocations):
        return f"{count(label)} geolocations"
    if isinstance(label, fo.Regression):
        return f"{label.value}{in_brackets(label)}"
    if hasattr(label, "label"):
        return f"{label.label}{in_brackets(label)}"
    return type(label).__name__


def count(label):
    items, _ = items_of(label)
    if items is not None:
        return len(items)
    if isinstance(label, fo.GeoLocations):
        return len(label.points or []) + len(label.lines or []) + len(label.polygons or [])
    return 1


def leaf(label):
    out = {
        "id": getattr(label, "id", None),
        "class": getattr(label, "label", None) or None,
        "confidence": confidence(label),
    }
    return {key: value for key, value in out.items() if value is not None}


def number_ids(value, counter):
    """Gives every label in a document an id that does not change from run to run."""
    if isinstance(value, dict):
        for key in value:
            if key == "_id":
                value[key] = bson.ObjectId(f"6b00{next(counter):020x}")
            else:
                number_ids(value[key], counter)
    elif isinstance(value, list):
        for item in value:
            number_ids(item, counter)


def main():
    out, counter = [], itertools.count(1)
    for name, label_type, label, *changes in cases():
        document = label.to_dict()
        for change in changes:
            document.update(change)
        number_ids(document, counter)
        stored = bson.encode(document)
        label = type(label).from_dict(bson.decode(stored))
        items, _ = items_of(label)
        leaves = [leaf(x) for x in ([label] if items is None else items)]
        known = [x["confidence"] for x in leaves if "confidence" in x]
        expected = {"text": text(label), "count": count(label), "leaves": leaves}
        if known:
            expected["avg"] = sum(known) / len(known)
        out.append(
            {
                "name": name,
                "label_type": type(label).__name__ if label_type is None else label_type,
                "expected": expected,
                "document": json.loads(json_util.dumps(bson.decode(stored), json_options=CANONICAL)),
            }
        )
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in out)
    pathlib.Path(__file__).with_name("labels.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
