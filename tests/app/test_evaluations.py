"""The page *Evaluations*: what W&B has of the dataset's evaluations, and the way from each number to the grid."""

import pytest

from support.waiting import wait_for

KEYS = ("boxes", "earlier", "whole", "failed")


@pytest.fixture(scope="module")
def evaluated(digits, project, wandb_server, _tab):
    """The digits with evaluations of a model, of an earlier one, and of one that failed; the first one is logged."""
    import fiftyone as fo
    import fiftyone.core.odm as foo
    import fiftyone.operators

    for sample in digits.iter_samples(autosave=True):
        number = int(sample.ground_truth.label)
        box = [0.1, 0.1, 0.8, 0.8]
        sample["objects"] = fo.Detections(detections=[fo.Detection(label=f"digit {number}", bounding_box=box)])
        for field, wrong in (("found", number in (3, 8)), ("before", number in (3, 5, 8, 9))):
            said = number if not wrong or sample.predictions.confidence > 0.75 else (number + 5) % 10
            label = fo.Detection(label=f"digit {said}", bounding_box=box, confidence=sample.predictions.confidence)
            sample[field] = fo.Detections(detections=[] if field == "before" and number == 1 else [label])

    options = {"gt_field": "objects", "classwise": False}
    digits.evaluate_detections("before", eval_key="earlier", compute_mAP=True, **options)
    digits.evaluate_detections("found", eval_key="boxes", compute_mAP=True, **options)
    digits.evaluate_classifications("predictions", gt_field="ground_truth", eval_key="whole")
    digits.evaluate_classifications("predictions", gt_field="ground_truth", eval_key="failed")
    foo.get_db_conn().runs.update_one({"_id": digits._doc.evaluations["failed"].id}, {"$unset": {"results": ""}})
    digits.reload()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIFTYONE_WANDB_URL", wandb_server.url)
        environment.setenv("FIFTYONE_WANDB_API_KEY", wandb_server.key)
        log = fiftyone.operators.get_operator("@harpreetsahota/wandb/log_evaluation_to_wandb")
        result = log(digits, "boxes", project=project)

    yield digits, result
    for key in KEYS:
        digits.delete_evaluation(key)

    digits.delete_run("evaluation_boxes")
    digits.delete_sample_fields(["objects", "found", "before"])
    # The App reads a dataset's fields with its page.
    _tab.enter()


@pytest.fixture
def page(evaluated, panel):
    """The panel at the page, with the schema as it is now."""
    if not panel.panel.get_by_role("list", name="Evaluations").count():
        panel.enter()
        panel.open_panel()

    panel.tab("Evaluations")
    panel.panel.get_by_role("list", name="Evaluations").wait_for()
    return panel


def row(page, key):
    return page.panel.get_by_role("listitem", name=key, exact=True)


def open_evaluation(page, key):
    row(page, key).get_by_role("button", name=key, exact=True).click()
    page.panel.get_by_role("heading", name=key, exact=True).wait_for()
    page.panel.get_by_role("region", name="Metrics").wait_for()


def test_the_list(page, evaluated, project):
    digits, result = evaluated
    boxes, whole, failed = (row(page, key) for key in ("boxes", "whole", "failed"))
    boxes.get_by_text("logged", exact=True).wait_for()
    map_ = digits.load_evaluation_results("boxes").mAP()
    boxes.get_by_title(str(map_), exact=True).wait_for()
    whole.get_by_text("not logged", exact=True).wait_for()
    failed.get_by_text("No results").wait_for()
    assert failed.get_by_role("button").count() == 0
    page.picture("evaluations")

    # The form opens with the evaluation chosen, and shows its numbers.
    whole.get_by_role("button", name="Log whole to W&B").click()
    page.sees("Lowest F1")
    page.close()

    name = f"{result['artifact_name']}:{result['artifact_version']}"
    boxes.get_by_role("button", name=f"The artifact {name}").click()
    page.panel.get_by_role("heading", name=result["artifact_name"]).wait_for()
    page.tab("Evaluations")
    boxes.get_by_role("button", name="The run evaluation_").click()
    page.panel.get_by_role("heading", name="evaluation_", level=2).wait_for()


def test_clicks_show_the_labels(page, evaluated):
    digits, _ = evaluated
    open_evaluation(page, "boxes")
    page.panel.get_by_role("img", name="Precision-recall at IoU 0.5").wait_for()
    page.picture("evaluation")
    results = digits.load_evaluation_results("boxes")
    matrix = results.confusion_matrix()
    classes = list(results.classes)
    three, eight = classes.index("digit 3"), classes.index("digit 8")
    assert matrix[three, eight] > 0

    cell = page.panel.get_by_role("table", name="Confusion matrix").get_by_role(
        "button", name=f"digit 3, predicted as digit 8: {matrix[three, eight]}. Show them"
    )
    cell.click()
    page.grid_has(matrix[three, eight])
    page.picture("evaluation-click")
    page.panel.get_by_role("button", name="digit 1: Support").click()
    page.grid_has(int(matrix[classes.index("digit 1")].sum()))
    fn = int(matrix[three].sum() - matrix[three, three])
    page.panel.get_by_role("button", name=f"digit 3: {fn} false negatives. Show them").click()
    page.grid_has(fn)
    page.click("Worst samples first")
    page.grid_has(int(matrix.sum() - matrix.trace()))
    page.panel.get_by_title("True positives: ").click()
    page.grid_has(int(matrix.trace()))


def test_two_models(page, evaluated):
    digits, _ = evaluated
    open_evaluation(page, "boxes")
    page.panel.get_by_role("combobox", name="Compare with").select_option("earlier")
    table = page.panel.get_by_role("table", name="Metrics of both evaluations")
    own, other = (digits.load_evaluation_results(key).mAP() for key in ("boxes", "earlier"))
    map_ = table.get_by_role("row", name="mAP", exact=False).first
    map_.get_by_title(str(own), exact=True).wait_for()
    map_.get_by_title(str(other), exact=True).wait_for()
    assert map_.locator(".w-better").inner_text().strip() == f"+{float(f'{own - other:.4g}')}"
    curve = page.panel.get_by_role("img", name="Precision-recall at IoU 0.5: earlier and boxes")
    assert curve.locator("polyline").count() == 2
    page.picture("evaluations-compared")

    page.click("Where it is better")
    errors = [a + b for a, b in zip(*digits.values(["boxes_fp", "boxes_fn"]))]
    before = [a + b for a, b in zip(*digits.values(["earlier_fp", "earlier_fn"]))]
    page.grid_has(sum(a < b for a, b in zip(errors, before)))
    page.panel.get_by_role("combobox", name="Of").select_option("earlier")
    page.panel.get_by_role("table", name="Confusion matrix").get_by_role("button", name="digit 1, missed").click()
    page.grid_has(len([n for n in digits.values("ground_truth.label") if n == "1"]))
    page.panel.get_by_role("combobox", name="Compare with").select_option("none")


def test_the_keyboard_is_enough(page):
    open_evaluation(page, "whole")
    keys, focused = page.page.keyboard, "document.activeElement.getAttribute('aria-label')"
    table = page.panel.get_by_role("table", name="Confusion matrix")
    table.locator("button[tabindex='0']").focus()
    first = page.page.evaluate(focused)
    keys.press("ArrowDown")
    keys.press("ArrowRight")
    moved = page.page.evaluate(focused)
    assert first != moved
    keys.press("Enter")
    page.grid_has(int(moved.split(": ")[1].split(".")[0]))
    for control in page.panel.get_by_role("button").or_(page.panel.get_by_role("combobox")).all():
        assert control.evaluate("e => e.textContent.trim() || e.ariaLabel || e.labels?.length"), control


def test_narrow_and_light(page):
    colour, fits = "e => getComputedStyle(e).color", "e => e.scrollWidth <= e.clientWidth"
    theme = page.page.get_by_test_id("LightModeIcon").or_(page.page.get_by_test_id("DarkModeIcon")).first
    dark = page.panel.evaluate(colour)
    theme.click()
    try:
        wait_for(lambda: page.panel.evaluate(colour) != dark)
        page.picture("evaluations-light")
        open_evaluation(page, "boxes")
        page.panel.get_by_role("img", name="Precision-recall").wait_for()
        page.picture("evaluation-light")
        whole = "names => names.length > 0 && names.every(e => e.clientWidth > 30 && e.scrollWidth <= e.clientWidth)"
        assert page.panel.locator(".w-classes .w-name").evaluate_all(whole)
        page.page.set_viewport_size({"width": 900, "height": 1400})
        # A column of 360 pixels, as beside two other panels.
        page.panel.evaluate("e => { e.style.width = '360px' }")
        assert page.panel.evaluate(fits)
        page.picture("evaluation-narrow")
        page.panel.get_by_role("combobox", name="Compare with").select_option("earlier")
        page.panel.get_by_role("table", name="Metrics of both evaluations").wait_for()
        assert page.panel.evaluate(fits)
        page.picture("evaluations-compared-narrow")
        page.panel.get_by_role("combobox", name="Compare with").select_option("none")
        page.tab("Evaluations")
        page.panel.get_by_role("list", name="Evaluations").wait_for()
        assert page.panel.evaluate(fits)
        page.picture("evaluations-narrow")
    finally:
        page.panel.evaluate("e => { e.style.width = '' }")
        page.page.set_viewport_size({"width": 1500, "height": 1000})
        theme.click()

    wait_for(lambda: page.panel.evaluate(colour) == dark)
