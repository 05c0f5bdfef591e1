"""Answers that take time: each question is asked once, in a thread, and its answer is kept for a while.

FiftyOne makes forms again at every keystroke, in the loop that serves the whole App, and
the panel asks often. So no caller waits for W&B longer than it says: a caller that comes
too early gets "pending", and finds the answer the next time.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import calls
from .errors import WandBCancelled, WandBError
from .plain import to_plain
from .worker import logs

# How long answers are kept, and how long failures are, in seconds.
_KEPT = 60.0
_KEPT_FAILURE = 15.0

# How long the first caller waits, and how long an answer of W&B may take, in seconds.
_WAIT = 1.0
_TIMEOUT = 20.0

# The most answers that are kept; the oldest go first. Answers that took long to make are also large.
_MOST = 200
_MOST_LARGE = 10

# The panel asks again within a second: a question that nobody repeats for this long, in seconds, was given up.
_ABANDONED = 5.0

#: The code of an answer that has not come yet.
PENDING = "pending"

_log = logs.logger("fiftyone_wandb")
_lock = threading.Lock()
_asked = {}
# Answers are found by a hash of the question, so that the key in it is not kept.
_salt = secrets.token_bytes(16)


@dataclass(frozen=True)
class Answer:
    """The answer to a question, or why there is none.

    Attributes:
        value: the answer; None if there is none
        problem: why there is none, in a sentence; None if there is one
        code: a word for programs, such as ``no_key`` or ``pending``
    """

    value: object = None
    problem: str | None = None
    code: str | None = None


@dataclass
class _Asked:
    """One question, and the answer when it has come."""

    kept: float | None
    done: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None
    when: float = 0.0
    waited: bool = False
    status: str = "W&B has not answered yet"
    wanted: float = field(default_factory=time.monotonic)

    def is_set(self) -> bool:
        """Whether nobody waits for the answer any more: what a call takes as ``stop``."""
        return time.monotonic() - self.wanted > _ABANDONED


def ask(where: dict[str, Any], request: dict[str, Any], wait: float = None, fresh: bool = False) -> Answer:
    """The worker's answer to a short call.

    Args:
        where: a dict of the wire contract's ``WandbSettings``
        request: a dict with the one key of the wire contract's ``job``
        wait (None): how long the first one who asks waits, in seconds; by default, a moment
        fresh (False): whether an answer that is there already is too old

    Returns:
        an :class:`Answer` with the message that ended the call
    """

    def call(say):
        return calls.ask(where, request, _TIMEOUT, say=say)

    return work([where, request], call, wait=wait, fresh=fresh)


def work(
    question: Any,
    call: Callable[[Callable[[str], None]], Any],
    wait: float = None,
    fresh: bool = False,
    kept: float = None,
    stoppable: bool = False,
) -> Answer:
    """What a function returns that takes long.

    Args:
        question: what tells this question from others, as JSON
        call: a function of a function that is to be told how it goes, in words; where it is stoppable, also of
            what :func:`shim.calls.ask` takes as ``stop``
        wait (None): how long the first one who asks waits, in seconds; by default, a moment
        fresh (False): whether an answer that is there already is too old
        kept (None): how long the answer is kept, in seconds; by default, a minute
        stoppable (False): whether the call ends when nobody asks this question any more, as when a page is left

    Returns:
        an :class:`Answer`
    """
    key = _key(question)
    with _lock:
        _drop_old()
        asked = _asked.get(key)
        if asked is None or (fresh and asked.done.is_set()) or (stoppable and asked.is_set() and not asked.answer):
            _asked.pop(key, None)
            asked = _asked[key] = _Asked(kept)
            threading.Thread(target=_answer, args=(key, asked, call, stoppable), daemon=True, name="wandb-ask").start()

        asked.wanted = time.monotonic()

    # Once: a server that is slow must not make everything slow.
    if not asked.waited:
        asked.done.wait(_WAIT if wait is None else wait)
        asked.waited = True

    return asked.answer or Answer(problem=asked.status, code=PENDING)


def forget() -> None:
    """Forgets all answers: after a login, or after something was made."""
    with _lock:
        _asked.clear()


def _answer(key, asked, call, stoppable):
    def say(text):
        asked.status = text

    try:
        answer = Answer(call(say, asked) if stoppable else call(say))
    except WandBCancelled:
        # Nobody waits for it; whoever asks again begins again.
        with _lock:
            if _asked.get(key) is asked:
                del _asked[key]

        answer = Answer(problem="The question was given up", code=PENDING)
    except WandBError as e:
        answer = Answer(problem=str(e), code=e.code)
    except Exception as e:
        _log.debug("A look-up failed", exc_info=True)
        answer = Answer(problem=f"The plugin could not look it up ({type(e).__name__})", code="internal")

    asked.when = time.monotonic()
    asked.answer = answer
    asked.done.set()


def _drop_old():
    now = time.monotonic()
    for key, asked in list(_asked.items()):
        kept = _KEPT if asked.kept is None else asked.kept
        if asked.done.is_set() and now - asked.when > (_KEPT_FAILURE if asked.answer.problem else kept):
            del _asked[key]

    done = [key for key, asked in _asked.items() if asked.done.is_set()]
    large = [key for key in done if _asked[key].kept is not None]
    for key in {*done[: max(0, len(_asked) - _MOST)], *large[: max(0, len(large) - _MOST_LARGE)]}:
        del _asked[key]


def _key(question):
    text = json.dumps(to_plain(question), sort_keys=True)
    return hashlib.blake2b(text.encode(), key=_salt).digest()
