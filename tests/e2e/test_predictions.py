"""What the artifact of a model's predictions holds."""

import datetime
import json
import re

import fiftyone as fo
import pytest

from support.views import ALL
from tests.e2e import expected
from tests.e2e.reading import file, lines, rows

pytestmark = pytest.mark.oldest


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("shuffle", "predictions"),
        ("filter_labels", "ground_truth"),
        ("concat twice", "weather"),
        ("patches", "ground_truth"),
        ("evaluation patches", "predictions"),
        ("group slices", "ground_truth"),
        ("dynamic groups", "predictions"),
        ("frames", "objects"),
        ("clips of a field", "events"),
        ("clips sorted", "events"),
        ("labels of documents", "inner.b"),
    ],
)
def test_rows_and_lists(data, log_predictions, read, kind, field):
    view = data["labels"] if kind == "labels of documents" else ALL[kind](data)
    result = log_predictions(view, field)

    found = read.artifact(result)
    got, wanted = rows(found.get("predictions")), expected.prediction_rows(view, field)
    assert got == wanted
    assert list(got[0]) == list(wanted[0])
    facts = expected.prediction_metadata(view, field)
    assert {key: found.metadata[key] for key in facts} == facts
    assert result["samples_processed"] == len(wanted)


def test_facts_of_the_model(data, log_predictions, read, server):
    view = data["images"].match_tags("train")
    before = datetime.datetime.now().astimezone().replace(microsecond=0)
    result = log_predictions(
        view, "predictions", model_name="YOLO v8/n", model_version="2", model_config={"lr": 0.1, "deep": {"x": [1, None]}},
        artifact_name=None,
    )  # fmt: skip

    found = read.artifact(result)
    meta = found.metadata
    assert re.fullmatch(r"yolo_v8_n_predictions_\d{8}_\d{6}", result["artifact_name"])
    assert (found.type, found.description) == ("predictions", f"YOLO v8/n predictions on {view.dataset_name}")
    assert (meta["model_name"], meta["model_version"]) == ("YOLO v8/n", "2")
    assert meta["model_config"] == {"lr": 0.1, "deep": {"x": [1, None]}}
    assert (meta["predictions_field"], meta["prompt_field"]) == ("predictions", None)
    assert (meta["fiftyone_dataset_name"], meta["fiftyone_dataset_size"]) == (view.dataset_name, len(data["images"]))
    moment = datetime.datetime.fromisoformat(meta["inference_timestamp"])
    assert before <= moment <= datetime.datetime.now().astimezone()
    assert json.loads(file(found, "fiftyone/view.json")) == meta["view_serialization"]

    run = read.run(result)
    assert re.fullmatch(r"predictions_[0-9a-f]{8}", result["run_id"])
    assert run.state == "finished"
    assert {k: v for k, v in run.config.items() if k != "_wandb"} == {
        "model_name": "YOLO v8/n",
        "model_version": "2",
        "predictions_field": "predictions",
        "samples_processed": len(view),
    }
    assert run.summary["predictions"]["nrows"] == len(view)


def test_facts_that_are_not_given_are_null(data, log_predictions, read):
    result = log_predictions(data["images"].limit(1), "predictions")
    assert read.artifact(result).metadata["model_version"] is None
    assert read.run(result).config["model_version"] is None


def test_texts_of_a_language_model(dataset, log_predictions, read):
    answers = ["short", "é" * 500, "é" * 501, "word " * 200, '\n\U0001f600 "x"', "", None, "short"]
    made = dataset(
        [
            fo.Sample(filepath=f"/none/{i}.png", answer=a, prompt=["", f"What is {i}?", None][i % 3])
            for i, a in enumerate(answers)
        ]
    )

    result = log_predictions(made, "answer", prompt_field="prompt")

    found = read.artifact(result)
    got = rows(found.get("predictions"))
    assert list(got[0]) == [
        "sample_id", "label_ids", "prompt", "predictions", "avg_confidence", "num_predictions", "full_text",
    ]  # fmt: skip
    for row, sample in zip(got, made, strict=True):
        answer = sample.answer or None
        cut = answer is not None and len(answer) > 500
        assert row["sample_id"] == sample.id
        assert row["prompt"] == sample.prompt
        assert row["predictions"] == (answer[:500] + "..." if cut else answer)
        assert row["full_text"] == (answer if cut else None)
        assert row["num_predictions"] == (1 if answer else 0)
        assert not row["label_ids"]
        assert row["avg_confidence"] is None
    given = [a for a in answers if a]
    assert found.metadata["class_distribution"] == {a[:100]: [g[:100] for g in given].count(a[:100]) for a in given}
    assert (found.metadata["total_predictions"], result["total_predictions"]) == (6, 6)
    assert found.metadata["prompt_field"] == "prompt"
    assert found.metadata["label_ids"] == []
    # Two files of the same bytes, of which W&B's store takes one.
    assert lines(found, "fiftyone/label_ids.txt") == []
    assert lines(found, "fiftyone/low_confidence_label_ids.txt") == []


@pytest.mark.any_version
def test_many_classes(dataset, log_predictions, read):
    """The metadata has the most frequent 1,000, the file all."""
    made = dataset(
        [
            fo.Sample(
                filepath=f"/none/{i}.png",
                label=fo.Classifications(
                    classifications=[fo.Classification(label=f"class {k}") for k in range(i * 400, 1200)]
                ),
            )
            for i in range(3)
        ]
    )
    result = log_predictions(made, "label")
    found = read.artifact(result)
    counts = expected.prediction_metadata(made, "label")["class_distribution"]
    assert list(found.metadata["class_distribution"].items()) == list(counts.items())[:1000]
    assert found.metadata["num_classes"] == result["num_classes"] == 1200
    assert json.loads(file(found, "fiftyone/metadata.json"))["class_distribution"] == counts
    assert any("1,200" in warning["message"] for warning in result["warnings"])


def test_further_columns(data, log_predictions, read):
    view = data["images"].limit(5)
    result = log_predictions(
        view, "predictions", prompt_field="prompt", fields=["number", "caption", "moment", "prompt"]
    )
    got = read.rows(result, "predictions")
    wanted = expected.prediction_rows(view, "predictions", prompt="prompt")
    for row, sample in zip(wanted, view, strict=True):
        for name in ("number", "caption", "moment"):
            row[name] = expected.cell(sample[name])
        row["field_prompt"] = sample.prompt
    assert got == wanted
    assert list(got[0]) == list(wanted[0])
