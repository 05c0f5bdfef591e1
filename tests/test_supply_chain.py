"""What others made: licences, advisories, and the promises of SECURITY.md."""

import json
import re
from pathlib import Path

import audit
import notice
import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_licences_are_those_of_the_modules():
    assert notice.NOTICE.read_text("utf-8") == notice.notice(), "run make notice"


def test_only_findings_are_failures(capsys):
    def unreachable():
        raise audit.CannotAsk("no network")

    assert audit.main({"a": list, "b": unreachable}) == 0
    assert audit.main({"a": lambda: ["X-1 in p"], "b": unreachable}) == 1
    said = capsys.readouterr().out
    assert "b: nothing is known, since its database or the tool could not be reached (no network).\n" in said
    assert "a: X-1 in p.\n" in said


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
