"""How large a view is, remembered for a while: forms are made again at every keystroke."""

from __future__ import annotations

import threading
import time

import fiftyone as fo

from .. import query

#: Counting stops here.
LIMIT = 1_000_001

_SECONDS = 30.0

_found = {}
_lock = threading.Lock()


def rows(view: fo.DatasetView) -> int | None:
    """The number of the view's rows, at most ``LIMIT``; None if counting takes long."""
    return _remembered("count", view, lambda: query.count(view, LIMIT))


def media_size(view: fo.DatasetView) -> tuple[int, int, int, int] | None:
    """What :func:`query.media_size` finds."""
    return _remembered("media", view, lambda: query.media_size(view))


def _remembered(what, view, find):
    key = (what, query.root_dataset(view).name, hash(query.serialization(view)), query.group_slice(view))
    now = time.monotonic()
    with _lock:
        for old in [k for k, (_, when) in _found.items() if now - when > _SECONDS]:
            del _found[old]

        if key in _found:
            return _found[key][0]

    found = find()
    with _lock:
        _found[key] = (found, now)

    return found
