"""However a job ends, nothing half done can be seen, and the next one is not in the way of it."""

import contextlib
import signal
import subprocess
import threading

import psutil
import pytest

from support import datasets
from support.background import workers
from support.fake_worker import module
from support.waiting import SECONDS, wait_for
from tests.e2e.common import PROJECT, new_id


@pytest.fixture(autouse=True)
def spool(tmp_path, monkeypatch):
    """Where the worker keeps what it makes until it is uploaded."""
    directory = tmp_path / "t"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    return directory


@pytest.fixture
def jobs(operator):
    return module(operator("log_fiftyone_view_to_wandb"), "jobs")


#: What a job can be waiting for, and whether it has made its run by then.
PHASES = {
    "connecting": ({"kind": "graphql", "match": "^FindRun$"}, False),
    "making the run": ({"kind": "graphql", "match": "^CreateRun$"}, False),
    "creating the artifact": ({"kind": "graphql", "match": "^CreateArtifact$"}, True),
    "asking for addresses": ({"kind": "graphql", "match": "^CreateArtifactFiles$"}, True),
    "uploading": ({"kind": "upload"}, True),
    "uploading the rest": ({"kind": "upload", "skip": 5}, True),
    "committing": ({"kind": "graphql", "match": "^CommitArtifact$"}, True),
}


@pytest.mark.parametrize("phase", sorted(PHASES))
def test_cancelled(images, log_view, server, jobs, spool, phase):
    """By a request in the job's record, as the panel and other processes make it."""
    where, run_made = PHASES[phase]
    run_id, records = new_id(), images.list_runs()
    before = server.everything()
    server.hang(**where)

    def cancel():
        wait_for(lambda: server.hanging())
        job = next(j for j in jobs.list_jobs() if j["state"] == "running" and j["dataset"] == images.name)
        assert jobs.request_cancel(job["id"])

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(RuntimeError, match="cancelled on request. Nothing was logged"):
        log_view(images, run_id=run_id, include_labels=True)

    thread.join()
    assert workers() == []
    assert list(spool.iterdir()) == []
    assert server.everything()["artifacts"] == before["artifacts"]
    run = server.run(run_id)
    assert run["state"] == "failed" if run_made else run is None
    images.reload()
    assert images.list_runs() == records
    assert jobs.list_jobs(dataset=images.name)[0]["state"] == "cancelled"


def test_cancelled_while_reading(images, log_view, server, jobs, spool):
    before, run_id = server.everything(), new_id()

    def cancel():
        job, *_ = wait_for(lambda: [j for j in jobs.list_jobs() if j["state"] == "running" and j["fraction"] > 0])
        assert jobs.request_cancel(job["id"])

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(RuntimeError, match="cancelled on request"):
        log_view(datasets.slow(images), run_id=run_id)

    thread.join()
    assert server.everything() == before
    assert (workers(), list(spool.iterdir())) == ([], [])


@contextlib.contextmanager
def script(python, images, run_id, artifact):
    """A script that logs, in a process of its own."""
    command = python("log_view", images.name, PROJECT, run_id, artifact)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
            yield process
        finally:
            process.kill()


def test_ctrl_c(images, server, python, spool):
    run_id = new_id()
    before = server.everything()
    server.hang(kind="upload")
    with script(python, images, run_id, run_id) as process:
        wait_for(lambda: server.hanging())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)

    assert (out, process.returncode) == ("interrupted\n", 0), err
    assert server.everything()["artifacts"] == before["artifacts"]
    assert server.run(run_id)["state"] == "failed"
    assert list(spool.iterdir()) == []


def test_killed_script(images, server, python):
    """Nobody can mark its run as failed then, but the worker is gone and nothing was committed."""
    run_id = new_id()
    before = server.everything()
    server.hang(kind="upload")
    with script(python, images, run_id, run_id) as process:
        wait_for(lambda: server.hanging())
        (worker,) = workers(process.pid)
        process.kill()

    assert worker in psutil.wait_procs([worker], timeout=SECONDS)[0]
    assert server.everything()["artifacts"] == before["artifacts"]


def test_killed_worker(images, log_view, server, jobs, spool):
    """Its run is marked as failed by another; the next job clears up, and sends what is missing only."""
    run_id, name = new_id(), f"killed-{new_id()}"
    before = server.everything()
    server.hang(kind="upload", skip=8)

    def kill():
        wait_for(lambda: server.hanging())
        for worker in workers():
            worker.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(RuntimeError, match="ended in the middle of the job") as caught:
        log_view(images, run_id=run_id, artifact_name=name, include_labels=True)

    thread.join()
    assert caught.value.source == "plugin"
    assert server.run(run_id)["state"] == "failed"
    assert server.everything()["artifacts"] == before["artifacts"]
    assert jobs.list_jobs(dataset=images.name)[0]["state"] == "failed"
    assert list(spool.iterdir()) != []

    server.heal()
    again = log_view(images, artifact_name=name, include_labels=True)
    assert (again["new_version"], again["artifact_version"]) == (True, "v0")
    assert again["files_unchanged"] >= 4
    assert list(spool.iterdir()) == []


def test_samples_that_change_while_they_are_read(media, fiftyone, log_view, log_predictions):
    """Never a crash: each job succeeds, or says that the view has changed."""
    import fiftyone as fo

    dataset = datasets.images(media)
    dataset.add_samples([sample.copy() for _ in range(60) for sample in dataset])
    collection = fo.core.odm.get_db_conn()[dataset._sample_collection_name]
    stop = threading.Event()

    def change():
        values = [None, 7, "text", {"_cls": "Detections", "detections": None}, {"_cls": "Detections"}]
        documents = list(collection.find({}).limit(200))
        number = 0
        while not stop.is_set():
            number += 1
            document = documents[number % len(documents)]
            if number % 3:
                collection.update_one({"_id": document["_id"]}, {"$set": {"predictions": values[number % len(values)]}})
            elif number % 2:
                collection.delete_one({"_id": document["_id"]})
            else:
                collection.replace_one({"_id": document["_id"]}, document, upsert=True)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(3):
            assert log_view(dataset.shuffle(), include_labels=True, include_images=False)["samples_logged"] > 500
            assert log_predictions(dataset, "predictions")["samples_processed"] > 500
    finally:
        stop.set()
        thread.join()
        dataset.delete()
