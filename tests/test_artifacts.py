"""What the artifacts hold, read back by the official wandb package and compared with what FiftyOne holds."""

import datetime
import io
import json
from collections import Counter

import bson
import fiftyone as fo
import numpy as np
import pytest
import wandb
from bson import ObjectId

from support import datasets, expected, views
from support.views import VIEWS

PROJECT = "artifacts"


@pytest.fixture(scope="module")
def server(wandb_server, module_environment, tmp_path_factory):
    home = tmp_path_factory.mktemp("wandb")
    for name, value in {
        "FIFTYONE_WANDB_URL": wandb_server.url,
        "FIFTYONE_WANDB_API_KEY": wandb_server.key,
        "FIFTYONE_WANDB_ENTITY": wandb_server.entity,
        "WANDB_BASE_URL": wandb_server.url,
        "WANDB_API_KEY": wandb_server.key,
        "WANDB_ARTIFACT_DIR": str(home / "artifacts"),
        "WANDB_CACHE_DIR": str(home / "cache"),
        "WANDB_DIR": str(home),
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
    }.items():
        module_environment.setenv(name, value)
    return wandb_server


@pytest.fixture(scope="module")
def module_environment():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def data(media, fiftyone):
    made = views.sources(media)
    yield made
    for dataset in made.values():
        dataset.delete()


@pytest.fixture(scope="module")
def images(media, fiftyone):
    dataset = datasets.images(media)
    yield dataset
    dataset.delete()


@pytest.fixture
def log_view(operator, server):
    def log(samples, **kwargs):
        return operator("log_fiftyone_view_to_wandb")(
            samples, project=PROJECT, run_id=str(ObjectId()), **{"artifact_name": f"a{ObjectId()}", **kwargs}
        )

    return log


@pytest.fixture
def log_predictions(operator, server):
    def log(samples, field, **kwargs):
        kwargs = {"artifact_name": f"p{ObjectId()}", **kwargs}
        return operator("log_model_predictions")(
            samples, model_name="model", predictions_field=field, project=PROJECT, **kwargs
        )

    return log


def artifact(result):
    api = wandb.Api()
    return api.artifact(f"{result['entity']}/{PROJECT}/{result['artifact_name']}:latest")


def rows(table):
    """A table's rows as dicts."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.data]


def file_of(found, path):
    with open(found.get_entry(path).download(), "rb") as f:
        return f.read()


def source_id(sample):
    return sample["sample_id"] if sample.has_field("sample_id") else sample.id


@pytest.mark.parametrize("kind", sorted(set(VIEWS) - {"empty"}))
def test_every_kind_of_view(data, log_view, kind):
    """The rows are the samples that iterating gives, in that order, cell by cell."""
    view = VIEWS[kind](data)
    fields = [
        name
        for name, field in view.get_field_schema().items()
        if isinstance(field, fo.EmbeddedDocumentField) and issubclass(field.document_type, fo.Label)
    ]
    result = log_view(view, include_labels=bool(fields), **({"include_images": False} if fields else {}))

    found = artifact(result)
    samples = list(view)
    assert result["samples_logged"] == len(samples) == found.metadata["num_samples"]
    assert found.metadata["sample_ids"] == [source_id(s) for s in samples]
    if not fields:
        got = json.loads(file_of(found, "sample_references.json"))
        assert [(one["id"], one["filepath"]) for one in got] == [(source_id(s), s.filepath) for s in samples]
        return

    got = rows(found.get("samples"))
    assert len(got) == len(samples)
    for row, sample in zip(got, samples, strict=True):
        assert row["sample_id"] == source_id(sample)
        assert row["filepath"] == sample.filepath
        assert row["tags"] == ",".join(sample.tags)
        for field in fields:
            assert row[f"label_{field}"] == expected.text(sample[field]), (kind, field)


def test_every_type_of_label(media, fiftyone, log_view):
    dataset = datasets.all_labels(media)
    (row,) = rows(artifact(log_view(dataset, include_labels=True)).get("samples"))
    sample = dataset.first()
    for field in datasets.LABELS:
        if field not in ("custom", "bare"):
            assert row[f"label_{field}"] == expected.text(sample[field]), field
    assert row["label_custom"] == "mine"
    assert row["label_bare"]
    assert row["label_inner.b"] == "nested"
    dataset.delete()


def test_plain_fields_as_typed_columns(images, log_view):
    images.first().save()
    view = images.limit(4)
    wanted = ["number", "score", "flag", "caption", "day", "moment", "words", "numbers", "metadata.width", "filepath"]
    for row, sample in zip(
        rows(artifact(log_view(view, include_labels=True, fields=wanted)).get("samples")), view, strict=True
    ):
        assert (row["number"], row["flag"], row["caption"]) == (sample.number, sample.flag, sample.caption)
        assert row["score"] == pytest.approx(sample.score)
        assert (row["words"], row["numbers"]) == (sample.words, sample.numbers)
        assert row["metadata.width"] == sample.metadata.width
        assert row["field_filepath"] == sample.filepath
        assert _moment(row["moment"]) == sample.moment
        assert _moment(row["day"]).date() == sample.day


def _moment(value):
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None)
    return datetime.datetime.fromtimestamp(value / 1000, datetime.timezone.utc).replace(tzinfo=None)


def test_numbers_that_json_cannot_carry(media, fiftyone, log_view):
    dataset = fo.Dataset(datasets.name())
    values = [(float("nan"), 2**60), (float("inf"), 1), (0.5, -(2**53) - 1)]
    dataset.add_samples(
        [
            fo.Sample(filepath=f"/none/{i}.png", f=f, n=n, label=fo.Classification(label="x", confidence=f))
            for i, (f, n) in enumerate(values)
        ]
    )
    got = rows(artifact(log_view(dataset, include_labels=True, include_images=False, fields=["f", "n"])).get("samples"))
    assert [row["f"] for row in got] == [None, None, 0.5]
    assert [row["n"] for row in got] == [str(2**60), 1, str(-(2**53) - 1)]
    assert [row["label_label"] for row in got] == ["x", "x", "x (0.50)"]
    dataset.delete()


def test_confidence_of_zero_is_one(media, fiftyone, log_view, log_predictions):
    dataset = fo.Dataset(datasets.name())
    dataset.add_sample(fo.Sample(filepath="/none/a.png", label=fo.Classification(label="x", confidence=0.0)))
    (row,) = rows(artifact(log_view(dataset, include_labels=True, include_images=False)).get("samples"))
    assert row["label_label"] == "x (0.00)"
    found = artifact(log_predictions(dataset, "label"))
    (row,) = rows(found.get("predictions"))
    assert row["avg_confidence"] == 0.0
    assert found.metadata["low_confidence_label_ids"] == [dataset.first().label.id]
    dataset.delete()


def test_references_with_and_without_metadata(media, fiftyone, log_view):
    dataset = fo.Dataset(datasets.name())
    dataset.add_samples(
        [
            fo.Sample(
                filepath="/none/a.png", tags=["x"], metadata=fo.ImageMetadata(width=3, height=4, mime_type='é/"x')
            ),
            fo.Sample(filepath="/none/b.png"),
        ]
    )
    found = artifact(log_view(dataset))
    raw = file_of(found, "sample_references.json").decode()
    first, second = json.loads(raw)
    a, b = dataset
    assert first["id"] == a.id
    assert first["tags"] == ["x"]
    assert {k: v for k, v in first["metadata"].items() if v is not None} == {
        "width": 3,
        "height": 4,
        "mime_type": 'é/"x',
    }
    assert second == {"id": b.id, "filepath": b.filepath, "tags": []}
    assert json.dumps(json.loads(raw), indent=2, ensure_ascii=False) == raw
    dataset.delete()


@pytest.mark.parametrize("field", ["embedding", "numbers"])
def test_embeddings(images, log_view, field):
    found = artifact(log_view(images.limit(7), embedding_field=field))
    with np.load(io.BytesIO(file_of(found, f"embeddings/{field}.npz"))) as stored:
        assert list(stored["sample_ids"]) == images.limit(7).values("id")
        np.testing.assert_array_equal(stored["embeddings"], np.array([s[field] for s in images.limit(7)]))


def test_predictions_table_and_metadata(images, log_predictions):
    view = images.match_tags("train")
    result = log_predictions(
        view, "predictions", model_version="2", model_config={"lr": 0.1}, low_confidence_threshold=0.3
    )
    found = artifact(result)
    classes, ids, low = Counter(), [], []
    for row, sample in zip(rows(found.get("predictions")), view, strict=True):
        labels = sample.predictions.detections
        scores = [d.confidence for d in labels if d.confidence is not None]
        assert row["sample_id"] == sample.id
        assert row["label_ids"] == [d.id for d in labels]
        assert row["predictions"] == expected.text(sample.predictions)
        assert row["avg_confidence"] == pytest.approx(round(sum(scores) / len(scores), 3))
        assert row["num_predictions"] == len(labels)
        classes.update(d.label for d in labels)
        ids += [d.id for d in labels]
        low += [d.id for d in labels if d.confidence is not None and d.confidence < 0.3]
    meta = found.metadata
    assert meta["class_distribution"] == classes
    assert (meta["label_ids"], meta["low_confidence_label_ids"]) == (ids, low)
    assert (meta["num_classes"], meta["total_predictions"], meta["num_low_confidence"]) == (
        len(classes),
        len(ids),
        len(low),
    )
    assert meta["avg_predictions_per_sample"] == round(len(ids) / len(view), 2)
    assert (meta["model_name"], meta["model_version"], meta["model_config"]) == ("model", "2", {"lr": 0.1})
    assert (meta["fiftyone_dataset_size"], meta["fiftyone_view_size"]) == (len(images), len(view))
    assert result["total_predictions"] == len(ids)
    assert result["num_classes"] == len(classes)
    assert file_of(found, "fiftyone/label_ids.txt").decode().split() == ids
    assert file_of(found, "fiftyone/low_confidence_label_ids.txt").decode().split() == low


@pytest.mark.parametrize("field", sorted(set(datasets.LABELS) - {"bare", "custom"}))
def test_predictions_of_every_type(media, fiftyone, log_predictions, field):
    dataset = datasets.all_labels(media)
    sample = dataset.first()
    (row,) = rows(artifact(log_predictions(dataset, field)).get("predictions"))
    assert row["predictions"] == expected.text(sample[field])
    known = [leaf.id for leaf in expected.leaves(sample[field]) if getattr(leaf, "id", None)]
    assert row["label_ids"] == known
    dataset.delete()


def test_answers_of_a_language_model(media, fiftyone, log_predictions):
    dataset = fo.Dataset(datasets.name())
    texts = ["short", "é" * 500, "word " * 200, "", None]
    dataset.add_samples(
        [fo.Sample(filepath=f"/none/{i}.png", answer=t, prompt=f"What is {i}?") for i, t in enumerate(texts)]
    )
    result = log_predictions(dataset, "answer", prompt_field="prompt")
    got = rows(artifact(result).get("predictions"))
    assert [row["prompt"] for row in got] == [f"What is {i}?" for i in range(5)]
    assert [row["predictions"] for row in got] == ["short", "é" * 500, ("word " * 200)[:500] + "...", None, None]
    assert [row["full_text"] for row in got] == [None, None, "word " * 200, None, None]
    assert [row["num_predictions"] for row in got] == [1, 1, 1, 0, 0]
    assert artifact(result).metadata["class_distribution"]["short"] == 1
    dataset.delete()


def test_aliases_tags_and_description(images, log_view):
    found = artifact(log_view(images.limit(2), aliases=["best", "v-2026"], tags=["curated"], description="Mine"))
    assert {"latest", "best", "v-2026"} <= set(found.aliases)
    assert found.tags == ["curated"]
    assert found.description == "Mine"


def test_splits_and_facts_of_the_dataset(images, log_view):
    images.info["licence"] = "CC"
    images.save()
    meta = artifact(log_view(images.limit(10), artifact_name="Facts of/Mine")).metadata
    assert {k: meta[k] for k in ("train_samples", "val_samples", "test_samples")} == {
        f"{split}_samples": images.limit(10).match_tags(split).count() for split in datasets.SPLITS
    }
    assert meta["is_subset_view"] is True
    assert [stage["_cls"] for stage in meta["view_serialization"]] == ["fiftyone.core.stages.Limit"]
    assert meta["dataset_info"] == {"licence": "CC"}
    assert meta["fiftyone_media_type"] == "image"
    whole = artifact(log_view(images)).metadata
    assert whole["is_subset_view"] is False
    assert "view_serialization" not in whole


def test_samples_are_only_read(images, log_view, log_predictions):
    before = _everything(images)
    log_view(images, include_labels=True)
    log_predictions(images, "predictions")
    assert _everything(images) == before


def _everything(dataset):
    collection = fo.core.odm.get_db_conn()[dataset._sample_collection_name]
    return [bson.encode(document) for document in collection.find({})]


def test_long_tables_are_read_as_one(fiftyone, log_view):
    """Beyond what one table may hold, a partitioned one; nothing is cut."""
    count = 200_003
    dataset = fo.Dataset(datasets.name())
    dataset.add_sample(fo.Sample(filepath="/none/first.png", n=0, label=fo.Classification(label="x")))
    collection = fo.core.odm.get_db_conn()[dataset._sample_collection_name]
    pattern = collection.find_one({})
    start = pattern.pop("_id")
    for begin in range(1, count, 50_000):
        numbers = range(begin, min(begin + 50_000, count))
        collection.insert_many([{**pattern, "_id": ObjectId(_next(start, n)), "n": n} for n in numbers])
    result = log_view(dataset, include_labels=True, include_images=False, fields=["n"])
    assert result["samples_logged"] == count
    found = artifact(result)
    seen = [row[-1] for _, row in found.get("samples").iterrows()]
    assert seen == list(range(count))
    dataset.delete()


def _next(object_id, n):
    return (int.from_bytes(object_id.binary, "big") + n).to_bytes(12, "big")
