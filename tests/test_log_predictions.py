"""The operator log_model_predictions, with a worker that does nothing."""

import datetime
import json

import pytest

pytestmark = pytest.mark.oldest


@pytest.fixture
def log(operator):
    return operator("log_model_predictions")


def test_as_the_original_was_called(log, fake_worker, images):
    before = datetime.datetime.now().replace(microsecond=0)

    result = log(images, model_name="yolov8n", model_version="v1.0", predictions_field="predictions", project="p")

    assert {
        k: result[k]
        for k in ("success", "artifact_name", "samples_processed", "total_predictions", "num_classes", "wandb_url")
    } == {
        "success": True,
        "artifact_name": "made_up",
        "samples_processed": 12,
        "total_predictions": 24,
        "num_classes": 3,
        "wandb_url": "http://wandb.test/me/p/runs/r",
    }
    assert result["num_low_confidence"] == 5
    job = fake_worker.requests[0].log_predictions
    assert (job.predictions.path, job.predictions.label_type) == ("predictions", "Detections")
    assert not job.HasField("prompt")
    assert (job.model_name, job.model_version, job.model_config_json) == ("yolov8n", "v1.0", "")
    assert job.low_confidence_threshold == 0.5
    assert not job.include_images
    assert job.run_id == ""
    when = datetime.datetime.fromisoformat(job.inference_timestamp).replace(tzinfo=None)
    assert before <= when <= datetime.datetime.now()
    assert job.name_timestamp == when.strftime("%Y%m%d_%H%M%S")


def test_positional_arguments_of_the_original(log, fake_worker, images):
    log(images, "m", "caption", "p", "v2", {"temperature": 0.7}, "prompt", "Name", True)

    (request,) = fake_worker.requests
    job = request.log_predictions
    assert request.wandb.project == "p"
    assert (job.predictions.field_type, job.predictions.label_type) == ("StringField", "")
    assert job.prompt.path == "prompt"
    assert job.artifact_name == "Name"
    assert json.loads(job.model_config_json) == {"temperature": 0.7}
    assert job.include_images


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"a": float("nan"), 1: (2, 3)}, {"a": None, "1": [2, 3]}),
        ('{"a": 1}', {"a": 1}),
        ("not json", {"raw_config": "not json"}),
        (None, None),
    ],
)
def test_model_config(log, fake_worker, images, config, expected):
    log(images, "m", "predictions", "p", model_config=config)

    text = fake_worker.requests[0].log_predictions.model_config_json
    assert (json.loads(text) if text else None) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"predictions_field": "nope"}, "predictions_field names 'nope'"),
        ({"predictions_field": "number"}, "holds no predictions"),
        ({"predictions_field": "frames.x"}, r"to_frames\(sample_frames="),
        ({"predictions_field": None}, "predictions_field has to be given"),
        ({"model_name": " "}, "model_name has to be given"),
        ({"prompt_field": "nope"}, "prompt_field names 'nope'"),
        ({"prompt_field": "weather"}, "has to be a string field"),
        ({"low_confidence_threshold": 7}, "number from 0 to 1"),
        ({"low_confidence_threshold": "high"}, "number from 0 to 1"),
    ],
)
def test_mistakes_are_found_before_the_worker_starts(log, fake_worker, images, arguments, words):
    with pytest.raises(RuntimeError, match=words):
        log(images, **{"model_name": "m", "predictions_field": "predictions", "project": "p", **arguments})

    assert fake_worker.requests == []
