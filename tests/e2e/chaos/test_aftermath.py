"""That the checks of the chaos tests can fail: a worker that stays is seen, and so is a version with other bytes."""

import threading

import pytest

from support.waiting import wait_for
from tests.e2e.chaos import aftermath, jobs
from tests.e2e.common import new_id


def test_a_worker_that_stays_is_seen(chaos, monkeypatch):
    """One that does not run, and so does not end, until it may."""
    monkeypatch.setattr(aftermath, "ORPHAN_SECONDS", 0.2)
    ended = []

    def job():
        ended.append(jobs.run(chaos.dataset, "references", f"chaos_{new_id()}"))

    thread = threading.Thread(target=job)
    thread.start()
    try:
        (worker,) = wait_for(lambda: aftermath.workers(chaos.spool))
        worker.suspend()
        try:
            with pytest.raises(AssertionError):
                aftermath.assert_no_orphan(chaos.spool)
        finally:
            worker.resume()
    finally:
        thread.join()

    assert ended
    aftermath.assert_no_orphan(chaos.spool)


def test_other_bytes_are_seen(chaos, monkeypatch):
    before = chaos.server.everything()["artifacts"]
    jobs.run(chaos.dataset, "references", f"chaos_{new_id()}")
    aftermath.assert_whole(chaos.server, before)
    found = chaos.server.artifacts()
    for artifact in found:
        for stored in artifact["files"].values():
            stored["digest"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    monkeypatch.setattr(chaos.server, "artifacts", lambda: found)
    with pytest.raises(AssertionError):
        aftermath.assert_whole(chaos.server, before)
