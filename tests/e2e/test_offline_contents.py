"""Offline runs hold what online ones do: artifacts of every kind, charts, numbers and inputs, however they are uploaded."""

import shutil
from pathlib import Path

import pytest

from support.official import wandb
from support.shell import contents, shell
from tests.e2e import evaluated
from tests.e2e.common import PROJECT, new_id
from tests.e2e.reading import charts_of

VIEW, PREDICTIONS, EVALUATION = "log_fiftyone_view_to_wandb", "log_model_predictions", "log_evaluation_to_wandb"

KINDS = {
    "references": (VIEW, {}),
    "labels": (VIEW, {"include_labels": True, "fields": ["tags"]}),
    "originals": (VIEW, {"include_images": True, "image_mode": "original"}),
    "addresses": (VIEW, {"include_images": True, "image_mode": "reference"}),
    "vectors": (VIEW, {"embedding_field": "vector"}),
    "predictions": (PREDICTIONS, {"model_name": "m", "predictions_field": "predictions", "include_images": True}),
    "evaluation": (EVALUATION, {"eval_key": "boxes"}),
    "comparison": (EVALUATION, {"eval_key": "plain", "compare_with": "second", "include_images": False}),
}


@pytest.fixture(scope="module")
def images(media, fiftyone, tmp_path_factory):
    dataset = evaluated.images(media, tmp_path_factory.mktemp("masks"))
    yield dataset
    dataset.delete()


@pytest.fixture
def log(operator, server, monkeypatch, tmp_path):
    """Logs an evaluation, offline unless something else is said, into a directory of this test."""
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))

    def log_evaluation(samples, key, **kwargs):
        defaults = {
            "project": PROJECT,
            "artifact_name": f"e{new_id()}",
            "run_id": new_id(),
            "include_images": False,
            "offline": True,
        }
        return operator(EVALUATION)(samples, key, **{**defaults, **kwargs})

    return log_evaluation


def codes(result):
    return {warning["code"] for warning in result["warnings"]}


def test_the_official_reader_on_every_kind_of_artifact(operator, server, images, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    pairs = []
    for name, options in KINDS.values():
        call = {"artifact_name": f"a{new_id()}", **options}
        online = operator(name)(images, project="kinds-on", **call)
        pairs.append((online, operator(name)(images, project="kinds-off", offline=True, **call)))

    directories = " ".join(offline["offline_directory"] for _, offline in pairs)
    shell(f"wandb sync {directories}")

    api = wandb.Api()
    for kind, (online, offline) in zip(KINDS, pairs, strict=True):
        name = online["artifact_name"]
        first, second = (api.artifact(f"{server.entity}/kinds-{where}/{name}:latest") for where in ("on", "off"))
        assert (second.digest, second.type, second.size) == (first.digest, first.type, first.size), kind
        skipped = dict.fromkeys(("dataset_last_modified_at", "inference_timestamp"))  # of the calls
        assert {**second.metadata, **skipped} == {**first.metadata, **skipped}, kind
        files = [contents(one.download(str(tmp_path / one.project / kind))) for one in (first, second)]
        assert files[0] == files[1], kind
        tables = [path for path in files[1] if path.endswith(".table.json")]
        assert bool(tables) == (kind not in ("references", "vectors")), kind
        for path in tables:
            key = path.removesuffix(".table.json")
            assert len(second.get(key).data) == len(first.get(key).data) > 0, (kind, key)

        assert api.run(f"{server.entity}/kinds-off/{offline['run_id']}").state == "finished"


def test_evaluations_of_an_offline_run(log, operator, server, images):
    """Uploaded by `wandb sync` and by the plugin, a run shows what an online one does."""
    data = operator(VIEW)(images, project=PROJECT, artifact_name=f"d{new_id()}")
    trained_on = f"{server.entity}/{PROJECT}/{data['artifact_name']}:v0"
    logged = {}
    for key in ("boxes", "binary", "ages"):
        call = {"artifact_name": f"e{new_id()}", "subsets": ["night"], "input_artifact": trained_on}
        online = log(images, key, project="online", offline=False, **call)
        offline = log(images, key, project="official", **call)
        assert offline["metrics"] == online["metrics"]
        assert offline["run_metrics"] == online["run_metrics"]
        assert "offline_input" in codes(offline)
        assert "offline_charts" not in codes(offline)
        logged[key] = online, offline

    shell("wandb sync " + " ".join(offline["offline_directory"] for _, offline in logged.values()))

    sync, api = operator("sync_wandb_offline"), wandb.Api()
    for online, offline in logged.values():
        done = sync(offline["offline_directory"], project="ours")
        assert done["input_artifact_url"]
        runs = [api.run(f"{server.entity}/online/{online['run_id']}")]
        runs += [api.run(f"{server.entity}/{project}/{offline['run_id']}") for project in ("official", "ours")]
        wanted = charts_of(runs[0])
        assert wanted
        for run in runs:
            assert charts_of(run) == wanted
            assert run.rawconfig["_wandb"]["visualize"] == runs[0].rawconfig["_wandb"]["visualize"]
            assert {key: run.summary.get(key) for key in online["run_metrics"]} == online["run_metrics"]
            assert run.config["evaluation"] == runs[0].config["evaluation"]
            assert run.summary["samples"]["nrows"] == len(images)

        for run in (runs[0], runs[2]):
            assert [artifact.name for artifact in run.used_artifacts()] == [f"{data['artifact_name']}:v0"]


def test_an_input_that_is_gone_costs_no_upload(log, operator, images):
    offline = log(images, "scenes", input_artifact="nobody-has-this:v7")
    done = operator("sync_wandb_offline")(offline["offline_directory"])

    assert done["new_version"]
    assert "no_input" in codes(done)


def test_a_later_evaluation_replaces_that_of_a_run_at_wandb(log, operator, read, images):
    first = log(images, "boxes", offline=False)
    second = log(images, "plain", run_id=first["run_id"], artifact_name=first["artifact_name"])

    done = operator("sync_wandb_offline")(second["offline_directory"])

    assert "replaced_values" in codes(done)
    run = read.run(first)
    assert run.config["evaluation"]["eval_key"] == "plain"
    assert "eval/mAP" not in run.summary
    assert run.summary["eval/F1"] == second["metrics"]["F1"]


def test_the_offline_run_that_is_active_here(log, images, server, monkeypatch):
    monkeypatch.setenv("WANDB_ENTITY", server.entity)
    with wandb.init(project="active", mode="offline") as run:
        run.log({"loss": 1.0})
        step = run.step
        result = log(images, "boxes", run_id=run.id, offline=False)
        assert run.step == step
        directory = run.settings.sync_dir

    assert result["offline_directory"] == directory
    shell(result["sync_command"])
    after = wandb.Api().run(f"{server.entity}/active/{run.id}")
    assert set(charts_of(after)) == {"confusion_matrix", "precision_recall", "f1_by_class"}
    assert {key: after.summary[key] for key in result["run_metrics"]} == result["run_metrics"]
    assert after.config["evaluation"]["eval_key"] == "boxes"
    assert after.summary["loss"] == 1.0


@pytest.mark.parametrize("mode", ["offline", "dryrun", "disabled", "shared"])
def test_modes_of_wandb(log, images, server, monkeypatch, mode):
    monkeypatch.setenv("WANDB_MODE", mode)
    result = log(images, "scenes", offline=False)

    assert result["success"]
    assert result["logged"] == (mode != "disabled")
    assert bool(result["artifact_version"]) == (mode == "shared")
    assert bool(result["offline_directory"]) == (mode in ("offline", "dryrun"))
    if mode == "disabled":
        assert codes(result) == {"disabled"}


def test_the_same_content_twice(log, operator, server, images, tmp_path):
    """Uploaded from two places, and by both clients, it is one version."""
    result = log(images, "scenes")
    copy = shutil.copytree(result["offline_directory"], tmp_path / "copy" / Path(result["offline_directory"]).name)
    sync = operator("sync_wandb_offline")

    first, second = sync(result["offline_directory"]), sync(copy)
    shell(f"{result['sync_command']} --include-synced")

    assert (first["new_version"], second["new_version"], second["bytes_uploaded"]) == (True, False, 0)
    stored = [a for a in server.artifacts() if a["collection"] == result["artifact_name"]]
    assert len(stored) == 1
