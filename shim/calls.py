"""Calls of the worker: sends the request, and turns what goes wrong into errors for users."""

from __future__ import annotations

import time
from typing import Any, Protocol

from . import __version__
from .errors import PLUGIN, WANDB, WandBCancelled, WandBError
from .worker import logs

_log = logs.logger("fiftyone_wandb")


class Stop(Protocol):
    """Something that can be set, such as a ``threading.Event``."""

    def is_set(self) -> bool: ...


def call_worker(job_id: str, settings: dict[str, Any], request: dict[str, Any], **callbacks: Any) -> Any:
    """Does one call in a worker of its own.

    Args:
        job_id: names the call in logs
        settings: a dict of the wire contract's ``WandbSettings``
        request: a dict with the one key of the wire contract's ``job``
        callbacks: see :func:`shim.worker.run_job`

    Returns:
        the message that ended the call

    Raises:
        Exception: those of :mod:`shim.worker.errors`
    """
    # Imported late, so that the plugin also registers without grpcio and protobuf.
    from . import worker
    from .worker import messages

    message = messages.RunRequest(
        job_id=job_id,
        wandb=settings,
        client_version=__version__,
        **request,
    )
    return worker.run_job(message, **callbacks)


def ask(
    settings: dict[str, Any],
    request: dict[str, Any],
    seconds: float = 60.0,
    stop: Stop | None = None,
    **callbacks: Any,
) -> Any:
    """Does one short call in this thread.

    Args:
        settings: a dict of the wire contract's ``WandbSettings``
        request: a dict with the one key of the wire contract's ``job``
        seconds (60): how long it may take
        stop (None): ends it before, such as a ``threading.Event``
        callbacks: see :func:`shim.worker.run_job`

    Returns:
        the message that ended the call

    Raises:
        WandBError: if it failed; a :class:`shim.errors.WandBCancelled` if it was stopped
    """
    end = time.monotonic() + seconds

    def cancelled():
        return time.monotonic() > end or (stop is not None and stop.is_set())

    try:
        return call_worker("ask", settings, request, cancelled=cancelled, **callbacks)
    except Exception as e:
        error = error_of(e)

    if error is None and time.monotonic() > end:
        raise WandBError(f"W&B did not answer within {seconds:g} seconds", source=WANDB, code="timeout") from None

    raise (error or WandBCancelled("The call was cancelled")) from None


def error_of(error: BaseException) -> WandBError:
    """The error for people that stands for one of a call; None if the call was cancelled."""
    from .worker.errors import JobCancelled, JobFailed, WorkerError

    if isinstance(error, JobCancelled):
        return None

    if isinstance(error, JobFailed) and error.code == "cancelled":
        return WandBCancelled(error.message)

    if isinstance(error, JobFailed):
        return WandBError(error.message, source=error.source, code=error.code)

    if isinstance(error, WorkerError):
        return WandBError(str(error), source=PLUGIN, code="worker")

    _log.debug("The call to the worker failed", exc_info=True)
    return WandBError(
        f"The plugin could not talk to its worker ({type(error).__name__}). The log of 'fiftyone_wandb' at level "
        "DEBUG has the details",
        source=PLUGIN,
        code="internal",
    )
