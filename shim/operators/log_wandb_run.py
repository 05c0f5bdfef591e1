"""The operator ``log_wandb_run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import calls, linked, names, query, schema, settings
from ..errors import WandBError, bad_argument
from ..worker import logs
from . import choices, forms, notices, results
from .operator import WandBOperator
from .returned import Returned

_TAG = 64

# The run can still be read: some users may read it but not change its tags.
_TAGS_REFUSED = {"no_permission", "refused", "server_error", "rate_limited"}

_log = logs.logger("fiftyone_wandb")


class LogWandBRun(WandBOperator):
    """Links a W&B run to a dataset."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="log_wandb_run",
            label="W&B: Log W&B run to the FiftyOne dataset",
            description=(
                "Links a Weights & Biases run to the dataset: its config, metrics, state and address are recorded "
                "as a FiftyOne run and with the predictions field, and the run gets tags that name the fields. "
                "Linking it again updates all of this"
            ),
            icon="/assets/wandb.svg",
            unlisted=True,
            dynamic=True,
        )

    def __call__(
        self,
        sample_collection: SampleCollection,
        project_name: str | None = None,
        run_id: str | None = None,
        run_name: str | None = None,
        predictions_field: str | None = None,
        gt_field: str | None = None,
        *,
        entity: str | None = None,
    ) -> dict[str, Any]:
        """Links a W&B run to a dataset, or updates the link.

        The run's config, metrics, state, tags and address become a FiftyOne run of the dataset, the predictions field records
        which run wrote it, and the run in W&B gets tags that name the fields. Tags are added once and never removed; nothing else
        of the run changes. Several runs with the same name are an error that lists their ids.

        Example::

            link = foo.get_operator("@harpreetsahota/wandb/log_wandb_run")
            linked = link(dataset, project_name="my-project", run_name="experiment-42", predictions_field="predictions")
            print(linked["run_key"], linked["wandb_url"], linked["tags_added"])

        Args:
            sample_collection: a :class:`fiftyone.core.dataset.Dataset` or :class:`fiftyone.core.view.DatasetView`
            project_name (None): the W&B project; by default, that of the FiftyOne secret or of your W&B settings
            run_id (None): the run's id, or the address of its page
            run_name (None): the run's display name, if you give no id; by default, the run that is active in this process
            predictions_field (None): the field that the run's model wrote
            gt_field (None): the field with the ground truth; by default ``ground_truth``, if there is one
            entity (None): the W&B user or team; by default, that of the FiftyOne secret, of your W&B settings, or of the key

        Returns:
            a dict with ``success``, ``run_key``, ``project_key``, ``run_id``, ``run_name``, ``wandb_url``, ``state``,
            ``tags_added``, ``warnings`` and more

        Raises:
            RuntimeError: if the run could not be linked
        """
        params = {
            "project": project_name,
            "run_id": run_id,
            "run_name": run_name,
            "predictions_field": predictions_field,
            "gt_field": gt_field,
            "entity": entity,
        }
        result = _link(sample_collection, params, directory=str(Path.cwd()))
        for warning in result["warnings"]:
            _log.warning("%s", warning["message"])

        return Returned(result)

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        view = forms.target(ctx)
        if view is None:
            inputs.view("no_dataset", notices.error(label="Nothing to link to", description="Open a dataset"))
            return types.Property(inputs, invalid=True)

        inputs.view_target(ctx, action_description="Link")
        done = (
            "The run's config, metrics and address are recorded with the dataset and with the predictions field, and the run "
            "gets tags that name the fields"
        )
        inputs.view("plan", notices.notice("What will happen", done))
        place = choices.Place(ctx)
        place.add_project(inputs, must_exist=True, reference=ctx.params.get("run_id"))
        choices.add_run(
            inputs,
            place,
            ctx.params,
            "The run to link, or the address of its page",
            required=not ctx.params.get("run_name"),
        )
        inputs.str(
            "run_name", label="Run name", description="Its display name, if you do not know its id. Default: none"
        )
        labels = schema.choices(view, schema.is_label) + schema.choices(view, schema.is_text)
        forms.choose(
            inputs, "predictions_field", labels, "Predictions", "The field that the run's model wrote. Default: none"
        )
        forms.choose(inputs, "gt_field", labels, "Ground truth", "The field with the ground truth. Default: none")
        place.add_entity(inputs)
        return types.Property(inputs, view=types.View(label="Link a W&B run to this dataset"))

    def run(self, ctx: ExecutionContext) -> dict[str, Any]:
        directory = "" if forms.is_from_app(ctx) else str(Path.cwd())
        return _link(forms.chosen(ctx), ctx.params, secret=ctx.secret, directory=directory)

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        outputs = types.Object()
        result = ctx.results or {}
        if result.get("run_key"):
            rows = [
                ("Run", results.link(result["run_name"] or result["run_id"], result["wandb_url"])),
                ("State", results.escape(result["state"])),
                ("Recorded as", results.escape(result["run_key"])),
                ("Tags added", results.escape(", ".join(result["tags_added"])) or "none: they were there"),
                *results.settings_rows(result),
            ]
            results.add_table(outputs, rows, result["warnings"])

        return types.Property(outputs, view=types.View(label="Linked"))


def _link(samples, params, **where):
    view = query.as_view(samples)
    predictions, truth = params.get("predictions_field"), params.get("gt_field")
    for argument, path in (("predictions_field", predictions), ("gt_field", truth)):
        if path:
            _check_field(view, argument, path)

    reference = _reference(params)
    if truth is None and view.has_field("ground_truth"):
        truth = "ground_truth"

    asked = settings.collect(
        entity=params.get("entity"),
        project=choices.project_of(params),
        run_id=reference,
        **where,
    )
    try:
        details, warnings = _read(asked, reference, _tags(view, predictions, truth))
    except WandBError as e:
        if e.code != "disabled":
            raise

        # As with W&B's own client, a script under test runs through.
        warning = {"code": e.code, "message": str(e), "count": 1, "sample_ids": []}
        return {"success": True, "logged": False, "run_id": reference, "warnings": [warning]}

    if details.active_here and details.added_tags:
        run = settings.active_run_object()
        run.tags = (*(run.tags or ()), *details.added_tags)

    run_key, project_key = linked.link(view, details, predictions, truth)
    run = details.run
    return {
        "success": True,
        "run_key": run_key,
        "project_key": project_key,
        "run_id": run.id,
        "run_name": run.display_name,
        "entity": run.entity,
        "project": run.project,
        "state": run.state,
        "wandb_url": run.url,
        "tags_added": list(details.added_tags),
        "predictions_field": predictions,
        "gt_field": truth,
        "settings_files": list(details.settings_files),
        "warnings": warnings,
    }


def _read(asked, reference, tags):
    request = {"reference": reference, "add_tags": tags}
    try:
        return calls.ask(asked, {"read_run": request}), []
    except WandBError as e:
        if e.code not in _TAGS_REFUSED:
            raise

        reason = str(e)

    # If it was not the tags, the same error comes again.
    details = calls.ask(asked, {"read_run": {"reference": reference}})
    message = f"The run was linked, but it got no tags: {reason}"
    return details, [{"code": "no_tags", "message": message, "count": 1, "sample_ids": []}]


def _reference(params):
    reference = names.run_id(params.get("run_id")) or params.get("run_name")
    if reference and params.get("run_id") and "/runs/" in params["run_id"]:
        # The address of its page also names the project.
        return params["run_id"]

    active = settings.active_run()
    reference = reference or (active["run_id"] if active else None)
    if not reference:
        raise bad_argument("Which run? Pass run_id or run_name, or call this while a run is active")

    return reference


def _tags(view, predictions, truth):
    tags = ["fiftyone"]
    if predictions:
        tags.append(f"predictions:{predictions}")

    if truth:
        tags.append(f"ground_truth:{truth}")

    if query.is_subset(view):
        tags.append("fiftyone_subset_view")

    return [tag[:_TAG] for tag in tags]


def _check_field(view, argument, path):
    if not isinstance(path, str) or query.root_dataset(view).get_field(path) is None:
        raise bad_argument(f"{argument} names {path!r}, but the dataset '{view.dataset_name}' has no such field")
