"""Results are dicts, and notebooks show them as tables; errors are one sentence there."""

import json

import pytest

from shim.errors import WandBCancelled, WandBError
from shim.operators.returned import Returned

LOGGED = {
    "success": True,
    "artifact_name": "train",
    "samples_logged": 1200,
    "artifact_url": "https://wandb.test/e/p/artifacts/dataset/train/v3",
    "artifact_version": "v3",
    "wandb_url": "https://wandb.test/e/p/runs/r",
    "run_id": "r",
    "input_artifact_url": None,
    "new_version": False,
    "bytes_uploaded": 2_500_000,
    "settings_files": ["/a", "/b"],
    "warnings": [{"code": "c", "message": "2 rows have no picture", "count": 2, "sample_ids": []}],
    "job_id": "j",
}


def test_it_is_a_dict():
    result = Returned(LOGGED)
    assert result == LOGGED
    assert isinstance(result, dict)
    assert json.loads(json.dumps(result)) == LOGGED
    assert repr(result) == repr(LOGGED)


def test_a_notebook_shows_links_numbers_and_warnings():
    shown = Returned(LOGGED)._repr_html_()
    assert f'<a href="{LOGGED["artifact_url"]}" target="_blank" rel="noopener noreferrer">train:v3</a>' in shown
    assert f'<a href="{LOGGED["wandb_url"]}" target="_blank" rel="noopener noreferrer">r</a>' in shown
    for text in ("1,200", "2.5 MB", "/a, /b", "2 rows have no picture", ">no<"):
        assert text in shown
    for hidden in ("None", "sample_ids", "Job id"):
        assert hidden not in shown


EVIL = "<script>alert(1)</script>\"'&\u202e"


@pytest.mark.parametrize("key", ["artifact_name", "artifact_url", "wandb_url", "title", "run_name", "notes", EVIL])
def test_texts_of_others_are_texts(key):
    for prefix in ("", "https://wandb.test/", "javascript:"):
        values = {"artifact_url": "https://wandb.test/a", "url": "https://wandb.test/b", key: prefix + EVIL}
        shown = Returned(values, warnings=[{"message": EVIL}], problem=EVIL)._repr_html_()
        assert "<script" not in shown
        assert "javascript:" not in shown.replace(">javascript:", "")
        assert "\u202e" not in shown
        assert shown.count("<a ") == shown.count('<a href="https://')


@pytest.mark.parametrize("warnings", [None, [], [{}], ["text"], [{"message": None}]])
def test_results_without_warnings(warnings):
    assert "Warnings" not in Returned(warnings=warnings)._repr_html_()


@pytest.mark.parametrize("error", [WandBError("What happened.\nWhat to do"), WandBCancelled("It was cancelled.")])
def test_a_notebook_shows_the_sentence_of_an_error(error):
    """IPython calls this instead of printing its own traceback."""
    assert error._render_traceback_() == [f"{type(error).__name__}: {error}"]
