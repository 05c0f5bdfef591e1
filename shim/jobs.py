"""The record of each job, in FiftyOne's execution store.

Other processes read it and ask for cancellation through it. A store that cannot be
written never fails a job: the record is then missing or out of date.

A record is a dict with the keys ``id, operator, dataset, parameters, state, fraction,
label, created, updated, finished`` (seconds since 1970), ``result``, ``error``, ``source``
(whose matter the error is), ``host, pid, process_started`` and ``delegated``.
"""

from __future__ import annotations

import time
from typing import Any

import bson
from fiftyone.operators.store import ExecutionStore

from . import PLUGIN_NAME, database, processes, workers
from .errors import PLUGIN
from .plain import to_plain
from .worker import logs

STORE = "wandb_jobs"

QUEUED = "queued"
RUNNING = "running"
COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"

# Records go after 30 days.
_TTL_SECONDS = 30 * 24 * 3600

# Progress is written at most this often; without progress, a heartbeat is.
_WRITE_SECONDS = 1.0
_HEARTBEAT_SECONDS = 10.0

_CANCEL = "cancel:"

# How far the shared jobs were that have ended, by their ids: that does not change any more, and lists of jobs are polled.
_ended = {}
_MOST_ENDED = 1_000

_log = logs.logger("fiftyone_wandb")


class JobRecord:
    """The record of one running job.

    Args:
        operator: the operator's name
        dataset: the dataset's name
        parameters: what the job was asked to do; must hold no secrets
        job_id (None): the id; the delegated operation's where there is one
        shared (False): whether several workers share the job
    """

    def __init__(
        self,
        operator: str,
        dataset: str,
        parameters: dict[str, Any],
        job_id: str | None = None,
        shared: bool = False,
    ) -> None:
        self.id = job_id or str(bson.ObjectId())
        now = time.time()
        self._written = 0.0
        self._pending = False
        self._document = {
            "id": self.id,
            "operator": operator,
            "dataset": dataset,
            "parameters": to_plain(parameters),
            "state": RUNNING,
            "fraction": 0.0,
            "label": "Starting",
            "created": now,
            "finished": None,
            "result": None,
            "error": None,
            "source": None,
            "delegated": job_id is not None,
            "is_shared": shared,
            **processes.this_process(),
        }
        self._write()

    def progress(self, fraction: float, label: str) -> None:
        """Notes how far the job is. Written about once a second."""
        changed = (fraction, label) != (self._document["fraction"], self._document["label"])
        self._document.update(fraction=fraction, label=label)
        self._pending = self._pending or changed
        wait = _WRITE_SECONDS if self._pending else _HEARTBEAT_SECONDS
        if time.monotonic() - self._written >= wait:
            self._write()

    def completed(self, result: dict[str, Any]) -> None:
        """Notes that the job is done."""
        self._finish(COMPLETED, fraction=1.0, label="Done", result=to_plain(result))

    def failed(self, error: str, source: str) -> None:
        """Notes why the job failed."""
        self._finish(FAILED, error=error, source=source)

    def cancelled(self, reason: str) -> None:
        """Notes that the job was cancelled."""
        self._finish(CANCELLED, error=reason)

    def cancel_requested(self) -> bool:
        """Whether somebody asked for this job to be cancelled."""
        try:
            return _store().has(_CANCEL + self.id)
        except Exception:
            _log.debug("Cannot look for a request to cancel", exc_info=True)
            return False

    def _finish(self, state, **changes):
        self._document.update(changes, state=state, finished=time.time())
        self._write()
        _forget_cancel(self.id)

    def _write(self):
        self._written = time.monotonic()  # not the time of day, which may be set back
        self._document["updated"] = time.time()
        self._pending = False
        try:
            _store().set(self.id, dict(self._document), ttl=_TTL_SECONDS)
        except Exception:
            _log.debug("Cannot write the record of job %s", self.id, exc_info=True)


def request_cancel(job_id: str) -> bool:
    """Asks for a job to be cancelled, in whichever process it runs or will run.

    Returns:
        whether there is such a job and it has not ended
    """
    is_shared, job = workers.cancel(job_id), get_job(job_id)
    if job is None or job["state"] not in (QUEUED, RUNNING):
        return is_shared

    _store().set(_CANCEL + job_id, True, ttl=_TTL_SECONDS)
    return True


def get_job(job_id: str) -> dict[str, Any] | None:
    """Returns the record of a job, or None."""
    return next((job for job in _records([job_id]) + _queued() if job["id"] == job_id), None)


def list_jobs(limit: int = 100, dataset: str | None = None) -> list[dict[str, Any]]:
    """Returns the records of jobs, the newest first, those that wait in a queue included.

    Args:
        limit (100): how many records to return at most
        dataset (None): the name of a dataset whose jobs alone are wanted
    """
    keys = [k for k in _store().list_keys() if bson.ObjectId.is_valid(k)]
    queued = [job for job in _queued() if job["id"] not in keys]
    wanted = sorted(keys, reverse=True)
    if dataset is None:
        wanted = wanted[:limit]

    found = [
        job
        for job in queued + _records(wanted)
        if job["operator"] != workers.SLOT_OPERATOR and (dataset is None or job["dataset"] == dataset)
    ]
    return sorted(found, key=lambda job: job["created"], reverse=True)[:limit]


def delete_job(job_id: str) -> bool:
    """Removes the record of a job. The job itself goes on if it runs."""
    _forget_cancel(job_id)
    return _store().delete(job_id)


def _records(keys):
    store = _store()
    documents = (store.get(key) for key in keys)
    return [_judge(document) for document in documents if document]


def _queued():
    return [
        {
            "id": str(operation["_id"]),
            "operator": operation["operator"].rsplit("/", 1)[-1],
            "dataset": operation["dataset"],
            "parameters": {},
            "state": QUEUED,
            "fraction": 0.0,
            "label": "Waiting for a background service",
            "created": operation["_id"].generation_time.timestamp(),
            "updated": operation["_id"].generation_time.timestamp(),
            "finished": None,
            "result": None,
            "error": None,
            "source": None,
            "delegated": True,
        }
        for operation in database.queued_operations(PLUGIN_NAME + "/")
    ]


def complete_shared(job_id: str, result: dict[str, Any]) -> None:
    """Notes in the record of a shared job that it is done, where its own process has not."""
    try:
        document = _store().get(job_id)
        if document and not _speaks_for_itself(document):
            changes = {"state": COMPLETED, "fraction": 1.0, "label": "Done", "error": None, "source": None}
            now = time.time()
            _store().set(
                job_id,
                {**document, **changes, "result": to_plain(result), "updated": now, "finished": now},
                ttl=_TTL_SECONDS,
            )
    except Exception:
        _log.debug("Cannot write the record of job %s", job_id, exc_info=True)


def _speaks_for_itself(document):
    """Whether the record of a shared job is kept by the process that began it, or says how the job ended."""
    return document["state"] == COMPLETED or (document["state"] == RUNNING and processes.is_alive(document))


def _shared(document):
    """The record of a shared job, which goes on when the process that began it has ended; None if nothing is known of it."""
    status = _ended.get(document["id"]) or workers.status(document["id"])
    if status is None:
        return None

    if not (status["going"] or status["waiting"] or any(slot["alive"] for slot in status["slots"])):
        while len(_ended) >= _MOST_ENDED:
            _ended.pop(next(iter(_ended)), None)

        _ended[document["id"]] = status

    document = {**document, "shared": status}
    ended = {"error": (status["error"] or {}).get("message"), "source": document["source"]}
    if _speaks_for_itself(document):
        return document

    if status["resumable"]:
        error = "All workers of this job are gone: resume it with resume_wandb_job"
        return {**document, "state": FAILED, "source": PLUGIN, "error": error}

    if status["going"]:
        done, label = (
            status["read"] + status["uploaded"],
            f"{status['read']} of {status['shards']} parts read, {status['uploaded']} uploaded",
        )
        return {
            **document,
            "state": RUNNING,
            "fraction": done / max(2 * status["shards"], 1),
            "label": label,
            "error": None,
            "source": None,
        }

    state = {"done": COMPLETED, "cancelled": CANCELLED}.get(status["state"], FAILED)
    return {**document, "state": state, **ended}


def _judge(document):
    if document.get("is_shared"):
        found = _shared(document)
        if found is not None:
            return found

    # Nobody can write "my process was killed" into its own record, so readers find out.
    if document["state"] == RUNNING and not processes.is_alive(document):
        return {
            **document,
            "state": FAILED,
            "source": "plugin",
            "error": "The process that ran this job ended unexpectedly",
        }

    return document


def _forget_cancel(job_id):
    try:
        _store().delete(_CANCEL + job_id)
    except Exception:
        _log.debug("Cannot remove the request to cancel job %s", job_id, exc_info=True)


def _store():
    return ExecutionStore.create(STORE)
