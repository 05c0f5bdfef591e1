"""MongoDB is killed, restarted and failed over while jobs run, in a process whose database is a replica set."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from support.waiting import SECONDS
from tests.e2e.chaos import aftermath, jobs
from tests.e2e.chaos.conftest import CHAOS
from tests.e2e.chaos.replicas import Replicas
from tests.e2e.common import new_id

#: What happens to the database in a round, and what is done about it afterwards.
EVENTS = {
    "primary killed": lambda replicas: replicas.kill(replicas.wait()),
    "all members killed": lambda replicas: replicas.kill_all(),
    "primary stepped down": lambda replicas: replicas.step_down(),
}
#: Not patches: what FiftyOne makes for them has no order that a failover keeps.
KINDS = sorted(set(jobs.LOGGING) - {"patches"})
ROUNDS = max(CHAOS // 8, len(EVENTS))
#: In how many seconds a process has to end when its MongoDB has gone; ours are two of them.
LEAVING_SECONDS = 15


class Host:
    """A process with a FiftyOne of its own that does jobs."""

    def __init__(self, media, uri, spool):
        environment = {**os.environ, "FIFTYONE_DATABASE_URI": uri, "FIFTYONE_DATABASE_NAME": "chaos"}
        environment.update(TMPDIR=str(spool), PYTHONPATH=os.pathsep.join(["tests", "tools"]))
        command = [sys.executable, "-m", "tests.e2e.programs.chaos_host", "chaos-images", str(media)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, kind, name):
        self.process.stdin.write(f"{kind} {name}\n")
        self.process.stdin.flush()

    def answer(self):
        timer = threading.Timer(4 * SECONDS, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        assert line, "the host hangs or crashed"
        return json.loads(line)


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    found = Replicas(tmp_path_factory.mktemp("replicas"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def host_spool(tmp_path_factory):
    return tmp_path_factory.mktemp("t")


@pytest.fixture(scope="module")
def host(replicas, media, login, host_spool):
    host = Host(media, replicas.uri, host_spool)
    yield host
    if host.process.poll() is None:
        host.process.kill()
    host.process.wait()


@pytest.fixture(scope="module")
def outcomes(host, e2e_server):
    """What each kind of job makes of the host's dataset, and how long it takes."""
    found = {}
    for kind in KINDS:
        begin = time.monotonic()
        host.ask(kind, f"right_{kind}_{new_id()}")
        answer = host.answer()
        assert "result" in answer, answer
        found[kind] = jobs.outcome(e2e_server, kind, answer["result"]), time.monotonic() - begin
    return found


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_database_goes_away(replicas, host, outcomes, server, host_spool, chance, done, number):
    event, kind = sorted(EVENTS)[number % len(EVENTS)], chance.choice(KINDS)
    right, seconds = outcomes[kind]
    before, name = server.everything(), f"chaos_{new_id()}"
    host.ask(kind, name)
    time.sleep(chance.uniform(0, seconds))
    EVENTS[event](replicas)
    back = threading.Timer(chance.uniform(0, 3), replicas.restart)
    back.start()
    answer = host.answer()
    back.join()
    done(f"{event}: {kind}")

    aftermath.assert_no_orphan(host_spool)
    if "result" not in answer:
        assert "Traceback" not in answer["text"]
        committed = [a for a in server.artifacts() if a["collection"] == name]
        # The record of a job that was done may have found no database.
        assert committed == [] or [a["digest"] for a in committed] == [right], answer
    aftermath.assert_whole(server, before["artifacts"])

    host.ask(kind, name)
    again = host.answer()
    assert "result" in again, again
    assert jobs.outcome(server, kind, again["result"]) == right
    with contextlib.suppress(FileNotFoundError):
        assert list(host_spool.iterdir()) == []


def test_leaving_when_the_database_has_gone(replicas, host, outcomes, done):
    """A Python that did jobs ends soon, although it can tell no database that they are over."""
    replicas.kill_all()
    host.process.stdin.close()
    host.process.wait(LEAVING_SECONDS)
    done("left without a database")
