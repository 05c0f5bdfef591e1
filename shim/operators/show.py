"""What the operators that show something in the panel have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone as fo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import PLUGIN_NAME, query
from ..panel import selection
from . import forms, results
from .operator import WandBOperator
from .returned import Returned

#: The name of the panel.
PANEL = "WandBPanel"

_BUNDLE = Path(__file__).resolve().parents[2] / "dist" / "index.umd.js"


class ShowOperator(WandBOperator):
    """An operator that finds something at W&B and opens the panel with it."""

    #: What it shows, in words.
    SHOWN = "W&B"

    def find(self, params: dict[str, Any], dataset: fo.Dataset | None = None, **where: Any) -> dict[str, Any]:
        """Finds what the parameters name.

        Args:
            params: a dict of the operator's parameters
            dataset (None): the dataset that the panel is for
            where: arguments of :func:`shim.settings.collect`

        Returns:
            a dict with ``kind``, ``url``, ``title``, ``entity``, ``project`` and ``id``

        Raises:
            WandBError: if there is no such thing
        """
        raise NotImplementedError

    def show(self, samples: SampleCollection | None, params: dict[str, Any]) -> dict[str, Any]:
        """Selects it for the panel of a caller in Python, and returns what is known of it, a dict."""
        dataset = None if samples is None else query.root_dataset(query.as_view(samples))
        found = self.find(params, dataset, directory=str(Path.cwd()))
        selection.select(dataset, found)
        return Returned({"success": True, **found})

    def run(self, ctx: ExecutionContext) -> dict[str, Any]:
        directory = "" if forms.is_from_app(ctx) else str(Path.cwd())
        found = self.find(ctx.params, ctx.dataset, secret=ctx.secret, directory=directory)
        open_panel(ctx, found)
        return {"success": True, **found}

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        return show_link(ctx, self.SHOWN)


def open_panel(ctx: ExecutionContext, shown: dict[str, Any] | None = None) -> None:
    """Opens the panel in the App, with something selected if a selection is given."""
    if shown is not None:
        selection.select(ctx.dataset, shown)

    ctx.ops.open_panel(PANEL, is_active=True, layout="horizontal")
    if shown is not None and _BUNDLE.is_file():
        ctx.trigger(f"{PLUGIN_NAME}/embed_report", {"url": shown["url"]})


def show_link(ctx: ExecutionContext, label: str) -> types.Property:
    """The output of an operator that has opened the panel: what it shows, and a link."""
    outputs = types.Object()
    result = ctx.results or {}
    if result.get("url"):
        results.add_table(outputs, [(result["kind"].capitalize(), results.escape(result["title"]))])
        add_link(outputs, result["url"])

    return types.Property(outputs, view=types.View(label=label))


def add_link(outputs: types.Object, url: str) -> None:
    """Adds a link that opens in a new tab: the App cannot show pages of W&B itself."""
    if not results.is_web_address(url):
        return

    view = types.LinkView(label="Open in a new tab", href=url, newWindow=True)
    outputs.str("link", default=url, view=view)
