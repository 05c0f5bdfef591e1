"""Checks the finished pipeline of a view: what is sent to MongoDB, however it was made."""

from __future__ import annotations

from typing import Any

import fiftyone as fo

from . import rows
from .expressions import Forbidden, check_field, check_finished, quoted
from .mongo_operators import FINISHED_STAGES
from .stagecheck import OWN_COLLECTIONS, StagesRefused

_LOOKUP = {"as", "foreignField", "from", "let", "localField", "pipeline"}


def check(view: fo.DatasetView) -> None:
    """Checks the pipelines of a view before anything is run, counted, generated or saved.

    Raises:
        StagesRefused: if one has a stage or an operator that is not on the list, or reads another dataset
    """
    own = rows.collections(view)
    for pipeline in rows.finished(view):
        check_pipeline(pipeline, own)


def check_pipeline(pipeline: list[dict[str, Any]], own: set[str]) -> None:
    """Checks a pipeline, and those in it.

    Args:
        pipeline: a list of MongoDB's stages
        own: the names of the collections that it may read

    Raises:
        StagesRefused: if it has a stage or an operator that is not on the list, or reads another collection
    """
    try:
        _check_steps(pipeline, own)
    except Forbidden as e:
        raise StagesRefused(f"what it would send to MongoDB {e}") from None


def _check_steps(pipeline, own):
    if not isinstance(pipeline, (list, tuple)):
        raise Forbidden("holds no pipeline")

    for step in pipeline:
        if not isinstance(step, dict) or len(step) != 1:
            raise Forbidden("holds no pipeline")

        ((operator, body),) = step.items()
        if operator not in FINISHED_STAGES:
            raise Forbidden(f"uses {quoted(operator)}, which is not known to only read these samples")

        if operator == "$lookup":
            _check_lookup(body, own)
        elif operator == "$unionWith":
            _check_source(body.get("coll") if isinstance(body, dict) else body, own)
            _check_steps(body.get("pipeline", []), own)
        else:
            check_finished(body)


def _check_lookup(body, own):
    if not isinstance(body, dict) or not set(body) <= _LOOKUP:
        raise Forbidden("looks samples up in an unknown way")

    _check_source(body.get("from"), own)
    check_field(body.get("as"))
    check_finished(body.get("let", {}))
    _check_steps(body.get("pipeline", []), own)


def _check_source(name, own):
    if not isinstance(name, str) or (name not in own and not name.startswith(OWN_COLLECTIONS)):
        raise Forbidden(f"reads {quoted(name)}, which is not a collection of its dataset")
