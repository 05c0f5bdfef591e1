"""What the App says when W&B cannot be shown, and that it goes on working."""

import contextlib
import json
import shutil

import pytest

from support import app as surroundings
from support.fake_worker import module

LOG = "W&B: Save View as Artifact"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The home directory of somebody who is not logged in."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def _other_tab(chromium, digits, mongod, home):
    with surroundings.serve(home, mongod, digits.name) as address, surroundings.visit(chromium, address) as visit:
        yield visit


@pytest.fixture
def other(_other_tab, home, wandb_server):
    """Their App, of which W&B's own files are the only settings; gives a Visit."""
    shutil.rmtree(home / ".config", ignore_errors=True)
    (home / ".netrc").unlink(missing_ok=True)
    use(home, wandb_server.url)
    _other_tab.rest()
    _other_tab.open_panel()
    yield _other_tab
    assert _other_tab.errors == []


def use(home, url, key=None):
    """Writes W&B's own files."""
    file = home / ".config" / "wandb" / "settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[default]\nbase_url = {url}\n")
    if key:
        host = url.split("/")[2]
        (home / ".netrc").write_text(f"machine {host} login user password {key}\n")
        (home / ".netrc").chmod(0o600)


def test_a_wrong_key(other, home, wandb_server):
    use(home, wandb_server.url, key="f" * 40)
    other.click("Refresh")
    other.shows("W&B does not accept the key")
    other.picture("state-wrong-key")


def test_no_network(other, home, digits):
    use(home, "http://127.0.0.1:9", key="f" * 40)
    other.click("Refresh")
    other.shows("W&B does not answer")
    other.picture("state-no-network")
    other.tab("Jobs")
    other.panel.get_by_text("Reading the list of jobs").wait_for(state="detached")
    other.grid_has(len(digits))
    other.tab("Runs")


def test_login_from_the_panel(other, home, wandb_server):
    other.click("Refresh")
    other.shows("Log in to see your runs here")
    other.shows("wandb login")
    other.picture("state-no-key")
    other.click("Log in")
    log_in(other, wandb_server)
    other.panel.get_by_role("combobox", name="Project").wait_for()


def test_login_from_a_form(other, home, wandb_server):
    other.click("Refresh")
    other.shows("Log in to see your runs here")
    other.open(LOG)
    other.sees("W&B cannot be reached")
    other.sees("wandb login")
    other.picture("form-no-key")
    other.press("Log in to W&B")
    log_in(other, wandb_server)
    assert wandb_server.key in (home / ".netrc").read_text()
    assert (home / ".netrc").stat().st_mode & 0o777 == 0o600
    assert wandb_server.key not in (home / "app.log.out").read_text()

    other.open(LOG)
    other.check("More options")
    other.sees("Default: your key's (")


def log_in(other, server):
    """Fills in the login's form."""
    other.sees("Who will share this login")
    # No request may carry the key while it is typed.
    sent = []
    other.page.on("request", lambda request: sent.append(request.post_data or ""))
    key = other.dialog.locator("input[type=password]")
    key.press_sequentially(server.key)
    other.picture("form-login")
    assert not any(server.key[:8] in text for text in sent)
    other.press("Execute")
    other.sees("Logged in as")
    assert server.key not in other.page.content()
    other.picture("form-logged-in")
    other.close()


def test_a_project_that_is_not_there(app, project, operator):
    from playwright.sync_api import Error

    key = "@harpreetsahota/wandb:project"
    app.open_panel()
    before = app.page.evaluate("key => localStorage.getItem(key)", key)
    there = app.panel.get_by_text("There is no project “not-yet-there” yet").first

    def enter():
        # Whoever pressed the button above the grid has left a selection, maybe only now, which leads elsewhere.
        module(operator("show_wandb_run"), "panel.selection")._store().clear()
        app.page.evaluate("key => localStorage.setItem(key, 'not-yet-there')", key)
        app.enter()
        app.panel.wait_for()
        app.tab("Runs")
        with contextlib.suppress(Error):
            there.wait_for(timeout=90_000)
        return there.is_visible()

    try:
        assert any(enter() for _ in range(4))
        app.picture("state-no-project")
        app.click("Log this view")
        app.sees("will be logged: the whole dataset")
        app.close()
    finally:
        app.page.evaluate("([key, value]) => localStorage.setItem(key, value || '')", [key, before])
        app.enter()


def test_a_project_is_typed(panel, project, login):
    login.make_run("typed-project", "typed1", "a typed run")
    panel.tab("Runs")
    panel.click("Type another project")
    form = panel.panel.get_by_role("form", name="Open another project")
    name = form.get_by_role("textbox", name="Project")
    name.fill("never-made")
    name.press("Enter")
    form.get_by_role("alert").wait_for()
    assert "never-made" in form.get_by_role("alert").inner_text()
    panel.picture("panel-typed-project")
    panel.shows("baseline-svm")
    name.fill(f"{login.url}/{login.entity}/typed-project/runs/typed1")
    name.press("Enter")
    panel.shows("a typed run")
    assert form.count() == 0
    panel.choose_project(project)
    panel.shows("baseline-svm")


def test_an_empty_project(app, login):
    document = "mutation U($i: UpsertModelInput!) { upsertModel(input: $i) { model { id } } }"
    login.graphql(document, {"i": {"entityName": login.entity, "name": "empty-project"}})
    app.open_panel()
    app.click("Refresh")
    app.choose_project("empty-project")
    app.tab("Runs")
    app.shows("This project has no runs yet")
    app.picture("state-empty")
    app.tab("Artifacts")
    app.shows("This project has no artifacts of this plugin yet")
    app.tab("Predictions")
    app.shows("This project has no predictions yet")
    app.tab("Reports")
    app.shows("This project has no reports")


def test_very_long_names(app, login):
    name, metric = "N" * 120, "m" * 100
    login.make_run("long", "r1", name, summaryMetrics=json.dumps({metric: 1}), notes="x" * 300)
    login.stream("long", "r1", [json.dumps({"_step": i, metric: i}) for i in range(3)])
    login.make_artifact("long", "r1", "a" * 120, metadata=json.dumps({"fiftyone_dataset_name": "d" * 120}))
    fits = "e => e.scrollWidth <= e.clientWidth"
    app.open_panel()
    app.page.set_viewport_size({"width": 900, "height": 1000})
    try:
        app.click("Refresh")
        app.choose_project("long")
        app.tab("Runs")
        app.shows(name)
        assert app.panel.evaluate(fits), "runs"
        app.click(name)
        app.panel.get_by_role("img", name=metric).wait_for()
        assert app.panel.evaluate(fits), "a run"
        app.picture("panel-long-names")
        app.tab("Artifacts")
        app.click("a" * 120 + ":v0")
        app.shows("of " + "d" * 120)
        assert app.panel.evaluate(fits), "an artifact"
    finally:
        app.page.set_viewport_size({"width": 1500, "height": 1000})


def test_a_slow_server(panel, login):
    panel.tab("Runs")
    panel.shows("augmented-svm")
    with login.holding(kind="graphql"):
        panel.click("Refresh")
        panel.shows("Refreshing")
        # The App does its own things meanwhile.
        panel.tab("Jobs")
        panel.shows("Log predictions")

    panel.tab("Runs")
    panel.panel.get_by_text("Refreshing").first.wait_for(state="detached")
    panel.shows("augmented-svm")


def test_a_failing_server(panel, login):
    panel.tab("Artifacts")
    panel.shows("digits_train:v1")
    login.fault(kind="graphql", mode="status", status=403, message="not today", count=-1)
    panel.click("Refresh")
    panel.panel.get_by_role("alert").first.wait_for()
    # What was there is still there.
    panel.shows("digits_train:v1")
    panel.picture("state-failing")
    login.heal()
    panel.click("Try again")
    panel.panel.get_by_role("alert").first.wait_for(state="detached")


@pytest.mark.parametrize("theme", surroundings.THEMES)
def test_states_in_a_narrow_column(panel, project, login, theme):
    def keep(name):
        assert panel.fits(), name
        panel.picture(f"narrow-{theme}-state-{name}")

    # Not those of the other theme: what has been shown is shown at once.
    empty = f"nothing-here-{theme}"
    login.make_run(empty, f"only-{theme}", "the only run")
    panel.click("Refresh")
    with panel.narrow_column(theme):
        panel.choose_project(empty)
        for tab, words in {
            "Artifacts": "no artifacts",
            "Predictions": "no predictions",
            "Reports": "no reports",
        }.items():
            panel.tab(tab)
            panel.shows(words)
            keep(f"empty-{tab.lower()}")

        panel.tab("Runs")
        panel.shows("the only run")
        with login.holding(kind="graphql"):
            panel.click("the only run")
            panel.panel.get_by_role("status").first.wait_for()
            keep("slow")

        login.fault(kind="graphql", mode="status", status=403, message="not today", count=-1)
        panel.click("Refresh")
        panel.panel.get_by_role("alert").first.wait_for()
        keep("failed")
        login.heal()
        panel.click("Refresh")
        panel.panel.get_by_role("alert").first.wait_for(state="detached")
        panel.choose_project(project)


@pytest.mark.parametrize("theme", surroundings.THEMES)
def test_the_login_in_a_narrow_column(other, theme):
    other.click("Refresh")
    other.shows("Log in to see your runs here")
    with other.narrow_column(theme):
        assert other.fits()
        other.picture(f"narrow-{theme}-state-no-key")


def test_a_thousand_runs(app, login):
    for i in range(1000):
        login.make_run("thousand", f"r{i:04}", f"run {i:04}")

    app.open_panel()
    app.click("Refresh")
    app.choose_project("thousand")
    app.tab("Runs")
    app.shows("run 0999")
    assert app.panel.locator("section[aria-label='All runs'] li").count() == 50
    app.click("Older")
    app.shows("run 0949")
    app.panel.get_by_role("searchbox").fill("run 0007")
    app.shows("run 0007")


def test_many_artifacts(app, login):
    login.make_run("many", "maker", "maker")
    for i in range(120):
        login.make_artifact("many", "maker", f"data-{i:04}", metadata=json.dumps({"num_samples": i}))

    app.open_panel()
    app.click("Refresh")
    app.choose_project("many")
    app.tab("Artifacts")
    app.shows("data-0119:v0")
    assert app.panel.locator("li").count() == 50
    app.click("Older")
    app.shows("data-0069:v0")
    app.open("W&B: Load View from Artifact")
    app.type("Project", "many")
    app.choose("Artifact", "data-0119:v0 (latest)")
    app.press("Cancel")
