"""Plain values, and names as W&B takes them."""

import datetime
import json
from pathlib import Path

import numpy as np
import pytest
from bson import ObjectId

from shim import names
from shim.plain import text_list, to_json, to_plain

pytestmark = pytest.mark.oldest

ROOT = Path(__file__).resolve().parents[1]
NAMES = json.loads((ROOT / "goworker/internal/wandb/config/testdata/names.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**70, 2**70),
        ("ü", "ü"),
        (0.5, 0.5),
        (float("nan"), None),
        (float("-inf"), None),
        ((1, [2.0]), [1, [2.0]]),
        ({3, 1, 2}, [1, 2, 3]),
        ({1: {None: 2}}, {"1": {"None": 2}}),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([np.nan]), [None]),
        (np.str_("a"), "a"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.timezone.utc), "2026-01-02T03:00:00+00:00"),
        (ObjectId("6b0380f0cd234e4651feb3c6"), "6b0380f0cd234e4651feb3c6"),
        (range(3), "range(0, 3)"),
    ],
)
def test_to_plain(value, expected):
    plain = to_plain(value)
    assert plain == expected
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_mixed_sets_have_one_order():
    assert to_plain({1, "a", None, 2}) == to_plain({2, None, "a", 1})


def test_what_can_only_be_named():
    class Odd:
        def tolist(self):
            raise RuntimeError

        def __str__(self):
            return "odd"

    assert to_plain([Odd()]) == ["odd"]


@pytest.mark.parametrize("value", [None, {}, [], ()])
def test_nothing_is_the_empty_text(value):
    assert to_json(value) == ""


def test_json_keeps_the_order_of_keys():
    assert to_json({"b": 1, "a": "ü"}) == '{"b": 1, "a": "ü"}'


@pytest.mark.parametrize(("text", "name"), NAMES["artifact_names"])
def test_artifact_name(text, name):
    """The same cases as in Go."""
    assert names.artifact_name(text) == name
    assert (names.artifact_error(text) is None) == bool(name or not text)


@pytest.mark.parametrize(("kind", "error"), [("projects", names.project_error), ("run_ids", names.run_error)])
def test_names_that_wandb_refuses(kind, error):
    """The same cases as in Go."""
    assert [text for text in NAMES[kind]["good"] if error(text)] == []
    assert [text for text in NAMES[kind]["bad"] if not error(text)] == []


@pytest.mark.parametrize(
    ("text", "key"), [("a-b", "a_b"), ("1a", "_1a"), ("", "_"), ("a b.c", "a_b_c"), ("é", "_"), ("ok_1", "ok_1")]
)
def test_identifier(text, key):
    assert names.identifier(text) == key
    assert key.isidentifier()


def test_empty_names_are_defaults():
    assert names.artifact_error("") is names.project_error(None) is names.run_error("") is None


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, []),
        ("a", ["a"]),
        (["b", "a", "b"], ["b", "a"]),
        (("a",), ["a"]),
        ((name for name in "ab"), ["a", "b"]),
        (3, None),
        ([1], None),
        ([["a"]], None),
        ({"a": 1}, None),
        (b"a", None),
    ],
)
def test_lists_of_texts(value, texts):
    assert text_list(value) == texts
