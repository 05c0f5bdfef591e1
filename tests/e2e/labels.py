"""Labels of every type, ordinary and odd: for each field its labels, one for each sample."""

import fiftyone as fo
import numpy as np

NAN, INF = float("nan"), float("inf")


class Owned(fo.Classification):
    """A user's own class below one of FiftyOne's."""


class Alone(fo.Label):
    """A user's own class that has nothing in common with FiftyOne's."""

    note = fo.StringField()


class Document(fo.EmbeddedDocument):
    """A document that holds labels."""

    label = fo.EmbeddedDocumentField(fo.Classification)
    boxes = fo.EmbeddedDocumentField(fo.Detections)
    weight = fo.FloatField()


def _box(label=None, **kwargs):
    return fo.Detection(label=label, bounding_box=[0.1, 0.1, 0.5, 0.5], **kwargs)


def _square(corners, label=None):
    return fo.Polyline(label=label, points=[[(0.1 * k, 0.1) for k in range(n)] for n in corners])


LABELS = {
    "classification": [
        fo.Classification(label="cat", confidence=0.95),
        fo.Classification(label="cat", confidence=0.0),
        fo.Classification(label="dog"),
        fo.Classification(confidence=1),
        fo.Classification(label="not sure", confidence=NAN),
        fo.Classification(label='日本 "quoted" <b> \\ \n \U0001f600', confidence=0.125),
        fo.Classification(label="x" * 700, confidence=INF, logits=np.zeros(1000)),
        None,
    ],
    "classifications": [
        fo.Classifications(
            classifications=[fo.Classification(label=n) for n in ("cat", "dog", "cat", "emu", "dog", "ant")]
        ),
        fo.Classifications(classifications=[]),
        fo.Classifications(
            classifications=[fo.Classification(label="a", confidence=0.2), fo.Classification(confidence=0.4)]
        ),
        fo.Classifications(classifications=[fo.Classification(confidence=0.0)]),
        None,
    ],
    "detection": [
        _box("dog", confidence=0.88),
        _box("masked", mask=np.ones((64, 64), bool)),
        fo.Detection(label="3D", location=[1, 2, 3], dimensions=[1, 1, 1], rotation=[0, 0, 0.5], confidence=0.004),
        _box("odd", confidence=0.005, iscrowd=True, index=3),
        None,
    ],
    "detections": [
        fo.Detections(detections=[_box(n, confidence=0.1 * k) for k, n in enumerate("aabbbc")]),
        fo.Detections(detections=[]),
        fo.Detections(detections=[_box(), _box("a"), _box("")]),
        fo.Detections(detections=[_box(f"class {k:02}", confidence=k / 40) for k in range(40)]),
        fo.Detections(detections=[_box("nan", confidence=NAN), _box("one", confidence=1.0)]),
        fo.Detections(detections=[_box("masked", mask=np.ones((256, 256), np.uint8)) for _ in range(3)]),
        None,
    ],
    "polyline": [
        _square([5], "road"),
        _square([4, 3, 2]),
        _square([]),
        fo.Polyline(label="3D", points3d=[[(0, 0, 0), (1, 1, 1)]]),
    ],
    "polylines": [
        fo.Polylines(polylines=[_square([3], "road"), _square([3], "lane"), _square([3], "road"), _square([1])]),
        fo.Polylines(polylines=[]),
    ],
    "keypoint": [
        fo.Keypoint(label="nose", points=[(0.5, 0.5)], confidence=[0.9]),
        fo.Keypoint(points=[(NAN, NAN), (0.1, 0.1)], confidence=[0.2, 0.7]),
        fo.Keypoint(label="hidden", points=[], confidence=[NAN]),
    ],
    "keypoints": [
        fo.Keypoints(
            keypoints=[
                fo.Keypoint(label="hand", points=[(0.1, 0.1), (0.2, 0.2)], confidence=[0.5, 0.25]),
                fo.Keypoint(label="foot", points=[(0.1, 0.1)], confidence=[0.0]),
                fo.Keypoint(label="hand", points=[(NAN, NAN)]),
            ]
        ),
        fo.Keypoints(keypoints=[]),
        None,
    ],
    "segmentation": [
        fo.Segmentation(mask=np.zeros((16, 16), np.uint8)),
        fo.Segmentation(mask_path="/none/mask.png"),
        None,
    ],
    "heatmap": [
        fo.Heatmap(map=np.zeros((8, 8)), range=[0, 1]),
        fo.Heatmap(map=np.zeros((8, 8)), range=[-0.004, 12.345]),
        fo.Heatmap(map_path="/none/map.png"),
    ],
    "temporal_detection": [
        fo.TemporalDetection(label="action", support=[10, 45], confidence=0.92),
        fo.TemporalDetection(label="cut", support=[1, 1]),
    ],
    "temporal_detections": [
        fo.TemporalDetections(detections=[fo.TemporalDetection(label=n, support=[1, 2]) for n in ("in", "out", "in")]),
        fo.TemporalDetections(detections=[]),
    ],
    "geo_location": [
        fo.GeoLocation(point=[-73.99, 40.73]),
        fo.GeoLocation(point=[2, 48]),
        fo.GeoLocation(line=[[0.0, 0.0], [1.0, 1.0], [2.0, 1.0]]),
        fo.GeoLocation(polygon=[[[0, 0], [9, 0], [9, 9], [0, 0]], [[1, 1], [2, 1], [2, 2], [1, 1]]]),
        fo.GeoLocation(),
        fo.GeoLocation(point=[1e-7, 1e20]),
    ],
    "geo_locations": [
        fo.GeoLocations(
            points=[[0, 0], [1, 1]], lines=[[[0, 0], [1, 1]]], polygons=[[[[0, 0], [9, 0], [9, 9], [0, 0]]]]
        ),
        fo.GeoLocations(),
    ],
    "regression": [
        fo.Regression(value=3.14, confidence=0.89),
        fo.Regression(value=3.0),
        fo.Regression(value=0.1 + 0.2),
        fo.Regression(value=1e-7, confidence=0.0),
        fo.Regression(value=-1.5e300),
        fo.Regression(value=NAN, confidence=NAN),
        fo.Regression(value=-INF),
    ],
    "owned": [Owned(label="mine", confidence=0.5), Owned(label="other")],
    "alone": [Alone(note="mine")],
    "document.label": [fo.Classification(label="nested", confidence=0.75), None],
    "document.boxes": [fo.Detections(detections=[_box("inner", confidence=0.3)])],
}


def samples(media):
    """Samples that have those labels."""
    found = []
    for i in range(max(map(len, LABELS.values()))):
        sample = fo.Sample(filepath=str(media / "image_00.png"), tags=["a", "b,c"][: i % 3])
        document = Document(weight=i / 3)
        for path, labels in LABELS.items():
            label = labels[i].copy() if i < len(labels) and labels[i] is not None else None
            if path.startswith("document."):
                document[path.removeprefix("document.")] = label
            else:
                sample[path] = label
        if i % 4:  # else there is no document either
            sample["document"] = document
        found.append(sample)
    return found
