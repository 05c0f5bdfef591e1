"""Reads values that come out of an artifact. What these readers cannot read is refused, and what they read is handed on.

JSON with MongoDB's extensions, and vectors as FiftyOne packs them: base64 of a zlib stream of one ``.npy`` file.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import io
import json
import re
import sys
import zlib
from typing import Any

import bson
import numpy as np
from bson import json_util

# The longest text in bytes, as Python stores it: four bytes a character if one character needs them. A view of 800,000
# selected samples has 22 MB. Reading takes at most 200 MB (tests/restore/test_memory.py).
_MAX_TEXT = 32 << 20

# Objects and lists take 50 times the memory of their text; other values take up to 100 bytes each, and so do keys.
_MAX_CONTAINERS = 100_000
_MAX_VALUES = 850_000
_MAX_KEYS = 200_000

# The longest single text that is not pure ASCII. Vectors may be longer, since they are ASCII.
_MAX_WIDE = 2 << 20
_LARGE = 8 << 20
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)

MAX_DEPTH = 100

# The longest vector of a similarity query, and the longest text of one.
_MAX_VECTOR = 16_000_000
_MAX_WORDS = 4_096

# The types of extended JSON that are read. Code and database references are not.
_JSON_TYPES = {
    "$oid",
    "$date",
    "$numberInt",
    "$numberLong",
    "$numberDouble",
    "$numberDecimal",
    "$binary",
    "$regularExpression",
}

#: The types of values that are neither lists nor dicts.
SCALARS = (
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    datetime.datetime,
    bson.ObjectId,
    bson.Regex,
    bson.Decimal128,
    re.Pattern,
)


class Forbidden(Exception):
    """Something that is not known to be harmless; the text says what, as the rest of a sentence."""


class Unreadable(Exception):
    """A value that cannot be read, or is too large to be; the text says why, as the rest of a sentence."""


def read_json(text: str) -> Any:
    """What a JSON text says, in Python's types.

    Raises:
        Unreadable: if it is too large, nested too deeply, or not JSON
    """
    if sys.getsizeof(text) > _MAX_TEXT + sys.getsizeof("é"):
        raise Unreadable(f"take more than {_MAX_TEXT >> 20} MB")

    values, keys = text.count(","), text.count('":')
    if (
        text.count("[") + text.count("{") > _MAX_CONTAINERS
        or values > _MAX_VALUES
        or keys > _MAX_KEYS
        or _is_wide(text)
    ):
        raise Unreadable("hold more values than any view has")

    try:
        value = json.loads(text, object_hook=_extended)
        _check_depth(value)
    except RecursionError:
        raise Unreadable(f"are nested deeper than {MAX_DEPTH} levels") from None
    except Unreadable:
        raise
    except Exception as e:
        raise Unreadable(f"are not JSON ({type(e).__name__})") from None

    return value


def _is_wide(text):
    """Whether a JSON text has a string that may take four times as much memory as what is written."""
    if len(text) < _LARGE or (text.isascii() and "\\u" not in text):
        return False

    for found in _STRING.finditer(text):
        start, end = found.span()
        if end - start > _MAX_WIDE and ("\\u" in text[start:end] or not text[start:end].isascii()):
            return True

    return False


def read_query(query: Any) -> Any:
    """What a similarity query says: ids, words, or an array.

    FiftyOne takes for words what it cannot unpack, and unpacks without a bound: text is words here only if that
    reader finds nothing in it to unpack.

    Args:
        query: a text or a list of texts

    Returns:
        the query, or the array that it stands for

    Raises:
        Unreadable: if it is none of these
    """
    texts = [query] if isinstance(query, str) else query
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Unreadable("a query of the wrong type")

    if isinstance(query, str) and not bson.ObjectId.is_valid(query):
        try:
            packed = base64.b64decode(query, validate=True)
        except (ValueError, binascii.Error):
            packed = None

        if packed is not None and _is_packed(packed):
            return read_vector(packed)

        if _is_packed(_as_fiftyone_decodes(query)):
            raise Unreadable("a damaged query")

    if any(len(text) > _MAX_WORDS for text in texts):
        raise Unreadable("a damaged query")

    return query


def read_vector(packed: Any) -> np.ndarray:
    """The array that a zlib stream of a ``.npy`` file holds.

    Raises:
        Unreadable: if it is anything else, or larger than 16 MB
    """
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, _MAX_VECTOR)
    except zlib.error:
        raise Unreadable("a damaged query") from None

    if not unpacker.eof or unpacker.unused_data:
        raise Unreadable("a damaged query")

    file = io.BytesIO(raw)
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError("FiftyOne writes version 1.0")

        shape, by_columns, kind = np.lib.format.read_array_header_1_0(file)
    except (ValueError, OSError):
        raise Unreadable("a damaged query") from None

    count = 1
    for length in shape:
        count *= length

    # Multiply with Python's integers: the product of a shape may overflow numpy's.
    if kind.kind not in "fiu" or len(shape) not in (1, 2) or count * kind.itemsize != len(raw) - file.tell():
        raise Unreadable("a damaged query")

    numbers = np.frombuffer(raw, dtype=kind, offset=file.tell())
    return numbers.reshape(shape, order="F" if by_columns else "C").copy()


def _as_fiftyone_decodes(text):
    # FiftyOne's reader ignores characters outside the base64 alphabet.
    try:
        return base64.b64decode(text[: 2 * _MAX_WORDS].encode("ascii"))
    except ValueError:
        return b""


def _is_packed(raw):
    """Whether these bytes begin as a zlib stream, as far as its header and its first block say."""
    if len(raw) < 8 or raw[0] & 15 != 8 or (raw[0] << 8 | raw[1]) % 31:
        return False

    try:
        return bool(zlib.decompressobj().decompress(raw, 6))
    except zlib.error:
        return False


def _extended(value):
    # Accept only the listed types, and only as the sole key of an object: json_util would build code from `$code`, and
    # would drop the keys beside a `$regex`.
    if len(value) == 1 and next(iter(value)) in _JSON_TYPES:
        return json_util.object_hook(value)

    return value


def _check_depth(value, depth=0):
    if depth > MAX_DEPTH:
        raise Unreadable(f"are nested deeper than {MAX_DEPTH} levels")

    if isinstance(value, dict):
        for item in value.values():
            _check_depth(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, (dict, list)):
                _check_depth(item, depth + 1)
