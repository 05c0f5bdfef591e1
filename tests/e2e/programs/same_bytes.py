"""Makes datasets out of documents with fixed ids, logs views of them, and prints the results."""

import json
import sys

import bson
import fiftyone as fo
import fiftyone.operators as foo
from fiftyone import ViewField as F

BEGIN = 0x1234567890ABCDEF12345678


class Ids:
    """Consecutive ids instead of those that FiftyOne made."""

    def __init__(self):
        self._known = {}

    def __call__(self, value):
        if isinstance(value, bson.ObjectId):
            number = self._known.setdefault(value, len(self._known))
            return bson.ObjectId((BEGIN + number).to_bytes(12, "big"))
        if isinstance(value, dict):
            return {k: v if k == "_dataset_id" else self(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self(v) for v in value]
        return value


def log_all(media):
    """Logs views of datasets that it makes of the files in a directory and removes again; returns the results."""
    images, videos = dataset("same-images", image, media), dataset("same-videos", video, media)
    log_view = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
    log_predictions = foo.get_operator("@harpreetsahota/wandb/log_model_predictions")
    views = {
        "whole": images,
        "subset": images.match_tags("train")
        .filter_labels("boxes", F("confidence") > 0.2)
        .sort_by("number", reverse=True),
        "patches": images.to_patches("boxes"),
        "frames": videos.to_frames(sample_frames=False),
        "clips": videos.to_clips(F("objects.detections").length() > 0),
        "trajectories": videos.to_trajectories("frames.objects"),
    }
    results = [
        log_view(
            view,
            project="same",
            artifact_name=f"same-{name}",
            include_labels=name not in ("clips", "trajectories"),
            embedding_field="vector" if view.has_field("vector") else None,
        )
        for name, view in views.items()
    ]
    results.append(
        log_predictions(views["subset"], "m", "boxes", "same", artifact_name="same-predictions", include_images=True)
    )
    images.delete()
    videos.delete()
    return results


def dataset(name, make, media):
    made = fo.Dataset(name)
    made.add_samples([make(i, media) for i in range(6)])
    ids = Ids()
    database = fo.core.odm.get_db_conn()
    for collection in (made._sample_collection_name, made._frame_collection_name):
        if collection and collection in database.list_collection_names():
            documents = [ids(document) for document in database[collection].find({})]
            database[collection].delete_many({})
            database[collection].insert_many(documents)
    made.reload()
    return fo.load_dataset(name)


def image(i, media):
    boxes = [
        fo.Detection(label=f"class {k}", bounding_box=[0.1 * k, 0.1, 0.2, 0.2], confidence=k / 7)
        for k in range(1 + i % 3)
    ]
    return fo.Sample(
        filepath=f"{media}/image_{i:02}.png",
        tags=["train"] if i % 2 else [],
        number=i,
        boxes=fo.Detections(detections=boxes),
        vector=[float(i), 1.0],
        where=fo.GeoLocation(point=[i, 2.5]),
    )


def video(i, media):
    sample = fo.Sample(filepath=f"{media}/video_{i % 3}.avi")
    for number in range(1, 9):
        boxes = [fo.Detection(label="x", bounding_box=[0, 0, 1, 1], index=1)] if number > i else []
        sample.frames[number] = fo.Frame(
            objects=fo.Detections(detections=boxes), filepath=f"{media}/image_{number:02}.png"
        )
    return sample


if __name__ == "__main__":
    print(json.dumps(log_all(sys.argv[1])))
