"""Workers and hosts that are killed with -9 at random moments of every kind of job."""

import contextlib
import subprocess
import sys
import threading
import time

import pytest

from tests.e2e.chaos import aftermath, jobs
from tests.e2e.chaos.conftest import CHAOS
from tests.e2e.common import new_id

KINDS = sorted(jobs.JOBS)
#: Of the kills, this many go to hosts: each takes a Python that imports FiftyOne.
HOSTS = CHAOS // 3 if CHAOS else 2
WORKERS = max(CHAOS - HOSTS, len(KINDS))


@contextlib.contextmanager
def killing(spool, delay):
    """Kills each worker of the block a while after it has started."""
    stop, killed = threading.Event(), []

    def kill():
        while not stop.is_set():
            if found := aftermath.workers(spool):
                stop.wait(delay)
                for worker in found:
                    with contextlib.suppress(Exception):
                        worker.kill()
                        killed.append(worker.pid)
                return
            time.sleep(0.002)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("number", range(WORKERS))
def test_a_killed_worker(chaos, chance, number):
    kind = KINDS[number % len(KINDS)]
    _, seconds = chaos.undisturbed(kind)
    with killing(chaos.spool, chance.uniform(0, seconds)):
        name, error = chaos.disturbed(kind, "worker killed")
    if error is not None:
        assert "worker" in str(error)
    chaos.again(kind, name)


@pytest.mark.parametrize("number", range(HOSTS))
def test_a_killed_host(chaos, chance, done, number):
    kind = KINDS[(number * 5) % len(KINDS)]
    _, seconds = chaos.undisturbed(kind)
    before, name = chaos.server.everything(), f"chaos_{new_id()}"
    command = [sys.executable, "-m", "tests.e2e.programs.chaos_host", chaos.dataset.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as host:
        try:
            assert host.stdout.readline() == "ready\n"
            host.stdin.write(f"{kind} {name}\n")
            host.stdin.flush()
            time.sleep(chance.uniform(0, seconds * 1.2))
        finally:
            host.kill()
    done(f"host killed: {kind}")

    aftermath.assert_no_orphan(chaos.spool)
    committed = [a for a in chaos.server.artifacts() if a["collection"] == name]
    if kind not in jobs.LOGGING or not committed:
        assert chaos.server.everything()["artifacts"] == before["artifacts"]
    aftermath.assert_whole(chaos.server, before["artifacts"])
    chaos.again(kind, name)
