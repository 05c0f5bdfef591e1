"""Cleans texts of others: names, descriptions and error words of W&B, of artifacts and of samples.

The worker's texts are clean already; what Python reads itself is cleaned here, and so are all
errors and log lines. goworker/internal/plaintext has the same rules, and both are tested with
its testdata/texts.json.
"""

from __future__ import annotations

import unicodedata
from typing import Any

#: The longest text of an error or a log line, in characters.
LONGEST = 20_000

_SPACES = "\n\t\r\u2028\u2029"
_JOINERS = "\u200c\u200d"  # scripts and emoji need them


class Made(str):
    """A text that the plugin has made itself, such as a picture's data: :func:`clean_all` leaves it as it is."""

    __slots__ = ()


def clean(text: str, most: int = LONGEST, lines: bool = False) -> str:
    """The text without what acts on whoever shows it.

    That are control characters (with them the escape sequences of terminals), marks that turn
    the direction of writing, and other characters that nobody sees. Line ends and tabs become
    spaces. What is longer is cut.

    Args:
        text: the text
        most: the most characters
        lines: whether line ends stay
    """
    if len(text) <= most and text.isprintable():
        return text

    kept = []
    for character in text:
        if character == "\n" and lines:
            pass
        elif character in _SPACES:
            character = " "
        elif unicodedata.category(character) in ("Cc", "Cf") and character not in _JOINERS:
            continue
        elif unicodedata.category(character) == "Cs":
            character = "\ufffd"
        if len(kept) == most:
            kept.append("…")
            break
        kept.append(character)
    return "".join(kept)


def clean_all(value: Any) -> Any:
    """A copy of a JSON value whose texts and names are clean; texts keep their line ends."""
    if isinstance(value, Made):
        return str(value)
    if isinstance(value, str):
        return clean(value, lines=True)
    if isinstance(value, dict):
        return {clean(str(name)): clean_all(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_all(item) for item in value]
    return value
