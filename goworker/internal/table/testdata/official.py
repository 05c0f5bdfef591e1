"""Asks the official wandb package what it writes for a table, and whether it can read ours.

    python official.py write             makes official.json, the golden file of the Go tests
    python official.py read FILE...      reads table files that the Go package wrote, cell by cell

Needs wandb, numpy and pillow; nothing is sent anywhere.
"""

import datetime as dt
import json
import pathlib
import sys
import tempfile

import numpy as np
import PIL.Image
import wandb
from wandb.sdk.data_types import _dtypes
from wandb.sdk.data_types.table import PartitionedTable

HERE = pathlib.Path(__file__).parent
UTC = dt.timezone.utc


def picture(folder: pathlib.Path) -> str:
    """A fixed image file."""
    path = folder / "a.png"
    PIL.Image.new("RGB", (8, 6), (10, 20, 30)).save(path)
    return str(path)


def plain_cases() -> dict:
    """Columns of one kind each: name -> cells."""
    return {
        "strings": ["a", 'b\n"\\\u00e9\u4e16\U0001f600\u2028', None, ""],
        "ints": [1, -2, 2**53, None],
        "floats": [0.5, 1.0, 1e300, 1e-7, float("nan")],
        "bools": [True, False, None],
        "times": [
            dt.datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
            dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
            None,
        ],
        "string_lists": [["a", "b", "c"], ["d"], None],
        "number_lists": [[1, 2.5], [], [3]],
        "empty_lists": [[], []],
        "lists_with_null": [[None, "a"], [None], ["b"]],
        "lists_of_null": [[None], [None, None]],
        "nested_lists": [[[1, 2], [3]], [[4]]],
        "dicts": [{"b": 1, "a": "x"}, {"b": 2.5, "a": "y"}, None],
        "dicts_with_null": [{"k": None}, {"k": None}],
        "nested_dicts": [{"k": {"x": True, "l": ["a"]}}],
        "empty_dicts": [{}, {}],
        "dict_lists": [[{"x": 1}, {"x": 2}]],
        "nulls": [None, None],
        "no_rows": [],
    }


def write() -> None:
    out = {}
    for name, cells in plain_cases().items():
        out[name] = as_json(wandb.Table(columns=["c"], data=[[c] for c in cells]))
    out["mixed"] = as_json(wandb.Table(columns=["c"], data=[["a"], [1], [[True]], [None]], allow_mixed_types=True))
    out["string_and_number"] = as_json(
        wandb.Table(columns=["c"], data=[["a"], [1]], dtype=[_dtypes.UnionType([str, int])])
    )
    with tempfile.TemporaryDirectory() as tmp:
        path = picture(pathlib.Path(tmp))
        out["images"] = as_json(
            wandb.Table(columns=["id", "image"], data=[["x", wandb.Image(path, caption="text")], ["y", None]])
        )
        out["overlays"] = as_json(overlays(path))
    text = json.dumps(out, indent=1, sort_keys=True)
    (HERE / "official.json").write_text(text + "\n")


def overlays(path: str) -> wandb.Table:
    """Boxes, masks and classes."""
    classes = [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]
    labels = {0: "cat", 1: "dog"}
    boxes = [
        {
            "position": {"minX": 0.1, "maxX": 0.4, "minY": 0.2, "maxY": 0.5},
            "class_id": 1,
            "box_caption": "dog",
            "scores": {"confidence": 0.75},
        },
        {"position": {"minX": 0.0, "maxX": 1.0, "minY": 0.25, "maxY": 0.5}, "class_id": 0},
    ]
    image = wandb.Image(
        path,
        classes=wandb.Classes(classes),
        boxes={"ground_truth": {"box_data": boxes, "class_labels": labels}},
        masks={"predictions": {"mask_data": np.array([[0, 1] * 4] * 6), "class_labels": labels}},
    )
    return wandb.Table(columns=["image"], data=[[image]])


def as_json(table: wandb.Table) -> dict:
    """What artifact.add would write, through JSON as it is done there."""
    artifact = wandb.Artifact("a", "dataset")
    artifact.add(table, "t")
    path = artifact.manifest.entries["t.table.json"].local_path
    return json.loads(pathlib.Path(path).read_text())


class Source:
    """As much of a logged artifact as reading a table needs, with files on disk behind it."""

    def __init__(self, root: pathlib.Path, names: list) -> None:
        self.root = root
        self.manifest = wandb.Artifact("a", "dataset").manifest
        for name in names:
            self.manifest.entries[name] = wandb.sdk.artifacts.artifact_manifest_entry.ArtifactManifestEntry(
                path=name, digest="", size=0
            )

    def get(self, name: str):
        obj = json.loads((self.root / name).read_text(encoding="ascii"))
        if obj["_type"] == "classes":
            return wandb.Classes.from_json(obj, self)
        return wandb.Table.from_json(obj, self)

    def get_entry(self, name: str):
        root = self.root

        class Entry:
            def download(self) -> str:
                return str(root / name)

        return Entry()


def same(cell, wrote) -> bool:
    """Whether a cell that was read is what stands in the file; the official reader rounds dates."""
    if isinstance(cell, dt.datetime):
        return abs((cell - dt.datetime(1970, 1, 1, tzinfo=UTC)) / dt.timedelta(milliseconds=1) - wrote) < 0.01
    if isinstance(cell, wandb.Image):
        boxes = {k: v._val for k, v in (cell._boxes or {}).items()}
        return boxes == wrote.get("boxes", {}) and set(cell._masks or {}) == set(wrote.get("masks", {}))
    return type(cell) is type(wrote) and cell == wrote


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def read(files: list) -> None:
    """Reads files as artifact.get does."""
    for file in files:
        path = pathlib.Path(file)
        obj = json.loads(path.read_text(encoding="ascii"))
        if obj["_type"] == "partitioned-table":
            folder = path.parent / obj["parts_path"]
            names = sorted(f"{obj['parts_path']}/{p.name}" for p in folder.iterdir())
            table = PartitionedTable.from_json(obj, Source(path.parent, names))
            rows = [row for _, row in table.iterrows()]
            say(f"{path.name}: {len(names)} parts, {len(rows)} rows; first {rows[0]}, last {rows[-1]}")
            continue
        table = wandb.Table.from_json(obj, Source(path.parent, []))
        assert len(table.data) == obj["nrows"] and len(table.columns) == obj["ncols"], file
        for row, wrote in zip(table.data, obj["data"], strict=True):
            assert all(same(*pair) for pair in zip(row, wrote, strict=True)), (file, row, wrote)
        say(f"{path.name}: {obj['nrows']} rows")


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        write()
    elif sys.argv[1:2] == ["read"]:
        read(sys.argv[2:])
    else:
        sys.exit(__doc__)
