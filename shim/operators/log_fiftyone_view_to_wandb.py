"""The operator ``log_fiftyone_view_to_wandb``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import pictures, runs, schema, work, workers
from ..errors import SETTINGS, WandBError
from . import choices, forms, plan, results
from .log_operator import LogOperator, described

# The form's switch for pictures in a table without labels.
_ONLY_PICTURES = "only_pictures"


class LogFiftyOneViewToWandB(LogOperator):
    """Logs a dataset or view as a W&B dataset artifact."""

    SHARED = "log_view"

    USUAL = ("project", "artifact_name", "include_labels", "include_images", _ONLY_PICTURES)

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="log_fiftyone_view_to_wandb",
            label="W&B: Save View as Artifact",
            description=(
                "Logs the samples of a dataset, view or selection to Weights & Biases as a versioned dataset "
                "artifact. It holds the sample ids and the view's stages, so that the same data can be loaded "
                "again, and optionally a table of all labels, pictures, and embeddings"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
            execute_as_generator=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
        )

    def __call__(
        self,
        sample_collection: SampleCollection,
        project: str | None = None,
        run_id: str | None = None,
        artifact_name: str | None = None,
        include_labels: bool = False,
        *,
        entity: str | None = None,
        include_images: bool | None = None,
        image_mode: str | None = None,
        thumbnail_size: int | None = None,
        image_range: tuple[float, float] | None = None,
        pictures_max: int | None = None,
        max_samples: int | None = None,
        seed: int | None = None,
        overlays: str | list[str] | bool | None = None,
        mask_mode: str | None = None,
        fields: str | list[str] | None = None,
        embedding_field: str | list[str] | None = None,
        aliases: list[str] | None = None,
        tags: list[str] | None = None,
        description: str | None = None,
        dry_run: bool = False,
        offline: bool = False,
        workers: int = 1,
        delegate: bool = False,
        progress: bool | None = None,
    ) -> dict[str, Any]:
        """Logs a dataset or view to W&B as a ``dataset`` artifact.

        The artifact holds the sample ids and the view's stages, so that ``load_view_from_wandb`` can restore the same view later.
        It can also hold a table with labels and pictures, and embeddings. If you log the same view again under the same name,
        nothing is uploaded and there is no new version.

        Example::

            import fiftyone as fo
            import fiftyone.operators as foo
            import wandb

            dataset = fo.load_dataset("my-dataset")
            wandb.init(project="my-project")

            log_view = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
            result = log_view(
                dataset.match_tags("train"),
                project="my-project",
                run_id=wandb.run.id,
                artifact_name="my_training_data",
                include_labels=True,
            )
            print(result["artifact_url"])

        Args:
            sample_collection: a :class:`fiftyone.core.dataset.Dataset` or :class:`fiftyone.core.view.DatasetView`
            project (None): the W&B project; it is created if it does not exist. By default, that of the FiftyOne secret or
                of your W&B settings
            run_id (None): the id of the run to log to: a run that is active in this process, one that has finished, one that is
                alive elsewhere (it is left alone), or a new id. By default, a new run is created
            artifact_name (None): the artifact's name; the default is ``dataset_view_`` and the run's first 8 characters. W&B
                stores ``My-Data`` as ``my_data``: the result says so, and every operator finds both names
            include_labels (False): log a table ``samples`` with the text of every label field. Without it, and without pictures,
                the artifact holds ``sample_references.json`` instead
            entity (None): the W&B user or team; by default, that of the FiftyOne secret, of your W&B settings, or of the key
            include_images (None): show pictures in the table. By default, a table with labels shows them; with ``True``, there is
                a table of pictures even without labels
            image_mode (None): what the column ``image`` holds: "thumbnail" (the default), "original" (the media file), "reference"
                (its URI, which the artifact also records as a reference, with the column ``thumbnail`` beside it), or "none"
            thumbnail_size (256): the longest side of a thumbnail, in pixels
            image_range (None): ``(low, high)``: the sample values to show as black and white in thumbnails of pictures with more
                than 8 bits (16-bit, float, signed); by default, a picture that uses little of its range is stretched
            pictures_max (None): the most pictures that the table shows, 100,000 by default; 0 for no limit. If the view has more,
                rows are chosen at random (see ``seed``): the others are in the table, too, with empty picture cells. An artifact
                cannot have more than 1,000,000 files
            max_samples (None): the most rows to log, chosen at random; by default, all
            seed (None): the seed of random choices, 0 by default. The same seed always chooses the same rows
            overlays (None): the label fields to draw over the pictures: a field, a list of fields, or ``False`` for none; by
                default, all that can be drawn
            mask_mode (None): what is drawn as masks: "own" for the labels that have one (the default), "all" for
                rotated boxes and closed polylines too, or "none" for boxes only
            fields (None): a plain field, or a list of them, to log as further typed columns, such as
                ``["metadata.width", "quality"]``
            embedding_field (None): a vector field, or a list of them, to store as ``embeddings/<field>.npz``
            aliases (None): aliases for the artifact's version, beside ``latest``
            tags (None): tags for the artifact's version
            description (None): the artifact's description; where the version is there already, it replaces its description
            dry_run (False): return what would be uploaded, and change nothing at W&B or in FiftyOne
            offline (False): write an offline run, as W&B's mode "offline" does: a directory that ``sync_wandb_offline`` or
                ``wandb sync`` uploads later. It is in ``WANDB_DIR``, or the current directory, of the process that does the job
            workers (1): with ``delegate=True`` and more than 200,000 rows, how many background services share the job, on as many machines as
                you like; the artifact is the same. See docs/scale-out.md
            delegate (False): queue the job for a background service
            progress (None): show a progress bar; by default, ``fo.config.show_progress_bars`` decides

        Returns:
            a dict with ``success``, ``artifact_name``, ``samples_logged``, ``wandb_url`` (the run's page), ``artifact_url``,
            ``artifact_version``, ``new_version`` (``False`` if W&B had this content already), ``run_id``, ``bytes_uploaded``,
            ``warnings`` and more. A dry run returns ``rows``, ``files``, ``bytes``, ``entries``, ``files_to_upload``, ``bytes_to_upload`` and
            ``files_unchanged`` instead of what a run has

        Raises:
            RuntimeError: if the view could not be logged; nothing was committed then
        """
        params = self.given(locals())
        if delegate:
            return self.schedule(sample_collection, params)

        return self.run_here(sample_collection, params, progress=progress)

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        forms.drop_hidden(ctx.params, self.USUAL)
        inputs, view = forms.start(ctx, "Log")
        if view is not None:
            labels, _ = schema.label_fields(view)
            with_labels, mode = bool(ctx.params.get("include_labels")), self.image_mode(ctx.params)
            contents = None
            if with_labels or mode != "none":
                texts = [field["path"] for field in labels] if with_labels else []
                contents = {"labels": texts, "fields": ctx.params.get("fields") or []}

            plan.add(ctx, inputs, view, contents, mode)
            place = choices.Place(ctx)
            place.add_project(inputs)
            forms.add_artifact_name(ctx, inputs, "dataset_view_RUN, with the first 8 characters of the run's id")
            self._table(inputs, view, labels, with_labels)
            if forms.add_more(ctx, inputs, self.USUAL):
                self._more(ctx, inputs, view, place, mode)

        return types.Property(inputs, view=types.View(label="Save view as a W&B artifact"))

    def _more(self, ctx, inputs, view, place, mode):
        with_labels = bool(ctx.params.get("include_labels"))
        if with_labels or mode != "none":
            forms.add_pictures(ctx, inputs, mode)
            if with_labels:
                forms.add_overlays(ctx, inputs, view, mode, "all that can be drawn")

            forms.add_fields(inputs, view)

        self._embeddings(ctx, inputs, view)
        forms.add_limit_and_dry_run(ctx, inputs)
        choices.add_run(inputs, place, ctx.params, "The run that the data belongs to. Default: a new run")
        place.add_entity(inputs)
        forms.add_artifact_facts(inputs)
        forms.add_workers(ctx, inputs)

    def _embeddings(self, ctx, inputs, view):
        vectors = schema.choices(view, schema.is_vector)
        if vectors:
            inputs.bool("include_embeddings", default=False, label="Include embeddings", description="Default: off")
            if ctx.params.get("include_embeddings"):
                forms.choose(
                    inputs,
                    "embedding_field",
                    vectors,
                    "Embeddings",
                    "The field is stored in the artifact as an .npz file",
                    required=True,
                )

    def _table(self, inputs, view, labels, with_labels):
        if labels:
            named = plan.first_names([field["path"] for field in labels])
            about = f"A table with a column for each label field: {named}. Default: off"
        elif schema.frame_label_fields(view):
            about = f"The labels are in the frames of the videos: log {schema.frames_view(view)} for them"
        else:
            about = "This view has no label fields"

        inputs.bool("include_labels", default=False, label="Include labels", description=about)
        # A form keeps what a switch was set to, and these two have different defaults: each has a name of its own.
        if with_labels:
            inputs.bool(
                "include_images", default=True, label="Show pictures", description="A column of the table. Default: on"
            )
        else:
            inputs.bool(
                _ONLY_PICTURES,
                default=False,
                label="Show pictures",
                description="A table of pictures, without labels. Default: off",
            )

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        logged = (ctx.results or {}).get("samples_logged", 0)
        return results.show_result(ctx, [("Samples", f"{logged:,}")])

    def resolve_run_name(self, ctx: ExecutionContext) -> str:
        name = ctx.params.get("artifact_name") or ctx.dataset_name
        return f"Log view to W&B: {name}"

    def image_mode(self, params: dict[str, Any]) -> str:
        return pictures.mode(_without_labels(params), default=bool(params.get("include_labels")))

    def job(
        self, samples: SampleCollection, params: dict[str, Any], record_id: str | None = None, **where: Any
    ) -> tuple[work.Job, Callable[[Any, str], dict[str, Any]]]:
        return super().job(samples, _without_labels(params), record_id, **where)

    def prepare(
        self, view: fo.DatasetView, params: dict[str, Any]
    ) -> tuple[dict[str, Any], Callable[[fo.DatasetView, Any], Any], list[dict[str, Any]]]:
        with_labels = bool(params.get("include_labels"))
        if not with_labels and self.image_mode(params) == "none" and params.get("fields"):
            raise WandBError(
                "fields are columns of a table, and this view is logged as a list of its samples: give "
                "include_labels=True or include_images=True as well",
                source=SETTINGS,
                code="no_table",
            )

        labels, left_out = schema.label_fields(view) if with_labels else ([], [])
        # Without the labels' texts, labels are drawn only if that is asked for.
        drawn = None if with_labels or params.get("overlays") is True else []
        # The form's switch can be off while the field is still chosen.
        embeddings = params.get("embedding_field") if params.get("include_embeddings", True) else None
        request = {
            **self.rows(view, params),
            **described(params),
            "include_labels": with_labels,
            **self.pictures(view, params, drawn),
            "labels": labels,
            "fields": schema.plain_fields(view, params.get("fields")),
            "embeddings": schema.embedding_fields(view, embeddings),
            "parts": workers.parts(),
        }
        return (
            {"log_view": request},
            self.recorder(params, {}),
            _left_out(view, labels, left_out) if with_labels else [],
        )

    def recorder(self, params: dict[str, Any], request: dict[str, Any]) -> Callable[[fo.DatasetView, Any], Any]:
        return runs.record_view

    def result(self, message: Any) -> dict[str, Any]:
        return {
            "success": True,
            "artifact_name": message.artifact_name,
            "samples_logged": message.samples,
        }


def _without_labels(params):
    """The parameters that count: a form keeps what was filled in for a table with labels that is off now."""
    if params.get("include_labels") or _ONLY_PICTURES not in params:
        return params

    of_labels = ("overlays", "mask_mode", "draw_labels")
    kept = {k: v for k, v in params.items() if k not in of_labels}
    kept["include_images"] = bool(params[_ONLY_PICTURES])
    if not kept["include_images"]:
        kept.pop("fields", None)

    return kept


def _left_out(view, labels, paths):
    warnings = []
    if paths:
        warnings.append(
            {
                "code": "labels_in_lists",
                "message": "These label fields are inside lists, so a sample has many values "
                "of them, and they got no column: " + ", ".join(paths),
                "count": len(paths),
                "sample_ids": [],
            }
        )

    frames = schema.frame_label_fields(view)
    if not labels and not paths and not frames:
        warnings.append(
            {
                "code": "no_labels",
                "message": "This view has no label field, so its table has no columns of labels. If the dataset has "
                "labels, check the view's select_fields() and exclude_fields()",
                "count": 1,
                "sample_ids": [],
            }
        )

    if frames:
        warnings.append(
            {
                "code": "frame_labels",
                "message": "The labels of video frames got no columns: "
                + ", ".join(frames)
                + f". Log {schema.frames_view(view)} for them",
                "count": len(frames),
                "sample_ids": [],
            }
        )

    return warnings
