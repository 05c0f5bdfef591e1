"""Views of all kinds are logged and made again, and compared sample by sample and label by label."""

import dataclasses
import datetime
import re

import pytest
from bson import ObjectId
from fiftyone import ViewField as F

from shim import query
from shim.restoring import rebuild
from support import views
from support.contents import content

pytestmark = [pytest.mark.oldest, pytest.mark.usefixtures("fiftyone")]

MORE = {
    "map_values of numbers": lambda d: d["images"].map_values("number", {1: 100, 2: 200}),
    "match a date": lambda d: d["images"].match(F("moment") > datetime.datetime(2026, 1, 1, 6)),
    "match an id": lambda d: d["images"].match({"_id": {"$gt": ObjectId(d["images"].limit(3).last().id)}}),
    "match a pattern": lambda d: d["images"].match({"caption": re.compile("^PICTURE 1", re.IGNORECASE)}),
    "match text": lambda d: d["images"].match({"caption": {"$regex": "^picture", "$nin": ["picture 3"]}}),
    "re_match": lambda d: d["images"].match(F("caption").re_match("1$")),
    "match labels by tags": lambda d: d["images"].match_labels(tags="none", bool=False),
    "concat of concats": lambda d: d["images"].limit(1).concat(d["images"].skip(3).concat(d["images"].limit(2))),
    "exclude_frames": lambda d: d["videos"].exclude_frames(d["videos"].values("frames.id", unwind=True)[::3]),
    "mongo in steps": lambda d: d["images"].mongo(
        [{"$match": {"$expr": {"$gt": ["$number", 3]}}}, {"$sort": {"flag": -1, "number": 1}}, {"$limit": 4}]
    ),
    "mongo that changes a field": lambda d: d["images"].mongo(
        [{"$set": {"number": {"$add": ["$number", 100]}}}, {"$match": {"number": {"$gt": 104}}}]
    ),
    "mongo that changes patches": lambda d: (
        d["images"].to_patches("ground_truth").mongo([{"$set": {"ground_truth.label": "all"}}])
    ),
    "patches taken, filtered and shuffled": lambda d: (
        d["images"]
        .to_patches("predictions")
        .take(9)
        .match(F("predictions.label") != "dog")  # there are fewer than nine of those
        .limit(3)
        .shuffle()
        .map_labels("predictions", {"cat": "katze"})
    ),
    "evaluation patches taken": lambda d: d["images"].to_evaluation_patches("ev").take(5, seed=2),
    "frames taken": lambda d: d["videos"].to_frames(sample_frames=False).take(7),
    "patches of shuffled frames": lambda d: (
        d["videos"].to_frames(sample_frames=False).shuffle().limit(6).to_patches("objects").take(4)
    ),
    "clips shuffled": lambda d: d["videos"].to_clips("events").shuffle(),
    "frames at a rate": lambda d: d["videos"].to_frames(sample_frames=False, max_fps=5),
    "labels by ids": lambda d: d["images"].select_labels(
        ids=d["images"].limit(4).values("predictions.detections.id", unwind=True)[::2], fields="predictions"
    ),
    "strings with dollars": lambda d: d["images"].match({"caption": {"$ne": "$caption"}}).limit(2),
}
# FiftyOne writes such texts into its expressions as they are.
PRICES = [f"${dollars}.{cents}" for dollars in range(30) for cents in range(10)]
MORE.update(
    {
        "one of many strings with dollars": lambda d: d["images"].match(F("caption").is_in([*PRICES, "picture 2"])),
        "labels that are one of many strings with dollars": lambda d: d["images"].filter_labels(
            "ground_truth", F("label").is_in([*PRICES, "cat"])
        ),
        "tags among many strings with dollars": lambda d: d["images"].match(F("tags").is_subset([*PRICES, "test"])),
    }
)
ALL = {**views.ALL, **MORE}


def test_at_least_thirty_kinds():
    assert len(ALL) >= 80


@pytest.mark.parametrize("kind", sorted(set(ALL) - {"empty"}))
def test_the_same_view(data, log, kind):
    view = query.as_view(ALL[kind](data))
    logged = log(view)
    expected = content(view)

    again = rebuild.restore(query.root_dataset(view), logged)

    assert again.way == (rebuild.STAGES if query.is_subset(view) else rebuild.DATASET)
    assert content(again.view) == expected
    assert (again.gone, again.new, again.changed, again.notes) == (0, 0, 0, [])
    assert again.rows == len(expected)
    assert type(again.view) is type(view)


@pytest.mark.parametrize("kind", ["trajectories", "the original's patches"])
def test_rows_that_are_random_each_time(data, log, kind):
    """FiftyOne gives them other random numbers, and they have no ids that last, or the artifact does not say them."""
    if kind == "trajectories":
        view = data["videos"].to_trajectories("frames.objects").take(2)
        logged = log(view)
    else:
        view = data["images"].to_patches("ground_truth").take(5)
        logged = dataclasses.replace(log(view), serialization=query.serialization(view))

    again = rebuild.restore(query.root_dataset(view), logged)

    assert (again.way, again.rows) == (rebuild.STAGES, len(view))
    assert "gives patches, clips and frames another order each time" in again.notes[0]


def test_an_empty_view_is_an_error(data, log):
    """The original plugin saved an empty view and called that a success."""
    view = data["images"].match_tags("train")
    logged = log(view)
    other = data["more"]

    with pytest.raises(RuntimeError, match="no samples in the dataset") as caught:
        rebuild.restore(other, logged, by_ids=True)

    assert data["images"].name in str(caught.value)
