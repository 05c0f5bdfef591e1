"""What a person in the App sees of an error: a dialog with its sentence, and a way back to the form."""

import asyncio
import json
from pathlib import Path

import pymongo.errors
import pytest
import yaml
from fiftyone.operators.executor import ExecutionContext, Executor, execute_or_delegate_operator
from fiftyone.operators.server import create_response_generator

from support import datasets
from support.fake_worker import module

pytestmark = pytest.mark.oldest

ROOT = Path(__file__).resolve().parents[1]

PREDICTIONS = "@harpreetsahota/wandb/log_model_predictions"
LOGIN = "@harpreetsahota/wandb/login_to_wandb"
FROM_APP = {"filters": {}, "extended": {}}


@pytest.fixture(scope="module")
def images(media, fiftyone):
    dataset = datasets.images(media, n=3)
    yield dataset
    dataset.delete()


def context(operator, samples, params, **request):
    request = {"dataset_name": samples.name, "params": params, **request}
    return ExecutionContext(
        request, executor=Executor(), operator_uri=operator.uri, required_secrets=operator._plugin_secrets
    )


def dialog(message):
    """The fields of the dialog that a message opens."""
    assert message["operator_uri"] == "show_output"
    return {name: field["view"] for name, field in message["params"]["outputs"]["type"]["properties"].items()}


def failing(error):
    def run(self, ctx):
        raise error

    return run


def test_a_job_that_fails(operator, fake_worker, images):
    fake_worker.fail("settings", "no_key", "No W&B key was found. Run: wandb login")
    filled_in = {"project": "p", "model_name": "m", "predictions_field": "weather", "view_target": "DATASET"}
    params = {**filled_in, "panel_id": "p1", "panel_state": {}}

    result = asyncio.run(
        execute_or_delegate_operator(PREDICTIONS, {"dataset_name": images.name, "params": params, **FROM_APP})
    )
    lines = [json.loads(line) for line in create_response_generator(result.result)]

    assert not any("error" in line for line in lines)
    shown = dialog(lines[-1]["body"])
    assert shown["error"]["description"] == "No W&B key was found. Run: wandb login"
    assert shown["wandb_login"]["params"]["operator"] == LOGIN
    assert shown["form"]["params"] == {"operator": PREDICTIONS, "form": filled_in}


@pytest.mark.parametrize("name", yaml.safe_load((ROOT / "fiftyone.yml").read_text())["operators"])
def test_every_operator(operator, images, monkeypatch, name):
    one = operator(name)
    error = module(one, "errors").WandBError("Run: wandb login", code="no_key")
    monkeypatch.setattr(type(one), "run", failing(error))
    ctx = context(one, images, {"project": "p"}, **FROM_APP)

    result = one.execute(ctx)

    (message,) = ctx.executor.to_json()["requests"]
    shown = dialog(message)
    assert shown["error"]["description"] == "Run: wandb login"
    assert shown["form"]["params"] == {"operator": one.uri, "form": {"project": "p"}}
    # Nothing opens beside the dialog.
    outputs = one.resolve_type(context(one, images, {}, results=result, target="outputs"), "outputs")
    assert outputs.to_json()["type"]["properties"] == {}
    # Where nobody looks at the App, and in the panel, which shows errors itself.
    for request in ({}, {"delegated": True, **FROM_APP}, {"params": {"in_panel": True}, **FROM_APP}):
        with pytest.raises(RuntimeError, match="wandb login"):
            one.execute(context(one, images, **{"params": {}, **request}))


def test_a_mistake_of_the_plugin(operator, images, monkeypatch, caplog):
    one = operator("show_wandb_run")
    monkeypatch.setattr(type(one), "run", failing(KeyError("a detail")))
    ctx = context(one, images, {}, **FROM_APP)

    assert one.execute(ctx)["code"] == "internal"

    (message,) = ctx.executor.to_json()["requests"]
    assert "Please report it" in dialog(message)["error"]["description"]
    assert "a detail" not in json.dumps(message)
    assert "KeyError: 'a detail'" in caplog.text


def test_a_login_that_fails(operator, fake_worker, images):
    def refuse(request):
        raise fake_worker.errors.JobFailed("settings", "bad_key", "W&B does not accept the key")

    fake_worker.look_up = refuse
    login = operator("login_to_wandb")
    ctx = context(login, images, {"key": "k" * 40, "replace": True}, **FROM_APP)

    login.execute(ctx)

    (message,) = ctx.executor.to_json()["requests"]
    assert dialog(message)["form"]["params"] == {"operator": LOGIN, "form": {"replace": True}}
    assert "k" * 40 not in json.dumps(message)


def time_out(*_):
    raise pymongo.errors.ServerSelectionTimeoutError("localhost:1: refused, Timeout: 30s, Topology Description: …")


@pytest.mark.parametrize("in_app", [False, True])
def test_the_database_goes_away(operator, images, monkeypatch, in_app):
    """MongoDB's own client says so in a paragraph, with a traceback of its own."""
    log = operator("log_fiftyone_view_to_wandb")
    monkeypatch.setattr(module(log, "query"), "as_view", time_out)
    if in_app:
        ctx = context(log, images, {"project": "p"}, **FROM_APP)
        (message,) = log.execute(ctx)
        sentence = dialog(message.to_json()["body"])["error"]["description"]
    else:
        with pytest.raises(RuntimeError) as caught:
            log(images, project="p")

        assert caught.value.code == "no_database"
        assert caught.value.__suppress_context__
        sentence = str(caught.value)

    assert sentence.startswith("FiftyOne's database does not answer: start MongoDB")


@pytest.mark.parametrize("delegate", [False, True])
def test_a_job_asks_first_whether_the_database_answers(operator, fake_worker, images, monkeypatch, delegate):
    """Else each of its small reads and writes would wait for half a minute."""
    log = operator("log_fiftyone_view_to_wandb")
    monkeypatch.setattr(module(log, "database"), "_database", time_out)

    with pytest.raises(RuntimeError) as caught:
        log(images, project="p", delegate=delegate)

    assert caught.value.code == "no_database"
    assert fake_worker.requests == []
