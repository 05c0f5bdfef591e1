"""The operator that makes a logged view again."""

import datetime
import json
import logging
from pathlib import Path

import fiftyone.operators as foo
from fiftyone.operators import types

from .. import calls, restore, settings
from ..errors import SETTINGS, WandBError, bad_argument
from . import forms

ACTIONS = {
    "apply_to_session": "Show it",
    "save_as_view": "Save it as a named view",
    "both": "Show and save it",
}

_log = logging.getLogger("fiftyone_wandb")

# How long reading an artifact may take, in seconds.
_SECONDS = 600.0


class LoadViewFromWandB(foo.Operator):
    """Makes the view again that a W&B artifact was logged from."""

    @property
    def config(self):
        return foo.OperatorConfig(
            name="load_view_from_wandb",
            label="W&B: Load View from Artifact",
            dynamic=True,
            description=(
                "Makes the FiftyOne view again that a W&B dataset or predictions artifact was logged from: the very "
                "samples that a model was trained on, or the predictions that it was least sure of"
            ),
            icon="/assets/wandb.svg",
        )

    def __call__(
        self,
        dataset,
        project=None,
        artifact=None,
        *,
        entity=None,
        low_confidence=False,
        by_ids=False,
        run_id=None,
        view_name=None,
        overwrite=False,
    ):
        """Loads a view.

        Args:
            dataset: the dataset that the view was made of
            project (None): the W&B project; by default that of the secrets
            artifact: a name with or without version or alias (``train:v3``), the URL of the
                artifact's page, or its id
            entity (None): the entity; by default that of the secrets or the key
            low_confidence (False): only the labels of a predictions artifact with a low confidence
            by_ids (False): use the stored sample ids even if there are stages
            run_id (None): a run of the project to record as a user of the artifact
            view_name (None): save the view under this name, too
            overwrite (False): replace a saved view of that name

        Returns:
            the view
        """
        restored, _ = _load(
            dataset,
            {
                "project": project,
                "artifact": artifact,
                "entity": entity,
                "low_confidence": low_confidence,
                "by_ids": by_ids,
                "run_id": run_id,
            },
            in_app=bool(view_name),
            directory=str(Path.cwd()),
        )
        for note in restored.notes:
            _log.warning("%s", note)

        if view_name:
            _save(dataset, restored.view, view_name, overwrite)

        return restored.view

    def resolve_input(self, ctx):
        inputs = types.Object()
        if ctx.dataset is None:
            inputs.view("nothing", types.Warning(label="Open a dataset first"))
            return types.Property(inputs, invalid=True)

        forms.where(ctx, inputs)
        inputs.str(
            "artifact",
            required=True,
            label="Artifact",
            description="A name with or without version, such as train:v3, or the URL of the artifact's page",
        )
        inputs.bool(
            "low_confidence",
            default=False,
            label="Low confidence only",
            description="Of a predictions artifact, only the labels that the model was not sure of",
        )
        actions = types.RadioGroup()
        for value, label in ACTIONS.items():
            actions.add_choice(value, label=label)

        inputs.enum("action", actions.values(), default="apply_to_session", label="What to do", view=actions)
        if ctx.params.get("action") in ("save_as_view", "both"):
            name = ctx.params.get("view_name")
            taken = bool(name) and ctx.dataset.has_saved_view(name)
            inputs.str("view_name", required=True, label="Name of the view")
            if taken:
                inputs.bool("overwrite", default=False, label=f"Replace the saved view '{name}'")

        return types.Property(inputs, view=types.View(label="Load a view from W&B"))

    def resolve_output(self, ctx):
        outputs = types.Object()
        outputs.int("samples_loaded", label="Rows")
        outputs.str("artifact_name", label="Artifact")
        outputs.str("way", label="Made of")
        if (ctx.results or {}).get("view_name"):
            outputs.str("view_name", label="Saved as")
        if (ctx.results or {}).get("notes"):
            outputs.list("notes", types.String(), label="Notes")

        return types.Property(outputs, view=types.View(label="Loaded from W&B"))

    def execute(self, ctx):
        action = ctx.params.get("action", "apply_to_session")
        if action not in ACTIONS:
            raise bad_argument(f"action has to be one of {', '.join(ACTIONS)}, not {action!r}")

        name = ctx.params.get("view_name")
        if action != "apply_to_session" and not name:
            raise bad_argument("view_name is needed to save the view")

        restored, artifact = _load(ctx.dataset, ctx.params, in_app=True, secret=ctx.secret)
        if action != "apply_to_session":
            _save(ctx.dataset, restored.view, name, bool(ctx.params.get("overwrite")))

        if action != "save_as_view" and forms.is_from_app(ctx):
            ctx.ops.set_view(view=restored.view)

        return {
            "success": True,
            "samples_loaded": restored.rows,
            "view_name": name if action != "apply_to_session" else None,
            "artifact_name": f"{artifact.name}:{artifact.version}",
            "artifact_url": artifact.url,
            "way": restored.way,
            "gone": restored.gone,
            "new": restored.new,
            "changed": restored.changed,
            "notes": restored.notes,
        }


def _load(dataset, params, in_app, **where):
    """Reads an artifact and makes its view again; gives that and the artifact's entry."""
    reference = params.get("artifact")
    if not reference:
        raise bad_argument("artifact is needed: a name such as train:v3, or the URL of the artifact's page")

    from ..worker import messages

    samples, low = messages.ID_LIST_SAMPLES, messages.ID_LIST_LOW_CONFIDENCE
    wanted = [samples, low] if params.get("low_confidence") else [samples]
    ids = {one: bytearray() for one in wanted}
    content = calls.ask(
        settings.collect(
            entity=params.get("entity"), project=params.get("project"), run_id=params.get("run_id"), **where
        ),
        {"read_artifact": {"reference": reference, "lists": wanted, "used_by_run": params.get("run_id") or ""}},
        seconds=_SECONDS,
        on_ids=lambda chunk: ids[chunk.list].extend(chunk.ids),
    )
    metadata = json.loads(content.metadata_json or "{}")
    logged = restore.Logged(
        metadata=metadata,
        serialization=content.serialization_json,
        ids=bytes(ids[samples]),
        created=_moment(content.artifact.created_at),
    )
    restored = restore.restore(dataset, logged, by_ids=bool(params.get("by_ids")), in_app=in_app)
    if params.get("low_confidence"):
        if low not in content.found:
            raise WandBError(
                f"The artifact {content.artifact.name} lists no labels with a low confidence: only predictions do",
                source=SETTINGS,
                code="no_low_confidence",
            )

        field = metadata.get("predictions_field") or content.artifact.predictions_field
        restore.select_labels(restored, field, bytes(ids[low]), in_app)

    return restored, content.artifact


def _save(dataset, view, name, overwrite):
    if dataset.has_saved_view(name) and not overwrite:
        raise WandBError(
            f"Dataset '{dataset.name}' has a saved view '{name}' already: choose another name, or overwrite it",
            source=SETTINGS,
            code="view_exists",
        )

    dataset.save_view(name, view, overwrite=overwrite)


def _moment(text):
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
