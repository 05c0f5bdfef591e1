"""Ends tests that take too long all together, and says where they stand.

CI stops after 90 minutes, and then nothing says what has failed by then. How long one test may take is said in
pyproject.toml.
"""

import os
import threading
import time

import pytest

#: How long all tests may take, in seconds. Then each process stops behind the test that it runs.
ENOUGH = 60 * 60
# Longer than one test may take.
_GRACE = 18 * 60

_BEGUN = "clock_begun"


class Clock:
    """A plugin of pytest, both in the process that shares the tests out and in those that run them.

    Args:
        config: pytest's
        enough: as ``ENOUGH``
        grace: how many seconds later the whole run ends, even if a test does not
    """

    def __init__(self, config, enough=ENOUGH, grace=_GRACE):
        # The same clock in all processes of a machine.
        self._begun = getattr(config, "workerinput", {}).get(_BEGUN) or time.monotonic()
        self._enough, self._running, self._failed = enough, {}, []
        if not hasattr(config, "workerinput"):
            timer = threading.Timer(enough + grace, self._give_up)
            timer.daemon = True
            timer.start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node):
        node.workerinput[_BEGUN] = self._begun

    def pytest_runtest_logstart(self, nodeid):
        self._running[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid):
        self._running.pop(nodeid, None)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self._failed.append(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        done = yield
        if time.monotonic() > self._begun + self._enough:
            item.session.shouldstop = f"the tests have taken more than {self._enough} seconds"

        return done

    def _give_up(self):
        now = time.monotonic()
        lines = [
            *(f"FAILED {nodeid}" for nodeid in self._failed),
            *(f"STILL RUNNING for {now - begun:.0f} s: {nodeid}" for nodeid, begun in self._running.items()),
        ]
        os.write(2, "".join(f"{line}\n" for line in lines).encode())
        os._exit(1)
