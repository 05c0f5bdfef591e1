"""The page *Evaluations*: FiftyOne's numbers, what W&B has of them, and the labels behind each of them in the grid."""

import json
import os

import pytest

from tests.e2e import evaluated

pytestmark = pytest.mark.usefixtures("login")

PROJECT = "panel-evaluations"


@pytest.fixture(scope="module")
def images(media, fiftyone, tmp_path_factory):
    dataset = evaluated.images(media, tmp_path_factory.mktemp("masks"))
    # Pairs of different classes only come of this.
    dataset.evaluate_detections("predictions", eval_key="mixed", classwise=False)
    yield dataset
    dataset.delete()


@pytest.fixture(scope="module")
def videos(media, fiftyone, tmp_path_factory):
    dataset = evaluated.videos(media, tmp_path_factory.mktemp("frames"))
    yield dataset
    dataset.delete()


@pytest.fixture
def copy(images):
    """A copy that a test may change."""
    dataset = images.clone()
    yield dataset
    dataset.delete()


@pytest.fixture
def log(operator):
    def log(dataset, key, **kwargs):
        return operator("log_evaluation_to_wandb")(
            dataset, key, **{"project": PROJECT, "include_images": False, **kwargs}
        )

    return log


@pytest.fixture
def shown(ask):
    """The view that a click shows."""
    import fiftyone as fo

    def shown(dataset, key, what, **params):
        asked = ask("show_evaluated", dataset, key=key, what=what, **params)
        assert asked.answer["state"] == "ready", asked.answer
        ((uri, sent),) = asked.shown
        assert uri == "set_view"
        return fo.DatasetView._build(dataset, json.loads(json.dumps(sent["view"])))

    return shown


@pytest.fixture
def state(ready):
    """Where an evaluation is in W&B."""

    def state(dataset, key, **params):
        return ready("logged_evaluation", dataset, **{"key": key, "project": PROJECT, "fresh": True, **params})

    return state


def labels(view, field):
    return view.values(f"{field}.detections", unwind=True)


def test_the_list(ready, images):
    found = {one["key"]: one for one in ready("evaluations", images)["evaluations"]}
    assert set(found) == set(images.list_evaluations())
    boxes = found["boxes"]
    assert (boxes["type"], boxes["method"], boxes["iou"]) == ("detection", "coco", 0.5)
    assert (boxes["truth"], boxes["predictions"], boxes["hasResults"]) == ("ground_truth", "predictions", True)
    assert boxes["evaluated"]
    assert ready("evaluations")["evaluations"] == []


def test_evaluations_that_are_broken(ready, ask, images):
    broken = evaluated.broken(images)
    try:
        found = {one["key"]: one for one in ready("evaluations", broken)["evaluations"]}
        assert not found["failed"]["hasResults"]
        for key, words in (
            ("failed", "no results"),
            ("damaged", "damaged"),
            ("theirs", "not FiftyOne's own"),
            ("x", "'x'"),
        ):
            answer = ask("headline", broken, key=key).answer
            assert answer["state"] == "problem"
            assert words in answer["text"]
    finally:
        broken.delete()


@pytest.mark.parametrize("key", ["boxes", "mixed", "scenes", "binary", "masks", "ages"])
def test_numbers(ready, images, key):
    numbers = ready("evaluation", images, key=key)["numbers"]
    metrics = {one["name"]: one["value"] for one in numbers["metrics"]}
    wanted = evaluated.expected(images, key)
    assert {name: metrics[name] for name in wanted} == pytest.approx(wanted, rel=1e-12, abs=1e-15)
    assert ready("headline", images, key=key)["metrics"] == numbers["metrics"]
    if key == "ages":
        (curve,) = numbers["curves"]
        assert (curve["kind"], len(curve["lines"][0]["points"])) == ("residuals", len(images))
        assert numbers["confusion"] is None
        return

    found = {
        (numbers["confusion"]["labels"][t], numbers["confusion"]["labels"][p]): n
        for t, p, n in numbers["confusion"]["cells"]
    }
    results = images.load_evaluation_results(key)
    names = dict(zip(results.classes, results.classes))
    assert sum(found.values()) == sum(evaluated.confusion(images, key).values())
    if key in ("boxes", "mixed", "scenes"):
        assert found == evaluated.confusion(images, key)
        assert {c["name"]: c["f1"] for c in numbers["classes"]} == pytest.approx(
            {name: one[2] for name, one in evaluated.by_class(images, key).items() if name in names}
        )


def test_two_models(ready, ask, images):
    answer = ready("evaluation", images, key="plain", compare_with="second")
    assert set(answer["comparable"]) == {"second", "boxes", "mixed"}
    numbers = answer["numbers"]
    wanted, other = evaluated.expected(images, "plain"), evaluated.expected(images, "second")
    differences = {one["name"]: one["value"] for one in numbers["differences"]}
    assert differences["F1"] == pytest.approx(wanted["F1"] - other["F1"])
    assert numbers["other"]["key"] == "second"
    assert {one["name"] for one in numbers["classDifferences"]} == set(evaluated.CLASSES)
    answer = ask("evaluation", images, key="plain", compare_with="scenes").answer
    assert (answer["state"], answer["code"]) == ("problem", "not_comparable")


def test_cells_of_boxes(shown, images):
    """Each cell shows the labels that were counted in it, and no others."""
    cells = evaluated.confusion(images, "mixed")
    assert any(truth != predicted and "(none)" not in (truth, predicted) for truth, predicted in cells)
    for (truth, predicted), count in cells.items():
        view = shown(images, "mixed", "cell", truth=truth, predicted=predicted)
        if predicted != "(none)":
            found = labels(view, "predictions")
            assert len(found) == count, (truth, predicted)
            assert {one.label for one in found} == {predicted}

        if truth != "(none)":
            found = labels(view, "ground_truth")
            assert len(found) == count, (truth, predicted)
            assert {one.label for one in found} == {truth}


def test_classes_and_outcomes_of_boxes(ready, shown, images):
    one = ready("evaluation", images, key="boxes")["numbers"]["classes"][0]
    name = one["name"]
    view = shown(images, "boxes", "class", **{"class": name})
    assert len(labels(view, "ground_truth")) == one["support"] == one["tp"] + one["fn"]
    assert len(labels(view, "predictions")) == one["tp"] + one["fp"]
    for outcome, field in (("tp", "predictions"), ("fp", "predictions"), ("fn", "ground_truth")):
        view = shown(images, "boxes", "outcome", outcome=outcome, **{"class": name})
        assert len(labels(view, field)) == one[outcome], outcome

    for key in ("boxes", "mixed"):
        metrics = {one["name"]: one["value"] for one in ready("headline", images, key=key)["metrics"]}
        for outcome, field in (("tp", "predictions"), ("fp", "predictions"), ("fn", "ground_truth")):
            assert len(labels(shown(images, key, "outcome", outcome=outcome), field)) == metrics[outcome], (
                key,
                outcome,
            )

    view = shown(images, "plain", "class", compare_with="second", **{"class": "cat"})
    assert {one.label for one in labels(view, "second")} == {"cat"}


@pytest.mark.parametrize("key", ["scenes", "binary", "top", "masks"])
def test_cells_of_samples(shown, images, key):
    for (truth, predicted), count in evaluated.confusion(images, key).items():
        names = {"background": "background", "0": "background", "1": "one", "2": "two"} if key == "masks" else {}
        view = shown(images, key, "cell", truth=names.get(truth, truth), predicted=names.get(predicted, predicted))
        assert len(view) > 0
        if key != "masks":
            assert len(view) == count, (truth, predicted)


@pytest.mark.parametrize("key", ["scenes", "top"])
def test_classes_and_outcomes_of_samples(ready, shown, images, key):
    numbers = ready("evaluation", images, key=key)["numbers"]
    metrics = {one["name"]: one["value"] for one in numbers["metrics"]}
    for outcome in ("correct", "incorrect"):
        if metrics[outcome]:
            assert len(shown(images, key, "outcome", outcome=outcome)) == metrics[outcome]

    for one in numbers["classes"]:
        for outcome in ("tp", "fn"):
            if one[outcome]:
                assert len(shown(images, key, "outcome", outcome=outcome, **{"class": one["name"]})) == one[outcome]

        assert len(shown(images, key, "class", **{"class": one["name"]})) >= one["support"]


@pytest.mark.parametrize("key", ["boxes", "scenes", "binary", "masks", "ages"])
def test_the_worst_come_first(shown, images, key):
    view = shown(images, key, "worst")
    if key == "boxes":
        errors = [a + b for a, b in zip(*view.values(["boxes_fp", "boxes_fn"]))]
        assert errors == sorted(errors, reverse=True)
        assert min(errors) > 0
    elif key == "ages":
        assert view.values("ages") == sorted(images.values("ages"), reverse=True)
    elif key == "masks":
        assert view.values("masks_accuracy") == sorted(images.values("masks_accuracy"))
    else:
        assert not {True, "TP", "TN"} & set(view.values(key))


def test_where_it_got_worse(shown, images):
    def errors(view, key):
        return [a + b for a, b in zip(*view.values([f"{key}_fp", f"{key}_fn"]))]

    worse, better = (shown(images, "plain", what, compare_with="second") for what in ("worse", "better"))
    assert all(a > b for a, b in zip(errors(worse, "plain"), errors(worse, "second"), strict=True))
    assert all(a < b for a, b in zip(errors(better, "plain"), errors(better, "second"), strict=True))
    assert len(worse) + len(better) > 0


def test_frames_of_videos(ask, ready, shown, videos):
    (one, *_) = ready("evaluation", videos, key="video")["numbers"]["classes"]
    for outcome, field in (("fp", "found"), ("fn", "objects")):
        view = shown(videos, "video", "outcome", outcome=outcome, **{"class": one["name"]})
        assert len(view.values(f"frames.{field}.detections.id", unwind=True)) == one[outcome]

    assert len(shown(videos, "video", "class", **{"class": one["name"]})) == len(videos)
    for truth, predicted in evaluated.confusion(videos, "video"):
        assert len(shown(videos, "video", "cell", truth=truth, predicted=predicted)) > 0

    # Of classifications and masks, too.
    for key in ("frame_scenes", "frame_masks"):
        ready("evaluation", videos, key=key)
        (truth, predicted), *_ = (cell for cell in evaluated.confusion(videos, key) if cell[0] != cell[1])
        assert len(shown(videos, key, "cell", truth=truth, predicted=predicted)) > 0

    videos.evaluate_classifications("frames.scene", gt_field="frames.scene", eval_key="perfect")
    worse = shown(videos, "frame_scenes", "worse", compare_with="perfect")
    assert set(worse.values("id")) == set(videos.values("id"))
    asked = ask("show_evaluated", videos, key="frame_scenes", what="better", compare_with="perfect").answer
    assert asked["code"] == "empty_view"


def test_classes_of_any_name(shown, copy):
    """Names that MongoDB takes for fields, and those that the panel may not show as they are."""
    sample = copy.first()
    sample["ground_truth"].detections[0].label = "$label"
    sample["ground_truth"].detections[1].label = "evil\u202etxt"
    sample.save()
    copy.evaluate_detections("predictions", eval_key="odd", classwise=False)
    for sent, meant in (("$label", "$label"), ("eviltxt", "evil\u202etxt")):
        view = shown(copy, "odd", "class", **{"class": sent})
        assert [one.label for one in labels(view, "ground_truth")] == [meant]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"what": "cell", "truth": "cat"}, "bad_argument"),
        ({"what": "outcome", "outcome": "sum"}, "bad_argument"),
        ({"what": "worse"}, "bad_argument"),
        ({"what": "drop"}, "bad_argument"),
        ({"what": "class", "class": "no such class"}, "empty_view"),
        ({"what": "class", "class": {"$function": {}}}, "bad_argument"),
        ({"what": "worse", "compare_with": "nope"}, "unknown_key"),
    ],
)
def test_clicks_that_show_nothing(ask, images, params, code):
    answer = ask("show_evaluated", images, key="boxes", **params).answer
    assert (answer["state"], answer["code"]) == ("problem", code)


def test_what_was_logged(state, log, copy, login):
    login.make_run(PROJECT, "r1", "first")
    assert state(copy, "scenes")["logged"] == "not_logged"
    result = log(copy, "scenes")
    found = state(copy, "scenes")
    assert (found["logged"], found["note"]) == ("logged", "")
    assert found["artifact"]["name"] == result["artifact_name"]
    assert found["artifact"]["version"] == result["artifact_version"]
    assert found["run"]["id"] == result["run_id"]
    assert found["run"]["url"].startswith(login.url)

    # Without the record, as on another machine.
    copy.delete_run("evaluation_scenes")
    assert state(copy, "scenes")["artifact"] == found["artifact"]
    assert state(copy, "boxes")["logged"] == "not_logged"


def test_labels_that_were_changed_since(state, ready, log, copy, login):
    login.make_run(PROJECT, "r1", "first")
    log(copy, "scenes")
    sample = copy.first()
    sample["guess"].label = "changed"
    sample.save()
    ready("headline", copy, key="scenes", fresh=True)
    found = state(copy, "scenes")
    assert found["logged"] == "changed"
    assert "1 label differs" in found["note"]

    # Logged as it is now, it is what was logged.
    log(copy, "scenes")
    assert state(copy, "scenes")["logged"] == "logged"


def test_masks_that_were_painted_over_since(state, ready, log, copy, login):
    login.make_run(PROJECT, "r1", "first")
    log(copy, "masks")
    assert state(copy, "masks")["logged"] == "logged"
    path = copy.first().mask.mask_path
    before, later = os.stat(path).st_mtime, copy.get_evaluation_info("masks").timestamp.timestamp() + 86_400
    os.utime(path, (later, later))
    try:
        ready("headline", copy, key="masks", fresh=True)
        found = state(copy, "masks")
    finally:
        os.utime(path, (before, before))

    assert found["logged"] == "changed"
    assert "Files of 1 mask" in found["note"]


def test_an_evaluation_that_was_made_again(state, log, copy, login):
    login.make_run(PROJECT, "r1", "first")
    log(copy, "scenes")
    copy.evaluate_classifications("guess", gt_field="scene", eval_key="scenes")
    found = state(copy, "scenes")
    assert found["logged"] == "logged"

    for sample in copy.limit(2).iter_samples(autosave=True):
        sample["guess"].label = "other"

    copy.evaluate_classifications("guess", gt_field="scene", eval_key="scenes")
    found = state(copy, "scenes")
    assert found["logged"] == "changed"
    assert "the numbers have changed" in found["note"]


def test_a_part_that_was_logged(state, log, copy, login):
    login.make_run(PROJECT, "r1", "first")
    log(copy.match_tags("night"), "scenes")
    found = state(copy, "scenes")
    assert (found["logged"], found["note"]) == ("logged", "A part of it was logged")


def test_an_artifact_that_is_gone(state, log, copy, login):
    login.make_run(PROJECT, "r1", "first")
    log(copy, "scenes", artifact_name="soon_gone")
    record = copy.get_run_info("evaluation_scenes")
    record.config.wandb_artifact = "gone-by-now:v7"
    copy.update_run_config("evaluation_scenes", record.config)
    copy.reload()
    # It is found by what the artifacts of the project say of themselves.
    assert state(copy, "scenes")["artifact"]["name"] == "soon_gone"
    assert "gone-by-now:v7" in state(copy, "scenes", project="elsewhere")["note"]
