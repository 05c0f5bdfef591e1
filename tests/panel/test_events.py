"""The panel's Python side with the real worker and the stand-in for W&B."""

import base64
import io
import json
import time
from pathlib import Path

import pytest
from PIL import Image

from support.fake_worker import module
from support.waiting import SECONDS, wait_for

pytestmark = pytest.mark.usefixtures("login")

PROJECT = "panel"


@pytest.fixture
def logged(operator, images, login):
    """Two versions of a dataset artifact, and predictions; gives their names."""
    log_view, log_predictions = operator("log_fiftyone_view_to_wandb"), operator("log_model_predictions")
    first = images.match_tags(["train", "val"])
    second = images.match_tags(["val", "test"])
    log_view(first, project=PROJECT, run_id="train1", artifact_name="splits")
    log_view(second, project=PROJECT, run_id="train2", artifact_name="splits")
    version = log_predictions(
        images, model_name="detector", predictions_field="predictions", project=PROJECT, artifact_name="preds"
    )["artifact_version"]
    found = [a for a in login.artifacts() if a["collection"] == "splits"]
    return {"splits": f"splits:v{len(found) - 1}", "before": f"splits:v{len(found) - 2}", "preds": f"preds:{version}"}


def shown_view(dataset, asked):
    """The view that the App was asked to show."""
    import fiftyone as fo

    ((uri, params),) = asked.shown
    assert uri == "set_view"
    return fo.DatasetView._build(dataset, json.loads(json.dumps(params["view"])))


def test_the_panel_is_one_component(once, images):
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext

    panel = foo.get_operator("@harpreetsahota/wandb/WandBPanel")
    drawn = panel.render(ExecutionContext({"params": {}})).to_json()
    assert drawn["view"]["component"] == "WandBPanelView"
    assert drawn["view"]["composite_view"] is True


def test_the_place(ready, login, monkeypatch):
    login.make_run(PROJECT, "r1", "first")
    place = ready("place")
    assert (place["entity"], place["username"]) == (login.entity, login.entity)
    assert PROJECT in [project["name"] for project in place["projects"]]
    assert place["more"] is False
    assert login.key not in json.dumps(place)

    monkeypatch.setenv("FIFTYONE_WANDB_PROJECT", PROJECT)
    assert ready("place")["project"] == PROJECT


def test_runs_are_paged_and_searched(ready, login):
    project = "many-runs"
    for i in range(120):
        login.make_run(project, f"r{i:03}", f"run {i:03}", summaryMetrics=json.dumps({"loss": i / 7}))

    seen, after = [], ""
    while True:
        page = ready("runs", project=project, after=after)
        seen += page["runs"]
        after = page["next"]
        if not after:
            break

        assert len(page["runs"]) == 50

    assert [run["id"] for run in seen] == [f"r{i:03}" for i in reversed(range(120))]
    assert seen[0]["metrics"] == {"loss": 17}
    found = ready("runs", project=project, search="run 11")["runs"]
    assert [run["id"] for run in found] == [f"r{i}" for i in reversed(range(110, 120))]


def test_metrics_that_were_chosen(ready, login):
    login.make_run(PROJECT, "chosen", "chosen", summaryMetrics=json.dumps({"b": 2, "a": 1, "deep": {"c": 3}}))
    found = ready("runs", project=PROJECT, search="chosen", metrics=["b"])["runs"]
    assert found[0]["metrics"] == {"b": 2}


def test_a_run(ready, operator, login, images, logged):
    details = ready("run", images, project=PROJECT, run="train1")
    assert details["run"]["id"] == "train1"
    assert details["config"]["fiftyone_dataset_name"] == images.name
    assert [a["name"] for a in details["outputs"]] == ["splits"]
    assert details["run"]["url"].startswith(login.url)


def test_a_runs_curves(ready, login):
    login.make_run(PROJECT, "curved", "curved")
    rows = [json.dumps({"_step": i, "loss": 1 / (1 + i), "odd": "NaN"}) for i in range(40)]
    login.stream(PROJECT, "curved", rows)
    keys = ready("run", project=PROJECT, run="curved")["historyKeys"]
    assert "loss" in keys
    history = ready("run", project=PROJECT, run="curved", keys=["loss"])["history"]
    assert [row["_step"] for row in history] == list(range(40))
    assert history[-1]["loss"] == pytest.approx(1 / 40)


def test_records_of_the_dataset(ready, operator, images, login):
    login.make_run(PROJECT, "linked1", "a run to link")
    facts = ready("dataset", images)
    assert (facts["dataset"], facts["records"], facts["selection"]) == (images.name, [], None)
    assert {"predictions", "ground_truth", "caption"} <= set(facts["fields"])

    linked = operator("log_wandb_run")(images, PROJECT, run_id="linked1", predictions_field="predictions")
    (record,) = ready("dataset", images)["records"]
    assert (record["key"], record["id"], record["linked"]) == (linked["run_key"], "linked1", True)
    assert (record["project"], record["field"]) == (PROJECT, "predictions")
    operator("remove_wandb_run")(images, linked["run_key"])
    assert ready("dataset", images)["records"] == []


def test_a_record_whose_address_is_no_page(ready, operator, images, login):
    linked = module(operator("WandBPanel"), "linked")
    values = {"method": "wandb_run", "run_id": "r1", "project": PROJECT, "entity": "e", "url": "javascript:alert(1)"}
    images.register_run("somebodys", images.init_run(**values))
    (record,) = ready("dataset", images)["records"]
    assert (record["key"], record["url"]) == ("somebodys", "")
    assert linked.newest(images)[0] is None


def test_a_record_of_anything(ready, images):
    values = {"method": "wandb_run", "run_id": 7, "project": PROJECT, "run_name": {"a": 1}, "predictions_field": ["x"]}
    images.register_run("odd", images.init_run(**values))
    (record,) = ready("dataset", images)["records"]
    # The panel could not draw an object.
    assert (record["id"], record["name"], record["field"], record["entity"]) == ("7", '{"a": 1}', '["x"]', "")


def test_what_operators_select(ready, operator, images, login):
    login.make_run(PROJECT, "selected1", "selected")
    operator("show_wandb_run")(images, PROJECT, "selected1")
    selection = ready("dataset", images)["selection"]
    assert (selection["kind"], selection["id"], selection["project"]) == ("run", "selected1", PROJECT)
    assert selection["selected"] <= time.time()


def test_without_a_dataset(ready, ask):
    assert ready("dataset")["dataset"] is None
    for event in ("predictions", "comparison", "load"):
        answer = ask(event, artifact="preds:v0", old="a:v0", new="a:v1").answer
        assert (answer["state"], answer["code"]) == ("problem", "no_dataset")


def test_artifacts(ready, images, login, logged):
    page = ready("artifacts", images, project=PROJECT, types=["dataset", "predictions"])
    found = {artifact["name"]: artifact for artifact in page["artifacts"]}
    assert set(found) == {"splits", "preds"}
    preds = found["preds"]
    assert (preds["type"], preds["samples"], preds["dataset"]) == ("predictions", len(images), images.name)
    assert (preds["model"], preds["field"]) == ("detector", "predictions")
    assert preds["size"] > 0
    assert [a["name"] for a in ready("artifacts", project=PROJECT, types=["predictions"])["artifacts"]] == ["preds"]

    assert preds["datasetId"] == ready("dataset", images)["datasetId"] == str(images._doc.id)
    versions = ready("versions", project=PROJECT, artifact="Splits")["artifacts"]
    assert ready("versions", project=PROJECT, artifact="splits")["artifacts"] == versions
    assert versions[0]["aliases"] == ["latest"]
    assert len({version["version"] for version in versions}) == len(versions) >= 2


def test_an_artifact(ready, login, images, logged):
    content = ready("artifact", project=PROJECT, artifact=logged["preds"])
    assert content["artifact"]["name"] == "preds"
    assert content["metadata"]["model_name"] == "detector"
    assert content["createdBy"]["id"].startswith("predictions_")
    assert sum(content["classes"].values()) == len(images.values("predictions.detections.id", unwind=True))


@pytest.mark.parametrize("low", [False, True])
def test_loading_a_view(ready, ask, images, logged, low):
    started = ready(
        "load", images, project=PROJECT, artifact=logged["preds"], low_confidence=low, action="apply_to_session"
    )
    done = ask("loading", images, loading=started["loading"])
    assert done.answer["state"] == "ready", done.answer
    view = shown_view(images, done) if low else images
    confidences = view.values("predictions.detections.confidence", unwind=True)
    assert done.answer["result"]["samples_loaded"] == len(view)
    if low:
        assert 0 < len(view) < len(images)
        assert max(confidences) < 0.5

    gone = ask("loading", images, loading=started["loading"]).answer
    assert gone["state"] == "problem"
    # It is in the list of jobs, too.
    job = ready("jobs")["jobs"][0]
    assert (job["operator"], job["state"]) == ("load_view_from_wandb", "completed")
    assert job["artifact"] == logged["preds"]


def test_saving_a_view(ready, ask, images, logged):
    params = {"project": PROJECT, "artifact": logged["splits"], "action": "save_as_view", "view_name": "second split"}
    done = ask("loading", images, loading=ready("load", images, **params)["loading"])
    assert done.answer["state"] == "ready", done.answer
    assert done.shown == []
    assert images.load_saved_view("second split").values("id") == images.match_tags(["val", "test"]).values("id")
    again = ask("load", images, **params).answer
    assert (again["state"], again["code"]) == ("problem", "view_exists")


def test_comparing_versions(ready, ask, images, logged):
    params = {"project": PROJECT, "old": logged["before"], "new": logged["splits"]}
    parts = ready("comparison", images, **params)["parts"]
    expected = {"added": "test", "removed": "train", "kept": "val"}
    for part, tag in expected.items():
        there = images.match_tags(tag).values("id")
        assert parts[part] == {"samples": len(there), "missing": 0}
        assert shown_view(images, ask("show_part", images, part=part, **params)).values("id") == there

    images.delete_samples(images.match_tags("train"))
    parts = ready("comparison", images, fresh=True, **params)["parts"]
    assert parts["removed"]["missing"] == parts["removed"]["samples"]
    answer = ask("show_part", images, part="removed", **params).answer
    assert (answer["state"], answer["code"]) == ("problem", "empty_view")


def test_predictions(ready, ask, images, logged):
    import fiftyone as fo

    params = {"project": PROJECT, "artifact": logged["preds"]}
    facts = ready("predictions", images, **params)
    counted = images.count_values("predictions.detections.label")
    assert {bar["name"]: bar["count"] for bar in facts["classes"]} == counted
    confidences = images.values("predictions.detections.confidence", unwind=True)
    known = [value for value in confidences if value is not None]
    assert sum(facts["confidences"]) == len(known)
    assert facts["withoutConfidence"] == len(confidences) - len(known)

    view = shown_view(images, ask("show_class", images, **{**params, "class": "dog"}))
    assert set(view.values("predictions.detections.label", unwind=True)) == {"dog"}
    assert len(view) == len(images.match(fo.ViewField("predictions.detections.label").contains("dog")))

    view = shown_view(images, ask("show_confidence", images, low=0.95, high=1.0, **params))
    found = view.values("predictions.detections.confidence", unwind=True)
    assert len(found) == len([value for value in known if value >= 0.95])
    low = shown_view(images, ask("show_confidence", images, low=0.05, high=0.1, **params))
    assert all(0.05 <= v < 0.1 for v in low.values("predictions.detections.confidence", unwind=True))


def test_predictions_of_a_language_model(ready, ask, operator, images):
    operator("log_model_predictions")(
        images, model_name="vlm", predictions_field="caption", project=PROJECT, artifact_name="captions"
    )
    params = {"project": PROJECT, "artifact": "captions:v0"}
    facts = ready("predictions", images, **params)
    assert facts["confidences"] == []
    assert len(facts["classes"]) == len(images)
    view = shown_view(images, ask("show_class", images, **{**params, "class": "picture 3"}))
    assert view.values("caption") == ["picture 3"]


def test_classes_that_look_like_names_of_fields(operator, images):
    views = module(operator("WandBPanel"), "panel.views")
    sample = images.first()
    sample["caption"] = sample["predictions"].detections[0].label = "$5"
    sample.save()

    of_texts = views.Predictions(images.view(), "caption", None, {}, [], 0, [])
    of_labels = views.Predictions(images.view(), "predictions", "predictions.detections", {}, [], 0, [])
    assert of_texts.of_class("$5").values("id") == [sample.id]
    assert of_labels.of_class("$5").values("predictions.detections.label", unwind=True) == ["$5"]


@pytest.mark.parametrize(
    ("event", "params"),
    [
        ("show_class", {}),
        ("show_class", {"class": {"$function": {}}}),
        ("show_confidence", {"low": "0", "high": 1}),
        ("show_confidence", {"low": 0}),
    ],
)
def test_bars_that_no_plot_has(ask, images, logged, event, params):
    answer = ask(event, images, project=PROJECT, artifact=logged["preds"], **params).answer
    assert (answer["state"], answer["code"]) == ("problem", "bad_argument")


def test_a_class_distribution_of_somebody_else(ready, login):
    login.make_run(PROJECT, "odd", "odd")
    metadata = '{"class_distribution": {"a": 3, "b": "<b>", "c": {"d": 1}, "e": 1e999, "f": true}}'
    login.make_artifact(PROJECT, "odd", "odd-classes", metadata=metadata)
    assert ready("artifact", project=PROJECT, artifact="odd-classes:v0")["classes"] == {"a": 3}


def test_predictions_whose_field_is_gone(ready, ask, images, logged):
    images.delete_sample_field("predictions")
    answer = ask("predictions", images, project=PROJECT, artifact=logged["preds"]).answer
    assert answer["state"] == "problem"
    assert "no such field" in answer["text"]


def test_jobs(ready, ask, operator, images, login):
    login.fault(kind="upload", mode="hang", count=-1)
    try:
        background = module(operator("WandBPanel"), "panel.background")
        op = operator("log_fiftyone_view_to_wandb")
        running = background.start(*op.job(images, {"project": PROJECT, "run_id": "slow1", "artifact_name": "slow"}))
        job = wait_for(lambda: next((j for j in ready("jobs")["jobs"] if j["state"] == "running"), None))
        assert job["operator"] == "log_fiftyone_view_to_wandb"
        assert job["parameters"]["project"] == PROJECT
        ready("cancel", job=job["id"])
        assert running.wait(SECONDS)
    finally:
        login.heal()

    (ended,) = [j for j in ready("jobs")["jobs"] if j["id"] == job["id"]]
    assert ended["state"] == "cancelled"
    assert "on request" in ended["error"]
    assert ask("cancel", job=job["id"]).answer["state"] == "problem"
    ready("remove_job", job=job["id"])
    assert job["id"] not in [j["id"] for j in ready("jobs")["jobs"]]


def test_a_job_that_only_looked(ready, operator, images, login):
    login.make_run(PROJECT, "r1", "first")
    operator("log_fiftyone_view_to_wandb")(images, project=PROJECT, artifact_name="never-logged", dry_run=True)
    job = ready("jobs")["jobs"][0]
    # There is no such artifact to go to.
    assert (job["state"], job["dryRun"], job["artifact"]) == ("completed", True, None)


def test_reports(ready, login):
    login.make_run("with-reports", "r1", "first")
    login.make_report("with-reports", "Findings")
    (report,) = ready("reports", project="with-reports")["reports"]
    assert report["title"] == "Findings"
    assert report["url"].startswith(login.url)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"FIFTYONE_WANDB_API_KEY": None}, "no_key"),
        ({"FIFTYONE_WANDB_API_KEY": "f" * 40}, "bad_key"),
        ({"FIFTYONE_WANDB_URL": "http://127.0.0.1:9"}, "unreachable"),
        ({"WANDB_MODE": "offline"}, "offline"),
    ],
)
def test_problems_have_codes(ask, monkeypatch, changes, code):
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)

    answer = ask("place").answer
    assert (answer["state"], answer["code"]) == ("problem", code)
    assert len(answer["text"]) > 20
    assert "f" * 40 not in answer["text"]


def test_what_is_not_there(ask, login):
    login.make_run(PROJECT, "r1", "first")
    for event, params in [
        ("runs", {"project": "no-such-project"}),
        ("run", {"project": PROJECT, "run": "no-such-run"}),
        ("artifact", {"project": PROJECT, "artifact": "no-such:v0"}),
        ("run", {"project": PROJECT}),
    ]:
        answer = ask(event, **params).answer
        assert answer["state"] == "problem", event
        assert answer["text"]


def test_nobody_waits_for_a_slow_server(once, ask, login):
    with login.holding(kind="graphql"):
        asked = once("place")
        assert asked.answer["state"] == "pending"
        assert once("jobs").answer["state"] == "ready"

    assert ask("place").answer["state"] == "ready"


def test_answers_are_kept_until_they_are_to_be_fresh(ready, login):
    login.make_run("kept", "r1", "first")
    assert len(ready("runs", project="kept")["runs"]) == 1
    login.make_run("kept", "r2", "second")
    assert len(ready("runs", project="kept")["runs"]) == 1
    assert len(ready("runs", project="kept", fresh=True)["runs"]) == 2


def test_few_large_answers_are_kept(operator):
    answers = module(operator("WandBPanel"), "answers")
    made = []

    def work(number):
        return answers.work(["large", number], lambda say: made.append(number) or number, wait=60, kept=600)

    assert [work(number).value for number in range(30)] == list(range(30))
    assert work(29).value == 29
    assert work(0).value == 0
    assert made == [*range(30), 0]


def test_an_error_of_ours_keeps_the_panel(once, operator, monkeypatch):
    monkeypatch.setattr(module(operator("WandBPanel"), "jobs"), "list_jobs", lambda **_: 1 / 0)
    answer = once("jobs").answer
    assert (answer["state"], answer["code"]) == ("problem", "internal")
    assert "ZeroDivisionError" in answer["text"]


def test_the_first_rows_of_a_table(ready, operator, images, login):
    log_view = operator("log_fiftyone_view_to_wandb")
    log_view(
        images, project=PROJECT, run_id="tabled1", artifact_name="tabled", include_labels=True, include_images=True
    )
    table = ready("table", images, project=PROJECT, artifact="tabled")
    assert (table["tables"], table["table"], table["note"]) == (["samples"], "samples", "")
    assert (len(table["rows"]), table["total"]) == (min(8, len(images)), len(images))
    column = {name: [row[i] for row in table["rows"]] for i, name in enumerate(table["columns"])}
    assert column["sample_id"][0]["text"] == images.first().id
    shown = column["image"][0]["image"]
    picture = table["pictures"][shown["picture"]]
    kind, data = picture["url"].split(";base64,")
    assert kind in ("data:image/jpeg", "data:image/png")
    with Image.open(io.BytesIO(base64.b64decode(data))) as decoded:
        assert decoded.size == (picture["width"], picture["height"])

    assert "ground_truth" in [layer["key"] for layer in shown["boxes"]]
    assert login.key not in json.dumps(table)
    # It is kept: W&B is not asked a second time.
    login.fault(kind="any", mode="status", status=403, count=-1)
    try:
        assert ready("table", images, project=PROJECT, artifact="tabled") == table
    finally:
        login.heal()


def test_an_artifact_without_a_table(ready, operator, images, login):
    operator("log_fiftyone_view_to_wandb")(images, project=PROJECT, run_id="tabled2", artifact_name="without")
    table = ready("table", images, project=PROJECT, artifact="without")
    assert (table["tables"], table["rows"]) == ([], [])
    assert "has no table" in table["note"]


def test_a_table_that_nobody_waits_for(once, operator, images, login, monkeypatch):
    log_view = operator("log_fiftyone_view_to_wandb")
    log_view(images, project=PROJECT, run_id="tabled3", artifact_name="left", include_labels=True)
    answers = module(operator("WandBPanel"), "answers")
    monkeypatch.setattr(answers, "_ABANDONED", 0.5)
    login.fault(kind="download", mode="hang", count=-1)
    assert once("table", images, project=PROJECT, artifact="left").answer["state"] == "pending"
    wait_for(lambda: not answers._asked)
    login.heal()


def test_an_offline_run_is_uploaded(ask, ready, operator, images, login, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    log_view = operator("log_fiftyone_view_to_wandb")
    written = log_view(images, project=PROJECT, artifact_name="logged_offline", offline=True)
    (waiting,) = ready("offline", images)["runs"]
    assert waiting["directory"] == written["offline_directory"]
    assert (waiting["artifact"], waiting["project"], waiting["rows"]) == ("logged_offline", PROJECT, len(images))

    # From elsewhere, the jobs' records lead to it.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert waiting in ready("offline", images)["runs"]
    syncing = ready("sync", images, directory=waiting["directory"])["syncing"]
    result = ready("syncing", images, syncing=syncing)["result"]
    assert result["artifact_name"] == "logged_offline"
    assert waiting["directory"] not in [run["directory"] for run in ready("offline", images)["runs"]]
    assert [a for a in login.artifacts() if a["collection"] == "logged_offline"]
    assert ready("jobs")["jobs"][0]["operator"] == "sync_wandb_offline"


def test_a_changed_offline_run_is_not_uploaded(ask, ready, operator, images, login, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    written = operator("log_fiftyone_view_to_wandb")(images, project=PROJECT, artifact_name="changed", offline=True)
    stored = next(p for p in (Path(written["offline_directory"]) / "artifact").rglob("*") if p.is_file())
    stored.chmod(0o600)
    stored.write_bytes(b"other bytes")
    syncing = ready("sync", images, directory=written["offline_directory"])["syncing"]
    answer = ask("syncing", images, syncing=syncing).answer
    assert (answer["state"], answer["code"]) == ("problem", "offline_changed")
    assert written["offline_directory"] in [run["directory"] for run in ready("offline", images)["runs"]]
