"""How large a view is, remembered for a while: forms are made again at every keystroke.

No form waits longer than a moment, since FiftyOne makes forms in the loop that serves the whole App. A number that takes
longer is found meanwhile, and the next form has it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

import fiftyone as fo

from .. import query
from ..worker import logs

#: Counting stops here.
LIMIT = 1_000_001

# How long a form waits for a number, how long MongoDB may look for it, how long it is taken for new, and how long it is
# kept to be shown while it is looked for again, in seconds.
_WAIT = 1.0
_LONGEST = 20.0
_SECONDS = 30.0
_KEPT = 600.0

_log = logs.logger("fiftyone_wandb")
_found = {}
_lock = threading.Lock()


class _Finding:
    """A number that a thread of its own looks for; until that is done, the one before it."""

    def __init__(self, find: Callable[[], Any], before: Any) -> None:
        self.value, self.when, self.done, self._find = before, time.monotonic(), threading.Event(), find
        threading.Thread(target=self._work, daemon=True, name="wandb-count").start()

    def _work(self):
        try:
            self.value = self._find()
        except Exception:
            # The dataset may be gone by now.
            _log.debug("A view could not be counted", exc_info=True)
            self.value = None

        self.when = time.monotonic()
        self.done.set()


def rows(view: fo.DatasetView) -> int | None:
    """The number of the view's rows, at most ``LIMIT``; None if counting takes long."""
    return _remembered("count", view, lambda: query.count(view, LIMIT, _LONGEST))


def is_counting(view: fo.DatasetView) -> bool:
    """Whether :func:`rows` will know more soon."""
    with _lock:
        finding = _found.get(_key("count", view))

    return finding is not None and not finding.done.is_set()


def media_size(view: fo.DatasetView) -> tuple[int, int, int, int] | None:
    """What :func:`query.media_size` finds."""
    return _remembered("media", view, lambda: query.media_size(view, seconds=_LONGEST))


def _remembered(what, view, find):
    key, now, is_new = _key(what, view), time.monotonic(), False
    with _lock:
        for old in [k for k, finding in _found.items() if finding.done.is_set() and now - finding.when > _KEPT]:
            del _found[old]

        finding = _found.get(key)
        if finding is None or (finding.done.is_set() and now - finding.when > _SECONDS):
            finding, is_new = _Finding(find, finding and finding.value), True
            _found[key] = finding

    if is_new:
        finding.done.wait(_WAIT)

    return finding.value


def _key(what: str, view: fo.DatasetView) -> Hashable:
    return what, query.root_dataset(view).name, query.fingerprint(view), query.group_slice(view)
