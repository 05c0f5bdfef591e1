"""Texts of others are texts: they act neither on terminals and logs nor on the App."""

import json
import logging
import re
from pathlib import Path

import pytest

from shim import errors, work
from shim.operators import notices, results
from shim.worker import logs, plaintext
from shim.worker.errors import WorkerError

ROOT = Path(__file__).resolve().parents[1]
TABLE = json.loads((ROOT / "goworker/internal/plaintext/testdata/texts.json").read_text("utf-8"))["cases"]

EVIL = "a\x1b]0;owned\x07\x1b[2J\u202eb\x00"
SHOWN = "a]0;owned[2Jb"


@pytest.mark.parametrize("case", TABLE)
def test_the_rule(case):
    """The same cases as in Go."""
    assert plaintext.clean(case["text"], case.get("most", 100), case.get("lines", False)) == case["clean"]


def test_errors_and_log_lines_are_clean(caplog):
    assert str(errors.WandBError(EVIL)) == SHOWN
    assert str(errors.bad_argument(EVIL + "\nmore")) == SHOWN + "\nmore"
    assert str(WorkerError(EVIL)) == SHOWN
    assert work.Update(0.5, EVIL + "\nmore").label == SHOWN + " more"
    assert len(str(errors.WandBError("x" * 100_000))) == plaintext.LONGEST + 1
    with caplog.at_level(logging.DEBUG):
        assert logs.emit(json.dumps({"@level": "info", "@message": "m", "name": EVIL})) == f"m name={SHOWN}"
        logs.emit(EVIL)
        logs.emit_raw(EVIL)

    assert "\x1b" not in caplog.text
    assert "\u202e" not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://evil.test/x.png)",
        "[Log in](http://evil.test)",
        "<img src=http://evil.test>",
        "<http://evil.test>",
        "http://evil.test/login",
        "www.evil.test",
        "someone@evil.test",
        "# Heading",
        "- item",
        "1. item",
        "**bold** _under_ `code` ~~gone~~ a|b $x$",
        "&#33;[x](y)",
        "[a]: http://evil.test",
        "line\n\n![x](http://evil.test)",
    ],
)
def test_notices_show_markdown_as_it_is(text):
    """All that Markdown could act on is escaped, and reads as it was written."""
    for made in (notices.notice(text, text), notices.warning(text, text)):
        view = made.to_json()
        for shown in (view["label"], view["description"]):
            assert re.sub(r"\\(.)", r"\1", shown).replace("\u2060", "") == plaintext.clean(text)
            active = re.sub(r"\\.", "", shown)
            assert not re.search(r"[`*_{}\[\]<>()#|~$\\\n]|&#?\w+;", active)
            assert not re.search(r"://|www\.\w|@\w|^[-+=]|^\d+[.)]", active)


def test_addresses_of_links():
    assert results.link("a]b", "https://wandb.ai/x") == "[a\\]b](https://wandb.ai/x)"
    for bad in ("javascript:alert(1)", "https://x y", "https://x)![a](http://evil.test", "data:text/html,x"):
        assert results.link("a", bad) == "a"
