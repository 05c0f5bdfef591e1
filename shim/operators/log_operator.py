"""What the operators that log to W&B have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators.executor import ExecutionContext

from .. import PLUGIN_NAME, names, offline, overlays, pictures, query, selection, settings, work, workers
from ..errors import SETTINGS, WandBError, bad_argument
from ..plain import text_list
from ..worker import logs, messages, plaintext
from . import forms, plan
from .base import JobOperator

_log = logs.logger("fiftyone_wandb")

# The parameters that are strings or None in all these operators.
_TEXTS = ("project", "entity", "run_id", "artifact_name", "description", "input_artifact")


class LogOperator(JobOperator):
    """An operator that logs rows of a view as a W&B artifact."""

    #: The key of the wire contract's ``job`` that several workers can share; None for none.
    SHARED = None

    #: Whether they can share a view that draws other samples each time it is read.
    SHARES_DRAWN = True

    def prepare(
        self, view: fo.DatasetView, params: dict[str, Any]
    ) -> tuple[dict[str, Any], Callable[[fo.DatasetView, Any], Any], list[dict[str, Any]]]:
        """Checks the parameters and describes the job.

        Args:
            view: a :class:`fiftyone.core.view.DatasetView`
            params: a dict of the operator's parameters

        Returns:
            a tuple of (a dict with the one key of the wire contract's ``job``, a
            function of the view and the worker's message that records the result with
            FiftyOne, a list of warnings, each a dict)

        Raises:
            WandBError: if a parameter is wrong
        """
        raise NotImplementedError

    def result(self, message: Any) -> dict[str, Any]:
        """The part of the result, a dict, that only this operator has."""
        raise NotImplementedError

    def image_mode(self, params: dict[str, Any]) -> str:
        """What the pictures of a job with these parameters are: one of ``pictures.MODES``."""
        raise NotImplementedError

    def pictures(self, view: fo.DatasetView, params: dict[str, Any], drawn: list[str] | None = None) -> dict[str, Any]:
        """The part of the request that is about pictures, a dict.

        Args:
            view: a :class:`fiftyone.core.view.DatasetView`
            params: a dict of the operator's parameters
            drawn (None): the label fields that are drawn if ``overlays`` names none; by default, all that can be
        """
        mode = self.image_mode(params)
        drawn = overlays.describe(view, params, mode != "none", drawn)
        if mode == "none":
            return {"include_images": False}

        return {"include_images": True, "pictures": {**pictures.describe(view, params, mode), "overlays": drawn}}

    def rows(
        self,
        view: fo.DatasetView,
        params: dict[str, Any],
        has_confidence: bool = False,
        has_worst: bool = False,
        with_frames: bool = False,
    ) -> dict[str, Any]:
        """The part of the request that is about the rows, a dict.

        Args:
            view: a :class:`fiftyone.core.view.DatasetView`
            params: a dict of the operator's parameters
            has_confidence (False): whether there are confidences to choose rows by
            has_worst (False): whether an evaluation says which rows are the worst
            with_frames (False): whether the frames of videos are read, too
        """
        described = query.describe_view(view, with_frames)
        chosen = selection.describe(params, has_confidence, has_worst)
        if chosen:
            described["selection"] = chosen

        return {
            "view": described,
            "dataset": query.describe_dataset(view),
            "dry_run": bool(params.get("dry_run")),
        }

    def job(
        self, samples: SampleCollection, params: dict[str, Any], record_id: str | None = None, **where: Any
    ) -> tuple[work.Job, Callable[[Any, str], dict[str, Any]]]:
        _check_texts(params)
        workers.wanted(params)
        view = query.as_view(samples)
        request, record, warnings = self.prepare(view, params)
        unused = query.unused_database_options()
        if unused:
            text = f"Options of FiftyOne's database address that the worker does not use: {', '.join(unused)}"
            warnings = [*warnings, _warning("database_options", text)]

        job = work.Job(
            operator=self.name,
            dataset=query.root_dataset(view).name,
            parameters=self.recorded(params),
            settings=settings.collect(
                entity=params.get("entity"),
                project=params.get("project"),
                run_id=names.run_id(params.get("run_id")),
                offline=params.get("offline"),
                **where,
            ),
            request=request,
            record_id=record_id,
        )

        def conclude(message, job_id, after=_after):
            if message.disabled:
                return {**self.result(message), **logged(message, job_id, warnings), "logged": False}

            if message.dry_run:
                return {**self.result(message), **_preview(message, job_id, warnings)}

            found = warnings + after(view, message, record)
            return {**self.result(message), **logged(message, job_id, found)}

        return job, conclude

    def recorder(self, params: dict[str, Any], request: dict[str, Any]) -> Callable[[fo.DatasetView, Any], Any]:
        """A function of the view and the worker's message that records the result with FiftyOne.

        Args:
            params: a dict of the operator's parameters
            request: what is known of the call's moment: a dict with ``inference_timestamp`` and ``name_timestamp``, or an empty one
        """
        raise NotImplementedError

    def schedule(self, samples: SampleCollection, params: dict[str, Any]) -> dict[str, Any]:
        if not params.get("dry_run"):
            self._check_drawn(query.as_view(samples), params)

        return super().schedule(samples, params)

    def _check_drawn(self, view, params):
        count = workers.wanted(params)
        if count == 1 or self.SHARES_DRAWN or not query.draws(view) or not workers.shards_of(view, params, count):
            return

        raise WandBError(
            "Several workers cannot share this view, since it draws other samples each time it is read, by $sample, $sampleRate or "
            "$rand. Choose the samples with take(n, seed=1), which gives the same ones each time, or log it with workers=1",
            source=SETTINGS,
            code="bad_view",
        )

    def shared(
        self,
        ctx: ExecutionContext,
        job: work.Job,
        conclude: Callable[[Any, str], dict[str, Any]],
        watchers: list[Callable[[], BaseException | None]],
    ) -> tuple[work.Job, Callable[[Any, str], dict[str, Any]], list[Callable[[], BaseException | None]]]:
        """Writes the job's document and queues the other slots, where there are several workers and enough rows for them."""
        count = workers.wanted(ctx.params)
        if count == 1 or self.SHARED is None:
            return job, conclude, watchers

        view = query.as_view(self.samples_of(ctx))
        reason, shards = _alone(ctx.params, job), 0
        if reason is None:
            shards = workers.shards_of(view, ctx.params, count)
            if not shards:
                reason = f"there are at most {(workers.parts() or {'whole': workers.WHOLE_ROWS})['whole']:,} rows"

        if reason is not None:
            note = _warning(
                "workers_ignored", f"One worker did this job, though {count} were asked for, because {reason}"
            )

            def noted(message, job_id):
                result = conclude(message, job_id)
                return {**result, "warnings": [*result["warnings"], note]}

            return job, noted, watchers

        self._check_drawn(view, ctx.params)
        return self._share(job, conclude, view, min(count, shards), watchers)

    def _share(self, job, conclude, view, count, watchers):
        frozen = job.request[self.SHARED]
        moment = {name: frozen.get(name) for name in ("inference_timestamp", "name_timestamp")}
        call = {
            "operator": self.name,
            "dataset": job.dataset,
            "view": query.stages(view),
            "group_slice": query.group_slice(view),
            "params": job.parameters,
            "moment": moment,
        }
        workers.create(job.record_id, job.request, job.settings, call)
        workers.queue(job.record_id, range(1, count), query.root_dataset(view))
        document = workers.get(job.record_id)

        def concluded(message, job_id):
            workers.fail_dead(job_id)
            return conclude(message, job_id, lambda *_: record_shared(document, message))

        def stopping(watch):
            def watched():
                reason = watch()
                if reason is not None:
                    workers.cancel(job.record_id)
                return reason

            return watched

        slot = replace(job, request=workers.request_of(job.record_id, 0, job.record_id), shared=True)
        return slot, concluded, [stopping(watch) for watch in watchers]

    def resolve_execution_options(self, ctx: ExecutionContext) -> foo.ExecutionOptions:
        """Both ways are allowed; the background is proposed for large jobs."""
        forms.drop_hidden(ctx.params, self.USUAL)
        return foo.ExecutionOptions(
            allow_immediate_execution=True,
            allow_delegated_execution=True,
            default_choice_to_delegated=plan.is_large(ctx, self.image_mode(ctx.params) != "none"),
        )


def _alone(params, job):
    """Why one worker does a job whatever its rows, or None."""
    if params.get("dry_run"):
        return "it is a dry run"

    mode = job.settings["environment"].get("WANDB_MODE", "").lower()
    if job.settings["offline"] or mode in ("offline", "dryrun", "disabled"):
        return "W&B is not online"

    return None


def record_shared(document: dict[str, Any], message: Any) -> list[dict[str, Any]]:
    """Writes FiftyOne's record of a shared job, unless the host of another slot does, and returns what went wrong as warnings.

    Args:
        document: the job's document
        message: the worker's ``ArtifactLogged``
    """
    call, job_id = document["call"], document["_id"]
    if not workers.take_record(job_id):
        return []

    try:
        operator = foo.get_operator(f"{PLUGIN_NAME}/{call['operator']}")
        dataset = fo.load_dataset(call["dataset"])
        view = query.rebuild(dataset, call["view"], call["group_slice"])
        operator.recorder(call["params"], call["moment"])(view, message)
        workers.recorded(job_id)
    except Exception as e:
        _log.debug("Cannot write FiftyOne's record of the run", exc_info=True)
        return [_warning("no_run_record", f"FiftyOne's record of this run could not be written: {e}")]

    return []


def _check_texts(params):
    for argument in _TEXTS:
        value = params.get(argument)
        if value is not None and not isinstance(value, str):
            raise bad_argument(f"{argument} has to be a string, not {value!r}")


def described(params: dict[str, Any]) -> dict[str, Any]:
    """The part of the request that is about the artifact and its run, a dict.

    Raises:
        WandBError: if aliases or tags are not texts
    """
    return {
        "run_id": names.run_id(params.get("run_id")),
        "artifact_name": params.get("artifact_name") or "",
        "description": params.get("description") or "",
        "aliases": _texts(params, "aliases"),
        "tags": _texts(params, "tags"),
    }


def _texts(params, argument):
    texts = text_list(params.get(argument))
    if texts is None:
        raise bad_argument(f"{argument} has to be a list of strings, not {params[argument]!r}")

    return texts


def _after(view, message, record):
    """Does what is left to do in Python. A failure is a warning, because everything is logged already."""
    warnings = []
    # Of an offline run that is active here, the worker has written the artifact's files.
    if message.offline_directory and message.run_relation == messages.RUN_RELATION_ACTIVE_HERE:
        offline.log_to_active_run(message.run_id, message.offline_directory)

    try:
        record(view, message)
    except Exception as e:
        _log.debug("Cannot write FiftyOne's record of the run", exc_info=True)
        warnings.append(_warning("no_run_record", f"FiftyOne's record of this run could not be written: {e}"))

    # Such a run is for its own process to write to.
    if message.run_relation == messages.RUN_RELATION_ACTIVE_HERE:
        if message.run_config_json:
            values = json.loads(message.run_config_json)
            # What is logged of an evaluation is replaced, so this has to be, too.
            replaced = [key for key in values if key.startswith("evaluation")] if message.run_metrics else []
            warnings += _tell_active_run(
                lambda: settings.update_active_config(message.run_id, values, replaced),
                "no_run_config",
                "The run's config could not be updated",
            )

        numbers = {metric.name: metric.value for metric in message.run_metrics}
        if numbers or message.evaluation.charts:
            warnings += _tell_active_run(
                lambda: settings.show_in_active_run(message.run_id, numbers, message.evaluation.charts),
                "no_run_values",
                "The run does not show the numbers and charts",
            )

    return warnings


def _tell_active_run(tell: Callable[[], bool], code: str, what: str) -> list[dict[str, Any]]:
    """Tells the run that is active here something; returns a list of what went wrong."""
    try:
        done = tell()
    except Exception as e:
        _log.debug("%s", what, exc_info=True)
        return [_warning(code, f"{what}: {e}")]

    return [] if done else [_warning(code, f"{what}, because it is no longer active here")]


def _reported(message):
    return [
        {
            "code": w.code,
            "message": w.message,
            "count": w.count,
            "sample_ids": list(w.sample_ids),
        }
        for w in message.warnings
    ]


def _preview(message, job_id, warnings):
    """What a dry run has found."""
    return {
        "dry_run": True,
        "artifact_name_given": message.given_name or None,
        "artifact_url": message.artifact_url or None,
        "artifact_version": message.artifact_version or None,
        "new_version": message.new_version,
        "entity": message.entity,
        "project": message.project,
        "rows": message.samples,
        "samples_in_view": message.view_samples,
        "files": message.files_total,
        "bytes": message.bytes_total,
        "entries": message.entries,
        "manifest_bytes": message.manifest_bytes,
        "client_memory_bytes": message.client_memory_bytes,
        "files_to_upload": message.files_uploaded,
        "bytes_to_upload": message.bytes_uploaded,
        "files_unchanged": message.files_unchanged,
        "bytes_unchanged": message.bytes_total - message.bytes_uploaded,
        "thumbnails_made": message.thumbnails_made,
        "settings_files": list(message.settings_files),
        "warnings": _reported(message) + warnings,
        "job_id": job_id,
    }


def logged(message: Any, job_id: str, warnings: list[dict[str, Any]]) -> dict[str, Any]:
    """The part of a result that all that was logged has, a dict."""
    return {
        "logged": True,
        **_place(message),
        "wandb_url": message.wandb_url or None,
        "artifact_name_given": message.given_name or None,
        "artifact_url": message.artifact_url or None,
        "artifact_version": message.artifact_version or None,
        "new_version": message.new_version,
        "entity": message.entity,
        "project": message.project,
        "run_id": message.run_id,
        "input_artifact_url": message.input_artifact_url or None,
        "bytes_uploaded": message.bytes_uploaded,
        "files_uploaded": message.files_uploaded,
        "files_unchanged": message.files_unchanged,
        "thumbnails_made": message.thumbnails_made,
        "settings_files": list(message.settings_files),
        "samples_in_view": message.view_samples,
        "warnings": _reported(message) + warnings,
        "job_id": job_id,
    }


def _place(message: Any) -> dict[str, Any]:
    """Where an offline run was written, and the line that uploads it."""
    directory = message.offline_directory
    if not directory:
        return {"offline_directory": None, "sync_command": None}

    if message.run_relation == messages.RUN_RELATION_ACTIVE_HERE:
        directory = settings.active_run()["offline_directory"]

    return {"offline_directory": directory, "sync_command": offline.sync_command(directory)}


def _warning(code, message):
    return {"code": code, "message": plaintext.clean(message), "count": 1, "sample_ids": []}
