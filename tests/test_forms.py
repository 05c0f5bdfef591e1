"""Forms: their fields, which are the parameters of calls, and what stands where."""

import fiftyone.operators as foo
import pytest

from support.forms import LOAD, NAMES, PREDICTIONS, VIEW, fields

pytestmark = pytest.mark.oldest

USUAL = {
    VIEW: ["view_target", "plan", "project", "artifact_name", "include_labels", "only_pictures"],
    PREDICTIONS: [
        "view_target",
        "plan",
        "model_name",
        "predictions_field",
        "project",
        "artifact_name",
        "include_images",
    ],
    LOAD: ["plan", "project", "artifact", "low_confidence", "action"],
}


def test_saved_views_are_not_replaced_by_accident(operator, lookups, images):
    images.save_view("taken", images.limit(1), overwrite=True)
    load, params = operator(LOAD), {"action": "both", "view_name": "taken"}

    form = fields(load, images, params)
    assert form["view_name"]["invalid"]
    assert "'taken'" in form["overwrite"]["view"]["label"]
    assert not fields(load, images, {**params, "overwrite": True})["view_name"]["invalid"]
    assert fields(load, images, {**params, "view_name": "Taken!"})["view_name"]["invalid"]
    assert "overwrite" not in fields(load, images, {**params, "view_name": "free"})
    assert "cannot be the name" in fields(load, images, {**params, "view_name": "!"})["view_name"]["error_message"]
    assert "view_name" not in fields(load, images, {"action": "apply_to_session"})


@pytest.mark.parametrize("name", NAMES)
def test_what_most_people_need_comes_first(operator, lookups, images, name):
    """And what will happen before it, so that nobody has to scroll; the rest is behind one switch."""
    short = list(fields(operator(name), images, {"more_options": False}))
    assert short == [*USUAL[name], "more_options"]

    long = list(fields(operator(name), images))
    assert long[: len(short)] == short
    assert set(fields(operator(name), images, {"more_options": None})) == set(short)


@pytest.mark.parametrize("name", NAMES)
def test_more_options_are_shown_if_one_is_filled_in(operator, lookups, images, name):
    """As when a job is run again from the panel."""
    form = fields(operator(name), images, {"more_options": None, "run_id": "abc"})
    assert form["more_options"]["default"] is True
    assert {"run_id", "entity"} <= set(form)
    assert fields(operator(name), images, {"more_options": None, "run_id": ""})["more_options"]["default"] is False


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_a_parameter(operator, lookups, images, name):
    """Those that only the form has are named here."""
    form = fields(operator(name), images, {"include_labels": True, "include_images": True, "max_samples": 3})
    own = {"more_options", "view_target", "plan", "draw_labels", "include_embeddings", "model_config_json"}
    assert set(form) - own <= set(operator(name).defaults())


def test_what_is_hidden_does_not_count(operator, lookups, images, fake_worker):
    """A form keeps what was filled in before More options was switched off."""
    hidden = {"run_id": "abc", "entity": "team", "max_samples": 2, "image_mode": "original", "dry_run": True}
    params = {"project": "p", "include_labels": True, **hidden}
    foo.execute_operator(operator(VIEW).uri, dataset=images, params={**params, "more_options": False})
    request = fake_worker.requests[-1]
    assert (request.log_view.run_id, request.wandb.entity, request.log_view.dry_run) == ("", "", False)
    assert (request.log_view.view.selection.max_samples, request.log_view.include_labels) == (0, True)

    # Whoever has no form, or shows the options, gets them all.
    for shown in ({}, {"more_options": True}):
        foo.execute_operator(operator(VIEW).uri, dataset=images, params={**params, **shown})
        request = fake_worker.requests[-1]
        assert (request.log_view.run_id, request.wandb.entity, request.log_view.dry_run) == ("abc", "team", True)
