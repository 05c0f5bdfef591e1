"""What the operators that run a job in the worker have in common."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators.executor import ExecutionContext

from .. import database, query, work
from ..errors import FIFTYONE, SETTINGS, WandBCancelled, WandBError
from ..plain import to_plain
from ..progress import TerminalBar
from ..worker import logs
from . import forms, results
from .operator import WandBOperator
from .returned import Returned

_log = logs.logger("fiftyone_wandb")

# The record of a delegated run is written at most this often, in seconds.
_DELEGATED_SECONDS = 1.0


class JobOperator(WandBOperator):
    """An operator that does one job in the worker: now, in the App, or in the background.

    Its parameters are those of its ``__call__``, whose docstring describes them.
    """

    #: The arguments of ``__call__`` that say how the job is run, not what it does.
    HOW = ("delegate", "progress")

    #: The parameters that only the form has, not ``__call__``.
    FORM_ONLY = ()

    #: The parameters that the form always shows; *More options* shows the others.
    USUAL = ()

    #: The parameters that the job's record leaves out, because they may hold a secret.
    NOT_RECORDED = ()

    #: What became of the work of a job that was stopped, in words.
    UNDONE = "Nothing was logged"

    def job(
        self, samples: SampleCollection, params: dict[str, Any], **where: Any
    ) -> tuple[work.Job, Callable[[Any, str], dict[str, Any]]]:
        """Checks the parameters and describes the job.

        Args:
            samples: a dataset or view
            params: a dict of the operator's parameters
            where: arguments of :func:`shim.settings.collect` that say who is calling, and
                ``record_id``, the id of a delegated operation

        Returns:
            a tuple of (a :class:`shim.work.Job`, a function of the worker's last message and
            the job's id that does what is left to do and returns the result, a dict)

        Raises:
            WandBError: if a parameter is wrong
        """
        raise NotImplementedError

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """The operator's parameters, and the value that each has if it is not given: a dict."""
        _self, _samples, *arguments = inspect.signature(cls.__call__).parameters.values()
        return {a.name: a.default for a in arguments if a.name not in cls.HOW} | dict.fromkeys(cls.FORM_ONLY)

    def given(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a call.

        Args:
            arguments: what ``locals()`` returns at the beginning of ``__call__``

        Returns:
            a dict
        """
        return {name: arguments[name] for name in self.defaults() if name in arguments}

    def recorded(self, params: dict[str, Any]) -> dict[str, Any]:
        """The parameters that the job's record shows: those that were given, and may hold no secret."""
        return {
            name: params[name]
            for name, default in self.defaults().items()
            if name not in self.NOT_RECORDED
            and params.get(name) is not None
            and (default is None or params[name] != default)
        }

    def effects(self, ctx: ExecutionContext, result: dict[str, Any]) -> list[Any]:
        """What a finished job makes the App do: a list of messages, as ``ctx.ops`` makes them."""
        return []

    def run_here(
        self, samples: SampleCollection, params: dict[str, Any], progress: bool | None = None
    ) -> dict[str, Any]:
        """Runs the job for a caller in Python and returns its result, a dict."""
        job, conclude = self.job(samples, params, directory=str(Path.cwd()))
        with TerminalBar(progress) as bar:
            result = work.drain(work.stream(job, conclude), bar.show)

        for warning in result["warnings"]:
            _log.warning("%s", warning["message"])

        return self.returned(result)

    def returned(self, result: dict[str, Any]) -> dict[str, Any]:
        """The result as a caller in Python gets it."""
        return Returned(result)

    def schedule(self, samples: SampleCollection, params: dict[str, Any]) -> dict[str, Any]:
        """Queues the job for a background service and returns what is known of it.

        Mistakes in the parameters are found now, not when the job is run.
        """
        database.check()
        self.job(samples, params)
        view = query.as_view(samples)
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

        queued = {"success": True, "delegated": True, "delegated_operation_id": str(execution.result["id"])}
        return Returned(queued)

    def run(self, ctx: ExecutionContext) -> Any:
        """Runs the job for FiftyOne.

        Returns:
            a generator for the App, which shows live progress; else the result, a dict
        """
        forms.drop_hidden(ctx.params, self.USUAL)
        if ctx.delegated:
            return self._run_delegated(ctx)

        if forms.is_from_app(ctx):
            return self._run_in_app(ctx)

        return self._run_through(ctx)

    def _run_delegated(self, ctx):
        operation_id = ctx.request_params.get("run_doc")
        written = 0.0

        def show(update):
            nonlocal written
            now = time.monotonic()
            if now - written >= _DELEGATED_SECONDS:
                written = now
                ctx.set_progress(progress=update.fraction, label=update.label)

        watchers = [_failed_elsewhere(operation_id, self.UNDONE)] if operation_id else []
        job, conclude = self._job_of(ctx, record_id=operation_id)
        if operation_id:
            job, conclude, watchers = self.shared(ctx, job, conclude, watchers)

        return work.drain(work.stream(job, conclude, watchers), show)

    def shared(
        self,
        ctx: ExecutionContext,
        job: work.Job,
        conclude: Callable[[Any, str], dict[str, Any]],
        watchers: list[Callable[[], BaseException | None]],
    ) -> tuple[work.Job, Callable[[Any, str], dict[str, Any]], list[Callable[[], BaseException | None]]]:
        """A delegated job as it is run: by one worker, unless the operator has it shared by several."""
        return job, conclude, watchers

    def _run_through(self, ctx):
        # FiftyOne stops waiting at its limit but lets the thread run on, so end before it.
        limit = fo.config.operator_timeout
        deadline = time.monotonic() + limit - min(5.0, limit / 2)

        def watch():
            if time.monotonic() <= deadline:
                return None

            return WandBError(
                f"The job was stopped: FiftyOne allows {limit} seconds for operators that run through "
                "execute_operator(), set by FIFTYONE_OPERATOR_TIMEOUT. Call the operator itself, "
                f"foo.get_operator('{self.uri}')(...), which has no limit, or with delegate=True. "
                f"{self.UNDONE}",
                source=SETTINGS,
                code="operator_timeout",
            )

        job, conclude = self._job_of(ctx, directory=str(Path.cwd()))
        result = work.drain(work.stream(job, conclude, [watch]), lambda update: None)
        self.effects(ctx, result)
        return result

    def _run_in_app(self, ctx):
        job, conclude = self._job_of(ctx)
        updates = work.stream(job, conclude)
        try:
            while True:
                update = next(updates)
                # As ctx.ops.set_progress() does, with a way out: closing the dialog tells the server nothing.
                shown = results.show_progress(update).to_json()
                yield ctx.ops.show_output(shown, {"progress": update.fraction})
        except StopIteration as end:
            yield from self.effects(ctx, end.value)
            # The dialog that showed the progress shows the result: the result's own line
            # would open a second one below it.
            yield ctx.ops.show_output(self._result_view(ctx, end.value).to_json(), end.value)
        finally:
            updates.close()

    def _result_view(self, ctx, result):
        ctx.request_params["results"] = result
        return self.resolve_output(ctx)

    def _job_of(self, ctx, record_id=None, directory=""):
        return self.job(
            self.samples_of(ctx),
            ctx.params,
            secret=ctx.secret,
            record_id=str(record_id) if record_id else None,
            directory=directory,
        )

    def samples_of(self, ctx: ExecutionContext) -> SampleCollection | None:
        """The dataset or view that an execution is about."""
        return forms.chosen(ctx)


def _failed_elsewhere(operation_id, undone):
    def watch():
        try:
            state = database.delegated_run_state(operation_id)
        except Exception:
            # The database will be back, or the job will notice by itself.
            return None

        if state == "running":
            return None

        change = "removed" if state is None else f"marked as {state}"
        return WandBCancelled(f"The delegated run was {change}, so its work was stopped. {undone}.")

    return watch


def _outside_of_loops(call):
    # Where an event loop runs, as in notebooks, FiftyOne returns a task that cannot be
    # awaited here. In a thread of its own there is no loop.
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
