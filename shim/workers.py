"""Jobs that several workers share: their documents in FiftyOne's database, which the workers and every host read.

A shared job is a document of the collection ``wandb.jobs``, whose id is that of the operation that the user scheduled. The worker of each slot finds there what to
do and how far the others are (``goworker/internal/shard``). All times are MongoDB's own.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import time
from typing import Any

import bson
from fiftyone.operators.delegated import DelegatedOperationService
from fiftyone.operators.executor import ExecutionResult, ExecutionRunState

from . import PLUGIN_NAME, __version__, database, pictures, query
from .errors import SETTINGS, WandBError, bad_argument
from .worker import logs, messages

#: The operator that works on a shared job, as one of its slots.
SLOT_OPERATOR = "log_worker_slot"

#: The most slots of a job.
MOST = 64

#: Up to so many rows a job has one worker, and above it each part of the table has so many rows.
WHOLE_ROWS, PART_ROWS = 200_000, 20_000

_TEST_PARTS = "FIFTYONE_WANDB_TEST_PARTS"
_TEST_LEASE = "FIFTYONE_WANDB_TEST_LEASE"
_TEST_POINT = "FIFTYONE_WANDB_TEST_POINT"

_GOING = ["planning", "reading", "uploading", "committed"]
_WEEK = 7 * 24 * 3600 * 1000
_RECORDING = 60_000

# What a picture's message says of the machine that makes it.
_MACHINE = ("cache_directory", "cache_bytes", "ffmpeg", "pillow")

_log = logs.logger("fiftyone_wandb")


def wanted(params: dict[str, Any]) -> int:
    """The number of workers that the parameters ask for.

    Raises:
        WandBError: if there cannot be so many
    """
    value = params.get("workers")
    error = workers_error(value)
    if error:
        raise bad_argument(error)

    return value or 1


def workers_error(value: Any) -> str | None:
    """Why there cannot be such a ``workers``, or None."""
    if value is None or (type(value) is int and 1 <= value <= MOST):
        return None

    return f"workers has to be a whole number from 1 to {MOST}, not {value!r}"


def parts() -> dict[str, int]:
    """A dict of the message ``TableParts``: as usual, but for tests, which have no 200,000 rows."""
    whole, _, part = os.environ.get(_TEST_PARTS, "").partition(",")
    return {"whole": int(whole), "part": int(part)} if part else {}


def shards_of(view: Any, params: dict[str, Any], count: int) -> int:
    """How many shards the rows of a view make, as far as there are as many as workers; 0 where one worker does them all.

    Raises:
        WandBError: if the rows cannot be counted
    """
    sizes = parts() or {"whole": WHOLE_ROWS, "part": PART_ROWS}
    limit = max(sizes["whole"] + 1, count * sizes["part"])
    rows = query.count(view, limit, seconds=600)
    if rows is None:
        raise WandBError(
            "The view's rows could not be counted within ten minutes: log it with workers=1", code="timeout"
        )

    rows = min(rows, params.get("max_samples") or rows)
    return 0 if rows <= sizes["whole"] else -(-rows // sizes["part"])


def create(job_id: str, request: dict[str, Any], settings: dict[str, Any], call: dict[str, Any]) -> None:
    """Writes the document of a job, which has no secret.

    Args:
        job_id: the id
        request: a dict with the one key of the wire contract's ``job``
        settings: a dict of the wire contract's ``WandbSettings``, of which the place alone is kept
        call: what the record of the run needs: a dict of plain values
    """
    environment = settings["environment"]
    place = {
        "entity": settings["entity"] or environment.get("WANDB_ENTITY", ""),
        "project": settings["project"] or environment.get("WANDB_PROJECT", ""),
        "base_url": settings["base_url"] or environment.get("WANDB_BASE_URL", ""),
    }
    message = messages.RunRequest(job_id=job_id, wandb=place, client_version=__version__, **request)
    part = getattr(message, message.WhichOneof("job"))
    views = [part.view, *(subset.view for subset in getattr(part, "subsets", ()))]
    for view in views:
        view.uri = ""
    for name in _MACHINE:
        part.pictures.ClearField(name)

    fields = {"v": 1, "state": "planning", "request": bson.Binary(message.SerializeToString()), "call": call}
    document = {name: {"$literal": value} for name, value in fields.items()}
    document["expires_at"] = {"$add": ["$$NOW", _WEEK]}
    _jobs().update_one({"_id": job_id}, [{"$set": document}], upsert=True)


def request_of(job_id: str, slot: int, operation: str | None) -> dict[str, Any]:
    """A dict of the wire contract's ``RunRequest.job`` for a slot on this machine."""
    point, _, point_file = os.environ.get(_TEST_POINT, "").partition("@")
    return {
        "run_slot": {
            "job_id": job_id,
            "slot": slot,
            "uri": query.database_uri(),
            "database": database.database_name(),
            "operation": operation or "",
            "machine": pictures.machine(),
            "lease_milliseconds": int(os.environ.get(_TEST_LEASE, 0)),
            "point": point,
            "point_file": point_file,
        }
    }


def queue(job_id: str, slots: range, dataset: Any) -> None:
    """Queues operations for slots of a job, which any background service takes."""
    service = DelegatedOperationService()
    for slot in slots:
        service.queue_operation(
            operator=f"{PLUGIN_NAME}/{SLOT_OPERATOR}",
            label=f"W&B: worker {slot + 1} of a job",
            context={
                "request_params": {
                    "dataset_name": dataset.name,
                    "dataset_id": query.dataset_id(dataset),
                    # Without it, FiftyOne calls the operator as it does for a caller who waits, for ten minutes at most.
                    "delegated": True,
                    "params": {"job_id": job_id, "slot": slot},
                }
            },
            metadata={},
        )


def get(job_id: str) -> dict[str, Any] | None:
    """The document of a shared job, without its large parts; None if there is none."""
    return _jobs().find_one({"_id": job_id}, {"request": 0, "plan_state": 0, "announced_state": 0, "outcome": 0})


def wait_for(job_id: str, seconds: float) -> dict[str, Any]:
    """Waits until there is a document of a job, and returns it.

    Raises:
        WandBError: if there is none after so many seconds
    """
    end = time.monotonic() + seconds
    while (found := get(job_id)) is None:
        if time.monotonic() > end:
            raise WandBError(
                f"There is no job {job_id} that workers could share: it has not been started, it ended more than a week ago, "
                "or it was logged with workers=1",
                source=SETTINGS,
                code="no_job",
            )

        time.sleep(0.5)

    return found


def status(job_id: str) -> dict[str, Any] | None:
    """How far a shared job is, or None if there is no such job.

    Returns:
        a dict with the keys ``state`` (a word of ``goworker/internal/shard``), ``going``, ``error`` (a dict with ``message``
        and ``source``, or None), ``shards``, ``read``, ``uploaded``, ``slots`` (dicts with ``slot, host, pid, alive, note``), ``waiting`` (the
        number of workers that wait for a background service or have just been taken by one), and ``resumable``: whether it is under way, its workers are all gone, and none waits
    """
    job = get(job_id)
    if job is None:
        return None

    counted = {"_id": None, "shards": {"$sum": 1}}
    for name, phase in (("read", "read"), ("uploaded", "up")):
        counted[name] = {"$sum": {"$cond": [{"$eq": [f"${phase}.state", "done"]}, 1, 0]}}

    of_plan = {"_id.j": job_id, "_id.p": (job.get("plan") or {}).get("token")}
    found = next(_collection("shards").aggregate([{"$match": of_plan}, {"$group": counted}]), {})
    slots = list(_slots(job_id))
    going = job["state"] in _GOING
    waiting = database.count_starting(f"{PLUGIN_NAME}/{SLOT_OPERATOR}", {"job_id": job_id})
    return {
        "state": job["state"],
        "going": going,
        "error": job.get("error"),
        **{name: found.get(name, 0) for name in ("shards", "read", "uploaded")},
        "slots": [{name: slot.get(name) for name in ("slot", "host", "pid", "alive", "note")} for slot in slots],
        "waiting": waiting,
        "resumable": going and not waiting and not any(slot["alive"] for slot in slots),
    }


def cancel(job_id: str) -> bool:
    """Asks all workers of a shared job to stop; returns whether there is such a job under way."""
    before = [state for state in _GOING if state != "committed"]
    found = _jobs().update_one({"_id": job_id, "state": {"$in": before}}, {"$set": {"cancel": True}})
    if not found.matched_count:
        return False

    if not any(slot["alive"] for slot in _slots(job_id)):
        alone = {"_id": job_id, "state": {"$in": before}, "committing": {"$ne": True}}
        _jobs().update_one(alone, {"$set": {"state": "cancelled"}})

    return True


def take_record(job_id: str) -> bool:
    """Reserves the writing of FiftyOne's record of a shared job, which one host does, for a minute."""
    free = [{"recording": None}, {"$expr": {"$lt": ["$recording", "$$NOW"]}}]
    found = _jobs().update_one(
        {"_id": job_id, "recorded": {"$ne": True}, "$or": free},
        [{"$set": {"recording": {"$add": ["$$NOW", _RECORDING]}}}],
    )
    return found.matched_count == 1


def recorded(job_id: str) -> None:
    """Notes that FiftyOne's record of a shared job is written."""
    _jobs().update_one({"_id": job_id}, {"$set": {"recorded": True}})


def next_slot(job_id: str) -> int:
    """The number of a slot that the job has not had."""
    return max((slot.get("slot", 0) for slot in _slots(job_id)), default=-1) + 1


def fail_dead(own: str | None = None) -> None:
    """Marks the operations of slots as failed whose process ended unexpectedly: FiftyOne leaves them running for ever."""
    dead = {
        "ended": False,
        "operation": {"$nin": ["", own]},
        "failed": {"$ne": True},
        "$expr": {"$lt": ["$until", "$$NOW"]},
    }
    for slot in _collection("slots").find(dead, {"operation": 1}):
        with contextlib.suppress(Exception):
            _set_failed(slot["operation"])
            _collection("slots").update_one({"_id": slot["_id"]}, {"$set": {"failed": True}})


def _set_failed(operation_id):
    service = DelegatedOperationService()
    found = bson.ObjectId(operation_id)
    error = "The process that worked on this ended unexpectedly. The job went on with its other workers"
    only = {}
    if "required_state" in inspect.signature(service.set_failed).parameters:
        only["required_state"] = ExecutionRunState.RUNNING
    elif (service.get(found)).run_state != ExecutionRunState.RUNNING:
        return

    service.set_failed(found, result=ExecutionResult(error=error, error_message=error), **only)


def _slots(job_id):
    alive = {"$gt": ["$until", "$$NOW"]}
    return _collection("slots").aggregate(
        [{"$match": {"_id.j": job_id}}, {"$addFields": {"alive": alive}}, {"$sort": {"slot": 1}}]
    )


def _jobs():
    return _collection("jobs")


def _collection(name):
    return database.shared_jobs(name)
