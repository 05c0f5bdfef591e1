"""The operators that open the panel, with the real worker and the stand-in."""

import fiftyone.operators as foo
import pytest
from bson import ObjectId
from fiftyone.operators.executor import ExecutionContext

from support import datasets
from support.fake_worker import module

PROJECT = "shown"


@pytest.fixture
def images(media, fiftyone):
    dataset = datasets.images(media, n=3)
    yield dataset
    dataset.delete()


@pytest.fixture
def panel(operator, login):
    login.make_run(PROJECT, "run1", "first run")
    panel = module(operator("show_wandb_run"), "panel.selection")
    panel._store().clear()
    return panel


def execute(operator, dataset, params, **request):
    """What an execution gives, and what it makes the App do."""
    result = foo.execute_operator(operator.uri, dataset=dataset, params=params, **request)
    return result.result, [(r.to_json()["operator_uri"], r.to_json()["params"]) for r in result.executor._requests]


def shown(operator, dataset, result):
    request = {"dataset_name": dataset.name, "params": {}, "results": result, "target": "outputs"}
    ctx = ExecutionContext(request, operator_uri=operator.uri, required_secrets=operator._plugin_secrets)
    return operator.resolve_type(ctx, "outputs").to_json()["type"]["properties"]


@pytest.mark.parametrize("reference", ["run1", "first run", "URL"])
def test_a_run(operator, panel, login, images, reference):
    show = operator("show_wandb_run")
    url = f"{login.url}/{login.entity}/{PROJECT}/runs/run1"

    result, requests = execute(show, images, {"project": PROJECT, "run_id": url if reference == "URL" else reference})

    expected = {
        "kind": "run",
        "url": url,
        "title": "first run",
        "entity": login.entity,
        "project": PROJECT,
        "id": "run1",
    }
    assert result == {"success": True, **expected}
    (operator_uri, params), selected = requests
    assert selected == ("@harpreetsahota/wandb/embed_report", {"url": url})
    assert (operator_uri, params["name"], params["isActive"]) == ("open_panel", "WandBPanel", True)
    assert {k: v for k, v in panel.selected(images).items() if k != "selected"} == expected
    link = shown(show, images, result)["link"]["view"]
    assert (link["href"], link["label"], link["newWindow"]) == (url, "Open in a new tab", True)
    assert show(images, PROJECT, "run1") == result


def test_the_names_of_the_original(operator, panel, login, images):
    title = f"Report {ObjectId()}"
    login.make_report(PROJECT, title)

    run, _ = execute(operator("show_wandb_run"), images, {"project_name": PROJECT, "run_label": "first run"})
    report, _ = execute(operator("show_wandb_report"), images, {"project_name": PROJECT, "report_label": title})

    assert (run["id"], report["title"]) == ("run1", title)


def test_nothing_is_named(operator, panel, login, images):
    """In its notebook the original was called with a dataset alone."""
    show = operator("show_wandb_run")
    with pytest.raises(RuntimeError, match="Which project"):
        show(images)

    operator("log_wandb_run")(images, PROJECT, "run1")
    assert show(images)["id"] == "run1"


def test_a_project(operator, panel, login, images):
    result, _ = execute(operator("show_wandb_run"), images, {"project": PROJECT})
    assert (result["kind"], result["url"]) == ("project", f"{login.url}/{login.entity}/{PROJECT}")


@pytest.mark.parametrize("reference", ["id", "title", "URL"])
def test_a_report(operator, panel, login, images, reference):
    title = f"Report {ObjectId()}"
    login.make_report(PROJECT, title)
    show = operator("show_wandb_report")
    first = show(images, PROJECT, title)
    value = {"id": first["id"], "title": title, "URL": first["url"]}[reference]

    result, requests = execute(show, images, {"project": PROJECT, "report": value})

    assert result["url"] == first["url"]
    assert "/reports/" in result["url"]
    assert requests[0][1]["name"] == "WandBPanel"
    assert panel.selected(images)["kind"] == "report"
    assert shown(show, images, result)["link"]["view"]["href"] == first["url"]


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("show_wandb_run", {"project": PROJECT, "run_id": "missing"}, "missing"),
        ("show_wandb_run", {"project": "no-such-project"}, "no project 'no-such-project'"),
        ("show_wandb_run", {}, "Required property"),
        ("show_wandb_report", {"project": PROJECT, "report": "missing"}, "no report 'missing'"),
    ],
)
def test_what_is_not_there(operator, panel, images, name, params, words):
    with pytest.raises(Exception, match=words):
        foo.execute_operator(operator(name).uri, dataset=images, params=params)

    assert panel.selected(images) is None


def test_the_panel_shows_what_belongs_to_the_dataset(operator, panel, login, images):
    open_panel = operator("open_wandb_panel")
    operator("log_wandb_run")(images, PROJECT, "run1")

    result, requests = execute(open_panel, images, {})
    assert (result["kind"], result["id"]) == ("run", "run1")
    assert requests[0][1]["name"] == "WandBPanel"

    login.make_run(PROJECT, "run2", "second run")
    operator("log_wandb_run")(images, PROJECT, "run2")
    assert open_panel(images)["id"] == "run2"
    assert open_panel(images, "first_run")["id"] == "run1"
    assert open_panel(images)["id"] == "run1"

    operator("show_wandb_run")(images, PROJECT)
    assert open_panel(images)["kind"] == "project"


def test_the_panel_of_a_dataset_without_runs(operator, panel, login, images, monkeypatch):
    monkeypatch.setenv("FIFTYONE_WANDB_PROJECT", PROJECT)
    assert operator("open_wandb_panel")(images)["kind"] == "project"


def test_the_panel_opens_in_the_app_without_a_login(operator, panel, images, monkeypatch):
    monkeypatch.delenv("FIFTYONE_WANDB_API_KEY")
    open_panel = operator("open_wandb_panel")

    result, requests = execute(open_panel, images, {}, filters={})

    assert result == {"success": True}
    assert [uri for uri, _ in requests] == ["open_panel"]
    assert shown(open_panel, images, result) == {}


def test_wandb_is_not_asked_for_what_is_known(operator, panel, images, monkeypatch):
    operator("log_wandb_run")(images, PROJECT, "run1")
    monkeypatch.delenv("FIFTYONE_WANDB_API_KEY")
    assert operator("open_wandb_panel")(images)["id"] == "run1"


def test_the_button_above_the_grid(operator, images):
    open_panel = operator("open_wandb_panel")
    ctx = ExecutionContext({"dataset_name": images.name, "params": {}}, operator_uri=open_panel.uri)
    placement = open_panel.resolve_placement(ctx).to_json()
    assert placement["place"] == "samples-grid-secondary-actions"
    assert placement["view"]["icon"] == "/assets/wandb.svg"
    assert placement["view"]["prompt"] is False
