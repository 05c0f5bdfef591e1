"""Whatever MongoDB holds in a field, the official package reads the table, and W&B's pages have nothing to guess."""

import datetime
import json
import math
import random

import bson
import fiftyone as fo
import pytest
from bson.datetime_ms import DatetimeMS

from tests.e2e.reading import rows

pytestmark = pytest.mark.oldest

ROWS, COLUMNS = 300, 24
UTC = datetime.timezone.utc
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999  # the years 1 and 9999, in milliseconds
TEXTS = ["", "a", 'é"\\\n\x00', "wandb-artifact://x", "日本\U0001f600", "[1]", "null", "x" * 300]
ALIKE = [[], ["a", None], 1, [{"a": 1.5}, {"b": None}], DatetimeMS(1), "a", DatetimeMS(2**40)]
KEYS = ["a", "b", "_type", "wb_type", "", "é"]


def _value(rng, depth):
    kind = rng.randrange(14 if depth < 5 else 9)
    if kind == 0:
        return rng.choice([True, False])
    if kind == 1:
        return rng.randrange(-500, 500)
    if kind == 2:
        return bson.Int64(rng.choice([2**53, 2**53 + 1, -(2**62)]))
    if kind == 3:
        return rng.choice([0.5, -0.0, 1e300, math.nan, math.inf])
    if kind == 4:
        return DatetimeMS(rng.choice([0, 1_700_000_000_123, FIRST, LAST, FIRST - 1, LAST + 1]))
    if kind == 5:
        return bson.ObjectId()
    if kind == 6:
        return b"x" * rng.randrange(9)
    if kind < 10:
        return rng.choice(TEXTS)
    if kind < 12:
        return [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(KEYS): _value(rng, depth + 1) for _ in range(rng.randrange(4))}


def _column(rng, number):
    """Values that are alike, or alike but for the last, or anything."""
    sort = number % 3
    usual = ALIKE[number] if number < len(ALIKE) else _value(rng, 2)

    def one(row):
        if sort == 2:
            return _value(rng, 0)
        if sort == 1 and row == ROWS - 1:
            return _value(rng, 0)
        return None if rng.randrange(10) == 0 else usual

    return [one(row) for row in range(ROWS)]


def _plain(value, inside=False):
    """The value as the official package gives it back, if its column is not one of texts."""
    if isinstance(value, DatetimeMS):
        if not FIRST <= int(value) <= LAST:
            return None
        moment = datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(milliseconds=int(value))
        iso = moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        return iso if inside else moment
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= 2**53 else str(int(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return f"<binary, {len(value)} bytes>"
    if isinstance(value, str):
        return " " + value if value.startswith("wandb-artifact://") else value
    if isinstance(value, list):
        return [_plain(item, True) for item in value]
    if isinstance(value, dict):
        return {key + "_" if key in ("_type", "wb_type") else key: _plain(item, True) for key, item in value.items()}
    return str(value)


def _says(cell, value):
    """Whether a cell of a column of texts says what the value is."""
    plain = _plain(value, True)
    return cell == plain if plain is None or isinstance(plain, str) else json.loads(cell) == plain


def _names(kind, top=True):
    """The types that a type is made of; fails on those that W&B's pages guess or refuse."""
    if kind.name == "union":
        members = [member for member in kind.params["allowed_types"] if member.name != "none"]
        assert len(members) == 1, kind
        return _names(members[0], top)
    if kind.name == "list":
        return {"list"} | _names(kind.params["element_type"], False)
    if kind.name == "typedDict":
        inner = kind.params["type_map"].values()
        assert inner
        return {"typedDict"}.union(*(_names(one, False) for one in inner))
    assert kind.name in {"string", "number", "boolean", *(("timestamp", "unknown") if top else ())}, kind
    return {kind.name}


def _moments(cell):
    return cell.replace(tzinfo=UTC) if isinstance(cell, datetime.datetime) else cell


def test_any_documents(dataset, log_view, read):
    rng = random.Random(20)
    made = dataset([fo.Sample(filepath="/none/0.png")])
    names = [f"f{i}" for i in range(COLUMNS)]
    for name in names:
        made.add_sample_field(name, fo.DictField)
    columns = {name: _column(rng, number) for number, name in enumerate(names)}
    collection = fo.core.odm.get_db_conn()[made._sample_collection_name]
    pattern = collection.find_one({})
    collection.delete_many({})
    collection.insert_many(
        {**pattern, "_id": bson.ObjectId(), **{name: columns[name][row] for name in names}} for row in range(ROWS)
    )

    result = log_view(made, include_labels=True, include_images=False, fields=names)

    table = read.artifact(result).get("samples")
    types = table._column_types.params["type_map"]
    got = rows(table)
    seen = set()
    for name in names:
        kinds = _names(types[name])
        seen |= kinds
        for row, value in zip(got, columns[name], strict=True):
            cell = _moments(row[name])
            if kinds == {"string"}:
                assert _says(cell, value), (name, cell, value)
            else:
                plain = _plain(value)
                assert (cell, type(cell)) == (plain, type(plain)), name
    assert {"string", "number", "timestamp", "list", "typedDict"} <= seen
    warnings = {warning["code"]: warning for warning in result["warnings"]}
    assert warnings["date_out_of_range"]["count"] > 0
    assert "text_columns" in warnings
