"""The operator ``log_model_predictions``."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import pictures, runs, schema, workers
from ..errors import SETTINGS, WandBError
from ..plain import to_json
from . import choices, forms, notices, plan, results
from .log_operator import LogOperator, described

# Confidences below this are low, as in the original plugin.
LOW_CONFIDENCE = 0.5


class LogModelPredictions(LogOperator):
    """Logs a model's predictions as a W&B artifact."""

    NOT_RECORDED = ("model_config",)
    SHARED = "log_predictions"

    USUAL = (
        "model_name",
        "predictions_field",
        "project",
        "artifact_name",
        "include_images",
    )

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="log_model_predictions",
            label="W&B: Log Model Predictions",
            description=(
                "Logs a model's predictions on a dataset, view or selection to Weights & Biases: an artifact with "
                "a table of the predictions and their confidences, the class distribution, and the ids of labels "
                "with low confidence. The predictions may be a label field, or a string field with the answers of "
                "a vision-language model, together with their prompts"
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
        model_name: str,
        predictions_field: str,
        project: str | None = None,
        model_version: Any = None,
        model_config: dict[str, Any] | str | None = None,
        prompt_field: str | None = None,
        artifact_name: str | None = None,
        include_images: bool | None = None,
        *,
        entity: str | None = None,
        run_id: str | None = None,
        input_artifact: str | None = None,
        low_confidence_threshold: float = LOW_CONFIDENCE,
        image_mode: str | None = None,
        thumbnail_size: int | None = None,
        image_range: tuple[float, float] | None = None,
        pictures_max: int | None = None,
        max_samples: int | None = None,
        seed: int | None = None,
        select_by: str | None = None,
        overlays: str | list[str] | bool | None = None,
        mask_mode: str | None = None,
        gt_field: str | None = None,
        fields: str | list[str] | None = None,
        aliases: list[str] | None = None,
        tags: list[str] | None = None,
        description: str | None = None,
        dry_run: bool = False,
        offline: bool = False,
        workers: int = 1,
        delegate: bool = False,
        progress: bool | None = None,
    ) -> dict[str, Any]:
        """Logs a model's predictions to W&B as a ``predictions`` artifact with a table.

        The table has the text of each prediction, its ids and confidences. The artifact's metadata holds the class distribution
        and the ids of the labels with low confidence. Lists that are too long for the metadata (over 4 MB in all) are in the
        artifact's files ``fiftyone/*.txt``; ``metadata["lists_in_files"]`` names them.

        To record the lineage from data to model, pass the run that made the predictions (``run_id``) and the artifact that the
        model was trained on (``input_artifact``). W&B's graph then connects data, run and predictions.

        Example::

            log_predictions = foo.get_operator("@harpreetsahota/wandb/log_model_predictions")
            result = log_predictions(
                dataset,
                model_name="yolov8n",
                model_version="1.0",
                predictions_field="predictions",
                project="my-project",
                input_artifact="my_training_data:v0",
            )
            print(result["total_predictions"], result["wandb_url"])

            # The uncertain labels, ready for review
            artifact = wandb.Api().artifact(f"{result['entity']}/my-project/{result['artifact_name']}:latest")
            unsure = dataset.select_labels(ids=artifact.metadata["low_confidence_label_ids"])

        Args:
            sample_collection: a :class:`fiftyone.core.dataset.Dataset` or :class:`fiftyone.core.view.DatasetView`
            model_name: the model's name
            predictions_field: the field with the predictions: labels of any type, or strings (the answers of a vision-language
                model)
            project (None): the W&B project; it is created if it does not exist. By default, that of the FiftyOne secret or
                of your W&B settings
            model_version (None): the model's version
            model_config (None): the model's configuration: a dict, or text, which is read as JSON if it is JSON
            prompt_field (None): a string field with each sample's prompt
            artifact_name (None): the artifact's name; the default is ``<model>_predictions_<time>``
            include_images (None): show pictures in the table; by default, only if ``image_mode`` is given
            entity (None): the W&B user or team; by default, that of the FiftyOne secret, of your W&B settings, or of the key
            run_id (None): the id of the run to log to; it is created if it does not exist. By default, a new run is created
            input_artifact (None): the artifact that the model was trained on, recorded as the run's input: a name with or
                without a version or alias (``train:v3``), the URL of its page, or its id
            low_confidence_threshold (0.5): labels with a confidence below this are listed in ``low_confidence_label_ids``
            image_mode (None): what the column ``image`` holds: "thumbnail" (the default), "original" (the media file), "reference"
                (its URI, which the artifact also records as a reference, with the column ``thumbnail`` beside it), or "none"
            thumbnail_size (256): the longest side of a thumbnail, in pixels
            image_range (None): ``(low, high)``: the sample values to show as black and white in thumbnails of pictures with more
                than 8 bits (16-bit, float, signed); by default, a picture that uses little of its range is stretched
            pictures_max (None): the most pictures that the table shows, 100,000 by default; 0 for no limit. If the view has more,
                rows are chosen at random (see ``seed``): the others are in the table, too, with empty picture cells. An artifact
                cannot have more than 1,000,000 files
            max_samples (None): the most rows to log; by default, all
            seed (None): the seed of random choices of rows, 0 by default. The same seed always chooses the same rows
            select_by (None): how ``max_samples`` rows are chosen: "random" (the default), or "lowest_confidence" for the rows with
                the least confident predictions
            overlays (None): the label fields to draw over the pictures: a field, a list of fields, or ``False`` for none; by
                default, the predictions
            mask_mode (None): what is drawn as masks: "own" for the labels that have one (the default), "all" for
                rotated boxes and closed polylines too, or "none" for boxes only
            gt_field (None): the label field with the ground truth, drawn beside the predictions as a layer of its own
            fields (None): a plain field, or a list of them, to log as further typed columns, such as
                ``["metadata.width", "quality"]``
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
            a dict with ``success``, ``artifact_name``, ``samples_processed``, ``total_predictions``, ``num_classes``,
            ``num_low_confidence``, ``wandb_url`` (the run's page), ``artifact_url``, ``artifact_version``, ``warnings`` and more.
            A dry run returns what ``log_fiftyone_view_to_wandb`` returns for one

        Raises:
            RuntimeError: if the predictions could not be logged; nothing was committed then
        """
        params = self.given(locals())
        if delegate:
            return self.schedule(sample_collection, params)

        return self.run_here(sample_collection, params, progress=progress)

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        forms.drop_hidden(ctx.params, self.USUAL)
        inputs, view = forms.start(ctx, "Log")
        fields = schema.choices(view, schema.is_label) + _texts(view) if view is not None else []
        if view is not None and not fields:
            inputs.view("no_predictions", _no_predictions(view)).invalid = True
        elif view is not None:
            mode = self.image_mode(ctx.params)
            plan.add(ctx, inputs, view, _contents(ctx.params), mode)
            self._model(inputs, fields)
            place = choices.Place(ctx)
            place.add_project(inputs)
            forms.add_artifact_name(ctx, inputs, "MODEL_predictions_TIME")
            inputs.bool(
                "include_images",
                default=False,
                label="Show pictures",
                description="A column of the table. Default: off",
            )
            if forms.add_more(ctx, inputs, self.USUAL):
                self._more(ctx, inputs, view, place, mode)

        return types.Property(inputs, view=types.View(label="Log a model's predictions to W&B"))

    def _model(self, inputs, fields):
        inputs.str("model_name", required=True, label="Model", description="The name of the model")
        forms.choose(
            inputs,
            "predictions_field",
            fields,
            "Predictions",
            "Label fields, and string fields with the answers of language models",
            required=True,
        )

    def _more(self, ctx, inputs, view, place, mode):
        choices.add_artifact(
            inputs,
            place,
            ("dataset",),
            "The artifact that the model was trained on, which becomes the run's input. Default: none",
            key="input_artifact",
            label="Training data",
            dataset=ctx.dataset,
        )
        inputs.str("model_version", label="Model version", description="Such as v1.0. Default: none")
        texts = _texts(view)
        if texts:
            forms.choose(
                inputs, "prompt_field", texts, "Prompts", "The string field with each sample's prompt. Default: none"
            )

        inputs.float(
            "low_confidence_threshold",
            min=0.0,
            max=1.0,
            default=LOW_CONFIDENCE,
            label="Low confidence",
            description="Labels with a confidence below this are listed for review. Default: 0.5",
        )
        inputs.str(
            "model_config_json",
            label="Model configuration",
            description="JSON, or any text. Default: none",
            # The App's code editor loads its parts from another host; this works everywhere.
            view=types.TextFieldView(componentsProps={"field": {"multiline": True, "minRows": 3}}),
        )
        forms.add_pictures(ctx, inputs, mode)
        forms.add_overlays(ctx, inputs, view, mode, "the predictions", truth=True)
        forms.add_fields(inputs, view)
        forms.add_limit_and_dry_run(ctx, inputs, by_confidence=True)
        choices.add_run(inputs, place, ctx.params, "The run that the predictions belong to. Default: a new run")
        place.add_entity(inputs)
        forms.add_artifact_facts(inputs)
        forms.add_workers(ctx, inputs)

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        result = ctx.results or {}
        return results.show_result(
            ctx,
            [
                ("Samples", f"{result.get('samples_processed', 0):,}"),
                ("Predictions", f"{result.get('total_predictions', 0):,}"),
                ("Classes", f"{result.get('num_classes', 0):,}"),
                ("With low confidence", f"{result.get('num_low_confidence', 0):,}"),
            ],
        )

    def resolve_run_name(self, ctx: ExecutionContext) -> str:
        return f"Log predictions to W&B: {ctx.params.get('model_name') or ctx.dataset_name}"

    def image_mode(self, params: dict[str, Any]) -> str:
        return pictures.mode(params, default=False)

    def prepare(
        self, view: fo.DatasetView, params: dict[str, Any]
    ) -> tuple[dict[str, Any], Callable[[fo.DatasetView, Any], Any], list[dict[str, Any]]]:
        for argument in ("model_name", "predictions_field"):
            if not isinstance(params.get(argument), str) or not params[argument].strip():
                raise WandBError(f"{argument} has to be given", source=SETTINGS, code="bad_argument")

        now = datetime.datetime.now().astimezone()
        moment = {"iso": now.isoformat(timespec="seconds"), "name": now.strftime("%Y%m%d_%H%M%S")}
        predictions = schema.predictions_field(view, params["predictions_field"])
        request = {
            **self.rows(view, params, has_confidence=bool(predictions.get("label_type"))),
            **described(params),
            "input_artifact": params.get("input_artifact") or "",
            "predictions": predictions,
            "prompt": schema.prompt_field(view, params.get("prompt_field")),
            "model_name": params["model_name"],
            "model_version": _text(params.get("model_version")),
            "model_config_json": _config(params),
            "low_confidence_threshold": _threshold(params.get("low_confidence_threshold")),
            **self.pictures(view, params, [params["predictions_field"]]),
            "inference_timestamp": moment["iso"],
            "name_timestamp": moment["name"],
            "fields": schema.plain_fields(view, params.get("fields")),
            "parts": workers.parts(),
        }
        return {"log_predictions": request}, self.recorder(params, request), []

    def recorder(self, params: dict[str, Any], request: dict[str, Any]) -> Callable[[fo.DatasetView, Any], Any]:
        moment = {"iso": request["inference_timestamp"], "name": request["name_timestamp"]}
        return lambda view, message: runs.record_predictions(view, message, params, moment)

    def result(self, message: Any) -> dict[str, Any]:
        return {
            "success": True,
            "artifact_name": message.artifact_name,
            "samples_processed": message.samples,
            "total_predictions": message.total_predictions,
            "num_classes": message.num_classes,
            "num_low_confidence": message.num_low_confidence,
        }


def _no_predictions(view):
    if schema.frame_label_fields(view):
        return notices.error(
            label="The predictions are in the frames of the videos",
            description=f"Open {schema.frames_view(view)}, and log that",
        )

    return notices.error(
        label="This view has no predictions",
        description="Add some first, for example with dataset.apply_model(model, label_field='predictions')",
    )


def _texts(view):
    # These are strings, but never predictions or prompts.
    return [path for path in schema.choices(view, schema.is_text) if path != "filepath" and "metadata." not in path]


def _contents(params):
    named = {"predictions": "predictions_field", "prompts": "prompt_field"}
    contents = {what: [params[key]] for what, key in named.items() if params.get(key)}
    return {**contents, "fields": params.get("fields") or []}


def _text(value):
    return "" if value is None else str(value)


def _config(params):
    config = params.get("model_config")
    if config is None:
        config = params.get("model_config_json") or None

    if isinstance(config, str):
        try:
            config = json.loads(config)
        except ValueError:
            config = {"raw_config": config}

    return to_json(config)


def _threshold(value):
    if value is None:
        return LOW_CONFIDENCE

    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise WandBError(
            f"low_confidence_threshold has to be a number from 0 to 1, not {value!r}",
            source=SETTINGS,
            code="bad_argument",
        )

    return float(value)
