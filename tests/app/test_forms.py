"""Forms, one log and one load, clicked through in the real App."""

import contextlib
import re

import pytest

from support.waiting import wait_for

LOG = "W&B: Save View as Artifact"


def test_log_and_load(app, project, wandb_server):
    app.open(LOG)
    app.sees("60 samples of 'digits' will be logged: the whole dataset")
    app.type("Project", project)
    app.type("Artifact name", "all digits")
    app.sees("It will be called 'all_digits'")
    app.check("Include labels")
    app.sees("labels (ground_truth, predictions), thumbnails")
    app.picture("form-log-view")
    app.press("Execute")
    app.sees("all_digits:v0")
    app.picture("form-logged")
    app.press("Done")

    (artifact,) = [a for a in wandb_server.artifacts() if a["collection"] == "all_digits"]
    assert len(artifact["metadata"]["sample_ids"]) == 60

    app.open("W&B: Load View from Artifact")
    app.choose("Project", project)
    app.choose("Artifact", "digits_train:v1 (latest)")
    app.picture("form-load-view")
    app.press("Execute")
    app.sees("the view's stages, as they were logged")
    app.picture("form-loaded")
    app.press("Done")
    app.grid_has(40)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("W&B: Log Model Predictions", "Label fields, and string fields with the answers of language models"),
        ("W&B: get run info", "Runs that were linked or logged to"),
        ("Show W&B run", "Choose one, or type its name or the address of its page. Default: the project"),
        ("Show W&B Report", "Choose one, or type its title or the address of its page"),
        ("Open W&B panel", "what was shown last"),
        ("W&B: Cancel a job", "No job is running or waiting"),
        ("W&B: Load View from Artifact", "The W&B project. It has to exist"),
    ],
)
def test_forms(app, label, words):
    app.open(label)
    app.sees(words)
    app.picture("form-" + re.sub(r"\W+", "-", label.lower()).strip("-"))
    assert app.page.get_by_text("Error occurred").count() == 0


def test_the_background_can_be_chosen(app, project):
    from playwright.sync_api import Error

    def is_offered():
        app.open(LOG)
        app.type("Project", project)
        app.sees("It will run here, with live progress")
        # At times the App does not show the arrow beside "Execute": it has lost which ways there are.
        with contextlib.suppress(Error):
            app.dialog.get_by_test_id("ArrowDropDownIcon").last.click(timeout=10_000)
            app.page.get_by_text("Schedule", exact=True).first.wait_for(timeout=10_000)
            return True

        app.rest()
        return False

    wait_for(is_offered)
    app.picture("form-schedule")
    app.page.keyboard.press("Escape")


def test_a_job_is_cancelled_where_its_progress_is_shown(app, project, login):
    login.fault(kind="upload", mode="hang", count=-1)
    app.open(LOG)
    app.type("Project", project)
    app.type("Artifact name", "never there")
    app.press("Execute")
    app.dialog.get_by_role("progressbar").first.wait_for()
    app.sees(re.compile(r"Uploading"))
    app.picture("form-progress")
    app.press("Cancel")
    app.sees("The job was cancelled on request")
    app.picture("form-cancelled")
    # Who has cancelled it knows: it did not fail.
    assert app.page.get_by_text("Operation failed").count() == 0

    assert not [a for a in login.artifacts() if a["collection"] == "never_there"]


def test_mistakes(app, project, login):
    """Each shows its sentence at once, and the way back to the form as it was filled in."""
    app.open("W&B: Log Model Predictions")
    app.select("Predictions", "predictions")
    app.type("Model", "svm")
    app.type("Project", project)
    app.type("Artifact name", "digits_train")
    app.press("Execute")
    app.sees(re.compile("exists in this project with the type .dataset.*Choose another artifact_name"))
    app.picture("form-name-taken")
    login.fault(kind="graphql", mode="graphql_error", status=403, message="permission denied", count=-1)
    app.press("Back to the form")
    app.sees("Log a model's predictions to W&B")
    assert app.value("Artifact name") == "digits_train"
    app.type("Artifact name", "digits_answers")
    app.press("Execute")
    app.sees(re.compile("permission denied"))
    app.picture("form-no-permission")
    app.press("Done")
    app.dialog.first.wait_for(state="detached")
    # FiftyOne's own words, which would have to be opened.
    assert app.page.get_by_text("Error occurred").count() == 0


def test_show_run_gives_a_link(app, project):
    app.open("Show W&B run")
    app.choose("Project", project)
    app.choose("Run", "deeper-svm (deeper)")
    app.press("Execute")
    app.picture("form-shown")
    with app.new_page() as page:
        app.dialog.get_by_role("link", name="Open in a new tab").click()
        assert page.value.url.endswith(f"/{project}/runs/deeper")

    app.press("Close")
    app.panel.get_by_role("heading", name="deeper-svm").wait_for()


def test_run_info(app, project, digits):
    app.open("W&B: get run info")
    app.select("Run", "augmented_svm")
    app.press("Execute")
    app.sees("val/accuracy")
    app.picture("form-run-info")


@pytest.fixture
def laptop(app):
    """The App on a screen of 1400 x 900 pixels."""
    app.page.set_viewport_size({"width": 1400, "height": 900})
    yield app
    app.page.set_viewport_size({"width": 1500, "height": 1000})


@pytest.fixture
def evaluated(digits):
    """The digits with an evaluation."""
    digits.evaluate_classifications("predictions", gt_field="ground_truth", eval_key="svm_eval")
    yield digits
    digits.delete_evaluation("svm_eval")


# The height of a field with its description, in pixels.
FIELD = 80


@pytest.mark.parametrize(
    ("label", "chosen", "typed"),
    [
        (LOG, {}, {"Project": "p", "Artifact name": "digits"}),
        ("W&B: Log Model Predictions", {"Predictions": "predictions"}, {"Project": "p", "Model": "svm"}),
        ("W&B: Log Evaluation", {"Evaluation": "svm_eval"}, {"Project": "p"}),
    ],
)
def test_the_usual_case_needs_no_scrolling(laptop, evaluated, label, chosen, typed):
    first = "will be logged: the whole dataset"
    laptop.open(label)
    laptop.sees(first)
    for name, text in chosen.items():
        laptop.select(name, text)

    for name, text in typed.items():
        laptop.type(name, text)

    if label == LOG:
        laptop.check("Include labels")
        laptop.sees("labels (ground_truth, predictions), thumbnails")

    laptop.picture("usual-" + re.sub(r"\W+", "-", label.lower()).strip("-"))
    for name in ("Project", "Show pictures", *chosen, *typed):
        field = laptop.dialog.get_by_text(name, exact=True).first
        # What will happen is said in two lines, or in three until all is counted.
        wait_for(lambda field=field: field.bounding_box()["y"] + FIELD < 800)

    # What will happen stands above all fields.
    about = laptop.dialog.get_by_text(first).first.bounding_box()
    assert about["y"] < laptop.dialog.get_by_text("Project", exact=True).first.bounding_box()["y"]
    button = laptop.dialog.get_by_role("button", name="Execute", exact=True).last.bounding_box()
    assert button["y"] + button["height"] <= 900
    laptop.close()
