"""What must hold after anything that went wrong."""

import base64
import contextlib
import hashlib
import urllib.request
from urllib.parse import quote

import psutil

from support.background import is_worker
from support.waiting import SECONDS
from tests.e2e.chaos import jobs

#: For how long a worker may outlive its host, in seconds, on a machine with much else to do.
ORPHAN_SECONDS = 60


def workers(spool):
    """The workers on this machine that keep their files in the directory, whoever their parent is now."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if is_worker(process) and process.environ().get("TMPDIR") == str(spool):
                found.append(process)
    return found


def assert_no_orphan(spool):
    """Fails if a worker is still there after ORPHAN_SECONDS."""
    assert psutil.wait_procs(workers(spool), timeout=ORPHAN_SECONDS)[1] == []


def assert_whole(server, before):
    """Fails if a version that was committed since then lacks a file, or has other bytes than its manifest says."""
    known = {artifact["id"] for artifact in before}
    for artifact in server.artifacts():
        if artifact["id"] not in known:
            place = [artifact["entity"], artifact["project"], artifact["collection"], f"v{artifact['version']}"]
            for path, stored in artifact["files"].items():
                if not stored.get("ref"):
                    address = "/".join(quote(part, safe="") for part in place)
                    with urllib.request.urlopen(
                        f"{server.url}/__admin/file/{address}/{quote(path)}", timeout=SECONDS
                    ) as r:
                        digest = base64.b64encode(hashlib.md5(r.read()).digest()).decode()
                    assert digest == stored["digest"], (artifact["collection"], path)


def assert_all_or_nothing(server, answer, name, right):
    """Fails if a job that failed shows more than an error in words, or left another artifact than the right one."""
    assert "Traceback" not in answer["text"]
    committed = [a for a in server.artifacts() if a["collection"] == name]
    # The record of a job that was done may have found no database.
    assert committed == [] or [a["digest"] for a in committed] == [right], answer


def assert_runs_again(host, server, kind, name, right, spool):
    """Fails if the same job does not succeed now, or leaves files behind."""
    host.ask(kind, name)
    again = host.answer()
    assert "result" in again, again
    assert jobs.outcome(server, kind, again["result"]) == right
    with contextlib.suppress(FileNotFoundError):
        assert list(spool.iterdir()) == []
