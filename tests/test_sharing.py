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


@pytest.mark.slow
def test_a_test_that_hangs_fails_once_and_the_others_run(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_some.py").write_text(PROGRAM)
    settings = f"[pytest]\npythonpath = {TESTS_DIRECTORY}\nfaulthandler_timeout = 2\n"
    settings += "faulthandler_exit_on_timeout = true\n"
    (tmp_path / "pytest.ini").write_text(settings)
    command = [sys.executable, "-m", "pytest", "-n", "1", "--dist", "loadfile", "-rfp", "-p", "no:cacheprovider"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180)

    assert "1 failed, 2 passed" in done.stdout
    assert "PASSED test_some.py::test_after" in done.stdout
    assert "in test_hangs" in done.stderr
