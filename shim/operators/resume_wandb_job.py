"""The operator ``resume_wandb_job``."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import jobs, workers
from ..errors import FIFTYONE, SETTINGS, WandBError, bad_argument
from . import notices, results
from .operator import WandBOperator


class ResumeWandBJob(WandBOperator):
    """Queues workers again for a shared job whose workers are all gone."""

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="resume_wandb_job",
            label="W&B: Resume a job",
            description=(
                "Queues new workers for a shared logging job of this plugin whose workers have all ended before the job was done. "
                "What they had uploaded is not uploaded again"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
        )

    def __call__(self, job_id: str, workers: int = 1) -> dict[str, Any]:
        """Queues new workers for a shared job whose workers are all gone. Background services run them.

        What was uploaded is not uploaded again.

        Example::

            resume = foo.get_operator("@harpreetsahota/wandb/resume_wandb_job")


            def go_on(job_id):
                return resume(job_id, workers=4)

        Args:
            job_id: the id of the job: that of the operation that ``workers=N, delegate=True`` scheduled
            workers (1): how many workers to queue

        Returns:
            a dict with ``success``, ``job_id`` and ``workers``

        Raises:
            RuntimeError: if there is no unfinished shared job with this id
        """
        return _resume(job_id, workers)

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs = types.Object()
        found = [job for job in jobs.list_jobs() if (job.get("shared") or {}).get("resumable")]
        if found:
            view = types.Dropdown(label="Job")
            for job in found:
                view.add_choice(job["id"], label=_line(job))

            inputs.enum("job_id", view.values(), required=True, view=view)
            inputs.int(
                "workers",
                default=1,
                label="Workers",
                description="How many workers to queue. Background services (fiftyone delegated launch) run them. Default: 1",
            )
        else:
            inputs.view("nothing", notices.notice(label="No job can be resumed")).invalid = True

        return types.Property(inputs, view=types.View(label="Resume a job"))

    def run(self, ctx: ExecutionContext) -> dict[str, Any]:
        return _resume(ctx.params.get("job_id"), ctx.params.get("workers") or 1)

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        return results.show_done(ctx, "Workers were queued for the job", [("Job", "job_id"), ("Workers", "workers")])


def _line(job):
    shared, name = job["shared"], job["parameters"].get("artifact_name")
    done = f"{shared['read']} of {shared['shards']} parts read, {shared['uploaded']} uploaded"
    return " · ".join([job["operator"], job["dataset"], *([name] if name else []), done])


def _resume(job_id, count):
    if not isinstance(job_id, str) or not job_id:
        raise bad_argument("job_id has to be given")

    error = workers.workers_error(count)
    if error:
        raise bad_argument(error)

    status = workers.status(job_id)
    if status is None or not status["going"]:
        raise WandBError(f"There is no unfinished shared job {job_id}", source=SETTINGS, code="no_job")

    name = workers.get(job_id)["call"]["dataset"]
    if not fo.dataset_exists(name):
        raise WandBError(
            f"The dataset '{name}' was deleted: there is nothing to log", source=FIFTYONE, code="deleted_dataset"
        )

    workers.fail_dead()
    first = workers.next_slot(job_id)
    workers.queue(job_id, range(first, first + count), fo.load_dataset(name))
    return {"success": True, "job_id": job_id, "workers": count}
