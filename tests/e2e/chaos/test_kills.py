"""Workers and hosts that are killed with -9 at random moments of every kind of job."""

import contextlib
import threading
import time

import psutil
import pytest

from support.background import is_worker
from tests.e2e.chaos import aftermath, jobs
from tests.e2e.chaos.conftest import CHAOS, at_work, shorter
from tests.e2e.chaos.hosts import Host

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
                    if is_worker(worker):  # it may have ended by itself
                        with contextlib.suppress(psutil.NoSuchProcess):
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
def test_a_killed_worker(chaos, chance, done, number):
    kind = KINDS[number % len(KINDS)]
    _, seconds = chaos.undisturbed(kind)
    for limit in shorter(seconds):
        with killing(chaos.spool, chance.uniform(0, limit)) as killed:
            name, error = chaos.disturbed(kind)
        if killed:
            break
    assert killed, "each job was done before its worker was killed"
    done(f"worker killed: {kind}")
    if error is not None:
        assert "worker" in str(error)
    chaos.again(kind, name)


@pytest.mark.parametrize("number", range(HOSTS))
def test_a_killed_host(chaos, chance, done, number):
    kind = KINDS[(number * 5) % len(KINDS)]
    _, seconds = chaos.undisturbed(kind)
    host = Host(chaos.dataset.name)
    try:
        before, name = at_work(host, chaos.server, kind, seconds, chance)
    finally:
        host.close()
    done(f"host killed: {kind}")

    aftermath.assert_no_orphan(chaos.spool)
    committed = [a for a in chaos.server.artifacts() if a["collection"] == name]
    if kind not in jobs.LOGGING or not committed:
        assert chaos.server.everything()["artifacts"] == before["artifacts"]
    aftermath.assert_whole(chaos.server, before["artifacts"])
    chaos.again(kind, name)
