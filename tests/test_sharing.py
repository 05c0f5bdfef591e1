"""How tests are shared out to processes."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS_DIRECTORY = Path(__file__).parent

CONFTEST = """
from support import sharing

def pytest_xdist_make_scheduler(config, log):
    return sharing.Scheduling(config, log)
"""

PROGRAM = """
import time

def test_before():
    pass

def test_hangs():
    time.sleep(600)

def test_after():
    pass
"""

WITH_A_CLOCK = """
from support.clock import Clock

def pytest_configure(config):
    config.pluginmanager.register(Clock(config, {enough}, {grace}))
"""


def _run(directory, conftest, settings="", program=PROGRAM):
    (directory / "conftest.py").write_text(conftest)
    (directory / "test_some.py").write_text(program)
    (directory / "pytest.ini").write_text(f"[pytest]\npythonpath = {TESTS_DIRECTORY}\n{settings}")
    command = [sys.executable, "-m", "pytest", "-n", "1", "--dist", "loadfile", "-rfp", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=180)


@pytest.mark.slow
def test_a_test_that_hangs_fails_once_and_the_others_run(tmp_path):
    done = _run(tmp_path, CONFTEST, "faulthandler_timeout = 2\nfaulthandler_exit_on_timeout = true\n")

    assert "1 failed, 2 passed" in done.stdout
    assert "PASSED test_some.py::test_after" in done.stdout
    assert "in test_hangs" in done.stderr


@pytest.mark.slow
def test_tests_that_take_too_long_stop_behind_the_one_that_runs(tmp_path):
    program = PROGRAM.replace("600", "3")
    done = _run(tmp_path, WITH_A_CLOCK.format(enough=2, grace=100), program=program)

    assert "PASSED test_some.py::test_before" in done.stdout
    assert "the tests have taken more than 2 seconds" in done.stdout
    assert "test_after" not in done.stdout
    assert done.returncode


@pytest.mark.slow
def test_a_run_that_does_not_stop_ends_with_where_it_stands(tmp_path):
    program = PROGRAM.replace("pass", "assert False", 1)
    # It is enough where the processes take long to start, too: the first test has to run, and not to be the last.
    done = _run(tmp_path, WITH_A_CLOCK.format(enough=25, grace=1), program=program)

    failed, running, *_ = done.stderr.splitlines()
    assert failed == "FAILED test_some.py::test_before"
    assert running.startswith("STILL RUNNING for ") and running.endswith(" s: test_some.py::test_hangs")
    assert done.returncode == 1
