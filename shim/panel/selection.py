"""What an operator has selected for the panel to show: one selection for each dataset."""

from __future__ import annotations

import time
from typing import Any

import fiftyone as fo
from fiftyone.operators.store import ExecutionStore

from .. import query

#: The store that tells the panel what to show.
STORE = "wandb_panel"


def select(dataset: fo.Dataset | None, selection: dict[str, Any]) -> None:
    """Notes what the panel is to show.

    Args:
        dataset: the dataset, or None
        selection: a dict with ``kind`` ("run", "report" or "project"), ``url``, ``title``, ``entity``,
            ``project`` and ``id``
    """
    _store().set(_key(dataset), {**selection, "selected": time.time()})


def selected(dataset: fo.Dataset | None) -> dict[str, Any] | None:
    """What was selected last for a dataset, or None."""
    return _store().get(_key(dataset))


def _key(dataset: fo.Dataset | None) -> str:
    return query.dataset_id(dataset) if dataset is not None else "none"


def _store() -> ExecutionStore:
    return ExecutionStore.create(STORE)
