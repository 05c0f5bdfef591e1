"""FiftyOne's service for delegated runs, as users start it."""

import contextlib
import os
import signal
import subprocess

import fiftyone.core.odm as foo
import psutil
from bson import ObjectId
from fiftyone.operators.delegated import DelegatedOperationService

from support import warm
from support.waiting import SECONDS

# FiftyOne's command, with the plugins of its own environment.
_FIFTYONE = """
import os, sys
import fiftyone as fo
from fiftyone.core.cli import main
fo.config.plugins_dir = os.environ["FIFTYONE_PLUGINS_DIR"]
sys.argv[0] = "fiftyone"
main()
"""


@contextlib.contextmanager
def background_service(log_path, *flags, **environment):
    """``fiftyone delegated launch`` with the given flags and variables; gives its process."""
    command = ["-c", _FIFTYONE, "delegated", "launch", "-t", "local", *flags]
    with log_path.open("w") as out:
        process = warm.Program(command, warm.COMMANDS, env={**os.environ, **environment}, stdout=out, stderr=out)

    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def operation(queued):
    """The delegated operation that an operator's answer is about."""
    return DelegatedOperationService().get(ObjectId(queued["delegated_operation_id"]))


def run_queued(dataset):
    """Does here what is queued for a dataset. What tests of other datasets have left in the queue is not for it."""
    DelegatedOperationService().execute_queued_operations(dataset_name=dataset.name)


def set_failed(queued):
    """What ``fiftyone delegated fail`` does."""
    DelegatedOperationService().set_failed(ObjectId(queued["delegated_operation_id"]))


def set_queued_failed():
    """The same for all operations that wait for a service."""
    for one in foo.get_db_conn()["delegated_ops"].find({"run_state": "queued"}):
        DelegatedOperationService().set_failed(one["_id"])


def is_worker(process):
    """Whether a process is a living worker."""
    with contextlib.suppress(psutil.Error):
        return "wandb-worker" in "".join(process.cmdline()[:1]) and process.status() != psutil.STATUS_ZOMBIE
    return False


def workers(parent=None):
    """The worker processes below a process, by default this one."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child for child in psutil.Process(parent).children(recursive=True) if is_worker(child)]
    return []


def kill(service):
    """What a machine's end does to a service and its worker."""
    for process in [service, *workers(service.pid)]:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    service.wait()
