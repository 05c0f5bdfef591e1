"""FiftyOne's records of what was logged."""

import json
import types

import pytest

from support import datasets

pytestmark = pytest.mark.oldest


@pytest.fixture
def dataset(media, fiftyone):
    dataset = datasets.images(media, n=3)
    yield dataset
    if not dataset.deleted:
        dataset.delete()


@pytest.fixture
def log(operator, fake_worker):
    return operator("log_fiftyone_view_to_wandb")


def config(dataset, key):
    # As another session would see it.
    dataset.reload()
    return dataset.get_run_info(key).config


def test_record_of_a_view(log, dataset):
    view = dataset.match_tags("train")

    log(view, project="p", run_id="ab-1", artifact_name="train")

    assert dataset.list_runs() == ["dataset_view_ab_1"]
    record = config(dataset, "dataset_view_ab_1")
    assert record.method == "wandb_training"
    assert (record.wandb_run_id, record.wandb_project) == ("ab-1", "p")
    assert record.dataset_artifact == "train:latest"
    assert record.samples_used == 12
    assert json.loads(record.view_serialization)[0]["_cls"] == "fiftyone.core.stages.MatchTags"
    assert record.wandb_url == "http://wandb.test/me/p/runs/r"
    assert dataset.load_run_view("dataset_view_ab_1").values("id") == view.values("id")


def test_record_of_a_whole_dataset(log, dataset):
    log(dataset, project="p", run_id="r")
    assert not hasattr(config(dataset, "dataset_view_r"), "view_serialization")


def test_logging_twice_replaces_the_record(log, dataset):
    log(dataset.limit(1), project="p", run_id="r", artifact_name="one")
    log(dataset.limit(2), project="p", run_id="r", artifact_name="two")

    assert dataset.list_runs() == ["dataset_view_r"]
    assert config(dataset, "dataset_view_r").dataset_artifact == "two:latest"


def test_ids_that_look_alike(log, dataset):
    for run_id in ("a-b", "a_b", "a.b"):
        log(dataset, project="p", run_id=run_id, artifact_name="first")

    log(dataset, project="other", run_id="a-b", artifact_name="first")
    for run_id in ("a_b", "a.b", "a-b"):
        log(dataset, project="p", run_id=run_id, artifact_name="second")

    records = {key: config(dataset, key) for key in dataset.list_runs()}
    assert {(r.wandb_project, r.wandb_run_id, r.dataset_artifact) for r in records.values()} == {
        ("p", "a-b", "second:latest"),
        ("p", "a_b", "second:latest"),
        ("p", "a.b", "second:latest"),
        ("other", "a-b", "first:latest"),
    }
    assert sorted(records) == ["dataset_view_a_b", "dataset_view_a_b_2", "dataset_view_a_b_3", "dataset_view_a_b_4"]


def test_somebody_elses_record_is_left_alone(log, dataset):
    theirs = dataset.init_run(method="theirs", note="keep")
    dataset.register_run("dataset_view_r", theirs)

    log(dataset, project="p", run_id="r")

    assert config(dataset, "dataset_view_r").note == "keep"
    assert config(dataset, "dataset_view_r_2").wandb_run_id == "r"


def test_record_of_the_original_plugin_is_replaced(log, dataset):
    original = dataset.init_run(method="wandb_training", wandb_run_id="r", wandb_project="p")
    dataset.register_run("dataset_view_r", original)

    log(dataset, project="p", run_id="r")

    assert dataset.list_runs() == ["dataset_view_r"]
    assert config(dataset, "dataset_view_r").wandb_entity == "me"


def test_generated_views_are_recorded_with_the_dataset(log, dataset):
    patches = dataset.to_patches("ground_truth")

    log(patches, project="p", run_id="r")

    record = config(dataset, "dataset_view_r")
    assert json.loads(record.view_serialization)[0]["_cls"] == "fiftyone.core.stages.ToPatches"
    assert patches._dataset.name not in record.view_serialization


def test_record_of_predictions(operator, fake_worker, dataset):
    log = operator("log_model_predictions")

    for _ in range(2):
        log(dataset, model_name="yolo-v8 n", predictions_field="predictions", project="p", model_version=3)

    keys = dataset.list_runs()
    assert len(keys) == 2
    assert all(key.startswith("inference_yolo_v8_n_20") for key in keys)
    record = config(dataset, keys[0])
    job = fake_worker.requests[0].log_predictions
    assert record.method == "model_inference"
    assert (record.model_name, record.model_version, record.predictions_field) == ("yolo-v8 n", 3, "predictions")
    assert (record.wandb_project, record.wandb_artifact) == ("p", "made_up:latest")
    assert (record.samples_processed, record.total_predictions) == (12, 24)
    assert record.inference_timestamp == job.inference_timestamp
    assert job.model_version == "3"


def test_a_record_that_cannot_be_written_is_a_warning(log, dataset, fake_worker):
    result = fake_worker.result

    def delete_and_succeed(request, *_):
        dataset.delete()
        return result(request)

    fake_worker.behave = delete_and_succeed

    answer = log(dataset, project="p", run_id="r")

    assert answer["success"] is True
    assert [w["code"] for w in answer["warnings"]] == ["no_run_record"]


def test_config_of_the_active_run(log, dataset, fake_worker, monkeypatch):
    wandb = types.ModuleType("wandb")

    class Config(dict):
        def update(self, values, allow_val_change=False):
            super().update(values)

    wandb.run = types.SimpleNamespace(
        id="r",
        entity="me",
        project="p",
        config=Config(lr=0.1, model_name="mine"),
        settings=types.SimpleNamespace(base_url="u", mode="online"),
    )
    monkeypatch.setitem(__import__("sys").modules, "wandb", wandb)
    fake_worker.answer(
        run_relation="RUN_RELATION_ACTIVE_HERE", run_config_json='{"fiftyone_view_size": 3, "model_name": "x"}'
    )

    result = log(dataset, project="p", run_id="r")

    assert fake_worker.requests[0].wandb.active_run.run_id == "r"
    # It only gains keys.
    assert wandb.run.config == {"lr": 0.1, "model_name": "mine", "fiftyone_view_size": 3}
    assert result["warnings"] == []


def test_config_of_a_run_that_is_not_ours_to_change(log, dataset, fake_worker):
    fake_worker.answer(run_relation="RUN_RELATION_ALIVE_ELSEWHERE", run_config_json='{"a": 1}')
    assert log(dataset, project="p", run_id="r")["warnings"] == []

    fake_worker.answer(run_relation="RUN_RELATION_ACTIVE_HERE", run_config_json='{"a": 1}')
    (warning,) = log(dataset, project="p", run_id="r")["warnings"]
    assert warning["code"] == "no_run_config"
