"""What the operators that run a job in the worker have in common."""

import json
import logging
import threading
import time
from pathlib import Path

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators.executor import ExecutionResult
from fiftyone.operators.message import GeneratedMessage, MessageType

from .. import query, settings, work
from ..errors import FIFTYONE, SETTINGS, WandBCancelled, WandBError
from ..plain import to_plain
from ..progress import TerminalBar
from . import forms

_log = logging.getLogger("fiftyone_wandb")

# The record of a delegated run is written at most this often, in seconds.
_DELEGATED_SECONDS = 1.0


class JobOperator(foo.Operator):
    """An operator that does one job in the worker: now, in the App, or in the background."""

    #: The parameters that the record of a job shows: none of them may hold a secret.
    RECORDED = ()

    def prepare(self, view, params):
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

    def result(self, message):
        """The part of the result, a dict, that only this operator has."""
        raise NotImplementedError

    def run_here(self, samples, params, progress=None):
        """Runs the job for a caller in Python and returns its result, a dict."""
        job, conclude = self._job(samples, params, directory=str(Path.cwd()))
        with TerminalBar(progress) as bar:
            result = work.drain(work.stream(job, conclude), bar.show)

        for warning in result["warnings"]:
            _log.warning("%s", warning["message"])

        return result

    def schedule(self, samples, params):
        """Queues the job for a background service and returns what is known of it.

        Mistakes in the parameters are found now, not when the job is run.
        """
        view = query.as_view(samples)
        self.prepare(view, params)
        context = {
            "view": view,
            "params": to_plain({k: v for k, v in params.items() if v is not None}),
            "group_slice": query.group_slice(view),
            "request_delegation": True,
        }
        try:
            execution = _outside_of_loops(lambda: foo.execute_operator(self.uri, context))
            if execution.error:
                raise WandBError(execution.error_message or execution.error)
        except Exception as e:
            raise _not_queued(_last_line(e)) from None

        return {
            "success": True,
            "delegated": True,
            "delegated_operation_id": str(execution.result["id"]),
        }

    def execute(self, ctx):
        """Runs the job for FiftyOne.

        Returns:
            a generator for the App, which shows live progress; else the result, a dict
        """
        if ctx.delegated:
            return self._run_delegated(ctx)

        if forms.is_from_app(ctx):
            return self._run_in_app(ctx)

        return self._run_through(ctx)

    def resolve_execution_options(self, ctx):
        """Both ways are allowed; the background is proposed for large jobs."""
        return foo.ExecutionOptions(
            allow_immediate_execution=True,
            allow_delegated_execution=True,
            default_choice_to_delegated=forms.is_large(ctx, self.wants_images(ctx.params)),
        )

    def wants_images(self, params):
        """Whether a job with these parameters logs the media files."""
        raise NotImplementedError

    def _run_delegated(self, ctx):
        operation_id = ctx.request_params.get("run_doc")
        written = 0.0

        def show(update):
            nonlocal written
            now = time.monotonic()
            if now - written >= _DELEGATED_SECONDS:
                written = now
                ctx.set_progress(progress=update.fraction, label=update.label)

        watchers = [_failed_elsewhere(operation_id)] if operation_id else []
        job, conclude = self._job_of(ctx, record_id=operation_id)
        return work.drain(work.stream(job, conclude, watchers), show)

    def _run_through(self, ctx):
        # FiftyOne stops waiting at its limit but lets the thread go on: end before it.
        limit = fo.config.operator_timeout
        deadline = time.monotonic() + limit - min(5.0, limit / 2)

        def watch():
            if time.monotonic() <= deadline:
                return None

            return WandBError(
                f"The job was stopped: FiftyOne allows {limit} seconds for operators that run through "
                "execute_operator(), set by FIFTYONE_OPERATOR_TIMEOUT. Call the operator itself, "
                f"foo.get_operator('{self.uri}')(...), which has no limit, or with delegate=True. "
                "Nothing was logged",
                source=SETTINGS,
                code="operator_timeout",
            )

        job, conclude = self._job_of(ctx, directory=str(Path.cwd()))
        return work.drain(work.stream(job, conclude, [watch]), lambda update: None)

    def _run_in_app(self, ctx):
        try:
            job, conclude = self._job_of(ctx)
            updates = work.stream(job, conclude)
            try:
                while True:
                    update = next(updates)
                    yield ctx.ops.set_progress(label=update.label, progress=update.fraction)
            except StopIteration as end:
                # The dialog that showed the progress shows the result: the result's own line
                # would open a second one below it.
                yield ctx.ops.show_output(self._result_view(ctx, end.value).to_json(), end.value)
            finally:
                updates.close()
        except WandBError as e:
            # An exception would break the stream off, and the App would show its own. The dialog
            # that showed the progress stands before the form, where the App shows the error.
            yield ctx.ops.show_output(forms.show_error(e).to_json(), {})
            yield _ErrorLine(str(e))

    def _result_view(self, ctx, result):
        ctx.request_params["results"] = result
        return self.resolve_output(ctx)

    def _job_of(self, ctx, record_id=None, directory=""):
        return self._job(
            forms.chosen(ctx),
            ctx.params,
            secret=ctx.secret,
            record_id=str(record_id) if record_id else None,
            directory=directory,
        )

    def _job(self, samples, params, **where):
        view = query.as_view(samples)
        request, record, warnings = self.prepare(view, params)
        job = work.Job(
            operator=self.name,
            dataset=query.root_dataset(view).name,
            parameters={k: params[k] for k in self.RECORDED if params.get(k) is not None},
            settings=settings.collect(
                entity=params.get("entity"),
                project=params.get("project"),
                run_id=params.get("run_id"),
                **{k: v for k, v in where.items() if k != "record_id"},
            ),
            request=request,
            record_id=where.get("record_id"),
        )

        def conclude(message, job_id):
            found = warnings + _after(view, message, record)
            return {**self.result(message), **_common(message, job_id, found)}

        return job, conclude


def text_list(value, argument):
    """Returns a list of strings of a string, a list of strings, or None.

    Raises:
        WandBError: if it is anything else
    """
    if value is None:
        return []

    if isinstance(value, str):
        return [value]

    if isinstance(value, (list, tuple, set)) and all(isinstance(v, str) for v in value):
        return list(dict.fromkeys(value))

    raise WandBError(
        f"{argument} has to be a list of strings, not {value!r}",
        source=SETTINGS,
        code="bad_argument",
    )


def _after(view, message, record):
    """Does what is left to do in Python; what fails there is a warning, for all is logged."""
    warnings = []
    try:
        record(view, message)
    except Exception as e:
        _log.debug("Cannot write FiftyOne's record of the run", exc_info=True)
        warnings.append(_warning("no_run_record", f"FiftyOne's record of this run could not be written: {e}"))

    # RUN_RELATION_ACTIVE_HERE: the config of such a run is for its own process to set.
    if message.run_relation == 3 and message.run_config_json:
        try:
            done = settings.update_active_config(message.run_id, json.loads(message.run_config_json))
        except Exception as e:
            _log.debug("Cannot update the active run's config", exc_info=True)
            done, reason = False, f": {e}"
        else:
            reason = ", for it is not active here any more"

        if not done:
            warnings.append(_warning("no_run_config", f"The run's config could not be updated{reason}"))

    return warnings


def _common(message, job_id, warnings):
    reported = [
        {
            "code": w.code,
            "message": w.message,
            "count": w.count,
            "sample_ids": list(w.sample_ids),
        }
        for w in message.warnings
    ]
    return {
        "wandb_url": message.wandb_url,
        "artifact_url": message.artifact_url,
        "artifact_version": message.artifact_version,
        "new_version": message.new_version,
        "entity": message.entity,
        "project": message.project,
        "run_id": message.run_id,
        "bytes_uploaded": message.bytes_uploaded,
        "files_uploaded": message.files_uploaded,
        "files_unchanged": message.files_unchanged,
        "warnings": reported + warnings,
        "job_id": job_id,
    }


def _warning(code, message):
    return {"code": code, "message": message, "count": 1, "sample_ids": []}


def _failed_elsewhere(operation_id):
    def watch():
        try:
            state = query.delegated_run_state(operation_id)
        except Exception:
            # The database will be back, or the job will hear of it itself.
            return None

        if state == "running":
            return None

        change = "removed" if state is None else f"marked as {state}"
        return WandBCancelled(f"The delegated run was {change}, so its work was stopped. Nothing was logged.")

    return watch


def _outside_of_loops(call):
    # Where an event loop runs, as in notebooks, FiftyOne returns a task that nobody here
    # could wait for. In a thread of its own there is no loop.
    done = {}

    def work_in_thread():
        try:
            done["result"] = call()
        except BaseException as e:
            done["error"] = e

    thread = threading.Thread(target=work_in_thread, name="wandb-schedule")
    thread.start()
    thread.join()
    if "error" in done:
        raise done["error"]

    return done["result"]


def _not_queued(reason):
    hint = ""
    if "too large" in reason.lower():
        hint = (
            ". The queue holds the view's stages, and a view that selects more than about "
            "800,000 samples by id does not fit: call the operator without delegate=True"
        )

    return WandBError(f"The job could not be queued: {reason}{hint}", source=FIFTYONE, code="not_queued")


def _last_line(error):
    # FiftyOne puts whole tracebacks into its errors.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


class _ErrorLine(GeneratedMessage):
    """The line of a generator's stream that makes the App show the run as failed."""

    def __init__(self, text):
        super().__init__(MessageType.ERROR, cls=ExecutionResult)
        self._text = text

    def to_json(self):
        return {**super().to_json(), "error": self._text, "error_message": self._text}
