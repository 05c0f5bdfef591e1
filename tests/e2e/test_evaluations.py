"""Evaluations: FiftyOne's own numbers in three kinds of runs, charts, tables, parts of them, and back into FiftyOne."""

import os

import fiftyone as fo
import numpy as np
import pytest
from fiftyone import ViewField as F

from support.official import wandb
from tests.e2e import evaluated
from tests.e2e.common import PROJECT, new_id
from tests.e2e.reading import charts_of, lines

CHARTS = {
    "boxes": {"confusion_matrix", "precision_recall", "f1_by_class"},
    "plain": {"confusion_matrix", "precision_recall", "f1_by_class"},
    "scenes": {"confusion_matrix", "f1_by_class"},
    "top": {"confusion_matrix", "f1_by_class"},
    "binary": {"confusion_matrix", "precision_recall", "f1_by_class", "roc"},
    "masks": {"confusion_matrix", "f1_by_class"},
    "ages": {"residuals"},
}


@pytest.fixture(scope="module")
def images(media, fiftyone, tmp_path_factory):
    dataset = evaluated.images(media, tmp_path_factory.mktemp("masks"))
    yield dataset
    dataset.delete()


@pytest.fixture(scope="module")
def videos(media, fiftyone, tmp_path_factory):
    dataset = evaluated.videos(media, tmp_path_factory.mktemp("frames"))
    yield dataset
    dataset.delete()


@pytest.fixture
def log(operator, server):
    """Logs an evaluation, by default under a new name and without pictures."""

    def log_evaluation(samples, key, **kwargs):
        defaults = {"project": PROJECT, "artifact_name": f"e{new_id()}", "include_images": False}
        return operator("log_evaluation_to_wandb")(samples, key, **{**defaults, **kwargs})

    return log_evaluation


def check_metrics(found, wanted):
    """Numbers are FiftyOne's, but for the order in which long sums were added."""
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("key", CHARTS)
def test_a_run_of_our_own(images, log, read, key):
    result = log(images, key, run_id=new_id())

    wanted = evaluated.expected(images, key)
    check_metrics(result["metrics"], wanted)
    run = read.run(result)
    assert run.state == "finished"
    check_metrics({name.removeprefix("eval/"): run.summary[name] for name in result["run_metrics"]}, wanted)
    if key == "plain":
        assert not {"mAP", "mAR"} & set(result["metrics"])
        assert any("compute_mAP" in warning["message"] for warning in result["warnings"])

    assert run.config["evaluation"]["eval_key"] == key
    charts = charts_of(run)
    assert set(charts) == CHARTS[key]
    if key != "ages":
        classes = {c["class"]: (c["precision"], c["recall"], c["F1"], c["support"]) for c in result["classes"]}
        report = evaluated.by_class(images, key)
        assert {name: classes[name] for name in report} == {
            name: pytest.approx(numbers, rel=1e-12) for name, numbers in report.items()
        }
        cells = {(truth, predicted): n for truth, predicted, n in charts["confusion_matrix"]["data"]}
        assert {cell: n for cell, n in cells.items() if n} == evaluated.confusion(images, key)

    artifact = read.artifact(result)
    assert artifact.type == "evaluation"
    assert {"latest", key} <= set(artifact.aliases)
    assert len(artifact.get("samples").data) == result["samples_logged"] == len(images)


# The columns of the table of samples that FiftyOne has a field for, by the evaluation's key.
OF_FRAMES = {
    "video": {"tp": "video_tp", "fp": "video_fp", "fn": "video_fn"},
    "frame_scenes": {"accuracy": "frame_scenes"},
    "frame_masks": {name: f"frame_masks_{name}" for name in ("accuracy", "precision", "recall")},
    "frame_ages": {"error": "frame_ages"},
}


@pytest.mark.parametrize("key", OF_FRAMES)
def test_the_frames_of_videos(videos, log, read, key):
    result = log(videos, key, run_id=new_id())

    check_metrics(result["metrics"], evaluated.expected(videos, key))
    assert result["changed"] == 0
    assert "labels_changed" not in [warning["code"] for warning in result["warnings"]]
    rows = read.rows(result, "samples")
    for column, field in OF_FRAMES[key].items():
        assert [row[column] for row in rows] == videos.values(field), column

    if key == "frame_ages":
        return

    classes = {c["class"]: (c["precision"], c["recall"], c["F1"], c["support"]) for c in result["classes"]}
    report = evaluated.by_class(videos, key)
    assert {name: classes[name] for name in report} == {
        name: pytest.approx(numbers, rel=1e-12) for name, numbers in report.items()
    }
    found = {(row["Actual"], row["Predicted"]): row["count"] for row in read.rows(result, "confusion")}
    assert found == evaluated.confusion(videos, key)
    if key == "frame_scenes":
        wrong = [[n for n, frame in sample.frames.items() if frame.frame_scenes is False] for sample in videos]
        assert [row["frames"] for row in rows] == [len(sample.frames) for sample in videos]
        for row, numbers, sample in zip(rows, wrong, videos, strict=True):
            assert {word.split(" (")[0] for word in row["wrong"].split(", ")} == {
                sample.frames[n].guess.label for n in numbers
            }


def test_a_part_of_the_frames(videos, log):
    """A view of one video has the numbers of use_subset()."""
    one = videos.limit(1)
    videos.save_view("one", one)
    for key in ("frame_scenes", "frame_masks"):
        results = videos.load_evaluation_results(key)
        with results.use_subset({"type": "view", "view": "one"}):
            wanted = results.metrics()

        found = log(one, key)["metrics"]
        check_metrics(found, {"F1": float(wanted["fscore"]), "accuracy": float(wanted["accuracy"])})


def test_the_frame_with_the_worst_mask_is_shown(videos, log, read):
    for row, sample in zip(read.rows(log(videos, "frame_masks", include_images=True), "samples"), videos, strict=True):
        scores = {n: frame.frame_masks_accuracy for n, frame in sample.frames.items()}
        worst = min((n for n, score in scores.items() if score is not None), key=lambda n: (scores[n], n))
        assert row["shown_frame"] == worst
        assert set(row["image"]._masks) == {"frames.mask", "frames.seen"}


def test_videos_show_the_frame_with_most_errors(videos, log, read):
    result = log(videos, "video", include_images=True)

    for row, sample in zip(read.rows(result, "samples"), videos, strict=True):
        wrong = {number: frame.video_fp + frame.video_fn for number, frame in sample.frames.items()}
        number = min(wrong, key=lambda number: (-wrong[number], number))
        assert row["shown_frame"] == number
        frame, found = sample.frames[number], {}
        for layer, labels in (("frames.objects", frame.objects), ("frames.found", frame.found)):
            found[layer] = sorted(box["box_caption"].split()[-1] for box in row["image"]._boxes[layer]._val)
            assert found[layer] == sorted(one["video"].upper() for one in labels.detections)

        assert {"FP", "FN"} & set(sum(found.values(), []))


def test_a_run_that_has_ended(images, log, read, server):
    run = wandb.init(project=PROJECT, entity=server.entity, config={"lr": 0.1, "evaluation": "mine"})
    run.log({"loss": 0.5, "eval/loss": 0.25, "theirs": wandb.plot.confusion_matrix(y_true=[0], preds=[0])})
    run.finish()

    result = log(images, "boxes", run_id=run.id, prefix="val")

    after = read.run(result)
    assert after.state == "finished"
    assert (after.config["lr"], after.config["evaluation"], after.summary["eval/loss"]) == (0.1, "mine", 0.25)
    assert after.config["evaluation_val"]["eval_key"] == "boxes"
    check_metrics(
        {name[4:]: after.summary[name] for name in result["run_metrics"]}, evaluated.expected(images, "boxes")
    )
    assert set(charts_of(after, "val")) == CHARTS["boxes"] | {"theirs"}
    assert len(after.history(pandas=False)) == 1

    # Another evaluation under the same prefix takes its place, with a warning, and leaves nothing of it behind.
    second = log(images, "plain", run_id=run.id, prefix="val")
    assert "replaced_values" in [warning["code"] for warning in second["warnings"]]
    after = wandb.Api().run("/".join(after.path))
    assert "val/mAP" not in after.summary
    assert after.config["evaluation_val"]["eval_key"] == "plain"


def test_the_run_that_is_active_here(images, log, read, server):
    """Neither its step nor its config is anybody else's, even with a define_metric() that would break the charts."""
    run = wandb.init(project=PROJECT, entity=server.entity, config={"lr": 0.1})
    run.define_metric("eval/*", summary="max")
    run.log({"loss": 1.0})
    step = run.step

    result = log(images, "boxes", run_id=run.id)

    assert run.step == step
    run.log({"loss": 0.5})
    second = log(images, "plain", run_id=run.id)
    assert run.config["evaluation"]["eval_key"] == "plain"
    run.finish()

    assert not [w for w in result["warnings"] + second["warnings"] if w["code"].startswith("no_run")]
    after = read.run(result)
    assert after.state == "finished"
    assert set(charts_of(after)) == CHARTS["boxes"]
    assert after.config["lr"] == 0.1
    check_metrics({"F1": after.summary["eval/F1"]}, {"F1": evaluated.expected(images, "plain")["F1"]})
    assert [row["loss"] for row in after.history(pandas=False) if "loss" in row] == [1.0, 0.5]


def test_parts_of_an_evaluation(images, log, read):
    """A view has the numbers of use_subset(); parts are saved views, fields and views."""
    results = images.load_evaluation_results("boxes")
    with results.use_subset({"type": "view", "view": "night"}):
        night = {"F1": results.metrics()["fscore"], "precision": results.metrics()["precision"]}

    subsets = {"at night": "night", "tagged": images.match_tags("day")}
    with pytest.raises(Exception, match="is told the names of subsets"):
        log(images, "boxes", subsets=subsets, delegate=True)

    result = log(images, "boxes", run_id=new_id(), subsets=subsets)
    of_view = log(images.match_tags("night"), "boxes")
    by_field = log(images, "boxes", subsets="tags", run_id=new_id())

    check_metrics({name: result["run_metrics"][f"eval/at night/{name}"] for name in night}, night)
    assert "eval/at night/mAP" not in result["run_metrics"], "use_subset() does not restrict it"
    assert "eval/tagged/F1" in read.run(result).summary
    check_metrics(of_view["metrics"], night)
    assert "mAP" not in of_view["metrics"]
    check_metrics({name: by_field["run_metrics"][f"eval/tags_night/{name}"] for name in night}, night)


def test_charts_are_those_that_the_official_client_makes_of_the_same_data(images, log, read, server):
    ours = {}
    for key in ("ages", "scenes"):
        run = read.run(log(images, key, run_id=new_id()))
        ours.update({name: (run, chart) for name, chart in charts_of(run).items()})

    truth, guess = images.values("scene.label"), images.values("guess.label")
    names = sorted(evaluated.CLASSES)
    ages = [[a, b - a] for a, b in zip(images.values("age.value"), images.values("said.value"), strict=True)]
    residuals = wandb.Table(columns=["truth", "residual"], data=ages)
    scores = wandb.Table(columns=ours["f1_by_class"][1]["columns"], data=ours["f1_by_class"][1]["data"])
    made = {
        "residuals": wandb.plot.scatter(residuals, "truth", "residual", title="Residuals"),
        "f1_by_class": wandb.plot.bar(scores, "class", "F1", title="F1 by class"),
        "confusion_matrix": wandb.plot.confusion_matrix(
            y_true=[names.index(name) for name in truth],
            preds=[names.index(name) for name in guess],
            class_names=names,
            title="Confusion matrix",
        ),
    }
    with wandb.init(project=PROJECT, entity=server.entity) as run:
        run.log({f"eval_charts/{name}": chart for name, chart in made.items()})

    official = wandb.Api().run(f"{server.entity}/{PROJECT}/{run.id}")
    tables = charts_of(official)
    for name in made:
        run, chart = ours[name]
        key = f"eval_charts/{name}"
        assert run.rawconfig["_wandb"]["visualize"][key] == official.rawconfig["_wandb"]["visualize"][key], name
        assert chart["columns"] == tables[name]["columns"], name
        wanted = sorted(tables[name]["data"])
        # The official client has no row for what was not predicted: no class is missing here.
        assert [row for row in sorted(chart["data"]) if "(none)" not in row] == [
            pytest.approx(row) for row in wanted
        ], name


def test_the_slices_of_groups(dataset, media, log, read):
    """A grouped dataset is evaluated by its slices, and logged in the same way."""
    random, samples = np.random.default_rng(5), []
    for i in range(3):
        group, truth = fo.Group(), evaluated.boxes(None, i)
        for name in ("left", "right"):
            found = evaluated.boxes(random, i, truth)
            path = str(media / f"image_{i:02}.png")
            samples.append(fo.Sample(filepath=path, group=group.element(name), ground_truth=truth.copy(), found=found))

    groups = dataset(samples)
    left = groups.select_group_slices("left")
    left.evaluate_detections("found", eval_key="ev")

    result = log(left, "ev", include_images=True)

    check_metrics(result["metrics"], evaluated.expected(groups, "ev"))
    assert [row["sample_id"] for row in read.rows(result, "samples")] == left.values("id")
    assert not {"labels_changed"} & {warning["code"] for warning in result["warnings"]}
    active = log(groups, "ev")  # the active slice is what was evaluated
    check_metrics(active["metrics"], evaluated.expected(groups, "ev"))


def test_errors_come_back_as_views(images, log, operator):
    result = log(images, "boxes")
    compared = log(images, "plain", compare_with="second")
    load = operator("load_view_from_wandb")

    def loaded(one, errors):
        reference = f"{one['artifact_name']}:{one['artifact_version']}"
        return load(images, PROJECT, reference, errors=errors)

    for errors, field, outcome in (("fp", "predictions", "fp"), ("fn", "ground_truth", "fn")):
        view = loaded(result, errors)
        wanted = images.filter_labels(field, F("boxes") == outcome)
        ids = f"{field}.detections.id"
        assert view.values(ids, unwind=True) == wanted.values(ids, unwind=True) != []

    # Of classifications, what was predicted for another class is wrong.
    wrong = loaded(log(images, "scenes"), "wrong")
    assert wrong.values("id") == images.match(~F("scenes")).values("id") != []

    worse = loaded(compared, "worse")
    assert 0 < len(worse) < len(images)
    better = {row.id: row for row in worse.select_fields(["plain_fp", "plain_fn", "second_fp", "second_fn"])}
    assert len(better) == len(worse)
    with pytest.raises(Exception, match="only comparisons of two evaluations do"):
        loaded(result, "worse")


def test_what_is_recorded_with_the_dataset(images, log, operator):
    run_id = new_id()
    result = log(images, "scenes", run_id=run_id)

    assert "evaluation_scenes" in images.list_runs()
    info = operator("get_wandb_run_info")(images, "evaluation_scenes")
    assert info["config"]["eval_key"] == "scenes"
    assert info["config"]["metrics"] == result["metrics"]
    assert info["fresh"]["state"] == "finished"
    assert images.get_field("guess").info["wandb_run_id"] == run_id

    log(images, "scenes")
    assert [key for key in images.list_runs() if key.startswith("evaluation_scenes")] == ["evaluation_scenes"]
    operator("rename_wandb_run")(images, "evaluation_scenes", "renamed")
    operator("remove_wandb_run")(images, "renamed")
    assert "renamed" not in images.list_runs()


def test_a_dry_run_makes_nothing(images, log, server):
    before = server.everything()

    result = log(images, "boxes", dry_run=True)

    assert server.everything() == before
    assert result["dry_run"]
    check_metrics(result["metrics"], evaluated.expected(images, "boxes"))


def test_the_same_evaluation_is_the_same_version(images, log, read):
    name = f"e{new_id()}"
    first = log(images, "boxes", artifact_name=name, include_images=True)
    second = log(images, "boxes", artifact_name=name, include_images=True)

    assert (second["new_version"], second["artifact_version"]) == (False, first["artifact_version"])
    (row, *_) = read.rows(first, "samples")
    drawn = row["image"]._boxes
    assert set(drawn) == {"ground_truth", "predictions"}
    assert lines(read.artifact(first), "fiftyone/sample_ids.txt") == images.values("id")


def test_masks_that_were_painted_over_since(images, log):
    path, later = images.first().mask.mask_path, images.get_evaluation_info("masks").timestamp.timestamp() + 86_400
    before = os.stat(path).st_mtime
    assert log(images, "masks", dry_run=True)["masks_written"] == 0
    os.utime(path, (later, later))
    try:
        result = log(images, "masks", dry_run=True)
    finally:
        os.utime(path, (before, before))

    assert (result["masks_written"], result["changed"]) == (1, 0)
    assert "masks_written" in [warning["code"] for warning in result["warnings"]]


def test_labels_that_were_changed_since(images, log):
    copy = images.clone()
    try:
        copy.delete_samples(copy.take(3, seed=1).values("id"))
        result = log(copy, "boxes")
        check_metrics(result["metrics"], evaluated.expected(images, "boxes"))
        assert result["changed"] > 0
        assert "labels_changed" in [warning["code"] for warning in result["warnings"]]
    finally:
        copy.delete()


@pytest.mark.parametrize(
    "key, kwargs, words",
    [
        ("nope", {}, "has no evaluation 'nope' .* It has: .*boxes"),
        (None, {}, "eval_key has to be the key of an evaluation"),
        ("boxes", {"compare_with": "scenes"}, "cannot be compared, since their types differ"),
        ("boxes", {"compare_with": "nope"}, r"'nope' \(compare_with\)"),
        ("boxes", {"prefix": "a b"}, "prefix 'a b'|prefix \"a b\""),
        ("boxes", {"subsets": "nowhere"}, "no saved view, scenario or field of this name"),
        ("boxes", {"select_by": "best"}, "select_by has to be worst or random"),
        ("failed", {}, "has no results: it failed or is still running"),
        ("damaged", {}, "damaged"),
        ("theirs", {}, "not FiftyOne's own"),
    ],
)
def test_what_cannot_be_logged_says_why(images, broken, log, server, key, kwargs, words):
    before = server.everything()
    samples = broken if key in ("failed", "damaged", "theirs") else images
    with pytest.raises(Exception, match=words):
        log(samples, key, **kwargs)

    assert server.everything() == before


@pytest.fixture(scope="module")
def broken(images):
    """See :func:`tests.e2e.evaluated.broken`."""
    dataset = evaluated.broken(images)
    yield dataset
    dataset.delete()


def test_a_scenario_of_the_panel(images, log):
    """Those that are views or values count; code is never run."""
    from bson import ObjectId
    from fiftyone.operators.store import ExecutionStore

    store = ExecutionStore.create("model_evaluation_panel_builtin", ObjectId(str(images._doc.id)))
    store.set(
        "scenarios",
        {
            "1": {"id": "1", "name": "time", "type": "sample_field", "field": "tags", "subsets": ["night", "day"]},
            "2": {"id": "2", "name": "code", "type": "custom_code", "subsets": "raise SystemExit"},
        },
    )
    result = log(images, "boxes", run_id=new_id(), subsets=["time"], dry_run=True)
    assert {"eval/time_night/F1", "eval/time_day/F1"} <= set(result["run_metrics"])
    with pytest.raises(Exception, match="defined by code, which this plugin does not run"):
        log(images, "boxes", subsets="code")
