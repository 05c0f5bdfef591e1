"""The operators as the App uses them: forms, live progress, results, and how they are found."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import fiftyone as fo
import fiftyone.operators as foo
import pytest
import yaml
from fiftyone.operators.executor import ExecutionContext, ExecutionError, execute_or_delegate_operator
from fiftyone.operators.server import create_response_generator

from shim.operators import OPERATORS
from support import datasets
from support.fake_worker import module
from support.waiting import SECONDS

pytestmark = pytest.mark.oldest

ROOT = Path(__file__).resolve().parents[1]

NAMES = ("log_fiftyone_view_to_wandb", "log_model_predictions")
URIS = [f"@harpreetsahota/wandb/{name}" for name in NAMES]


@pytest.fixture(scope="module")
def others(media, fiftyone):
    made = [datasets.videos(media), datasets.groups(media), datasets.all_labels(media), fo.Dataset()]
    made.append(datasets.images(media).to_patches("ground_truth"))
    return made


def context(operator, samples, params=None, **request):
    view = samples.view()
    request = {
        "dataset_name": view.dataset_name,
        "view": view._serialize(),
        "params": params or {},
        "filters": {},
        "extended": {},
        **request,
    }
    return ExecutionContext(request, operator_uri=operator.uri, required_secrets=operator._plugin_secrets)


def form(operator, samples, params=None, **request):
    ctx = context(operator, samples, {"more_options": True, **(params or {})}, **request)
    return operator.resolve_type(ctx, "inputs").to_json()["type"]["properties"]


def execute(uri, samples, params):
    """What the App's server does for a request of the App."""
    view = samples.view()
    request = {
        "dataset_name": view.dataset_name,
        "view": view._serialize(),
        "params": params,
        "filters": {},
        "extended": {},
    }
    return asyncio.run(execute_or_delegate_operator(uri, request))


def lines(result):
    return [json.loads(line) for line in create_response_generator(result.result)]


def progress(update):
    """How far a job is, as a line of the App's stream says it."""
    shown = update["body"]["params"]
    return shown["results"]["progress"], shown["outputs"]["type"]["properties"]["progress"]["view"]["label"]


def test_manifest():
    manifest = yaml.safe_load((ROOT / "fiftyone.yml").read_text())
    from shim import PLUGIN_NAME, __version__
    from shim.settings import API_KEY, ENTITY, PROJECT, URL

    assert manifest["name"] == PLUGIN_NAME
    assert manifest["version"] == __version__
    assert manifest["operators"] == [operator().name for operator in OPERATORS]
    assert set(manifest["secrets"]) == {API_KEY, ENTITY, PROJECT, URL}


# Those of the original, by the labels that it gave them.
LABELS = {
    "log_fiftyone_view_to_wandb": "W&B: Save View as Artifact",
    "log_model_predictions": "W&B: Log Model Predictions",
    "load_view_from_wandb": "W&B: Load View from Artifact",
    "log_wandb_run": "W&B: Log W&B run to the FiftyOne dataset",
    "get_wandb_run_info": "W&B: get run info",
    "show_wandb_run": "Show W&B run",
    "show_wandb_report": "Show W&B Report",
    "open_wandb_panel": "Open W&B panel",
}
UNLISTED = {"rename_wandb_run", "remove_wandb_run", "login_to_wandb", "log_wandb_run", "log_worker_slot"}


@pytest.mark.parametrize("name", [operator().name for operator in OPERATORS])
def test_every_operator(operator, name):
    one = operator(name)
    config = one.to_json()["config"]

    assert config["label"] == LABELS.get(name, config["label"])
    assert len(config["description"]) > 100
    assert (ROOT / config["icon"].lstrip("/")).is_file()
    assert config["unlisted"] == (name in UNLISTED)
    assert type(one).resolve_input is not foo.Operator.resolve_input
    assert type(one).resolve_output is not foo.Operator.resolve_output
    assert callable(one) == (name != "login_to_wandb")


def test_the_originals_are_there():
    assert set(LABELS) <= {operator().name for operator in OPERATORS}


@pytest.mark.parametrize("name", NAMES)
def test_registered(operator, name):
    config = operator(name).to_json()["config"]

    assert config["execute_as_generator"]
    assert config["allow_delegated_execution"]
    assert config["allow_immediate_execution"]


@pytest.mark.any_version
def test_registered_without_the_requirements(mongod):
    """Who has installed nothing is told what to do when the operator is called, not by its absence."""
    code = f"""
import sys
for name in ("grpc", "google.protobuf", "cryptography"):
    sys.modules[name] = None
import fiftyone as fo, fiftyone.operators as foo
operator = foo.get_operator({URIS[0]!r})
assert "wandb" not in sys.modules
dataset = fo.Dataset()
dataset.add_sample(fo.Sample(filepath="/a.jpg"))
try:
    operator(dataset, project="p", run_id="r")
except RuntimeError as e:
    print(e)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS)
    assert "pip install -r" in done.stdout, done.stderr


def test_registering_again_loads_nothing(operator):
    """FiftyOne runs __init__.py at every look-up of an operator."""
    first = operator(NAMES[0])
    loaded = set(sys.modules)

    again = operator(NAMES[0])

    assert type(again) is type(first)
    assert set(sys.modules) == loaded


@pytest.mark.parametrize("name", NAMES)
def test_forms_of_all_datasets(operator, images, others, name):
    for samples in [images, images.limit(2), *others]:
        fields = form(operator(name), samples)
        if len(samples) == 0:
            assert fields["samples"]["invalid"]
            continue

        assert {"view_target", "plan", "project", "entity", "run_id", "artifact_name"} <= set(fields)
        assert fields["project"]["required"]


def test_form_of_a_view(operator, images):
    log = operator(NAMES[0])

    fields = form(log, images.match_tags("train"))
    assert "4 samples of" in fields["plan"]["view"]["label"]
    assert "ground_truth, predictions, weather, location" in fields["include_labels"]["view"]["description"]
    assert "fields" not in fields

    fields = form(log, images, {"include_labels": True, "include_embeddings": True})
    assert "the whole dataset" in fields["plan"]["view"]["label"]
    assert fields["include_images"]["default"] is True
    assert [c["value"] for c in fields["embedding_field"]["view"]["choices"]] == ["numbers", "embedding"]
    offered = [c["value"] for c in fields["fields"]["view"]["choices"]]
    assert {"number", "score", "metadata.width", "words"} <= set(offered)
    assert not {"embedding", "ground_truth", "filepath"} & set(offered)

    fields = form(log, images.to_patches("ground_truth"))
    assert "patches of" in fields["plan"]["view"]["label"]


def test_form_of_a_selection(operator, images):
    ids = images.values("id")[:3]
    fields = form(operator(NAMES[0]), images, selected=ids, params={"view_target": "SELECTED_SAMPLES"})
    assert "3 samples of" in fields["plan"]["view"]["label"]


def test_fields_are_offered_by_type(operator, images):
    fields = form(operator(NAMES[1]), images)

    offered = [c["value"] for c in fields["predictions_field"]["view"]["choices"]]
    assert offered == ["ground_truth", "predictions", "weather", "location", "caption", "prompt"]
    assert [c["value"] for c in fields["prompt_field"]["view"]["choices"]] == ["caption", "prompt"]
    assert fields["low_confidence_threshold"]["default"] == 0.5


def test_known_projects_are_proposed(operator, images, monkeypatch):
    log = operator(NAMES[0])
    assert form(log, images)["project"]["default"] is None
    assert form(log, images)["project"]["required"]
    monkeypatch.setenv("WANDB_PROJECT", "of-wandb")
    assert form(log, images)["project"]["default"] == "of-wandb"
    monkeypatch.setenv("FIFTYONE_WANDB_PROJECT", "of-fiftyone")
    assert form(log, images)["project"]["default"] == "of-fiftyone"
    assert not form(log, images)["project"]["required"]


@pytest.mark.parametrize(
    ("params", "field", "words"),
    [
        ({"project": "a/b"}, "project", "cannot contain /"),
        ({"project": "a" * 129}, "project", "at most 128"),
        ({"run_id": "a:b"}, "run_id", "cannot contain :"),
        ({"run_id": " a"}, "run_id", "begin or end with a blank"),
        ({"artifact_name": "???"}, "artifact_name", "at least one"),
        ({"artifact_name": "a" * 129}, "artifact_name", "at most 128"),
    ],
)
def test_names_are_checked_in_the_form(operator, fake_worker, images, params, field, words):
    fields = form(operator(NAMES[0]), images, params)
    assert fields[field]["invalid"] is True
    assert words in fields[field]["error_message"]

    with pytest.raises(ExecutionError, match="Validation error"):
        foo.execute_operator(URIS[0], dataset=images, params={"project": "p", **params})

    assert fake_worker.requests == []


def test_the_form_shows_the_artifacts_name(operator, images):
    fields = form(operator(NAMES[0]), images, {"artifact_name": "My Data!!"})
    assert "'my_data'" in fields["artifact_name"]["view"]["description"]


@pytest.mark.parametrize("name", NAMES)
def test_form_without_a_dataset(operator, name):
    log = operator(name)
    ctx = ExecutionContext({"params": {}}, operator_uri=log.uri, required_secrets=log._plugin_secrets)
    assert list(log.resolve_type(ctx, "inputs").to_json()["type"]["properties"]) == ["no_dataset"]
    assert log.resolve_execution_options(ctx).allow_immediate_execution


def test_no_network_and_no_worker_for_a_form(operator, images, fake_worker, monkeypatch):
    import socket

    log = operator(NAMES[0])
    ctx = context(log, images)
    ctx.view  # noqa: B018 - FiftyOne itself connects to MongoDB

    def refuse(*args, **kwargs):
        raise AssertionError("a form used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    log.resolve_type(ctx, "inputs")
    assert fake_worker.requests == []


def test_large_jobs_are_proposed_for_the_background(operator, images, monkeypatch):
    log = operator(NAMES[0])
    plan = module(log, "operators.plan")
    params = {"include_labels": True}

    def background(params):
        options = log.resolve_execution_options(context(log, images, params))
        assert options.allow_immediate_execution
        assert options.allow_delegated_execution
        return options.default_choice_to_delegated

    assert not background(params)
    monkeypatch.setattr(plan, "_MANY_IMAGES", 11)
    assert background(params)
    assert not background({**params, "include_images": False})
    assert not background({})
    monkeypatch.setattr(plan, "_MANY_ROWS", 11)
    assert background({})


def test_live_progress_and_result_in_the_app(operator, fake_worker, images):
    def behave(request, on_progress, *_):
        on_progress(fake_worker.messages.Progress(fraction=0.5, label="Reading samples: 6 of 12"))
        time.sleep(3)
        return fake_worker.result(request)

    fake_worker.behave = behave
    result = execute(URIS[0], images, {"project": "p", "include_labels": True})
    assert result.is_generator
    *updates, last = lines(result)

    assert {u["body"]["operator_uri"] for u in updates} == {"show_output"}
    assert (0.5, "Reading samples: 6 of 12") in [progress(u) for u in updates]
    button = updates[-1]["body"]["params"]["outputs"]["type"]["properties"]["cancel"]["view"]
    assert button["operator"] == "@harpreetsahota/wandb/cancel_wandb_job"
    assert operator("cancel_wandb_job").execute(context(operator("cancel_wandb_job"), images, button["params"])) == {
        "success": False,
        "job_id": last["body"]["params"]["results"]["job_id"],
    }
    assert last["body"]["operator_uri"] == "show_output"
    shown = last["body"]["params"]
    assert shown["results"]["samples_logged"] == 12
    assert "| **Samples** | 12 |" in shown["outputs"]["type"]["properties"]["summary"]["default"]
    assert fake_worker.requests[0].wandb.directory == ""


def test_the_limit_of_executions_does_not_stop_a_job_of_the_app(operator, fake_worker, images):
    """FiftyOne's 600 seconds are for what execute() takes, which must not wait for the job."""
    started = threading.Event()

    def behave(request, *_):
        assert started.wait(SECONDS)
        return fake_worker.result(request)

    fake_worker.behave = behave
    result = execute(URIS[0], images, {"project": "p"})
    started.set()

    assert lines(result)[-1]["body"]["params"]["results"]["samples_logged"] == 12


def test_building_the_worker_is_shown(operator, fake_worker, images, caplog):
    def behave(request, *_):
        time.sleep(3)
        return fake_worker.result(request)

    fake_worker.building, fake_worker.behave = "Building the worker", behave
    updates = lines(execute(URIS[0], images, {"project": "p"}))[:-1]

    assert "Building the worker" in [progress(u)[1] for u in updates]
    assert "Building the worker" in caplog.text


def test_closed_tab(operator, fake_worker, images):
    """The server closes the stream in its event loop, so closing must not wait for the worker."""
    seen, closed, ended = threading.Event(), threading.Event(), threading.Event()

    def behave(request, on_progress, on_run_created, cancelled):
        seen.set()
        assert closed.wait(SECONDS)
        assert cancelled()
        ended.set()
        raise fake_worker.errors.JobCancelled(cleaned_up=True)

    fake_worker.behave = behave
    stream = create_response_generator(execute(URIS[0], images, {"project": "p"}).result)
    next(stream)
    assert seen.wait(SECONDS)

    stream.close()

    closed.set()
    assert ended.wait(SECONDS)


@pytest.mark.parametrize("name", NAMES)
def test_output(operator, fake_worker, images, name):
    log = operator(name)
    warning = {"code": "c", "message": "2 files | are *missing*: /a_b.png", "count": 2}
    fake_worker.answer(warnings=[warning])
    params = {"project": "p", "model_name": "m", "predictions_field": "weather"}
    result = foo.execute_operator(log.uri, dataset=images, params=params).result

    ctx = context(log, images, results=result, target="outputs")
    text = log.resolve_type(ctx, "outputs").to_json()["type"]["properties"]["summary"]["default"]

    assert "[made\\_up:v0](http://wandb.test/me/p/artifacts/dataset/a/v0)" in text
    assert "| **Samples** | 12 |" in text
    assert "1.2 kB in 5 files; 1 files were there already" in text
    assert "- 2 files \\| are \\*missing\\*: /a\\_b.png" in text


def test_output_of_nothing(operator, images):
    log = operator(NAMES[0])
    assert log.resolve_type(context(log, images), "outputs").to_json()["type"]["properties"] == {}


def test_secrets_of_fiftyone(operator, fake_worker, images, monkeypatch):
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", "key-of-fiftyone")
    monkeypatch.setenv("FIFTYONE_WANDB_URL", "http://wandb.test")

    foo.execute_operator(URIS[0], dataset=images, params={"project": "p", "entity": "team"})

    wandb = fake_worker.requests[0].wandb
    assert (wandb.api_key, wandb.base_url, wandb.entity) == ("key-of-fiftyone", "http://wandb.test", "team")


def test_active_slice_of_a_group(operator, fake_worker, media):
    groups = datasets.groups(media)
    groups.group_slice = "right"
    log = operator(NAMES[0])

    log(groups, project="p", run_id="r")
    foo.execute_operator(URIS[0], dataset=groups, params={"project": "p"}, group_slice="right")

    for request in fake_worker.requests:
        assert b"right" in request.log_view.view.pipeline
