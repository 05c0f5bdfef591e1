"""Forms: what they say will happen."""

import threading

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext

from support import datasets
from support.fake_worker import module
from support.forms import PREDICTIONS, VIEW, fields, offered
from support.waiting import wait_for

pytestmark = pytest.mark.oldest


def test_plan_of_pictures(operator, lookups, images, monkeypatch):
    def plan(**params):
        return fields(operator(VIEW), images, {"include_labels": True, **params})["plan"]["view"]["description"]

    assert "entries" not in plan()
    monkeypatch.setattr(module(operator(VIEW), "operators.plan"), "_MANY_ENTRIES", 1)
    every = len(images)
    assert f"Up to {every} entries: a manifest of 1.7 kB" in plan()
    assert f"3 of {every} rows show pictures, chosen at random. 3 thumbnails" in plan(pictures_max=3)
    assert "Up to 3 entries" in plan(pictures_max=3)
    assert f"Up to {2 * every} entries" in plan(image_mode="reference")
    assert "entries" not in plan(include_images=False)

    counts = module(operator(VIEW), "operators.counts")
    monkeypatch.setattr(counts, "rows", lambda view: counts.LIMIT)
    assert "100,000 of more than 1,000,000 rows show pictures" in plan()
    assert "This is for 1,000,000 rows, and the view has more" in plan()
    text = plan(pictures_max=0, image_mode="reference")
    assert "Up to 2,000,002 entries: with more than 1,000,000" in text and "the job will be refused. Lower" in text


def test_plan_of_several_workers(operator, lookups, images, monkeypatch):
    def plan(rows, **params):
        monkeypatch.setattr(module(operator(VIEW), "operators.counts"), "rows", lambda view: rows)
        form = fields(operator(VIEW), images, {"include_labels": True, **params})
        return form["plan"]["view"]["description"]

    assert "Workers" not in plan(200_000) and "orker" not in plan(None, workers=3)
    assert "Several background services can share it: see Workers in More options" in plan(300_000)
    assert "orker" not in plan(300_000, dry_run=True)
    assert "One worker will do it, since it is a dry run" in plan(300_000, dry_run=True, workers=4)
    assert "Scheduled, 4 background services share it, in parts of 20,000 rows" in plan(300_000, workers=4)
    assert "Scheduled, 11 background services share it" in plan(200_001, workers=64)
    assert "One worker will do it, since there are at most 200,000 rows" in plan(200_000, workers=4)
    assert "One worker will do it" in plan(300_000, workers=4, max_samples=1000)


def test_what_takes_long_to_count_is_said_later(operator, lookups, images, monkeypatch):
    log, counted, view = operator(VIEW), threading.Event(), images.match_tags("train").limit(3)
    counts, number = module(log, "operators.counts"), 262_500
    monkeypatch.setattr(counts, "_WAIT", 0.01)
    monkeypatch.setattr(counts.query, "count", lambda *_: number if counted.wait(60) else None)

    def plan():
        return fields(log, view)["plan"]["view"]

    assert "They are being counted: the number appears with your next change" in plan()["label"]
    assert "The size of the upload is not known yet" in plan()["description"]
    counted.set()
    wait_for(lambda: not counts.is_counting(view))
    assert plan()["label"] == f"262,500 samples of '{images.name}' will be logged"
    assert "Several background services can share it" in plan()["description"]

    # When it is counted again, the number stays until there is another one.
    counted.clear()
    number = 7
    monkeypatch.setattr(counts, "_SECONDS", 0)
    assert plan()["label"].startswith("262,500 samples")
    assert counts.is_counting(view)
    counted.set()
    wait_for(lambda: not counts.is_counting(view))
    assert counts.rows(view) == 7
    number = None
    wait_for(lambda: plan()["label"].endswith("There are too many to count quickly"))


def test_plan_of_a_view(operator, lookups, images):
    log = operator(VIEW)
    plan = fields(log, images.limit(2))["plan"]["view"]["description"]
    assert plan.startswith("A list of the samples, without a table. About 600 B will be uploaded. It will run here")

    plan = fields(log, images.limit(2), {"include_labels": True, "fields": ["number"]})["plan"]["view"]["description"]
    labels = "labels (ground_truth, predictions, weather, location)"
    assert f"A table with a row for each sample: {labels}, fields (number), thumbnails." in plan
    assert "2 thumbnails, about 1.3 kB in all" in plan

    params = {"include_labels": True, "image_mode": "original"}
    plan = fields(log, images.limit(2), params)["plan"]["view"]["description"]
    assert "2 media files, about 1.2 kB in all" in plan

    plan = fields(log, images, {"include_labels": True, "image_mode": "reference"})["plan"]["view"]["description"]
    assert "location), references and thumbnails." in plan
    params = {"include_labels": True, "image_mode": "none"}
    assert "thumbnails" not in fields(log, images, params)["plan"]["view"]["description"]
    assert "It will run here, with live progress" in plan

    plan = fields(log, images, {"include_labels": True, "include_images": False})["plan"]["view"]["description"]
    assert "thumbnails" not in plan
    assert "About 6.0 kB will be uploaded" in plan


def test_a_form_of_pictures_without_labels(operator, lookups, images, fake_worker):
    log = operator(VIEW)
    plan = fields(log, images, {"only_pictures": True, "fields": ["number"]})["plan"]["view"]["description"]
    assert plan.startswith("A table with a row for each sample: fields (number), thumbnails.")
    # What was filled in for a table with labels does not count when they are switched off.
    stale = {
        "fields": ["number"],
        "include_images": True,
        "image_mode": "original",
        "overlays": ["weather"],
        "mask_mode": "all",
    }
    for switch in (False, True):
        foo.execute_operator(log.uri, dataset=images, params={"project": "p", "only_pictures": switch, **stale})
        job = fake_worker.requests[-1].log_view
        assert (job.include_labels, job.include_images, len(job.fields)) == (False, switch, int(switch))
        assert not job.pictures.overlays.fields


def test_plan_of_predictions(operator, lookups, images):
    params = {"prompt_field": "prompt", "include_images": True}
    plan = fields(operator(PREDICTIONS), images, params)["plan"]["view"]["description"]
    assert plan.startswith("A table with a row for each sample: prompts (prompt), thumbnails.")
    assert "12 thumbnails" in plan


def test_labels_to_draw(operator, lookups, images, fake_worker):
    log, params = operator(VIEW), {"include_labels": True}
    form = fields(log, images, params)
    drawable = ["ground_truth", "predictions", "weather"]  # a location has no place in the picture
    assert [choice["value"] for choice in form["overlays"]["view"]["choices"]] == drawable
    assert form["mask_mode"]["type"]["values"] == ["own", "all", "none"]
    assert "gt_field" not in form
    assert {"overlays", "mask_mode"}.isdisjoint(fields(log, images, {**params, "draw_labels": False}))
    assert {"draw_labels", "overlays", "mask_mode"}.isdisjoint(fields(log, images, {**params, "image_mode": "none"}))

    form = fields(operator(PREDICTIONS), images, {"include_images": True})
    assert form["gt_field"]["type"]["values"] == drawable

    # What is filled in, and then switched off, is left alone.
    chosen = {"overlays": ["weather"], "mask_mode": "all", "draw_labels": True}
    for switched, expected in (
        ({}, (["weather"], 1)),
        ({"overlays": []}, (drawable, 1)),
        ({"draw_labels": False}, ([], 0)),
        ({"image_mode": "none"}, ([], 0)),
    ):
        foo.execute_operator(log.uri, dataset=images, params={**params, **chosen, **switched, "project": "p"})
        drawn = fake_worker.requests[-1].log_view.pictures.overlays
        assert ([field.path for field in drawn.fields], drawn.masks) == expected


def test_plan_of_groups(operator, lookups, media):
    plan = fields(operator(VIEW), datasets.groups(media), {"include_labels": True})["plan"]["view"]["description"]
    assert "thumbnails, also of the slice right." in plan


def test_plan_counts_each_file_once(operator, lookups, images):
    patches = images.to_patches("ground_truth")
    plan = fields(operator(VIEW), patches, {"include_labels": True, "image_mode": "original"})
    assert plan["plan"]["view"]["description"].startswith(
        "A table with a row for each patch: labels (ground_truth), the media"
    )
    assert "12 media files" in plan["plan"]["view"]["description"]


def test_plan_without_sizes(operator, lookups, media):
    dataset = fo.Dataset()
    dataset.add_sample(fo.Sample(filepath=str(media / "image_00.png"), label=fo.Classification(label="a")))
    plan = fields(operator(VIEW), dataset, {"include_labels": True, "image_mode": "original"})
    assert "1 media file of unknown size will be uploaded" in plan["plan"]["view"]["description"]


def test_plan_of_a_large_job(operator, lookups, images, monkeypatch):
    log = operator(VIEW)
    monkeypatch.setattr(module(log, "operators.plan"), "_MANY_ROWS", 11)
    assert "it is best run in the background" in fields(log, images)["plan"]["view"]["description"]


def test_the_first_line_says_whether_it_is_the_whole_dataset(operator, lookups, images):
    assert fields(operator(VIEW), images)["plan"]["view"]["label"].endswith("will be logged: the whole dataset")
    assert fields(operator(VIEW), images.limit(3))["plan"]["view"]["label"].endswith("will be logged")


def test_the_first_line_says_how_many_are_logged(operator, lookups, images, monkeypatch):
    def label(view, **params):
        return fields(operator(VIEW), view, params)["plan"]["view"]["label"]

    assert label(images, max_samples=5) == f"5 of 12 samples of '{images.name}' will be logged"
    assert label(images, max_samples=50) == f"12 samples of '{images.name}' will be logged: the whole dataset"
    assert label(images.to_patches("ground_truth"), max_samples=5).startswith("5 of 24 patches")
    assert label(images.limit(1)).startswith("1 sample of")

    counts = module(operator(VIEW), "operators.counts")
    monkeypatch.setattr(counts, "rows", lambda view: counts.LIMIT)
    assert label(images).startswith("More than 1,000,000 samples of")
    assert label(images, max_samples=5).startswith("5 of more than 1,000,000 samples of")
    monkeypatch.setattr(counts, "rows", lambda view: None)
    assert label(images, max_samples=5).startswith("At most 5 samples of this view")
    assert label(images).startswith("All samples of this view") and label(images).endswith("too many to count quickly")


def test_how_pictures_are_shown(operator, lookups, images):
    form = fields(operator(VIEW), images, {"include_labels": True})
    assert set(offered(form["image_mode"])) == {"thumbnail", "original", "reference"}
    assert form["thumbnail_size"]["default"] == 256
    form = fields(operator(VIEW), images, {"include_labels": True, "image_mode": "original"})
    assert "thumbnail_size" not in form
    for params in ({"include_labels": True, "include_images": False}, {}):
        assert not {"image_mode", "thumbnail_size"} & set(fields(operator(VIEW), images, params))
    form = fields(operator(VIEW), images, {"include_labels": True, "thumbnail_size": 5})
    assert form["thumbnail_size"]["invalid"]
    for text, wrong in (
        ("", False),
        ("0, 5000", False),
        ("(-1.5, 2)", False),
        ("5", True),
        ("5, 0", True),
        ("a, b", True),
    ):
        form = fields(operator(VIEW), images, {"include_labels": True, "image_range": text})
        assert bool(form["image_range"].get("invalid")) is wrong, text

    form = fields(operator(VIEW), images, {"only_pictures": True})
    assert {"image_mode", "thumbnail_size", "fields"} <= set(form)
    assert {"overlays", "include_images"}.isdisjoint(form)
    assert form["only_pictures"]["default"] is False
    assert "only_pictures" not in fields(operator(VIEW), images, {"include_labels": True})

    assert "image_mode" not in fields(operator(PREDICTIONS), images)
    assert "image_mode" in fields(operator(PREDICTIONS), images, {"include_images": True})


def test_thumbnails_of_patches_are_many(operator, lookups, images):
    patches = images.to_patches("ground_truth")
    assert "A list of the patches" in fields(operator(VIEW), patches)["plan"]["view"]["description"]
    plan = fields(operator(VIEW), patches, {"include_labels": True})["plan"]["view"]["description"]
    assert f"{len(patches)} thumbnails" in plan


def test_some_rows_only(operator, lookups, images):
    params = {"include_labels": True, "max_samples": 3}
    form = fields(operator(VIEW), images, params)
    assert "3 thumbnails" in form["plan"]["view"]["description"]
    assert "select_by" not in form
    assert fields(operator(VIEW), images, {"max_samples": 0})["max_samples"]["invalid"]
    form = fields(operator(PREDICTIONS), images, {"max_samples": 3})
    assert set(offered(form["select_by"])) == {"random", "lowest_confidence"}
    assert form["dry_run"]["default"] is False
    assert not form["seed"]["invalid"]
    assert fields(operator(VIEW), images, {"max_samples": 3, "seed": 0.5})["seed"]["invalid"]
    assert "seed" not in fields(operator(VIEW), images, {})
    form = fields(operator(PREDICTIONS), images, {"max_samples": 3, "select_by": "lowest_confidence"})
    assert "seed" not in form  # there is no chance in it


def test_what_a_dry_run_shows(operator, images):
    result = {
        "dry_run": True,
        "new_version": True,
        "entity": "me",
        "project": "p",
        "artifact_name": "a",
        "artifact_version": None,
        "artifact_url": None,
        "rows": 3,
        "samples_in_view": 12,
        "files": 10,
        "bytes": 5000,
        "files_to_upload": 4,
        "bytes_to_upload": 2000,
        "files_unchanged": 6,
        "warnings": [],
    }
    ctx = ExecutionContext({"dataset_name": images.name, "params": {}, "results": result})
    shown = operator(VIEW).resolve_output(ctx).to_json()["type"]["properties"]["summary"]["default"]
    assert "3 of 12" in shown
    assert "2.0 kB in 4 files; 6 files are there already" in shown
    assert "Settings" not in shown and "Entries" not in shown
    result.update(entries=10, manifest_bytes=1400, client_memory_bytes=18420)
    result.update(new_version=False, artifact_version="v2", artifact_url="http://x")
    result["settings_files"] = ["/data/wandb/settings"]
    shown = operator(VIEW).resolve_output(ctx).to_json()["type"]["properties"]["summary"]["default"]
    assert "nothing: [v2](http://x) has this very content" in shown
    assert "10: a manifest of 1.4 kB, which W&B's own client needs about 18.4 kB of memory to read" in shown
    assert "| **Settings from** | /data/wandb/settings |" in shown


@pytest.mark.parametrize("name", [VIEW, PREDICTIONS])
def test_an_empty_view_cannot_be_logged(operator, lookups, images, name):
    form = fields(operator(name), images.match_tags("no such tag"))
    assert "no samples, so there is nothing to log" in str(form["samples"])
    assert form["samples"]["invalid"] is True


def test_forms_name_the_first_of_many_label_fields(operator, lookups, fiftyone, media):
    dataset = fo.Dataset()
    labels = {f"model_{i:02}": fo.Classification(label="cat") for i in range(60)}
    dataset.add_sample(fo.Sample(filepath=str(media / "a.png"), **labels))
    form = fields(operator(VIEW), dataset, {"include_labels": True})
    dataset.delete()
    assert "model_11 and 48 more" in form["plan"]["view"]["description"]
    assert "model_11 and 48 more. Default: off" in form["include_labels"]["view"]["description"]


def test_forms_say_where_the_labels_are(operator, lookups, fiftyone, media):
    bare = fo.Dataset()
    bare.add_sample(fo.Sample(filepath=str(media / "a.png")))
    form = fields(operator(PREDICTIONS), bare)
    assert list(form) == ["view_target", "no_predictions"]
    assert form["no_predictions"]["invalid"]
    assert "apply_model" in str(form["no_predictions"])
    assert "no label fields" in fields(operator(VIEW), bare)["include_labels"]["view"]["description"]
    bare.delete()

    videos = datasets.videos(media)
    assert "frames" in fields(operator(VIEW), videos.exclude_fields("events"))["include_labels"]["view"]["description"]
    videos.delete()


def test_plan_of_scenes_without_pictures(operator, lookups, fiftyone, tmp_path):
    scenes = fo.Dataset()
    scenes.add_sample(fo.Sample(filepath=str(tmp_path / "a.pcd"), boxes=fo.Detections()))
    plan = fields(operator(VIEW), scenes, {"include_labels": True})["plan"]["view"]["description"]
    scenes.delete()
    assert "have no pictures to show" in plan
    assert "thumbnail" not in plan
