"""The operator ``show_wandb_report``."""

from __future__ import annotations

import re
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import calls, settings
from ..errors import SETTINGS, WandBError, bad_argument
from . import choices
from .show import ShowOperator


class ShowWandBReport(ShowOperator):
    """Shows a report of a W&B project."""

    SHOWN = "W&B report"

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="show_wandb_report",
            label="Show W&B Report",
            description=(
                "Opens the Weights & Biases panel at a report of a project, and gives a link that opens its page "
                "in a new tab"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
        )

    def __call__(
        self,
        sample_collection: SampleCollection | None = None,
        project: str | None = None,
        report: str | None = None,
        *,
        entity: str | None = None,
    ) -> dict[str, Any]:
        """Selects a report for the panel, and returns the address of its page.

        Example::

            show_report = foo.get_operator("@harpreetsahota/wandb/show_wandb_report")
            shown = show_report(dataset, project="my-project", report="How it went")

        Args:
            sample_collection (None): the dataset or view whose panel it is
            project (None): the W&B project; by default, that of the FiftyOne secret or of your W&B settings
            report: the report's id, its title, or the address of its page
            entity (None): the W&B user or team; by default, that of the FiftyOne secret, of your W&B settings, or of the key

        Returns:
            a dict with ``success``, ``kind``, ``url``, ``title``, ``entity``, ``project`` and ``id``

        Raises:
            RuntimeError: if there is no such report
        """
        return self.show(sample_collection, {"project": project, "report": report, "entity": entity})

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        place = choices.Place(ctx)
        place.add_project(inputs, must_exist=True, reference=ctx.params.get("report"))
        found = place.reports()
        view = types.AutocompleteView(
            label="Report",
            description="Choose one, or type its title or the address of its page"
            + (f". The list cannot be shown: {found.problem}" if found.problem else ""),
        )
        for entry in found.entries:
            view.add_choice(
                entry.id, label=" · ".join(filter(None, [entry.title, entry.username, entry.updated_at[:10]]))
            )

        inputs.str("report", required=not ctx.params.get("report_label"), view=view)
        place.add_entity(inputs)
        return types.Property(inputs, view=types.View(label="Show a W&B report"))

    def find(self, params: dict[str, Any], dataset: fo.Dataset | None = None, **where: Any) -> dict[str, Any]:
        return _find(params, **where)


def _find(params, **where):
    reference = params.get("report") or params.get("report_label")
    if not isinstance(reference, str) or not reference.strip():
        raise bad_argument("Which report? Pass its id, its title, or the address of its page")

    asked = settings.collect(entity=params.get("entity"), project=choices.project_of(params), **where)
    if re.match(r"https?://", reference):
        return {
            "kind": "report",
            "url": reference,
            "title": reference.rsplit("/", 1)[-1].split("--")[0] or reference,
            "entity": asked["entity"],
            "project": asked["project"],
            "id": reference,
        }

    answer = calls.ask(asked, {"lookup": {"kind": "LOOKUP_KIND_REPORTS"}})
    matching = [r for r in answer.reports if r.id == reference] or [r for r in answer.reports if r.title == reference]
    if len(matching) == 1:
        report = matching[0]
        return {
            "kind": "report",
            "url": report.url,
            "title": report.title,
            "entity": answer.entity,
            "project": answer.project,
            "id": report.id,
        }

    if matching:
        why = f"{len(matching)} reports have the title {reference!r}: pass the address of one's page"
    else:
        known = ", ".join(r.title for r in answer.reports[:20]) or "none"
        why = f"{answer.entity}/{answer.project} has no report {reference!r}. It has: {known}"

    raise WandBError(why, source=SETTINGS, code="not_found")
