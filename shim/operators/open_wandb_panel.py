"""The operator ``open_wandb_panel``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import linked, query
from ..panel import selection
from . import forms, notices, show
from .operator import WandBOperator
from .returned import Returned
from .show_wandb_run import find


class OpenWandBPanel(WandBOperator):
    """Opens the panel with what belongs to the dataset."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="open_wandb_panel",
            label="Open W&B panel",
            description=(
                "Opens the Weights & Biases panel at the run that was last linked to the dataset or logged to, "
                "and gives a link that opens its page in a new tab"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
        )

    def __call__(self, sample_collection: SampleCollection, run_key: str | None = None) -> dict[str, Any]:
        """Selects a run of the dataset for the panel, and returns the address of its page.

        In the App, the W&B button above the samples does the same with one click.

        Example::

            open_panel = foo.get_operator("@harpreetsahota/wandb/open_wandb_panel")
            shown = open_panel(dataset, run_key="experiment_42")

        Args:
            sample_collection: a :class:`fiftyone.core.dataset.Dataset` or :class:`fiftyone.core.view.DatasetView`
            run_key (None): the key of the run's record; by default, what was shown last, or the newest record

        Returns:
            a dict with ``success``, and ``kind``, ``url``, ``title``, ``entity``, ``project`` and ``id`` of what is shown
        """
        dataset = query.root_dataset(query.as_view(sample_collection))
        chosen = _known(dataset, run_key) or find({}, directory=str(Path.cwd()))
        selection.select(dataset, chosen)
        return Returned({"success": True, **chosen})

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        known = linked.keys(ctx.dataset) if ctx.dataset is not None else {}
        if known:
            forms.choose(inputs, "run_key", list(known), "Run", "Default: what was shown last, or else the newest run")
        else:
            inputs.view("nothing", notices.notice(label="No W&B run belongs to this dataset yet: the project is shown"))

        return types.Property(inputs, view=types.View(label="Open the W&B panel"))

    def resolve_placement(self, ctx: ExecutionContext) -> types.Placement:
        return types.Placement(
            types.Places.SAMPLES_GRID_SECONDARY_ACTIONS,
            types.Button(label="Open W&B panel", icon="/assets/wandb.svg", prompt=False),
        )

    def run(self, ctx: ExecutionContext) -> dict[str, Any]:
        chosen = _known(ctx.dataset, ctx.params.get("run_key"))
        if chosen is None and forms.is_from_app(ctx):
            # W&B is not asked: the panel itself shows what there is, or says how to log in.
            show.open_panel(ctx)
            return {"success": True}

        chosen = chosen or find({}, secret=ctx.secret, directory=str(Path.cwd()))
        show.open_panel(ctx, chosen)
        return {"success": True, **chosen}

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        return show.show_link(ctx, "W&B panel")


def _known(dataset, key):
    """What records and selections say is to be shown, without W&B; None if there are none."""
    last = None if key else selection.selected(dataset)
    run, recorded = linked.newest(dataset, key) if dataset is not None else (None, 0.0)
    if last and last.pop("selected") >= recorded:
        return last

    return run
