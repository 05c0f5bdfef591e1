"""What goes wrong gives one clear sentence, is never called a success, and leaves nothing behind."""

import contextlib
import os

import fiftyone as fo
import pytest
import services
from fiftyone import ViewField as F

from support import datasets
from support.fake_worker import module
from tests.e2e.common import PROJECT, new_id


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """Where the worker keeps what it makes until it is uploaded."""
    directory = tmp_path / "t"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    return directory


@pytest.fixture
def fails(operator, server, spool):
    """Runs what has to fail: nothing may be different afterwards."""
    jobs = module(operator("log_fiftyone_view_to_wandb"), "jobs")

    def run(call, *codes, datasets=(), run_made=False):
        before, records = server.everything(), [d.list_runs() for d in datasets]
        known = {job["id"] for job in jobs.list_jobs()}
        with pytest.raises(RuntimeError) as caught:
            call()

        message = str(caught.value)
        assert caught.value.code in codes, message
        assert "\n" not in message
        assert "Traceback" not in message
        assert len(message) < 500
        assert server.key not in message
        after = server.everything()
        if run_made:
            (made,) = after["runs"][len(before["runs"]) :]
            assert made["state"] == "failed"
            assert not made["outputs"]
            after["runs"].remove(made)
        assert after == before
        for dataset in datasets:
            dataset.reload()
        assert [d.list_runs() for d in datasets] == records
        for job in jobs.list_jobs():
            if job["id"] not in known:
                assert (job["state"], job["error"], job["result"]) == ("failed", message, None)
        assert list(spool.iterdir()) == []
        return message

    return run


# Arguments of the two operators that cannot be, and what the error is called.
VIEW_ARGUMENTS = {
    "missing column": ({"fields": ["nope"]}, "missing_field"),
    "column of a label": ({"fields": ["weather"]}, "wrong_field"),
    "column of frames": ({"fields": ["frames.objects"]}, "frame_field"),
    "missing embeddings": ({"embedding_field": "nope"}, "missing_field"),
    "embeddings of text": ({"embedding_field": "caption"}, "wrong_field"),
    "numbers for texts": ({"artifact_name": 5}, "bad_argument"),
    "a run's number": ({"run_id": 7}, "bad_argument"),
    "aliases that are a number": ({"aliases": 5}, "bad_argument"),
    "artifact without name": ({"artifact_name": "?!-"}, "bad_name"),
    "long artifact name": ({"artifact_name": "x" * 129}, "bad_name"),
    "run id with a slash": ({"run_id": "a/b"}, "bad_name"),
    "long run id": ({"run_id": "x" * 129}, "bad_name"),
    "project with a slash": ({"project": "a/b"}, "bad_name"),
    "long project": ({"project": "x" * 129}, "bad_name"),
    "alias like a version": ({"aliases": ["v1"]}, "bad_name"),
    "alias with a colon": ({"aliases": ["a:b"]}, "bad_name"),
    "empty alias": ({"aliases": [""]}, "bad_name"),
    "tag with a slash": ({"tags": ["a/b"]}, "bad_name"),
    "entity with a slash": ({"entity": "a/b"}, "bad_name"),
    "unknown entity": ({"entity": "nobody-has-this"}, "unknown_entity"),
    "forbidden entity": ({"entity": "closed-team"}, "no_permission"),
}

PREDICTION_ARGUMENTS = {
    "missing field": ({"field": "nope"}, "missing_field"),
    "field of numbers": ({"field": "number"}, "wrong_field"),
    "missing prompts": ({"prompt_field": "nope"}, "missing_field"),
    "prompts that are labels": ({"prompt_field": "weather"}, "wrong_field"),
    "no model": ({"model_name": " "}, "bad_argument"),
    "threshold": ({"low_confidence_threshold": 2}, "bad_argument"),
    "unknown entity": ({"entity": "nobody-has-this"}, "unknown_entity"),
    "input of an unknown project": ({"input_artifact": "nobody-has-this/train:v0"}, "unknown_project"),
}


@pytest.mark.parametrize("case", sorted(VIEW_ARGUMENTS))
def test_arguments_for_views(images, log_view, fails, case):
    arguments, code = VIEW_ARGUMENTS[case]
    fails(lambda: log_view(images, include_labels=True, **arguments), code, datasets=[images])


@pytest.mark.parametrize("case", sorted(PREDICTION_ARGUMENTS))
def test_arguments_for_predictions(images, log_predictions, fails, case):
    arguments, code = PREDICTION_ARGUMENTS[case]
    arguments = {"field": "predictions", **arguments}
    fails(lambda: log_predictions(images, **arguments), code, datasets=[images])


@pytest.mark.oldest
@pytest.mark.parametrize("make", ["whole", "subset", "patches"])
def test_empty(dataset, images, log_view, log_predictions, fails, make):
    view = {
        "whole": lambda: dataset([]),
        "subset": lambda: images.match(F("number") > 1000),
        "patches": lambda: images.to_patches("predictions").match(F("predictions.label") == "nothing"),
    }[make]()
    message = fails(lambda: log_view(view), "empty_view", datasets=[view._root_dataset])
    assert "no samples" in message
    if make != "whole":
        fails(lambda: log_predictions(view, "predictions"), "empty_view")


@pytest.mark.oldest
def test_predictions_of_frames(data, log_predictions, fails):
    of_frames = data["videos"].exclude_fields("events")
    for call in (
        lambda: log_predictions(of_frames, "objects"),
        lambda: log_predictions(of_frames, "frames.objects"),
    ):
        assert "to_frames(sample_frames=False)" in fails(call, "frame_field")


@pytest.mark.oldest
def test_deleted(media, fiftyone, log_view, fails):
    gone = datasets.images(media, n=2)
    patches = gone.to_patches("predictions")
    fo.core.odm.get_db_conn().drop_collection(patches._dataset._sample_collection_name)
    assert "made for it" in fails(lambda: log_view(patches), "view_gone")

    view = gone.limit(1)
    gone.delete()
    for samples in (gone, view):
        assert "was deleted" in fails(lambda samples=samples: log_view(samples), "deleted_dataset")
    fails(lambda: log_view("images"), "no_samples")


def test_a_view_that_mongodb_cannot_run(images, log_view, fails):
    view = images.mongo([{"$project": {"x": {"$divide": [1, {"$subtract": ["$number", "$number"]}]}}}])
    assert "zero" in fails(lambda: log_view(view), "query_failed")


def test_a_mode_that_is_not_one(images, log_view, log_predictions, fails, monkeypatch):
    """W&B's own modes are the matter of test_offline.py."""
    monkeypatch.setenv("WANDB_MODE", "aeroplane")
    for call in (lambda: log_view(images), lambda: log_predictions(images, "predictions")):
        assert '"aeroplane"' in fails(call, "bad_settings", datasets=[images])


@pytest.mark.parametrize("key", ["f" * 40, "local-" + "e" * 40])
def test_a_key_that_is_not_known(images, log_view, log_predictions, fails, monkeypatch, key):
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", key)
    for call in (lambda: log_view(images), lambda: log_predictions(images, "predictions")):
        assert key not in fails(call, "bad_key", datasets=[images])


def test_no_key(images, log_view, fails, monkeypatch):
    monkeypatch.delenv("FIFTYONE_WANDB_API_KEY")
    monkeypatch.delenv("WANDB_API_KEY")
    assert "wandb login" in fails(lambda: log_view(images), "no_key")


def test_a_key_of_another_form(images, log_view, fails, monkeypatch):
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", "too-short")
    assert "too-short" not in fails(lambda: log_view(images), "bad_settings", "bad_key")


def test_no_server(images, log_view, fails, monkeypatch):
    address = f"127.0.0.1:{services.free_port()}"
    monkeypatch.setenv("FIFTYONE_WANDB_URL", f"http://{address}")
    assert address in fails(lambda: log_view(images), "unreachable", datasets=[images])


def test_a_server_that_is_none_of_wandb(images, log_view, fails, monkeypatch, tmp_path):
    from tests.e2e.web import web_server

    with web_server(b"<html>A router's page</html>") as url:
        monkeypatch.setenv("FIFTYONE_WANDB_URL", url)
        assert url.removeprefix("http://") in fails(lambda: log_view(images), "bad_settings")


def test_a_name_of_another_type(images, log_view, log_predictions, fails):
    name = f"taken-{new_id()}"
    log_view(images, artifact_name=name)
    message = fails(lambda: log_predictions(images, "predictions", artifact_name=name), "type_taken", datasets=[images])
    assert "dataset" in message
    log_predictions(images, "predictions", artifact_name=f"{name}-p")
    fails(lambda: log_view(images, artifact_name=f"{name}-p"), "type_taken")


def test_an_input_that_is_not_there(images, log_view, log_predictions, fails):
    name = log_view(images)["artifact_name"]
    for reference in (f"{name}:v7", f"{name}:nope", "nothing-has-this:latest"):
        fails(
            lambda r=reference: log_predictions(images, "predictions", input_artifact=r), "not_found", datasets=[images]
        )


@contextlib.contextmanager
def database_at(uri):
    """FiftyOne goes on with its connection, but the worker is told another address."""
    was = fo.config.database_uri
    fo.config.database_uri = uri
    try:
        yield
    finally:
        fo.config.database_uri = was


def test_no_database(images, log_view, fails):
    secret = os.urandom(8).hex()
    nowhere = f"mongodb://me:{secret}@127.0.0.1:{services.free_port()}/?serverSelectionTimeoutMS=300"
    with database_at(nowhere):
        assert secret not in fails(lambda: log_view(images), "no_database", datasets=[images])


@pytest.mark.parametrize("uri", ["nonsense://x:{secret}@y", "mongodb://x:{secret}@y:port/"])
def test_a_database_address_that_cannot_be(images, log_view, fails, uri):
    secret = os.urandom(8).hex()
    with database_at(uri.format(secret=secret)):
        assert secret not in fails(lambda: log_view(images), "database_address")


def test_a_database_that_refuses_the_login(images, log_view, fails, mongod):
    secret = os.urandom(8).hex()
    with database_at(mongod.replace("://", f"://me:{secret}@")):
        assert secret not in fails(lambda: log_view(images), "database_login", datasets=[images])


REFUSED = {
    "creating the artifact": {
        "kind": "graphql",
        "match": "^CreateArtifact$",
        "status": 403,
        "message": "permission denied",
    },
    "its files": {"kind": "graphql", "match": "^CreateArtifactFiles$", "status": 403, "message": "permission denied"},
    "uploading": {"kind": "upload", "status": 403, "code": "AccessDenied", "message": "Access Denied"},
    "the commit": {"kind": "graphql", "match": "^CommitArtifact$", "status": 403, "message": "permission denied"},
    "odd answers": {
        "kind": "graphql",
        "match": "^CreateArtifactManifest$",
        "status": 422,
        "message": "the thing is odd",
    },
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_refused_by_the_server(images, log_view, fails, server, what):
    """The original reported success, with a link, when the upload or the commit was refused."""
    server.fault(mode="status", count=-1, **REFUSED[what])
    fails(lambda: log_view(images, include_labels=True), "no_permission", "refused", datasets=[images], run_made=True)


def test_creating_the_run_is_refused(images, log_view, fails, server):
    server.fault(kind="graphql", match="^CreateRun$", mode="status", status=403, message="permission denied", count=-1)
    fails(lambda: log_view(images), "no_permission", datasets=[images])


def test_a_refused_commit_leaves_another_persons_run_alone(images, log_view, fails, server):
    run_id = new_id()
    log_view(images.limit(1), run_id=run_id, project=PROJECT)
    before = server.run(run_id)
    server.fault(
        kind="graphql", match="^CommitArtifact$", mode="status", status=403, message="permission denied", count=-1
    )
    fails(lambda: log_view(images, run_id=run_id), "no_permission", datasets=[images])
    assert server.run(run_id) == before
