"""The operators ``rename_wandb_run`` and ``remove_wandb_run``, for records that a dataset has of W&B runs."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import linked, query
from ..errors import bad_argument
from . import forms, notices, results
from .operator import WandBOperator


class RenameWandBRun(WandBOperator):
    """Gives the record of a W&B run another key."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="rename_wandb_run",
            label="W&B: Rename a linked run",
            description=(
                "Gives the dataset's record of a Weights & Biases run another key, under which FiftyOne lists it. The "
                "run in W&B keeps its name"
            ),
            icon="/assets/wandb.svg",
            unlisted=True,
            dynamic=True,
        )

    def __call__(self, sample_collection: SampleCollection, run_key: str, new_run_key: str) -> dict[str, Any]:
        """Gives the record of a run another key. The run in W&B keeps its name.

        Example::

            rename = foo.get_operator("@harpreetsahota/wandb/rename_wandb_run")
            rename(dataset, "experiment_42", "baseline")

        Args:
            sample_collection: a :class:`fiftyone.core.dataset.Dataset` or :class:`fiftyone.core.view.DatasetView`
            run_key: the key of the record
            new_run_key: the new key, a valid identifier

        Returns:
            a dict with ``success`` and ``run_key``

        Raises:
            RuntimeError: if there is no such record, or the new key cannot be used
        """
        linked.rename(query.root_dataset(query.as_view(sample_collection)), run_key, new_run_key)
        return {"success": True, "run_key": new_run_key}

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        if _add_key(ctx, inputs):
            inputs.str("new_run_key", required=True, label="New key", description="A valid identifier")

        return types.Property(inputs, view=types.View(label="Rename a linked run"))

    def run(self, ctx: ExecutionContext) -> dict[str, Any]:
        return self(ctx.dataset, _key(ctx), ctx.params.get("new_run_key"))

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        return results.show_done(ctx, "The record was renamed", [("Its key is now", "run_key")])


class RemoveWandBRun(WandBOperator):
    """Removes the record of a W&B run."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="remove_wandb_run",
            label="W&B: Remove a linked run",
            description=(
                "Removes the dataset's record of a Weights & Biases run, and what the predictions field says about it. "
                "The run in W&B stays"
            ),
            icon="/assets/wandb.svg",
            unlisted=True,
            dynamic=True,
        )

    def __call__(self, sample_collection: SampleCollection, run_key: str) -> dict[str, Any]:
        """Removes the record of a run, and what the predictions field says about it. The run in W&B stays.

        Example::

            remove = foo.get_operator("@harpreetsahota/wandb/remove_wandb_run")
            remove(dataset, "baseline")

        Args:
            sample_collection: a :class:`fiftyone.core.dataset.Dataset` or :class:`fiftyone.core.view.DatasetView`
            run_key: the key of the record

        Returns:
            a dict with ``success`` and ``run_key``

        Raises:
            RuntimeError: if there is no such record
        """
        linked.remove(query.root_dataset(query.as_view(sample_collection)), run_key)
        return {"success": True, "run_key": run_key}

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        if _add_key(ctx, inputs):
            inputs.view("effect", notices.warning(label="The record will be removed; the run in W&B stays"))

        return types.Property(inputs, view=types.View(label="Remove a linked run"))

    def run(self, ctx: ExecutionContext) -> dict[str, Any]:
        return self(ctx.dataset, _key(ctx))

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        return results.show_done(ctx, "The record was removed", [("Removed", "run_key")])


def _add_key(ctx, inputs):
    known = linked.keys(ctx.dataset) if ctx.dataset is not None else {}
    if not known:
        inputs.view("nothing", notices.error(label="This dataset has no W&B runs")).invalid = True
        return False

    forms.choose(inputs, "run_key", list(known), "Run", "The record's key", required=True)
    return True


def _key(ctx):
    if not ctx.params.get("run_key"):
        raise bad_argument("run_key has to be given")

    return ctx.params["run_key"]
