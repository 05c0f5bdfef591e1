"""load_view_from_wandb with the real worker and the stand-in: what was logged comes back."""

import fiftyone.operators as foo
import pytest
from bson import ObjectId
from fiftyone import ViewField as F

from support.fake_worker import module

URI = "@harpreetsahota/wandb/load_view_from_wandb"


@pytest.fixture
def logged(operator, login):
    def log(view):
        name = f"v{ObjectId()}"
        operator("log_fiftyone_view_to_wandb")(view, project="load", artifact_name=name)
        return name

    return log


VIEWS = {
    "tags": lambda d: d.match_tags("train"),
    "order": lambda d: d.sort_by("number", reverse=True).limit(5),
    "labels": lambda d: d.filter_labels("ground_truth", F("label") == "cat"),
    "patches": lambda d: d.to_patches("ground_truth"),
    "whole": lambda d: d.view(),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_what_was_logged_comes_back(operator, login, images, logged, kind):
    view = VIEWS[kind](images)
    again = operator("load_view_from_wandb")(images, project="load", artifact=logged(view))
    assert [s.filepath for s in again] == [s.filepath for s in view]
    field = "ground_truth"
    assert [_labels(s[field]) for s in again] == [_labels(s[field]) for s in view]


def _labels(label):
    return [d.label for d in getattr(label, "detections", [label])]


def test_by_ids_and_by_url(operator, login, images, logged):
    view = images.match_tags("val")
    name = logged(view)
    url = f"{login.url}/{login.entity}/load/artifacts/dataset/{name}/v0"
    again = operator("load_view_from_wandb")(images, artifact=url, project="load", by_ids=True)
    assert again.values("id") == view.values("id")


def test_only_the_labels_with_a_low_confidence(operator, login, images):
    name = f"p{ObjectId()}"
    operator("log_model_predictions")(
        images, "model", "predictions", "load", artifact_name=name, low_confidence_threshold=0.3
    )
    again = operator("load_view_from_wandb")(images, "load", name, low_confidence=True)
    found = [d.confidence for s in again for d in s.predictions.detections]
    everything = [d.confidence for s in images for d in s.predictions.detections]
    assert sorted(found) == sorted(c for c in everything if c is not None and c < 0.3)


def test_saved_views_are_not_replaced_without_a_word(operator, login, images, logged):
    name = logged(images.match_tags("train"))
    load = operator("load_view_from_wandb")
    load(images, "load", name, view_name="mine")
    for same in ("mine", "Mine!"):
        with pytest.raises(module(load, "errors").WandBError, match="has a saved view 'mine' already"):
            load(images, "load", name, view_name=same)
    load(images, "load", name, view_name="mine", overwrite=True)
    assert images.load_saved_view("mine").values("id") == images.match_tags("train").values("id")
    images.delete_saved_view("mine")


def test_through_execute_operator(login, images, logged):
    name = logged(images.match_tags("train"))
    context = {
        "dataset": images,
        "params": {"project": "load", "artifact": name, "action": "save_as_view", "view_name": "x"},
    }
    done = foo.execute_operator(URI, context)
    assert done.result["success"]
    assert done.result["samples_loaded"] == len(images.match_tags("train"))
    assert done.result["artifact_name"] == f"{name}:v0"
    images.delete_saved_view("x")


def test_a_background_service_has_to_know_the_dataset(operator, login):
    with pytest.raises(RuntimeError, match="told the dataset"):
        operator("load_view_from_wandb")(None, "load", "x", view_name="y", delegate=True)


@pytest.mark.parametrize("artifact", ["missing", "", "missing:v7"])
def test_what_is_not_there(operator, login, images, logged, artifact):
    logged(images.limit(1))
    load = operator("load_view_from_wandb")
    with pytest.raises(module(load, "errors").WandBError):
        load(images, "load", artifact)
