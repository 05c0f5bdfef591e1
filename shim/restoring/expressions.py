"""Checks texts that name fields, and expressions and queries in MongoDB's language, down to the last value.

What these functions raise is the rest of a sentence: their callers know what it is about.
"""

from __future__ import annotations

from typing import Any

import bson

from . import growth
from .mongo_operators import OPERATORS
from .values import SCALARS, Forbidden


def check_field(text: str) -> None:
    """Checks a text that names a field, or one that FiftyOne makes a key of.

    FiftyOne makes keys out of its parts: one that begins with a dollar sign would become an operator.
    """
    if not isinstance(text, str):
        raise Forbidden(f"has a {type(text).__name__} where the name of a field belongs")

    for part in text.split("."):
        part = part.removesuffix("[]")
        if not part or part.startswith("$"):
            raise Forbidden(f"names {quoted(text)}, which cannot be a field")


def check_query(value: Any) -> None:
    """Checks a query, as ``$match`` takes it."""
    _Walk(is_query=True).check(value)
    for expression in _expressions(value):
        growth.check(expression)


def check_expression(value: Any) -> tuple[int, int]:
    """Checks an expression, and that what it makes of a sample is bounded.

    Returns:
        how much it makes of it, see :func:`shim.restoring.growth.check`
    """
    _Walk().check(value)
    return growth.check(value)


def check_finished(value: Any) -> None:
    """Checks any value of a finished pipeline: types and operators."""
    _Walk(is_query=True).check(value)


def check_plain(value: Any) -> None:
    """Checks a value that is data: types, and that FiftyOne cannot take a key for an operator."""
    _Walk(is_query=True).check(value)


def quoted(value: Any) -> str:
    """A value out of an artifact, for a sentence."""
    return "'" + printable(value if isinstance(value, str) else type(value).__name__, 80) + "'"


def printable(text: Any, length: int) -> str:
    """A text on one line, without what a terminal would act on, and not longer than that."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text[: 10 * length].split())[:length])


class _Walk:
    """One way down through a value."""

    def __init__(self, is_query=False):
        self._is_query = is_query

    def check(self, value, is_query=None):
        is_query = self._is_query if is_query is None else is_query
        if isinstance(value, (list, tuple)):
            for item in value:
                self.check(item, is_query)
        elif isinstance(value, dict):
            for key, item in value.items():
                self._check_key(key)
                # A literal is data; an expression inside a query is not.
                self.check(item, key == "$literal" or (is_query and key != "$expr"))
        elif not isinstance(value, SCALARS) or isinstance(value, bson.Code):
            raise Forbidden(f"holds a {type(value).__name__}")
        elif isinstance(value, str) and value.startswith("$") and not is_query:
            check_field(value[2:] if value.startswith("$$") else value[1:])

    def _check_key(self, key):
        if not isinstance(key, str):
            raise Forbidden(f"has a {type(key).__name__} for a key")

        if key.startswith("$") and key not in OPERATORS:
            raise Forbidden(f"uses {quoted(key)}, which is not known to only read these samples")

        if any(part.startswith("$") for part in key.split(".")[1:]):
            raise Forbidden(f"uses {quoted(key)}, which is not known to only read these samples")


def _expressions(query):
    """The expressions in a query."""
    if isinstance(query, dict):
        for key, item in query.items():
            yield from [item] if key == "$expr" else _expressions(item)
    elif isinstance(query, (list, tuple)):
        for item in query:
            yield from _expressions(item)


__all__ = [
    "Forbidden",
    "check_expression",
    "check_field",
    "check_finished",
    "check_plain",
    "check_query",
    "printable",
    "quoted",
]
