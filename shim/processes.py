"""Finds out whether the process that left something in the database is still there."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import psutil

# A process of another machine that has been silent for so long is taken for dead.
_SILENCE_SECONDS = 90.0


def this_process() -> dict[str, Any]:
    """What a document has to hold for :func:`is_alive`, beside ``updated``."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process_started": _started(psutil.Process()),
    }


def is_alive(document: dict[str, Any], silence: float = _SILENCE_SECONDS) -> bool:
    """Whether the process that wrote a document is alive.

    Args:
        document: a dict with what :func:`this_process` gives, and ``updated``, the seconds since
            1970 of the process's last heartbeat
        silence (90): how many seconds without such a sign a process of another machine may pass
    """
    if document["host"] != socket.gethostname():
        return time.time() - document["updated"] < silence

    try:
        process = psutil.Process(document["pid"])
        started = _started(process)
        # One that was killed stays so until its parent has asked for its end.
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
    except psutil.Error:
        return False

    # Ids are used again; the start time tells processes apart.
    return abs(started - document["process_started"]) < 2


def _started(process):
    """When a process started, in seconds: on Linux after the boot, since the time of day may be set meanwhile."""
    return process.create_time() - (psutil.boot_time() if psutil.LINUX else 0)
