"""FiftyOne's records of W&B runs that a user linked to a dataset, and of their projects."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

import fiftyone as fo
from fiftyone.core.collections import SampleCollection

from . import query, runs
from .errors import SETTINGS, WandBError, bad_argument
from .names import identifier
from .plain import to_plain
from .worker import plaintext

RUN_METHOD = "wandb_run"
PROJECT_METHOD = "wandb_project"

# The keys of a field's info.
_INFO = ("wandb_project", "wandb_run_name", "wandb_run_id", "wandb_url")


def link(
    samples: SampleCollection, details: Any, predictions_field: str | None = None, gt_field: str | None = None
) -> tuple[str, str]:
    """Records a W&B run with a dataset, or brings its record up to date.

    Args:
        samples: the dataset or view
        details: the worker's ``RunDetails``
        predictions_field (None): the field that the run's model wrote
        gt_field (None): the field that it was compared with

    Returns:
        a tuple of the keys of the run's and the project's records
    """
    view = query.as_view(samples)
    dataset, run = query.root_dataset(view), details.run
    config = {
        "method": RUN_METHOD,
        "run_name": run.display_name,
        "run_id": run.id,
        "entity": run.entity,
        "project": run.project,
        "state": run.state,
        "created_at": run.created_at,
        "url": run.url,
        "config_params": plain(details.config_json),
        "summary_metrics": plain(details.summary_json),
        "tags": list(run.tags),
        "notes": details.notes,
        "predictions_field": predictions_field,
        "gt_field": gt_field,
    }
    # A run that was renamed, here or in W&B, keeps the key that it has.
    same = _same(run_id=run.id, project=run.project, entity=run.entity)
    known = [key for key in _keys(dataset, RUN_METHOD) if same(runs.config_of(dataset, key))]
    key = known[0] if known else runs.free_key(dataset, run.display_name or run.id, lambda config: False)
    _register(dataset, key, config)
    if predictions_field:
        _describe_field(dataset, predictions_field, run)

    return key, _record_project(dataset, details, key)


def describe_logged_field(dataset: fo.Dataset, path: str, message: Any) -> None:
    """Has a field say to which W&B run its evaluation was logged, as linked runs do.

    Args:
        dataset: the dataset
        path: the field's path
        message: the worker's ``ArtifactLogged``
    """
    field = dataset.get_field(path)
    info = dict(field.info or {})
    if info.get("wandb_run_id") == message.run_id:
        return  # linked before, with the run's name

    values = (message.project, message.run_id, message.run_id, message.wandb_url)
    field.info = {**info, **dict(zip(_INFO, values))}
    field.save()


def read(dataset: fo.Dataset, key: str) -> dict[str, Any]:
    """Returns a record of the dataset: a dict with ``run_key, timestamp, version, config``.

    Raises:
        WandBError: if there is none of this key
    """
    _check(dataset, key)
    info = dataset.get_run_info(key)
    return {
        "run_key": key,
        "timestamp": info.timestamp.isoformat() if info.timestamp else None,
        "version": info.version,
        # Anybody may have written the record.
        "config": plaintext.clean_all(to_plain(_values(info.config))),
    }


def keys(dataset: fo.Dataset) -> dict[str, Any]:
    """The keys of all records that this plugin or the original made, projects apart, with their labels."""
    found = {}
    for method in (RUN_METHOD, runs.VIEW_METHOD, runs.PREDICTIONS_METHOD, runs.EVALUATION_METHOD):
        found.update((key, method) for key in _keys(dataset, method))

    return found


def where(config: dict[str, Any]) -> dict[str, Any] | None:
    """Where the run of a record is in W&B: a dict with ``entity, project, run_id``; None if it does not say."""
    run_id = config.get("run_id") or config.get("wandb_run_id")
    project = config.get("project") or config.get("wandb_project")
    if not run_id or not project:
        return None

    return {"entity": config.get("entity") or config.get("wandb_entity"), "project": project, "run_id": run_id}


def plain(text: str) -> Any:
    """The values of a JSON object, as a record can hold them. Their texts are clean."""
    return _storable(plaintext.clean_all(json.loads(text or "{}")))


def url(config: dict[str, Any]) -> str | None:
    """The address of the run's page, as a record says it, or None."""
    address = config.get("url") or config.get("wandb_url")
    # A record may have come with somebody else's dataset: only web pages become links.
    return address if isinstance(address, str) and re.match(r"https?://", address) else None


def newest(dataset: fo.Dataset, key: str | None = None) -> tuple[dict[str, Any] | None, float]:
    """The run of the newest record, and when that was written, in seconds since 1970.

    Args:
        dataset: the dataset
        key (None): the key of the one record that is meant

    Returns:
        a tuple of (a dict with ``kind, url, title, entity, project, id``, or None; the seconds)

    Raises:
        WandBError: if there is no such record, or it does not say where its run is
    """
    keys_of_runs = [key] if key else list(keys(dataset))
    records = sorted((read(dataset, k) for k in keys_of_runs), key=lambda r: r["timestamp"] or "", reverse=True)
    for record in records:
        config = record["config"]
        place, address = where(config), url(config)
        if place and address:
            run = {
                "kind": "run",
                "url": address,
                "title": config.get("run_name") or place["run_id"],
                "entity": place["entity"],
                "project": place["project"],
                "id": place["run_id"],
            }
            return run, _seconds(record["timestamp"])

    if key:
        raise WandBError(f"The record '{key}' does not say where its W&B run is", source=SETTINGS, code="no_url")

    return None, 0.0


def rename(dataset: fo.Dataset, key: str, new_key: str) -> None:
    """Gives a record another key.

    Raises:
        WandBError: if there is no such record, or the new key is taken or no identifier
    """
    _check(dataset, key)
    if not isinstance(new_key, str) or not new_key.isidentifier():
        raise bad_argument(
            f"A run's key has to be a valid identifier, such as {identifier(str(new_key or 'run'))}, not {new_key!r}"
        )

    if new_key in dataset.list_runs():
        raise bad_argument(f"Dataset '{dataset.name}' has a run '{new_key}' already: choose another key")

    dataset.rename_run(key, new_key)
    _replace_in_projects(dataset, key, new_key)


def remove(dataset: fo.Dataset, key: str) -> None:
    """Removes a record, and what fields say of its run. W&B's run stays as it is.

    Raises:
        WandBError: if there is no such record
    """
    config = read(dataset, key)["config"]
    dataset.delete_run(key)
    _replace_in_projects(dataset, key, None)
    place = where(config)
    field = config.get("predictions_field")
    if config.get("method") in (RUN_METHOD, runs.EVALUATION_METHOD) and field and place:
        _forget_field(dataset, field, place["run_id"])


def _record_project(dataset, details, key):
    run = details.run
    same = _same(method=PROJECT_METHOD, project_name=run.project, entity=run.entity)
    project_key = runs.free_key(dataset, run.project, same)
    is_there = project_key in dataset.list_runs()
    linked = (_values(runs.config_of(dataset, project_key)).get("runs") or []) if is_there else []
    config = {
        "method": PROJECT_METHOD,
        "entity": run.entity,
        "project_name": run.project,
        "project_url": details.project_url,
        "runs": linked + ([] if key in linked else [key]),
    }
    _register(dataset, project_key, config)
    return project_key


def _replace_in_projects(dataset, key, new_key):
    for project_key in _keys(dataset, PROJECT_METHOD):
        config = _values(runs.config_of(dataset, project_key))
        linked = config.get("runs") or []
        if key not in linked:
            continue

        config["runs"] = [new_key if k == key else k for k in linked if k != key or new_key]
        if config["runs"]:
            _register(dataset, project_key, config)
        else:
            dataset.delete_run(project_key)


def _register(dataset, key, config):
    values = {name: value for name, value in config.items() if name not in ("cls", "type")}
    dataset.register_run(key, dataset.init_run(**values), overwrite=True)


def _describe_field(dataset, path, run):
    field = dataset.get_field(path)
    values = (run.project, run.display_name, run.id, run.url)
    field.info = {**(field.info or {}), **dict(zip(_INFO, values))}
    field.save()


def _forget_field(dataset, path, run_id):
    field = dataset.get_field(path)
    info = dict(field.info or {}) if field is not None else {}
    if info.get("wandb_run_id") == run_id:
        field.info = {name: value for name, value in info.items() if name not in _INFO} or None
        field.save()


def _check(dataset, key):
    if key not in dataset.list_runs():
        known = ", ".join(dataset.list_runs()) or "none"
        raise WandBError(
            f"Dataset '{dataset.name}' has no run '{key}'. It has: {known}", source=SETTINGS, code="no_run_record"
        )


def _keys(dataset, method):
    found = []
    for key in dataset.list_runs():
        if getattr(runs.config_of(dataset, key), "method", None) == method:
            found.append(key)

    return found


def _values(config):
    return dict(config.serialize()) if config is not None else {}


def _same(**wanted):
    return lambda config: config is not None and all(getattr(config, k, None) == v for k, v in wanted.items())


def _storable(value):
    # MongoDB and FiftyOne have their own ideas of keys with these in them.
    if isinstance(value, dict):
        return {_key(name): _storable(item) for name, item in value.items()}

    if isinstance(value, list):
        return [_storable(item) for item in value]

    return to_plain(value)


def _key(name):
    name = name.replace(".", "/")
    return "_" + name if name.startswith(("$", "_cls")) or not name else name


def _seconds(timestamp):
    # FiftyOne writes UTC without saying so.
    return datetime.datetime.fromisoformat(timestamp).replace(tzinfo=datetime.timezone.utc).timestamp()
