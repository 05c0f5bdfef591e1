"""FiftyOne's own records of what was logged: custom runs of the dataset.

Their keys have to be identifiers, so the keys of two W&B runs can look alike. A record
is replaced only by the run that it is about; another run gets the next free key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fiftyone as fo

from . import query
from .names import identifier
from .plain import to_plain

VIEW_METHOD = "wandb_training"
PREDICTIONS_METHOD = "model_inference"
EVALUATION_METHOD = "wandb_evaluation"

# A record is one MongoDB document of at most 16 MB and is loaded with its dataset.
_MAX_SERIALIZATION = 1_000_000


def record_view(view: fo.DatasetView, message: Any) -> str:
    """Records that a view was logged to a W&B run.

    Args:
        view: the view
        message: the worker's ``ArtifactLogged``

    Returns:
        the key of the record
    """
    config = {
        "method": VIEW_METHOD,
        "wandb_run_id": message.run_id,
        "wandb_project": message.project,
        "dataset_artifact": f"{message.artifact_name}:latest",
        "samples_used": message.samples,
        **_links(message),
    }
    small = True
    if query.is_subset(view):
        serialization = query.serialization(view)
        small = len(serialization) <= _MAX_SERIALIZATION
        if small:
            # As text: FiftyOne could not load a record with the stages' own `_cls` in it.
            config["view_serialization"] = serialization

    key = free_key(query.root_dataset(view), f"dataset_view_{message.run_id}", _same_wandb_run(message))
    _register(view, key, config, with_view=small)
    return key


def record_predictions(view: fo.DatasetView, message: Any, params: dict[str, Any], moment: dict[str, str]) -> str:
    """Records that a model's predictions were logged.

    Args:
        view: the view
        message: the worker's ``ArtifactLogged``
        params: the parameters of ``log_model_predictions``
        moment: when it was called, a dict with the keys ``iso`` and ``name``

    Returns:
        the key of the record
    """
    config = {
        "method": PREDICTIONS_METHOD,
        "model_name": params["model_name"],
        "model_version": to_plain(params.get("model_version")),
        "predictions_field": params["predictions_field"],
        "wandb_project": message.project,
        "wandb_artifact": f"{message.artifact_name}:latest",
        "samples_processed": message.samples,
        "total_predictions": message.total_predictions,
        "inference_timestamp": moment["iso"],
        "wandb_run_id": message.run_id,
        **_links(message),
    }
    # Each call is a record of its own, even two in the same second.
    key = free_key(query.root_dataset(view), f"inference_{params['model_name']}_{moment['name']}", lambda config: False)
    _register(view, key, config, with_view=True)
    return key


def record_evaluation(view: fo.DatasetView, message: Any, params: dict[str, Any], predictions_field: str | None) -> str:
    """Records that an evaluation was logged. Logging it again replaces the record.

    Args:
        view: the view
        message: the worker's ``ArtifactLogged``
        params: the parameters of ``log_evaluation_to_wandb``
        predictions_field: the field whose predictions were evaluated

    Returns:
        the key of the record
    """
    config = {
        "method": EVALUATION_METHOD,
        "eval_key": params["eval_key"],
        "compare_with": params.get("compare_with"),
        "model_name": to_plain(params.get("model_name")),
        "predictions_field": predictions_field,
        "wandb_run_id": message.run_id,
        "wandb_project": message.project,
        "wandb_artifact": f"{message.artifact_name}:{message.artifact_version}",
        "samples_logged": message.samples,
        "metrics": {metric.name: metric.value for metric in message.evaluation.metrics},
        **_links(message),
    }

    def same(old):
        return (
            getattr(old, "method", None) == EVALUATION_METHOD and getattr(old, "eval_key", None) == params["eval_key"]
        )

    key = free_key(query.root_dataset(view), f"evaluation_{params['eval_key']}", same)
    _register(view, key, config, with_view=True)
    return key


def _links(message):
    return {
        "wandb_entity": message.entity,
        "wandb_url": message.wandb_url,
        "artifact_url": message.artifact_url,
        "artifact_version": message.artifact_version,
    }


def _same_wandb_run(message):
    def same(config):
        # Records of the original plugin have no entity.
        entity = getattr(config, "wandb_entity", None) or message.entity
        return (
            getattr(config, "wandb_run_id", None) == message.run_id
            and getattr(config, "wandb_project", None) == message.project
            and entity == message.entity
        )

    return same


def free_key(dataset: fo.Dataset, wanted: str, same: Callable[[Any], bool]) -> str:
    """The key of the record to replace, else the first of wanted, wanted_2, … that is free.

    Args:
        dataset: the dataset
        wanted: a text that the key is made of
        same: a function of a record's config that says whether to replace it
    """
    base = identifier(wanted)
    taken = set(dataset.list_runs())
    candidates = [base]
    while candidates[-1] in taken:
        candidates.append(f"{base}_{len(candidates) + 1}")

    for key in candidates[:-1]:
        if same(config_of(dataset, key)):
            return key

    return candidates[-1]


def config_of(dataset: fo.Dataset, key: str) -> Any:
    """The config of a record, or None if it cannot be loaded."""
    try:
        return dataset.get_run_info(key).config
    except Exception:
        # Of a plugin that is not installed, or damaged: not ours.
        return None


def _register(view, key, config, with_view):
    # With the view, FiftyOne can load it again by load_run_view(). The stages of a
    # generated view name a collection that will be gone, so the dataset stands for it.
    with_view = with_view and not query.is_generated(view)
    samples = view if with_view and query.is_subset(view) else query.root_dataset(view)
    samples.register_run(key, samples.init_run(**config), overwrite=True)
