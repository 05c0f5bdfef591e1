"""More kinds of views than ``support.views`` has: functions of its datasets, in a dict."""

import fiftyone as fo
from fiftyone import ViewField as F

from support.views import VIEWS

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


def _ends(view):
    return view[:3].concat(view[-3:])
