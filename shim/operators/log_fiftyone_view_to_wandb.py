"""The operator ``log_fiftyone_view_to_wandb``."""

import fiftyone.operators as foo
from fiftyone.operators import types

from .. import pictures, runs, schema
from ..errors import SETTINGS, WandBError
from . import choices, forms, results
from .log_operator import LogOperator, described

# The form's switch for pictures in a table without labels.
_ONLY_PICTURES = "only_pictures"


class LogFiftyOneViewToWandB(LogOperator):
    """Logs a dataset or view as a W&B dataset artifact."""

    @property
    def config(self):
        return foo.OperatorConfig(
            name="log_fiftyone_view_to_wandb",
            label="W&B: Save View as Artifact",
            description=(
                "Logs the samples of a dataset, view or selection to Weights & Biases as a "
                "versioned dataset artifact: sample ids and the view's stages, so that the "
                "very same data can be loaded again, and, if wanted, a table with all "
                "labels, embeddings and the pictures"
            ),
            icon="/assets/wandb.svg",
            dynamic=True,
            execute_as_generator=True,
            allow_immediate_execution=True,
            allow_delegated_execution=True,
        )

    def __call__(
        self,
        sample_collection,
        project=None,
        run_id=None,
        artifact_name=None,
        include_labels=False,
        *,
        entity=None,
        include_images=None,
        image_mode=None,
        thumbnail_size=None,
        image_range=None,
        max_samples=None,
        seed=None,
        overlays=None,
        mask_mode=None,
        fields=None,
        embedding_field=None,
        aliases=None,
        tags=None,
        description=None,
        dry_run=False,
        delegate=False,
        progress=None,
    ):
        """Logs a dataset or view to W&B as a dataset artifact.

        Args:
            sample_collection: a :class:`fiftyone.core.dataset.Dataset` or
                :class:`fiftyone.core.view.DatasetView`
            project (None): the W&B project; by default, that of the FiftyOne secret or
                of W&B's own settings
            run_id (None): the id of the run to log to. It is made if it does not exist;
                by default, a new one is made
            artifact_name (None): the artifact's name; by default, one made of the run's id
            include_labels (False): whether to log a table with the labels of all label
                fields
            entity (None): the W&B user or team; by default, that of the FiftyOne secret,
                of W&B's own settings or of the key
            include_images (None): whether to log a table with pictures, whatever ``include_labels`` says; by
                default, the table with labels shows them
            image_mode (None): what the column ``image`` holds: "thumbnail" (the default), "original" (the media
                file itself), "reference" (its URI, with the artifact referring to it, and the column
                ``thumbnail`` beside it) or "none"
            thumbnail_size (256): the longest side of a thumbnail, in pixels
            image_range (None): a tuple of the samples that are black and white in thumbnails of pictures of more than
                8 bits (16 bits, floats, integers); by default, each is stretched by itself if it uses little of its
                range
            max_samples (None): how many rows to log at most; by default, all
            seed (None): another number chooses other rows; the same one always the same rows
            overlays (None): the label fields drawn over the pictures: a field, a list of them, or False for none; by
                default, all that can be
            mask_mode (None): what is drawn as masks: "own" for the labels that have one (the default), "all" for
                rotated boxes and closed polylines too, or "none" for boxes only
            fields (None): a plain field, or a list of them, for typed columns of the table
            embedding_field (None): a vector field, or a list of them, to log as ``.npz``
            aliases (None): aliases of the artifact's version beside ``latest``
            tags (None): tags of the artifact's version
            description (None): the artifact's description
            dry_run (False): whether to make nothing at W&B and FiftyOne, and only return what would be uploaded
            delegate (False): whether to queue the job for a background service
            progress (None): whether to show a progress bar; by default,
                ``fo.config.show_progress_bars`` decides

        Returns:
            a dict with ``success``, ``artifact_name``, ``samples_logged``, ``wandb_url``
            (the run's page), ``artifact_url``, ``artifact_version``, ``new_version``
            (False if W&B had this very content), ``warnings`` and more

        Raises:
            RuntimeError: if the view could not be logged; nothing was then committed
        """
        params = self.given(locals())
        if delegate:
            return self.schedule(sample_collection, params)

        return self.run_here(sample_collection, params, progress=progress)

    def resolve_input(self, ctx):
        inputs, view = forms.start(ctx, "Log")
        if view is not None:
            place = choices.Place(ctx)
            place.add(inputs)
            choices.add_run(inputs, place, ctx.params, "The run that the data belongs to. Empty: a new one is made")
            forms.artifact(ctx, inputs, "dataset_view_ and the run's first 8 characters")
            self._contents(ctx, inputs, view)

        return types.Property(inputs, view=types.View(label="Save view as a W&B artifact"))

    def _contents(self, ctx, inputs, view):
        labels, _ = schema.label_fields(view)
        with_labels, mode = bool(ctx.params.get("include_labels")), self.image_mode(ctx.params)
        self._table(inputs, labels, with_labels)
        with_table = with_labels or mode != "none"
        if with_table:
            forms.pictures(ctx, inputs, mode)
            if with_labels:
                forms.overlays(ctx, inputs, view, mode, "all that can be")

            forms.choose_many(
                inputs,
                "fields",
                forms.columns(view),
                "Further columns",
                "Plain fields that become columns of the table",
            )

        vectors = schema.choices(view, schema.is_vector)
        if vectors:
            inputs.bool("include_embeddings", default=False, label="Include embeddings")
            if ctx.params.get("include_embeddings"):
                forms.choose(
                    inputs,
                    "embedding_field",
                    vectors,
                    "Embeddings",
                    "The field goes into the artifact as an .npz file",
                    required=True,
                )

        contents = None
        if with_table:
            texts = [field["path"] for field in labels] if with_labels else []
            contents = {"labels": texts, "fields": ctx.params.get("fields") or []}

        forms.some(ctx, inputs)
        forms.plan(ctx, inputs, view, contents, mode)

    def _table(self, inputs, labels, with_labels):
        named = ", ".join(field["path"] for field in labels)
        inputs.bool(
            "include_labels",
            default=False,
            label="Include labels",
            description=f"A table with a column for each of: {named}" if named else "This view has no label fields",
        )
        # A form keeps what a switch was set to, and these two have different defaults: each has a name of its own.
        if with_labels:
            inputs.bool("include_images", default=True, label="Show the pictures", description="A column of the table")
        else:
            inputs.bool(_ONLY_PICTURES, default=False, label="Show the pictures", description="A table without labels")

    def resolve_output(self, ctx):
        logged = (ctx.results or {}).get("samples_logged", 0)
        return results.show_result(ctx, [("Samples", f"{logged:,}")])

    def resolve_run_name(self, ctx):
        name = ctx.params.get("artifact_name") or ctx.dataset_name
        return f"Log view to W&B: {name}"

    def image_mode(self, params):
        return pictures.mode(_without_labels(params), default=bool(params.get("include_labels")))

    def job(self, samples, params, record_id=None, **where):
        return super().job(samples, _without_labels(params), record_id, **where)

    def prepare(self, view, params):
        with_labels = bool(params.get("include_labels"))
        if not with_labels and self.image_mode(params) == "none" and params.get("fields"):
            raise WandBError(
                "fields are columns of a table, and this view is logged as a list of its samples: give "
                "include_labels=True or include_images=True, too",
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
        }
        return {"log_view": request}, runs.record_view, _left_out(view, labels, left_out) if with_labels else []

    def result(self, message):
        return {
            "success": True,
            "artifact_name": message.artifact_name,
            "samples_logged": message.samples,
        }


def _without_labels(params):
    """The parameters as they count: a form keeps what was filled in for a table with labels that is off now."""
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
                "message": "These label fields are inside lists, of which a sample has many "
                "values, and got no column: " + ", ".join(paths),
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
                + ". Log view.to_frames(sample_frames=False) for them",
                "count": len(frames),
                "sample_ids": [],
            }
        )

    return warnings
