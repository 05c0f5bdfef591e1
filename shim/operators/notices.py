"""Notices, warnings and errors in forms: FiftyOne shows their texts as Markdown, and none may act.

Labels and descriptions hold names of datasets, artifacts and runs, and words of servers. A
picture in one would be loaded from anywhere, a link could ask for a login.
"""

from __future__ import annotations

import re
from typing import Any

from fiftyone.operators import types

from ..worker import plaintext

# The longest text that is shown, in characters.
_LONGEST = 4_000


def notice(label: str, description: str | None = None, links: bool = False) -> types.Notice:
    """A :class:`fiftyone.operators.types.Notice` of plain texts. For links, see :func:`escape`."""
    return _made(types.Notice, label, description, links)


def warning(label: str, description: str | None = None, links: bool = False) -> types.Warning:
    """A :class:`fiftyone.operators.types.Warning` of plain texts."""
    return _made(types.Warning, label, description, links)


def error(label: str, description: str | None = None, links: bool = True) -> types.Error:
    """A :class:`fiftyone.operators.types.Error` of plain texts."""
    return _made(types.Error, label, description, links)


def _made(kind, label, description, links):
    texts = {"label": label} if description is None else {"label": label, "description": description}
    return kind(**{name: escape(text, links) for name, text in texts.items()})


def escape(text: Any, links: bool = True) -> str:
    """The text as Markdown that shows it as it is. All text of others goes through this.

    Args:
        text: the text
        links (True): whether an address in it, which shows where it leads, may be a link
    """
    text = plaintext.clean(str(text), _LONGEST)
    if not links:
        # An invisible character keeps Markdown from making a link of it.
        text = re.sub(r"(?i)(:)(?=//)|(www\.|@)", lambda found: found[0] + "\u2060", text)

    text = re.sub(r"[\\`*_{}\[\]<>()#|~$]|&(?=#?\w+;)", lambda found: "\\" + found[0], text)
    # At its beginning, a list, a heading or a line.
    return re.sub(r"^(\s*)([-+=](?=[-=\s]|$)|\d+(?=[.)](?:\s|$)))", lambda found: f"{found[1]}\u2060{found[2]}", text)
