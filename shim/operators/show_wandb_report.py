"""The operator ``show_wandb_report``."""

import re
from pathlib import Path

import fiftyone.operators as foo
from fiftyone.operators import types

from .. import calls, query, settings
from ..errors import SETTINGS, WandBError, bad_argument
from . import choices, forms, panel


class ShowWandBReport(foo.Operator):
    """Shows a report of a W&B project."""

    @property
    def config(self):
        return foo.OperatorConfig(
            name="show_wandb_report",
            label="Show W&B Report",
            description=(
                "Opens the Weights & Biases panel with a report of a project, and gives a link to its page in a tab of "
                "its own"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
        )

    def __call__(self, sample_collection=None, project=None, report=None, *, entity=None):
        """Selects a report for the panel, and returns where its page is.

        Args:
            sample_collection (None): the dataset or view whose panel it is
            project (None): the W&B project; by default, that of the FiftyOne secret or of W&B's own settings
            report: the report's id, its title, or the address of its page
            entity (None): the W&B user or team

        Returns:
            a dict with ``success``, ``kind``, ``url``, ``title``, ``entity``, ``project`` and ``id``

        Raises:
            RuntimeError: if there is no such report
        """
        found = _find({"project": project, "report": report, "entity": entity}, directory=str(Path.cwd()))
        dataset = None if sample_collection is None else query.root_dataset(query.as_view(sample_collection))
        panel.select(dataset, found)
        return {"success": True, **found}

    def resolve_input(self, ctx):
        inputs = types.Object()
        place = choices.Place(ctx)
        place.add(inputs, new="It has to exist", reference=ctx.params.get("report"))
        found = place.reports()
        view = types.AutocompleteView(
            label="Report",
            description="Or type its title, or the address of its page"
            + (f". The list cannot be shown: {found.problem}" if found.problem else ""),
        )
        for entry in found.entries:
            view.add_choice(
                entry.id, label=" · ".join(filter(None, [entry.title, entry.username, entry.updated_at[:10]]))
            )

        inputs.str("report", required=not ctx.params.get("report_label"), view=view)
        return types.Property(inputs, view=types.View(label="Show a W&B report"))

    def execute(self, ctx):
        found = _find(ctx.params, secret=ctx.secret, directory="" if forms.is_from_app(ctx) else str(Path.cwd()))
        panel.open_panel(ctx, found)
        return {"success": True, **found}

    def resolve_output(self, ctx):
        return panel.show_link(ctx, "W&B report")


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
