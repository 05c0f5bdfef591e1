"""The parts of forms that offer what there is in W&B: projects, runs, artifacts, reports.

What is offered is identified by id, never by what people see. Every drop-down takes
typed text too, for what is older than its list, and for when W&B cannot be reached.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

import fiftyone as fo
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import lookups, names, query, settings
from ..worker import plaintext
from . import buttons, notices
from .forms import refuse

_SUMMARY_METRICS = 3


class Place:
    """Where in W&B a form is: the part that all forms have, and what the others look up in.

    Args:
        ctx: the execution context
        artifact (None): what the user typed for an artifact: where that is a full path or an address, the lists are
            those of the project that it names
    """

    def __init__(self, ctx: ExecutionContext, artifact: str | None = None) -> None:
        self._ctx = ctx
        # Forms are made for validation too, where nobody sees them.
        self.shown = ctx.request_params.get("target") == "inputs"
        self._default_entity = _known(ctx, settings.ENTITY, "WANDB_ENTITY")
        self._default_project = _known(ctx, settings.PROJECT, "WANDB_PROJECT")
        self.entity = ctx.params.get("entity") or self._default_entity
        self.project = project_of(ctx.params) or self._default_project
        named_entity, named_project, _ = names.artifact_place(artifact)
        self._is_named = bool(named_project)
        if self._is_named:
            self.entity, self.project = named_entity, named_project

        self.found = self._look_up(lookups.projects, entity=self._default_entity)
        if self._is_other_entity():
            self.found = self._look_up(lookups.projects, entity=self.entity)

    def add_project(self, inputs: types.Object, must_exist: bool = False, reference: str | None = None) -> None:
        """Adds the project, and what is wrong with the way to W&B.

        Args:
            inputs: the form's inputs
            must_exist (False): whether the project has to be there already; else a new one is created
            reference (None): what the user typed for something in the project: an address or a
                path says the project itself
        """
        add_problem(inputs, self.found)
        projects = types.AutocompleteView(
            label="Project", description=f"The W&B project. {self._about_new(must_exist)}"
        )
        for entry in self.found.entries:
            projects.add_choice(entry.name, label=entry.name)

        known = self._default_project
        required = known is None and "/" not in (reference or "") and not self._ctx.params.get("project_name")
        project = inputs.str("project", required=required, default=known, view=projects)
        refuse(project, names.project_error(self._ctx.params.get("project")))

    def _about_new(self, must_exist):
        """What happens with a project that W&B does not have; if that is known of this one, it says so."""
        typed = self._ctx.params.get("project")
        listed = {entry.name for entry in self.found.entries}
        is_certain = self.found.complete and (self.entity == self._default_entity or self._is_other_entity())
        is_new = bool(typed and listed and is_certain and not self._is_named and typed not in listed)
        if must_exist:
            return "It has to exist" + (f", and is not among those of {self.found.entity}" if is_new else "")

        return "It will be created" if is_new else "It is created if it does not exist"

    def add_entity(self, inputs: types.Object) -> None:
        """Adds the entity."""
        belongs = f" ({self.found.entity})" if self.found.entity and not self._default_entity else ""
        entities = types.AutocompleteView(
            label="Entity", description=f"A W&B user or team. Default: your key's{belongs}"
        )
        for entity in self.found.entities:
            entities.add_choice(entity, label=entity)

        inputs.str("entity", default=self._default_entity, view=entities)

    @property
    def is_known(self) -> bool:
        """Whether entity and project are W&B's: half-typed names are not looked up."""
        if self._is_named:
            return True

        if self.entity != self._default_entity and not self._is_other_entity():
            return False

        return any(entry.name == self.project for entry in self.found.entries)

    def runs(self) -> lookups.Found:
        """The runs of the chosen project."""
        return self._in_project(lookups.runs)

    def artifacts(self, kinds: Sequence[str]) -> lookups.Found:
        """The artifacts of the chosen project."""
        return self._in_project(lookups.artifacts, kinds)

    def versions(self, artifact: str) -> lookups.Found:
        """The versions of an artifact of the chosen project."""
        return self._in_project(lookups.versions, artifact)

    def reports(self) -> lookups.Found:
        """The reports of the chosen project."""
        return self._in_project(lookups.reports)

    def _is_other_entity(self):
        return self.entity != self._default_entity and self.entity in self.found.entities

    def _in_project(self, look_up, *args):
        if not self.is_known:
            return lookups.Found()

        return self._look_up(look_up, self.project, *args, entity=self.entity)

    def _look_up(self, look_up, *args, **kwargs):
        return look_up(*args, secret=self._ctx.secret, **kwargs) if self.shown else lookups.Found()


def project_of(params: dict[str, Any]) -> str | None:
    """The project that an operator's parameters name; some operators of the original plugin called it otherwise."""
    return params.get("project") or params.get("project_name")


def add_problem(inputs: types.Object, found: lookups.Found) -> None:
    """Says why there are no lists, and what to do about it."""
    if found.problem is None:
        return

    if found.code == lookups.PENDING:
        inputs.view(
            "wandb_pending",
            notices.notice(
                label="Loading lists from W&B",
                description=f"{found.problem}. They appear with your next change; you can also type names",
            ),
        )
        return

    inputs.view("wandb_problem", notices.warning("W&B cannot be reached", found.problem, links=True))
    buttons.add_login(inputs, found)


def add_run(
    inputs: types.Object,
    place: Place,
    params: dict[str, Any],
    description: str,
    key: str = "run_id",
    label: str = "Run",
    required: bool = False,
    check: bool = True,
) -> None:
    """Adds a drop-down of runs.

    Args:
        inputs: the form's inputs
        place: the form's :class:`Place`
        params: the form's parameters
        description: what the run is for
        key ("run_id"): the name of the parameter
        label ("Run"): its label
        required (False): whether there has to be one
        check (True): whether what is typed has to be an id
    """
    found = place.runs()
    view = types.AutocompleteView(label=label, description=_with_hint(description, found, "run"))
    for entry in found.entries:
        view.add_choice(entry.id, label=run_label(entry))

    prop = inputs.str(key, required=required, view=view)
    if check:
        refuse(prop, names.run_error(names.run_id(params.get(key))))


def add_artifact(
    inputs: types.Object,
    place: Place,
    kinds: Sequence[str],
    description: str,
    key: str = "artifact",
    label: str = "Artifact",
    required: bool = False,
    dataset: fo.Dataset | None = None,
) -> lookups.Found:
    """Adds a drop-down of artifacts, those of the dataset first.

    Returns:
        the look-up
    """
    found = place.artifacts(kinds)
    view = types.AutocompleteView(label=label, description=_with_hint(description, found, "artifact"))
    for entry in sorted(found.entries, key=lambda e: not is_of(e, dataset)):
        view.add_choice(f"{entry.name}:{entry.version}", label=artifact_label(entry))

    inputs.str(key, required=required, view=view)
    return found


def is_of(entry: Any, dataset: fo.Dataset | None) -> bool:
    """Whether an artifact was logged from a dataset, even if that was renamed since."""
    if dataset is None:
        return False

    return entry.dataset_name == dataset.name or entry.dataset_id == query.dataset_id(dataset)


def find_artifact(entries: Iterable[Any], reference: str | None) -> Any:
    """The version among the entries that a typed reference means, or None.

    As in the worker, a name stands for itself, or else for what it was stored as, and a colon may be part of it.
    """
    *_, text = names.artifact_place(reference)
    name, _, version = text.partition(":")
    given, _, last = text.rpartition(":")
    readings = [(name, version), (names.artifact_name(name), version), (names.artifact_name(given), last)]
    for wanted, alias in [*readings, (names.artifact_name(text), "")]:
        found = [entry for entry in entries if wanted and entry.name == wanted]
        if found:
            return next((e for e in found if not alias or alias in (e.version, *e.aliases)), None)

    return None


def run_label(entry: Any) -> str:
    """What users know a run by."""
    numbers = json.loads(entry.metrics_json) if entry.metrics_json else {}
    shown = [f"{key} {value:.4g}" for key, value in list(numbers.items())[:_SUMMARY_METRICS]]
    name = entry.display_name if entry.display_name == entry.id else f"{entry.display_name} ({entry.id})"
    return plaintext.clean(" · ".join([name, entry.state, entry.created_at[:10], *shown]))


def artifact_label(entry: Any) -> str:
    """What users know an artifact's version by."""
    aliases = f" ({', '.join(entry.aliases)})" if entry.aliases else ""
    parts = [f"{entry.name}:{entry.version}{aliases}", entry.created_at[:10]]
    if entry.samples:
        parts.append(f"{entry.samples:,} samples")

    if entry.dataset_name:
        parts.append(entry.dataset_name)

    if entry.model_name:
        parts.append(entry.model_name)

    return " · ".join(parts)


def _with_hint(description, found, what):
    if found.problem is not None:
        return f"{description}. The list cannot be shown: {found.problem}"

    if found.entries and not found.complete:
        return f"{description}. The list shows the newest {len(found.entries)}: type the id of an older {what}"

    return description


def _known(ctx, secret, variable):
    return ctx.secret(secret) or os.environ.get(variable) or None
