"""The operator ``log_evaluation_to_wandb``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import evaluations, linked, pictures, query, runs, schema, workers
from ..errors import bad_argument
from . import choices, forms, notices, plan, results
from .log_operator import LogOperator, described

#: What the keys in the run's summary begin with.
PREFIX = "eval"

_SHOWN_CLASSES = 10


class LogEvaluationToWandB(LogOperator):
    """Logs one of the dataset's evaluations as a W&B artifact, and its numbers and charts to a run."""

    SHARED = "log_evaluation"
    SHARES_DRAWN = False

    USUAL = ("eval_key", "include_images", "compare_with", "project", "artifact_name")

    @property
    def config(self) -> foo.OperatorConfig:
        return foo.OperatorConfig(
            name="log_evaluation_to_wandb",
            label="W&B: Log Evaluation",
            description=(
                "Logs an evaluation of a model to Weights & Biases: its numbers, as FiftyOne's Model Evaluation panel "
                "shows them, and charts to a run; and tables of the samples, the classes and the confusion matrix as an "
                "artifact, with one version for each model that you compare"
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
        eval_key: str,
        project: str | None = None,
        *,
        compare_with: str | None = None,
        entity: str | None = None,
        run_id: str | None = None,
        model_name: str | None = None,
        artifact_name: str | None = None,
        prefix: str = PREFIX,
        subsets: str | list[str] | dict[str, Any] | None = None,
        include_images: bool | None = None,
        image_mode: str | None = None,
        thumbnail_size: int | None = None,
        image_range: tuple[float, float] | None = None,
        pictures_max: int | None = None,
        overlays: str | list[str] | bool | None = None,
        mask_mode: str | None = None,
        max_samples: int | None = None,
        seed: int | None = None,
        select_by: str | None = None,
        fields: str | list[str] | None = None,
        input_artifact: str | None = None,
        aliases: list[str] | None = None,
        tags: list[str] | None = None,
        description: str | None = None,
        dry_run: bool = False,
        offline: bool = False,
        workers: int = 1,
        delegate: bool = False,
        progress: bool | None = None,
    ) -> dict[str, Any]:
        """Logs an evaluation of a model to W&B: its numbers and charts to a run, and its tables as an artifact.

        The numbers are those of FiftyOne's Model Evaluation panel; for a view, they are those of the evaluation restricted to it.
        Numbers that the evaluation does not have are left out: to get the mAP over several IoUs, evaluate with
        ``compute_mAP=True``.

        Example::

            import fiftyone as fo
            import fiftyone.operators as foo

            dataset = fo.load_dataset("my-dataset")
            dataset.evaluate_detections("predictions", gt_field="ground_truth", eval_key="eval", compute_mAP=True)

            log_evaluation = foo.get_operator("@harpreetsahota/wandb/log_evaluation_to_wandb")
            evaluated = log_evaluation(dataset, "eval", project="my-project")
            print(evaluated["metrics"]["mAP"], evaluated["wandb_url"])

        Args:
            sample_collection: a :class:`fiftyone.core.dataset.Dataset` or
                :class:`fiftyone.core.view.DatasetView`
            eval_key: the evaluation's key, one of ``dataset.list_evaluations()``
            project (None): the W&B project; it is created if it does not exist. By default, that of the FiftyOne secret or
                of your W&B settings
            compare_with (None): the key of a second evaluation with the same ground truth, type, method and IoU: the
                table then shows both models, and where the first one is better or worse
            entity (None): the W&B user or team; by default, that of the FiftyOne secret, of your W&B settings, or of the key
            run_id (None): the id of the run to log to; it is created if it does not exist. By default, a new run is created. A run
                that is active in this process gets the numbers and charts without a new step
            model_name (None): the model's name, for the run's config
            artifact_name (None): the artifact's name; the default is ``evaluation_`` and the dataset's name, so that each model is
                a version of the same artifact
            prefix ("eval"): what the keys in the run's summary begin with, such as ``eval/mAP``. Charts are below
                ``eval_charts/``
            subsets (None): parts to log separate numbers for: the name of a saved view, of a scenario of the Model Evaluation panel
                (unless code defines it), or of a field, each of whose values is then a part; a list of such names; or a dict
                that maps names to views
            include_images (None): show pictures in the table of samples, as it does by default. If frames of videos were
                evaluated, the picture of a video is the frame with the most errors; its number is in the column ``shown_frame``
            image_mode (None): what the column ``image`` holds: "thumbnail" (the default), "original" (the media file), "reference"
                (its URI, which the artifact also records as a reference, with the column ``thumbnail`` beside it), or "none"
            thumbnail_size (256): the longest side of a thumbnail, in pixels
            image_range (None): ``(low, high)``: the sample values to show as black and white in thumbnails of pictures with more
                than 8 bits (16-bit, float, signed); by default, a picture that uses little of its range is stretched
            pictures_max (None): the most pictures that the table shows, 100,000 by default; 0 for no limit. If the view has more,
                rows are chosen at random (see ``seed``): the others are in the table, too, with empty picture cells. An artifact
                cannot have more than 1,000,000 files
            overlays (None): the label fields to draw over the pictures: a field, a list of fields, or ``False`` for none; by
                default, the ground truth and the predictions
            mask_mode (None): what is drawn as masks: "own" for the labels that have one (the default), "all" for
                rotated boxes and closed polylines too, or "none" for boxes only
            max_samples (None): the most rows of the table of samples; by default, all. The numbers always describe all samples
            seed (None): the seed of random choices of rows, 0 by default. The same seed always chooses the same rows
            select_by (None): how ``max_samples`` rows are chosen: "worst" (the default) for those that the model is worst on,
                "random", or "lowest_confidence" for those with the least confident predictions
            fields (None): a plain field, or a list of them, to log as further typed columns of the table of samples
            input_artifact (None): the artifact that the model was trained on, recorded as the run's input: a name with or
                without a version or alias (``train:v3``), the URL of its page, or its id
            aliases (None): aliases for the artifact's version, beside ``latest`` and the evaluation's key
            tags (None): tags for the artifact's version
            description (None): the artifact's description; where the version is there already, it replaces its description
            dry_run (False): return what would be uploaded, and change nothing at W&B or in FiftyOne
            offline (False): write an offline run, as W&B's mode "offline" does: a directory that ``sync_wandb_offline`` or
                ``wandb sync`` uploads later. It is in ``WANDB_DIR``, or the current directory, of the process that does the job
            workers (1): with ``delegate=True`` and more than 200,000 rows in the table of samples, how many background services share
                the job, on as many machines as you like; the artifact is the same. See docs/scale-out.md
            delegate (False): queue the job for a background service
            progress (None): show a progress bar; by default, ``fo.config.show_progress_bars`` decides

        Returns:
            a dict with ``success``, ``eval_key``, ``metrics`` (the headline numbers by their names), ``classes`` (a list
            of dicts with the numbers of each class), ``run_metrics`` (the numbers by their keys in the run's summary),
            ``changed`` (how many labels differ from what was evaluated, or ``None`` if they were not compared),
            ``masks_written`` (how many masks have files that are newer than the evaluation),
            ``artifact_name``, ``artifact_version``, ``artifact_url``, ``wandb_url`` (the run's page), ``run_id``,
            ``samples_logged``, ``samples_in_view``, ``new_version``, ``warnings`` and more

        Raises:
            RuntimeError: if the evaluation could not be logged; nothing was committed then
        """
        params = self.given(locals())
        if delegate:
            _check_can_be_queued(subsets)
            return self.schedule(sample_collection, params)

        return self.run_here(sample_collection, params, progress=progress)

    def resolve_input(self, ctx: ExecutionContext) -> types.Property:
        forms.drop_hidden(ctx.params, self.USUAL)
        inputs, view = forms.start(ctx, "Log")
        known = _known(inputs, view) if view is not None else []
        if known:
            mode = self.image_mode(ctx.params)
            plan.add(ctx, inputs, view, {"fields": ctx.params.get("fields") or []}, mode)

        if known and self._evaluation(ctx, inputs, view, known):
            # It is on by default and decides how long the job takes, so it has to be seen: behind the fields below it would be off the screen.
            inputs.bool(
                "include_images",
                default=True,
                label="Show pictures",
                description="A column of the table of samples. Default: on",
            )
            self._comparison(inputs, view, ctx.params.get("eval_key") or known[0])
            place = choices.Place(ctx)
            place.add_project(inputs)
            forms.add_artifact_name(ctx, inputs, "evaluation_ and the dataset's name")
            if forms.add_more(ctx, inputs, self.USUAL):
                self._more(ctx, inputs, view, place, mode)

        return types.Property(inputs, view=types.View(label="Log an evaluation to W&B"))

    def _evaluation(self, ctx, inputs, view, known):
        """Adds the choice of the evaluation and shows its numbers; returns whether one is chosen."""
        only = known[0] if len(known) == 1 else None
        forms.choose(inputs, "eval_key", known, "Evaluation", "The newest first", required=True, default=only)
        key = ctx.params.get("eval_key") or only
        if key not in known:
            return False

        _show_numbers(inputs, view, key)
        return True

    def _comparison(self, inputs, view, key):
        others = evaluations.comparable(view, key)
        if others:
            forms.choose(
                inputs, "compare_with", others, "Compare with", "Another model on the same ground truth. Default: none"
            )

    def _more(self, ctx, inputs, view, place, mode):
        inputs.str("model_name", label="Model", description="The model's name in the run's config. Default: none")
        inputs.str(
            "prefix", default=PREFIX, label="Prefix", description="What the run's keys begin with. Default: eval"
        )
        named = evaluations.subset_names(view)
        if named:
            forms.choose_many(
                inputs,
                "subsets",
                named,
                "Parts",
                "Saved views and scenarios whose numbers are logged, too. Default: none",
            )

        choices.add_artifact(
            inputs,
            place,
            ("dataset",),
            "The artifact that the model was trained on, which becomes the run's input. Default: none",
            key="input_artifact",
            label="Training data",
            dataset=ctx.dataset,
        )
        forms.add_pictures(ctx, inputs, mode)
        forms.add_overlays(ctx, inputs, view, mode, "the ground truth and the predictions")
        forms.add_fields(inputs, view)
        forms.add_limit_and_dry_run(ctx, inputs, by_confidence=True, by_evaluation=True)
        choices.add_run(inputs, place, ctx.params, "The run that the evaluation belongs to. Default: a new run")
        place.add_entity(inputs)
        forms.add_artifact_facts(inputs)
        forms.add_workers(ctx, inputs)

    def resolve_output(self, ctx: ExecutionContext) -> types.Property:
        result = ctx.results or {}
        numbers = [(name, results.number(value)) for name, value in (result.get("metrics") or {}).items()]
        return results.show_result(ctx, [("Samples", f"{result.get('samples_logged', 0):,}"), *numbers])

    def resolve_run_name(self, ctx: ExecutionContext) -> str:
        return f"Log evaluation to W&B: {ctx.params.get('eval_key') or ctx.dataset_name}"

    def image_mode(self, params: dict[str, Any]) -> str:
        return pictures.mode(params, default=True)

    def prepare(
        self, view: fo.DatasetView, params: dict[str, Any]
    ) -> tuple[dict[str, Any], Callable[[fo.DatasetView, Any], Any], list[dict[str, Any]]]:
        key, other = params.get("eval_key"), params.get("compare_with")
        config = evaluations.check(view, key)
        if other:
            evaluations.check(view, other, "compare_with")

        request = {
            **self.rows(
                view, params, has_confidence=True, has_worst=True, with_frames=evaluations.is_of_frames(config)
            ),
            **described(params),
            **self.pictures(view, params, _drawn(view, config, other)),
            "eval_key": key,
            "compare_with": other or "",
            "model_name": _text(params, "model_name"),
            "prefix": _text(params, "prefix"),
            "input_artifact": params.get("input_artifact") or "",
            "subsets": evaluations.subsets(view, key, params.get("subsets")),
            "fields": schema.plain_fields(view, params.get("fields")),
            "parts": workers.parts(),
        }
        return {"log_evaluation": request}, _recorder(params, config), []

    def recorder(self, params: dict[str, Any], request: dict[str, Any]) -> Callable[[fo.DatasetView, Any], Any]:
        def record(view, message):
            _recorder(params, evaluations.check(view, params["eval_key"]))(view, message)

        return record

    def result(self, message: Any) -> dict[str, Any]:
        found = message.evaluation
        return {
            "success": True,
            "eval_key": found.key,
            **numbers_of(found),
            "run_metrics": {metric.name: metric.value for metric in message.run_metrics},
            "artifact_name": message.artifact_name,
            "samples_logged": message.samples,
        }


def _recorder(params, config):
    """A function of the view and the worker's message that records an evaluation of this config."""
    predictions = config.get("pred_field")

    def record(view, message):
        runs.record_evaluation(view, message, params, predictions)
        if predictions:
            linked.describe_logged_field(query.root_dataset(view), predictions, message)

    return record


def numbers_of(found: Any) -> dict[str, Any]:
    """The worker's ``EvaluationNumbers`` as a dict with ``metrics``, ``classes``, ``changed`` and ``masks_written``."""
    return {
        "metrics": {metric.name: metric.value for metric in found.metrics},
        "classes": [_class(one) for one in found.classes],
        "changed": found.changed if found.changed >= 0 else None,
        "masks_written": found.masks_written,
    }


def _class(one):
    described = {
        "class": one.name,
        "precision": one.precision,
        "recall": one.recall,
        "F1": one.f1,
        "support": one.support,
        "tp": one.tp,
        "fp": one.fp,
        "fn": one.fn,
    }
    for name, key in (("ap", "AP"), ("own_ap", "own_AP")):
        if one.HasField(name):
            described[key] = getattr(one, name)

    return described


def _drawn(view, config, other):
    compared = evaluations.config_of(view, other).get("pred_field") if other else None
    return [path for path in (config.get("gt_field"), config.get("pred_field"), compared) if path]


def _text(params, name):
    value = params.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_argument(f"{name} has to be a string, not {value!r}")

    return value or ""


def _check_can_be_queued(subsets):
    if isinstance(subsets, dict) and not all(isinstance(what, str) for what in subsets.values()):
        raise bad_argument(
            "A background service is told the names of subsets: save these views, and pass their names in subsets"
        )


def _known(inputs, view):
    """The keys of the evaluations that can be chosen; if there are none, the form says what to do."""
    known = evaluations.keys(view)
    if not known:
        inputs.view(
            "no_evaluation",
            notices.error(
                label="This dataset has no evaluations",
                description="Evaluate a model first, for example by dataset.evaluate_detections()",
            ),
        ).invalid = True

    return known


def _show_numbers(inputs, view, key):
    """Shows what an evaluation has come to, before anything is sent."""
    answer = evaluations.numbers(view, key)
    if answer.problem is not None:
        kind = notices.notice if answer.code == evaluations.PENDING else notices.error
        inputs.view("numbers", kind(label=f"The numbers of '{key}'", description=answer.problem))
        return

    found = numbers_of(answer.value)
    # In one cell: a row for each would push the project off the screen.
    metrics = ", ".join(f"{name} {results.number(value)}" for name, value in found["metrics"].items())
    rows = [("Numbers", results.escape(metrics))]
    weak = sorted((c for c in found["classes"] if c["support"]), key=lambda c: c["F1"])[:_SHOWN_CLASSES]
    if weak:
        text = ", ".join(f"{c['class']} {c['F1']:.3f}" for c in weak)
        rows.append(("Lowest F1", results.escape(text)))

    warnings = []
    if found["changed"]:
        warnings.append({"message": f"{found['changed']:,} labels were changed since this evaluation"})
    if found["masks_written"]:
        masks = "mask" if found["masks_written"] == 1 else "masks"
        warnings.append({"message": f"Files of {found['masks_written']:,} {masks} were written since this evaluation"})

    results.add_table(inputs, rows, warnings, name="numbers")
