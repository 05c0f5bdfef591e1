"""`make demo-app`, as a newcomer runs it."""

import ipaddress
import os
import re
import signal
import subprocess
import sys
import urllib.request
from urllib.parse import urlsplit

import psutil
import pytest

from support.waiting import SECONDS, wait_for
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

READY = re.compile(r"The FiftyOne App: (http://\S+)")


@pytest.fixture
def demo(tmp_path):
    """The demo, with an App, and the file of what it prints."""
    said = tmp_path / "said"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FIFTYONE_", "WANDB_"))}
    environment.update(FIFTYONE_WANDB_DEMO_DIR=str(tmp_path / "demo"), PYTHONUNBUFFERED="1")
    command = [sys.executable, str(ROOT / "demo" / "demo.py"), "--app"]
    with said.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)

    yield process, said
    if process.poll() is None:
        process.terminate()  # it ends its servers
        process.wait(SECONDS)


def follow(process, said):
    """What the demo says until its App is ready. It may take its time as long as it goes on to say something."""
    text = ""
    while process.poll() is None and not READY.search(text):
        wait_for(lambda before=text: said.read_text() != before or process.poll() is not None)
        text = said.read_text()

    return text


def test_the_demo_and_its_app(demo):
    """The job runs, the official package reads it back, and nothing listens where other machines reach it."""
    process, said = demo
    text = follow(process, said)
    assert process.poll() is None, text
    assert "Read back by the official wandb package:" in text
    assert text.count(" rows, columns ") == text.count("\nLogged ") >= 3

    address = READY.search(text)[1]
    with urllib.request.urlopen(address, timeout=SECONDS) as page:
        assert b"FiftyOne" in page.read()

    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    listening = {c.laddr for one in family for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert urlsplit(address).port in {one.port for one in listening}
    assert all(ipaddress.ip_address(one.ip).is_loopback for one in listening), listening

    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 143
    gone, left = psutil.wait_procs(family[1:], timeout=SECONDS)
    assert not left
