"""The operator ``load_view_from_wandb``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import fiftyone as fo
import fiftyone.core.utils as fou
import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import names, query, restoring, settings, work
from ..errors import SETTINGS, WandBError, bad_argument
from . import choices, forms, notices, results
from .base import JobOperator
from .returned import Returned

#: What can be done with a view, in words.
ACTIONS = {
    "apply_to_session": "Show it",
    "save_as_view": "Save it as a named view",
    "both": "Show it and save it",
    "return": "Describe it only",
}

_SHOWING = ("apply_to_session", "both")

_WAYS = {
    restoring.STAGES: "the view's stages, as they were logged",
    restoring.IDS: "the ids of the samples",
    restoring.DATASET: "the whole dataset, as it was logged",
}


# What can be loaded of an evaluation, in words.
_ERRORS = {
    "fp": "False positives",
    "fn": "False negatives",
    "wrong": "Predictions of a wrong class",
    "worse": "Samples on which the model is worse",
}


class LoadViewFromWandB(JobOperator):
    """Restores the view that a W&B artifact was logged from."""

    HOW = (*JobOperator.HOW, "session", "with_report")
    FORM_ONLY = ("version", "action")
    USUAL = ("project", "artifact", "version", "low_confidence", "errors", "action", "view_name", "overwrite")
    UNDONE = "Nothing was loaded"

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="load_view_from_wandb",
            label="W&B: Load View from Artifact",
            description=(
                "Restores the FiftyOne view that a W&B dataset, predictions or evaluation artifact was logged from: the exact "
                "samples that a model was trained on, or the predictions that it was least sure of. The view can "
                "be shown, saved under a name, and recorded as used by a run"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
            execute_as_generator=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
        )

    def __call__(
        self,
        dataset: SampleCollection | None,
        project: str | None = None,
        artifact: str | None = None,
        *,
        entity: str | None = None,
        low_confidence: bool = False,
        errors: str | None = None,
        by_ids: bool = False,
        run_id: str | None = None,
        view_name: str | None = None,
        overwrite: bool = False,
        session: fo.Session | None = None,
        with_report: bool = False,
        delegate: bool = False,
        progress: bool | None = None,
    ) -> Any:
        """Restores the view that an artifact was logged from.

        Filters, label filters, order, slices, patches, clips, frames and dynamic groups come back. Artifacts of the original
        plugin load too. If the stages no longer fit the dataset, the logged sample ids are used instead.

        An artifact is not trusted. Its stages are rebuilt from lists of FiftyOne's own classes and of MongoDB operators that only
        compute, and the finished pipeline is checked again before MongoDB gets it. Anything that could run a program or a script,
        write, read other collections, or show files that the samples do not have is refused, and the error says what it was. So
        are views that make up rows (``$unwind``, ``$group``, ``$range``), views with many more rows than were logged, and views
        that set anything but plain values of existing fields. ``by_ids=True`` still loads the samples of such an artifact.

        Loading only reads: it makes no index, computes no metadata and changes no sample. A view that needs any of these is
        loaded by its ids, and the report says so. A view of more ids than fit into one MongoDB command (about 800,000) looks them
        up in a collection ``wandb.ids.*``, which is removed with the session or with the saved views that need it.

        Example::

            load_view = foo.get_operator("@harpreetsahota/wandb/load_view_from_wandb")
            train = load_view(dataset, project="my-project", artifact="my_training_data:v0")

            # Only the labels that the model was not sure of
            unsure = load_view(dataset, project="my-project", artifact=result["artifact_name"], low_confidence=True)

            # What has happened to the samples since, and the run that trains on them
            train, report = load_view(dataset, "my-project", "my_training_data:v0", run_id=wandb.run.id, with_report=True)
            print(report["way"], report["gone"], report["new"], report["changed"], report["warnings"])

        Args:
            dataset: the dataset to restore the view from: the one that was logged, a copy of it, or ``None`` for the dataset
                that the artifact names
            project (None): the W&B project; by default, that of the FiftyOne secret or of your W&B settings
            artifact: a name with or without a version or alias (``train:v3``), the URL of the artifact's page, or its id; for a
                registry ``wandb-registry-model/name:v1``, with or without ``organization/`` before it. Or the directory of an
                artifact that was downloaded (by ``artifact.download()``), which is read without W&B's server
            entity (None): the W&B user or team; by default, that of the FiftyOne secret, of your W&B settings, or of the key
            low_confidence (False): load only the low-confidence labels of a predictions artifact
            errors (None): load only what an evaluation found wrong: "fp" (false positives), "fn" (false negatives), "wrong"
                (predictions of a wrong class), or "worse" (samples on which the model is worse than the one that it was compared
                with). For artifacts of ``log_evaluation_to_wandb``
            by_ids (False): use the logged sample ids even if the artifact has stages
            run_id (None): a run of the project to record as a user of the artifact, for W&B's lineage
            view_name (None): a name to save the view under
            overwrite (False): replace a saved view of that name
            session (None): a :class:`fiftyone.core.session.Session` to show the view in
            with_report (False): return a tuple of the view and a report
            delegate (False): queue the job for a background service, which can only save the view, under ``view_name``; what is
                known of the job is returned
            progress (None): show a progress bar; by default, ``fo.config.show_progress_bars`` decides

        Returns:
            the view; with ``with_report``, a tuple of the view and a dict with ``way`` ("stages", "ids", or "dataset" for a whole
            dataset), ``samples_loaded``, ``gone`` (logged samples that are not in the view; ``deleted`` of them are not in the
            dataset either), ``new`` and ``changed`` (since it was logged), ``warnings`` and more

        Raises:
            RuntimeError: if the view could not be restored
        """
        params = {**self.given(locals()), "action": "save_as_view" if view_name else "return"}
        if delegate:
            if not view_name:
                raise bad_argument("A background service can only save the view: also pass view_name")

            if dataset is None:
                raise bad_argument("A background service has to be told the dataset: pass it")

            return self.schedule(dataset, params)

        report = self.run_here(dataset, params, progress=progress)
        if session is not None:
            session.view = report.view

        return (report.view, Returned(report)) if with_report else report.view

    def returned(self, result: dict[str, Any]) -> dict[str, Any]:
        # It has the view, and is turned into a dict where the call ends.
        return result

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        forms.drop_hidden(ctx.params, self.USUAL)
        inputs = types.Object()
        place = choices.Place(ctx, artifact=ctx.params.get("artifact"))
        place.add_project(inputs, must_exist=True, reference=ctx.params.get("artifact"))
        found = choices.add_artifact(
            inputs,
            place,
            ("dataset", "predictions", "evaluation"),
            "Choose one, or type a name with a version or alias, such as train:v3, or the address of its page",
            required=True,
            dataset=ctx.dataset,
        )
        chosen = self._versions(ctx, inputs, place, found)
        self._notice(ctx, inputs, chosen)
        self._plan(ctx, inputs, chosen)
        if chosen is None or chosen.type not in ("dataset", "evaluation"):
            inputs.bool(
                "low_confidence",
                default=False,
                label="Low confidence only",
                description="Only the labels that the model was not sure of; for artifacts of predictions. Default: off",
            )

        if chosen is not None and chosen.type == "evaluation":
            view = types.DropdownView()
            for value, label in _ERRORS.items():
                view.add_choice(value, label=label)

            inputs.enum(
                "errors",
                view.values(),
                label="Errors only",
                description="Only what an evaluation found wrong. Default: all samples",
                view=view,
            )

        self._actions(ctx, inputs)
        if forms.add_more(ctx, inputs, self.USUAL):
            inputs.bool(
                "by_ids",
                default=False,
                label="By ids",
                description="Select the logged samples by their ids, even if the artifact has the view's stages. Default: off",
            )
            choices.add_run(inputs, place, ctx.params, "A run to record as a user of the artifact. Default: none")
            place.add_entity(inputs)

        return types.Property(inputs, view=types.View(label="Load a view from W&B"))

    def _versions(self, ctx, inputs, place, found):
        """Adds the versions of the chosen artifact; returns the entry of what is chosen, or None."""
        chosen = choices.find_artifact(found.entries, ctx.params.get("artifact"))
        if chosen is None:
            return None

        view = types.AutocompleteView(label="Version", description="Default: the version chosen above")
        versions = {entry.version: entry for entry in place.versions(chosen.name).entries}
        for version, entry in versions.items():
            view.add_choice(version, label=choices.artifact_label(entry))

        version = ctx.params.get("version")
        prop = inputs.str("version", view=view)
        if version and versions and version not in versions:
            forms.refuse(prop, f"{chosen.name} has no version {version}: choose one, or leave it empty")

        return versions.get(ctx.params.get("version"), chosen)

    def _notice(self, ctx, inputs, chosen):
        if chosen is None or not chosen.dataset_name or chosen.dataset_name == ctx.dataset_name:
            return

        if choices.is_of(chosen, ctx.dataset):
            text = f"It was called '{chosen.dataset_name}' when the artifact was logged"
            inputs.view("renamed_dataset", notices.notice("This dataset was renamed", text))
            return

        # Artifacts of the original plugin have no id in them, and those with very much metadata none in lists.
        unsure = "" if chosen.dataset_id else ". If it was only renamed, this does not matter"
        inputs.view(
            "other_dataset",
            notices.warning(
                label="Another dataset",
                description=f"The artifact was logged from the dataset '{chosen.dataset_name}'. Its view is restored in "
                f"'{ctx.dataset_name}', as far as that has the same samples{unsure}",
            ),
        )

    def _plan(self, ctx, inputs, chosen):
        if chosen is None:
            text = f"The view that you choose will be restored in '{ctx.dataset_name}'"
        else:
            size = f" ({chosen.samples:,} samples)" if chosen.samples else ""
            text = f"The view that {chosen.name}:{chosen.version} was logged from{size} will be restored in '{ctx.dataset_name}'"

        if ctx.params.get("run_id"):
            text += f", and W&B will record that the run {names.run_id(ctx.params['run_id'])} used it"

        where = (
            "here or in the background" if ctx.params.get("action") == "save_as_view" else "here, with live progress"
        )
        inputs.view(
            "plan",
            notices.notice(
                label="What will happen", description=f"{text}. No samples will change. It will run {where}"
            ),
        )
        # Known last, and read first.
        inputs.properties = {"plan": inputs.properties["plan"], **inputs.properties}

    def _actions(self, ctx, inputs):
        actions = types.RadioGroup()
        for value, label in ACTIONS.items():
            actions.add_choice(value, label=label)

        inputs.enum("action", actions.values(), default="apply_to_session", label="What to do", view=actions)
        if ctx.params.get("action") not in restoring.SAVING:
            return

        name = ctx.params.get("view_name")
        saved = inputs.str("view_name", required=True, label="Name of the view")
        try:
            taken = _taken(ctx.dataset, name) if name and ctx.dataset is not None else None
        except WandBError as e:
            forms.refuse(saved, str(e))
            return

        if taken:
            inputs.bool("overwrite", default=False, label=f"Replace the saved view '{taken}'")
            if not ctx.params.get("overwrite"):
                forms.refuse(
                    saved, "There is a saved view of this name: choose another name, or allow it to be replaced"
                )

    def resolve_execution_options(self, ctx: ExecutionContext) -> foo.ExecutionOptions:
        """A view that is only to be saved can be made in the background."""
        return foo.ExecutionOptions(
            allow_immediate_execution=True,
            allow_delegated_execution=ctx.params.get("action") == "save_as_view",
        )

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        outputs = types.Object()
        result = ctx.results or {}
        if result.get("artifact_name"):
            results.add_table(outputs, _rows(result), result["warnings"])

        return types.Property(outputs, view=types.View(label="Loaded from W&B"))

    def resolve_run_name(self, ctx: ExecutionContext) -> str:
        return f"Load view from W&B: {ctx.params.get('artifact')}"

    def samples_of(self, ctx: ExecutionContext) -> fo.Dataset | None:
        return ctx.dataset

    def job(
        self, samples: SampleCollection | None, params: dict[str, Any], record_id: str | None = None, **where: Any
    ) -> tuple[work.Job, Callable[[Any, str], dict[str, Any]]]:
        # In the App's server, paths are not the user's.
        named = _downloaded(params, where.get("directory")) or _reference(params)
        action = _action(params)
        run_id = names.run_id(params.get("run_id"))
        dataset = _dataset(samples)
        if dataset is not None:
            _check_name(dataset, action, params)

        lists = ["ID_LIST_SAMPLES"] + (["ID_LIST_LOW_CONFIDENCE"] if params.get("low_confidence") else [])
        errors = _wanted_errors(params)
        if errors:
            lists.append(restoring.ERRORS[errors])

        ids = restoring.Lists()
        job = work.Job(
            operator=self.name,
            dataset=dataset.name if dataset is not None else "",
            parameters=self.recorded(params),
            settings=settings.collect(
                entity=params.get("entity"), project=params.get("project"), run_id=run_id, **where
            ),
            request={"read_artifact": {**named, "lists": lists, "used_by_run": run_id}},
            record_id=record_id,
            on_ids=ids.add,
            conclusion="Making the view",
            undone=self.UNDONE,
        )

        def conclude(content, job_id):
            made = restoring.Loader(content, ids, params, in_app=action != "return")
            job.no_return.when_cancelled(made.cancel)
            report = made.load(made.dataset(dataset), action, job_id)
            job.no_return.cross(self.UNDONE)
            if action in restoring.SAVING:
                _save(report.dataset, report.view, params)

            return report

        return job, conclude

    def effects(self, ctx: ExecutionContext, result: restoring.Report) -> list[Any]:
        if result["action"] not in _SHOWING:
            return []

        shown = []
        if ctx.dataset is None or ctx.dataset.name != result.dataset.name:
            shown.append(ctx.ops.open_dataset(result.dataset.name))

        group_slice = query.group_slice(result.view)
        if group_slice and group_slice != result.dataset.default_group_slice:
            shown.append(ctx.ops.set_group_slice(group_slice))

        if result["view_name"]:
            shown.append(ctx.ops.set_view(name=result["view_name"]))
        else:
            shown.append(ctx.ops.set_view(view=result.view))

        return shown


# A file that every artifact of this plugin has.
_MARK = os.path.join("fiftyone", "metadata.json")


def _downloaded(params: dict[str, Any], directory: str | None) -> dict[str, Any] | None:
    """The part of the request that names a downloaded artifact, if the parameter is the path of one; else None."""
    reference = params.get("artifact")
    if not directory or not isinstance(reference, (str, os.PathLike)):
        return None

    path = os.path.join(directory, os.path.expanduser(os.fspath(reference)))
    if not os.path.isfile(os.path.join(path, _MARK)):
        return None

    return {"directory": os.path.normpath(path), "version": params.get("version") or ""}


def _reference(params):
    reference = params.get("artifact")
    if not _is_text(reference):
        raise bad_argument("artifact is needed: a name such as train:v3, or the URL of the artifact's page")

    version = params.get("version") or ""
    if not isinstance(version, str):
        raise bad_argument(f"version has to be a text such as v3, not {version!r}")

    return {"reference": reference, "version": version}


def _wanted_errors(params):
    errors = params.get("errors")
    if errors is not None and errors not in restoring.ERRORS:
        raise bad_argument(f"errors has to be one of {', '.join(restoring.ERRORS)}, not {errors!r}")

    if errors and params.get("low_confidence"):
        raise bad_argument(
            "errors is for artifacts of evaluations and low_confidence for those of predictions: pass one"
        )

    return errors


def _action(params):
    action = params.get("action") or "apply_to_session"
    if action not in ACTIONS:
        raise bad_argument(f"action has to be one of {', '.join(ACTIONS)}, not {action!r}")

    if action in restoring.SAVING and not _is_text(params.get("view_name")):
        raise bad_argument("view_name is needed to save the view")

    return action


def _dataset(samples):
    return None if samples is None else query.root_dataset(query.as_view(samples))


def _check_name(dataset, action, params):
    # Before the artifact is read: a long list of ids would be for nothing.
    taken = _taken(dataset, params["view_name"]) if action in restoring.SAVING else None
    if taken and not params.get("overwrite"):
        raise WandBError(
            f"Dataset '{dataset.name}' has a saved view '{taken}' already: choose another name, or overwrite it",
            source=SETTINGS,
            code="view_exists",
        )


def _taken(dataset, name):
    """The saved view that one of this name would replace, or None: names must differ by more than case and punctuation."""
    try:
        slug = fou.to_slug(name)
    except ValueError as e:
        raise bad_argument(f"'{name}' cannot be the name of a saved view: {e}") from None

    return next((known for known in dataset.list_saved_views() if known == name or fou.to_slug(known) == slug), None)


def _is_text(value):
    return isinstance(value, str) and bool(value.strip())


def _save(dataset, view, params):
    _check_name(dataset, "save_as_view", params)
    dataset.save_view(params["view_name"], view, overwrite=bool(params.get("overwrite")))


def _rows(result):
    rows = [
        ("Artifact", results.link(result["artifact_name"], result["artifact_url"])),
        ("Rows", f"{result['samples_loaded']:,}"),
        ("Made of", _WAYS[result["way"]]),
    ]
    if result["view_name"]:
        rows.append(("Saved as", results.escape(result["view_name"])))

    if result["used_by_run"]:
        rows.append(("Used by", results.escape(result["used_by_run"])))

    for key, label in (("gone", "Gone since"), ("new", "New since"), ("changed", "Changed since")):
        if result[key]:
            deleted = f", {result['deleted']:,} of them deleted" if key == "gone" and result["deleted"] else ""
            rows.append((label, f"{result[key]:,} samples{deleted}"))

    return rows + results.settings_rows(result)
