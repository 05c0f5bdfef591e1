"""Beyond the 200,000 rows that a W&B table may have, nothing is cut."""

import json

import bson
import fiftyone as fo
from bson.raw_bson import RawBSONDocument

from tests.e2e.reading import file, npz

PART = 20_000
PARTS = 11
COUNT = 200_003
FIRST = 0x6B03A5B409A14D6500000000


def test_more_rows_than_a_table_holds(dataset, log_view, read, server):
    made = dataset([fo.Sample(filepath="/none/0.png", label=fo.Classification(label="x"), n=0)])
    made.add_sample_field("vector", fo.VectorField)
    collection = fo.core.odm.get_db_conn()[made._sample_collection_name]
    pattern = collection.find_one({}, {"_rand": 0, "metadata": 0})
    collection.delete_many({})
    collection.insert_many(RawBSONDocument(bson.encode(_document(pattern, n))) for n in range(COUNT))

    result = log_view(made, include_labels=True, include_images=False, fields=["n"], embedding_field="vector")

    assert result["samples_logged"] == COUNT
    stored = server.artifact(result)["files"]
    assert sorted(path for path in stored if "table" in path) == [
        "samples.partitioned-table.json",
        *(f"samples_parts/part-{i:04}.table.json" for i in range(PARTS)),
    ]
    assert sorted(path for path in stored if path.startswith("embeddings")) == [
        f"embeddings/vector/part-{i:05}.npz" for i in range(PARTS) if i != 1
    ]
    found = read.artifact(result)
    # The official package takes minutes of a slow machine for all rows; test_workers.py has it read parts.
    number, row = next(iter(found.get("samples").iterrows()))
    assert (number, row[0]) == (0, _id(0))
    parts = [json.loads(file(found, f"samples_parts/part-{i:04}.table.json"))["data"] for i in range(PARTS)]
    assert [len(rows) for rows in parts] == [PART] * 10 + [3]
    for number, row in enumerate(row for rows in parts for row in rows):
        assert row[0] == _id(number)
        assert row[-1] == number
        assert row[3] == f"c{number % 7} (0.50)"
    assert number == COUNT - 1
    vectors = [npz(found, f"embeddings/vector/part-{i:05}.npz") for i in (0, 10)]
    assert [len(part["embeddings"]) for part in vectors] == [PART // 10, 1]
    assert vectors[1]["sample_ids"][0] == _id(200_000)
    assert vectors[1]["embeddings"][0].tolist() == [200_000, 0.5]
    # The ids take more than the metadata may have.
    assert found.metadata["lists_in_files"] == {"sample_ids": "fiftyone/sample_ids.txt"}
    assert file(found, "fiftyone/sample_ids.txt").decode() == "".join(f"{_id(n)}\n" for n in range(COUNT))
    shown = dict(read.run(result).summary["samples"])
    assert (shown["_type"], "nrows" in shown) == ("partitioned-table", False)
    assert shown["artifact_path"].endswith("/samples.partitioned-table.json")
    assert shown["artifact_path"].startswith("wandb-artifact://")


def _id(number):
    return f"{FIRST + number:024x}"


def _document(pattern, number):
    label = {**pattern["label"], "label": f"c{number % 7}", "confidence": 0.5}
    # Every tenth row has a vector, but none of the second part.
    vector = [float(number), 0.5] if number % 10 == 0 and number // PART != 1 else None
    return {**pattern, "_id": bson.ObjectId(_id(number)), "n": number, "label": label, "vector": vector}
