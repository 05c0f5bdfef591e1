"""What each file of tests costs: seconds that passed, and seconds of CPU with all processes below this one."""

import collections
import contextlib
import os

import psutil
import pytest

_SPENT = "cpu seconds"


class ByFile:
    """A plugin of pytest that measures the CPU of each file. What a file starts for later files is on its account."""

    def __init__(self):
        self._before, self._spent, self._ends = 0.0, 0.0, False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):
        # Asking about all processes takes a while, so it is done once for each file.
        self._ends = nextitem is None or nextitem.path != item.path
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self):
        # What a browser took is not known any more when it has ended.
        if self._ends:
            self._look()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if call.when == "teardown" and self._ends:
            self._look()
            report.user_properties.append((_SPENT, self._spent))
            self._spent = 0.0

        return report

    def _look(self):
        now = _cpu_seconds()
        self._spent += max(now - self._before, 0.0)
        self._before = now


def _cpu_seconds():
    """What this process, those below it and those of them that have ended took so far."""
    total = sum(os.times()[:4])
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            total += sum(child.cpu_times()[:4])

    return total


def summarize(terminalreporter):
    """Writes the files that took the most."""
    seconds, cpu, tests = collections.Counter(), collections.Counter(), collections.Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                name = report.nodeid.partition("::")[0]
                seconds[name] += report.duration
                tests[name] += report.when == "call"
                cpu[name] += dict(report.user_properties).get(_SPENT, 0)

    def line(passed, spent, count, name):
        terminalreporter.line(f"{passed:7.1f} s {spent:7.1f} s of CPU {count:5d} tests  {name}")

    terminalreporter.section("seconds by file")
    for name, passed in seconds.most_common(40):
        line(passed, cpu[name], tests[name], name)

    line(sum(seconds.values()), sum(cpu.values()), sum(tests.values()), "in all")
