"""Connections to MongoDB are cut in the middle of requests and answers, at random bytes."""

from urllib.parse import urlsplit

import pytest

from tests.e2e.chaos import aftermath, jobs
from tests.e2e.chaos.conftest import CHAOS, shorter
from tests.e2e.chaos.hosts import Host
from tests.e2e.chaos.relay import Relay
from tests.e2e.common import new_id

KINDS = sorted(jobs.LOGGING)
ROUNDS = max(CHAOS // 4, len(KINDS))


@pytest.fixture(scope="module")
def relay(mongod):
    address = urlsplit(mongod)
    relay = Relay(address.hostname, address.port)
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def host_spool(tmp_path_factory):
    return tmp_path_factory.mktemp("t")


@pytest.fixture(scope="module")
def host(relay, media, login, host_spool):
    host = Host.with_mongodb(f"mongodb://127.0.0.1:{relay.port}/?directConnection=true", media, host_spool)
    yield host
    host.close()


@pytest.fixture(scope="module")
def outcomes(relay, host, e2e_server):
    """What each kind of job makes of the host's dataset, and how many bytes go to MongoDB and back for the first of its kind."""
    found = {}
    for kind in KINDS:
        begin = relay.passed
        host.ask(kind, f"right_{kind}_{new_id()}")
        answer = host.answer()
        assert "result" in answer, answer
        found[kind] = jobs.outcome(e2e_server, kind, answer["result"]), relay.passed - begin
    return found


@pytest.mark.parametrize("number", range(ROUNDS))
def test_connections_are_cut(relay, host, outcomes, server, host_spool, chance, done, number):
    kind = KINDS[number % len(KINDS)]
    right, size = outcomes[kind]
    cuts = relay.cuts
    for limit in shorter(size):
        before, name = server.everything(), f"chaos_{new_id()}"
        relay.cut_after(*(chance.randint(1, int(limit)) for _ in range(chance.choice([1, 1, 2, 5]))))
        host.ask(kind, name)
        answer = host.answer()
        relay.heal()
        if relay.cuts > cuts:
            break
        assert "result" in answer, answer
    else:
        pytest.fail("each job was done before its connections were cut")
    done(f"connections to MongoDB cut: {kind}")

    aftermath.assert_no_orphan(host_spool)
    if "result" in answer:
        assert jobs.outcome(server, kind, answer["result"]) == right
    else:
        aftermath.assert_all_or_nothing(server, answer, name, right)
    aftermath.assert_whole(server, before["artifacts"])
    aftermath.assert_runs_again(host, server, kind, name, right, host_spool)
