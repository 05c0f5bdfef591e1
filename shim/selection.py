"""Which rows of a view are logged: the operators' parameters as the wire contract's ``Selection``."""

from __future__ import annotations

from typing import Any

from .errors import bad_argument

#: How some rows are chosen. Those of the lowest confidence are for labels only.
RANDOM, LOWEST_CONFIDENCE = "random", "lowest_confidence"


def describe(params: dict[str, Any], has_confidence: bool = False) -> dict[str, Any] | None:
    """Returns a dict of the message ``Selection``, or None for all rows.

    Args:
        params: the operator's parameters, of which ``max_samples``, ``seed`` and ``select_by`` count
        has_confidence (False): whether there are confidences to choose by

    Raises:
        WandBError: if a parameter is wrong
    """
    most, seed, by = (params.get(key) for key in ("max_samples", "seed", "select_by"))
    for error in (limit_error(most), seed_error(seed)):
        if error:
            raise bad_argument(error)

    if by is not None and by not in (RANDOM, LOWEST_CONFIDENCE):
        raise bad_argument(f"select_by has to be {RANDOM} or {LOWEST_CONFIDENCE}, not {by!r}")

    if by == LOWEST_CONFIDENCE and not has_confidence:
        raise bad_argument(
            "select_by='lowest_confidence' needs predictions that are labels: strings have no confidence"
        )

    if most is None:
        return None

    return {"max_samples": most, "seed": seed or 0, "lowest_confidence": by == LOWEST_CONFIDENCE}


def limit_error(value: Any) -> str | None:
    """Why there cannot be such a ``max_samples``, or None."""
    if value is None or (type(value) is int and 0 < value < 2**63):
        return None

    return f"max_samples has to be a whole number above 0, not {value!r}"


def seed_error(value: Any) -> str | None:
    """Why there cannot be such a ``seed``, or None."""
    if value is None or (type(value) is int and abs(value) < 2**63):
        return None

    return f"seed has to be a whole number, not {value!r}"
