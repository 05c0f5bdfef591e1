"""What a table should say of a label, worked out from FiftyOne's own objects and nothing else."""

from collections import Counter

import fiftyone as fo

LISTS = {
    fo.Detections: ("detections", "detections"),
    fo.Classifications: ("classifications", "classifications"),
    fo.Polylines: ("polylines", "polylines"),
    fo.Keypoints: ("keypoints", "keypoints"),
    fo.TemporalDetections: ("detections", "temporal detections"),
}


def text(label):
    """The text of a cell, or None."""
    if label is None:
        return None

    for cls, (items, noun) in LISTS.items():
        if isinstance(label, cls):
            return _list(getattr(label, items), noun)

    confidence = getattr(label, "confidence", None)
    sure = f" ({confidence:.2f})" if isinstance(confidence, (int, float)) else ""
    if isinstance(label, fo.TemporalDetection):
        return f"{label.label}{sure} @ {list(label.support)}"

    if isinstance(label, fo.Polyline):
        return f"{label.label or 'polyline'} ({sum(map(len, label.points))} points)"

    if isinstance(label, fo.Keypoint):
        return label.label or "keypoint"

    if isinstance(label, fo.Segmentation):
        return "segmentation mask"

    if isinstance(label, fo.Heatmap):
        return "heatmap [{:.2f}, {:.2f}]".format(*label.range) if label.range else "heatmap"

    if isinstance(label, fo.GeoLocation):
        return f"point {label.point}"

    if isinstance(label, fo.GeoLocations):
        return f"{len(label.points or []) + len(label.lines or []) + len(label.polygons or [])} geolocations"

    if isinstance(label, fo.Regression):
        return f"{label.value}{sure}"

    if hasattr(label, "label"):
        return f"{label.label}{sure}"

    return type(label).__name__


def _list(items, noun):
    if not items:
        return f"0 {noun}"

    # Counter keeps the order of the first appearance among equal counts.
    counts = Counter(item.label for item in items if item.label)
    return f"{len(items)} {noun}: " + ", ".join(f"{name}({n})" for name, n in counts.most_common())


def leaves(label):
    """The single labels that a label holds."""
    for cls, (items, _) in LISTS.items():
        if isinstance(label, cls):
            return list(getattr(label, items))

    return [] if label is None else [label]
