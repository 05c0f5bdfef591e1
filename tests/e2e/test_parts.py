"""Some rows of a view, and what would be logged without doing it."""

import fiftyone as fo
import pytest
from fiftyone import ViewField as F

from support import datasets
from support.views import ALL
from tests.e2e.common import PROJECT, new_id
from tests.e2e.reading import file, lines


def ids(read, result):
    return lines(read.artifact(result), "fiftyone/sample_ids.txt")


def test_some_rows_at_random(data, log_view, read):
    view = data["images"].sort_by("number", reverse=True)
    first = log_view(view, include_labels=True, max_samples=5)
    again = log_view(view, include_labels=True, max_samples=5)
    other = log_view(view, include_labels=True, max_samples=5, seed=7)

    everything = view.values("id")
    chosen = ids(read, first)
    assert chosen == [i for i in everything if i in chosen]  # in the view's order
    assert len(chosen) == 5
    assert ids(read, again) == chosen
    assert set(ids(read, other)) != set(chosen)
    assert [row["sample_id"] for row in read.rows(first, "samples")] == chosen
    assert (first["samples_logged"], first["samples_in_view"]) == (5, 12)

    metadata = read.artifact(first).metadata
    assert metadata["selection"] == {"max_samples": 5, "of": 12, "select_by": "random", "seed": 0}
    assert (metadata["num_samples"], metadata["fiftyone_view_size"]) == (5, 12)
    assert metadata["is_subset_view"] is True


def test_more_than_there_are_is_all(data, log_view):
    name = f"all-{new_id()}"
    kwargs = {"include_labels": True, "artifact_name": name}
    assert log_view(data["images"], **kwargs)["new_version"]
    for most in (12, 1000):
        assert not log_view(data["images"], max_samples=most, **kwargs)["new_version"]
    assert log_view(data["images"], max_samples=11, **kwargs)["new_version"]


KINDS = {
    "dataset": lambda d: d["images"],
    "filtered": lambda d: d["images"].filter_labels("predictions", F("label") == "cat"),
    "patches": lambda d: d["images"].to_patches("ground_truth"),
    "frames": lambda d: d["videos"].to_frames(sample_frames=False),
    "clips": lambda d: d["videos"].to_clips("events"),
    "groups": lambda d: d["groups"],
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_parts_are_loaded_as_parts(data, log_view, operator, read, kind):
    view = KINDS[kind](data)
    result = log_view(view, include_labels=kind != "clips", max_samples=3)
    assert result["samples_logged"] == 3

    load = operator("load_view_from_wandb")
    source = data[
        "images" if kind in ("dataset", "filtered", "patches") else "groups" if kind == "groups" else "videos"
    ]
    again = load(source, project=PROJECT, artifact=f"{result['artifact_name']}:v0")

    if kind == "clips":  # by the videos that they are of
        assert set(again.values("id")) == set(ids(read, result))
        return
    assert len(again) == 3
    rows = read.rows(result, "samples")
    key = {"patches": "patch_id", "frames": "frame_id"}.get(kind, "sample_id")
    assert again.values("id") == [row[key] for row in rows]
    assert type(again) is type(view.view())


def test_clips_of_an_expression_are_chosen_by_what_they_are(data, log_view, read):
    """Their ids are new each time."""
    name = f"clips-{new_id()}"
    results = [log_view(ALL["clips of an expression"](data), max_samples=2, artifact_name=name) for _ in range(2)]
    assert [r["new_version"] for r in results] == [True, False]


def test_the_least_confident(dataset, media, log_predictions, read):
    scores = [0.9, 0.2, None, 0.5, 0.1, 0.3]
    made = dataset(
        [
            fo.Sample(
                filepath=str(media / f"image_{i:02}.png"),
                p=fo.Detections(
                    detections=[
                        fo.Detection(label="x", bounding_box=[0, 0, 1, 1], confidence=c) for c in (score, 0.95) if c
                    ]
                )
                if score
                else None,
                answer=str(i),
            )
            for i, score in enumerate(scores)
        ]
    )
    every = made.values("id")
    result = log_predictions(made, "p", max_samples=3, select_by="lowest_confidence")
    assert ids(read, result) == [every[1], every[4], every[5]]
    assert read.artifact(result).metadata["selection"] == {
        "max_samples": 3,
        "of": 6,
        "select_by": "lowest_confidence",
    }
    result = log_predictions(made, "p", max_samples=5, select_by="lowest_confidence")
    assert ids(read, result) == [i for i in every if i != every[2]]
    with pytest.raises(RuntimeError, match="strings have no confidence"):
        log_predictions(made, "answer", max_samples=3, select_by="lowest_confidence")
    assert log_predictions(made, "answer", max_samples=3)["samples_processed"] == 3


@pytest.mark.parametrize(
    "change",
    [
        {"max_samples": 0},
        {"max_samples": 2.5},
        {"max_samples": True},
        {"max_samples": 3, "seed": "x"},
        {"max_samples": 2**63},
        {"pictures_max": -1},
        {"pictures_max": 1_000_001},
        {"pictures_max": "many"},
    ],
)
def test_wrong_parts(data, log_view, change):
    with pytest.raises(RuntimeError, match="has to be a whole number"):
        log_view(data["images"], include_labels=True, **change)


def test_some_rows_show_pictures(data, log_view, log_predictions, read):
    kwargs = {"include_labels": True, "artifact_name": f"some-{new_id()}"}
    whole = log_view(data["images"], **kwargs)
    assert not log_view(data["images"], pictures_max=12, **kwargs)["new_version"]
    assert not log_view(data["images"], pictures_max=0, **kwargs)["new_version"]

    result = log_view(data["images"], pictures_max=5, **kwargs)
    rows = read.rows(result, "samples")
    assert [row["sample_id"] for row in rows] == [row["sample_id"] for row in read.rows(whole, "samples")]
    shown = [row["sample_id"] for row in rows if row["image"] is not None]
    assert len(shown) == 5
    (warning,) = [w for w in result["warnings"] if w["code"] == "pictures_max"]
    assert "5 of 12 rows show pictures" in warning["message"]
    assert read.artifact(result).metadata["picture_selection"] == {
        "pictures_max": 5,
        "rows": 5,
        "of": 12,
        "seed": 0,
    }

    dry = log_predictions(data["images"], "predictions", image_mode="thumbnail", pictures_max=5, seed=3, dry_run=True)
    assert [w["code"] for w in dry["warnings"]] == ["pictures_max"]
    assert dry["entries"] == dry["files"]
    assert dry["client_memory_bytes"] == 1842 * dry["entries"]
    assert 100 * dry["entries"] < dry["manifest_bytes"] < 250 * dry["entries"]


def test_a_dry_run_does_nothing(media, fiftyone, log_view, log_predictions, server):
    made = datasets.images(media)
    before, runs = server.everything(), made.list_runs()
    name = f"dry-{new_id()}"
    for dry in (
        log_view(made, include_labels=True, artifact_name=name, dry_run=True),
        log_view(made, project=f"none-{new_id()}", dry_run=True, run_id=None),
        log_predictions(made, "predictions", image_mode="thumbnail", dry_run=True),
    ):
        assert dry["success"] and dry["dry_run"] and dry["new_version"]
        assert (dry["files_to_upload"], dry["bytes_to_upload"]) == (dry["files"], dry["bytes"])
        assert dry["rows"] == 12
        assert "run_id" not in dry
    assert server.everything() == before
    made.reload()
    assert made.list_runs() == runs
    made.delete()


def test_a_dry_run_tells_what_is_there(media, fiftyone, log_view, server):
    made = datasets.images(media)
    kwargs = {"include_labels": True, "artifact_name": f"dry-{new_id()}"}
    dry = log_view(made, dry_run=True, **kwargs)
    real = log_view(made, **kwargs)
    stored = server.artifact(real)["files"]
    assert dry["files"] == len(stored) == real["files_uploaded"]
    assert dry["bytes"] == sum(f["size"] for f in stored.values()) == real["bytes_uploaded"]

    same = log_view(made, dry_run=True, **kwargs)
    assert (same["new_version"], same["artifact_version"]) == (False, "v0")
    assert (same["files_to_upload"], same["bytes_to_upload"]) == (0, 0)
    assert same["artifact_url"] == real["artifact_url"]

    part = made.match(F("number") < 11)
    dry = log_view(part, dry_run=True, **kwargs)
    real = log_view(part, **kwargs)
    assert (dry["files_to_upload"], dry["files_unchanged"]) == (real["files_uploaded"], real["files_unchanged"])
    assert dry["bytes_to_upload"] == real["bytes_uploaded"]
    assert dry["files_unchanged"] >= 11
    # Also of an older version.
    old = log_view(made, dry_run=True, **kwargs)
    assert (old["new_version"], old["artifact_version"]) == (False, "v0")
    made.delete()


@pytest.mark.parametrize("mode", ["original", "reference"])
def test_a_dry_run_agrees_with_what_follows(media, fiftyone, log_view, mode):
    made = datasets.images(media)
    kwargs = {"include_labels": True, "artifact_name": f"dry-{new_id()}", "image_mode": mode, "max_samples": 7}
    for new in (True, False):
        dry = log_view(made, dry_run=True, **kwargs)
        real = log_view(made, **kwargs)
        assert dry["new_version"] is real["new_version"] is new
        assert (dry["files_to_upload"], dry["bytes_to_upload"]) == (real["files_uploaded"], real["bytes_uploaded"])
        assert dry["files_unchanged"] == real["files_unchanged"] == (0 if new else dry["files"])
        assert dry["rows"] == real["samples_logged"] == 7

    made.delete()


def test_what_a_part_of_the_view_file_says(data, log_view, read):
    """Its stages end with one that selects the rows."""
    result = log_view(data["images"].limit(8), include_labels=True, max_samples=2)
    text = file(read.artifact(result), "fiftyone/view.json").decode()
    assert "fiftyone.core.stages.Limit" in text
    assert all(i in text for i in ids(read, result))
