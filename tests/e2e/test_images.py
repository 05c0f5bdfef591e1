"""Original media files in tables: whose file cannot be shown costs its cell, is counted, and nothing else."""

import hashlib
import os
import shutil
import threading

import cv2
import fiftyone as fo
import numpy as np
import pytest

from support.waiting import wait_for
from tests.e2e import expected
from tests.e2e.reading import rows, words


@pytest.fixture
def pictures(tmp_path):
    """Files of many kinds, by what is the matter with them."""

    def write(name, seed):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((6, 8 + seed, 3), seed * 20, np.uint8))
        return path

    good = [
        write(name, i) for i, name in enumerate(("a.png", "b.jpg", "ü ö (1)#%.png", "one/x.png", "two/x.png", "c.webp"))
    ]
    text = tmp_path / "text.png"
    text.write_text("this is not a picture")
    empty = tmp_path / "empty.png"
    empty.touch()
    (tmp_path / "directory.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    return {
        "good": good,
        "missing_file": [tmp_path / "gone.png", tmp_path / "nowhere" / "gone.png"],
        "not_an_image": [text, empty],
        "unreadable_file": [tmp_path / "directory.png", tmp_path / "pipe.png"],
    }


@pytest.mark.oldest
def test_cells_and_warnings(dataset, pictures, log_view, log_predictions, read):
    made = dataset(
        [
            fo.Sample(filepath=str(path), what=what, label=fo.Classification(label=what))
            for what, paths in pictures.items()
            for path in paths
        ]
    )
    view = made.shuffle(seed=1)
    trouble = {what: [sample.id for sample in view if sample.what == what] for what in pictures if what != "good"}
    for result, key in [
        (log_view(view, include_labels=True, image_mode="original"), "samples"),
        (log_predictions(view, "label", include_images=True, image_mode="original"), "predictions"),
    ]:
        assert {w["code"]: (w["count"], w["sample_ids"]) for w in result["warnings"]} == {
            what: (len(ids), ids) for what, ids in trouble.items()
        }
        assert all(w["message"].startswith(f"{w['count']} ") for w in result["warnings"])
        for row, sample in zip(read.rows(result, key), view, strict=True):
            if sample.what != "good":
                assert row["image"] is None
                continue
            with open(sample.filepath, "rb") as original, open(row["image"]._path, "rb") as stored:
                assert stored.read() == original.read(), sample.filepath
            height, width = cv2.imread(sample.filepath).shape[:2]
            assert (row["image"]._width, row["image"]._height) == (width, height)


def test_columns_of_both_kinds(data, log_view, read):
    view = data["images"].limit(3)
    got = read.rows(log_view(view, include_labels=True, fields=["number"]), "samples")
    wanted = expected.view_rows(view, ["number"])
    assert list(got[0]) == [*list(wanted[0])[:-1], "image", "number", "width", "height"]
    assert [words(row) for row in got] == wanted


def test_each_file_goes_up_once(data, log_view, server, read):
    """Patches of one picture, and the same picture under two samples."""
    patches = data["images"].to_patches("ground_truth")
    server.count()

    result = log_view(patches, include_labels=True, image_mode="original")

    files = set(data["images"].values("filepath"))
    stored = server.artifact(result)["files"]
    assert len([path for path in stored if path.startswith("media/images/")]) == len(files)
    # Those of the artifact, its list of them, and the copy of the table for the run's page.
    assert server.stats()["requests"]["PUT file"] <= len(stored) + 2
    for row, sample in zip(rows(read.artifact(result).get("samples")), patches, strict=True):
        with open(sample.filepath, "rb") as original, open(row["image"]._path, "rb") as copy:
            assert hashlib.sha256(original.read()).digest() == hashlib.sha256(copy.read()).digest()


def test_a_picture_that_changes_meanwhile(dataset, pictures, log_view, server, read):
    """What is uploaded is what the table says, and never half of each."""
    path = pictures["good"][0]
    made = dataset([fo.Sample(filepath=str(path), label=fo.Classification(label="x"))])
    server.fault(kind="graphql", match="^CreateArtifactFiles", mode="hold")

    def change():
        wait_for(lambda: not server.faults())  # it is being waited for
        cv2.imwrite(str(path), np.full((9, 9, 3), 77, np.uint8))
        server.heal()

    thread = threading.Thread(target=change)
    thread.start()
    result = log_view(made, include_labels=True, image_mode="original")
    thread.join()

    (row,) = read.rows(result, "samples")
    with open(row["image"]._path, "rb") as stored:
        assert stored.read() == path.read_bytes()
    assert (row["image"]._width, row["image"]._height) == (9, 9)
    assert row["image"]._sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    (version,) = [a for a in server.artifacts() if a["collection"] == result["artifact_name"]]
    assert version["version"] == 0


def test_files_without_extension(dataset, pictures, tmp_path, log_predictions, read):
    """W&B tells a picture's format by its name."""
    shutil.copy(pictures["good"][1], tmp_path / "0a1b2c")
    made = dataset([fo.Sample(filepath=str(tmp_path / "0a1b2c"), label=fo.Classification(label="x"))])
    (row,) = read.rows(log_predictions(made, "label", image_mode="original"), "predictions")
    with open(row["image"]._path, "rb") as stored:
        assert stored.read() == pictures["good"][1].read_bytes()
    assert row["image"].format in ("jpg", "jpeg")


def test_videos_are_no_pictures(data, log_predictions, read):
    result = log_predictions(data["videos"], "events", image_mode="original")
    assert [row["image"] for row in read.rows(result, "predictions")] == [None] * 3
    (warning,) = result["warnings"]
    assert (warning["code"], warning["count"]) == ("not_an_image", 3)
