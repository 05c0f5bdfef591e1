"""The operator ``cancel_wandb_job``."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import jobs
from ..errors import SETTINGS, WandBError, bad_argument
from . import notices, results
from .operator import WandBOperator

_GOING = (jobs.QUEUED, jobs.RUNNING)


class CancelWandBJob(WandBOperator):
    """Cancels a job of this plugin, wherever it runs."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="cancel_wandb_job",
            label="W&B: Cancel a job",
            description=(
                "Cancels a job of this plugin that is running or waiting, in this App, in a script or in a "
                "background service. It stops within two seconds and leaves nothing behind in W&B"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
        )

    def __call__(self, job_id: str) -> dict[str, Any]:
        """Asks a job to stop, in whichever process it runs or will run.

        Its work ends within two seconds. Nothing is committed, and no process is left.

        Example::

            job = log_view(dataset, project="my-project", delegate=True)

            cancel = foo.get_operator("@harpreetsahota/wandb/cancel_wandb_job")
            cancel(job["delegated_operation_id"])

        Args:
            job_id: the job's id, as in results and in the panel's list; a delegated operation's id is the same

        Returns:
            a dict with ``success`` and ``job_id``

        Raises:
            RuntimeError: if no such job is running or waiting
        """
        if not isinstance(job_id, str) or not job_id:
            raise bad_argument("job_id has to be given")

        if not jobs.request_cancel(job_id):
            raise WandBError(f"No job {job_id} is running or waiting", source=SETTINGS, code="no_job")

        return {"success": True, "job_id": job_id}

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        if ctx.params.get("pressed"):
            inputs.str("job_id", required=True)
            inputs.bool("pressed")
            return types.Property(inputs)

        going = [job for job in jobs.list_jobs() if job["state"] in _GOING]
        if going:
            view = types.Dropdown(label="Job")
            for job in going:
                view.add_choice(job["id"], label=_label(job))

            inputs.enum("job_id", view.values(), required=True, view=view)
        else:
            inputs.view("nothing", notices.notice(label="No job is running or waiting")).invalid = True

        return types.Property(inputs, view=types.View(label="Cancel a job"))

    def run(self, ctx: ExecutionContext) -> dict[str, Any]:
        job_id = ctx.params.get("job_id")
        if ctx.params.get("pressed"):
            # The button of a job's progress: the job may have ended while it was pressed.
            return {"success": jobs.request_cancel(job_id), "job_id": job_id}

        return self(job_id)

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        return results.show_done(ctx, "The job was asked to stop", [("Job", "job_id")])


def _label(job):
    progress = f"{job['fraction']:.0%}, {job['label']}" if job["state"] == jobs.RUNNING else job["label"]
    return f"{job['operator']} · {job['dataset']} · {progress}"
