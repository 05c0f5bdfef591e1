"""Servers that fail at random moments, disks that fill at random bytes, clocks that are stepped, two jobs of one name."""

import contextlib
import random
import subprocess
import threading
import time

import pytest

from support.fake_worker import module
from tests.e2e.chaos import jobs
from tests.e2e.chaos.conftest import CHAOS, SEED

ROUNDS = max(CHAOS // 5, 2)
LOGGING = sorted(jobs.LOGGING)

#: What a W&B server, or what is between it and us, can do to any request; each for a few requests.
TROUBLES = {
    "connection cut": {"mode": "cut"},
    "connection dropped": {"mode": "drop"},
    "answer lost": {"mode": "drop_after"},
    "slow answers": {"mode": "latency", "latency_ms": 400},
    "status 500": {"mode": "status", "status": 500},
    "status 429": {"mode": "status", "status": 429, "headers": {"Retry-After": "0.2"}},
}


def in_turn(options, number):
    """A kind of trouble for each round, all in turn, from a place that the seed chooses."""
    names = sorted(options)
    return names[(random.Random(SEED).randrange(len(names)) + number) % len(names)]


@pytest.mark.parametrize("number", range(max(ROUNDS, len(TROUBLES))))
def test_a_server_in_trouble(chaos, chance, number):
    kind, what = chance.choice(LOGGING), in_turn(TROUBLES, number)
    chaos.undisturbed(kind)
    for _ in range(2):
        where = chance.choice(["graphql", "upload", "filestream", "any"])
        chaos.server.fault(kind=where, skip=chance.randrange(6), count=chance.randint(1, 2), **TROUBLES[what])
    name, error = chaos.disturbed(kind, what)
    chaos.server.heal()
    assert error is None, f"{what} for a moment must not fail the job: {error}"
    chaos.again(kind, name)


@contextlib.contextmanager
def disk(directory, size):
    """A file system with room for some bytes, as the spool directory."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"only root can make a small disk: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_full_disk(chaos, chance, number):
    kind = LOGGING[(random.Random(SEED).randrange(len(LOGGING)) + number) % len(LOGGING)]
    chaos.undisturbed(kind)
    with disk(chaos.spool, chance.choice([4, 8, 16, 32, 64, 256, 1024]) * 1024):
        name, error = chaos.disturbed(kind, "disk full")
        if error is not None:
            assert error.source == "settings" or "space" in str(error), f"{error.source}: {error}"
    chaos.again(kind, name)


class SteppedClock:
    """The module ``time`` as the plugin sees it when the machine's clock is stepped at a moment to come.

    Only what reads the time of day is stepped: timers go by a clock that nobody can set.
    """

    def __init__(self, hours, after):
        self._step, self._moment = hours * 3600, time.monotonic() + after

    def __getattr__(self, name):
        return getattr(time, name)

    def time(self):
        return time.time() + self._step * (time.monotonic() > self._moment)


@pytest.mark.parametrize("hours", [-26, 26])
def test_a_stepped_clock(chaos, chance, operator, monkeypatch, hours):
    """The host's clock is stepped in the middle of a job."""
    kind = chance.choice(LOGGING)
    _, seconds = chaos.undisturbed(kind)
    clock = SteppedClock(hours, chance.uniform(0, seconds))
    for name in ("jobs", "processes"):
        monkeypatch.setattr(module(operator("log_fiftyone_view_to_wandb"), name), "time", clock)
    name, error = chaos.disturbed(kind, "clock stepped")
    assert error is None
    chaos.again(kind, name)


@pytest.mark.parametrize("number", range(max(ROUNDS // 4, 1)))
def test_two_jobs_of_one_name(chaos, chance, done, number):
    """At the same time: the same content is one version, other content is another one, and none is lost."""
    kind, other = chance.sample(["texts", "references", "thumbnails", "originals", "patches"], 2)
    wanted = [
        (kind, chaos.undisturbed(kind)[0]),
        (kind, chaos.undisturbed(kind)[0]),
        (other, chaos.undisturbed(other)[0]),
    ]
    name, results = f"twice_{number}_{chance.randrange(1 << 30)}", {}

    def log(i, kind):
        time.sleep(chance.uniform(0, 0.3))
        results[i] = jobs.run(chaos.dataset, kind, name)

    threads = [threading.Thread(target=log, args=(i, kind)) for i, (kind, _) in enumerate(wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done(f"three jobs of one name at once: {kind}, {kind}, {other}")

    assert sorted(results) == [0, 1, 2]
    versions = [a for a in chaos.server.artifacts() if a["collection"] == name]
    assert {a["digest"] for a in versions} == {digest for _, digest in wanted}
    for i, (_, digest) in enumerate(wanted):
        assert chaos.server.artifact(results[i])["digest"] == digest
    assert list(chaos.spool.iterdir()) == []
