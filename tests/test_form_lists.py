"""Forms: what they offer of W&B, and that they never wait or fail."""

import json
import threading

import fiftyone.operators as foo
import pytest

from shim.operators import OPERATORS
from support.fake_worker import module
from support.forms import LOAD, NAMES, PREDICTIONS, VIEW, fields, offered
from support.waiting import SECONDS, wait_for

pytestmark = pytest.mark.oldest


def _failing(fake, source, code, message):
    def look_up(request):
        raise fake.errors.JobFailed(source, code, message)

    return look_up


@pytest.mark.parametrize("name", NAMES)
def test_projects_and_entities_are_offered_and_new_ones_can_be_typed(operator, lookups, images, name):
    form = fields(operator(name), images)

    assert offered(form["project"]) == {"p": "p"}
    assert offered(form["entity"]) == {"me": "me", "team": "team"}
    for field in (form["project"], form["entity"]):
        assert field["view"]["name"] == "AutocompleteView"
        assert field["type"]["name"] == "String"

    assert "your key's (me)" in form["entity"]["view"]["description"]
    assert "wandb_problem" not in form


def test_a_project_that_w_and_b_does_not_have(operator, lookups, images):
    def about(name, **params):
        return fields(operator(name), images, params)["project"]["view"]["description"]

    assert about(VIEW, project="p").endswith("It is created if it does not exist")
    assert about(VIEW, project="pp").endswith("It will be created")
    assert about(LOAD, project="pp").endswith("It has to exist, and is not among those of me")
    # Nothing is known of the projects of an entity that is typed.
    assert about(LOAD, project="pp", entity="others").endswith("It has to exist")


@pytest.mark.parametrize("name", NAMES)
def test_runs_are_identified_by_id(operator, lookups, images, name):
    form = fields(operator(name), images, {"project": "p"})

    assert offered(form["run_id"]) == {
        "abc": "best one (abc) · finished · 2026-01-02 · acc 0.9123 · loss 0.1",
        "xyz": "xyz · running · 2026-01-01",
    }


def test_artifacts_of_the_dataset_come_first(operator, lookups, fake_worker, images):
    fake_worker.dataset = images.name

    training = fields(operator(PREDICTIONS), images, {"project": "p"})["input_artifact"]
    loaded = fields(operator(LOAD), images, {"project": "p"})["artifact"]

    assert list(offered(training)) == list(offered(loaded)) == ["train:v3", "other:v0"]
    assert offered(loaded)["train:v3"] == f"train:v3 (latest, good) · 2026-01-02 · 1,200 samples · {images.name}"
    asked = [list(r.lookup.artifact_types) for r in fake_worker.lookups if r.lookup.artifact_types]
    assert asked == [["dataset"], ["dataset", "predictions", "evaluation"]]


def test_a_renamed_dataset_is_known_by_its_id(operator, lookups, fake_worker, images):
    """Its artifacts come first all the same."""
    fake_worker.dataset, fake_worker.dataset_id = "its old name", str(images._doc.id)

    form = fields(operator(LOAD), images, {"project": "p", "artifact": "Train:good"})

    assert list(offered(form["artifact"])) == ["train:v3", "other:v0"]
    assert "other_dataset" not in form
    assert form["renamed_dataset"]["view"]["label"] == "This dataset was renamed"
    assert "called 'its old name'" in form["renamed_dataset"]["view"]["description"]

    lookups.forget()
    fake_worker.dataset_id = "0" * 24
    form = fields(operator(LOAD), images, {"project": "p", "artifact": "Train:good"})
    assert "renamed_dataset" not in form
    assert "only renamed" not in form["other_dataset"]["view"]["description"]


@pytest.mark.parametrize(
    ("typed", "found"),
    {
        "x_y": "x_y:v0",
        "X:y": "x_y:v0",
        "X:y:v0": "x_y:v0",
        "a": "a:v1",
        "a:latest": "a:v1",
        "A:b": None,
        "Run:7": "run_7:v0",
        "Taken": "Taken:v2",
        "Taken:v0": None,
        "taken:v0": "taken:v0",
        "ckpts/e=3": "ckpts_e_3:v0",
        ":": None,
        "": None,
        None: None,
    }.items(),
)
def test_what_a_typed_name_means(operator, fake_worker, typed, found):
    """As in the worker: the name as it is, then as it was stored; the first that is there decides."""
    entry = fake_worker.messages.ArtifactEntry
    entries = [entry(name=name, version="v0") for name in ("x_y", "a_b", "run_7", "taken", "ckpts_e_3")]
    entries += [entry(name="a", version="v1", aliases=["latest"]), entry(name="Taken", version="v2")]

    got = module(operator(LOAD), "operators.choices").find_artifact(entries, typed)

    assert (got and f"{got.name}:{got.version}") == found


def test_versions_and_the_artifacts_dataset(operator, lookups, fake_worker, images):
    fake_worker.dataset = images.name

    for typed in ("other:v0", "other", "Other", "-Other-:v0"):  # a name that was logged to is stored otherwise
        form = fields(operator(LOAD), images, {"project": "p", "artifact": typed})
        assert set(offered(form["version"])) == {"v0", "v3"}
        assert "'elsewhere'" in form["other_dataset"]["view"]["description"]
        lookups.forget()

    assert "version" not in fields(operator(LOAD), images, {"project": "p", "artifact": "other:v7"})
    assert "low_confidence" not in form

    form = fields(operator(LOAD), images, {"project": "p", "artifact": "train:v3"})
    assert "other_dataset" not in form
    plan = "The view that train:v3 was logged from (1,200 samples) will be restored in"
    assert form["plan"]["view"]["description"].startswith(plan)
    assert form["plan"]["view"]["description"].endswith("It will run here, with live progress")
    params = {"project": "p", "artifact": "train:v3", "action": "save_as_view", "run_id": "abc", "version": "v0"}
    form = fields(operator(LOAD), images, params)
    assert (
        "the run abc used it. No samples will change. It will run here or in the background"
        in (form["plan"]["view"]["description"])
    )
    assert not form["version"]["invalid"]
    assert (
        "has no version v9" in fields(operator(LOAD), images, {**params, "version": "v9"})["version"]["error_message"]
    )

    form = fields(operator(LOAD), images, {"project": "p", "artifact": "typed:v7"})
    assert "version" not in form
    assert form["plan"]["view"]["description"].startswith("The view that you choose will be restored in")
    assert "low_confidence" in form


@pytest.mark.parametrize(
    ("typed", "place", "rest"),
    [
        ("team/q/train:v3", ("team", "q"), "train:v3"),
        (" team/q/train ", ("team", "q"), "train"),
        ("https://wandb.ai/team/q/artifacts/dataset/train/v3", ("team", "q"), "train:v3"),
        ("https://wandb.ai/team/my%20q/artifacts/dataset/train/v3/files?x=1", ("team", "my q"), "train:v3"),
        ("http://127.0.0.1:8080/team/q/artifacts/dataset/train", ("team", "q"), "train"),
        (
            "https://wandb.ai/orgs/o/registry/data?selectionPath=o-org%2Fq%2Ftrain&version=v3",
            ("o-org", "q"),
            "train:v3",
        ),
        ("https://wandb.ai/team/q/runs/abc", ("", ""), "https://wandb.ai/team/q/runs/abc"),
        ("https://wandb.ai/orgs/o/registry/data?selectionPath=train", ("", ""), "train"),
        ("http://[::1", ("", ""), "http://[::1"),
        ("q/train:v3", ("", ""), "q/train:v3"),
        ("team/q/", ("", ""), "team/q/"),
        ("train:v3", ("", ""), "train:v3"),
        ("", ("", ""), ""),
        (None, ("", ""), ""),
    ],
)
def test_the_place_that_a_typed_artifact_names(operator, typed, place, rest):
    assert module(operator(LOAD), "names").artifact_place(typed) == (*place, rest)


@pytest.mark.parametrize("typed", ["team/q/train:v3", "https://wandb.ai/team/q/artifacts/dataset/train/v3"])
def test_versions_of_an_artifact_that_is_named_with_its_place(operator, lookups, fake_worker, images, typed):
    """Its own project is asked, and not the one that the form shows."""
    form = fields(operator(LOAD), images, {"project": "p", "artifact": typed})

    assert set(offered(form["version"])) == {"v0", "v3"}
    assert form["plan"]["view"]["description"].startswith("The view that train:v3 was logged from")
    asked = {
        (r.wandb.entity, r.wandb.project)
        for r in fake_worker.lookups
        if r.lookup.artifact_types or r.lookup.artifact_name
    }
    assert asked == {("team", "q")}


def test_one_question_per_list_and_none_per_keystroke(operator, lookups, fake_worker, images):
    log = operator(PREDICTIONS)
    for text in ("", "m", "mo", "mod", "mode", "model"):
        fields(log, images, {"project": "p", "model_name": text, "artifact_name": text, "run_id": text})

    kinds = [request.lookup.kind for request in fake_worker.lookups]
    assert len(kinds) == len(set(kinds)) == 3

    for text in ("p", "pr", "pro", "proj"):
        fields(log, images, {"project": text, "entity": text})

    assert len(fake_worker.lookups) == 3
    assert all(request.lookup.limit == 0 for request in fake_worker.lookups)


def test_another_entity_has_other_projects(operator, lookups, fake_worker, images):
    fields(operator(VIEW), images, {"entity": "team"})
    assert [request.wandb.entity for request in fake_worker.lookups] == ["", "team"]


def test_lists_are_kept_for_a_minute(operator, lookups, fake_worker, images, monkeypatch):
    fields(operator(VIEW), images)
    fields(operator(VIEW), images)
    assert len(fake_worker.lookups) == 1

    monkeypatch.setattr(lookups.answers, "_KEPT", -1)
    fields(operator(VIEW), images)
    assert len(fake_worker.lookups) == 2


def test_another_login_is_asked_again(operator, lookups, fake_worker, images, monkeypatch):
    key = "canary-" + "k" * 40
    fields(operator(VIEW), images)
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", key)
    fields(operator(VIEW), images)

    assert len(fake_worker.lookups) == 2
    assert key not in repr(lookups.answers._asked)


def test_the_key_is_in_no_form(operator, lookups, fake_worker, images, monkeypatch):
    key = "canary" + "k" * 40
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", key)
    monkeypatch.setenv("WANDB_API_KEY", key)
    images.register_run("seen", images.init_run(method="wandb_run", run_id="r", project="p"), overwrite=True)
    refused = _failing(fake_worker, "settings", "bad_key", "W&B does not know this key.")
    for look_up in (fake_worker.something, refused):
        lookups.forget()
        fake_worker.look_up = look_up
        for name in (one().name for one in OPERATORS):
            one = operator(name)
            params = {"project": "p", "run_key": "seen", "artifact": "train:v3", "include_labels": True}
            assert key not in json.dumps(fields(one, images, params))

    assert fake_worker.lookups[-1].wandb.api_key == key
    images.delete_run("seen")


@pytest.mark.parametrize("name", NAMES)
def test_a_form_never_fails(operator, lookups, fake_worker, images, name):
    fake_worker.look_up = _failing(fake_worker, "wandb", "unreachable", "W&B at wandb.test does not answer.")

    form = fields(operator(name), images, {"project": "p"})

    assert form["wandb_problem"]["view"]["description"] == "W&B at wandb.test does not answer."
    assert "wandb_login" not in form
    assert offered(form["project"]) == offered(form["run_id"]) == {}


@pytest.mark.parametrize("code", ["no_key", "bad_key"])
def test_without_a_key_the_form_says_what_to_do(operator, lookups, fake_worker, images, code):
    fake_worker.look_up = _failing(fake_worker, "settings", code, "No key. Run: wandb login")

    form = fields(operator(VIEW), images)

    assert form["wandb_problem"]["view"]["description"] == "No key. Run: wandb login"
    button = form["wandb_login"]["view"]
    assert (button["operator"], button["prompt"]) == ("@harpreetsahota/wandb/open_form", False)
    assert button["params"]["operator"] == "@harpreetsahota/wandb/login_to_wandb"


def test_a_slow_server_does_not_make_slow_forms(operator, lookups, fake_worker, images, monkeypatch):
    answered = threading.Event()

    def slow(request):
        assert answered.wait(SECONDS)
        return fake_worker.something(request)

    fake_worker.look_up = slow
    monkeypatch.setattr(lookups.answers, "_WAIT", 0.1)
    form = fields(operator(VIEW), images)
    assert "has not answered yet" in form["wandb_pending"]["view"]["description"]
    assert offered(form["project"]) == {}

    monkeypatch.setattr(lookups.answers, "_WAIT", 3600)
    fields(operator(VIEW), images)
    answered.set()
    wait_for(lambda: offered(fields(operator(VIEW), images)["project"]))
    assert len(fake_worker.lookups) == 1


def test_a_worker_that_is_being_built(operator, lookups, fake_worker, images, monkeypatch):
    built = threading.Event()

    def build(request, *, say, **_):
        say("Building the worker (once, about a minute)…")
        assert built.wait(SECONDS)
        return fake_worker.something(request)

    monkeypatch.setattr(fake_worker.worker, "run_job", build)
    monkeypatch.setattr(lookups.answers, "_WAIT", 0.2)
    form = fields(operator(VIEW), images)
    built.set()
    assert "Building the worker" in form["wandb_pending"]["view"]["description"]


def test_nothing_is_asked_where_nobody_sees_a_form(operator, lookups, fake_worker, images):
    foo.execute_operator(operator(VIEW).uri, dataset=images, params={"project": "p"})
    assert fake_worker.lookups == []


def test_addresses_of_runs_can_be_pasted(operator, lookups, fake_worker, images):
    url = "http://wandb.test/me/p/runs/abc?nw=1"
    assert not fields(operator(VIEW), images, {"project": "p", "run_id": url})["run_id"]["invalid"]

    operator(VIEW)(images, project="p", run_id=url)
    assert fake_worker.requests[0].log_view.run_id == "abc"
