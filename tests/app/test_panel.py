"""Each page of the panel, and each button to its effect in the grid."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import app as surroundings
from support.background import background_service, kill, set_queued_failed
from support.waiting import SECONDS, wait_for

# What each tab shows when it is there.
TABS = {
    "Runs": "baseline-svm",
    "Artifacts": "digits_train:v1",
    "Predictions": "digits_predictions:v0",
    "Jobs": "Log predictions",
    "Reports": "What the digits taught us",
}


def test_runs(panel, digits):
    panel.tab("Runs")
    mine = panel.panel.get_by_role("region", name="Runs of this dataset")
    mine.get_by_text("linked: predictions").wait_for()
    assert mine.locator("li").first.get_by_role("button", name="augmented-svm", exact=True).count() == 1
    panel.panel.get_by_role("region", name="All runs").get_by_role("button", name="deeper-svm", exact=True).wait_for()
    panel.panel.get_by_role("searchbox").fill("deep")
    panel.panel.get_by_role("button", name="baseline-svm", exact=True).wait_for(state="detached")
    panel.panel.get_by_role("searchbox").fill("")
    panel.shows("baseline-svm")
    panel.picture("panel-runs")


def test_a_run(panel, digits):
    panel.tab("Runs")
    panel.click("deeper-svm")
    panel.panel.get_by_role("img", name="loss. deeper-svm").wait_for()
    panel.panel.get_by_text("Compare with other runs").click()
    panel.panel.get_by_role("checkbox", name="baseline-svm").check()
    panel.panel.get_by_role("checkbox", name="augmented-svm").check()
    panel.panel.locator("svg polyline").nth(5).wait_for()
    panel.shows("learning_rate")
    panel.picture("panel-run")

    panel.panel.get_by_role("combobox", name="Predictions field").select_option("predictions")
    panel.click("Link to this dataset")
    panel.shows("Linked to this dataset, field predictions")
    digits.reload()
    assert digits.get_run_info("deeper_svm").config.run_id == "deeper"
    panel.click("Unlink")
    panel.panel.get_by_role("button", name="Link to this dataset").wait_for()
    digits.reload()
    assert "deeper_svm" not in digits.list_runs()

    with panel.new_page() as page:
        panel.click("Open in W&B", exact=False)
        assert page.value.url.endswith("/runs/deeper")
        assert page.value.evaluate("window.opener") is None


def test_an_artifact(panel, digits):
    panel.tab("Artifacts")
    panel.shows("digits_predictions:v0")
    panel.picture("panel-artifacts")
    panel.click("digits_train:v1")
    panel.shows("of digits")
    panel.click("Load view")
    panel.shows("Shown: 40 rows.")
    panel.grid_has(40)
    panel.panel.get_by_role("combobox", name="has changed since").select_option("v0")
    panel.click("Added: 10")
    panel.grid_has(10)
    panel.click("Kept: 30")
    panel.grid_has(30)
    panel.picture("panel-compare")
    assert panel.panel.get_by_role("button", name="Removed: 0").is_disabled()

    panel.click("Save view")
    panel.panel.get_by_role("textbox", name="Name").fill("the training view")
    panel.click("Save")
    panel.shows("Saved as “the training view”")
    digits.reload()
    assert len(digits.load_saved_view("the training view")) == 40
    digits.delete_saved_view("the training view")

    panel.click("augmented-svm")
    panel.panel.get_by_role("heading", name="augmented-svm").wait_for()


@pytest.fixture(scope="module")
def detected(digits, project, wandb_server):
    """An artifact and a run whose table has pictures with boxes and a mask."""
    import fiftyone as fo
    import fiftyone.operators as foo
    import numpy as np

    def label(i, **more):
        return fo.Detections(detections=[fo.Detection(label=f"digit {i}", bounding_box=[0.2, 0.15, 0.6, 0.7], **more)])

    dataset = fo.Dataset("digits-with-boxes")
    mask = np.zeros((16, 16), dtype=np.uint8)
    mask[4:12, 4:12] = 1
    for i, sample in enumerate(digits.limit(12)):
        dataset.add_sample(
            fo.Sample(
                filepath=sample.filepath,
                note=f"{i}: " + "a long note about this digit " * 12,
                weight=i / 7,
                ground_truth=label(i % 3),
                predictions=label(i % 2, confidence=0.5 + i / 30),
                ink=fo.Segmentation(mask=mask),
            )
        )

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIFTYONE_WANDB_URL", wandb_server.url)
        environment.setenv("FIFTYONE_WANDB_API_KEY", wandb_server.key)
        log_view = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
        log_view(
            dataset,
            project=project,
            run_id="detected",
            artifact_name="digits_detected",
            include_labels=True,
            include_images=True,
        )

    yield dataset
    dataset.delete()


def test_the_first_rows_of_an_artifact_and_of_its_run(panel, detected, wandb_server):
    panel.click("Refresh")
    panel.tab("Artifacts")
    panel.click("digits_detected:v0")
    rows = panel.panel.get_by_role("region", name="Rows of samples")
    rows.locator("tbody tr").nth(7).wait_for()
    panel.shows("The first 8 of 12 rows.")
    loaded = "e => e.complete && e.naturalWidth > 0"
    wait_for(lambda: all(picture.evaluate(loaded) for picture in rows.locator("img").all()))
    assert rows.locator("img").count() == 16, "a picture and a mask in each row"
    box = rows.locator("[data-layer=predictions]").first
    assert box.inner_text() == "digit 0 (0.50)"
    frame, inner = rows.get_by_role("button").first.bounding_box(), box.bounding_box()
    assert inner["x"] - frame["x"] == pytest.approx(0.2 * frame["width"], abs=1)
    assert inner["height"] == pytest.approx(0.7 * frame["height"], abs=1)
    panel.picture("panel-first-rows")
    panel.panel.get_by_role("checkbox", name="predictions").uncheck()
    assert rows.locator("[data-layer=predictions]").count() == 0
    assert rows.locator("[data-layer=ground_truth]").count() == 8
    rows.get_by_role("button").first.click()
    assert rows.get_by_role("button").first.bounding_box()["width"] > frame["width"]
    assert wandb_server.key not in panel.page.content()

    panel.click("detected")
    table = panel.panel.get_by_role("region", name="Table of digits_detected:v0")
    table.locator("[data-layer=predictions]").first.wait_for()
    panel.picture("panel-run-tables")


def test_predictions(panel, digits):
    panel.tab("Predictions")
    panel.click("digits_predictions:v0")
    counted = digits.count_values("predictions.label")
    name, count = max(counted.items(), key=lambda item: item[1])
    panel.panel.get_by_role("button", name=f"{name}: {count}. Show them").click()
    panel.grid_has(count)
    panel.picture("panel-predictions")
    sure = len([c for c in digits.values("predictions.confidence") if c >= 0.95])
    panel.panel.get_by_role("button", name=f"Confidence 0.95 to 1.00: {sure}. Show them").click()
    panel.grid_has(sure)
    low = len([c for c in digits.values("predictions.confidence") if c < 0.6])
    panel.click("Low confidence only")
    panel.grid_has(low)


def test_jobs(panel, project, digits, operator, login):
    login.fault(kind="upload", mode="hang", count=-1)
    try:
        panel.page.keyboard.press("Escape")
        panel.tab("Jobs")
        panel.shows("Log predictions")
        panel.open("W&B: Save View as Artifact")
        panel.type("Project", project)
        panel.type("Artifact name", "never there")
        panel.press("Execute")
        panel.dialog.get_by_role("progressbar").wait_for()
        panel.sees("Uploading")
        panel.page.reload()
        panel.panel.wait_for()
    finally:
        login.heal()

    # Reloading the page ends what ran in it.
    panel.tab("Jobs")
    row = panel.panel.locator("li", has_text="Save view as artifact").first
    row.get_by_text("cancelled", exact=True).wait_for()
    panel.picture("panel-jobs")
    row.get_by_role("button", name="Run again").click()
    panel.sees(f"60 samples of '{digits.name}' will be logged: the whole dataset")
    panel.page.keyboard.press("Escape")


def test_a_running_job(panel, project, digits, operator, login):
    log = operator("log_fiftyone_view_to_wandb")
    login.fault(kind="upload", mode="hang", count=-1)
    try:
        with ThreadPoolExecutor() as pool:
            call = pool.submit(log, digits, project, "hanging", artifact_name="hanging")
            panel.tab("Jobs")
            panel.panel.get_by_role("progressbar", name="Save view as artifact").wait_for()
            panel.picture("panel-running-job")
            panel.click("Cancel")
            panel.panel.get_by_text("The job was cancelled on request").first.wait_for()
            with pytest.raises(RuntimeError, match="cancelled on request"):
                call.result(SECONDS)
    finally:
        login.heal()


def elsewhere(function, *args, **kwargs):
    """Calls a function outside the browser's event loop, in which FiftyOne would only begin an operator."""
    with ThreadPoolExecutor() as pool:
        return pool.submit(function, *args, **kwargs).result(SECONDS)


def test_a_shared_job_whose_workers_have_died(panel, project, digits, operator, monkeypatch, tmp_path):
    log, reached = operator("log_fiftyone_view_to_wandb"), tmp_path / "point"
    monkeypatch.setenv("FIFTYONE_WANDB_TEST_PARTS", "20,20")
    monkeypatch.setenv("FIFTYONE_WANDB_TEST_LEASE", "2000")
    with background_service(
        tmp_path / "service.log", FIFTYONE_WANDB_TEST_POINT=f"wait read:1:begin@{reached}"
    ) as service:
        call = {"artifact_name": "shared_digits", "include_labels": True, "workers": 2, "delegate": True}
        queued = elsewhere(log, digits, project, **call)
        wait_for(reached.exists)
        panel.tab("Jobs")
        row = panel.panel.get_by_role("listitem").filter(has_text="artifact shared_digits")
        row.get_by_text("1 of 3 parts read, 0 uploaded").wait_for()
        row.get_by_text("1 worker waiting for a background service").wait_for()
        panel.picture("panel-shared-job")
        kill(service)

    set_queued_failed()
    row.get_by_text("All workers of this job are gone").wait_for()
    panel.picture("panel-shared-job-died")
    row.get_by_role("button", name="Resume").click()
    panel.sees("1 of 3 parts read")
    panel.picture("panel-shared-job-form")
    panel.press("Execute")
    panel.press("Close")
    row.get_by_text("worker waiting for a background service").wait_for()
    panel.picture("panel-shared-job-resumed")

    elsewhere(operator("log_worker_slot"), queued["delegated_operation_id"])

    panel.click("shared_digits:v0")


def test_reports(panel):
    panel.tab("Reports")
    panel.shows("What the digits taught us")
    panel.picture("panel-reports")
    with panel.new_page() as page:
        panel.click("Open the report What the digits taught us in a new tab")
        assert "/reports/" in page.value.url
        assert page.value.evaluate("window.opener") is None


def test_operators_open_it_at_the_right_place(panel, project):
    panel.tab("Jobs")
    panel.open("Show W&B run")
    panel.choose("Project", project)
    panel.choose("Run", "baseline-svm (baseline)")
    panel.press("Execute")
    panel.press("Close")
    panel.panel.get_by_role("heading", name="baseline-svm").wait_for()

    panel.open("Show W&B Report")
    panel.choose("Project", project)
    panel.choose("Report", "What the digits taught us")
    panel.press("Execute")
    panel.press("Close")
    panel.panel.locator("li[aria-current=true]", has_text="What the digits taught us").wait_for()

    # A new page begins where the last one was, and does not jump again.
    panel.tab("Artifacts")
    panel.page.reload()
    panel.panel.get_by_role("tab", name="Artifacts", selected=True).wait_for()


def test_the_keyboard_is_enough(panel):
    panel.panel.get_by_role("tab", name="Runs").focus()
    panel.page.keyboard.press("ArrowRight")
    panel.panel.get_by_role("tab", name="Artifacts", selected=True).wait_for()
    panel.panel.get_by_role("button", name="digits_train:v1", exact=True).focus()
    panel.page.keyboard.press("Enter")
    panel.panel.get_by_role("heading", name="digits_train").wait_for()
    for control in panel.panel.get_by_role("button").or_(panel.panel.get_by_role("combobox")).all():
        assert control.evaluate("e => e.textContent.trim() || e.ariaLabel || e.labels?.length"), control


def test_nothing_comes_from_other_hosts(panel):
    before = set(panel.hosts)
    for name in ("Runs", "Artifacts", "Predictions", "Jobs", "Reports"):
        panel.tab(name)
        panel.page.wait_for_timeout(500)

    assert {host.split(":")[0] for host in panel.hosts - before} <= {"localhost", "127.0.0.1"}


def test_the_light_theme(panel):
    colour = "e => getComputedStyle(e).color"
    theme = panel.page.get_by_test_id("LightModeIcon").or_(panel.page.get_by_test_id("DarkModeIcon")).first
    dark = panel.panel.evaluate(colour)
    panel.tab("Runs")
    theme.click()
    try:
        wait_for(lambda: panel.panel.evaluate(colour) != dark)
        panel.picture("panel-light")
    finally:
        theme.click()

    wait_for(lambda: panel.panel.evaluate(colour) == dark)


@pytest.mark.parametrize("theme", surroundings.THEMES)
def test_a_narrow_column(panel, detected, theme):
    def keep(name):
        assert panel.fits(), name
        panel.picture(f"narrow-{theme}-{name}")

    with panel.narrow_column(theme):
        lines = "tabs => new Set(tabs.map(tab => tab.offsetTop)).size"
        assert panel.panel.get_by_role("tab").evaluate_all(lines) == 1
        for name, text in TABS.items():
            panel.tab(name)
            panel.shows(text)
            keep(name.lower())

        panel.tab("Artifacts")
        panel.click("digits_detected:v0")
        panel.panel.locator("[data-layer=predictions]").first.wait_for()
        keep("artifact")
        if theme == "dark":
            panel.picture("panel-rows", panel.panel)

        panel.tab("Runs")
        panel.click("deeper-svm")
        panel.panel.get_by_role("img", name="loss. deeper-svm").wait_for()
        keep("run")
        panel.tab("Predictions")
        panel.click("digits_predictions:v0")
        panel.panel.get_by_role("button", name="Confidence 0.95 to 1.00").wait_for()
        keep("predictions-opened")
        panel.click("Type another project")
        panel.panel.get_by_role("form", name="Open another project").wait_for()
        keep("typed")
        panel.click("Cancel")
