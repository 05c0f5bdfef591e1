"""The operator ``log_worker_slot``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import jobs, settings, work, workers
from ..errors import bad_argument
from . import results
from .base import JobOperator
from .log_operator import logged, record_shared

# How long a slot waits for a job that a background service is about to start, in seconds.
_WAIT = 600.0


class LogWorkerSlot(JobOperator):
    """Works on a job that several workers share, as one more of them."""

    HOW = ("progress",)

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name=workers.SLOT_OPERATOR,
            label="W&B: Work on a shared job",
            description=(
                "Makes this process a worker of a job that logs to W&B and was scheduled with workers=N, until the job is over. "
                "Background services and schedulers such as Ray or Slurm run it"
            ),
            dynamic=True,
            icon="/assets/wandb.svg",
            unlisted=True,
            execute_as_generator=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
        )

    def __call__(
        self, job_id: str, slot: int | None = None, wait: float = _WAIT, progress: bool | None = None
    ) -> dict[str, Any]:
        """Works on a shared job in this process, until the job is over.

        Background services do this by themselves for a job with ``workers=N``. Call it yourself to use machines of Ray, Slurm,
        Kubernetes or anything else that can run a Python function: each call is one more worker. It needs access to FiftyOne's
        database, the media at the same paths, the same version of this plugin, and a W&B key of the same account.

        Example::

            import fiftyone.operators as foo


            def work_on(job_id):
                run_slot = foo.get_operator("@harpreetsahota/wandb/log_worker_slot")
                return run_slot(job_id)

        Args:
            job_id: the id of the job: that of the operation that ``workers=N, delegate=True`` scheduled
            slot (None): this worker's number in lists of workers; by default, the next one
            wait (600): how long to wait for the job to start, in seconds
            progress (None): show a progress bar; by default, ``fo.config.show_progress_bars`` decides

        Returns:
            a dict with the job's result, whichever worker committed it

        Raises:
            RuntimeError: if the job failed or was cancelled, or if this machine cannot work on it; the other workers go on then
        """
        return self.run_here(job_id, self.given(locals()), progress=progress)

    def job(
        self, samples: str, params: dict[str, Any], record_id: str | None = None, **where: Any
    ) -> tuple[work.Job, Callable[[Any, str], dict[str, Any]]]:
        job_id = samples
        if not isinstance(job_id, str) or not job_id:
            raise bad_argument("job_id has to be given")

        document = workers.wait_for(job_id, _WAIT if params.get("wait") is None else params["wait"])
        slot = params.get("slot")
        if slot is None:
            slot = workers.next_slot(job_id)

        workers.fail_dead(record_id)
        job = work.Job(
            operator=self.name,
            dataset=document["call"]["dataset"],
            parameters={"job_id": job_id, "slot": slot},
            settings=settings.collect(**where),
            request=workers.request_of(job_id, slot, record_id),
            record_id=record_id,
        )

        def conclude(message, _own_id):
            workers.fail_dead(record_id)
            warnings = record_shared(document, message)
            result = {"success": True, "artifact_name": message.artifact_name, **logged(message, job_id, warnings)}
            jobs.complete_shared(job_id, result)
            return result

        return job, conclude

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        inputs.str(
            "job_id",
            required=True,
            label="Job",
            description="The id of the operation that was scheduled with workers=N",
        )
        inputs.int("slot", label="Slot", description="A number for lists of workers. Default: the next one")
        return types.Property(inputs, view=types.View(label="Work on a shared job"))

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        return results.show_result(ctx, [])

    def samples_of(self, ctx: ExecutionContext) -> str | None:
        """The id of the job, which stands for the samples."""
        return ctx.params.get("job_id")
