"""The form of log_evaluation_to_wandb: the choice of an evaluation, and its numbers before anything is sent."""

import pytest

from support import datasets
from support.fake_worker import module
from support.forms import EVALUATION, fields, offered
from support.waiting import wait_for


@pytest.fixture(scope="module")
def images(media, fiftyone):
    dataset = datasets.images(media)
    dataset.evaluate_detections("predictions", gt_field="ground_truth", eval_key="first")
    dataset.evaluate_detections("predictions", gt_field="ground_truth", eval_key="second")
    dataset.evaluate_detections("predictions", gt_field="ground_truth", eval_key="strict", iou=0.9)
    dataset.evaluate_classifications("weather", gt_field="weather", eval_key="skies")
    dataset.save_view("train", dataset.match_tags("train"))
    yield dataset
    dataset.delete()


@pytest.fixture
def form(operator, fake_worker, images):
    """The form's fields for some parameters."""
    lookups, answers = (module(operator(EVALUATION), name) for name in ("lookups", "answers"))
    answers.forget()

    def show(params=None, samples=images):
        return fields(operator(EVALUATION), samples, params)

    yield show
    lookups.forget()
    answers.forget()


@pytest.fixture
def numbers(fake_worker):
    """What the worker reads of an evaluation."""
    m = fake_worker.messages
    found = m.EvaluationNumbers(
        metrics=[m.Metric(name="F1", value=0.123456789), m.Metric(name="support", value=1_234_567)],
        classes=[m.EvaluationClass(name="c|t", f1=0.25, support=3), m.EvaluationClass(name="none", f1=0.0, support=0)],
        changed=2,
    )
    fake_worker.behave = lambda *_: found
    return found


def test_a_dataset_without_evaluations(form, media):
    dataset = datasets.images(media, 1)
    shown = form(samples=dataset)
    dataset.delete()
    assert shown["no_evaluation"]["invalid"]
    assert "eval_key" not in shown
    assert "project" not in shown


def test_evaluations_are_offered_the_newest_first(form, fake_worker):
    shown = form()
    assert list(offered(shown["eval_key"])) == ["skies", "strict", "second", "first"]
    assert shown["eval_key"]["required"]
    # Without one there is nothing to read or to say.
    assert "numbers" not in shown
    assert fake_worker.requests == []


def test_its_numbers_are_shown_before_anything_is_sent(form, fake_worker, numbers, images):
    shown = wait_for(lambda: (s := form({"eval_key": "first"})) and "default" in s["numbers"] and s)

    table = shown["numbers"]["default"]
    assert "F1 0.123457, support 1,234,567" in table
    assert "0.250" in table
    assert "none 0.000" not in table, "a class without ground truth is not a weak one"
    assert "2 labels were changed since this evaluation" in table
    (request,) = [one for one in fake_worker.requests if one.WhichOneof("job") == "read_evaluation"]
    assert (request.read_evaluation.eval_key, request.wandb.api_key) == ("first", "")

    # Another view has other numbers; the same one is not read twice.
    form({"eval_key": "first"})
    form({"eval_key": "first"}, images.match_tags("train"))
    assert len(fake_worker.requests) == 2


def test_what_cannot_be_read_is_said(form, fake_worker):
    fake_worker.fail("fiftyone", "damaged_results", "The results of the evaluation are damaged")
    shown = wait_for(lambda: (s := form({"eval_key": "first"})) and "damaged" in str(s["numbers"]) and s)
    assert "project" in shown, "the rest of the form is there"


def test_only_what_can_be_compared_is_offered(form, numbers):
    assert list(offered(form({"eval_key": "first"})["compare_with"])) == ["second"]
    assert "compare_with" not in form({"eval_key": "strict"})


def test_every_field_is_a_parameter(form, operator, numbers):
    shown = form({"eval_key": "first", "include_images": True, "max_samples": 3})
    own = {"more_options", "view_target", "plan", "draw_labels", "numbers"}
    assert set(shown) - own <= set(operator(EVALUATION).defaults())
    assert list(offered(shown["subsets"])) == ["train"]
    assert {"worst", "random", "lowest_confidence"} == set(offered(shown["select_by"]))


def test_what_most_people_need_comes_first(form, numbers):
    short = list(form({"eval_key": "first", "more_options": False}))
    usual = ["eval_key", "numbers", "include_images", "compare_with", "project", "artifact_name"]
    assert [name for name in short if name in usual] == usual
    assert short[-1] == "more_options"
