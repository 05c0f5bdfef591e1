"""What artifacts should hold, worked out from FiftyOne's own objects and nothing else.

It iterates over views in Python, sample by sample: slow, and plain to see.
"""

from __future__ import annotations

import datetime
import math
from collections import Counter

import fiftyone as fo

#: The largest whole number that every reader of JSON takes for what it is.
SAFE = 2**53

SPLITS = ("train", "val", "test", "validation", "training", "testing")

#: The list that a label of labels holds, and how the text calls it.
LISTS = {
    fo.Classifications: ("classifications", "classifications"),
    fo.Detections: ("detections", "detections"),
    fo.Polylines: ("polylines", "polylines"),
    fo.Keypoints: ("keypoints", "keypoints"),
    fo.TemporalDetections: ("detections", "temporal detections"),
}


def text(label):
    """The text of a label in a cell; None where there is no label."""
    if label is None:
        return None
    for cls, (_, noun) in LISTS.items():
        if isinstance(label, cls):
            return _text_of_list(leaves(label), noun)
    for cls, describe in _SINGLE.items():
        if isinstance(label, cls):
            return describe(label)
    # A user's own class, which has nothing in common with FiftyOne's but to be a label.
    named = getattr(label, "label", None)
    return f"{named}{_sure(label)}" if named else type(label).__name__


def leaves(label):
    """The single labels that a label holds."""
    for cls, (items, _) in LISTS.items():
        if isinstance(label, cls):
            return list(getattr(label, items) or [])
    return [] if label is None else [label]


def confidence(leaf):
    """The confidence of a single label, that of a keypoint being the mean over its points; or None."""
    value = getattr(leaf, "confidence", None)
    values = [v for v in (value if isinstance(value, (list, tuple)) else [value]) if _is_number(v)]
    return sum(values) / len(values) if values else None


def count(label):
    """How many predictions a label is."""
    if isinstance(label, fo.GeoLocations):
        return sum(len(shapes or []) for shapes in (label.points, label.lines, label.polygons))
    return len(leaves(label))


def _text_of_list(items, noun):
    # Counter keeps the order of the first appearance among equal counts.
    counts = Counter(item.label for item in items if item.label).most_common()
    classes = ", ".join(f"{name}({n})" for name, n in counts)
    return f"{len(items)} {noun}" + (f": {classes}" if classes else "")


def _sure(label):
    value = confidence(label)
    if value is None:
        value = getattr(label, "confidence", None)  # not finite
    return f" ({value:.2f})" if isinstance(value, (int, float)) else ""


def _polyline(label):
    shapes = list(label.points or []) + list(getattr(label, "points3d", None) or [])
    return f"{label.label or 'polyline'} ({sum(len(shape) for shape in shapes)} points)"


def _heatmap(label):
    return "heatmap [{:.2f}, {:.2f}]".format(*label.range) if label.range else "heatmap"


def _geo(label):
    if label.point:
        return f"point {list(label.point)}"
    if label.line:
        return f"line ({len(label.line)} points)"
    if label.polygon:
        return f"polygon ({sum(len(ring) for ring in label.polygon)} points)"
    return "geolocation"


def _regression(label):
    return f"{label.value}{_sure(label)}"


_SINGLE = {
    fo.Classification: lambda label: f"{label.label}{_sure(label)}",
    fo.Detection: lambda label: f"{label.label}{_sure(label)}",
    fo.TemporalDetection: lambda label: f"{label.label}{_sure(label)} @ {list(label.support)}",
    fo.Polyline: _polyline,
    fo.Keypoint: lambda label: label.label or "keypoint",
    fo.Segmentation: lambda label: "segmentation mask",
    fo.Heatmap: _heatmap,
    fo.GeoLocation: _geo,
    fo.GeoLocations: lambda label: f"{count(label)} geolocations",
    fo.Regression: _regression,
}


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def value_at(sample, path):
    """The value of a field, which may be nested in embedded documents."""
    value = sample
    for name in path.split("."):
        if value is None or not value.has_field(name):
            return None
        value = value[name]
    return value


def cell(value):
    """A plain field's value as the official package gives it back."""
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=datetime.timezone.utc)
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.timezone.utc)
    if isinstance(value, (list, tuple)):
        return [_inside(v) for v in value]
    if isinstance(value, dict):
        return {k: _inside(v) for k, v in value.items()}
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE else str(value)
    return value if math.isfinite(value) else None


def _inside(value):
    # Inside of lists and dicts the official package knows no dates.
    given = cell(value)
    if isinstance(given, datetime.datetime):
        return given.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return given


def label_paths(view):
    """The paths of the view's label fields, in schema order; those inside of lists have no column."""
    found, closed = [], []
    for path, field in view.get_field_schema(flat=True).items():
        if any(path.startswith(parent + ".") for parent in closed):
            continue
        if isinstance(field, fo.ListField):
            closed.append(path)
        elif isinstance(field, fo.EmbeddedDocumentField) and issubclass(field.document_type, fo.Label):
            closed.append(path)
            found.append(path)
    return found


def source_id(sample):
    """The id of the sample that a row comes from."""
    return sample.sample_id if is_generated(sample) else sample.id


def is_generated(sample):
    """Whether the row is a patch, a clip or a frame."""
    return isinstance(sample, (fo.core.patches._PatchView, fo.core.clips.ClipView, fo.core.video.FrameView))


def _own(sample):
    """The columns that tell rows of one sample apart."""
    if isinstance(sample, fo.core.patches._PatchView):
        return {"patch_id": sample.id}
    if isinstance(sample, fo.core.clips.ClipView):
        return {"support": str(list(sample.support))}
    if isinstance(sample, fo.core.video.FrameView):
        return {"frame_id": sample.id, "frame_number": sample.frame_number}
    return {}


def view_rows(view, fields=()):
    """The rows of the table ``samples`` without pictures, as dicts whose order is that of the columns."""
    paths = label_paths(view)
    return [
        {
            "sample_id": source_id(sample),
            "filepath": sample.filepath,
            "tags": ",".join(sample.tags),
            **{f"label_{path}": text(value_at(sample, path)) for path in paths},
            **_own(sample),
            **{path: cell(value_at(sample, path)) for path in fields},
        }
        for sample in view
    ]


def references(view):
    """The content of ``sample_references.json``."""
    found = []
    for sample in view:
        one = {"id": source_id(sample), "filepath": sample.filepath, "tags": list(sample.tags), **_own(sample)}
        metadata = sample.metadata if sample.has_field("metadata") else None
        if metadata is not None:
            # Of what is not set FiftyOne stores nothing.
            one["metadata"] = {k: v for k, v in metadata.to_dict().items() if k != "_cls" and v is not None}
        found.append(one)
    return found


def view_metadata(view):
    """The metadata of a view's artifact, but for the stages of the view."""
    dataset = view._root_dataset
    samples = list(view)
    tags = Counter(tag for sample in samples for tag in sample.tags)
    expected = {
        "fiftyone_dataset_name": dataset.name,
        "fiftyone_dataset_id": str(dataset._doc.id),
        "fiftyone_dataset_size": len(dataset),
        "fiftyone_view_size": len(samples),
        "fiftyone_version": fo.__version__,
        "fiftyone_media_type": dataset.media_type,
        "dataset_created_at": dataset.created_at.isoformat(),
        "dataset_last_modified_at": dataset.last_modified_at.isoformat(),
        "dataset_info": dict(dataset.info),
        **{f"{split}_samples": tags[split] for split in SPLITS if tags[split]},
        "is_subset_view": view != dataset.view(),
        "num_samples": len(samples),
        "sample_ids": [source_id(sample) for sample in samples],
    }
    if dataset.default_classes:
        expected["default_classes"] = list(dataset.default_classes)
    if dataset.media_type == "video":
        names = [
            name
            for name, field in dataset.get_frame_field_schema().items()
            if isinstance(field, fo.EmbeddedDocumentField) and issubclass(field.document_type, fo.Label)
        ]
        expected.update(has_frame_fields=bool(dataset.get_frame_field_schema()), frame_fields=names)
    if dataset.media_type == "group" and view.group_slice:
        expected["group_slice"] = view.group_slice
    return expected


def prediction_rows(view, field, prompt=None):
    """The rows of the table ``predictions`` of labels, without pictures."""
    found = []
    for sample in view:
        label = value_at(sample, field)
        sure = [c for c in map(confidence, leaves(label)) if c is not None]
        found.append(
            {
                "sample_id": source_id(sample),
                "label_ids": ids(leaves(label)),
                **({"prompt": sample[prompt]} if prompt else {}),
                "predictions": text(label),
                "avg_confidence": round(sum(sure) / len(sure), 3) if sure else None,
                "num_predictions": count(label),
                **_own(sample),
            }
        )
    return found


def ids(labels):
    """The ids of those labels that have one."""
    return [label.id for label in labels if getattr(label, "id", None)]


def prediction_metadata(view, field, threshold=0.5):
    """What the metadata of predictions says of the labels."""
    samples = list(view)
    labels = [value_at(sample, field) for sample in samples]
    singles = [leaf for label in labels for leaf in leaves(label)]
    classes = Counter(leaf.label for leaf in singles if getattr(leaf, "label", None))
    low = [leaf for leaf in singles if confidence(leaf) is not None and confidence(leaf) < threshold]
    total = sum(count(label) for label in labels)
    return {
        "num_samples": len(samples),
        "fiftyone_view_size": len(samples),
        "sample_ids": [source_id(sample) for sample in samples],
        "label_ids": ids(singles),
        "low_confidence_label_ids": ids(low),
        "num_low_confidence": len(ids(low)),
        "low_confidence_threshold": threshold,
        "total_predictions": total,
        "avg_predictions_per_sample": round(total / len(samples), 2),
        # As text: the order counts.
        "class_distribution": dict(classes.most_common()),
        "num_classes": len(classes),
    }
