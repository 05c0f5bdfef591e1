"""Datasets for the benchmarks, made fast: FiftyOne makes the schema, MongoDB gets the documents as bytes."""

from __future__ import annotations

import datetime
import os
import struct

import bson
import fiftyone as fo
import fiftyone.core.odm as foo
import numpy as np
from bson.raw_bson import RawBSONDocument

CLASSES = ("person", "car", "dog", "bicycle", "traffic light", "truck", "bus", "cat", "bird", "boat")
BOXES = 10
TEMPLATES = 1000
BATCH = 5000


def detections_dataset(name: str, count: int) -> fo.Dataset:
    """A dataset of this many samples with two fields of about ten detections each; kept between benchmarks."""
    if name in fo.list_datasets():
        dataset = fo.load_dataset(name)
        if len(dataset) == count:
            return dataset
        fo.delete_dataset(name)
    rng = np.random.default_rng(51)
    dataset = fo.Dataset(name, persistent=True)
    example = fo.Sample(filepath="/data/0.jpg", tags=["train"])
    example.metadata = fo.ImageMetadata(size_bytes=87000, mime_type="image/jpeg", width=640, height=480, num_channels=3)
    for field in ("ground_truth", "predictions"):
        box = fo.Detection(label="person", bounding_box=[0, 0, 1, 1], confidence=0.5)
        example[field] = fo.Detections(detections=[box])
    dataset.add_sample(example)
    collection = foo.get_db_conn()[dataset._sample_collection_name]
    pattern = collection.find_one({})
    del example  # else FiftyOne says that it was deleted
    collection.delete_many({})
    templates = [bytes(bson.encode(_document(pattern, i, rng))) for i in range(TEMPLATES)]
    for start in range(0, count, BATCH):
        rows = range(start, min(start + BATCH, count))
        collection.insert_many([RawBSONDocument(_numbered(templates[i % TEMPLATES], i)) for i in rows], ordered=True)
    dataset.reload()
    return dataset


def evaluated_dataset(name: str, count: int) -> fo.Dataset:
    """A dataset of so many samples whose predictions were evaluated under the key "ev", with about 20 matches each."""
    dataset = detections_dataset(name, count)
    if "ev" not in dataset.list_evaluations():
        dataset.evaluate_detections("predictions", gt_field="ground_truth", eval_key="ev")
    return dataset


def _document(pattern: dict, i: int, rng: np.random.Generator) -> dict:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    document = {"_id": bson.ObjectId()}
    document.update({k: v for k, v in pattern.items() if k != "_id"})
    document.update(
        filepath=f"/data/images/{i:07d}.jpg", tags=[("train", "val", "test")[i % 3]], _rand=float(rng.random())
    )
    document.update(created_at=now, last_modified_at=now)
    for field in ("ground_truth", "predictions"):
        document[field] = {"_cls": "Detections", "detections": [_detection(rng, field) for _ in range(_boxes(rng))]}
    return document


def _boxes(rng: np.random.Generator) -> int:
    return int(rng.integers(BOXES - 3, BOXES + 4))


def _detection(rng: np.random.Generator, field: str) -> dict:
    x, y = rng.random(2) * 0.8
    one = {"_id": bson.ObjectId(), "_cls": "Detection", "attributes": {}, "tags": []}
    one.update(label=CLASSES[int(rng.integers(len(CLASSES)))], bounding_box=[float(x), float(y), 0.15, 0.2])
    if field == "predictions":
        one["confidence"] = float(rng.random())
    return one


def _numbered(template: bytes, i: int) -> bytes:
    """The same document with another _id, which stands first: 4 bytes of length, 5 of the element's head."""
    return template[:9] + struct.pack(">Q", i) + os.urandom(4) + template[21:]
