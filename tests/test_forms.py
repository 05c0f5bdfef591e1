"""Forms: what they offer of W&B, what they say will happen, and that they never wait or fail."""

import json
import threading

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext

from support import datasets, markdown
from support.fake_worker import module
from support.waiting import SECONDS, wait_for

pytestmark = pytest.mark.oldest

VIEW, PREDICTIONS, LOAD = "log_fiftyone_view_to_wandb", "log_model_predictions", "load_view_from_wandb"
NAMES = (VIEW, PREDICTIONS, LOAD)
EVERY = (
    *NAMES,
    "log_wandb_run",
    "get_wandb_run_info",
    "show_wandb_run",
    "show_wandb_report",
    "open_wandb_panel",
    "sync_wandb_offline",
    "cancel_wandb_job",
    "resume_wandb_job",
    "log_worker_slot",
    "rename_wandb_run",
    "remove_wandb_run",
    "login_to_wandb",
)


@pytest.fixture(scope="module")
def images(media, fiftyone):
    dataset = datasets.images(media)
    yield dataset
    dataset.delete()


@pytest.fixture
def lookups(operator, fake_worker):
    """The module lookups, which has asked nothing yet."""
    lookups = module(operator(VIEW), "lookups")
    yield lookups
    lookups.forget()


def fields(operator, samples, params=None, **request):
    """The fields of a form as the App asks for it, with More options unless the parameters say otherwise."""
    view = samples.view()
    request = {
        "dataset_name": view.dataset_name,
        "view": view._serialize(),
        "params": {"more_options": True, **(params or {})},
        "filters": {},
        "extended": {},
        "target": "inputs",
        **request,
    }
    ctx = ExecutionContext(request, operator_uri=operator.uri, required_secrets=operator._plugin_secrets)
    return markdown.read_notices(operator.resolve_type(ctx, "inputs").to_json()["type"]["properties"])


def offered(field):
    return {choice["value"]: choice["label"] for choice in field["view"].get("choices", [])}


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
    plan = "What train:v3 was logged from (1,200 samples) is selected in"
    assert form["plan"]["view"]["description"].startswith(plan)
    assert form["plan"]["view"]["description"].endswith("It runs here, with live progress")
    params = {"project": "p", "artifact": "train:v3", "action": "save_as_view", "run_id": "abc", "version": "v0"}
    form = fields(operator(LOAD), images, params)
    assert (
        "the run abc as its user. No sample changes. It runs here or in the background"
        in (form["plan"]["view"]["description"])
    )
    assert not form["version"]["invalid"]
    assert (
        "has no version v9" in fields(operator(LOAD), images, {**params, "version": "v9"})["version"]["error_message"]
    )

    form = fields(operator(LOAD), images, {"project": "p", "artifact": "typed:v7"})
    assert "version" not in form
    assert form["plan"]["view"]["description"].startswith("The view that you choose is restored in")
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
    assert form["plan"]["view"]["description"].startswith("What train:v3 was logged from")
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
        for name in EVERY:
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


def test_plan_of_pictures(operator, lookups, images, monkeypatch):
    def plan(**params):
        return fields(operator(VIEW), images, {"include_labels": True, **params})["plan"]["view"]["description"]

    assert "entries" not in plan()
    monkeypatch.setattr(module(operator(VIEW), "operators.plan"), "_MANY_ENTRIES", 1)
    every = len(images)
    assert f"Up to {every} entries: a manifest of 1.7 kB" in plan()
    assert f"3 of {every} rows show pictures, chosen at random. 3 thumbnails" in plan(pictures_max=3)
    assert "Up to 3 entries" in plan(pictures_max=3)
    assert f"Up to {2 * every} entries" in plan(image_mode="reference")
    assert "entries" not in plan(include_images=False)

    monkeypatch.setattr(module(operator(VIEW), "operators.counts"), "rows", lambda view: 1_000_001)
    assert "100,000 of 1,000,001 rows show pictures" in plan()
    assert "the job will be refused" in plan(pictures_max=0)


def test_plan_of_a_view(operator, lookups, images):
    log = operator(VIEW)
    plan = fields(log, images.limit(2))["plan"]["view"]["description"]
    assert plan.startswith("A list of the samples, without a table. About 300 B will be uploaded. It will run here")

    plan = fields(log, images.limit(2), {"include_labels": True, "fields": ["number"]})["plan"]["view"]["description"]
    labels = "labels (ground_truth, predictions, weather, location)"
    assert f"A table with a row for each sample: {labels}, fields (number), thumbnails." in plan
    assert "2 thumbnails, about 1.3 kB in all" in plan

    params = {"include_labels": True, "image_mode": "original"}
    plan = fields(log, images.limit(2), params)["plan"]["view"]["description"]
    assert "2 media files, about 1.2 kB in all" in plan

    plan = fields(log, images, {"include_labels": True, "image_mode": "reference"})["plan"]["view"]["description"]
    assert "location), references and thumbnails." in plan
    params = {"include_labels": True, "image_mode": "none"}
    assert "thumbnails" not in fields(log, images, params)["plan"]["view"]["description"]
    assert "It will run here, with live progress" in plan

    plan = fields(log, images, {"include_labels": True, "include_images": False})["plan"]["view"]["description"]
    assert "thumbnails" not in plan
    assert "About 6.0 kB will be uploaded" in plan


def test_a_form_of_pictures_without_labels(operator, lookups, images, fake_worker):
    log = operator(VIEW)
    plan = fields(log, images, {"only_pictures": True, "fields": ["number"]})["plan"]["view"]["description"]
    assert plan.startswith("A table with a row for each sample: fields (number), thumbnails.")
    # What was filled in for a table with labels does not count when they are switched off.
    stale = {
        "fields": ["number"],
        "include_images": True,
        "image_mode": "original",
        "overlays": ["weather"],
        "mask_mode": "all",
    }
    for switch in (False, True):
        foo.execute_operator(log.uri, dataset=images, params={"project": "p", "only_pictures": switch, **stale})
        job = fake_worker.requests[-1].log_view
        assert (job.include_labels, job.include_images, len(job.fields)) == (False, switch, int(switch))
        assert not job.pictures.overlays.fields


def test_plan_of_predictions(operator, lookups, images):
    params = {"prompt_field": "prompt", "include_images": True}
    plan = fields(operator(PREDICTIONS), images, params)["plan"]["view"]["description"]
    assert plan.startswith("A table with a row for each sample: prompts (prompt), thumbnails.")
    assert "12 thumbnails" in plan


def test_labels_to_draw(operator, lookups, images, fake_worker):
    log, params = operator(VIEW), {"include_labels": True}
    form = fields(log, images, params)
    drawable = ["ground_truth", "predictions", "weather"]  # a location has no place in the picture
    assert [choice["value"] for choice in form["overlays"]["view"]["choices"]] == drawable
    assert form["mask_mode"]["type"]["values"] == ["own", "all", "none"]
    assert "gt_field" not in form
    assert {"overlays", "mask_mode"}.isdisjoint(fields(log, images, {**params, "draw_labels": False}))
    assert {"draw_labels", "overlays", "mask_mode"}.isdisjoint(fields(log, images, {**params, "image_mode": "none"}))

    form = fields(operator(PREDICTIONS), images, {"include_images": True})
    assert form["gt_field"]["type"]["values"] == drawable

    # What is filled in, and then switched off, is left alone.
    chosen = {"overlays": ["weather"], "mask_mode": "all", "draw_labels": True}
    for switched, expected in (
        ({}, (["weather"], 1)),
        ({"overlays": []}, (drawable, 1)),
        ({"draw_labels": False}, ([], 0)),
        ({"image_mode": "none"}, ([], 0)),
    ):
        foo.execute_operator(log.uri, dataset=images, params={**params, **chosen, **switched, "project": "p"})
        drawn = fake_worker.requests[-1].log_view.pictures.overlays
        assert ([field.path for field in drawn.fields], drawn.masks) == expected


def test_plan_of_groups(operator, lookups, media):
    plan = fields(operator(VIEW), datasets.groups(media), {"include_labels": True})["plan"]["view"]["description"]
    assert "thumbnails, those of the slices right." in plan


def test_plan_counts_each_file_once(operator, lookups, images):
    patches = images.to_patches("ground_truth")
    plan = fields(operator(VIEW), patches, {"include_labels": True, "image_mode": "original"})
    assert plan["plan"]["view"]["description"].startswith(
        "A table with a row for each patch: labels (ground_truth), the media"
    )
    assert "12 media files" in plan["plan"]["view"]["description"]


def test_plan_without_sizes(operator, lookups, media):
    dataset = fo.Dataset()
    dataset.add_sample(fo.Sample(filepath=str(media / "image_00.png"), label=fo.Classification(label="a")))
    plan = fields(operator(VIEW), dataset, {"include_labels": True, "image_mode": "original"})
    assert "1 media file of unknown size will be uploaded" in plan["plan"]["view"]["description"]


def test_plan_of_a_large_job(operator, lookups, images, monkeypatch):
    log = operator(VIEW)
    monkeypatch.setattr(module(log, "operators.plan"), "_MANY_ROWS", 11)
    assert "the background is proposed" in fields(log, images)["plan"]["view"]["description"]


def test_the_whole_dataset_is_a_warning(operator, lookups, images):
    assert fields(operator(VIEW), images)["samples"]["view"]["name"] == "Warning"
    assert fields(operator(VIEW), images.limit(3))["samples"]["view"]["name"] == "Notice"


def test_saved_views_are_not_replaced_by_accident(operator, lookups, images):
    images.save_view("taken", images.limit(1), overwrite=True)
    load, params = operator(LOAD), {"action": "both", "view_name": "taken"}

    form = fields(load, images, params)
    assert form["view_name"]["invalid"]
    assert "'taken'" in form["overwrite"]["view"]["label"]
    assert not fields(load, images, {**params, "overwrite": True})["view_name"]["invalid"]
    assert fields(load, images, {**params, "view_name": "Taken!"})["view_name"]["invalid"]
    assert "overwrite" not in fields(load, images, {**params, "view_name": "free"})
    assert "cannot be the name" in fields(load, images, {**params, "view_name": "!"})["view_name"]["error_message"]
    assert "view_name" not in fields(load, images, {"action": "apply_to_session"})


def test_addresses_of_runs_can_be_pasted(operator, lookups, fake_worker, images):
    url = "http://wandb.test/me/p/runs/abc?nw=1"
    assert not fields(operator(VIEW), images, {"project": "p", "run_id": url})["run_id"]["invalid"]

    operator(VIEW)(images, project="p", run_id=url)
    assert fake_worker.requests[0].log_view.run_id == "abc"


def _failing(fake, source, code, message):
    def look_up(request):
        raise fake.errors.JobFailed(source, code, message)

    return look_up


def test_how_pictures_are_shown(operator, lookups, images):
    form = fields(operator(VIEW), images, {"include_labels": True})
    assert set(offered(form["image_mode"])) == {"thumbnail", "original", "reference"}
    assert form["thumbnail_size"]["default"] == 256
    form = fields(operator(VIEW), images, {"include_labels": True, "image_mode": "original"})
    assert "thumbnail_size" not in form
    for params in ({"include_labels": True, "include_images": False}, {}):
        assert not {"image_mode", "thumbnail_size"} & set(fields(operator(VIEW), images, params))
    form = fields(operator(VIEW), images, {"include_labels": True, "thumbnail_size": 5})
    assert form["thumbnail_size"]["invalid"]
    for text, wrong in (
        ("", False),
        ("0, 5000", False),
        ("(-1.5, 2)", False),
        ("5", True),
        ("5, 0", True),
        ("a, b", True),
    ):
        form = fields(operator(VIEW), images, {"include_labels": True, "image_range": text})
        assert bool(form["image_range"].get("invalid")) is wrong, text

    form = fields(operator(VIEW), images, {"only_pictures": True})
    assert {"image_mode", "thumbnail_size", "fields"} <= set(form)
    assert {"overlays", "include_images"}.isdisjoint(form)
    assert form["only_pictures"]["default"] is False
    assert "only_pictures" not in fields(operator(VIEW), images, {"include_labels": True})

    assert "image_mode" not in fields(operator(PREDICTIONS), images)
    assert "image_mode" in fields(operator(PREDICTIONS), images, {"include_images": True})


def test_thumbnails_of_patches_are_many(operator, lookups, images):
    patches = images.to_patches("ground_truth")
    plan = fields(operator(VIEW), patches, {"include_labels": True})["plan"]["view"]["description"]
    assert f"{len(patches)} thumbnails" in plan


USUAL = {
    VIEW: ["view_target", "samples", "plan", "project", "artifact_name", "include_labels", "only_pictures"],
    PREDICTIONS: [
        "view_target",
        "samples",
        "plan",
        "model_name",
        "predictions_field",
        "project",
        "artifact_name",
        "include_images",
    ],
    LOAD: ["plan", "project", "artifact", "low_confidence", "action"],
}


@pytest.mark.parametrize("name", NAMES)
def test_what_most_people_need_comes_first(operator, lookups, images, name):
    """And what will happen before it, so that nobody has to scroll; the rest is behind one switch."""
    short = list(fields(operator(name), images, {"more_options": False}))
    assert short == [*USUAL[name], "more_options"]

    long = list(fields(operator(name), images))
    assert long[: len(short)] == short
    assert set(fields(operator(name), images, {"more_options": None})) == set(short)


@pytest.mark.parametrize("name", NAMES)
def test_more_options_are_shown_if_one_is_filled_in(operator, lookups, images, name):
    """As when a job is run again from the panel."""
    form = fields(operator(name), images, {"more_options": None, "run_id": "abc"})
    assert form["more_options"]["default"] is True
    assert {"run_id", "entity"} <= set(form)
    assert fields(operator(name), images, {"more_options": None, "run_id": ""})["more_options"]["default"] is False


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_a_parameter(operator, lookups, images, name):
    """Those that only the form has are named here."""
    form = fields(operator(name), images, {"include_labels": True, "include_images": True, "max_samples": 3})
    own = {"more_options", "view_target", "samples", "plan", "draw_labels", "include_embeddings", "model_config_json"}
    assert set(form) - own <= set(operator(name).defaults())


def test_what_is_hidden_does_not_count(operator, lookups, images, fake_worker):
    """A form keeps what was filled in before More options was switched off."""
    hidden = {"run_id": "abc", "entity": "team", "max_samples": 2, "image_mode": "original", "dry_run": True}
    params = {"project": "p", "include_labels": True, **hidden}
    foo.execute_operator(operator(VIEW).uri, dataset=images, params={**params, "more_options": False})
    request = fake_worker.requests[-1]
    assert (request.log_view.run_id, request.wandb.entity, request.log_view.dry_run) == ("", "", False)
    assert (request.log_view.view.selection.max_samples, request.log_view.include_labels) == (0, True)

    # Whoever has no form, or shows the options, gets them all.
    for shown in ({}, {"more_options": True}):
        foo.execute_operator(operator(VIEW).uri, dataset=images, params={**params, **shown})
        request = fake_worker.requests[-1]
        assert (request.log_view.run_id, request.wandb.entity, request.log_view.dry_run) == ("abc", "team", True)


def test_some_rows_only(operator, lookups, images):
    params = {"include_labels": True, "max_samples": 3}
    form = fields(operator(VIEW), images, params)
    assert "3 thumbnails" in form["plan"]["view"]["description"]
    assert "select_by" not in form
    assert fields(operator(VIEW), images, {"max_samples": 0})["max_samples"]["invalid"]
    form = fields(operator(PREDICTIONS), images, {"max_samples": 3})
    assert set(offered(form["select_by"])) == {"random", "lowest_confidence"}
    assert form["dry_run"]["default"] is False
    assert not form["seed"]["invalid"]
    assert fields(operator(VIEW), images, {"max_samples": 3, "seed": 0.5})["seed"]["invalid"]
    assert "seed" not in fields(operator(VIEW), images, {})
    form = fields(operator(PREDICTIONS), images, {"max_samples": 3, "select_by": "lowest_confidence"})
    assert "seed" not in form  # there is no chance in it


def test_what_a_dry_run_shows(operator, images):
    result = {
        "dry_run": True,
        "new_version": True,
        "entity": "me",
        "project": "p",
        "artifact_name": "a",
        "artifact_version": None,
        "artifact_url": None,
        "rows": 3,
        "samples_in_view": 12,
        "files": 10,
        "bytes": 5000,
        "files_to_upload": 4,
        "bytes_to_upload": 2000,
        "files_unchanged": 6,
        "warnings": [],
    }
    ctx = ExecutionContext({"dataset_name": images.name, "params": {}, "results": result})
    shown = operator(VIEW).resolve_output(ctx).to_json()["type"]["properties"]["summary"]["default"]
    assert "3 of 12" in shown
    assert "2.0 kB in 4 files; 6 files are there already" in shown
    assert "Settings" not in shown and "Entries" not in shown
    result.update(entries=10, manifest_bytes=1400, client_memory_bytes=18420)
    result.update(new_version=False, artifact_version="v2", artifact_url="http://x")
    result["settings_files"] = ["/data/wandb/settings"]
    shown = operator(VIEW).resolve_output(ctx).to_json()["type"]["properties"]["summary"]["default"]
    assert "nothing: [v2](http://x) has this very content" in shown
    assert "10: a manifest of 1.4 kB, which W&B's own client needs about 18.4 kB of memory to read" in shown
    assert "| **Settings from** | /data/wandb/settings |" in shown


@pytest.mark.parametrize("name", [VIEW, PREDICTIONS])
def test_an_empty_view_cannot_be_logged(operator, lookups, images, name):
    form = fields(operator(name), images.match_tags("no such tag"))
    assert "no samples, so there is nothing to log" in str(form["samples"])
    assert form["samples"]["invalid"] is True
