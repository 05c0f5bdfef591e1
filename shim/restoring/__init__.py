"""Makes views again out of artifacts: the boundary between what others wrote and this database.

Anyone who may write to the W&B project may have written an artifact, so nothing in one is trusted. This folder is the
only place that looks at its stages and ids; the names below are its door.
"""

from .idlists import select, select_labels, sweep
from .ids import Ids, array, contained, distinct
from .limits import Work
from .loader import ERRORS, SAVING, Lists, Loader, facts
from .rebuild import DATASET, IDS, STAGES, Logged, restore
from .rows import all_ids

__all__ = [
    "DATASET",
    "ERRORS",
    "IDS",
    "SAVING",
    "STAGES",
    "Ids",
    "Lists",
    "Loader",
    "Logged",
    "Work",
    "all_ids",
    "array",
    "contained",
    "distinct",
    "facts",
    "restore",
    "select",
    "select_labels",
    "sweep",
]
