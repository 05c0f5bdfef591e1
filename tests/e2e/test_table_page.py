"""The page of a table in a browser: boxes and masks are drawn over the pictures, where they belong."""

import cv2
import fiftyone as fo
import numpy as np
import pytest

from demo.pictures import photographs
from support.app import browser, keep_picture
from tests.e2e.common import PROJECT, new_id

SIZE = (160, 120)  # width, height


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture
def page(chromium):
    """A page of a browser; whatever it cannot load fails the test."""
    page, failed = chromium.new_page(viewport={"width": 1500, "height": 1000}), []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
    yield page
    page.close()
    assert not failed


def open_table(page, result, key):
    """Opens the page of a table as a person does, from that of its artifact."""
    page.goto(result["artifact_url"])
    page.get_by_role("link", name=f"{key}.table.json").first.click()
    page.wait_for_load_state("networkidle")


def shot(picture):
    """A picture as it is on the screen, in its own size."""
    seen = cv2.imdecode(np.frombuffer(picture.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    return cv2.resize(seen, SIZE, interpolation=cv2.INTER_AREA).astype(int)


def test_boxes_and_masks_are_drawn(dataset, tmp_path, log_view, page):
    width, height = SIZE
    cv2.imwrite(str(tmp_path / "a.png"), np.full((height, width, 3), 255, np.uint8))
    area = np.zeros((2, 2), np.uint8)
    area[1, 1] = 1
    made = dataset(
        [
            fo.Sample(
                filepath=str(tmp_path / "a.png"),
                truth=fo.Detections(detections=[fo.Detection(label="cat", bounding_box=[0.25, 0.15, 0.25, 0.25])]),
                guess=fo.Detections(
                    detections=[fo.Detection(label="dog", bounding_box=[0.125, 0.6, 0.25, 0.25], confidence=0.75)]
                ),
                area=fo.Segmentation(mask=area),
            )
        ]
    )
    made.default_mask_targets = {1: "sky"}
    made.save()
    result = log_view(made, include_labels=True)

    open_table(page, result, "samples")

    picture = page.locator("figure.picture svg")
    assert page.locator("figure.picture rect").count() == 2
    assert page.locator("figure.picture text").all_text_contents() == ["dog (0.75)", "cat"]
    drawn = shot(picture)
    page.get_by_label("Draw").uncheck()
    bare = shot(picture)
    changed = np.abs(drawn - bare).max(axis=2) > 24

    assert (bare > 200).all(), "without them it is the picture"
    # The sides of the boxes are drawn, and what is inside of them is not.
    for x, y, w, h in [(40, 18, 40, 30), (20, 72, 40, 30)]:
        for side in (changed[y + 2 : y + h - 2, x - 1 : x + 2], changed[y + 2 : y + h - 2, x + w - 1 : x + w + 2]):
            assert side.any(axis=1).mean() > 0.5

        assert not changed[y + 12 : y + h - 4, x + 4 : x + w - 4].any()

    # The mask covers the right lower quarter.
    assert changed[height // 2 + 1 : height - 1, width // 2 + 1 : width - 1].all()
    assert not changed[: height // 2 - 1, width // 2 + 4 :].any()


def test_faces_in_photographs(dataset, tmp_path, log_predictions, page):
    """What the demo logs: boxes over real pictures of all sizes."""
    found = list(photographs(tmp_path))
    made = dataset(
        [
            fo.Sample(
                filepath=one["filepath"],
                faces=fo.Detections(
                    detections=[fo.Detection(label="face", bounding_box=box, confidence=c) for box, c in one["faces"]]
                ),
            )
            for one in found
        ]
    )

    open_table(page, log_predictions(made, "faces", include_images=True), "predictions")

    pictures = page.locator("figure.picture")
    assert [one.locator("rect").count() for one in pictures.all()] == [len(one["faces"]) for one in found]
    keep_picture(page, "table")


def test_the_samples_of_an_evaluation(dataset, tmp_path, operator, server, page):
    """Ground truth and predictions are layers over the picture, and their boxes say how they came out."""
    made = dataset(
        [
            fo.Sample(
                filepath=one["filepath"],
                faces=fo.Detections(
                    detections=[fo.Detection(label="face", bounding_box=box) for box, _ in one["faces"]]
                ),
                # Moved a little; each third one is lost, and there is one too many.
                found=fo.Detections(
                    detections=[
                        fo.Detection(label="face", bounding_box=[x + w / 12, y, w, h], confidence=c)
                        for i, ((x, y, w, h), c) in enumerate(one["faces"])
                        if i % 3 != 2
                    ]
                    + [fo.Detection(label="face", bounding_box=[0.02, 0.7, 0.15, 0.25], confidence=0.35)]
                ),
            )
            for one in photographs(tmp_path)
        ]
    )
    made.evaluate_detections("found", gt_field="faces", eval_key="faces_eval", compute_mAP=True)
    log = operator("log_evaluation_to_wandb")

    open_table(page, log(made, "faces_eval", project=PROJECT, artifact_name=f"e{new_id()}"), "samples")

    assert page.locator("figure.picture").count() == len(made)
    texts = " ".join(page.locator("figure.picture text").all_text_contents())
    for outcome in ("TP", "FP", "FN"):
        assert outcome in texts
    page.locator("figure.picture").first.evaluate("e => e.scrollIntoView({ block: 'center', inline: 'end' })")
    keep_picture(page, "table-evaluation")
