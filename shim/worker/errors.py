"""What can go wrong between the plugin and its worker, each with a text for users."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from . import plaintext

#: The directory of the plugin, where requirements.txt is.
PLUGIN_DIR = Path(__file__).resolve().parents[2]


class WorkerError(RuntimeError):
    """Something is wrong with the worker, not with the job that it was to do."""

    def __init__(self, message: str) -> None:
        super().__init__(plaintext.clean(message, lines=True))


class MissingRequirement(WorkerError):
    """A Python package of requirements.txt cannot be imported."""


class WorkerNotFound(WorkerError):
    """There is no binary that could be used, and none could be built."""


class WorkerBuildFailed(WorkerError):
    """Go is there, but it did not build the worker."""


class WorkerStartError(WorkerError):
    """The program did not start, or it is not a worker."""


class WorkerMismatch(WorkerStartError):
    """The program is a worker, but of other sources or of another protocol."""


class WorkerCrashed(WorkerError):
    """The worker ended in the middle of a job.

    What the job had begun is left as it was: a W&B run that it created is still open.
    """


class JobFailed(RuntimeError):
    """The worker did its work and reports that the job cannot be done.

    Attributes:
        source: whose matter it is: "settings", "fiftyone", "wandb", "media" or "plugin"
        code: a word for programs, such as "bad_key"
        message: what was being done, what happened and what to do next
    """

    def __init__(self, source: str, code: str, message: str) -> None:
        super().__init__(message)
        self.source = source
        self.code = code
        self.message = message


class JobCancelled(Exception):
    """The job was cancelled, as asked. Nothing was committed.

    Attributes:
        cleaned_up: whether the worker has cleaned up after itself. If not, it had to be
            killed, or W&B did not answer it in time, and a W&B run that it created may still be open.
    """

    def __init__(self, cleaned_up: bool) -> None:
        super().__init__("The job was cancelled.")
        self.cleaned_up = cleaned_up


def require(module: str, distribution: str) -> ModuleType:
    """Imports a module of requirements.txt.

    Raises:
        MissingRequirement: with the line to run
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        requirements = PLUGIN_DIR / "requirements.txt"
        raise MissingRequirement(
            f"The W&B plugin needs the Python package {distribution}, which cannot be imported here ({error}). "
            f'Install it with: "{sys.executable}" -m pip install -r "{requirements}"'
        ) from error
