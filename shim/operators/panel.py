"""Opening the panel with something of W&B's selected, and links to it in a tab of its own."""

import time
from pathlib import Path

from fiftyone.operators import types
from fiftyone.operators.store import ExecutionStore

from .. import PLUGIN_NAME, query
from . import results

#: The panel, and the store that tells it what to show: one selection for each dataset.
PANEL = "WandBPanel"
STORE = "wandb_panel"

_BUNDLE = Path(__file__).resolve().parents[2] / "dist" / "index.umd.js"


def select(dataset, selection):
    """Notes what the panel is to show.

    Args:
        dataset: the dataset, or None
        selection: a dict with ``kind`` ("run", "report" or "project"), ``url``, ``title``, ``entity``,
            ``project`` and ``id``
    """
    _store().set(_key(dataset), {**selection, "selected": time.time()})


def selected(dataset):
    """What was selected last for a dataset, or None."""
    return _store().get(_key(dataset))


def open_panel(ctx, selection=None):
    """Opens the panel in the App, with something selected if a selection is given."""
    if selection is not None:
        select(ctx.dataset, selection)

    ctx.ops.open_panel(PANEL, is_active=True, layout="horizontal")
    if selection is not None and _BUNDLE.is_file():
        ctx.trigger(f"{PLUGIN_NAME}/embed_report", {"url": selection["url"]})


def show_link(ctx, label):
    """The output of an operator that has opened the panel: what it shows, and a link."""
    outputs = types.Object()
    result = ctx.results or {}
    if result.get("url"):
        results.add_table(outputs, [(result["kind"].capitalize(), results.escape(result["title"]))])
        add_link(outputs, result["url"])

    return types.Property(outputs, view=types.View(label=label))


def add_link(outputs, url):
    """Adds a link that opens in a tab of its own: pages of W&B cannot be shown inside of the App."""
    if not results.is_web_address(url):
        return

    view = types.LinkView(label="Open in a new tab", href=url, newWindow=True)
    outputs.str("link", default=url, view=view)


def _key(dataset):
    return query.dataset_id(dataset) if dataset is not None else "none"


def _store():
    return ExecutionStore.create(STORE)
