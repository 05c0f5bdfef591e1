"""Calls of a worker: what comes back, and how they end before their time."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from shim.worker import Found, JobCancelled, JobFailed, Worker, WorkerCrashed, WorkerError, run_job
from shim.worker import messages as pb
from shim.worker.process import GRACE, POLL
from support.waiting import SECONDS, wait_for
from tests.worker.helpers import gone, request, running


def test_events_and_the_result_arrive(misbehaving: Found) -> None:
    progress, runs = [], []
    view = pb.View(pipeline=b"x" * 300)
    result = run_job(
        request("echo", log_view=pb.LogView(artifact_name="grüße", view=view)),
        on_progress=progress.append,
        on_run_created=runs.append,
        found=misbehaving,
    )
    assert (result.artifact_name, result.samples) == ("grüße", 300)
    assert [(event.rows_done, event.rows_total) for event in progress] == [(1, 2), (2, 2)]
    assert [(run.entity, run.project, run.run_id) for run in runs] == [("team", "p", "r1")]


def test_a_large_request_arrives(misbehaving: Found) -> None:
    pipeline = os.urandom(32 << 20)
    result = run_job(request("echo", log_view=pb.LogView(view=pb.View(pipeline=pipeline))), found=misbehaving)
    assert result.samples == len(pipeline)


def test_progress_is_thinned(misbehaving: Found) -> None:
    seen = []
    result = run_job(request("flood"), on_progress=lambda event: seen.append(event.rows_done), found=misbehaving)
    assert result.samples > len(seen) * 10, "the worker reports far more often than it sends"
    assert seen == sorted(seen)
    assert seen[-1] == result.samples, "the last one arrives"


def test_the_product_does_not_know_an_empty_job(worker: Found) -> None:
    with pytest.raises(JobFailed) as caught:
        run_job(pb.RunRequest(), found=worker)
    assert caught.value.source == "plugin"


def test_a_failed_job_says_whose_matter_it_is(misbehaving: Found) -> None:
    settings = pb.WandbSettings(api_key="canary-key")
    with pytest.raises(JobFailed) as caught:
        run_job(request("fault", wandb=settings), found=misbehaving)
    assert (caught.value.source, caught.value.code) == ("settings", "bad_key")
    assert str(caught.value) == caught.value.message == "W&B does not know the key **redacted**."


@pytest.mark.parametrize("job", ["error", "panic"])
def test_what_nobody_expected_is_the_fault_of_the_plugin(
    misbehaving: Found, job: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(JobFailed) as caught:
        run_job(request(job, wandb=pb.WandbSettings(api_key="canary-key")), found=misbehaving)
    assert (caught.value.source, caught.value.code) == ("plugin", "internal")
    assert "canary" not in str(caught.value) + caplog.text
    if job == "panic":
        assert "boom in the handler" in str(caught.value)
        assert "testworker/main.go" in caplog.text, "the stack is in the log"


def test_a_job_without_a_result_is_no_success(misbehaving: Found) -> None:
    with pytest.raises(JobFailed, match="without a result"):
        run_job(request("nothing"), found=misbehaving)


def test_log_lines_reach_logging_with_their_level(misbehaving: Found, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "fiftyone_wandb.worker"):
        run_job(request("logs"), found=misbehaving)
    lines = {record.getMessage(): record.levelname for record in caplog.records if record.name.startswith("fiftyone")}
    assert lines["a debug line"] == "DEBUG"
    assert lines["an info line rows=12"] == "INFO"
    assert lines["a warning"] == "WARNING"
    assert lines["an error error=broken"] == "ERROR"
    assert lines["a line that is not JSON"] == "WARNING"


def test_lines_that_nobody_wants_are_not_written(misbehaving: Found, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fiftyone_wandb.worker"):
        run_job(request("logs"), found=misbehaving)
    assert "an info line" not in caplog.text
    assert "a warning" in caplog.text


def test_stray_prints_block_nothing(misbehaving: Found) -> None:
    too_late = threading.Event()
    timer = threading.Timer(30, too_late.set)
    timer.start()
    run_job(request("stray prints"), cancelled=too_late, found=misbehaving)
    timer.cancel()


@pytest.mark.parametrize(
    ("job", "reason", "evidence"),
    [
        ("exit", "exit status 3", "worker: fatal: the disk is full"),
        ("panic elsewhere", "exit status 2", "worker: panic: boom in a goroutine"),
    ],
)
def test_a_crash_comes_with_its_reason(misbehaving: Found, job: str, reason: str, evidence: str) -> None:
    with pytest.raises(WorkerCrashed) as caught:
        run_job(request(job), found=misbehaving)
    lines = str(caught.value).splitlines()
    assert reason in lines[0]
    assert any(evidence in line for line in lines)
    assert len(lines) <= 13, "of a trace the head is enough"


def test_a_killed_worker_is_noticed(misbehaving: Found) -> None:
    with Worker(misbehaving) as worker, pytest.raises(WorkerCrashed, match="killed by SIGKILL"):
        for _ in worker.run(request("hang")):
            os.kill(worker.pid, signal.SIGKILL)


def test_an_error_of_the_caller_ends_the_job(misbehaving: Found) -> None:
    with pytest.raises(ZeroDivisionError), Worker(misbehaving) as worker:
        for _ in worker.run(request("wait")):
            raise ZeroDivisionError
    assert not running(worker.pid)


@pytest.mark.parametrize("kind", ["an event", "a function"])
def test_a_cancelled_job_cleans_up(misbehaving: Found, tmp_path: Path, kind: str) -> None:
    marker = tmp_path / "marker"
    cancel = threading.Event()
    with pytest.raises(JobCancelled) as caught:
        run_job(
            request("wait", client_version=str(marker)),
            on_progress=lambda event: cancel.set(),
            cancelled=cancel if kind == "an event" else cancel.is_set,
            found=misbehaving,
        )
    assert caught.value.cleaned_up
    assert marker.read_text() == "cleaned up"


@pytest.mark.parametrize("ends", ["reads on", "cancels", "leaves"])
def test_a_slow_reader_holds_the_worker_back(misbehaving: Found, tmp_path: Path, ends: str) -> None:
    """A hundred events of a megabyte do not pile up in memory, and a cancel does not wait for them."""
    counter = tmp_path / "counter"
    cancel = threading.Event()
    with Worker(misbehaving) as worker:
        events = worker.run(request("pour", client_version=str(counter)), cancel)
        first = next(events)
        sent = _at_rest(counter)
        assert sent < 80, "the queue, and what is on its way in gRPC, whose windows grow with the speed"
        if ends == "reads on":
            pieces = [first.id_chunk.ids[0], *(event.id_chunk.ids[0] for event in events if event.HasField("id_chunk"))]
            assert pieces == list(range(100))
        elif ends == "cancels":
            cancel.set()
            with pytest.raises(JobCancelled) as caught:
                next(events)
            assert caught.value.cleaned_up
            assert counter.stat().st_size < 100, "the worker did not go on"
        else:
            events.close()
    wait_for(lambda: not any(thread.name == "wandb-worker-run" for thread in threading.enumerate()))


def _at_rest(counter: Path) -> int:
    """How many events were sent when no more are, or all."""
    size, since = 0, time.monotonic()
    while size < 100 and time.monotonic() - since < 1:
        time.sleep(0.02)
        if counter.exists() and counter.stat().st_size != size:
            size, since = counter.stat().st_size, time.monotonic()
    return size


@pytest.mark.parametrize("stopped", [False, True], ids=["ignores its context", "is stopped by a signal"])
def test_a_worker_that_does_not_end_is_killed(misbehaving: Found, stopped: bool) -> None:
    cancel = threading.Event()
    with Worker(misbehaving) as worker:
        events = worker.run(request("hang"), cancel)
        next(events)
        if stopped:
            os.kill(worker.pid, signal.SIGSTOP)
        cancel.set()
        with pytest.raises(JobCancelled) as caught:
            next(events)
        assert not running(worker.pid)
    assert not caught.value.cleaned_up
    assert GRACE + POLL < 2, "the promise is two seconds"


def test_a_request_to_cancel_from_before_starts_nothing(misbehaving: Found, tmp_path: Path) -> None:
    nothing = Found(tmp_path / "none", misbehaving.source)
    with pytest.raises(JobCancelled):
        run_job(request("wait"), cancelled=lambda: True, found=nothing)


CTRL_C = """
try:
    run_job(pb.RunRequest(job_id=JOB, client_version=MARKER),
            on_progress=lambda event: print("working", flush=True), found=found)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("job", ["wait", "hang"])
def test_ctrl_c_ends_a_job_in_the_main_thread(script, tmp_path: Path, job: str) -> None:
    marker = tmp_path / "marker"
    process = script(f"JOB, MARKER = {job!r}, {str(marker)!r}\n{CTRL_C}")
    assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=SECONDS)
    assert output == "interrupted\n", errors
    assert marker.exists() == (job == "wait"), "who listens has had the time to clean up"


def test_a_second_ctrl_c_does_not_wait(script) -> None:
    process = script(f"JOB, MARKER = 'hang', ''\n{CTRL_C}")
    assert process.stdout.readline() == "working\n"
    pid = int(os.popen(f"ps -o pid= --ppid {process.pid}").read())
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert gone(pid)


def test_ctrl_c_ends_the_wait_for_a_silent_worker(script, program) -> None:
    silent = program("exec $WORKER -mode silent")
    process = script(
        f"found = Found(Path({str(silent.binary)!r}), '')\n"
        "threading.Timer(0.5, lambda: print('waiting', flush=True)).start()\n"
        "try:\n    Worker(found)\nexcept KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
    )
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=SECONDS)
    assert output == "interrupted\n", errors


def test_workers_in_many_threads(misbehaving: Found) -> None:
    results, failures = [], []

    def work() -> None:
        try:
            results.append(run_job(request("echo", log_view=pb.LogView()), found=misbehaving))
        except WorkerError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert (len(results), failures) == (8, [])
