"""Linking runs of W&B to a dataset, and what is then known of them, with the real worker and the stand-in."""

import json
import sys
import types

import fiftyone.operators as foo
import pytest
from bson import ObjectId
from fiftyone.operators.executor import ExecutionContext

from support import datasets

PROJECT = "linked"


@pytest.fixture
def images(media, fiftyone):
    dataset = datasets.images(media)
    yield dataset
    if not dataset.deleted:
        dataset.delete()


@pytest.fixture
def link(operator, login):
    return operator("log_wandb_run")


@pytest.fixture
def info(operator, login):
    return operator("get_wandb_run_info")


@pytest.fixture
def run(login):
    """Makes a run and gives its id and its name."""

    def run(name=None, **values):
        run_id = f"r{ObjectId()}"
        values.setdefault("config", json.dumps({"lr": {"value": 0.1}, "a.b": {"value": {"$x": [1, {"_cls": "y"}]}}}))
        values.setdefault("summaryMetrics", json.dumps({"acc": 0.9, "_step": 3}))
        login.make_run(PROJECT, run_id, name or f"name {run_id}", **values)
        return run_id, name or f"name {run_id}"

    return run


def config(dataset, key):
    # As another session would see it.
    dataset.reload()
    return dataset.get_run_info(key).config


def test_as_the_original_was_called(link, run, login, images):
    run_id, _ = run("experiment-42", notes="mine", tags=["old"])

    result = link(images, project_name=PROJECT, run_name="experiment-42", predictions_field="predictions")

    assert (result["success"], result["run_key"], result["project_key"]) == (True, "experiment_42", PROJECT)
    assert (result["run_id"], result["run_name"], result["state"]) == (run_id, "experiment-42", "finished")
    record = config(images, "experiment_42")
    assert (record.method, record.run_name, record.run_id) == ("wandb_run", "experiment-42", run_id)
    assert (record.entity, record.project, record.state) == (login.entity, PROJECT, "finished")
    assert record.url == result["wandb_url"]
    assert record.url.endswith(f"/{login.entity}/{PROJECT}/runs/{run_id}")
    assert record.config_params["lr"] == 0.1
    assert record.summary_metrics["acc"] == 0.9
    assert record.notes == "mine"
    assert (record.predictions_field, record.gt_field) == ("predictions", "ground_truth")
    tags = ["old", "fiftyone", "predictions:predictions", "ground_truth:ground_truth"]
    assert sorted(record.tags) == sorted(login.run(run_id)["tags"]) == sorted(tags)
    assert sorted(result["tags_added"]) == sorted(tags[1:])
    project = config(images, PROJECT)
    assert (project.method, project.entity, project.project_name) == ("wandb_project", login.entity, PROJECT)
    assert project.project_url.endswith(f"/{login.entity}/{PROJECT}")
    assert project.runs == ["experiment_42"]
    images.reload()
    assert images.get_field("predictions").info == {
        "wandb_project": PROJECT,
        "wandb_run_name": "experiment-42",
        "wandb_run_id": run_id,
        "wandb_url": record.url,
    }


@pytest.mark.parametrize("how", ["id", "name", "address", "execute", "execute as the original"])
def test_by_id_name_and_address(link, run, login, images, how):
    run_id, name = run()
    arguments = {
        "id": {"run_id": run_id},
        "name": {"run_name": name},
        "address": {"run_id": f"{login.url}/{login.entity}/{PROJECT}/runs/{run_id}?nw=x"},
    }.get(how, {"run_id": run_id})

    if how == "execute":
        params = {"project": PROJECT, **arguments}
        result = foo.execute_operator(link.uri, dataset=images, params=params).result
    elif how == "execute as the original":
        params = {"project_name": PROJECT, "run_name": name}
        result = foo.execute_operator(link.uri, dataset=images, params=params).result
    else:
        result = link(images, PROJECT, **arguments)

    assert result["run_id"] == run_id


def test_twice_updates_what_changed(link, run, login, images):
    run_id, name = run("twice")
    first = link(images, PROJECT, run_id)
    login.make_run(PROJECT, run_id, "renamed", state="failed", summaryMetrics=json.dumps({"acc": 0.5}))

    second = link(images.limit(3), PROJECT, run_id, predictions_field="predictions")

    assert second["run_key"] == first["run_key"] == "twice"
    assert second["tags_added"] == ["predictions:predictions", "fiftyone_subset_view"]
    record = config(images, "twice")
    assert (record.run_name, record.state, record.summary_metrics["acc"]) == ("renamed", "failed", 0.5)
    assert len(set(login.run(run_id)["tags"])) == len(login.run(run_id)["tags"]) == 4
    assert sorted(images.list_runs()) == [PROJECT, "twice"]
    assert config(images, PROJECT).runs == ["twice"]


@pytest.mark.parametrize(
    ("name", "key"), [("42", "_42"), ("läuft: a/b!", "l_uft__a_b_"), ("class", "class"), (PROJECT, PROJECT)]
)
def test_names_that_are_no_identifiers(link, run, images, name, key):
    run_id, _ = run(name)
    assert link(images, PROJECT, run_id)["run_key"] == key
    assert config(images, key).run_id == run_id


def test_runs_with_the_same_name(link, run, images):
    one, _ = run("same name")
    other, _ = run("same name")

    assert link(images, PROJECT, one)["run_key"] == "same_name"
    assert link(images, PROJECT, other)["run_key"] == "same_name_2"
    assert link(images, PROJECT, one)["run_key"] == "same_name"
    with pytest.raises(RuntimeError, match='Several runs of .* are called "same name": .*by its id'):
        link(images, PROJECT, run_name="same name")


def test_a_living_run_only_gains_tags(link, run, login, images):
    run_id, _ = run(state="running")
    before = login.run(run_id)

    link(images, PROJECT, run_id)

    after = login.run(run_id)
    assert sorted(after.pop("tags")) == ["fiftyone", "ground_truth:ground_truth"]
    for state in (before, after):
        state.pop("upserts")
        state.pop("tags", None)

    assert after == before


def test_the_active_run_gets_its_tags_itself(link, run, login, images, monkeypatch):
    run_id, _ = run(state="running")
    wandb = types.ModuleType("wandb")
    wandb.run = types.SimpleNamespace(
        id=run_id,
        entity=login.entity,
        project=PROJECT,
        tags=("mine",),
        settings=types.SimpleNamespace(base_url=login.url, mode="online"),
    )
    monkeypatch.setitem(sys.modules, "wandb", wandb)

    result = link(images)

    assert result["run_id"] == run_id
    assert wandb.run.tags == ("mine", "fiftyone", "ground_truth:ground_truth")
    assert not login.run(run_id)["tags"]


def test_tags_that_are_refused_are_a_warning(link, run, login, images):
    run_id, _ = run()
    login.fault(kind="graphql", match="^SetRunTags$", mode="status", status=403)

    result = link(images, PROJECT, run_id)

    login.heal()
    assert [w["code"] for w in result["warnings"]] == ["no_tags"]
    assert config(images, result["run_key"]).run_id == run_id


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"run_id": "missing"}, "missing"),
        ({"run_name": "no such name"}, "no such name"),
        ({}, "Which run"),
        ({"run_id": "x", "predictions_field": "nope"}, "no such field"),
        ({"run_id": "x", "gt_field": "nope"}, "no such field"),
    ],
)
def test_what_cannot_be_linked(link, run, images, arguments, words):
    run()
    with pytest.raises(RuntimeError, match=words):
        link(images, PROJECT, **arguments)

    assert images.list_runs() == []


def test_info_stored_and_fresh(link, info, run, login, images):
    run_id, _ = run("known")
    link(images, PROJECT, run_id)
    login.make_run(PROJECT, run_id, "known", state="failed", summaryMetrics=json.dumps({"acc": 0.1}))

    found = info(images, "known")

    assert (found["run_key"], found["problem"]) == ("known", None)
    assert found["version"]
    assert found["timestamp"]
    assert (found["config"]["state"], found["config"]["summary_metrics"]["acc"]) == ("finished", 0.9)
    assert (found["fresh"]["state"], found["fresh"]["summary_metrics"]["acc"]) == ("failed", 0.1)
    assert info(images, "known", refresh=False)["fresh"] is None
    json.dumps(found)


def test_info_of_what_was_logged(operator, info, login, images):
    operator("log_fiftyone_view_to_wandb")(images, project=PROJECT, run_id="seen", artifact_name=f"a{ObjectId()}")

    found = info(images, "dataset_view_seen")

    assert found["config"]["method"] == "wandb_training"
    assert found["fresh"]["state"] == "finished"


def test_info_where_wandb_cannot_be_reached(link, info, run, images, monkeypatch):
    run_id, _ = run("away")
    link(images, PROJECT, run_id)
    monkeypatch.delenv("FIFTYONE_WANDB_API_KEY")

    found = foo.execute_operator(info.uri, dataset=images, params={"run_key": "away"}).result

    assert found["fresh"] is None
    assert found["problem"].startswith("These are the stored values, because W&B gave no current ones: ")
    assert found["config"]["state"] == "finished"
    shown = _shown(info, images, found)
    assert "| **State** | finished |" in shown
    assert "| **metric: acc** | 0.9 |" in shown
    assert "stored values" in shown


def test_info_of_nothing(info, images):
    with pytest.raises(RuntimeError, match="has no run 'nope'. It has: none"):
        info(images, "nope")


def test_renaming_and_removing(operator, link, run, images):
    run_id, _ = run("before")
    link(images, PROJECT, run_id, predictions_field="predictions")
    rename, remove = operator("rename_wandb_run"), operator("remove_wandb_run")

    assert rename(images, "before", "after")["run_key"] == "after"
    assert sorted(images.list_runs()) == ["after", PROJECT]
    assert config(images, PROJECT).runs == ["after"]
    # It is still the same run.
    assert link(images, PROJECT, run_id, predictions_field="predictions")["run_key"] == "after"

    assert remove(images, "after")["success"]
    assert images.list_runs() == []
    images.reload()
    assert not images.get_field("predictions").info


@pytest.mark.parametrize("name", ["rename_wandb_run", "remove_wandb_run", "cancel_wandb_job"])
def test_what_was_done_is_shown(operator, images, name):
    one = operator(name)
    done = {"success": True, "run_key": "after_all", "job_id": "after_all"}
    assert "after\\_all" in _shown(one, images, done)
    ctx = _context(one, images, results={}, target="outputs")
    assert one.resolve_type(ctx, "outputs").to_json()["type"]["properties"] == {}


def test_removing_leaves_the_others(operator, link, run, images):
    one, two = run("one")[0], run("two")[0]
    images.get_field("predictions").info = {"mine": 1}
    images.get_field("predictions").save()
    link(images, PROJECT, one, predictions_field="predictions")
    link(images, PROJECT, two, predictions_field="predictions")

    foo.execute_operator(operator("remove_wandb_run").uri, dataset=images, params={"run_key": "one"})

    images.reload()
    assert sorted(images.list_runs()) == [PROJECT, "two"]
    assert config(images, PROJECT).runs == ["two"]
    assert images.get_field("predictions").info["wandb_run_id"] == two
    operator("remove_wandb_run")(images, "two")
    images.reload()
    assert images.get_field("predictions").info == {"mine": 1}


@pytest.mark.parametrize(("key", "words"), [("not valid", "valid identifier"), ("two", "already"), (None, "valid")])
def test_keys_that_cannot_be(operator, link, run, images, key, words):
    link(images, PROJECT, run("one")[0])
    link(images, PROJECT, run("two")[0])
    with pytest.raises(RuntimeError, match=words):
        operator("rename_wandb_run")(images, "one", key)

    with pytest.raises(RuntimeError, match="has no run 'nope'"):
        operator("rename_wandb_run")(images, "nope", "new")


@pytest.mark.parametrize("name", ["log_wandb_run", "get_wandb_run_info", "rename_wandb_run", "remove_wandb_run"])
def test_forms(operator, link, run, images, name):
    one = operator(name)
    assert one.resolve_type(_context(one, images), "inputs").to_json()["type"]["properties"]
    link(images, PROJECT, run("shown")[0])
    form = one.resolve_type(_context(one, images, {"run_key": "shown"}), "inputs").to_json()["type"]["properties"]
    if name != "log_wandb_run":
        assert form["run_key"]["type"]["values"] == ["shown"]


def _context(operator, dataset, params=None, **request):
    request = {"dataset_name": dataset.name, "params": params or {}, **request}
    return ExecutionContext(request, operator_uri=operator.uri, required_secrets=operator._plugin_secrets)


def _shown(operator, dataset, result):
    ctx = _context(operator, dataset, results=result, target="outputs")
    return operator.resolve_type(ctx, "outputs").to_json()["type"]["properties"]["summary"]["default"]
