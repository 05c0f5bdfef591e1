"""Datasets for tests: every label type, nested fields, groups, videos, generated views."""

import datetime

import fiftyone as fo
import numpy as np
from bson import ObjectId

from support.pictures import FRAMES, IMAGES, SIZE

CLASSES = ("cat", "dog", "bird")
SPLITS = ("train", "val", "test")


class Custom(fo.Classification):
    """A user's own label class that derives from one of FiftyOne's."""


class Bare(fo.Label):
    """A user's own label class that derives from Label alone."""

    text = fo.StringField()


class Inner(fo.EmbeddedDocument):
    """An embedded document with a label and a number in it."""

    b = fo.EmbeddedDocumentField(fo.Classification)
    number = fo.IntField()


def name(prefix="test"):
    """A name that no other dataset has."""
    return f"{prefix}-{ObjectId()}"


def slow(dataset):
    """A view of all samples, for each of which MongoDB takes a second."""
    function = {"$function": {"body": "function() { sleep(1000); return 1; }", "args": [], "lang": "js"}}
    return dataset.mongo([{"$addFields": {"slow": function}}])


def detections(i, low=0.05):
    """One to three boxes, one of them without confidence."""
    return fo.Detections(
        detections=[
            fo.Detection(
                label=CLASSES[(i + k) % 3],
                bounding_box=[0.1 * k, 0.1, 0.3, 0.4],
                confidence=None if k == 2 else min(1.0, low + 0.1 * ((i + k) % 10)),
                area=i + k,
            )
            for k in range(1 + i % 3)
        ]
    )


def images(media, n=IMAGES, **kwargs):
    """A dataset of pictures with two label fields, numbers, strings, a vector and tags."""
    pattern = _patterns.get((media, n))
    if pattern is None or not fo.dataset_exists(pattern):
        pattern = _patterns[media, n] = _make_images(media, n).name

    dataset = fo.Dataset(name("images"), **kwargs)
    dataset.add_collection(fo.load_dataset(pattern), new_ids=True)
    return dataset


# Names of datasets of pictures, by what they were made of. FiftyOne looks at each value of new samples for new fields,
# which takes half a second of CPU; a copy takes a tenth.
_patterns = {}


def _make_images(media, n):
    dataset = fo.Dataset(name("pattern"), persistent=True)
    dataset.add_samples(
        [
            fo.Sample(
                filepath=str(media / f"image_{i % IMAGES:02}.png"),
                tags=[SPLITS[i % 3]],
                metadata=fo.ImageMetadata(
                    width=SIZE[0], height=SIZE[1], num_channels=3, size_bytes=100 + i, mime_type="image/png"
                ),
                ground_truth=detections(i),
                predictions=detections(i + 1),
                weather=fo.Classification(label=("sun", "rain")[i % 2], confidence=0.25 * (i % 5)),
                number=i,
                score=i / 7,
                flag=bool(i % 2),
                caption=f"picture {i}",
                prompt=f"What is in picture {i}?",
                day=datetime.date(2026, 1, 1 + i % 28),
                moment=datetime.datetime(2026, 1, 1, i % 24),
                words=[f"w{i}", "x"],
                numbers=[float(i), 1.0],
                embedding=np.arange(4, dtype=np.float32) + i,
                location=fo.GeoLocation(point=[-73.9 + 0.01 * i, 40.7]),
            )
            for i in range(n)
        ]
    )
    return dataset


def all_labels(media):
    """A dataset with one field for each of FiftyOne's label types, and users' own."""
    dataset = fo.Dataset(name("labels"))
    sample = fo.Sample(filepath=str(media / "image_00.png"))
    for field, label in LABELS.items():
        sample[field] = label()

    sample["inner"] = Inner(b=fo.Classification(label="nested"), number=3)
    dataset.add_sample(sample)
    dataset.add_sample_field("many", fo.ListField, subfield=fo.EmbeddedDocumentField, embedded_doc_type=Inner)
    return dataset


LABELS = {
    "regression": lambda: fo.Regression(value=3.14, confidence=0.89),
    "classification": lambda: fo.Classification(label="cat", confidence=0.95),
    "classifications": lambda: fo.Classifications(
        classifications=[fo.Classification(label="cat"), fo.Classification(label="dog")]
    ),
    "detection": lambda: fo.Detection(label="dog", bounding_box=[0, 0, 1, 1], confidence=0.88),
    "detections": lambda: detections(2),
    "polyline": lambda: fo.Polyline(label="road", points=[[(0, 0), (1, 1)]]),
    "polylines": lambda: fo.Polylines(polylines=[fo.Polyline(label="road", points=[[(0, 0), (1, 1)]])]),
    "keypoint": lambda: fo.Keypoint(label="nose", points=[(0.5, 0.5)]),
    "keypoints": lambda: fo.Keypoints(keypoints=[fo.Keypoint(label="nose", points=[(0.5, 0.5)])]),
    "segmentation": lambda: fo.Segmentation(mask=np.zeros((4, 4), np.uint8)),
    "heatmap": lambda: fo.Heatmap(map=np.zeros((4, 4)), range=[0, 1]),
    "temporal_detection": lambda: fo.TemporalDetection(label="action", support=[1, 4]),
    "temporal_detections": lambda: fo.TemporalDetections(
        detections=[fo.TemporalDetection(label="action", support=[1, 4])]
    ),
    "geo_location": lambda: fo.GeoLocation(point=[-73.99, 40.73]),
    "geo_locations": lambda: fo.GeoLocations(points=[[-73.99, 40.73]]),
    "custom": lambda: Custom(label="mine"),
    "bare": lambda: Bare(text="mine"),
}


def groups(media):
    """A grouped dataset with the slices left (its default) and right."""
    dataset = fo.Dataset(name("groups"))
    dataset.add_group_field("group", default="left")
    samples = []
    for i in range(IMAGES // 2):
        group = fo.Group()
        for k, slice_name in enumerate(("left", "right")):
            samples.append(
                fo.Sample(
                    filepath=str(media / f"image_{2 * i + k:02}.png"),
                    group=group.element(slice_name),
                    number=i,
                    side=slice_name,
                    ground_truth=detections(i + k),
                )
            )

    dataset.add_samples(samples)
    return dataset


def scenes(media):
    """A dataset of pictures that belong to scenes, for dynamic groups."""
    dataset = images(media)
    dataset.set_values("scene", [f"s{i % 3}" for i in range(len(dataset))])
    dataset.set_values("order", [-i for i in range(len(dataset))])
    return dataset


def videos(media):
    """A dataset of videos with labels on samples and frames."""
    dataset = fo.Dataset(name("videos"))
    for i in range(3):
        sample = fo.Sample(
            filepath=str(media / f"video_{i}.avi"),
            metadata=fo.VideoMetadata(
                total_frame_count=FRAMES, frame_rate=10, frame_width=SIZE[0], frame_height=SIZE[1], duration=0.8
            ),
            number=i,
            events=fo.TemporalDetections(
                detections=[
                    fo.TemporalDetection(label="start", support=[1, 3], confidence=0.9),
                    fo.TemporalDetection(label="end", support=[5, 5 + i]),
                ]
            ),
        )
        for number in range(1, FRAMES + 1):
            sample.frames[number] = fo.Frame(
                objects=fo.Detections(
                    detections=[
                        fo.Detection(
                            label=CLASSES[k], bounding_box=[0.1, 0.1, 0.2, 0.2], index=k, confidence=number / 10
                        )
                        for k in range(1 + number % 2)
                    ]
                ),
                quality=number / 10,
                filepath=str(media / f"image_{number:02}.png"),
            )

        dataset.add_sample(sample)

    return dataset
