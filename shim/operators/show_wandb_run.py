"""The operator ``show_wandb_run``."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import calls, linked, names, settings
from ..errors import SETTINGS, WandBError
from . import choices
from .show import ShowOperator


class ShowWandBRun(ShowOperator):
    """Shows a W&B run, or a whole project."""

    SHOWN = "W&B run"

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="show_wandb_run",
            label="Show W&B run",
            description=(
                "Opens the Weights & Biases panel at a run or a project, and gives a link that opens its page in "
                "a new tab"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
        )

    def __call__(
        self,
        sample_collection: SampleCollection | None = None,
        project: str | None = None,
        run: str | None = None,
        *,
        entity: str | None = None,
    ) -> dict[str, Any]:
        """Selects a run or a project for the panel, and returns the address of its page.

        In the App it also opens the panel. A page of W&B opens in a new tab, because the App cannot show other sites.

        Example::

            show = foo.get_operator("@harpreetsahota/wandb/show_wandb_run")
            shown = show(dataset, project="my-project", run="experiment-42")
            print(shown["url"])

        Args:
            sample_collection (None): the dataset or view whose panel it is
            project (None): the W&B project; by default, that of the FiftyOne secret or of your W&B settings
            run (None): the run's id, its display name, or the address of its page. By default, the project is shown, or, if no
                project is known either, the run that belongs to the dataset
            entity (None): the W&B user or team; by default, that of the FiftyOne secret, of your W&B settings, or of the key

        Returns:
            a dict with ``success``, ``kind``, ``url``, ``title``, ``entity``, ``project`` and ``id``

        Raises:
            RuntimeError: if there is no such run or project
        """
        return self.show(sample_collection, {"project": project, "run_id": run, "entity": entity})

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        place = choices.Place(ctx)
        place.add_project(inputs, must_exist=True, reference=ctx.params.get("run_id"))
        described = "Choose one, or type its name or the address of its page. Default: the project"
        choices.add_run(inputs, place, ctx.params, described, check=False)
        place.add_entity(inputs)
        return types.Property(inputs, view=types.View(label="Show a W&B run"))

    def find(self, params: dict[str, Any], dataset: fo.Dataset | None = None, **where: Any) -> dict[str, Any]:
        return find(params, dataset, **where)


def find(params: dict[str, Any], dataset: fo.Dataset | None = None, **where: Any) -> dict[str, Any]:
    """Finds a run, or a project.

    Args:
        params: a dict with ``project``, ``entity``, and ``run_id``: what names the run
        dataset (None): whose newest run is meant if nothing is named
        where: arguments of :func:`shim.settings.collect`

    Returns:
        a dict with ``kind``, ``url``, ``title``, ``entity``, ``project`` and ``id``
    """
    reference = params.get("run_id") or params.get("run_label")
    project = choices.project_of(params)
    asked = settings.collect(entity=params.get("entity"), project=project, run_id=names.run_id(reference), **where)
    if reference:
        run = calls.ask(asked, {"read_run": {"reference": reference}}).run
        return {
            "kind": "run",
            "url": run.url,
            "title": run.display_name or run.id,
            "entity": run.entity,
            "project": run.project,
            "id": run.id,
        }

    wanted = asked["project"] or asked["environment"].get("WANDB_PROJECT")
    if not wanted and dataset is not None:
        run, _ = linked.newest(dataset)
        if run is not None:
            return run

    answer = calls.ask(asked, {"lookup": {"kind": "LOOKUP_KIND_PROJECTS"}})
    for entry in answer.projects:
        if entry.name == wanted:
            return {
                "kind": "project",
                "url": entry.url,
                "title": entry.name,
                "entity": answer.entity,
                "project": entry.name,
                "id": entry.name,
            }

    known = ", ".join(entry.name for entry in answer.projects[:20]) or "none"
    raise WandBError(
        f"{answer.entity or 'Your key'} has no project {wanted!r} among its newest. It has: {known}"
        if wanted
        else "Which project? Name one",
        source=SETTINGS,
        code="unknown_project",
    )
