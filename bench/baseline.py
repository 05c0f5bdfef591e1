"""The usual way: samples iterated by FiftyOne, rows and uploads by the wandb package.

This is what a careful user writes by hand from the documentation of both packages.
"""

from __future__ import annotations

import collections

import fiftyone as fo
import wandb


def log_view(view, project: str, name: str) -> None:
    """Logs a view's texts as a table."""
    fields = [f for f, kind in view.get_field_schema().items() if is_label(kind)]
    table = wandb.Table(columns=["sample_id", "filepath", "tags", *(f"label_{f}" for f in fields)])
    for sample in view.iter_samples():
        table.add_data(sample.id, sample.filepath, ",".join(sample.tags), *(text(sample[f]) for f in fields))
    publish(project, name, "dataset", "samples", table, {"sample_ids": view.values("id")})


def log_predictions(view, field: str, project: str, name: str) -> None:
    """Logs predictions as a table, with ids, counts and classes in the metadata."""
    table = wandb.Table(columns=["sample_id", "label_ids", "predictions", "avg_confidence", "num_predictions"])
    classes, all_ids, low = collections.Counter(), [], []
    for sample in view.iter_samples():
        found = sample[field].detections
        ids = [d.id for d in found]
        scores = [d.confidence for d in found if d.confidence is not None]
        low.extend(d.id for d in found if d.confidence is not None and d.confidence < 0.5)
        all_ids.extend(ids)
        classes.update(d.label for d in found)
        average = round(sum(scores) / len(scores), 3) if scores else None
        table.add_data(sample.id, ids, text(sample[field]), average, len(found))
    metadata = {"sample_ids": view.values("id"), "label_ids": all_ids, "low_confidence_label_ids": low}
    publish(project, name, "predictions", "predictions", table, {**metadata, "class_distribution": dict(classes)})


def log_evaluation(dataset, key: str, project: str, name: str) -> None:
    """Logs an evaluation's report, its metrics, and a table of the samples with what is wrong in each."""
    dataset.clear_cache()
    results = dataset.load_evaluation_results(key, cache=False)
    report, metrics = results.report(), results.metrics()
    table = wandb.Table(columns=["sample_id", "filepath", "tags", "tp", "fp", "fn", "mean_iou", "missed", "wrong"])
    for sample in dataset.iter_samples():
        found, truth = sample["predictions"].detections, sample["ground_truth"].detections
        ious = [d[f"{key}_iou"] for d in found if d[key] == "tp"]
        missed = collections.Counter(d.label for d in truth if d[key] == "fn")
        wrong = collections.Counter(d.label for d in found if d[key] == "fp")
        counts = (sample[f"{key}_{kind}"] for kind in ("tp", "fp", "fn"))
        mean = sum(ious) / len(ious) if ious else None
        table.add_data(sample.id, sample.filepath, ",".join(sample.tags), *counts, mean, str(missed), str(wrong))
    classes = wandb.Table(columns=["class", "precision", "recall", "F1"])
    for one in results.classes:
        row = report[one]
        classes.add_data(one, row["precision"], row["recall"], row["f1-score"])
    artifact = wandb.Artifact(name, type="evaluation", metadata={k: float(v) for k, v in metrics.items()})
    artifact.add(table, "samples")
    artifact.add(classes, "classes")
    with wandb.init(project=project) as run:
        run.summary.update({f"eval/{k}": float(v) for k, v in metrics.items()})
        run.log_artifact(artifact).wait()


def log_pictures(view, project: str, name: str) -> None:
    """Logs a view's texts as a table, and its pictures with the boxes of both fields."""
    fields = [f for f, kind in view.get_field_schema().items() if is_label(kind)]
    names = sorted(set().union(*(view.distinct(f"{field}.detections.label") for field in fields)))
    numbers = {name: i for i, name in enumerate(names)}
    classes = wandb.Classes([{"id": i, "name": name} for name, i in numbers.items()])
    table = wandb.Table(columns=["sample_id", "filepath", "tags", *(f"label_{f}" for f in fields), "image"])
    for sample in view.iter_samples():
        boxes = {f: {"box_data": [box(d, numbers) for d in sample[f].detections]} for f in fields}
        image = wandb.Image(sample.filepath, boxes=boxes, classes=classes)
        texts = (text(sample[f]) for f in fields)
        table.add_data(sample.id, sample.filepath, ",".join(sample.tags), *texts, image)
    publish(project, name, "dataset", "samples", table, {"sample_ids": view.values("id")})


def box(detection, numbers: dict) -> dict:
    x, y, width, height = detection.bounding_box
    found = {
        "position": {"minX": x, "maxX": x + width, "minY": y, "maxY": y + height},
        "class_id": numbers[detection.label],
        "box_caption": detection.label,
    }
    if detection.confidence is not None:
        found["scores"] = {"confidence": detection.confidence}
    return found


def is_label(field) -> bool:
    return isinstance(field, fo.EmbeddedDocumentField) and issubclass(field.document_type, fo.Label)


def text(label) -> str:
    counts = collections.Counter(d.label for d in label.detections)
    return f"{len(label.detections)} detections: " + ", ".join(f"{k}({n})" for k, n in counts.most_common())


def publish(project: str, name: str, kind: str, key: str, table, metadata: dict) -> None:
    artifact = wandb.Artifact(name, type=kind, metadata=metadata)
    artifact.add(table, key)
    with wandb.init(project=project) as run:
        run.log_artifact(artifact).wait()
