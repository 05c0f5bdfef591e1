"""What a view's artifact holds beside the labels: typed columns, references, embeddings, lists and facts."""

import datetime
import json

import fiftyone as fo
import numpy as np
import pytest
from bson import ObjectId

from support.views import ALL
from tests.e2e import expected
from tests.e2e.labels import Document
from tests.e2e.reading import file, lines, npz, rows

pytestmark = pytest.mark.oldest

NAN, INF = float("nan"), float("inf")

# Names of types in a W&B table, by field.
TYPES = {
    "big": {"string"},
    "number": {"number"},
    "score": {"number"},
    "flag": {"boolean"},
    "caption": {"string"},
    "day": {"timestamp"},
    "moment": {"timestamp"},
    "words": {"list"},
    "numbers": {"list"},
    "days": {"list"},
    "whatever": {"string"},
    "record": {"typedDict"},
    "document.weight": {"number"},
    "metadata.width": {"number"},
    "never": {"unknown"},
    "other_id": {"string"},
    "support": {"list"},
    "pairs": {"list"},
}


@pytest.fixture(scope="module")
def plain(media, fiftyone):
    """A dataset with plain fields of every kind."""
    dataset = fo.Dataset(f"plain-{ObjectId()}")
    dataset.add_sample_field("never", fo.StringField)
    dataset.add_sample_field("day", fo.DateField)
    dataset.add_sample_field("days", fo.ListField, subfield=fo.DateTimeField)
    dataset.add_sample_field("whatever", fo.ListField)
    dataset.add_sample_field("record", fo.DictField)
    dataset.add_sample_field("other_id", fo.ObjectIdField)
    dataset.add_sample_field("support", fo.FrameSupportField)
    dataset.add_sample_field("pairs", fo.ListField, subfield=fo.ListField(fo.IntField()))
    values = [
        {
            "big": 2**53,
            "number": 1,
            "score": 0.1,
            "flag": True,
            "caption": 'é "quoted" \\ <b>',
            "day": datetime.date(1969, 12, 31),
            "moment": datetime.datetime(2026, 11, 23, 1, 2, 3, 456000),
            "words": ["a", "b,c", ""],
            "numbers": [1.5, NAN, 2.0],
            "days": [datetime.datetime(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, 5, 678000)],
            "record": {"a": 1, "b": {"c": [1, 2]}, "_type": "not a table"},
            "other_id": str(ObjectId()),
            "support": [1, 4],
            "pairs": [[1, 2], [3]],
        },
        {"big": 2**53 + 1, "number": -7, "score": NAN, "flag": False, "caption": "", "words": [], "numbers": []},
        {"big": -(2**62), "number": 0, "score": INF, "caption": "x" * 5000, "record": {}},
        {"score": -0.0},
        {
            "big": 3,
            "number": 2**31,
            "score": 1e300,
            "moment": datetime.datetime(1900, 1, 1),
            "whatever": [1, "two", None, [3.5, True]],
        },
    ]
    dataset.add_samples(
        [
            fo.Sample(
                filepath=str(media / "image_00.png"),
                label=fo.Classification(label="x"),
                document=Document(weight=i / 3) if i % 2 else None,
                metadata=fo.ImageMetadata(width=i, height=4) if i % 2 else None,
                **value,
            )
            for i, value in enumerate(values)
        ]
    )
    yield dataset
    dataset.delete()


def test_plain_fields_become_typed_columns(plain, log_view, read):
    result = log_view(plain, include_labels=True, include_images=False, fields=list(TYPES))

    table = read.artifact(result).get("samples")
    wanted = expected.view_rows(plain, TYPES)
    wanted[0]["record"] = {"a": 1, "b": {"c": [1, 2]}, "_type_": "not a table"}
    for row in wanted:  # some are beyond 2^53, so all are texts
        row["big"] = None if row["big"] is None else str(row["big"])
    wanted[4]["whatever"] = '[1,"two",null,[3.5,true]]'
    assert [(w["code"], w["message"].endswith("big, whatever.")) for w in result["warnings"]] == [
        ("text_columns", True)
    ]
    got = rows(table)
    for path in TYPES:
        assert [row[path] for row in got] == [row[path] for row in wanted], path
        assert [type(row[path]) for row in got] == [type(row[path]) for row in wanted], path
    assert got == wanted
    types = table._column_types.params["type_map"]
    for path, names in TYPES.items():
        found = (
            {t.name for t in types[path].params["allowed_types"]} if types[path].name == "union" else {types[path].name}
        )
        assert found - {"none"} == names, path


def test_a_column_of_a_taken_name(plain, log_view, read):
    result = log_view(plain, include_labels=True, include_images=False, fields=["filepath", "tags", "id", "number"])
    got = read.rows(result, "samples")
    assert list(got[0])[-4:] == ["field_filepath", "field_tags", "id", "number"]
    for row, sample in zip(got, plain, strict=True):
        assert (row["field_filepath"], row["field_tags"], row["id"]) == (sample.filepath, sample.tags, sample.id)


def test_references(dataset, media, log_view, read):
    """Samples with and without metadata, in the original's form."""
    made = dataset(
        [
            fo.Sample(
                filepath="/none/a.png",
                tags=["x", 'é"\\'],
                metadata=fo.ImageMetadata(width=3, height=4, mime_type="é/<x>"),
            ),
            fo.Sample(filepath="/none/b.png"),
            fo.Sample(filepath="/none/c.png", metadata=fo.ImageMetadata()),
            fo.Sample(
                filepath="/none/d.png", metadata=fo.ImageMetadata(size_bytes=2**40, mime_type="image/png", own=[1, 2.5])
            ),
        ]
    )
    found = read.artifact(log_view(made))
    raw = file(found, "sample_references.json").decode()
    assert json.loads(raw) == expected.references(made)
    assert raw == json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    assert "samples.table.json" not in found.manifest.entries


@pytest.mark.parametrize("kind", ["patches", "evaluation patches", "frames", "clips of a field", "trajectories"])
def test_references_of_rows_that_are_no_samples(data, log_view, read, kind):
    view = ALL[kind](data)
    found = json.loads(file(read.artifact(log_view(view)), "sample_references.json"))
    assert found == expected.references(view)
    own = {"patches": "patch_id", "frames": "frame_id"}.get(kind.split()[-1], "support")
    assert len({(one["id"], one[own]) for one in found}) == len(view)


def test_labels_of_a_view_without_label_fields(data, dataset, log_view, read):
    views = {
        "no_labels": dataset([fo.Sample(filepath=f"/none/{i}.png", tags=["train"]) for i in range(3)]),
        "frame_labels": data["videos"].exclude_fields("events").to_clips([[(1, 2)], [(2, 4), (5, 6)], []]),
    }
    for code, view in views.items():
        result = log_view(view, include_labels=True, include_images=False)
        assert [w["code"] for w in result["warnings"]] == [code]
        got, wanted = read.rows(result, "samples"), expected.view_rows(view)
        assert (got, list(got[0])) == (wanted, list(wanted[0]))


def test_pictures_of_a_dataset_without_labels(dataset, media, log_view, read):
    made = dataset([fo.Sample(filepath=str(media / f"image_0{i}.png"), number=i) for i in range(3)])
    result = log_view(made, include_images=True, fields=["number"])
    assert result["warnings"] == []
    found = read.artifact(result)
    got = rows(found.get("samples"))
    assert list(got[0]) == [*expected.view_rows(made)[0], "image", "number"]
    for row, sample in zip(got, made, strict=True):
        assert (row["sample_id"], row["number"]) == (sample.id, sample.number)
        assert row["image"]._path.endswith((".jpg", ".png"))
    assert "sample_references.json" not in found.manifest.entries


@pytest.mark.parametrize("field", ["vector", "array", "floats", "ints"])
def test_embeddings(dataset, log_view, read, field):
    made = dataset([fo.Sample(filepath=f"/none/{i}.png", n=i) for i in range(40)])
    made.add_sample_field("vector", fo.VectorField)
    made.add_sample_field("array", fo.ArrayField)
    made.add_sample_field("floats", fo.ListField, subfield=fo.FloatField)
    made.add_sample_field("ints", fo.ListField, subfield=fo.IntField)
    for i, sample in enumerate(made.iter_samples(autosave=True)):
        if i % 7:
            values = np.arange(5) * i / (1 if field == "ints" else 7)
            sample[field] = {
                "vector": values.astype(np.float32),
                "array": values,
                "floats": values.tolist(),
                "ints": [int(v) for v in values],
            }[field]
    view = made.shuffle(seed=1)

    result = log_view(view, embedding_field=field)

    samples = [sample for sample in view if sample[field] is not None and len(sample[field])]
    stored = npz(read.artifact(result), f"embeddings/{field}.npz")
    assert list(stored["sample_ids"]) == [sample.id for sample in samples]
    assert len(samples) == 34
    np.testing.assert_array_equal(stored["embeddings"], np.array([sample[field] for sample in samples]))
    if field in ("vector", "array"):
        assert stored["embeddings"].dtype == samples[0][field].dtype
    assert result["warnings"] == []


def test_vectors_that_do_not_fit(dataset, log_view, read):
    vectors = [[1.0, 2.0], [1.0], [3.0, 4.0], [NAN, INF]]
    made = dataset(
        [fo.Sample(filepath=f"/none/{i}.png", vector=v, other=[1.0] if i else None) for i, v in enumerate(vectors)]
    )
    result = log_view(made, embedding_field=["vector", "other"], include_labels=False)
    ids = made.values("id")
    stored = npz(read.artifact(result), "embeddings/vector.npz")
    assert list(stored["sample_ids"]) == [ids[0], ids[2], ids[3]]
    np.testing.assert_array_equal(stored["embeddings"], [[1, 2], [3, 4], [NAN, INF]])
    (warning,) = result["warnings"]
    assert (warning["count"], warning["sample_ids"]) == (1, [ids[1]])
    assert "'vector'" in warning["message"].replace('"', "'")
    assert npz(read.artifact(result), "embeddings/other.npz")["embeddings"].shape == (3, 1)


def test_a_field_without_vectors(dataset, log_view, read):
    made = dataset([fo.Sample(filepath="/none/a.png")])
    made.add_sample_field("vector", fo.VectorField)
    result = log_view(made, embedding_field="vector")
    assert "embeddings/vector.npz" not in read.artifact(result).manifest.entries
    assert "vector" in result["warnings"][0]["message"]


def test_facts_of_a_dataset(dataset, log_view, read):
    made = dataset(
        [fo.Sample(filepath=f"/none/{i}.png", tags=t) for i, t in enumerate([["train"], ["val", "train"], ["x"]])]
    )
    made.info = {"licence": "CC", "n": NAN, "when": datetime.datetime(2026, 1, 2), "deep": {"list": [1, (2, 3)]}}
    made.default_classes = ["a", "b"]
    made.mask_targets = {"mask": {1: "cat", 2: "dog"}}
    made.default_mask_targets = {255: "void"}
    made.save()
    created = made.created_at
    found = read.artifact(log_view(made, artifact_name="Of the -- Dataset / 7!"))
    meta = found.metadata
    assert found.collection.name == "of_the_dataset_7"
    assert (meta["train_samples"], meta["val_samples"]) == (2, 1)
    assert not {"test_samples", "training_samples", "x_samples"} & set(meta)
    assert meta["dataset_info"] == {
        "licence": "CC",
        "n": None,
        "when": "2026-01-02T00:00:00",
        "deep": {"list": [1, [2, 3]]},
    }
    assert meta["default_classes"] == ["a", "b"]
    assert meta["mask_targets"]["mask"] == {"1": "cat", "2": "dog"}
    assert "void" in json.dumps(meta["mask_targets"])
    assert meta["dataset_created_at"] == created.isoformat()
    assert json.loads(file(found, "fiftyone/metadata.json"))["dataset"] == made.name


def test_names_and_descriptions(plain, log_view, read):
    result = log_view(plain, run_id="my-run-0123456", artifact_name=None)
    assert result["artifact_name"] == "dataset_view_my-run-0"
    found = read.artifact(result)
    assert (found.type, found.description) == ("dataset", "Training view for run my-run-0123456")
    assert set(found.aliases) == {"latest"}
    assert found.tags == []

    named = log_view(plain.limit(2), aliases=["best", "v-2026"], tags=["curated", "two words"], description="Mine: é")
    found = read.artifact(named)
    assert set(found.aliases) == {"latest", "best", "v-2026"}
    assert set(found.tags) == {"curated", "two words"}
    assert found.description == "Mine: é"


def test_links(plain, log_view, read, server):
    result = log_view(plain, project="Some Project")
    run = server.run(result["run_id"])
    assert run["project"] == "Some Project"
    assert result["wandb_url"] == f"{server.url}/{server.entity}/Some%20Project/runs/{result['run_id']}"
    assert result["artifact_url"].startswith(f"{server.url}/{server.entity}/Some%20Project/artifacts/dataset/")


@pytest.mark.any_version
def test_lists_that_are_too_long_for_metadata(dataset, log_predictions, log_view, read):
    """Beyond 4 MB they are in files only, and the metadata names the file."""
    made = dataset([fo.Sample(filepath="/none/0.png", label=fo.Detections(detections=[fo.Detection(label="x")]))])
    collection = fo.core.odm.get_db_conn()[made._sample_collection_name]
    (pattern,) = list(collection.find({}))
    collection.delete_many({})
    documents, ids = [], []
    for _ in range(3000):
        boxes = [{"_id": ObjectId(), "_cls": "Detection", "label": f"c{k}", "confidence": k / 100} for k in range(100)]
        documents.append({**pattern, "_id": ObjectId(), "label": {"_cls": "Detections", "detections": boxes}})
        ids += [str(box["_id"]) for box in boxes]
    collection.insert_many(documents)

    result = log_predictions(made, "label")

    found = read.artifact(result)
    sources = [str(d["_id"]) for d in documents]
    assert found.metadata["lists_in_files"] == {"label_ids": "fiftyone/label_ids.txt"}
    assert found.metadata["sample_ids"] == sources
    assert "label_ids" not in found.metadata
    assert lines(found, "fiftyone/label_ids.txt") == ids
    low = [i for n, i in enumerate(ids) if n % 100 < 50]
    assert lines(found, "fiftyone/low_confidence_label_ids.txt") == low
    assert found.metadata["low_confidence_label_ids"] == low
    assert len(json.dumps(found.metadata, separators=(",", ":"))) <= 4 << 20
