"""Lists of sample ids, as arrays: comparing them, and selecting by more of them than MongoDB takes.

A view holds its ids in its stages, and MongoDB takes commands of 16 MB at most. Longer
lists live in collections of their own, which the view looks its samples up in. Such a
collection is removed with what needs it: when no saved view, no run and no job that waits
mentions it, and the process that made it has ended, or the App has loaded the next view.
"""

import atexit
import logging
import os
import time

import bson
import fiftyone as fo
import numpy as np
import pymongo
from fiftyone.operators.store import ExecutionStore

from .. import database, processes, query
from .stagecheck import OWN_COLLECTIONS

STORE = "wandb_id_lists"

# MongoDB's limit, measured: 16 MB of ids, and half of them where their order is kept.
_MAX_IDS = 800_000
_MAX_ORDERED_IDS = 400_000

# What the App can be asked to carry around with each of its requests.
_MAX_IDS_IN_APP = 100_000

# A list that was made on another machine for a session alone.
_MAX_AGE_SECONDS = 7 * 24 * 3600

# How long leaving Python may take for all lists together, in seconds.
_EXIT_SECONDS = 2.0

_TYPE = np.dtype([("high", ">u8"), ("low", ">u4")])
_FIELD = "_wandb_ids"

_log = logging.getLogger("fiftyone_wandb")

# The names of the lists that this process made, and the process.
_made = []
_made_by = None


def array(ids):
    """An array of ids.

    Args:
        ids: 12 bytes for each id
    """
    return np.frombuffer(ids, dtype=_TYPE)


def texts(ids):
    """The ids as text, in a list."""
    digits = ids.tobytes().hex()
    return [digits[i : i + 24] for i in range(0, len(digits), 24)]


def distinct(ids):
    """The ids without repetitions, in the order of their first occurrences."""
    number, count = _numbered(ids)
    first = np.full(count, len(ids), dtype=np.int64)
    np.minimum.at(first, number, np.arange(len(ids)))
    return ids[np.sort(first)]


def contained(ids, others):
    """Which of the ids are among the others, as an array of booleans."""
    number, count = _numbered(np.concatenate([others, ids]))
    there = np.zeros(count, dtype=bool)
    there[number[: len(others)]] = True
    return there[number[len(others) :]]


def select(view, ids, in_app=False):
    """The samples with the given ids, in their order.

    Args:
        view: the view of a dataset
        ids: an array of ids without repetitions
        in_app (False): whether the view is for the App or is to be saved

    Returns:
        a view
    """
    ordered = not _is_ascending(ids)
    if len(ids) <= _limit(ordered, in_app):
        return view.select(texts(ids), ordered=ordered)

    name = _keep(query.root_dataset(view), ids, in_app)
    order = [{"$sort": {f"{_FIELD}.n": 1}}] if ordered else []
    return _mongo(view, [*_found_in(name, "_id"), *order])


def select_labels(view, field, root, ids, in_app=False):
    """The labels with the given ids, and the samples that have any of them.

    Args:
        view: a view
        field: the label field
        root: the path of its list of labels, or None if each sample has one label
        ids: an array of ids without repetitions
        in_app (False): whether the view is for the App or is to be saved

    Returns:
        a view
    """
    if len(ids) <= _limit(False, in_app):
        return view.select_labels(ids=texts(ids), fields=field)

    name = _keep(query.root_dataset(view), ids, in_app)
    if root is None:
        return _mongo(view, _found_in(name, f"{field}._id"))

    found = {"$in": ["$$label._id", f"${_FIELD}._id"]}
    kept = {"$filter": {"input": f"${root}", "as": "label", "cond": found}}
    return _mongo(view, [*_found_in(name, f"{root}._id"), {"$set": {root: kept}}])


def sweep(dataset=None, in_app=False):
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
        # Nothing depends on it; the next load tries again.
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
    # Neither frames nor other slices are needed; FiftyOne would attach them to be safe.
    return view.add_stage(fo.Mongo([*pipeline, {"$unset": _FIELD}], _needs_frames=False, _group_slices=[]))


def _keep(dataset, ids, in_app):
    name = OWN_COLLECTIONS + str(bson.ObjectId())
    record = {
        "dataset_id": query.dataset_id(dataset),
        "in_app": in_app,
        "updated": time.time(),
        **processes.this_process(),
    }
    # First, so that what a crash leaves behind is found.
    _store().set(name, record)
    database.write_ids(name, ids.tobytes())
    _note(name)
    return name


def _note(name):
    global _made_by
    if _made_by != os.getpid():
        # A forked child has the parent's handlers, too.
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


def _is_ascending(ids):
    high, low = ids["high"], ids["low"]
    return bool(np.all((high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))))


def _numbered(ids):
    """For each id the number of its value among the distinct ones, and how many these are."""
    if len(ids) == 0:
        return np.zeros(0, dtype=np.int64), 0

    order = np.lexsort((ids["low"].astype(np.uint32), ids["high"].astype(np.uint64)))
    ordered = ids[order]
    starts = np.ones(len(ids), dtype=bool)
    starts[1:] = (ordered["high"][1:] != ordered["high"][:-1]) | (ordered["low"][1:] != ordered["low"][:-1])
    number = np.empty(len(ids), dtype=np.int64)
    number[order] = np.cumsum(starts) - 1
    return number, int(starts.sum())
