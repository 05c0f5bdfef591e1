"""The operator ``sync_wandb_offline``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import offline, settings, work
from ..errors import bad_argument
from . import notices, results
from .base import JobOperator
from .log_operator import logged


class SyncWandBOffline(JobOperator):
    """Uploads an offline run that a logging operator has written."""

    UNDONE = "The directory is not marked as synced"

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="sync_wandb_offline",
            label="W&B: Upload an offline run",
            description=(
                "Uploads what was logged offline, checks that W&B has the artifact, and only then marks the directory as "
                "synced"
            ),
            icon="/assets/wandb.svg",
            execute_as_generator=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
        )

    def __call__(
        self,
        directory: str | os.PathLike[str],
        *,
        entity: str | None = None,
        project: str | None = None,
        progress: bool | None = None,
    ) -> dict[str, Any]:
        """Uploads an offline run that a logging operator has written with ``offline=True`` or in W&B's mode "offline".

        It checks that no file was changed or lost, uploads the run, checks that the artifact is committed, and only then marks the
        directory as synced. A second call uploads nothing.

        Example::

            written = log_view(dataset, project="my-project", offline=True)

            sync = foo.get_operator("@harpreetsahota/wandb/sync_wandb_offline")
            print(sync(written["offline_directory"])["artifact_url"])

        Args:
            directory: the run's directory, such as ``wandb/offline-run-20260131_120000-abc123``; it may have been moved
            entity (None): the W&B user or team; by default, the one that the run was written for
            project (None): the W&B project; by default, the one that the run was written for
            progress (None): show a progress bar; by default, ``fo.config.show_progress_bars`` decides

        Returns:
            a dict with ``success``, ``artifact_name``, ``artifact_version``, ``artifact_url``, ``wandb_url``,
            ``new_version`` (``False`` if W&B had this content already), ``warnings`` and more

        Raises:
            RuntimeError: if the run could not be uploaded; the directory is not marked as synced then
        """
        return self.run_here(directory, self.given(locals()), progress=progress)

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        inputs, waiting = types.Object(), offline.waiting()
        inputs.view("waiting", notices.notice(_about(waiting)))
        directories = types.AutocompleteView(
            label="Directory",
            description="Such as wandb/offline-run-20260131_120000-abc123, on the machine that runs FiftyOne",
        )
        for run in waiting:
            directories.add_choice(run["directory"], label=run["directory"], description=run["artifact"] or None)

        default = waiting[0]["directory"] if len(waiting) == 1 else None
        inputs.str("directory", required=True, default=default, view=directories)
        return types.Property(inputs, view=types.View(label="Upload an offline run to W&B"))

    def samples_of(self, ctx: ExecutionContext) -> Any:
        return ctx.params.get("directory")

    def job(
        self, samples: Any, params: dict[str, Any], record_id: str | None = None, **where: Any
    ) -> tuple[work.Job, Callable[[Any, str], dict[str, Any]]]:
        directory = samples
        if not isinstance(directory, (str, os.PathLike)) or not os.fspath(directory):
            raise bad_argument(f"directory has to be the path of an offline run, not {directory!r}")

        directory = os.path.abspath(os.path.expanduser(os.fspath(directory)))
        job = work.Job(
            operator=self.name,
            dataset="",
            parameters={"directory": directory},
            settings=settings.collect(**where),
            request={
                "sync_offline": {
                    "directory": directory,
                    "entity": params.get("entity") or "",
                    "project": params.get("project") or "",
                }
            },
            record_id=record_id,
            undone=self.UNDONE,
        )

        def conclude(message: Any, job_id: str) -> dict[str, Any]:
            return {"success": True, "artifact_name": message.artifact_name, **logged(message, job_id, [])}

        return job, conclude

    def resolve_execution_options(self, ctx: ExecutionContext) -> foo.ExecutionOptions:
        return foo.ExecutionOptions(allow_immediate_execution=True, allow_delegated_execution=True)

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        return results.show_result(ctx, [])


def _about(waiting):
    if not waiting:
        return "There is no offline run to upload where the App's server was started. You can type another directory"

    runs = "There is one offline run" if len(waiting) == 1 else f"There are {len(waiting)} offline runs"
    return f"{runs} to upload. The one that you choose is checked, uploaded, and then marked as synced"
