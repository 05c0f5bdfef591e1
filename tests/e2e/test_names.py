"""The name that an artifact was logged under finds it, whatever it was stored as; so does a dataset's id after a new name."""

import pytest

from tests.e2e.common import PROJECT, new_id

#: Names as people write them, and what is stored; each with something new in it.
NAMES = {
    "my-data {}": "my_data_{}",
    "Ünder Sömething {}": "nder_s_mething_{}",
    "ckpts/epoch=3/{}": "ckpts_epoch_3_{}",
    "run:{}": "run_{}",
    "a/b/c/d/{}": "a_b_c_d_{}",
    "as_it.is_{}": "as_it.is_{}",
}


@pytest.mark.parametrize("form", NAMES, ids=range(len(NAMES)))
def test_the_same_name_comes_out(operator, server, log_view, log_predictions, data, form):
    unique = new_id()
    given, stored = form.format(unique), NAMES[form].format(unique)
    view = data["images"].limit(3)
    load = operator("load_view_from_wandb")

    result = log_view(view, artifact_name=given)
    said = [w["message"] for w in result["warnings"] if w["code"] == "artifact_name"]
    assert result["artifact_name"] == stored
    if given == stored:
        assert (result["artifact_name_given"], said) == (None, [])
    else:
        assert (result["artifact_name_given"], len(said)) == (given, 1)
        assert f'"{stored}"' in said[0]

    for reference in (given, f"{given}:v0", f"{given}:latest", stored, f"{server.entity}/{PROJECT}/{stored}:v0"):
        found, report = load(data["images"], PROJECT, reference, with_report=True)
        assert found.values("id") == view.values("id")
        assert report["artifact_name"] == f"{stored}:v0"

    used = log_predictions(view, "predictions", input_artifact=given)
    assert used["input_artifact_url"] == result["artifact_url"]


def test_what_is_not_there_is_called_as_it_was(operator, server, data):
    with pytest.raises(RuntimeError, match='no artifact "No-Such:v3"'):
        operator("load_view_from_wandb")(data["images"], PROJECT, "No-Such:v3")


@pytest.mark.parametrize(
    "model", ["runs/train/exp 3/weights/best.pt", "s3://a:b/ü.ckpt", "模型", "x/" * 250], ids=range(4)
)
def test_names_of_models_are_never_refused(log_predictions, data, model):
    result = log_predictions(data["images"].limit(2), "predictions", model_name=model, artifact_name=None)
    assert result["success"]
    assert len(result["artifact_name"]) <= 128
    assert "_predictions_" in result["artifact_name"]
    assert "artifact_name" not in [w["code"] for w in result["warnings"]]


def test_a_renamed_dataset(operator, log_view, dataset, media):
    """Logged by us, its id is in the metadata, and in no file: the bytes stay those of the name."""
    import fiftyone as fo

    one = dataset([fo.Sample(filepath=str(media / f"{i}.jpg")) for i in range(3)])
    result = log_view(one.limit(2))
    one.name = f"renamed-{one.name}"

    again, report = operator("load_view_from_wandb")(None, PROJECT, result["artifact_name"], with_report=True)

    assert again.dataset_name == one.name
    assert ["renamed" in w["message"] for w in report["warnings"]] == [True]
