"""What the chaos tests share: how many rounds there are, what was done in them, and what is right.

``make test-chaos`` sets CHAOS to the number of kills; without it each kind is done a few times. CHAOS_SEED repeats a run.
"""

import os
import random
import time
from collections import Counter

import pytest

from support import datasets
from tests.e2e.chaos import aftermath, jobs
from tests.e2e.common import PROJECT, new_id

SEED = os.environ.get("CHAOS_SEED") or str(random.randrange(1 << 32))
#: The number of kills asked for; 0 for the short part.
CHAOS = int(os.environ.get("CHAOS") or 0)
_done = Counter()


def pytest_terminal_summary(terminalreporter):
    if _done:
        terminalreporter.write_sep("=", f"chaos, seed {SEED}")
        for what, times in sorted(_done.items()):
            terminalreporter.write_line(f"{times:5} {what}")


@pytest.fixture(scope="session")
def chaos_images(media, fiftyone):
    """A dataset that takes a job about a second."""
    dataset = datasets.images(media, n=60, persistent=True)
    yield dataset
    dataset.delete()


@pytest.fixture
def chance(request):
    """Random numbers that CHAOS_SEED repeats."""
    print(f"CHAOS_SEED={SEED}")  # shown with a failure, also by processes that have no summary
    return random.Random(f"{SEED} {request.node.nodeid}")


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """Where workers keep their files."""
    directory = tmp_path / "t"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    return directory


@pytest.fixture(scope="session")
def right():
    """The outcome and the seconds of each kind of job when nothing disturbs it, by dataset and kind."""
    return {}


def shorter(limit):
    """Limits of which each is half the one before, for trouble that has to come while a job is at work.

    What a job takes is measured with the first of its kind, on a machine that may do much else: later ones take less.
    """
    return [limit / 2**i for i in range(10)]


def at_work(host, server, kind, seconds, chance):
    """Has a host begin a job that is still at work after a random part of the time that it takes.

    Returns:
        what the server had before, and the name of the job's artifact
    """
    for limit in shorter(seconds):
        before, name = server.everything(), f"chaos_{new_id()}"
        host.ask(kind, name)
        if host.is_busy_for(chance.uniform(0, limit)):
            return before, name
        assert "result" in host.answer()
    pytest.fail("each job was done before anything happened to it")


class Chaos:
    """Does jobs that something happens to, and checks what they leave."""

    def __init__(self, server, dataset, spool, right):
        self.server, self.dataset, self.spool, self._right = server, dataset, spool, right

    def undisturbed(self, kind):
        """The outcome and the seconds of a job to which nothing happens."""
        if (self.dataset.name, kind) not in self._right:
            begin = time.monotonic()
            outcome = jobs.outcome(self.server, kind, jobs.run(self.dataset, kind, f"right_{kind}_{new_id()}"))
            self._right[self.dataset.name, kind] = outcome, time.monotonic() - begin
        return self._right[self.dataset.name, kind]

    def disturbed(self, kind, what=None, name=None):
        """Does a job that may fail. Whatever came of it, nothing half done may be seen, and no worker stays.

        Args:
            kind: of ``jobs.JOBS``
            what: what happens to it, for the summary; None if the caller counts it

        Returns:
            the name of its artifact, and the error or None
        """
        right, _ = self.undisturbed(kind)
        before, error, name = self.server.everything(), None, name or f"chaos_{new_id()}"
        try:
            result = jobs.run(self.dataset, kind, name)
        except RuntimeError as e:  # what users get: anything else fails the test
            error = e
            assert getattr(e, "code", None), f"{kind}: an error without a code: {e!r}"
            assert "Traceback" not in str(e)
        if what:
            _done[f"{what}: {kind}"] += 1
        aftermath.assert_no_orphan(self.spool)
        if error is None:
            assert jobs.outcome(self.server, kind, result) == right
            aftermath.assert_whole(self.server, before["artifacts"])
        else:
            after = self.server.everything()["artifacts"]
            if error.code == "worker":
                # It was killed, and may have committed before: then what it made is whole and right.
                made = [artifact for artifact in after if artifact["collection"] == name]
                assert [artifact["digest"] for artifact in made] in ([], [right])
                aftermath.assert_whole(self.server, before["artifacts"])
                after = [artifact for artifact in after if artifact not in made]
            assert after == before["artifacts"], f"{kind}: {error}"
        return name, error

    def again(self, kind, name):
        """Does the job once more, undisturbed: it succeeds, is right, and clears up."""
        before = self.server.everything()
        result = jobs.run(self.dataset, kind, name)
        assert jobs.outcome(self.server, kind, result) == self.undisturbed(kind)[0]
        aftermath.assert_whole(self.server, before["artifacts"])
        assert list(self.spool.iterdir()) == []


@pytest.fixture
def chaos(server, chaos_images, spool, right):
    ready(server, chaos_images)
    return Chaos(server, chaos_images, spool, right)


def ready(server, dataset):
    """Makes what jobs load and link."""
    if not server.run(jobs.READY):
        server.make_run(PROJECT, jobs.READY, jobs.READY)
        jobs.run(dataset, "references", jobs.READY)


@pytest.fixture
def done():
    """Counts something for the summary."""

    def count(what):
        _done[what] += 1

    return count
