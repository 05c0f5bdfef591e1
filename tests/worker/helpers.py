"""What several tests of the worker use."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from typing import Any

import psutil

from shim.worker import messages as pb
from support.waiting import SECONDS


def as_nobody(imports: str, text: str, *arguments: str, **environment: str) -> str:
    """What a Python program prints whose text runs as a user who is not root.

    The imports are done before, since nobody may not be able to read root's Python. The program changes its user
    itself: subprocess.run(user=…) forks, which not every child survives while calls of gRPC are at work.
    """
    change = "import os\nif os.getuid() == 0:\n    os.setgid(65534)\n    os.setuid(65534)\n"
    result = subprocess.run(
        [sys.executable, "-B", "-c", f"{imports}\n{change}{text}", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr


def request(job: str, **fields: Any) -> Any:
    """A request for a job of the misbehaving worker."""
    return pb.RunRequest(job_id=job, **fields)


def running(pid: int) -> bool:
    """Whether a process is there and has not ended; one that nobody has waited for has."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def gone(pid: int, seconds: float = SECONDS) -> bool:
    """Whether a process ends within some seconds."""
    until = time.monotonic() + seconds
    while running(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
