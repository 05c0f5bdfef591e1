"""Which rows of a view are logged: the operators' parameters as the wire contract's ``Selection``."""

from __future__ import annotations

from typing import Any

from .errors import bad_argument

#: How some rows are chosen. Those of the lowest confidence are for labels only, the worst ones for evaluations.
RANDOM, LOWEST_CONFIDENCE, WORST = "random", "lowest_confidence", "worst"


def describe(params: dict[str, Any], has_confidence: bool = False, has_worst: bool = False) -> dict[str, Any] | None:
    """Returns a dict of the message ``Selection``, or None for all rows.

    Args:
        params: the operator's parameters, of which ``max_samples``, ``seed`` and ``select_by`` count
        has_confidence (False): whether there are confidences to choose by
        has_worst (False): whether an evaluation says which rows are the worst; these are then the default

    Raises:
        WandBError: if a parameter is wrong
    """
    most, seed, by = (params.get(key) for key in ("max_samples", "seed", "select_by"))
    for error in (limit_error(most), seed_error(seed)):
        if error:
            raise bad_argument(error)

    ways = (WORST, RANDOM, LOWEST_CONFIDENCE) if has_worst else (RANDOM, LOWEST_CONFIDENCE)
    if by is not None and by not in ways:
        raise bad_argument(f"select_by has to be {' or '.join(ways)}, not {by!r}")

    if by == LOWEST_CONFIDENCE and not has_confidence:
        raise bad_argument(
            "select_by='lowest_confidence' needs predictions that are labels: strings have no confidence"
        )

    if most is None:
        return None

    return {
        "max_samples": most,
        "seed": seed or 0,
        "lowest_confidence": by == LOWEST_CONFIDENCE,
        "worst": has_worst and by in (None, WORST),
    }


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
