"""The examples of the original plugin's README run unchanged, each in a process of its own."""

import json
import re
from pathlib import Path

import fiftyone as fo
import fiftyone.operators as foo
import pytest

from support import datasets

HERE = Path(__file__).resolve().parent
OPERATORS = "@harpreetsahota/wandb/"


@pytest.fixture(scope="module")
def my_dataset(media, fiftyone):
    dataset = datasets.images(media, persistent=True)
    dataset.name = "my_dataset"
    dataset.set_values("quality_score", [i / 11 for i in range(12)])
    yield dataset
    dataset.delete()


@pytest.fixture(scope="module")
def traffic(media, fiftyone):
    dataset = datasets.images(media, n=3, persistent=True)
    dataset.name = "traffic-dataset"
    dataset.set_values("vlm_output", ["2 cars", "", "1 truck " * 100])
    yield dataset
    dataset.delete()


@pytest.fixture
def run(run_script):
    """Runs an example as its reader would."""
    return lambda name: run_script(HERE / "run_example.py", HERE / f"{name}.py")


def logged_as(server, project, kind):
    return [a for a in server.artifacts() if a["project"] == project and a["type"] == kind]


def metadata(artifact):
    found = artifact["metadata"]
    return json.loads(found) if isinstance(found, str) else found


def test_track_training(run, server, my_dataset):
    run("track_training")

    (artifact,) = logged_as(server, "my-project", "dataset")
    assert metadata(artifact)["sample_ids"] == my_dataset.match_tags("train").values("id")
    assert [r["state"] for r in server.runs() if r["project"] == "my-project"] == ["finished"]


def test_track_predictions(run, server, my_dataset):
    output = run("track_predictions")

    assert "Logged 24 predictions" in output
    assert re.search(rf"View in WandB: {server.url}/entity/my-project/runs/predictions_", output)


def test_ablation(run, server, my_dataset):
    run("ablation")

    sizes = [metadata(a)["num_samples"] for a in logged_as(server, "ablation", "dataset")]
    assert sorted(sizes) == [3, 12, 12]


def test_model_versions(run, server, my_dataset):
    run("model_versions")

    made = logged_as(server, "model-comparison", "predictions")
    assert sorted(metadata(a)["model_version"] for a in made) == ["v1.0", "v2.0"]


def test_active_learning(run, server, my_dataset):
    output = run("active_learning")

    assert "Found 12 uncertain predictions" in output
    assert json.loads(output.split("SHOWN ")[1]) == my_dataset.values("id")


def test_vision_language(run, server, traffic):
    run("vision_language")

    (artifact,) = logged_as(server, "traffic-analysis", "predictions")
    found = metadata(artifact)
    assert found["prompt_field"] == "user_prompt"
    assert found["model_config"]["temperature"] == 0.7


@pytest.fixture
def training_view(server, my_dataset, monkeypatch):
    """Three versions of the artifact that the examples load."""
    monkeypatch.setenv("FIFTYONE_WANDB_URL", server.url)
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", server.key)
    monkeypatch.setenv("FIFTYONE_WANDB_ENTITY", "entity")
    log = foo.get_operator(OPERATORS + "log_fiftyone_view_to_wandb")
    for n in (1, 2, 3):
        view = my_dataset.sort_by("number", reverse=True).limit(n)
        log(view, project="project", artifact_name="training_view")

    return view


def test_reconstruct(run, training_view):
    assert "Recreated training view with 3 samples" in run("reconstruct")


def test_load_view(run, training_view):
    assert json.loads(run("load_view").split("SHOWN ")[1]) == training_view.values("id")


def test_link_run(run, server, my_dataset):
    server.make_run("my-project", "forty2", "experiment-42")

    run("link_run")

    my_dataset.reload()
    assert my_dataset.get_run_info("experiment_42").config.run_id == "forty2"
    assert my_dataset.get_field("predictions").info["wandb_run_id"] == "forty2"
    assert "predictions:predictions" in server.run("forty2")["tags"]
    assert fo.dataset_exists("my_dataset")
