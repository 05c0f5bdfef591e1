"""The operator ``get_wandb_run_info``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import PLUGIN_NAME, calls, linked, query, settings
from ..errors import WandBError, bad_argument
from . import forms, notices, results
from .operator import WandBOperator
from .returned import Returned

# A user waits, and the stored values are shown if no answer comes.
_SECONDS = 20.0

_SHOWN_VALUES = 40


class GetWandBRunInfo(WandBOperator):
    """Shows what is known about a W&B run that belongs to the dataset."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="get_wandb_run_info",
            label="W&B: get run info",
            description=(
                "Shows what the dataset records about a Weights & Biases run: its config, metrics, fields and "
                "address, and, if W&B can be reached, its current state and metrics"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
        )

    def __call__(self, sample_collection: SampleCollection, run_key: str, *, refresh: bool = True) -> dict[str, Any]:
        """Returns what is recorded about a run, and its current state and metrics.

        If W&B cannot be reached, ``fresh`` is ``None``, ``problem`` says why, and the stored values are still there.

        Example::

            get_info = foo.get_operator("@harpreetsahota/wandb/get_wandb_run_info")
            info = get_info(dataset, "experiment_42")
            print(info["config"]["summary_metrics"], info["fresh"]["state"], info["fresh"]["summary_metrics"])

        Args:
            sample_collection: a :class:`fiftyone.core.dataset.Dataset` or :class:`fiftyone.core.view.DatasetView`
            run_key: the key of the record, one of ``dataset.list_runs()``
            refresh (True): ask W&B for current values

        Returns:
            a dict with ``run_key``, ``timestamp``, ``version``, ``config`` (what is stored), ``fresh`` (a dict with
            ``state``, ``summary_metrics``, ``config_params``, ``tags``, ``notes``, ``heartbeat_at`` and ``url``, or
            ``None``), and ``problem`` (why there are no current values, or ``None``)

        Raises:
            RuntimeError: if the dataset has no such record
        """
        return Returned(_info(sample_collection, run_key, refresh, directory=str(Path.cwd())))

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        view = forms.target(ctx)
        known = linked.keys(query.root_dataset(view)) if view is not None else {}
        if not known:
            inputs.view(
                "nothing", notices.warning(label="This dataset has no W&B runs", description="Link one, or log to one")
            )
            return types.Property(inputs, invalid=True)

        forms.choose(inputs, "run_key", list(known), "Run", "Runs that were linked or logged to", required=True)
        key = ctx.params.get("run_key")
        if key in known:
            for name, label in (("rename_wandb_run", "Rename it"), ("remove_wandb_run", "Remove it from the dataset")):
                inputs.btn(name, label=label, on_click=f"{PLUGIN_NAME}/{name}", prompt=True, params={"run_key": key})

        return types.Property(inputs, view=types.View(label="Show what is known about a W&B run"))

    def run(self, ctx: ExecutionContext) -> dict[str, Any]:
        if not ctx.params.get("run_key"):
            raise bad_argument("run_key has to be given")

        directory = "" if forms.is_from_app(ctx) else str(Path.cwd())
        return _info(
            ctx.dataset,
            ctx.params["run_key"],
            ctx.params.get("refresh", True),
            secret=ctx.secret,
            directory=directory,
        )

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        outputs = types.Object()
        result = ctx.results or {}
        if result.get("run_key"):
            warnings = [{"message": result["problem"]}] if result.get("problem") else []
            results.add_table(outputs, _rows(result), warnings)

        return types.Property(outputs, view=types.View(label="W&B run"))


def _info(samples, key, refresh, **where):
    info = linked.read(query.root_dataset(query.as_view(samples)), key)
    place = linked.where(info["config"])
    info.update(fresh=None, problem=None)
    if not refresh:
        return info

    if place is None:
        info["problem"] = "The record does not say which W&B run it is about"
        return info

    try:
        info["fresh"] = _fresh(place, where)
    except WandBError as e:
        info["problem"] = f"These are the stored values, because W&B gave no current ones: {e}"

    return info


def _fresh(place, where):
    asked = settings.collect(**place, **where)
    # The record says where the run is; a run that is active here has nothing to add.
    asked.pop("active_run", None)
    details = calls.ask(asked, {"read_run": {"reference": place["run_id"]}}, _SECONDS)
    return {
        "run_name": details.run.display_name,
        "state": details.run.state,
        "summary_metrics": linked.plain(details.summary_json),
        "config_params": linked.plain(details.config_json),
        "tags": list(details.run.tags),
        "notes": details.notes,
        "heartbeat_at": details.heartbeat_at,
        "url": details.run.url,
    }


def _rows(result):
    config, fresh = result["config"], result["fresh"] or {}
    url = fresh.get("url") or linked.url(config)
    name = fresh.get("run_name") or config.get("run_name") or config.get("wandb_run_id") or result["run_key"]
    rows = [("Run", results.link(name, url)), ("Recorded as", results.escape(result["run_key"]))]
    for key in ("state", "tags", "notes"):
        value = fresh.get(key, config.get(key))
        if value:
            rows.append((key.capitalize(), results.escape(", ".join(value) if isinstance(value, list) else str(value))))

    for key in ("eval_key", "predictions_field", "gt_field", "dataset_artifact", "wandb_artifact"):
        if config.get(key):
            rows.append((key, results.escape(str(config[key]))))

    for title, key in (("metric", "summary_metrics"), ("config", "config_params")):
        values = fresh.get(key, config.get(key)) or {}
        for name, value in list(values.items())[:_SHOWN_VALUES]:
            if not isinstance(value, (dict, list)):
                rows.append((f"{title}: {results.escape(name)}", results.escape(str(value))))

    return rows
