"""What the panel shows, as plain JSON: the worker's messages and the dataset's records."""

from __future__ import annotations

import json
from typing import Any

import fiftyone as fo

from .. import linked, schema
from ..plain import to_plain

# A run's config and summary can hold whole tables; users read the first of it.
_MOST_VALUES = 500
_LONGEST_VALUE = 500


def project(entry: Any) -> dict[str, Any]:
    """A project of a list."""
    return {"name": entry.name}


def run(entry: Any) -> dict[str, Any]:
    """A run of a list."""
    return {
        "id": entry.id,
        "name": entry.display_name or entry.id,
        "state": entry.state,
        "created": entry.created_at,
        "tags": list(entry.tags),
        "metrics": _object(entry.metrics_json),
        "user": entry.username,
        "url": entry.url,
        "entity": entry.entity,
        "project": entry.project,
    }


def run_details(details: Any) -> dict[str, Any]:
    """A run's page."""
    return {
        "run": run(details.run),
        "config": _values(details.config_json),
        "summary": _values(details.summary_json),
        "notes": details.notes,
        "historyKeys": list(details.history_keys),
        "history": to_plain(json.loads(details.history_json or "[]")),
        "inputs": [artifact(entry) for entry in details.inputs],
        "outputs": [artifact(entry) for entry in details.outputs],
    }


def artifact(entry: Any) -> dict[str, Any]:
    """A version of an artifact."""
    return {
        "id": entry.id,
        "name": entry.name,
        "type": entry.type,
        "version": entry.version,
        "aliases": list(entry.aliases),
        "created": entry.created_at,
        "size": entry.size,
        "files": entry.file_count,
        "samples": entry.samples,
        "dataset": entry.dataset_name,
        "datasetId": entry.dataset_id,
        "model": entry.model_name,
        "field": entry.predictions_field,
        "url": entry.url,
        "entity": entry.entity,
        "project": entry.project,
        "description": entry.description,
    }


def artifact_content(content: Any) -> dict[str, Any]:
    """The page of an artifact's version."""
    metadata = _object(content.metadata_json)
    classes = metadata.pop("class_distribution", None)
    return {
        "artifact": artifact(content.artifact),
        "metadata": _short(metadata),
        "classes": _counts(classes),
        "usedBy": [run(entry) for entry in content.used_by],
        "createdBy": run(content.created_by) if content.HasField("created_by") else None,
    }


def report(entry: Any) -> dict[str, Any]:
    """A report of a list."""
    return {
        "id": entry.id,
        "title": entry.title or "Untitled report",
        "description": entry.description,
        "updated": entry.updated_at,
        "user": entry.username,
        "url": entry.url,
    }


def records(dataset: fo.Dataset | None) -> list[dict[str, Any]]:
    """The runs that the dataset has records of: those that were linked, and those that something was logged to."""
    found = []
    for key in linked.keys(dataset) if dataset is not None else {}:
        record = linked.read(dataset, key)
        config, place = record["config"], linked.where(record["config"])
        if place is None:
            continue

        found.append(
            {
                "key": key,
                "linked": config.get("method") == linked.RUN_METHOD,
                "id": _text(place["run_id"]),
                "entity": _text(place["entity"]),
                "project": _text(place["project"]),
                "name": _text(config.get("run_name") or place["run_id"]),
                "state": _text(config.get("state")),
                "created": _text(config.get("created_at") or record["timestamp"]),
                "url": linked.url(config) or "",
                "field": _text(config.get("predictions_field")) or None,
            }
        )

    return found


def _text(value):
    # Anybody may have written the record.
    return value if isinstance(value, str) else json.dumps(value) if value else ""


def fields(dataset: fo.Dataset | None) -> list[str]:
    """The fields that a run's model can have written."""
    if dataset is None:
        return []

    return schema.choices(dataset, schema.is_label) + schema.choices(dataset, schema.is_text)


def job(record: dict[str, Any]) -> dict[str, Any]:
    """A job of the list."""
    result = record.get("result") or {}
    return {
        "id": record["id"],
        "operator": record["operator"],
        "dataset": record["dataset"],
        "parameters": record["parameters"],
        "state": record["state"],
        "fraction": record["fraction"],
        "label": record["label"],
        "created": record["created"],
        "updated": record["updated"],
        "finished": record["finished"],
        "error": record["error"],
        "delegated": record["delegated"],
        "url": result.get("artifact_url") or result.get("wandb_url"),
        "entity": result.get("entity") or "",
        "project": result.get("project") or "",
        "artifact": _artifact_of(result),
        "dryRun": bool(result.get("dry_run")),
        "samples": result.get("samples_logged") or result.get("samples_processed") or result.get("samples_loaded"),
        "warnings": [w.get("message", "") for w in result.get("warnings") or []],
        "shared": _shared(record.get("shared")),
    }


def _shared(status):
    """How far a job is that several workers share; None for any other."""
    if status is None:
        return None

    counts = {name: status[name] for name in ("shards", "read", "uploaded", "waiting", "resumable")}
    return {**counts, "workers": [_worker(slot) for slot in status["slots"]]}


def _worker(slot):
    return {"slot": slot["slot"], "host": slot["host"] or "", "alive": slot["alive"], "note": slot["note"] or ""}


def _artifact_of(result):
    name, version = result.get("artifact_name"), result.get("artifact_version")
    if not name or ":" in name:
        return name

    # A dry run says which name it would be, and that is all.
    return f"{name}:{version}" if version else None


def _counts(classes):
    # Anyone who may write to the project may have written it.
    found = classes.items() if isinstance(classes, dict) else ()
    return {name: count for name, count in found if isinstance(count, int) and not isinstance(count, bool)}


def _values(text):
    """The leaves of a JSON object by their paths, so that a table can show them."""
    found = {}

    def walk(value, path):
        if len(found) >= _MOST_VALUES:
            return

        if isinstance(value, dict) and isinstance(value.get("_type"), str):
            # A table or picture: where its file is, is nobody's business.
            rows = f", {value['nrows']:,} rows" if isinstance(value.get("nrows"), int) else ""
            found[path] = f"({value['_type'].removesuffix('-file')}{rows})"
        elif isinstance(value, dict) and value:
            for name, item in value.items():
                walk(item, f"{path}.{name}" if path else str(name))
        elif path:
            found[path] = _short(value)

    values = _object(text)
    for name in ("_timestamp", "_step"):
        values.pop(name, None)

    walk(values, "")
    return found


def _short(value):
    if isinstance(value, dict):
        return {key: _short(item) for key, item in list(value.items())[:_MOST_VALUES]}

    if isinstance(value, (list, tuple)) or (isinstance(value, str) and len(value) > _LONGEST_VALUE):
        text = value if isinstance(value, str) else json.dumps(value)
        return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"

    return to_plain(value)


def _object(text):
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}
