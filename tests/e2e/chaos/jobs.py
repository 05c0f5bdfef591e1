"""Every kind of job, each as a function of a dataset and a name, with its own way to say that the result is right."""

import fiftyone.operators as foo
from fiftyone import ViewField as F

from tests.e2e.common import PROJECT, new_id

#: The artifact that jobs load, and the run that they link.
READY = "chaos_ready"


def _operator(name):
    return foo.get_operator(f"@harpreetsahota/wandb/{name}")


def _view(samples, name, **options):
    log = _operator("log_fiftyone_view_to_wandb")
    return log(samples, project=PROJECT, run_id=new_id(), artifact_name=name, **options)


def texts(dataset, name):
    return _view(dataset, name, include_labels=True, include_images=False, embedding_field="embedding")


def references(dataset, name):
    return _view(dataset.match(F("number") > 3), name)


def thumbnails(dataset, name):
    return _view(dataset, name, include_labels=True, include_images=True, overlays=["ground_truth"])


def originals(dataset, name):
    return _view(dataset.limit(12), name, include_labels=True, include_images=True, image_mode="original")


def patches(dataset, name):
    return _view(dataset.to_patches("ground_truth"), name, include_labels=True, include_images=True)


def predictions(dataset, name):
    log = _operator("log_model_predictions")
    return log(
        dataset, "model", "predictions", PROJECT, artifact_name=name, gt_field="ground_truth", include_images=True
    )


def load(dataset, name):
    view = _operator("load_view_from_wandb")(dataset, PROJECT, f"{READY}:latest")
    return {"ids": view.values("id")}


def link(dataset, name):
    return _operator("log_wandb_run")(dataset, PROJECT, run_id=READY)


#: The jobs that make an artifact, and those that do not.
LOGGING = {job.__name__: job for job in (texts, references, thumbnails, originals, patches, predictions)}
JOBS = {**LOGGING, "load": load, "link": link}


def outcome(server, kind, result):
    """What a job has made, the same each time that it is done: an artifact's digest, a view's ids, a run's name."""
    if kind in LOGGING:
        return server.artifact(result)["digest"]
    return result["ids"] if kind == "load" else result["run_id"]


def run(dataset, kind, name):
    return JOBS[kind](dataset, name)
