"""The key and the database's password are nowhere that somebody else could read them."""

import base64
import json
import logging
import os
import signal
import subprocess
import threading

import fiftyone as fo
import pymongo
import pytest
from bson import ObjectId
from fiftyone.operators.delegated import DelegatedOperationService

from support.background import run_queued, workers
from support.waiting import SECONDS, wait_for
from tests.e2e.common import PROJECT, new_id


@pytest.fixture
def password(mongod, fiftyone):
    """A database user's password; the worker logs in with it."""
    secret = f"canary{os.urandom(12).hex()}"
    client = pymongo.MongoClient(mongod)
    client.admin.command("createUser", "canary", pwd=secret, roles=["root"])
    was = fo.config.database_uri
    fo.config.database_uri = mongod.replace("://", f"://canary:{secret}@") + "&authSource=admin"
    yield secret
    fo.config.database_uri = was
    client.admin.command("dropUser", "canary")
    client.close()


@pytest.fixture
def header(server, monkeypatch):
    """The token that an access proxy before W&B wants to see."""
    token = f"canary{os.urandom(12).hex()}"
    monkeypatch.setenv("WANDB_X_EXTRA_HTTP_HEADERS", json.dumps({"X-Access": f"Bearer {token}"}))
    server.limit(access_header=f"X-Access: Bearer {token}")
    yield token
    server.limit(access_header="")


def forms(secret):
    """A secret as it is, and as a header of HTTP holds it."""
    return [secret.encode(), base64.b64encode(b"api:" + secret.encode())]


def stored(mongod):
    """All that MongoDB holds, in all databases."""
    with pymongo.MongoClient(mongod) as client:
        for name in client.list_database_names():
            for collection in client[name].list_collection_names():
                for document in client[name][collection].find({}):
                    yield f"MongoDB {name}.{collection}", str(document).encode()


def files(*directories):
    for directory in directories:
        for folder, _, names in os.walk(directory):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not path.endswith((".wt", "journal")):
                    with open(path, "rb") as f:
                        yield path, f.read()


def test_nowhere(
    images, password, header, log_view, log_predictions, server, mongod, tmp_path, monkeypatch, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    spool = tmp_path / "t"
    spool.mkdir()
    monkeypatch.setenv("TMPDIR", str(spool))
    seen = []

    def look():
        """While the worker is at work: its processes, its files, and what the job's record says."""
        try:
            wait_for(lambda: server.stats()["faults_fired"])
            for worker in workers():
                seen.append(("process", "\0".join(worker.cmdline()).encode()))
                seen.append(("environment", str(worker.environ()).encode()))
            seen.extend(files(spool))
            seen.extend(stored(mongod))
        finally:
            server.heal()

    server.count()
    server.fault(kind="graphql", match="^CommitArtifact$", mode="hold")
    thread = threading.Thread(target=look)
    thread.start()
    results = [log_view(images, include_labels=True, embedding_field="embedding", progress=True)]
    thread.join()
    results.append(log_predictions(images, "predictions", model_config={"a": 1}, include_images=True, progress=True))
    results.append(log_view(images.limit(2), delegate=True))
    run_queued(images)
    with pytest.raises(RuntimeError) as caught:
        log_view(images, entity="closed-team", progress=True)

    names = {name for name, _ in seen}
    assert names >= {"process", "environment", "MongoDB fiftyone.execution_store"}
    assert any("spool" in name for name in names)
    out = capfd.readouterr()
    seen += [("results", str(results).encode()), ("error", str(caught.value).encode())]
    seen += [("log", caplog.text.encode()), ("output", (out.out + out.err).encode())]
    seen += stored(mongod)
    seen += files(os.environ["HOME"], server.directory / "state")
    for where, text in seen:
        for secret in forms(server.key) + forms(password) + forms(header):
            assert secret not in text, where

    # The test sees where it looks, and the password was in use.
    assert any(images.name.encode() in text for where, text in seen if where.startswith("MongoDB"))
    assert any(images.name.encode() in text for where, text in seen if str(server.directory) in where)
    assert server.key == os.environ["FIFTYONE_WANDB_API_KEY"]
    assert DelegatedOperationService().get(ObjectId(results[2]["delegated_operation_id"])).run_state == "completed"


def test_not_in_another_process_either(images, password, header, server, python, monkeypatch, tmp_path):
    """All that a script prints, with everything logged, when its worker is killed in the middle."""
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", fo.config.database_uri)
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    run_id = new_id()
    server.hang(kind="upload")
    command = python("log_view", images.name, PROJECT, run_id, run_id)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            wait_for(lambda: server.hanging())
            (worker,) = workers(process.pid)
            worker.send_signal(signal.SIGQUIT)  # Go prints its stacks then
            out, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()

    assert b"in the middle of the job" in out
    for secret in forms(server.key) + forms(password) + forms(header):
        assert secret not in out
