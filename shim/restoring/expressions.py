"""Checks texts that name fields, and expressions and queries in MongoDB's language, down to the last value.

What these functions raise is the rest of a sentence: their callers know what it is about.
"""

import bson

from .mongo_operators import GROWING, LOOPS, OPERATORS
from .values import SCALARS

# An expression for each label of each frame has two of them.
_MAX_LOOPS = 2

# A list that is written down, where loops are inside each other.
_MAX_LOOPED = 1_000

# What lists are joined of: each may be as long as a sample's longest.
_MAX_JOINED = 12


class Forbidden(Exception):
    """Something that is not known to be harmless; the text says what, as the rest of a sentence."""


def check_field(text):
    """Checks a text that names a field, or one that FiftyOne makes a key of.

    FiftyOne makes keys out of its parts: one that begins with a dollar sign would become an operator.
    """
    if not isinstance(text, str):
        raise Forbidden(f"has a {type(text).__name__} where the name of a field belongs")

    for part in text.split("."):
        part = part.removesuffix("[]")
        if not part or part.startswith("$"):
            raise Forbidden(f"names {quoted(text)}, which cannot be a field")


def check_query(value):
    """Checks a query, as ``$match`` takes it."""
    _check_bounded(_Walk(is_query=True), value)


def check_expression(value):
    """Checks an expression, and that it cannot make lists that grow without a bound."""
    _check_bounded(_Walk(), value)


def _check_bounded(walk, value):
    walk.check(value)
    if walk.loops > _MAX_LOOPS:
        raise Forbidden(f"has loops in loops in loops, and at most {_MAX_LOOPS} are allowed")

    if walk.loops > 1 and walk.longest > _MAX_LOOPED:
        raise Forbidden(f"has loops in loops over a list of more than {_MAX_LOOPED:,} values")

    if walk.joined > _MAX_JOINED:
        raise Forbidden(f"joins more than {_MAX_JOINED} lists")


def check_finished(value):
    """Checks any value of a finished pipeline: types and operators."""
    _Walk(is_query=True, is_finished=True).check(value)


def check_plain(value):
    """Checks a value that is data: types, and that FiftyOne cannot take a key for an operator."""
    _Walk(is_query=True).check(value)


def quoted(value):
    """A value out of an artifact, for a sentence."""
    return "'" + printable(value if isinstance(value, str) else type(value).__name__, 80) + "'"


def printable(text, length):
    """A text on one line, without what a terminal would act on, and not longer than that."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text[: 10 * length].split())[:length])


class _Walk:
    """One way down through a value."""

    def __init__(self, is_query=False, is_finished=False):
        self._is_query, self._is_finished = is_query, is_finished
        self.loops = self.longest = self.joined = 0

    def check(self, value, is_query=None, loops=0):
        is_query = self._is_query if is_query is None else is_query
        if isinstance(value, (list, tuple)):
            self.longest = max(self.longest, len(value))
            for item in value:
                self.check(item, is_query, loops)
        elif isinstance(value, dict):
            for key, item in value.items():
                self._check_pair(key, item, is_query, loops)
        elif not isinstance(value, SCALARS) or isinstance(value, bson.Code):
            raise Forbidden(f"holds a {type(value).__name__}")
        elif isinstance(value, str) and value.startswith("$") and not is_query:
            check_field(value[2:] if value.startswith("$$") else value[1:])

    def _check_pair(self, key, item, is_query, loops):
        self._check_key(key)
        if key == "$concatArrays" and isinstance(item, (list, tuple)):
            self.joined += len(item)

        if key in LOOPS and not self._is_finished:
            loops += 1
            self.loops = max(self.loops, loops)
            if key == "$reduce" and isinstance(item, dict):
                _check_growth(item.get("in"))

        # A literal is data; an expression inside a query is none.
        self.check(item, key == "$literal" or (is_query and key != "$expr"), loops)

    def _check_key(self, key):
        if not isinstance(key, str):
            raise Forbidden(f"has a {type(key).__name__} for a key")

        if key.startswith("$") and key not in OPERATORS:
            raise Forbidden(f"uses {quoted(key)}, which is not known to only read these samples")

        if any(part.startswith("$") for part in key.split(".")[1:]):
            raise Forbidden(f"uses {quoted(key)}, which is not known to only read these samples")


def _check_growth(step):
    """Checks what a ``$reduce`` does for each element: its result may grow by what it adds, but not double."""
    if _occurrences(step, "$let"):
        raise Forbidden("names values inside a $reduce, whose result could double with each element")

    for operator, arguments in _pairs(step):
        if operator in GROWING and _occurrences(arguments, "$$value") > 1:
            raise Forbidden(f"has a {operator} inside a $reduce that doubles its result with each element")


def _pairs(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from _pairs(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _pairs(item)


def _occurrences(value, text):
    if isinstance(value, dict):
        return sum((key == text) + _occurrences(item, text) for key, item in value.items())

    if isinstance(value, (list, tuple)):
        return sum(_occurrences(item, text) for item in value)

    return int(isinstance(value, str) and (value == text or value.startswith(text + ".")))
