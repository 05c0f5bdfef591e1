"""Every kind of view, for tests that have to work with all of them."""

import fiftyone as fo
import fiftyone.brain as fob
from fiftyone import ViewField as F

from support import datasets


def sources(media):
    """The datasets that the views below are of, by name."""
    made = {
        "images": datasets.images(media),
        "groups": datasets.groups(media),
        "scenes": datasets.scenes(media),
        "videos": datasets.videos(media),
        "labels": datasets.all_labels(media),
        "more": datasets.images(media),
    }
    made["images"].evaluate_detections("predictions", gt_field="ground_truth", eval_key="ev")
    made["images"].save_view("saved", made["images"].match_tags("val").sort_by("number", reverse=True))
    fob.compute_similarity(made["images"], embeddings="embedding", brain_key="sim", backend="sklearn")
    made["images"].create_index([("location.point", "2dsphere")])
    return made


# Functions of those datasets.
VIEWS = {
    "dataset": lambda d: d["images"],
    "no stages": lambda d: d["images"].view(),
    "match": lambda d: d["images"].match(F("score") > 0.5),
    "match_tags": lambda d: d["images"].match_tags("train"),
    "filter_labels": lambda d: d["images"].filter_labels("ground_truth", F("label") == "cat"),
    "filter_labels keep": lambda d: d["images"].filter_labels("ground_truth", F("area") > 5, only_matches=False),
    "filter_field": lambda d: d["images"].filter_field("score", F() > 0.5, only_matches=False),
    "map_labels": lambda d: d["images"].map_labels("weather", {"sun": "fine"}),
    "set_field": lambda d: d["images"].set_field("score", F("score") * 2),
    "limit": lambda d: d["images"].limit(3),
    "skip": lambda d: d["images"].skip(5),
    "slice": lambda d: d["images"][2:7],
    "limit_labels": lambda d: d["images"].limit_labels("ground_truth", 1),
    "take": lambda d: d["images"].take(5, seed=51),
    "take without seed": lambda d: d["images"].take(5),
    "shuffle": lambda d: d["images"].shuffle(seed=3),
    "shuffle without seed": lambda d: d["images"].shuffle(),
    "sort_by": lambda d: d["images"].sort_by("number", reverse=True),
    "sort_by expression": lambda d: d["images"].sort_by(F("ground_truth.detections").length()),
    "sort_by two fields": lambda d: d["images"].sort_by([("flag", 1), ("number", -1)]),
    "select": lambda d: d["images"].select(d["images"].values("id")[3:6]),
    "select ordered": lambda d: d["images"].select(d["images"].values("id")[::-2], ordered=True),
    "select_by": lambda d: d["images"].select_by("number", [7, 2], ordered=True),
    "exclude": lambda d: d["images"].exclude(d["images"].values("id")[:4]),
    "exclude_by": lambda d: d["images"].exclude_by("number", [1, 2]),
    "select_fields": lambda d: d["images"].select_fields("weather"),
    "exclude_fields": lambda d: d["images"].exclude_fields("predictions"),
    "exists": lambda d: d["images"].exists("predictions"),
    "match_labels": lambda d: d["images"].match_labels(filter=F("label") == "dog"),
    "select_labels": lambda d: d["images"].select_labels(
        ids=d["images"].limit(2).values("ground_truth.detections.id", unwind=True)
    ),
    "exclude_labels": lambda d: d["images"].exclude_labels(fields="ground_truth"),
    "geo_near": lambda d: d["images"].geo_near([-73.9, 40.7], location_field="location", create_index=False),
    "geo_within": lambda d: d["images"].geo_within(
        [[[-74, 40], [-73.85, 40], [-73.85, 41], [-74, 41], [-74, 40]]], location_field="location"
    ),
    "mongo": lambda d: d["images"].mongo([{"$match": {"number": {"$gt": 4}}}]),
    "concat": lambda d: d["images"].match_tags("val").concat(d["images"].match_tags("train")),
    "concat twice": lambda d: d["images"].limit(2).concat(d["images"].limit(2)),
    "saved view": lambda d: d["images"].load_saved_view("saved"),
    "chain": lambda d: d["images"].match_tags("train").filter_labels("predictions", F("label") == "dog").limit(2),
    "empty": lambda d: d["images"].match(F("number") > 1000),
    "patches": lambda d: d["images"].to_patches("ground_truth"),
    "patches filtered": lambda d: d["images"].to_patches("ground_truth").match(F("ground_truth.label") == "cat"),
    "patches of a view": lambda d: d["images"].limit(4).to_patches("predictions").sort_by("predictions.area"),
    "evaluation patches": lambda d: d["images"].to_evaluation_patches("ev"),
    "evaluation patches fp": lambda d: d["images"].to_evaluation_patches("ev").match(F("type") == "fp"),
    "group": lambda d: d["groups"],
    "group sorted": lambda d: d["groups"].sort_by("number", reverse=True),
    "group slice": lambda d: d["groups"].select_group_slices("right"),
    "group slices": lambda d: d["groups"].select_group_slices(["left", "right"]),
    "group all flat": lambda d: d["groups"].select_group_slices(),
    "group match": lambda d: d["groups"].match(F("groups.right.number") > 2),
    "group exclude slice": lambda d: d["groups"].exclude_groups(d["groups"].first().group.id),
    "group active slice": lambda d: _active(d["groups"], "right"),
    "dynamic groups": lambda d: d["scenes"].group_by("scene", order_by="order"),
    "one dynamic group": lambda d: d["scenes"].group_by("scene", order_by="order").get_dynamic_group("s1"),
    "videos": lambda d: d["videos"],
    "match_frames": lambda d: d["videos"].match_frames(F("quality") > 0.7),
    "filter on frames": lambda d: d["videos"].filter_labels("frames.objects", F("label") == "dog"),
    "videos by frames": lambda d: d["videos"].sort_by(F("frames").length()),
    "frames": lambda d: d["videos"].to_frames(sample_frames=False),
    "frames of videos": lambda d: d["videos"].to_frames(sample_frames="dynamic"),
    "frames filtered": lambda d: d["videos"].to_frames(sample_frames=False).match(F("quality") > 0.5),
    "frame patches": lambda d: d["videos"].to_frames(sample_frames=False).to_patches("objects"),
    "clips of a field": lambda d: d["videos"].to_clips("events"),
    "clips sorted": lambda d: d["videos"].to_clips("events").sort_by("support", reverse=True),
    "clips of an expression": lambda d: d["videos"].to_clips(F("objects.detections").length() > 1),
    "trajectories": lambda d: d["videos"].to_trajectories("frames.objects"),
}

# What few tests need.
MORE = {
    "similarity": lambda d: d["images"].sort_by_similarity(d["images"].first().id, k=5, brain_key="sim"),
    "similarity reversed": lambda d: d["images"].sort_by_similarity(
        d["images"].last().id, k=4, reverse=True, brain_key="sim"
    ),
    "similarity to a vector": lambda d: d["images"].sort_by_similarity(
        d["images"].first()["embedding"] + 0.1, k=3, brain_key="sim"
    ),
    "exists not": lambda d: d["labels"].exists("metadata", False),
    "match an expression": lambda d: d["images"].match(F("predictions.detections").length() > 1),
    "match_labels by ids": lambda d: d["images"].match_labels(
        ids=d["images"].limit(2).values("predictions.detections.id", unwind=True)
    ),
    "filter two fields": lambda d: (
        d["images"]
        .filter_labels("ground_truth", F("label") == "cat")
        .filter_labels("predictions", F("confidence") > 0.3)
    ),
    "set_field of labels": lambda d: d["images"].set_field("predictions.detections.label", F("label").upper()),
    "map_values": lambda d: d["images"].map_values("caption", {"picture 1": "one", "picture 2": "two"}),
    "select then shuffle": lambda d: d["images"].select(d["images"].values("id")[::2]).shuffle(seed=5),
    "skip and limit": lambda d: d["images"].sort_by("score", reverse=True).skip(2).limit(6),
    "only ids": lambda d: d["images"].select_fields(),
    "concat of filtered": lambda d: (
        d["images"].filter_labels("ground_truth", F("label") == "cat").concat(d["images"].limit(3))
    ),
    "concat of patches": lambda d: _ends(d["images"].to_patches("ground_truth")),
    "patches with other fields": lambda d: d["images"].to_patches("ground_truth", other_fields=["number", "weather"]),
    "patches shuffled": lambda d: d["images"].to_patches("predictions").shuffle(seed=7),
    "evaluation patches sorted": lambda d: d["images"].to_evaluation_patches("ev").sort_by("iou", reverse=True),
    "select_groups": lambda d: d["groups"].select_groups(d["groups"].values("group.id")[1:4]),
    "group taken": lambda d: d["groups"].take(3, seed=9),
    "right slice of a filtered left one": lambda d: d["groups"].match(F("number") > 2).select_group_slices("right"),
    "dynamic groups by an expression": lambda d: d["scenes"].group_by(F("number") % 3, order_by="order"),
    "flat dynamic groups": lambda d: d["scenes"].group_by("scene", order_by="order").flatten(fo.Limit(2)),
    "clips by hand": lambda d: d["videos"].to_clips([[(1, 2)], [(2, 4), (5, 6)], []]),
    "clips of frame labels": lambda d: d["videos"].to_clips("frames.objects", min_len=1),
    "clips filtered": lambda d: d["videos"].to_clips("events").filter_labels("events", F("label") == "end"),
    "frames sorted": lambda d: d["videos"].to_frames(sample_frames=False).sort_by("quality", reverse=True).limit(9),
    "frames of some videos": lambda d: d["videos"].limit(1).to_frames(sample_frames=False),
    "frame evaluation of labels": lambda d: (
        d["videos"].filter_labels("frames.objects", F("label") == "cat").to_frames(sample_frames=False)
    ),
    "trajectories filtered": lambda d: d["videos"].to_trajectories("frames.objects").skip(1),
    "select_frames": lambda d: d["videos"].select_frames(d["videos"].values("frames.id", unwind=True)[::3]),
}

ALL = {**VIEWS, **MORE}


def _active(dataset, name):
    view = dataset.view()
    view.group_slice = name
    return view


def _ends(view):
    return view[:3].concat(view[-3:])
