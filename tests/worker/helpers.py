"""What several tests of the worker use."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

from shim.worker import messages as pb


def request(job: str, **fields: Any) -> Any:
    """A request for a job of the misbehaving worker."""
    return pb.RunRequest(job_id=job, **fields)


def running(pid: int) -> bool:
    """Whether a process is there and has not ended; one that nobody has waited for has."""
    try:
        os.kill(pid, 0)
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state) and not state.strip().startswith("Z")


def gone(pid: int, seconds: float = 5.0) -> bool:
    """Whether a process ends within some seconds."""
    until = time.monotonic() + seconds
    while running(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
