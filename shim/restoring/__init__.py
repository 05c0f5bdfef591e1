"""Makes views again out of artifacts: the boundary between what others wrote and this database.

Whoever may write to the W&B project may have written an artifact, so nothing in one is trusted. This folder is the
only place that looks at its stages and ids; the names below are its door.
"""

from .idlists import array, contained, distinct, select, sweep
from .loader import SAVING, Ids, Loader, facts
from .rebuild import DATASET, IDS, STAGES, Logged, restore

__all__ = [
    "DATASET",
    "IDS",
    "SAVING",
    "STAGES",
    "Ids",
    "Loader",
    "Logged",
    "array",
    "contained",
    "distinct",
    "facts",
    "restore",
    "select",
    "sweep",
]
