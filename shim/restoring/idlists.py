"""Selecting by more ids than MongoDB takes.

A view holds its ids in its stages, and MongoDB takes commands of 16 MB at most. Longer
lists live in collections of their own, which the view looks its samples up in. Such a
collection is removed with what needs it: when no saved view, no run and no job that waits
mentions it, and the process that made it has ended, or the App has loaded the next view.
"""

from __future__ import annotations

import atexit
import os
import time
from typing import Any

import bson
import fiftyone as fo
import pymongo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators.store import ExecutionStore

from .. import database, processes, query
from ..worker import logs
from .ids import Ids, texts
from .stagecheck import OWN_COLLECTIONS

STORE = "wandb_id_lists"

# MongoDB's limit, measured: 16 MB of ids, and half of them where their order is kept.
_MAX_IDS = 800_000
_MAX_ORDERED_IDS = 400_000

# The App sends the view with each of its requests, so such views stay smaller.
_MAX_IDS_IN_APP = 100_000

# Lists that another machine made for a session are removed after this time.
_MAX_AGE_SECONDS = 7 * 24 * 3600

# The time to remove all lists when Python exits, in seconds.
_EXIT_SECONDS = 2.0

_FIELD = "_wandb_ids"

_log = logs.logger("fiftyone_wandb")

# The names of the lists that this process made, and its pid: a forked child has made none.
_made = []
_made_by = None


def select(view: SampleCollection, ids: Any, in_app: bool = False) -> fo.DatasetView:
    """The samples with the given ids, in their order.

    Args:
        view: the view of a dataset
        ids: an :class:`shim.restoring.ids.Ids`, or an array, without repetitions
        in_app (False): whether the view is for the App or is to be saved

    Returns:
        a view
    """
    ids = ids if isinstance(ids, Ids) else Ids(ids.tobytes())
    ordered = not ids.is_ascending()
    if len(ids) <= _limit(ordered, in_app):
        return view.select(texts(ids.array()), ordered=ordered)

    name = _keep(query.root_dataset(view), ids, in_app)
    order = [{"$sort": {f"{_FIELD}.n": 1}}] if ordered else []
    return _mongo(view, [*_found_in(name, "_id"), *order])


def select_labels(view: fo.DatasetView, field: str, root: str | None, ids: Any, in_app: bool = False) -> fo.DatasetView:
    """The labels with the given ids, and the samples that have any of them.

    Args:
        view: a view
        field: the label field
        root: the path of its list of labels, or None if each sample has one label
        ids: an :class:`shim.restoring.ids.Ids` without repetitions
        in_app (False): whether the view is for the App or is to be saved

    Returns:
        a view
    """
    if len(ids) <= _limit(False, in_app):
        return view.select_labels(ids=texts(ids.array()), fields=field)

    name = _keep(query.root_dataset(view), ids, in_app)
    if root is None:
        return _mongo(view, _found_in(name, f"{field}._id"))

    found = {"$in": ["$$label._id", f"${_FIELD}._id"]}
    kept = {"$filter": {"input": f"${root}", "as": "label", "cond": found}}
    return _mongo(view, [*_found_in(name, f"{root}._id"), {"$set": {root: kept}}])


def sweep(dataset: str | None = None, in_app: bool = False) -> None:
    """Removes the lists that nothing needs any more.

    Args:
        dataset (None): the dataset for which a view is about to be loaded
        in_app (False): whether the view is for the App, where it takes the place of the one before
    """
    try:
        store = _store()
        for name in store.list_keys():
            record = store.get(name)
            if record is not None and not _is_needed(name, record, dataset, in_app):
                _remove(store, name)
    except Exception:
        # Nothing depends on the removal; the next load tries again.
        _log.debug("Cannot remove old lists of ids", exc_info=True)


def _limit(ordered, in_app):
    if in_app:
        return _MAX_IDS_IN_APP

    return _MAX_ORDERED_IDS if ordered else _MAX_IDS


def _found_in(name, path):
    return [
        {"$lookup": {"from": name, "localField": path, "foreignField": "_id", "as": _FIELD}},
        {"$match": {_FIELD: {"$ne": []}}},
    ]


def _mongo(view, pipeline):
    # The pipeline needs neither frames nor other slices, which FiftyOne would attach to be safe.
    return view.add_stage(fo.Mongo([*pipeline, {"$unset": _FIELD}], _needs_frames=False, _group_slices=[]))


def _keep(dataset, ids, in_app):
    name = OWN_COLLECTIONS + str(bson.ObjectId())
    record = {
        "dataset_id": query.dataset_id(dataset),
        "in_app": in_app,
        "updated": time.time(),
        **processes.this_process(),
    }
    # Write the record first, so that a later sweep finds the list after a crash.
    _store().set(name, record)
    begin = 0
    for chunk in ids.chunks():
        database.write_ids(name, chunk.tobytes(), begin)
        begin += len(chunk)

    _note(name)
    return name


def _note(name):
    global _made_by
    if _made_by != os.getpid():
        # A forked child inherits the parent's exit handlers: register only once.
        if _made_by is None:
            atexit.register(_remove_at_exit)

        _made_by = os.getpid()
        _made.clear()

    _made.append(name)


def _is_needed(name, record, dataset, in_app):
    if not database.dataset_exists(record["dataset_id"]):
        return False

    if database.is_saved(name):
        return True

    replaced = in_app and record["in_app"] and record["dataset_id"] == query.dataset_id(dataset)
    return not replaced and processes.is_alive(record, silence=_MAX_AGE_SECONDS)


def _remove(store, name):
    database.drop_collection(name)
    store.delete(name)


def _remove_at_exit():
    """Removes the lists of this process: one bounded attempt, since the database may have gone first."""
    if _made_by != os.getpid():
        return

    try:
        with pymongo.timeout(_EXIT_SECONDS):
            store = _store()
            for name in _made:
                if not database.is_saved(name):
                    _remove(store, name)
    except Exception:
        # The next load sweeps what is left.
        _log.debug("Cannot remove the lists of this process", exc_info=True)


def _store():
    return ExecutionStore.create(STORE)
