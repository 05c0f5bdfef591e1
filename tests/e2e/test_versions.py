"""The same content gives the same bytes and no new version; other content gives one, and only what is new goes up."""

import json
import subprocess

import fiftyone as fo
import pytest
from fiftyone import ViewField as F

from support import datasets
from support.views import ALL
from support.waiting import SECONDS
from tests.e2e import expected
from tests.e2e.programs import same_bytes
from tests.e2e.reading import file

KINDS = ["chain", "patches", "clips of an expression", "trajectories", "frames", "group slices", "concat", "take"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_view_twice(data, log_view, server, kind):
    """Built again: generated datasets have other names and clips other ids then."""
    name = f"twice-{kind}"
    labels = bool(expected.label_paths(ALL[kind](data)))

    first, again = (log_view(ALL[kind](data), artifact_name=name, include_labels=labels) for _ in range(2))

    assert (first["new_version"], first["artifact_version"]) == (True, "v0")
    assert (again["new_version"], again["artifact_version"]) == (False, "v0")
    assert (again["bytes_uploaded"], again["files_uploaded"]) == (0, 0)
    assert again["files_unchanged"] == len(server.artifact(first)["files"])
    assert len([a for a in server.state()["artifacts"] if a["collection"] == again["artifact_name"]]) == 1
    # The version that was there is the input of the run that would have made it again.
    assert server.artifact(first)["id"] in server.run(again["run_id"])["inputs"]


def test_the_same_predictions_twice(data, log_predictions):
    view = data["images"].to_patches("predictions")
    first, again = (log_predictions(view, "predictions", artifact_name="twice", include_images=True) for _ in range(2))
    assert (first["new_version"], again["new_version"]) == (True, False)
    assert again["bytes_uploaded"] == 0


def test_nothing_is_sent_the_second_time(data, log_view, server):
    view = data["images"].match_tags("train")
    kwargs = {"artifact_name": "quiet", "run_id": "quiet", "include_labels": True}
    log_view(view, **kwargs)
    server.count()
    assert not log_view(view, **kwargs)["new_version"]
    stats = server.stats()
    assert stats["requests"].get("PUT file", 0) == 0
    assert stats["bytes_up"] == 0


CHANGES = {
    "another order": lambda d, v, log: log(v.sort_by("number", reverse=True)),
    "one sample less": lambda d, v, log: log(v.limit(3)),
    "another column": lambda d, v, log: log(v, fields=["number"]),
    "embeddings": lambda d, v, log: log(v, embedding_field="embedding"),
    "no pictures": lambda d, v, log: log(v, include_images=False),
    "filtered labels": lambda d, v, log: log(v.filter_labels("predictions", F("label") == "cat", only_matches=False)),
    "another tag": lambda d, v, log: _changed(v.first(), log, v, tags=["train", "new"]),
    "another label": lambda d, v, log: _changed(v.first(), log, v, weather=fo.Classification(label="snow")),
}


def _changed(sample, log, view, **values):
    for name, value in values.items():
        sample[name] = value
    sample.save()
    return log(view)


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_other_content(media, fiftyone, log_view, server, change):
    dataset = datasets.images(media)
    view = dataset.match_tags("train")
    name = f"other-{change}"

    def log(view, **kwargs):
        return log_view(view, **{"artifact_name": name, "include_labels": True, **kwargs})

    first = log(view)
    result = CHANGES[change](dataset, view, log)

    assert (result["new_version"], result["artifact_version"]) == (True, "v1")
    before, after = server.artifact(first)["files"], server.artifact(result)["files"]
    assert before != after
    # What is there already stays where it is: pictures above all.
    same = [path for path in after if before.get(path, {}).get("digest") == after[path]["digest"]]
    assert result["files_unchanged"] == len(same)
    assert (
        result["bytes_uploaded"] == sum(f["size"] for p, f in after.items() if p not in same)
        or result["files_uploaded"]
    )
    dataset.delete()


def test_model_and_version_are_content(data, log_predictions):
    """The digest covers files only, so the same labels of another model need a file that says so."""
    view = data["images"].limit(3)
    versions = [
        log_predictions(view, "predictions", artifact_name="model", **kwargs)["artifact_version"]
        for kwargs in ({}, {"model_version": "2"}, {"model_name": "other"}, {"model_config": {"lr": 1}}, {})
    ]
    assert versions == ["v0", "v1", "v2", "v3", "v0"]


def test_the_same_in_another_database(server, media, fiftyone, python, monkeypatch):
    """In another process and database, with the same ids: all files have the same bytes."""
    firsts = same_bytes.log_all(media)
    monkeypatch.setenv("FIFTYONE_DATABASE_NAME", "another")
    other = subprocess.run(
        python("same_bytes", str(media)), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert other.returncode == 0, other.stderr
    agains = json.loads(other.stdout.splitlines()[-1])

    assert len(firsts) == 7
    for first, again in zip(firsts, agains, strict=True):
        assert first["new_version"]
        assert (again["new_version"], again["artifact_version"]) == (False, "v0"), first["artifact_name"]


def test_no_name_of_a_generated_dataset_is_in_any_file(data, log_view, read):
    view = data["images"].to_patches("ground_truth").match(F("ground_truth.label") == "cat")
    found = read.artifact(log_view(view, include_labels=True, include_images=False))
    for path in found.manifest.entries:
        assert view._dataset.name.encode() not in file(found, path), path
        assert b"_uuid" not in file(found, path), path
