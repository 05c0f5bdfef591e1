"""What others made: licences, advisories, and the promises of SECURITY.md."""

import json
import os
import re
import socket
from pathlib import Path

import audit
import notice
import psutil
import pytest

from support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]


def test_the_licences_are_those_of_the_modules():
    assert notice.NOTICE.read_text("utf-8") == notice.notice(), "run make notice"


def test_the_status_says_what_is_known(capsys):
    def unreachable():
        raise audit.CannotAsk("no network")

    assert audit.main({"a": list}) == 0
    assert audit.main({"a": list, "b": unreachable}) == 3
    assert audit.main({"b": unreachable, "a": lambda: ["X-1 in p"]}) == 1
    said = capsys.readouterr().out
    assert "b: nothing is known, since its database or the tool could not be reached (no network).\n" in said
    assert "a: X-1 in p.\n" in said


@pytest.fixture
def silent():
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_database_that_never_answers_is_given_up(silent, monkeypatch):
    monkeypatch.setattr(audit, "CONNECT_SECONDS", 2)
    with pytest.raises(audit.CannotAsk, match=r"^no answer within 2 s$"):
        audit.connect(f"{silent}/index")


def test_without_a_network_each_audit_says_so(monkeypatch, capsys):
    """Every way out leads to a port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        nowhere = f"http://127.0.0.1:{server.getsockname()[1]}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, nowhere)
        monkeypatch.setenv(name.lower(), nowhere)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert audit.main({"go": audit.audit_go, "python": audit.audit_python, "js": audit.audit_js}) == audit.UNKNOWN
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", since its database or the tool could not be reached (")[0] for line in lines] == [
        "go: nothing is known",
        "python: nothing is known",
        "js: nothing is known",
    ]
    assert "vuln.go.dev: " in lines[0]
    assert "pypi.org: " in lines[1]


@pytest.mark.skipif(os.name != "posix", reason="ends a group of processes")
def test_a_tool_that_takes_too_long_ends_with_what_it_started(tmp_path):
    """What it has started holds its pipes, and would be waited for."""
    note = tmp_path / "pid"
    with pytest.raises(audit.CannotAsk, match="no answer within 2 s"):
        audit.run(["sh", "-c", f"sleep 600 & echo $! > {note}; wait"], tmp_path, 2)
    started = int(note.read_text())
    wait_for(lambda: not psutil.pid_exists(started) or psutil.Process(started).status() == psutil.STATUS_ZOMBIE)


def test_what_the_tools_say():
    called = {"finding": {"osv": "GO-1", "trace": [{"module": "m", "function": "f"}]}}
    imported = {"finding": {"osv": "GO-2", "trace": [{"module": "m"}]}}
    output = "\n".join(map(json.dumps, [{"config": {}}, called, imported, called]))
    assert audit.go_findings(output, 3) == ["GO-1 in m"]
    assert audit.go_findings(json.dumps({"config": {}}), 0) == []
    package = {"name": "p", "version": "1", "vulns": [{"id": "PYSEC-1"}]}
    assert audit.python_findings(json.dumps({"dependencies": [package]})) == ["PYSEC-1 in p 1"]
    assert audit.js_findings(json.dumps({"vulnerabilities": {"q": {"severity": "high"}}})) == ["q (high)"]
    assert audit.js_findings(json.dumps({"vulnerabilities": {}})) == []


@pytest.mark.parametrize("output", ["", "connection refused", '{"message": "fetch failed"}', "[]"])
def test_without_a_database_nothing_is_known(output):
    with pytest.raises(audit.CannotAsk):
        audit.python_findings(output)
    with pytest.raises(audit.CannotAsk):
        audit.js_findings(output)
    with pytest.raises(audit.CannotAsk):
        audit.go_findings(output, 1)


def test_every_promise_has_its_tests():
    """Each test that SECURITY.md names is there."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    named = re.findall(r"`([\w./-]+)::(\w+)`", text)
    assert len(named) > 20
    for file, test in named:
        path = ROOT / file
        assert path.is_file(), file
        assert re.search(rf"(def|func) {test}\b", path.read_text("utf-8")), f"{file}::{test}"

    assert "SECURITY.md" in (ROOT / "README.md").read_text("utf-8")


def test_the_promises_name_tests_that_exist():
    """A promise in SECURITY.md whose test was renamed or removed holds nothing."""
    named = re.findall(r"`([\w./]+\.(?:py|go))(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text("utf-8"))
    assert len(named) > 40
    missing = []
    for path, test in named:
        text = next((f.read_text("utf-8") for f in (ROOT / path, ROOT / "tests/restore" / path) if f.is_file()), "")
        if not re.search(rf"^(?:async )?(?:def|func) {test}\(" if test else ".", text, re.M):
            missing.append((path, test))

    assert not missing
