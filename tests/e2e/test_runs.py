"""Runs: ours are made and finished, other people's are left alone, and FiftyOne's records say what was logged."""

import contextlib
import json
import subprocess

import fiftyone as fo
import pytest

from support.waiting import SECONDS
from tests.e2e.common import PROJECT, new_id


def config_of(run):
    """A run's config as people see it."""
    return {key: entry["value"] for key, entry in run["config"].items() if key != "_wandb"}


def view_config(result, view, subset):
    return {
        "fiftyone_view_artifact": f"{result['artifact_name']}:latest",
        "fiftyone_dataset_name": view.view().dataset_name,
        "fiftyone_view_size": len(view),
        "fiftyone_is_subset": subset,
    }


@contextlib.contextmanager
def busy_run(python, server, run_id):
    """A run that is alive in another process. The block ends it by a line to its input."""
    command = python("busy_run", server.entity, PROJECT, run_id)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
            yield process
            process.communicate("\n", timeout=SECONDS)
            assert process.returncode == 0
        finally:
            process.kill()


@pytest.mark.oldest
def test_our_own_run(images, log_view, server, read):
    run_id = new_id()
    view = images.match_tags("train")

    result = log_view(view, run_id=run_id, include_labels=True)

    run = server.run(run_id)
    assert (run["state"], run["states"], run["exit_code"]) == ("finished", ["running", "finished"], 0)
    assert config_of(run) == view_config(result, view, True)
    assert run["outputs"] == [server.artifact(result)["id"]]
    assert not run["tags"]
    # The table in the run's workspace points into the artifact.
    shown = read.run(result).summary["samples"]
    assert (shown["_type"], shown["nrows"]) == ("table-file", len(view))
    assert shown["artifact_path"].endswith("/samples.table.json")
    assert [a.name for a in read.run(result).logged_artifacts()] == [f"{result['artifact_name']}:v0"]


def test_a_run_that_is_alive_elsewhere(images, log_view, log_predictions, server, python):
    """Not even the keys are added, because its process would overwrite them."""
    run_id = new_id()
    with busy_run(python, server, run_id):
        before = server.run(run_id)
        result = log_view(images, run_id=run_id, include_labels=True)
        second = log_predictions(images, "predictions", run_id=run_id)
        during = server.run(run_id)

        assert during["outputs"] == [server.artifact(r)["id"] for r in (result, second)]
        for key in ("state", "states", "tags", "exit_code"):
            assert during[key] == before[key], key
        # What the client says of itself under "_wandb" it may say at any time.
        assert config_of(during) == config_of(before)
        assert during["state"] == "running"
        assert "samples" not in (during["summary"] or {})

    after = server.run(run_id)
    assert after["states"] == ["running", "finished"]
    assert config_of(after) == {"lr": 0.1, "fiftyone_dataset_name": "mine", "epochs": 3}
    assert after["tags"] == ["mine"]
    assert [w["code"] for r in (result, second) for w in r["warnings"]] == []

    # The same run when it has ended: it only gains keys.
    again = log_view(images.limit(3), run_id=run_id, artifact_name="afterwards")
    ended = server.run(run_id)
    assert (ended["state"], ended["states"], ended["tags"]) == (after["state"], after["states"], after["tags"])
    assert config_of(ended) == {
        **view_config(again, images.limit(3), True), "lr": 0.1, "epochs": 3, "fiftyone_dataset_name": "mine",
    }  # fmt: skip
    assert ended["summary"] == after["summary"]
    assert ended["streams"] == after["streams"]


def test_runs_in_a_training_script(images, server, python):
    """The active run stays active, is finished by its script alone, and gets its keys through wandb.run."""
    run_id = new_id()
    script = subprocess.run(
        python("training_script", images.name, server.entity, PROJECT, run_id),
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert script.returncode == 0, script.stderr
    said = json.loads(script.stdout.splitlines()[-1])
    here, there, new = said["results"]

    assert said["still_active"]
    wanted = {**view_config(here, images, False), "lr": 0.1, "fiftyone_view_size": "mine"}
    assert said["config"] == wanted
    active = server.run(run_id)
    assert config_of(active) == wanted
    assert (active["states"], active["tags"]) == (["running", "finished"], ["mine"])
    assert active["outputs"] == [server.artifact(here)["id"]]
    assert len([line for line in active["streams"]["wandb-history.jsonl"] if "loss" in line]) == 2

    other = server.run(f"{run_id}-other")
    assert config_of(other) == view_config(there, images, False)
    assert (other["state"], other["outputs"]) == ("finished", [server.artifact(there)["id"]])
    assert server.run(new["run_id"])["outputs"] == [server.artifact(new)["id"]]


@pytest.mark.oldest
def test_records(images, log_view, log_predictions, server):
    view = images.match_tags("val")
    run_id = f"Run-{new_id()}"

    result = log_view(view, run_id=run_id)
    predicted = log_predictions(view, "predictions", model_name="a-b c", model_version="v2")

    images.reload()
    key = f"dataset_view_{run_id}".replace("-", "_")
    record = images.get_run_info(key).config
    assert {
        name: getattr(record, name)
        for name in ("method", "wandb_run_id", "wandb_project", "dataset_artifact", "samples_used")
    } == {
        "method": "wandb_training",
        "wandb_run_id": run_id,
        "wandb_project": PROJECT,
        "dataset_artifact": f"{result['artifact_name']}:latest",
        "samples_used": 4,
    }
    assert images.load_run_view(key).values("id") == view.values("id")
    (other,) = [k for k in images.list_runs() if k.startswith("inference_a_b_c_")]
    record = images.get_run_info(other).config
    assert (record.method, record.model_name, record.model_version) == ("model_inference", "a-b c", "v2")
    assert (record.wandb_artifact, record.samples_processed) == (f"{predicted['artifact_name']}:latest", 4)
    assert record.total_predictions == predicted["total_predictions"]


@pytest.mark.oldest
def test_logging_twice_replaces_the_record(images, log_view):
    run_id = new_id()
    log_view(images, run_id=run_id, artifact_name="first")
    before = images.list_runs()
    log_view(images.limit(2), run_id=run_id, artifact_name="second")

    images.reload()
    assert images.list_runs() == before
    assert images.get_run_info(f"dataset_view_{run_id}").config.dataset_artifact == "second:latest"


def test_keys_that_look_alike(images, log_view, server):
    """Three runs whose keys would be one, in two projects, and a record of somebody else."""
    base = f"k{new_id()[-6:]}"
    key = f"dataset_view_{base}_1"
    images.register_run(key, images.init_run(method="theirs", note="keep"))
    runs = [(f"{base}-1", PROJECT), (f"{base}_1", PROJECT), (f"{base}.1", PROJECT), (f"{base}-1", "elsewhere")]
    for artifact in ("one", "two"):
        for run_id, project in runs:
            log_view(images, run_id=run_id, project=project, artifact_name=f"{base}-{artifact}")

    images.reload()
    records = {k: images.get_run_info(k).config for k in images.list_runs() if k.startswith(key)}
    assert records.pop(key).note == "keep"
    assert {(r.wandb_run_id, r.wandb_project, r.dataset_artifact) for r in records.values()} == {
        (run_id, project, f"{base}_two:latest") for run_id, project in runs
    }
    assert len(records) == 4


def test_a_run_without_id_is_new_each_time(images, log_view, server):
    results = [log_view(images.limit(1), run_id=None, artifact_name=None) for _ in range(2)]
    first, second = (r["run_id"] for r in results)
    assert first != second
    assert {server.run(i)["state"] for i in (first, second)} == {"finished"}
    assert results[0]["artifact_name"] == f"dataset_view_{first[:8]}"


def test_lineage_from_data_to_model(images, log_view, log_predictions, load_view, server, read):
    """The view, the run that trains on it, and the run that predicts, as W&B's graph shows them."""
    data = log_view(images.match_tags("train"))
    run_id = new_id()
    server.make_run(PROJECT, run_id, "trained elsewhere", state="finished")
    before = server.run(run_id)

    result = log_predictions(
        images, "predictions", run_id=run_id, input_artifact=f"{data['artifact_name']}:{data['artifact_version']}"
    )

    assert (result["run_id"], result["input_artifact_url"]) == (run_id, data["artifact_url"])
    run = read.run(result)
    name = f"{data['artifact_name']}:{data['artifact_version']}"
    assert [a.name for a in run.used_artifacts()] == [name]
    assert f"{result['artifact_name']}:v0" in [a.name for a in run.logged_artifacts()]
    assert (server.run(run_id)["state"], run.name) == (before["state"], "trained elsewhere")
    assert run_id in [r.id for r in read.artifact(data).used_by()]


def test_another_entity_and_project(images, log_view, server, read):
    result = log_view(images.limit(1), entity="team", project="theirs", run_id="run-1")
    assert (result["entity"], result["project"]) == ("team", "theirs")
    assert read.run(result).entity == "team"
    assert read.artifact(result).entity == "team"


@pytest.mark.oldest
def test_samples_are_only_read(data, log_view, log_predictions):
    import bson

    def everything(dataset):
        database = fo.core.odm.get_db_conn()
        names = [dataset._sample_collection_name, dataset._frame_collection_name]
        return [bson.encode(d) for name in names if name for d in database[name].find({}).sort("_id")]

    for kind, field in (("images", "predictions"), ("groups", "ground_truth"), ("videos", "events")):
        before = everything(data[kind])
        log_view(data[kind], include_labels=True)
        log_predictions(data[kind], field, include_images=True)
        assert everything(data[kind]) == before
        assert before
