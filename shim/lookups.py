"""Lists of what W&B has, for forms and the panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import answers, settings

# Artifacts whose samples and dataset are looked up; more would cost further requests.
_DETAILS = 50

#: The code of a list that has not come yet.
PENDING = answers.PENDING


@dataclass(frozen=True)
class Found:
    """The result of a look-up.

    Attributes:
        entries: messages of the wire contract, such as ``ProjectEntry``
        problem: why there is no list, in a sentence; None if there is one
        code: a word for programs, such as ``no_key``
        entity: the entity that was looked at
        entities: those that the user may choose
        complete: whether these are all
    """

    entries: tuple = ()
    problem: str | None = None
    code: str | None = None
    entity: str = ""
    entities: tuple = ()
    complete: bool = True


def projects(secret: Callable[[str], str | None] | None = None, entity: str | None = None) -> Found:
    """The projects of an entity.

    Args:
        secret (None): a function from the name of a FiftyOne secret to its value
        entity (None): the entity, if the user named one
    """
    return _look_up({"kind": "LOOKUP_KIND_PROJECTS"}, "projects", secret, entity, None)


def runs(project: str, secret: Callable[[str], str | None] | None = None, entity: str | None = None) -> Found:
    """The project's runs, the newest first."""
    return _look_up({"kind": "LOOKUP_KIND_RUNS"}, "runs", secret, entity, project)


def artifacts(
    project: str, types: Sequence[str], secret: Callable[[str], str | None] | None = None, entity: str | None = None
) -> Found:
    """The newest versions of the project's artifacts of the given types."""
    wanted = {"kind": "LOOKUP_KIND_ARTIFACTS", "artifact_types": list(types), "details": _DETAILS}
    return _look_up(wanted, "artifacts", secret, entity, project)


def versions(
    project: str, artifact: str, secret: Callable[[str], str | None] | None = None, entity: str | None = None
) -> Found:
    """The versions of an artifact, the newest first."""
    wanted = {"kind": "LOOKUP_KIND_VERSIONS", "artifact_name": artifact, "details": _DETAILS}
    return _look_up(wanted, "artifacts", secret, entity, project)


def reports(project: str, secret: Callable[[str], str | None] | None = None, entity: str | None = None) -> Found:
    """The project's reports."""
    return _look_up({"kind": "LOOKUP_KIND_REPORTS"}, "reports", secret, entity, project)


def forget() -> None:
    """Forgets all lists: after a login, or after something was made."""
    answers.forget()


def _look_up(request, kind, secret, entity, project):
    where = settings.collect(entity=entity, project=project, secret=secret)
    where.pop("active_run", None)
    answer = answers.ask(where, {"lookup": request})
    if answer.problem is not None:
        return Found(problem=answer.problem, code=answer.code)

    found = answer.value
    return Found(
        entries=tuple(getattr(found, kind)),
        entity=found.entity,
        entities=tuple(found.entities),
        complete=not found.next,
    )
