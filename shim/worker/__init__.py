"""The plugin's side of its worker, a Go process that does the work of one operator call.

Nothing but the standard library is imported before a worker is started, so that the
plugin can say what is missing.
"""

from .errors import (
    JobCancelled,
    JobFailed,
    MissingRequirement,
    WorkerBuildFailed,
    WorkerCrashed,
    WorkerError,
    WorkerMismatch,
    WorkerNotFound,
    WorkerStartError,
)
from .find import Found, find_worker
from .host import Worker, run_job

__all__ = [
    "Found",
    "JobCancelled",
    "JobFailed",
    "MissingRequirement",
    "Worker",
    "WorkerBuildFailed",
    "WorkerCrashed",
    "WorkerError",
    "WorkerMismatch",
    "WorkerNotFound",
    "WorkerStartError",
    "find_worker",
    "run_job",
]
