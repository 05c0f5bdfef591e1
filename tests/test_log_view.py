"""The operator log_fiftyone_view_to_wandb, with a worker that does nothing."""

import threading
import time

import bson
import fiftyone as fo
import pytest

from support import datasets

pytestmark = pytest.mark.oldest


@pytest.fixture
def log(operator):
    return operator("log_fiftyone_view_to_wandb")


def test_as_the_original_was_called(log, fake_worker, images):
    view = images.match_tags("train")

    result = log(view, project="p", run_id="abcd1234", include_labels=True)

    assert {k: result[k] for k in ("success", "artifact_name", "samples_logged", "wandb_url")} == {
        "success": True,
        "artifact_name": "made_up",
        "samples_logged": 12,
        "wandb_url": "http://wandb.test/me/p/runs/r",
    }
    assert result["artifact_url"].endswith("/v0")
    assert result["artifact_version"] == "v0"
    assert result["new_version"] is True
    assert (result["entity"], result["project"], result["run_id"]) == ("me", "p", "abcd1234")
    assert result["warnings"] == []
    (request,) = fake_worker.requests
    job = request.log_view
    assert request.job_id == result["job_id"]
    assert request.client_version
    assert request.wandb.project == "p"
    assert job.run_id == "abcd1234"
    assert job.include_labels
    assert job.include_images
    assert [f.path for f in job.labels] == ["ground_truth", "predictions", "weather", "location"]
    assert job.labels[0].label_type == "Detections"
    assert job.view.is_subset
    assert bson.decode(job.view.pipeline)["pipeline"] == view._pipeline(detach_frames=True, detach_groups=True)
    assert job.view.row_kind == fake_worker.messages.ROW_KIND_SAMPLE
    assert job.dataset.name == images.name


def test_positional_arguments_of_the_original(log, fake_worker, images):
    log(images, "p", "abcd1234", "My Artifact", True)

    job = fake_worker.requests[0].log_view
    assert (job.run_id, job.artifact_name, job.include_labels) == ("abcd1234", "My Artifact", True)
    assert not job.view.is_subset


def test_without_labels(log, fake_worker, images):
    log(images, project="p", run_id="abcd1234")

    job = fake_worker.requests[0].log_view
    assert not job.include_labels
    assert not job.include_images
    assert not job.labels


def test_new_arguments(log, fake_worker, images):
    log(
        images,
        project="p",
        include_labels=True,
        include_images=False,
        entity="team",
        fields=["number", "metadata.width"],
        embedding_field="embedding",
        aliases=["best", "best"],
        tags="a",
        description="words",
    )

    (request,) = fake_worker.requests
    job = request.log_view
    assert request.wandb.entity == "team"
    assert not job.include_images
    assert [(f.path, f.field_type) for f in job.fields] == [("number", "IntField"), ("metadata.width", "IntField")]
    assert [f.path for f in job.embeddings] == ["embedding"]
    assert (list(job.aliases), list(job.tags), job.description) == (["best"], ["a"], "words")
    assert job.run_id == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fields": ["number"]}, "include_labels=True or include_images=True"),
        ({"fields": ["number"], "image_mode": "none"}, "include_labels=True or include_images=True"),
        ({"mask_mode": "all"}, "this one has none"),
        ({"include_labels": True, "fields": ["nope"]}, "no such field"),
        ({"embedding_field": "number"}, "is an IntField"),
        ({"aliases": [1]}, "aliases has to be a list of strings"),
        ({"tags": {"a": 1}}, "tags has to be a list of strings"),
    ],
)
def test_mistakes_are_found_before_the_worker_starts(log, fake_worker, images, arguments, words):
    with pytest.raises(RuntimeError, match=words):
        log(images, project="p", run_id="r", **arguments)

    assert fake_worker.requests == []


def test_a_view_without_labels(log, fake_worker, images):
    result = log(images.select_fields("number"), project="p", run_id="r", include_labels=True)

    (warning,) = result["warnings"]
    assert (warning["code"], "no label field" in warning["message"]) == ("no_labels", True)
    job = fake_worker.requests[0].log_view
    assert (job.include_labels, job.include_images, list(job.labels)) == (True, True, [])

    assert log(images.select_fields("number"), project="p", run_id="r")["warnings"] == []


@pytest.mark.parametrize("arguments", [{"include_images": True}, {"image_mode": "thumbnail"}])
def test_pictures_without_labels(log, fake_worker, images, arguments):
    result = log(images, project="p", run_id="r", fields=["number"], **arguments)

    job = fake_worker.requests[0].log_view
    assert (job.include_labels, job.include_images, list(job.labels)) == (False, True, [])
    assert [field.path for field in job.fields] == ["number"]
    assert not job.pictures.overlays.fields
    assert result["warnings"] == []


def test_labels_drawn_without_their_texts(log, fake_worker, images):
    log(images, project="p", run_id="r", include_images=True, overlays=["weather"])
    log(images, project="p", run_id="r", include_images=True, overlays=True)

    drawn = [[field.path for field in request.log_view.pictures.overlays.fields] for request in fake_worker.requests]
    assert drawn == [["weather"], ["ground_truth", "predictions", "weather"]]


def test_what_has_no_column_is_said(log, fake_worker, media):
    videos = datasets.videos(media)
    labels = datasets.all_labels(media)

    in_frames = log(videos, project="p", run_id="r", include_labels=True)["warnings"]
    in_lists = log(labels, project="p", run_id="r", include_labels=True)["warnings"]

    assert [(w["code"], "objects" in w["message"]) for w in in_frames] == [("frame_labels", True)]
    only_frames = log(videos.exclude_fields("events"), project="p", run_id="r", include_labels=True)["warnings"]
    assert only_frames == in_frames
    assert log(videos, project="p", run_id="r")["warnings"] == []
    assert [(w["code"], "many.b" in w["message"]) for w in in_lists] == [("labels_in_lists", True)]


def test_warnings_of_the_worker(log, fake_worker, images, caplog):
    warning = {"code": "missing_file", "message": "2 files are missing", "count": 2, "sample_ids": ["a", "b"]}
    fake_worker.answer(warnings=[warning])

    result = log(images, project="p", run_id="r")

    assert result["warnings"] == [warning]
    assert "2 files are missing" in caplog.text


def test_a_failure_has_the_words_of_the_worker(log, fake_worker, images):
    fake_worker.fail("wandb", "no_permission", "The key has no permission to write to 'me/p'. Ask its owner.")

    with pytest.raises(RuntimeError) as caught:
        log(images, project="p", run_id="r")

    assert str(caught.value) == "The key has no permission to write to 'me/p'. Ask its owner."
    assert (caught.value.source, caught.value.code) == ("wandb", "no_permission")


def test_a_deleted_dataset(log, fake_worker, media):
    dataset = datasets.images(media, n=1)
    dataset.delete()

    with pytest.raises(RuntimeError, match="was deleted"):
        log(dataset, project="p", run_id="r")


def test_bar_in_the_terminal(log, fake_worker, images, capsys, monkeypatch):
    shown = threading.Event()

    def behave(request, on_progress, on_run_created, cancelled):
        on_progress(fake_worker.messages.Progress(fraction=0.5, label="Reading samples: 6 of 12"))
        time.sleep(3)
        return fake_worker.result(request)

    fake_worker.behave = behave
    log(images, project="p", run_id="r")
    assert capsys.readouterr().out == ""

    log(images, project="p", run_id="r", progress=lambda bar: shown.set())
    assert shown.is_set()

    capsys.readouterr()
    monkeypatch.setattr(fo.config, "show_progress_bars", True)
    log(images, project="p", run_id="r")
    assert "Reading samples: 6 of 12" in capsys.readouterr().out
    log(images, project="p", run_id="r", progress=False)
    assert capsys.readouterr().out == ""
