"""Datasets with evaluations of all kinds, and what FiftyOne says of these."""

import cv2
import fiftyone as fo
import fiftyone.core.odm as foo
import numpy as np
from gridfs import GridFS

from support.pictures import FRAMES, IMAGES
from tests.e2e.common import new_id

CLASSES = ("cat", "dog", "a.b")


def boxes(random, i, truth=None):
    """Boxes of a sample or frame; those of a model are moved, lost, invented and called otherwise."""
    if truth is None:
        return fo.Detections(
            detections=[
                fo.Detection(label=CLASSES[(i + k) % 3], bounding_box=[0.05 + 0.3 * k, 0.1, 0.25, 0.5])
                for k in range(3)
            ]
        )

    found = []
    for one in truth.detections:
        if random.random() < 0.2:
            continue

        x, y, w, h = one.bounding_box
        label = one.label if random.random() < 0.8 else CLASSES[random.integers(3)]
        box = [x + 0.04 * random.random(), y, w, h]
        found.append(fo.Detection(label=label, bounding_box=box, confidence=round(float(random.random()), 3)))

    if i % 3 == 0:
        found.append(fo.Detection(label="dog", bounding_box=[0.7, 0.7, 0.1, 0.1], confidence=0.5))

    return fo.Detections(detections=found)


def images(media, directory):
    """Pictures with labels of all kinds that FiftyOne evaluates, and the evaluations of these."""
    random = np.random.default_rng(7)
    dataset = fo.Dataset(f"evaluated-{new_id()}")
    samples = []
    for i in range(IMAGES):
        truth = boxes(random, i)
        label, yes = CLASSES[i % 3], ("no", "yes")[i % 2]
        mask = np.zeros((24, 32), np.uint8)
        mask[: 4 + i, :10] = 1
        mask[10:, 20:] = 2
        samples.append(
            fo.Sample(
                filepath=str(media / f"image_{i:02}.png"),
                tags=["night" if i % 4 == 0 else "day"],
                ground_truth=truth,
                predictions=boxes(random, i, truth),
                second=boxes(random, i + 1, truth),
                vector=np.arange(4, dtype=np.float32) + i,
                scene=fo.Classification(label=label),
                guess=fo.Classification(
                    label=label if i % 4 else CLASSES[(i + 1) % 3],
                    confidence=0.1 + 0.05 * i,
                    logits=random.random(3),
                ),
                is_yes=fo.Classification(label=yes),
                says_yes=fo.Classification(label=yes if i % 5 else "yes", confidence=0.5 + 0.03 * i),
                mask=_mask(directory, f"truth-{i}", mask),
                seen=_mask(directory, f"seen-{i}", np.roll(mask, 2, axis=1)),
                age=fo.Regression(value=float(i)),
                said=fo.Regression(value=i + float(random.normal()), confidence=0.5),
            )
        )

    dataset.add_samples(samples)
    dataset.default_classes = list(CLASSES)
    dataset.evaluate_detections("predictions", eval_key="boxes", compute_mAP=True)
    dataset.evaluate_detections("predictions", eval_key="plain")
    dataset.evaluate_detections("second", eval_key="second")
    dataset.evaluate_classifications("guess", gt_field="scene", eval_key="scenes")
    dataset.evaluate_classifications(
        "guess", gt_field="scene", eval_key="top", method="top-k", k=2, classes=list(CLASSES)
    )
    dataset.evaluate_classifications(
        "says_yes", gt_field="is_yes", eval_key="binary", method="binary", classes=["no", "yes"]
    )
    dataset.evaluate_segmentations(
        "seen", gt_field="mask", eval_key="masks", mask_targets={0: "background", 1: "one", 2: "two"}
    )
    dataset.evaluate_regressions("said", gt_field="age", eval_key="ages")
    dataset.save_view("night", dataset.match_tags("night"))
    return dataset


def broken(images):
    """A copy whose evaluations failed, were damaged, or are of somebody's own class."""
    dataset = images.clone()
    database = foo.get_db_conn()
    for key, new in (("boxes", "failed"), ("plain", "damaged"), ("scenes", "theirs")):
        dataset.rename_evaluation(key, new)

    def change(key, update):
        database.runs.update_one({"_id": dataset._doc.evaluations[key].id}, update)

    change("failed", {"$unset": {"results": ""}})
    damaged = GridFS(database).put(b'{"cls": "fiftyone.utils.eval.detection.DetectionResults", "ytrue": ["a"')
    change("damaged", {"$set": {"results": damaged}})
    change("theirs", {"$set": {"config.cls": "mypackage.MyConfig", "config.type": "detection"}})
    dataset.reload()
    return dataset


def videos(media, directory):
    """Videos with labels of all kinds in their frames, and evaluations of these. Some frames lack a label or show nothing but background."""
    random = np.random.default_rng(3)
    dataset = fo.Dataset(f"evaluated-videos-{new_id()}")
    for i in range(2):
        sample = fo.Sample(filepath=str(media / f"video_{i}.avi"))
        for number in range(1, FRAMES + 1):
            truth, label = boxes(random, number), CLASSES[number % 3]
            mask = np.zeros((24, 32), np.uint8)
            if number > 1:
                mask[: 4 + number, : 8 + 4 * i] = 1
            name = f"{i}-{number}"
            sample.frames[number] = fo.Frame(
                objects=truth,
                found=boxes(random, number, truth),
                scene=fo.Classification(label=label) if number != 2 else None,
                guess=fo.Classification(label=label if number % 4 else CLASSES[i], confidence=number / 10),
                mask=_mask(directory, f"truth-{name}", mask),
                seen=_mask(directory, f"seen-{name}", np.roll(mask, number, axis=1)) if number != 3 else None,
                age=fo.Regression(value=float(number)),
                said=fo.Regression(value=number + (-0.7) ** number),
            )

        dataset.add_sample(sample)

    dataset.evaluate_detections("frames.found", gt_field="frames.objects", eval_key="video")
    dataset.evaluate_classifications("frames.guess", gt_field="frames.scene", eval_key="frame_scenes")
    dataset.evaluate_segmentations("frames.seen", gt_field="frames.mask", eval_key="frame_masks")
    dataset.evaluate_regressions("frames.said", gt_field="frames.age", eval_key="frame_ages")
    return dataset


def _mask(directory, name, mask):
    path = str(directory / f"{name}.png")
    cv2.imwrite(path, mask)
    return fo.Segmentation(mask_path=path)


# What FiftyOne's results call a number that is logged under another name.
_NAMES = {"fscore": "F1", "dice_score": "dice"}


def expected(dataset, key):
    """The headline numbers that FiftyOne's results object gives, by the names that they are logged under."""
    results = dataset.load_evaluation_results(key)
    metrics = {_NAMES.get(name, name): float(value) for name, value in results.metrics().items()}
    if hasattr(results, "mAP"):
        metrics.update(mAP=float(results.mAP()), mAR=float(results.mAR()))

    return metrics


def by_class(dataset, key):
    """FiftyOne's report on the classes: precision, recall, F1 and support of each."""
    results = dataset.load_evaluation_results(key)
    averages = ("micro avg", "macro avg", "weighted avg", "accuracy")
    return {
        name: (one["precision"], one["recall"], one["f1-score"], one["support"])
        for name, one in results.report().items()
        if name not in averages
    }


def confusion(dataset, key):
    """The cells of FiftyOne's confusion matrix that are not empty: counts by ground truth and prediction."""
    results = dataset.load_evaluation_results(key)
    labels = [name for name in results.classes if name != results.missing] + [results.missing]
    matrix = results.confusion_matrix(classes=labels)
    return {(a, p): float(matrix[i, j]) for i, a in enumerate(labels) for j, p in enumerate(labels) if matrix[i, j]}
