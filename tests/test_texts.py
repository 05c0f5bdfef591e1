"""Texts of others are texts: they act neither on terminals and logs nor on the App."""

import json
import logging
import re
import types
from pathlib import Path

import pytest
from fiftyone.operators import types as foo_types

from shim import calls, errors, linked, work
from shim.operators import notices, results, show, wandb_panel
from shim.panel import views
from shim.restoring import loader
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


def test_tracebacks_in_logs_are_clean(caplog):
    """What failed is logged at level DEBUG, with the words of whoever said why."""
    made = logging.Formatter("%(message)s")
    with caplog.at_level(logging.DEBUG):
        try:
            try:
                raise KeyError(EVIL)
            except KeyError:
                raise ValueError(f"no {EVIL}")  # noqa: B904
        except ValueError as error:
            calls.error_of(error)
        logs.logger("fiftyone_wandb").debug("Cannot read %s of %d", EVIL, 2)

    text = "\n".join(map(made.format, caplog.records)) + caplog.text
    assert f"ValueError: no {SHOWN}" in text
    assert "During handling of the above exception" in text
    assert f"Cannot read {SHOWN} of 2" in text
    assert not set(text) & set("\x1b\x07\u202e\x00")
    assert not [record for record in caplog.records if record.exc_info]


def test_a_logger_is_cleaned_once_however_often_it_is_asked_for():
    before = len(logs.logger("fiftyone_wandb").filters)
    assert len(logs.logger("fiftyone_wandb").filters) == before == 1


def test_json_of_others_is_clean():
    """Configs, summaries and metadata come as JSON, which the worker leaves as it is."""
    value = {EVIL: [EVIL, {"a": (EVIL + "\nmore", 1, None, 0.5, True)}], "plain": "äöü 漢字"}
    clean = {SHOWN: [SHOWN, {"a": [SHOWN + "\nmore", 1, None, 0.5, True]}], "plain": "äöü 漢字"}
    assert plaintext.clean_all(value) == clean
    assert linked.plain(json.dumps({EVIL: EVIL})) == {SHOWN: SHOWN}
    content = types.SimpleNamespace(metadata_json=json.dumps({"fiftyone_dataset_name": EVIL}))
    assert loader.facts(content) == {"fiftyone_dataset_name": SHOWN}


def test_events_of_the_panel_answer_with_clean_texts():
    event = wandb_panel._event(lambda panel, ctx: {"runs": [{"name": EVIL, "metrics": {EVIL: 1}}]})
    assert event(None, None) == {"state": "ready", "runs": [{"name": SHOWN, "metrics": {SHOWN: 1}}]}


def test_a_class_is_found_by_the_name_that_is_shown(fiftyone):
    dataset = fiftyone.Dataset()
    for name in (EVIL, "other"):
        dataset.add_sample(fiftyone.Sample(filepath="/x.png", model=fiftyone.Classification(label=name)))

    found = views._count(types.SimpleNamespace(view=dataset.view(), notes=[]), "model")
    assert found.of_class(SHOWN).values("model.label") == [EVIL]
    dataset.delete()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//host/x", "https://x\u202e", "", None])
def test_what_is_no_web_page_becomes_no_link(url):
    outputs = foo_types.Object()
    show.add_link(outputs, url)
    assert not outputs.properties
    show.add_link(outputs, "https://wandb.ai/x")
    assert outputs.properties["link"].view.href == "https://wandb.ai/x"


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
