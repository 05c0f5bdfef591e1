"""Turns what users hand us into plain values: JSON without NaN, numpy and odd keys, and lists of texts."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any


def to_plain(value: Any) -> Any:
    """Returns a copy of the value that holds only what JSON and BSON both know.

    NaN and infinities become null, keys become strings, sets become sorted lists,
    arrays become lists, and anything that is left becomes its text.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value

    if isinstance(value, float):
        return value if math.isfinite(value) else None

    if isinstance(value, dict):
        return {str(k): to_plain(v) for k, v in value.items()}

    if isinstance(value, (list, tuple)):
        return [to_plain(v) for v in value]

    if isinstance(value, (set, frozenset)):
        return sorted((to_plain(v) for v in value), key=lambda v: (str(type(v)), str(v)))

    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()

    return _unwrap(value)


def text_list(value: Any) -> list[str] | None:
    """Returns the texts that a value names, without duplicates.

    Args:
        value: a string, an iterable of strings, or None

    Returns:
        a list, or None if the value is anything else
    """
    if value is None:
        return []

    if isinstance(value, str):
        return [value]

    if isinstance(value, (dict, bytes)):
        return None

    try:
        texts = list(dict.fromkeys(value))
    except TypeError:
        return None

    return texts if all(isinstance(text, str) for text in texts) else None


def _unwrap(value):
    # numpy scalars and arrays, torch tensors and pandas values all have tolist();
    # FiftyOne's own containers for lists and dicts have neither type above.
    for name in ("tolist", "to_dict"):
        method = getattr(value, name, None)
        if callable(method):
            try:
                plain = method()
            except Exception:
                continue

            if type(plain) is not type(value):
                return to_plain(plain)

    return str(value)


def to_json(value: Any) -> str:
    """Returns the value as JSON text, or the empty string for nothing at all."""
    if value is None or (isinstance(value, (dict, list, tuple)) and not value):
        return ""

    return json.dumps(to_plain(value), allow_nan=False, ensure_ascii=False)
