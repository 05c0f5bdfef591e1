"""Runs a job in the worker, and stops it when somebody wants it stopped.

The call to the worker waits in a thread of its own. The caller's thread looks after it
in short steps, so that Ctrl-C, a closed tab, a deadline, a request in the job's record
and a delegated run that was marked as failed all end the work soon.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import database, restoring
from .calls import call_worker, error_of
from .errors import PLUGIN, WandBCancelled, WandBError
from .jobs import JobRecord
from .worker import logs, plaintext

# How often the caller's thread looks up, how often it says something at least and at
# most, and how often it asks whether to go on. In seconds.
_TICK = 0.05
_QUIET = 0.5
_BUSY = 0.1
_ASK = 0.5

# How long a worker that was told to stop may take, being killed included.
_STOP_SECONDS = 5.0

# The progress of a job with a long part in Python, when the worker is done.
_CONCLUDING = 0.7

# How long it may take to mark a run as failed after its worker died.
_FINISH_SECONDS = 15.0

# The longest line that is shown of a job's progress, in characters.
_LONGEST_LABEL = 500

_log = logs.logger("fiftyone_wandb")


@dataclass(frozen=True)
class Update:
    """A job's progress: from 0 to 1, a line for users, and the id of the job's record."""

    fraction: float
    label: str
    job_id: str = ""

    def __post_init__(self):
        object.__setattr__(self, "label", plaintext.clean(self.label, _LONGEST_LABEL))


class PointOfNoReturn:
    """The point after which a job in Python cannot be cancelled: whoever reserves it first decides."""

    def __init__(self):
        self._lock = threading.Lock()
        self._first = None
        self._stops = []

    def reserve(self, who: str) -> bool:
        """Reserves the point for "job" or "cancel"; returns whether nobody else has it."""
        with self._lock:
            is_first = self._first in (None, who)
            self._first = self._first or who
            stops, self._stops = (self._stops, []) if self._first == "cancel" else ([], self._stops)

        for stop in stops:
            stop()

        return is_first

    def when_cancelled(self, stop: Callable[[], None]) -> None:
        """Calls a function if the job is cancelled before it crosses, or now if it was cancelled already."""
        with self._lock:
            if self._first != "cancel":
                self._stops.append(stop)
                return

        stop()

    def cross(self, undone: str) -> None:
        """Goes on to what cannot be taken back.

        Raises:
            WandBCancelled: if the job was cancelled before
        """
        if not self.reserve("job"):
            raise WandBCancelled(f"The job was cancelled. {undone}.")


@dataclass(frozen=True)
class Job:
    """One job.

    Args:
        operator: the name of the operator
        dataset: the name of the dataset
        parameters: what the record of the job shows; no secrets
        settings: a dict of the wire contract's ``WandbSettings``
        request: a dict with the one key of the wire contract's ``job``, such as
            ``log_view``
        record_id (None): the id of the delegated operation, if it is one
        on_ids (None): a function that gets each of the worker's ``IdChunk``, in another thread
        conclusion (None): what is left to do in Python if that takes long, in words. It is done in another thread,
            and has to cross ``no_return`` before it does what cannot be taken back
        undone ("Nothing was logged"): what became of the work of a cancelled job, in words
        no_return: the :class:`PointOfNoReturn`
        shared (False): whether several workers share the job, of which this is one
    """

    operator: str
    dataset: str
    parameters: dict
    settings: dict
    request: dict
    record_id: str | None = None
    on_ids: object = None
    conclusion: str | None = None
    undone: str = "Nothing was logged"
    no_return: PointOfNoReturn = field(default_factory=PointOfNoReturn)
    shared: bool = False

    def __repr__(self):
        # The settings hold the key, the request holds the database's URI.
        return f"Job({self.operator!r}, {self.dataset!r}, {self.parameters!r})"


def stream(
    job: Job, conclude: Callable[[Any, str], Any], watchers: Sequence[Callable[[], BaseException | None]] = ()
) -> Generator[Update, None, Any]:
    """Runs a job as a generator of :class:`Update`.

    It yields at least twice a second, so that closing it, which cancels the job, takes
    effect soon.

    Args:
        job: a :class:`Job`
        conclude: a function of the message that ended the worker's part and the job's id,
            which does what is left to do in Python and returns the result, a dict
        watchers (()): functions without arguments, called about twice a second, which
            return None to go on, or the error to raise instead

    Returns:
        what ``conclude`` returned

    Raises:
        WandBError: if the job failed
        WandBCancelled: if the job was cancelled through its record or by a watcher
    """
    database.check()
    restoring.sweep()
    record = JobRecord(job.operator, job.dataset, job.parameters, job_id=job.record_id, shared=job.shared)
    call = _Call(job, record.id)
    call.start()
    watchers = [_asked_to_stop(record, job.undone), *watchers]
    try:
        reason = yield from _attend(call, record, watchers, Update(0.0, "Starting the worker"))
        if job.conclusion and call.succeeded:
            # From here on the call is this.
            call, conclude = _Conclusion(job, conclude, call.result(None), record.id), _as_it_is
            update = Update(_CONCLUDING, job.conclusion)
            record.progress(update.fraction, update.label)
            yield replace(update, job_id=record.id)
            call.start() if reason is None else call.cancel()
            reason = (yield from _attend(call, record, watchers, update)) or reason
    except GeneratorExit:
        # FiftyOne's server closes generators in its event loop, which must not be held up.
        job.no_return.reserve("cancel")
        call.cancel()
        threading.Thread(target=_give_up, args=(call, record, conclude, job.undone)).start()
        raise
    except BaseException:
        job.no_return.reserve("cancel")
        _give_up(call, record, conclude, job.undone)
        raise

    return _settle(call, record, conclude, reason)


def drain(updates: Generator[Update, None, Any], show: Callable[[Update], None]) -> Any:
    """Runs such a generator to its end in this thread.

    Args:
        updates: the generator
        show: a function of an :class:`Update`

    Returns:
        the generator's result
    """
    try:
        while True:
            update = next(updates)
            try:
                show(update)
            except BaseException as e:
                updates.throw(e)
                raise
    except StopIteration as end:
        return end.value
    finally:
        updates.close()


def _as_it_is(result, _job_id):
    return result


def _attend(call, record, watchers, update):
    """Looks after a call to its end; returns the error to raise if a watcher cancelled it."""
    shown = asked = 0.0
    reason = None
    while call.wait(_TICK):
        now = time.monotonic()
        new = call.latest()
        if new is not None:
            update = new

        if now - shown >= (_QUIET if new is None else _BUSY):
            shown = now
            record.progress(update.fraction, update.label)
            yield replace(update, job_id=record.id)

        if reason is None and now - asked >= _ASK:
            asked = now
            reason = next(filter(None, (watch() for watch in watchers)), None)
            if reason is not None:
                call.cancel()

    return reason


def _settle(call, record, conclude, reason):
    """Draws the conclusions from a call that has ended, and notes them in the job's record."""
    try:
        result = conclude(call.result(reason), record.id)
        record.completed(result)
        return result
    except WandBCancelled as e:
        record.cancelled(str(e))
        raise
    except WandBError as e:
        record.failed(str(e), e.source)
        raise
    except BaseException as e:
        record.failed(f"{type(e).__name__}: the job ended with an internal error", PLUGIN)
        raise


def _give_up(call, record, conclude, undone):
    """Ends a call whose result is no longer wanted. It may be done already."""
    call.stop()
    with contextlib.suppress(Exception):
        _settle(call, record, conclude, WandBCancelled(f"The job was cancelled. {undone}."))


def _asked_to_stop(record, undone):
    def watch():
        if not record.cancel_requested():
            return None

        return WandBCancelled(f"The job was cancelled on request. {undone}.")

    return watch


class _Conclusion:
    """What is left to do in Python, in a thread of its own; for the rest, like a call."""

    def __init__(self, job, conclude, message, job_id):
        self._job, self._conclude, self._message, self._job_id = job, conclude, message, job_id
        self._ended = threading.Event()
        self._result = self._error = None
        # A daemon: MongoDB may go on for minutes after the result is no longer wanted.
        self._thread = threading.Thread(target=self._work, name=f"wandb-{job_id}", daemon=True)

    def start(self):
        self._thread.start()

    def wait(self, seconds):
        """Waits for the end; returns whether it is still to come."""
        return not self._ended.wait(seconds)

    def latest(self):
        return None

    def cancel(self):
        if self._job.no_return.reserve("cancel"):
            self._ended.set()

    def stop(self):
        """Cancels it, or waits for its end for a while where it is too late for that."""
        self.cancel()
        self._ended.wait(_STOP_SECONDS)

    def result(self, reason):
        if self._result is not None:
            return self._result

        raise self._error or reason or WandBCancelled(f"The job was cancelled. {self._job.undone}.")

    def _work(self):
        try:
            self._result = self._conclude(self._message, self._job_id)
        except BaseException as e:
            self._error = e
        finally:
            self._ended.set()


class _Call:
    """The call to the worker, in a thread of its own."""

    def __init__(self, job, job_id):
        self._job = job
        self._job_id = job_id
        self._updates = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._run_created = None
        self._message = None
        self._error = None
        # No daemon: a run that was left open is to be closed even at the end of Python.
        self._thread = threading.Thread(target=self._work, name=f"wandb-{job_id}")

    def start(self):
        self._thread.start()

    def wait(self, seconds):
        """Waits for the end of the call; returns whether it is still to come."""
        # Thread.join() takes the thread for ended when Ctrl-C interrupts it.
        return not self._ended.wait(seconds)

    def latest(self):
        """The newest update since the last time, or None."""
        message = None
        while not self._updates.empty():
            message = self._updates.get()

        if message is None:
            return None

        return Update(min(max(message.fraction, 0.0), 1.0), message.label)

    def cancel(self):
        self._cancelled.set()

    def stop(self):
        """Cancels a call that has not ended and waits for its end, for a while."""
        if not self._ended.is_set():
            self.cancel()
            self._ended.wait(_STOP_SECONDS)

    @property
    def succeeded(self):
        """Whether the worker has done its part."""
        return self._message is not None

    def result(self, reason):
        """The message that ended the call.

        Args:
            reason: the error to raise if the call was cancelled, or None if it was not
        """
        if self._message is not None:
            return self._message

        raise self._error or reason

    def _work(self):
        try:
            self._call()
        finally:
            self._ended.set()

    def _call(self):
        from .worker.errors import JobFailed

        try:
            self._message = call_worker(
                self._job_id,
                self._job.settings,
                self._job.request,
                on_progress=self._updates.put,
                on_run_created=self._note_run,
                on_ids=self._job.on_ids,
                cancelled=self._cancelled.is_set,
                say=self._say,
            )
        except Exception as e:
            # A run that a living worker has made is closed by the worker.
            self._error = error_of(e)
            if not getattr(e, "cleaned_up", isinstance(e, JobFailed)):
                self._close_run()

    def _say(self, text):
        # The worker is being built, which takes a minute: the App does not show logs.
        _log.warning("%s", text)
        self._updates.put(Update(0.0, text))

    def _note_run(self, run):
        self._run_created = run

    def _close_run(self):
        # The worker made a run and died: without this, it would look alive for minutes.
        run = self._run_created
        if run is None:
            return

        end = time.monotonic() + _FINISH_SECONDS
        finish = {
            "entity": run.entity,
            "project": run.project,
            "run_id": run.run_id,
            "exit_code": 1,
        }
        try:
            call_worker(
                self._job_id,
                self._job.settings,
                {"finish_run": finish},
                cancelled=lambda: time.monotonic() > end,
            )
        except Exception:
            _log.warning(
                "The W&B run %s/%s/%s could not be marked as failed; W&B will mark it as crashed by itself",
                run.entity,
                run.project,
                run.run_id,
            )
