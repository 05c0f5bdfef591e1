"""What the tests of the whole chain have in common."""

import contextlib

import psutil
from bson import ObjectId

#: The W&B project that tests log to if they name none.
PROJECT = "e2e"


def new_id():
    """An id that nothing else has."""
    return str(ObjectId())


def workers(process=None):
    """The worker processes below a process, which is this one by default."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "wandb-worker" in " ".join(child.cmdline()[:1]) and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
    return found
