"""Jobs that the panel starts: each runs in a thread, and the panel asks how it goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import bson

from .. import work
from ..errors import PLUGIN, WandBError

# How long the result of a job waits to be fetched, in seconds.
_KEPT = 600.0

_lock = threading.Lock()
_running = {}


class Running:
    """A job in a thread of its own.

    Args:
        job: a :class:`shim.work.Job`
        conclude: see :func:`shim.work.stream`
    """

    def __init__(self, job: work.Job, conclude: Callable[[Any, str], Any]) -> None:
        self.id = str(bson.ObjectId())
        self.update = work.Update(0.0, "Starting")
        self.result = None
        self.error = None
        self.ended = None
        self._job, self._conclude = job, conclude
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"wandb-panel-{self.id}")

    def start(self) -> None:
        """Starts the job."""
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Waits for the end of the job; returns whether it has come."""
        return self._done.wait(seconds)

    def _work(self):
        try:
            self.result = work.drain(work.stream(self._job, self._conclude), self._show)
        except WandBError as e:
            self.error = e
        except Exception as e:
            self.error = WandBError(
                f"The job ended with an internal error ({type(e).__name__})", source=PLUGIN, code="internal"
            )
        finally:
            self.ended = time.monotonic()
            self._done.set()

    def _show(self, update):
        self.update = update


def start(job: work.Job, conclude: Callable[[Any, str], Any]) -> Running:
    """Starts a job in a thread.

    Args:
        job: a :class:`shim.work.Job`
        conclude: see :func:`shim.work.stream`

    Returns:
        a :class:`Running`
    """
    running = Running(job, conclude)
    with _lock:
        _forget_old()
        _running[running.id] = running

    running.start()
    return running


def find(running_id: str) -> Running | None:
    """The :class:`Running` of an id, or None."""
    return _running.get(running_id)


def forget(running: Running) -> None:
    """Forgets a job whose result has been fetched."""
    with _lock:
        _running.pop(running.id, None)


def _forget_old():
    now = time.monotonic()
    for key, running in list(_running.items()):
        if running.ended is not None and now - running.ended > _KEPT:
            del _running[key]
