"""The dataset's evaluations, as the panel's page *Evaluations* shows them: their numbers beside what W&B has of them.

Numbers are the worker's. What is decided here is whether W&B has them, and has them as they are now.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import fiftyone as fo

from .. import evaluations, linked, query, runs

# Points of a drawn curve, and of the residuals of a regression.
_KINDS = {"precision_recall": ("recall", "precision"), "roc": ("fpr", "tpr"), "residuals": ("truth", "residual")}

#: The states of an evaluation in W&B.
LOGGED, CHANGED, NOT_LOGGED = "logged", "changed", "not_logged"


def listed(dataset: fo.Dataset | None) -> list[dict[str, Any]]:
    """The dataset's evaluations, the newest first. Nothing of their results is read."""
    if dataset is None:
        return []

    documents = query.evaluation_documents(dataset)
    return [_described(dataset, key, documents[key]) for key in evaluations.keys(dataset)]


def _described(dataset, key, document):
    config = dict(document.config or {})
    moment = document.timestamp
    return {
        "key": key,
        "type": _text(config.get("type")),
        "method": _text(config.get("method")),
        "truth": _text(config.get("gt_field")),
        "predictions": _text(config.get("pred_field")),
        "iou": config.get("iou") if isinstance(config.get("iou"), (int, float)) else None,
        "evaluated": moment.isoformat() if moment else "",
        "ofView": document.view_stages is not None,
        "hasResults": evaluations.has_results(dataset, key),
    }


def _text(value):
    return value if isinstance(value, str) else ""


def numbers(found: Any) -> dict[str, Any]:
    """The worker's ``EvaluationNumbers``, with those of the evaluation that was compared with."""
    plain = _one(found)
    if found.HasField("other"):
        plain["other"] = _one(found.other)
        plain["differences"] = _metrics(found.differences)
        plain["classDifferences"] = [_class(one) for one in found.class_differences]

    return plain


def _one(found):
    return {
        "key": found.key,
        "type": found.type,
        "missing": found.missing,
        "changed": max(found.changed, 0),
        "metrics": _metrics(found.metrics),
        "classes": [_class(one) for one in found.classes],
        "confusion": _confusion(found.confusion) if found.HasField("confusion") else None,
        "curves": [curve for curve in map(_curve, found.charts) if curve],
    }


def _metrics(metrics):
    return [{"name": one.name, "value": one.value} for one in metrics]


def headline(found: Any) -> dict[str, Any]:
    """The part of the numbers that a list shows."""
    return {"metrics": _metrics(found.metrics), "changed": max(found.changed, 0)}


def _class(one):
    return {
        "name": one.name,
        "precision": one.precision,
        "recall": one.recall,
        "f1": one.f1,
        "support": one.support,
        "tp": one.tp,
        "fp": one.fp,
        "fn": one.fn,
        # Over the IoUs of the evaluation; else at its own one.
        "ap": one.ap if one.HasField("ap") else one.own_ap if one.HasField("own_ap") else None,
    }


def _confusion(matrix):
    return {
        "labels": list(matrix.labels),
        "cells": [[one.truth, one.predicted, one.count] for one in matrix.cells],
        "left": matrix.cells_left,
        "mostConfused": list(matrix.most_confused),
    }


def _curve(chart):
    """The lines of a chart that is drawn as such, or None."""
    kind = chart.key.rsplit("/", 1)[-1]
    if kind not in _KINDS:
        return None

    table = json.loads(chart.table_json)
    x, y = (table["columns"].index(name) for name in _KINDS[kind])
    named = table["columns"].index("class") if "class" in table["columns"] else None
    lines = {}
    for row in table["data"]:
        lines.setdefault(row[named] if named is not None else "", []).append([row[x], row[y]])

    title = chart.strings.get("title", kind)
    return {"kind": kind, "title": title, "lines": [{"name": name, "points": at} for name, at in lines.items()]}


def record_of(dataset: fo.Dataset, key: str) -> dict[str, Any] | None:
    """What this dataset's record says of where an evaluation was logged; None if there is none."""
    for name, method in linked.keys(dataset).items():
        if method != runs.EVALUATION_METHOD:
            continue

        config = linked.read(dataset, name)["config"]
        if config.get("eval_key") == key and linked.where(config) and isinstance(config.get("wandb_artifact"), str):
            return config

    return None


def is_of(entry: Any, dataset: fo.Dataset) -> bool:
    """Whether an artifact says that it is of a dataset."""
    if entry.dataset_id:
        return entry.dataset_id == query.dataset_id(dataset)

    return entry.dataset_name == dataset.name


def state(dataset: fo.Dataset, key: str, found: Any, metadata: dict[str, Any]) -> tuple[str, str]:
    """Whether an artifact has an evaluation as it is now.

    It is "changed" if the evaluation's numbers are not those that the artifact's metadata has, or if more or fewer labels
    differ from what was evaluated than when it was logged, or if more files of masks were written since. Of an artifact of a part of the evaluation, whose numbers are
    others, the time of the evaluation is compared.

    Args:
        dataset: the dataset
        key: the evaluation's key
        found: the worker's ``EvaluationNumbers``
        metadata: the artifact's metadata

    Returns:
        a tuple of :data:`LOGGED` or :data:`CHANGED`, and why, in a sentence; empty if there is nothing to say
    """
    now, then = {one.name: one.value for one in found.metrics}, metadata.get("metrics")
    moment = query.evaluation_documents(dataset)[key].timestamp
    again = bool(metadata.get("evaluated_at")) and not _same_moment(moment, metadata["evaluated_at"])
    if then != now and metadata.get("is_subset_view"):
        return (CHANGED, "It was evaluated again since") if again else (LOGGED, "A part of it was logged")

    if then != now:
        return CHANGED, "It was evaluated again, and the numbers have changed"

    before = metadata.get("changed_since")
    before = before if isinstance(before, int) else 0
    if found.changed >= 0 and found.changed != before:
        differ = "label differs" if found.changed == 1 else "labels differ"
        return CHANGED, f"{found.changed:,} {differ} from what was evaluated; when it was logged, {before:,} did"

    before = metadata.get("masks_written_since")
    if found.masks_written > (before if isinstance(before, int) else 0):
        masks = "mask" if found.masks_written == 1 else "masks"
        return CHANGED, f"Files of {found.masks_written:,} {masks} were written after the evaluation was made"

    return LOGGED, "It was evaluated again since, with the same numbers" if again else ""


def _same_moment(moment, text):
    # The worker writes UTC in whole seconds; FiftyOne stores UTC without saying so.
    return moment is not None and moment.strftime("%Y-%m-%dT%H:%M:%S") == str(text)[:19]


def logged(
    dataset: fo.Dataset,
    key: str,
    found: Any,
    read: Callable[[str], Any],
    look_up: Callable[[], list[Any]],
) -> dict[str, Any]:
    """Where an evaluation is in W&B, and whether it is there as it is now.

    The dataset's record says where it was logged last. Without one, since another machine may have logged it, the project's
    artifacts of evaluations of this dataset are asked for their version of this evaluation.

    Args:
        dataset: the dataset
        key: the evaluation's key
        found: the worker's ``EvaluationNumbers``
        read: a function that reads an artifact: an ``ArtifactContent``, or None if there is no such artifact
        look_up: a function that gives the project's artifacts of evaluations, in a list of ``ArtifactEntry``

    Returns:
        a dict with ``state`` and ``note``, and unless it is :data:`NOT_LOGGED` with what is linked to
    """
    record = record_of(dataset, key)
    content, gone = None, ""
    if record is not None:
        place = linked.where(record)
        content = read("/".join([*filter(None, (place["entity"],)), place["project"], record["wandb_artifact"]]))
        gone = "" if content else f"It was logged as {record['wandb_artifact']}, which W&B no longer has"

    if content is None:
        for entry in look_up():
            content = read(f"{entry.name}:{key}") if is_of(entry, dataset) else None
            if content is not None:
                break

    if content is None:
        return {"logged": NOT_LOGGED, "note": gone}

    metadata = json.loads(content.metadata_json or "{}")
    decided, note = state(dataset, key, found, metadata if isinstance(metadata, dict) else {})
    artifact, run = content.artifact, content.created_by if content.HasField("created_by") else None
    return {
        "logged": decided,
        "note": note,
        "artifact": {
            "name": artifact.name,
            "version": artifact.version,
            "url": artifact.url,
            "entity": artifact.entity,
            "project": artifact.project,
        },
        "run": {"id": run.id, "name": run.display_name or run.id, "url": run.url} if run else None,
        "loggedAt": artifact.created_at,
    }
