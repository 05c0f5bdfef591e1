"""The worker's life is tied to its host's, however that ends; nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from shim.worker import Found, JobFailed, Worker, run_job
from shim.worker import messages as pb
from support.waiting import SECONDS
from tests.worker.helpers import gone, request, running

AT_WORK = """
worker = Worker(found)
events = worker.run(pb.RunRequest(job_id=JOB, client_version=MARKER))
next(events)
print(worker.pid, worker.target, flush=True)
"""


def started(process) -> tuple[int, Path]:
    """The pid of the worker of a script, and the directory of its socket."""
    pid, target = process.stdout.readline().split()
    return int(pid), Path(unquote(target.removeprefix("unix:"))).parent


@pytest.mark.parametrize("job", ["wait", "hang"])
def test_no_worker_outlives_a_killed_host(script, tmp_path: Path, job: str) -> None:
    marker = tmp_path / "marker"
    process = script(f"JOB, MARKER = {job!r}, {str(marker)!r}\n{AT_WORK}\ntime.sleep(300)")
    pid, directory = started(process)
    assert directory.is_dir()
    process.kill()
    assert gone(pid)
    assert not directory.exists()
    assert marker.exists() == (job == "wait"), "who listens has had the time to clean up"


def test_no_worker_outlives_a_host_that_forked(script) -> None:
    process = script(
        f"JOB, MARKER = 'wait', ''\n{AT_WORK}\n"
        "if os.fork() == 0:\n    time.sleep(300)\n    os._exit(0)\n"
        "print('forked', flush=True)\ntime.sleep(300)"
    )
    pid, _ = started(process)
    assert process.stdout.readline() == "forked\n"
    process.kill()
    assert gone(pid), "the child must not hold the lifeline"
    os.killpg(process.pid, signal.SIGKILL)


def test_a_host_that_just_ends_leaves_nothing(script) -> None:
    process = script(f"JOB, MARKER = 'wait', ''\n{AT_WORK}\nevents = worker = None")
    pid, directory = started(process)
    process.communicate(timeout=SECONDS)
    assert gone(pid)
    assert not directory.exists()


def test_a_fork_starts_its_own_worker(script) -> None:
    process = script(
        "request = pb.RunRequest(job_id='logs')\n"
        "with Worker(found) as worker:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        signal.alarm(20)\n"
        "        try:\n            list(worker.run(request))\n"
        "        except WorkerError as error:\n            print(error, flush=True)\n"
        "        worker.close()\n"
        "        run_job(request, found=found)\n"
        "        print('done', flush=True)\n"
        "        os._exit(0)\n"
        "    print(os.waitpid(child, 0)[1], flush=True)\n"
        "    print(len(list(worker.run(request))), flush=True)\n"
    )
    output, errors = process.communicate(timeout=SECONDS)
    lines = output.splitlines()
    assert "start another one" in lines[0], errors
    assert lines[1:] == ["done", "0", "1"], "the child has its own, and the parent's is as it was"


def test_a_child_that_was_started_by_the_system_does_not_matter(script) -> None:
    process = script(
        "import subprocess\n"
        f"JOB, MARKER = 'wait', ''\n{AT_WORK}\n"
        "subprocess.Popen(['sleep', '300'], close_fds=False)\nprint('started', flush=True)\ntime.sleep(300)"
    )
    pid, _ = started(process)
    assert process.stdout.readline() == "started\n"
    process.kill()
    assert gone(pid)
    os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def short_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary directory of this test alone, with a name short enough for a socket."""
    directory = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield directory
    shutil.rmtree(directory)


def test_nothing_is_left_of_a_call(misbehaving: Found, short_tmp: Path) -> None:
    descriptors = Path("/dev/fd")
    run_job(request("logs"), found=misbehaving)
    before = len(list(descriptors.iterdir()))
    for job in ("logs", "fault", "logs"):
        with contextlib.suppress(JobFailed):
            run_job(request(job), found=misbehaving)
    assert list(short_tmp.iterdir()) == []
    until = time.monotonic() + SECONDS  # threads of gRPC close their descriptors when they come to it
    while len(list(descriptors.iterdir())) > before:
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.usefixtures("short_tmp")
def test_what_a_crash_of_both_left_is_removed(misbehaving: Found) -> None:
    left = Path(tempfile.mkdtemp(prefix="fiftyone-wandb-host-"))
    young = Path(tempfile.mkdtemp(prefix="fiftyone-wandb-host-"))
    (left / "plugin123").touch()
    os.utime(left, (1, 1))
    with Worker(misbehaving) as worker:
        used = Path(unquote(worker.target.removeprefix("unix:"))).parent
        os.utime(used, (1, 1))
        with Worker(misbehaving):
            assert used.exists(), "it is locked"
    assert not left.exists()
    assert young.exists(), "its owner may not have come to lock it yet"


@pytest.mark.usefixtures("short_tmp")
@pytest.mark.parametrize(
    "name", [f"fiftyone-wandb-spool-{'0a' * 16}", "fiftyone-wandb-data", "fiftyone-wandb-host-by_users"]
)
def test_what_others_keep_in_the_temporary_directory_stays(misbehaving: Found, name: str) -> None:
    """Such as the files that another worker collects for an upload: it may not touch its directory for minutes."""
    directory = Path(tempfile.gettempdir(), name)
    directory.mkdir(0o700)
    (directory / "rows.json").write_text("{}")
    os.utime(directory, (1, 1))
    with Worker(misbehaving):
        assert (directory / "rows.json").exists()


def test_a_long_name_of_the_temporary_directory(
    misbehaving: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with Worker(misbehaving) as worker:
        assert worker.target.startswith("unix:/tmp/")
    assert list(long.iterdir()) == []


def test_a_strange_name_of_the_temporary_directory(
    misbehaving: Found, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = short_tmp / "50% ü#?"
    strange.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(strange))
    run_job(request("echo", log_view=pb.LogView()), found=misbehaving)
    assert list(strange.iterdir()) == []


def test_a_closed_worker_can_be_closed_again(misbehaving: Found) -> None:
    with Worker(misbehaving) as worker:
        assert worker.close()
        with Worker(misbehaving) as other:
            worker.close()
            assert running(other.pid), "a descriptor of the same number is not the same"
            assert len(list(other.run(request("logs")))) == 1
