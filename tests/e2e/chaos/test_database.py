"""MongoDB is killed, restarted and failed over while jobs run, in a process whose database is a replica set."""

import threading
import time

import pytest

from tests.e2e.chaos import aftermath, jobs
from tests.e2e.chaos.conftest import CHAOS, at_work
from tests.e2e.chaos.hosts import Host
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
#: In how many seconds a process has to end when its MongoDB has gone; ours are two of them on an idle machine.
LEAVING_SECONDS = 60


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
    host = Host.with_mongodb(replicas.uri, media, host_spool)
    yield host
    host.close()


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
    before, name = at_work(host, server, kind, seconds, chance)
    EVENTS[event](replicas)
    back = threading.Timer(chance.uniform(0, 3), replicas.restart)
    back.start()
    answer = host.answer()
    back.join()
    done(f"{event}: {kind}")

    aftermath.assert_no_orphan(host_spool)
    if "result" not in answer:
        aftermath.assert_all_or_nothing(server, answer, name, right)
    aftermath.assert_whole(server, before["artifacts"])
    aftermath.assert_runs_again(host, server, kind, name, right, host_spool)


def test_leaving_when_the_database_has_gone(replicas, host, outcomes, done):
    """A Python that did jobs ends soon, although it can tell no database that they are over."""
    replicas.kill_all()
    host.process.stdin.close()
    host.process.wait(LEAVING_SECONDS)
    done("left without a database")
