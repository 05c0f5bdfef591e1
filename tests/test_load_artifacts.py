"""load_view_from_wandb on artifacts that others made: the original plugin's, foreign and hostile ones; and in the App."""

import asyncio
import json
import os

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from bson import ObjectId
from fiftyone import ViewField as F
from fiftyone.operators.executor import execute_or_delegate_operator
from fiftyone.operators.server import create_response_generator

from support import datasets
from support.fake_worker import module

URI = "@harpreetsahota/wandb/load_view_from_wandb"
PROJECT = "others"


@pytest.fixture
def images(media, fiftyone):
    dataset = datasets.images(media, persistent=True)
    yield dataset
    if not dataset.deleted:
        dataset.delete()


@pytest.fixture
def load(operator, login):
    return operator("load_view_from_wandb")


@pytest.fixture
def make(login, official):
    """Makes an artifact with the official package, and gives its name."""

    def make(metadata, kind="dataset", files=None, name=None):
        name = name or f"a{ObjectId()}"
        with official.init(project=PROJECT) as run:
            artifact = official.Artifact(name, type=kind, metadata=metadata)
            for path, text in (files or {"sample_references.json": "[]"}).items():
                with artifact.new_file(path) as file:
                    file.write(text)

            run.log_artifact(artifact).wait()

        return name

    return make


def original(view):
    """The metadata that the original plugin writes for a subset."""
    return {
        "fiftyone_dataset_name": view.dataset_name,
        "fiftyone_dataset_size": len(view._root_dataset),
        "fiftyone_view_size": len(view),
        "is_subset_view": True,
        "view_serialization": json.loads(json.dumps(view._serialize(), default=str)),
        "sample_ids": view.values("id"),
        "num_samples": len(view),
    }


def test_artifacts_of_the_original(load, make, images):
    view = images.match_tags("train").filter_labels("ground_truth", F("label") == "cat").sort_by("number", reverse=True)

    again, report = load(images, PROJECT, make(original(view)), with_report=True)

    assert report["way"] == "stages"
    assert [s.to_dict() for s in again] == [s.to_dict() for s in view]
    assert (report["gone"], report["new"], report["warnings"]) == (0, 0, [])


def test_patches_of_the_original(load, make, images):
    """It stored the name of a generated dataset, which another session does not have."""
    patches = images.to_patches("ground_truth")
    metadata = original(patches)
    metadata["sample_ids"] = patches.values("id")
    del patches

    again, report = load(images, PROJECT, make(metadata), with_report=True)

    assert (report["way"], report["samples_loaded"]) == ("stages", 24)
    assert again.values("ground_truth.label") == images.to_patches("ground_truth").values("ground_truth.label")


def test_predictions_of_the_original(load, make, images):
    """They have no stages, only ids."""
    low = images.limit(2).values("predictions.detections.id", unwind=True)[:2]
    name = make(
        {
            "fiftyone_dataset_name": images.name,
            "fiftyone_dataset_size": 12,
            "fiftyone_view_size": 5,
            "predictions_field": "predictions",
            "sample_ids": images.skip(2).limit(5).values("id") + images.limit(2).values("id"),
            "low_confidence_label_ids": low,
        },
        kind="predictions",
    )

    again, report = load(images, PROJECT, name, with_report=True)
    assert (report["way"], len(again)) == ("ids", 7)
    uncertain = load(images, PROJECT, name, low_confidence=True)
    assert uncertain.values("predictions.detections.id", unwind=True) == low


def test_a_reference_list_alone(load, make, images):
    ids = images.limit(3).values("id")
    references = json.dumps([{"id": i, "filepath": "/x", "tags": []} for i in ids])

    again = load(images, PROJECT, make({}, files={"sample_references.json": references}))

    assert again.values("id") == ids


def test_the_dataset_is_found_by_its_name(load, make, images):
    name = make(original(images.limit(3)))
    assert load(None, PROJECT, name).dataset_name == images.name

    images.delete()
    with pytest.raises(RuntimeError, match=f"It names '{images.name}'"):
        load(None, PROJECT, name)


def test_another_dataset_is_said(load, make, images, media, caplog):
    copy = images.clone()

    again, report = load(copy, PROJECT, make(original(images.limit(3))), with_report=True)

    assert again.dataset_name == copy.name
    assert report["logged_dataset"] == images.name
    assert f"was logged from the dataset '{images.name}', not from '{copy.name}'" in report["warnings"][0]["message"]
    assert images.name in caplog.text
    copy.delete()


def test_a_name_as_it_is_comes_first(load, make, operator, images):
    """Others store names as they are: theirs are not taken for ours."""
    name = f"Mine-{ObjectId()}"
    ours = operator("log_fiftyone_view_to_wandb")(images.limit(2), project=PROJECT, artifact_name=name)
    assert (ours["artifact_name"], ours["artifact_name_given"]) == (name.lower().replace("-", "_"), name)
    assert load(images, PROJECT, name).values("id") == images.limit(2).values("id")

    make(original(images.limit(4)), name=name)

    assert load(images, PROJECT, name).values("id") == images.limit(4).values("id")


def test_a_renamed_dataset_is_found_by_its_id(load, make, images, media):
    view = images.limit(3)
    name = make({**original(view), "fiftyone_dataset_id": str(images._doc.id)})
    was, images.name = images.name, f"renamed-{images.name}"
    other = datasets.images(media)  # that another has its old name by now does not matter
    other.name = was

    for dataset in (None, images):
        again, report = load(dataset, PROJECT, name, with_report=True)
        assert (again.dataset_name, report["logged_dataset"]) == (images.name, was)
        assert [w["message"] for w in report["warnings"]] == [
            f"The dataset was renamed: it was called '{was}' when it was logged"
        ]

    other.delete()


@pytest.mark.parametrize("id_", ["x", "0" * 24, {"$gt": ""}, 7], ids=str)
def test_an_id_that_leads_nowhere_leaves_the_name(load, make, images, id_):
    name = make({**original(images.limit(3)), "fiftyone_dataset_id": id_})
    again, report = load(None, PROJECT, name, with_report=True)
    assert (again.dataset_name, report["warnings"]) == (images.name, [])


def test_facts_of_the_wrong_type(load, make, images):
    """A name that is not text would be a question to the database."""
    metadata = {
        **original(images.limit(3)),
        "fiftyone_dataset_name": {"$gt": ""},
        "group_slice": {"$gt": ""},
        "predictions_field": ["x"],
    }
    name = make(metadata)

    with pytest.raises(RuntimeError, match="It names none"):
        load(None, PROJECT, name)

    again, report = load(images, PROJECT, name, with_report=True)
    assert (len(again), report["logged_dataset"]) == (3, "")


def test_what_is_no_view(load, make, images):
    """Such as a model's artifact: it must not pass for the whole dataset."""
    for how in ({}, {"by_ids": True}):
        with pytest.raises(RuntimeError, match="has no list of sample ids"):
            load(images, PROJECT, make({"accuracy": 1}, kind="model"), **how)

    with pytest.raises(RuntimeError, match="only predictions artifacts do"):
        load(images, PROJECT, make(original(images.limit(3))), low_confidence=True)


HOSTILE = {
    "a program": [{"_cls": "subprocess.Popen", "kwargs": [["args", ["touch", "MARK"]]]}],
    "a script": [
        {"_cls": "fiftyone.core.stages.Match", "kwargs": [["filter", {"$where": "sleep(100000)"}]]},
    ],
    "a write": [{"_cls": "fiftyone.core.stages.Mongo", "kwargs": [["pipeline", [{"$out": "datasets"}]]]}],
}


@pytest.mark.parametrize("where", ["metadata", "file"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_artifacts(load, make, images, tmp_path, monkeypatch, kind, where):
    monkeypatch.chdir(tmp_path)
    metadata = {**original(images.limit(3)), "view_serialization": HOSTILE[kind]}
    files = None
    if where == "file":
        del metadata["view_serialization"]
        files = {"fiftyone/view.json": json.dumps(HOSTILE[kind])}

    name = make(metadata, files=files)

    with pytest.raises(RuntimeError, match="Nothing of it was run") as caught:
        load(images, PROJECT, name)

    assert caught.value.code == "untrusted_stages"
    assert not os.path.exists("MARK")
    assert images.name in fo.list_datasets()
    assert load(images, PROJECT, name, by_ids=True).values("id") == images.limit(3).values("id")


def test_a_run_is_recorded_as_user(load, make, login, official, images):
    name = make(original(images.limit(3)))
    login.make_run(PROJECT, "trainer", "trainer")

    _, report = load(images, PROJECT, name, run_id="trainer", with_report=True)

    assert report["used_by_run"] == "trainer"
    inputs = official.Api().run(f"{login.entity}/{PROJECT}/trainer").used_artifacts()
    assert [a.name for a in inputs] == [f"{name}:v0"]
    with pytest.raises(RuntimeError, match="no run"):
        load(images, PROJECT, name, run_id="nobody")


def test_a_session(load, make, images):
    class Session:
        view = None

    session = Session()
    load(images, PROJECT, make(original(images.limit(3))), session=session)
    assert len(session.view) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"artifact": None}, "artifact is needed"),
        ({"artifact": " "}, "artifact is needed"),
        ({"artifact": "x", "delegate": True}, "pass view_name"),
        ({"artifact": "x", "view_name": " "}, "view_name is needed"),
        ({"artifact": "x", "view_name": "???"}, "cannot be the name of a saved view"),
    ],
)
def test_mistakes(load, images, arguments, words):
    with pytest.raises(RuntimeError, match=words):
        load(images, PROJECT, **arguments)


def in_app(samples, params):
    """What the App's server answers to an execution: the messages of its stream."""
    view = samples.view()
    request = {
        "dataset_name": view.dataset_name,
        "view": view._serialize(),
        "params": params,
        "filters": {},
        "extended": {},
    }
    result = asyncio.run(execute_or_delegate_operator(URI, request))
    found = [json.loads(line)["body"] for line in create_response_generator(result.result)]
    messages = {one["operator_uri"]: one["params"] for one in found if one}
    shown = [one["params"]["outputs"]["type"]["properties"] for one in found if one and "outputs" in one["params"]]
    messages["progress"] = [fields["progress"]["view"]["label"] for fields in shown if "progress" in fields]
    return messages


def test_shown_in_the_app(load, make, images):
    view = images.sort_by("number", reverse=True).limit(3)
    params = {"project": PROJECT, "artifact": make(original(view))}

    messages = in_app(images, params)

    assert "Making the view" in messages["progress"][-1]
    names = [stage["_cls"].rsplit(".", 1)[1] for stage in messages["set_view"]["view"]]
    assert names == ["SortBy", "Limit"]
    assert "| **Rows** | 3 |" in messages["show_output"]["outputs"]["type"]["properties"]["summary"]["default"]
    json.dumps(messages)


def test_saved_and_shown_in_the_app(load, make, images):
    params = {"project": PROJECT, "artifact": make(original(images.limit(3))), "action": "both", "view_name": "mine"}

    messages = in_app(images, params)

    assert messages["set_view"] == {"view": None, "name": "mine"} or messages["set_view"]["name"] == "mine"
    images.reload()
    assert len(images.load_saved_view("mine")) == 3


def test_versions_in_the_app(load, make, operator, images):
    name = make(original(images.limit(3)))
    params = {"project": PROJECT, "artifact": f"{name}:v7", "version": "v0", "action": "return"}
    result = foo.execute_operator(URI, dataset=images, params=params).result
    assert result["artifact_name"] == f"{name}:v0"

    given = f"Fold:{ObjectId()}"
    logged = operator("log_fiftyone_view_to_wandb")(images.limit(2), project=PROJECT, artifact_name=given)
    for artifact in (given, f"{given}:v7", logged["artifact_url"]):
        result = foo.execute_operator(URI, dataset=images, params={**params, "artifact": artifact}).result
        assert (result["artifact_name"], result["samples_loaded"]) == (f"{logged['artifact_name']}:v0", 2)

    assert "set_view" not in in_app(images, params)
    assert module(load, "jobs").get_job(result["job_id"])["state"] == "completed"


def test_the_active_slice_in_the_app(load, operator, login, media):
    groups = datasets.groups(media)
    groups.group_slice = "right"
    name = f"g{ObjectId()}"
    operator("log_fiftyone_view_to_wandb")(groups.limit(3), project=PROJECT, artifact_name=name)
    groups.group_slice = "left"

    messages = in_app(groups, {"project": PROJECT, "artifact": name})

    assert messages["set_group_slice"] == {"slice": "right"}
    groups.delete()
