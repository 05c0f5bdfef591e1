"""Lists of what there is in W&B, for forms.

FiftyOne makes a form anew at every keystroke, and in the loop that serves the whole
App. So a list is asked for once, in a thread, is waited for a moment only, and is kept
for a while; a form that comes too early says so and is complete the next time.
"""

import hashlib
import json
import logging
import secrets
import threading
import time
from dataclasses import dataclass, field

from . import calls, settings
from .errors import WandBError

# How long lists are kept, and how long the reason why there is none, in seconds.
_KEPT = 60.0
_KEPT_FAILURE = 15.0

# How long a form waits, and how long the answer may take.
_WAIT = 1.0
_TIMEOUT = 20.0

# Artifacts whose samples and dataset are looked up; more would cost further requests.
_DETAILS = 50

#: The code of a list that has not come yet.
PENDING = "pending"

_log = logging.getLogger("fiftyone_wandb")
_lock = threading.Lock()
_asked = {}
# Answers are found by a hash of the settings, so that the key in them is not kept.
_salt = secrets.token_bytes(16)


@dataclass(frozen=True)
class Found:
    """What a look-up gave.

    Attributes:
        entries: messages of the wire contract, such as ``ProjectEntry``
        problem: why there is no list, in a sentence; None if there is one
        code: a word for programs, such as ``no_key``
        entity: the entity that was looked at
        entities: those that the user may choose
        username: whom the key belongs to
        base_url: the server's API address
        complete: whether these are all
    """

    entries: tuple = ()
    problem: str | None = None
    code: str | None = None
    entity: str = ""
    entities: tuple = ()
    username: str = ""
    base_url: str = ""
    complete: bool = True


@dataclass
class _Asked:
    """One question to W&B, and the answer when it has come."""

    done: threading.Event = field(default_factory=threading.Event)
    found: Found | None = None
    when: float = 0.0
    waited: bool = False
    status: str = "W&B has not answered yet"


def projects(secret=None, entity=None):
    """The projects of an entity.

    Args:
        secret (None): a function from the name of a FiftyOne secret to its value
        entity (None): the entity, if the user named one
    """
    return _look_up({"kind": "LOOKUP_KIND_PROJECTS"}, "projects", secret, entity, None)


def runs(project, secret=None, entity=None):
    """The project's runs, the newest first."""
    return _look_up({"kind": "LOOKUP_KIND_RUNS"}, "runs", secret, entity, project)


def artifacts(project, types, secret=None, entity=None):
    """The newest versions of the project's artifacts of the given types."""
    wanted = {"kind": "LOOKUP_KIND_ARTIFACTS", "artifact_types": list(types), "details": _DETAILS}
    return _look_up(wanted, "artifacts", secret, entity, project)


def versions(project, artifact, secret=None, entity=None):
    """The versions of an artifact, the newest first."""
    wanted = {"kind": "LOOKUP_KIND_VERSIONS", "artifact_name": artifact, "details": _DETAILS}
    return _look_up(wanted, "artifacts", secret, entity, project)


def reports(project, secret=None, entity=None):
    """The project's reports."""
    return _look_up({"kind": "LOOKUP_KIND_REPORTS"}, "reports", secret, entity, project)


def forget():
    """Forgets all lists: after a login, or after something was made."""
    with _lock:
        _asked.clear()


def _look_up(request, kind, secret, entity, project):
    where = settings.collect(entity=entity, project=project, secret=secret)
    where.pop("active_run", None)
    key = _key(where, request)
    with _lock:
        _drop_old()
        asked = _asked.get(key)
        if asked is None:
            asked = _asked[key] = _Asked()
            call = threading.Thread(target=_ask, args=(asked, where, request, kind), daemon=True, name="wandb-lookup")
            call.start()

    # Once: a server that is slow must not make every keystroke slow.
    if not asked.waited:
        asked.done.wait(_WAIT)
        asked.waited = True

    return asked.found or Found(problem=asked.status, code=PENDING)


def _ask(asked, where, request, kind):
    def say(text):
        asked.status = text

    try:
        answer = calls.ask(where, {"lookup": request}, _TIMEOUT, say=say)
        asked.found = Found(
            entries=tuple(getattr(answer, kind)),
            entity=answer.entity,
            entities=tuple(answer.entities),
            username=answer.username,
            base_url=answer.base_url,
            complete=not answer.next,
        )
    except WandBError as e:
        asked.found = Found(problem=str(e), code=e.code)
    except Exception as e:
        _log.debug("A look-up failed", exc_info=True)
        asked.found = Found(problem=f"The plugin could not look up what there is ({type(e).__name__})", code="internal")
    finally:
        asked.when = time.monotonic()
        asked.done.set()


def _drop_old():
    now = time.monotonic()
    for key, asked in list(_asked.items()):
        if asked.done.is_set() and now - asked.when > (_KEPT_FAILURE if asked.found.problem else _KEPT):
            del _asked[key]


def _key(where, request):
    text = json.dumps([where, request], sort_keys=True)
    return hashlib.blake2b(text.encode(), key=_salt).digest()
