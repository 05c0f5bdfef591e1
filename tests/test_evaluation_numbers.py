"""The worker's numbers of random evaluations are those of FiftyOne and scikit-learn."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from bson import ObjectId, json_util

ROOT = Path(__file__).resolve().parents[1]
EACH = 12
NAMES = ("cat", "dog", "a.b", "person/x", "日本語", "(other)", "zebra")


@pytest.fixture(scope="module")
def evaluations(fiftyone, tmp_path_factory):
    """Random evaluations by their names, each a pair of FiftyOne's results and our report."""
    directory = tmp_path_factory.mktemp("evaluations")
    made = {}
    for seed in range(EACH):
        for kind, make in {
            "detection": detection,
            "coco": coco,
            "simple": simple,
            "binary": binary,
            "regression": regression,
        }.items():
            name, results = f"{kind}-{seed}", make(np.random.default_rng(seed))
            made[name] = results
            run = {"key": "ev", "config": results.config.serialize(), "results": {"$oid": str(ObjectId())}}
            (directory / f"{name}.run.json").write_text(json_util.dumps(run))
            (directory / f"{name}.results.json").write_text(json_util.dumps(results.serialize()))

    command = ["go", "test", "-run", "^TestReportsOfFiles$", "-count=1", "./goworker/internal/evaluation"]
    env = {**os.environ, "EVALUATION_TEST_FILES": str(directory)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        name: (results, json.loads((directory / f"{name}.report.json").read_text())) for name, results in made.items()
    }


def matches(random):
    """Random matches, as FiftyOne makes them of objects: pairs, and either side alone."""
    names = NAMES[: random.integers(2, len(NAMES))]
    found = []
    for _ in range(random.integers(1, 200)):
        kind = random.integers(4)
        truth = None if kind == 0 else names[random.integers(len(names))]
        predicted = None if kind == 1 else truth if kind == 2 else names[random.integers(len(names))]
        confidence = None if predicted is None else round(float(random.random()), 1)
        iou = float(random.random()) if truth and predicted else None
        found.append((truth, predicted, iou, confidence, truth and str(ObjectId()), predicted and str(ObjectId())))

    return found


def detection(random):
    import fiftyone.utils.eval.coco as fouc
    import fiftyone.utils.eval.detection as foud

    config = fouc.COCOEvaluationConfig("predictions", "ground_truth", iou=0.5, classwise=False)
    classes = list(NAMES[1:5]) if random.integers(2) else None
    return foud.DetectionResults(None, config, "ev", matches(random), classes=classes)


def coco(random):
    import fiftyone.utils.eval.coco as fouc

    config = fouc.COCOEvaluationConfig("predictions", "ground_truth", iou=0.75, classwise=True, compute_mAP=True)
    found, recall = matches(random), np.linspace(0, 1, 101)
    classes = sorted({c for m in found for c in m[:2] if c})
    precision = np.sort(random.random((10, len(classes), 101)), axis=2)[:, :, ::-1]
    sweep = random.random((10, len(classes)))
    precision[:, 0], sweep[:, 0] = -1, -1  # a class without ground truth
    return fouc.COCODetectionResults(
        None, config, "ev", found, precision, recall, config.iou_threshs, classes, recall_sweep=sweep
    )


def simple(random):
    import fiftyone.utils.eval.classification as fouc

    n = random.integers(1, 100)
    truth, predicted = (
        [None if random.integers(8) == 0 else NAMES[random.integers(4)] for _ in range(n)] for _ in range(2)
    )
    scores = [None if p is None or random.integers(9) == 0 else float(random.random()) for p in predicted]
    config = fouc.SimpleEvaluationConfig("guess", "truth")
    return fouc.ClassificationResults(None, config, "ev", truth, predicted, confs=scores)


def binary(random):
    import fiftyone.utils.eval.classification as fouc

    n = random.integers(5, 100)
    truth, predicted = ([("no", "yes")[random.integers(2)] for _ in range(n)] for _ in range(2))
    truth[:2] = ["no", "yes"]
    scores = [None if random.integers(9) == 0 else round(float(random.random()), 1) for _ in range(n)]
    config = fouc.BinaryEvaluationConfig("guess", "truth")
    return fouc.BinaryClassificationResults(None, config, "ev", truth, predicted, scores, ["no", "yes"])


def regression(random):
    import fiftyone.utils.eval.regression as four

    n = random.integers(2, 100)
    truth = [None if random.integers(9) == 0 else float(v) for v in random.normal(size=n)]
    predicted = [None if random.integers(9) == 0 else float(v) for v in random.normal(size=n)]
    truth[:2], predicted[:2] = [0.5, 1.5], [0.25, 2.0]
    config = four.SimpleEvaluationConfig("guess", "truth")
    return four.RegressionResults(
        None,
        config,
        "ev",
        truth,
        predicted,
        ids=[str(ObjectId()) for _ in range(n)],
        missing=random.choice([None, 0.0]),
    )


def close(number):
    return pytest.approx(number, rel=1e-12, abs=1e-14)


def of_kind(evaluations, *kinds):
    return [pair for name, pair in evaluations.items() if name.rsplit("-", 1)[0] in kinds]


def headline(report):
    return {m["Name"]: m["Value"] for m in report["Metrics"]}


def test_reports(evaluations):
    for results, report in of_kind(evaluations, "detection", "coco", "simple", "binary"):
        theirs = results.report()
        for c in report["Classes"]:
            row = theirs.pop(c["Name"])
            assert (c["Precision"], c["Recall"], c["F1"], c["Support"]) == close(
                (row["precision"], row["recall"], row["f1-score"], row["support"])
            )

        for name, ours in {"macro avg": "Macro", "weighted avg": "Weighted", "micro avg": "Micro"}.items():
            if name in theirs:
                row = theirs.pop(name)
                assert (report[ours]["Precision"], report[ours]["Recall"], report[ours]["F1"]) == close(
                    (row["precision"], row["recall"], row["f1-score"])
                )

        assert ("accuracy" in theirs) == report["MicroIsAccuracy"]
        assert not set(theirs) - {"accuracy"}


def test_metrics(evaluations):
    for results, report in of_kind(evaluations, "detection", "coco", "simple", "binary"):
        theirs, ours = results.metrics(), headline(report)
        for name, key in {
            "accuracy": "accuracy",
            "precision": "precision",
            "recall": "recall",
            "F1": "fscore",
            "support": "support",
        }.items():
            assert ours[name] == close(theirs[key])


def test_confusion_matrices(evaluations):
    for results, report in of_kind(evaluations, "detection", "coco", "simple", "binary"):
        labels = report["Confusion"]["Labels"]
        matrix = np.zeros((len(labels), len(labels)))
        for cell in report["Confusion"]["Cells"] or []:
            matrix[cell["Truth"], cell["Predicted"]] = cell["Count"]

        theirs, names, _ = results._confusion_matrix(include_other=False, include_missing=True)
        assert list(labels) == list(names)
        assert (matrix == theirs).all()


def test_average_precision_of_a_sweep(evaluations):
    for results, report in of_kind(evaluations, "coco"):
        ours = headline(report)
        for name, theirs in {"mAP": results.mAP(), "mAR": results.mAR()}.items():
            assert ours.get(name, -1) == close(theirs)

        at = [float(np.mean(p)) for p in results.precision[5, 1:]]  # IoU 0.75
        assert ours.get("mAP_75", -1) == close(np.mean(at) if at else -1)


def test_average_precision_at_the_own_iou(evaluations):
    """FiftyOne's formula over the matches, without its sweep."""
    import fiftyone.utils.eval.coco as fouc

    for results, report in of_kind(evaluations, "detection"):
        for c in report["Classes"]:
            name = c["Name"]
            pairs = list(zip(results.ytrue, results.ypred, results.confs))
            right = [s for t, p, s in pairs if t == p == name]
            wrong = [
                s for t, p, s in pairs if t != p and p != results.missing and name == (t if t != results.missing else p)
            ]
            objects = sum(t == name for t, _, _ in pairs)
            if not objects:
                assert c["OwnAP"] is None
                continue

            order = np.argsort(-np.array(right + wrong, dtype=float), kind="mergesort")
            hits = np.cumsum(np.array([1] * len(right) + [0] * len(wrong))[order]).astype(float)
            precision, _, _ = fouc_interpolated(hits / np.arange(1, len(hits) + 1), hits / objects)
            assert c["OwnAP"] == close(precision.mean())

    assert fouc.COCODetectionResults


def fouc_interpolated(precision, recall):
    import fiftyone.utils.eval.openimages as fouo

    return fouo._interpolate_pr(precision, recall)


def test_binary_curves(evaluations):
    import sklearn.metrics as skm

    for results, report in of_kind(evaluations, "binary"):
        fpr, tpr, _ = skm.roc_curve(results.ytrue, results.scores, pos_label="yes")
        assert [p["FPR"] for p in report["Curves"]["ROC"]] == close(list(fpr))
        assert [p["TPR"] for p in report["Curves"]["ROC"]] == close(list(tpr))
        assert headline(report)["AUC"] == close(skm.auc(fpr, tpr))
        assert headline(report)["AP"] == close(results.average_precision())


def test_regressions(evaluations):
    for results, report in of_kind(evaluations, "regression"):
        theirs, ours = results.metrics(), headline(report)
        assert set(ours) == set(theirs)
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(value, rel=1e-11, abs=1e-13), name
