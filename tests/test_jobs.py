"""The records of jobs, and every way in which a job ends."""

import dataclasses
import json
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import bson
import psutil
import pytest

from support import datasets
from support.fake_worker import module
from support.waiting import SECONDS, wait_for

pytestmark = pytest.mark.oldest

URI = "@harpreetsahota/wandb/log_fiftyone_view_to_wandb"


@pytest.fixture(scope="module")
def images(media, fiftyone):
    dataset = datasets.images(media, n=4, persistent=True)
    yield dataset
    dataset.delete()


@pytest.fixture
def log(operator, fake_worker):
    return operator("log_fiftyone_view_to_wandb")


@pytest.fixture
def jobs(log):
    """The module jobs, with an empty store."""
    jobs = module(log, "jobs")
    jobs._store().clear()
    return jobs


def test_record_of_a_job(log, jobs, images):
    result = log(images, project="p", run_id="r", include_labels=True, aliases=["a"], description="d")

    (job,) = jobs.list_jobs()
    assert job == jobs.get_job(result["job_id"])
    assert (job["operator"], job["dataset"]) == ("log_fiftyone_view_to_wandb", images.name)
    assert (job["state"], job["fraction"], job["error"]) == ("completed", 1.0, None)
    assert job["parameters"] == {
        "project": "p",
        "run_id": "r",
        "include_labels": True,
        "aliases": ["a"],
        "description": "d",
    }
    assert job["result"] == json.loads(json.dumps(result))
    assert job["created"] <= job["finished"] <= job["updated"] <= time.time()


def test_record_of_a_failure(log, jobs, images, fake_worker):
    fake_worker.fail("wandb", "unreachable", "The server does not answer.")
    with pytest.raises(RuntimeError):
        log(images, project="p", run_id="r")

    (job,) = jobs.list_jobs()
    assert (job["state"], job["error"], job["source"]) == ("failed", "The server does not answer.", "wandb")


def test_no_secret_is_in_a_record(log, jobs, images, fake_worker, monkeypatch):
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", "canary-" + "x" * 40)
    monkeypatch.setenv("WANDB_API_KEY", "canary-" + "y" * 40)

    result = log(images, project="p", run_id="r")

    assert fake_worker.requests[0].wandb.api_key.startswith("canary")
    import fiftyone.core.odm as odm

    database = odm.get_db_conn()
    for name in database.list_collection_names():
        for document in database[name].find():
            assert "canary" not in str(document)

    assert "canary" not in str(result)
    assert "canary" not in repr(module(log, "work").Job("o", "d", {}, {"api_key": "canary"}, {}))


def test_a_job_removes_lists_of_ids_that_nothing_needs(log, jobs, images, media):
    """Their saved view was deleted, and the process that made them is gone."""
    idlists, database = module(log, "restoring.idlists"), module(log, "database")
    other = datasets.images(media, n=3)
    name = idlists._keep(other, idlists.Ids(b"".join(bson.ObjectId(i).binary for i in other.values("id"))), True)
    record = idlists._store().get(name)
    other.delete()

    log(images, project="p", run_id="r")

    assert record["in_app"]
    assert idlists._store().get(name) is None
    assert name not in database._database().list_collection_names()


def test_newest_first_and_limited(log, jobs, images, media):
    other = datasets.images(media, n=1)
    ids = [log(images, project="p", run_id=f"r{i}")["job_id"] for i in range(3)]
    ids.append(log(other, project="p", run_id="r")["job_id"])

    assert [job["id"] for job in jobs.list_jobs()] == ids[::-1]
    assert [job["id"] for job in jobs.list_jobs(limit=2)] == ids[:1:-1]
    assert [job["id"] for job in jobs.list_jobs(dataset=images.name)] == ids[2::-1]
    assert jobs.delete_job(ids[0])
    assert len(jobs.list_jobs()) == 3
    other.delete()


def test_cancel_through_the_record(log, jobs, images, fake_worker):
    fake_worker.work_until_cancelled()
    asked = []

    def ask():
        running = wait_for(lambda: [j for j in jobs.list_jobs() if j["state"] == "running"])
        # Another process, which knows nothing but the database.
        code = (
            "import sys, fiftyone.operators as foo\n"
            f"op = foo.get_operator({URI!r})\n"
            "package = type(op).__module__.rsplit('.operators', 1)[0]\n"
            "jobs = __import__('importlib').import_module(package + '.jobs')\n"
            "print(jobs.request_cancel(sys.argv[1]), jobs.request_cancel('no such job'))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, running[0]["id"]], capture_output=True, text=True, timeout=SECONDS, check=True
        )
        asked.append(done.stdout.split())

    thread = threading.Thread(target=ask)
    thread.start()
    with pytest.raises(RuntimeError, match="cancelled on request. Nothing was logged"):
        log(images, project="p", run_id="r")

    thread.join()
    assert asked == [["True", "False"]]
    (job,) = jobs.list_jobs()
    assert job["state"] == "cancelled"
    assert not jobs.request_cancel(job["id"])


def test_ctrl_c(log, jobs, images, fake_worker, monkeypatch):
    fake_worker.work_until_cancelled(create_run=True, cleaned_up=False)
    main = threading.main_thread().ident

    def interrupt():
        wait_for(lambda: fake_worker.requests)
        import signal

        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        log(images, project="p", run_id="r")

    assert fake_worker.stopped_after is not None
    assert [j["state"] for j in jobs.list_jobs()] == ["cancelled"]
    assert [(f.run_id, f.exit_code) for f in fake_worker.finished] == [("orphan", 1)]


def test_a_worker_that_cleaned_up_needs_no_second_call(log, jobs, images, fake_worker):
    fake_worker.work_until_cancelled(create_run=True, cleaned_up=True)
    updates = _stream(log, images)
    next(updates)
    updates.close()

    wait_for(lambda: jobs.list_jobs()[0]["state"] == "cancelled")
    assert fake_worker.stopped_after is not None
    assert fake_worker.finished == []


def test_closed_when_it_was_done_already(log, jobs, images, fake_worker):
    """The commit cannot be taken back, so the record must not say that nothing was logged."""

    def behave(request, on_progress, on_run_created, cancelled):
        on_progress(fake_worker.messages.Progress(fraction=0.99, label="Committing"))
        while not cancelled():
            time.sleep(0.02)

        return fake_worker.result(request)

    fake_worker.behave = behave
    updates = _stream(log, images)
    next(updates)
    updates.close()

    wait_for(lambda: jobs.list_jobs()[0]["state"] == "completed")
    assert "dataset_view_made1234" in images.list_runs()


def test_ctrl_c_while_the_bar_is_drawn(log, jobs, images, fake_worker):
    fake_worker.work_until_cancelled()

    def interrupted(bar):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log(images, project="p", run_id="r", progress=interrupted)

    assert [j["state"] for j in jobs.list_jobs()] == ["cancelled"]


@pytest.fixture
def concluding(log, images, fake_worker):
    """A job whose part in Python waits, before or after what cannot be taken back."""
    steps = SimpleNamespace(began=threading.Event(), go=threading.Event(), ended=threading.Event(), late=False, done=[])
    job, _ = log.job(images, {"project": "p"})
    steps.job = dataclasses.replace(job, conclusion="Making the view")

    def conclude(message, job_id):
        try:
            if steps.late:
                steps.job.no_return.cross("Nothing was loaded")

            steps.began.set()
            assert steps.go.wait(SECONDS)
            if not steps.late:
                steps.job.no_return.cross("Nothing was loaded")

            steps.done.append(job_id)
            return {"warnings": []}
        finally:
            steps.ended.set()

    steps.updates = module(log, "work").stream(steps.job, conclude)
    yield steps
    steps.go.set()
    assert steps.ended.wait(SECONDS)


def test_what_is_left_to_do_in_python_is_cancelled(log, jobs, concluding):
    drain = module(log, "work").drain

    def cancel():
        assert concluding.began.wait(SECONDS)
        jobs.request_cancel(jobs.list_jobs()[0]["id"])

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(RuntimeError, match="cancelled on request"):
        drain(concluding.updates, lambda update: None)

    thread.join()
    assert not concluding.ended.is_set()
    concluding.go.set()
    assert concluding.ended.wait(SECONDS)
    assert concluding.done == []
    assert jobs.list_jobs()[0]["state"] == "cancelled"


def test_what_is_left_to_do_in_python_is_closed(jobs, concluding):
    while not concluding.began.is_set():
        next(concluding.updates)

    concluding.updates.close()

    wait_for(lambda: jobs.list_jobs()[0]["state"] == "cancelled")
    concluding.go.set()
    assert concluding.ended.wait(SECONDS)
    assert concluding.done == []


def test_it_is_too_late_to_cancel(log, jobs, concluding):
    concluding.late = True

    def cancel():
        assert concluding.began.wait(SECONDS)
        jobs.request_cancel(jobs.list_jobs()[0]["id"])
        concluding.go.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    module(log, "work").drain(concluding.updates, lambda update: None)

    thread.join()
    assert jobs.list_jobs()[0]["state"] == "completed"


@pytest.mark.parametrize("create_run", [True, False])
def test_a_crash_closes_the_run(log, jobs, images, fake_worker, create_run):
    fake_worker.crash(create_run)

    with pytest.raises(RuntimeError, match=r"ended in the middle of the job \(killed\)"):
        log(images, project="p", run_id="r")

    assert [f.run_id for f in fake_worker.finished] == (["orphan"] if create_run else [])
    assert jobs.list_jobs()[0]["source"] == "plugin"


def test_an_unexpected_error_is_told_in_a_sentence(log, jobs, images, fake_worker):
    def behave(*_):
        raise ZeroDivisionError("secret details")

    fake_worker.behave = behave
    with pytest.raises(RuntimeError, match="could not talk to its worker") as caught:
        log(images, project="p", run_id="r")

    assert "secret details" not in str(caught.value)
    assert jobs.list_jobs()[0]["state"] == "failed"


def test_a_store_that_fails_does_not_fail_the_job(log, jobs, images, monkeypatch):
    def broken():
        raise ConnectionError("the database is away")

    monkeypatch.setattr(jobs, "_store", broken)
    assert log(images, project="p", run_id="r")["success"]


def test_a_process_that_is_gone(log, jobs, images, fake_worker):
    log(images, project="p", run_id="r")
    store = jobs._store()
    (job,) = jobs.list_jobs()
    running = {**job, "state": "running", "finished": None}

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    store.set(job["id"], {**running, "pid": dead.pid})
    assert jobs.get_job(job["id"])["state"] == "failed"
    assert "ended unexpectedly" in jobs.get_job(job["id"])["error"]

    # This process is alive, but it is not the one that had this id then.
    store.set(job["id"], {**running, "process_started": job["process_started"] - 100})
    assert jobs.get_job(job["id"])["state"] == "failed"

    store.set(job["id"], running)
    assert jobs.get_job(job["id"])["state"] == "running"

    store.set(job["id"], {**running, "host": "another"})
    assert jobs.get_job(job["id"])["state"] == "running"
    store.set(job["id"], {**running, "host": "another", "updated": time.time() - 1000})
    assert jobs.get_job(job["id"])["state"] == "failed"
    assert not jobs.request_cancel(job["id"])


def test_records_are_written_about_once_a_second(log, jobs, images, fake_worker, monkeypatch):
    written = []
    store = jobs._store()

    class Store:
        def __getattr__(self, name):
            return getattr(store, name)

        def set(self, key, *args, **kwargs):
            written.append(key)
            store.set(key, *args, **kwargs)

    monkeypatch.setattr(jobs, "_store", Store)
    fake_worker.work_until_cancelled()
    updates = _stream(log, images)
    begin = time.monotonic()
    shown = 0
    while shown <= 5 or time.monotonic() - begin < 1.5:
        next(updates)
        shown += 1

    seconds = time.monotonic() - begin
    updates.close()
    assert len(written) <= 4 + seconds


def test_shared_jobs_that_have_ended_are_asked_about_once(jobs, images, monkeypatch):
    records = {state: jobs.JobRecord("log", images.name, {}, shared=True) for state in ("reading", "done", "failed")}
    names = {record.id: state for state, record in records.items()}
    for job_id, state in names.items():
        jobs.workers._jobs().insert_one({"_id": job_id, "state": state})

    records["done"].completed({})
    records["failed"].failed("The key is not valid", "settings")
    asked = []
    status = jobs.workers.status
    monkeypatch.setattr(jobs.workers, "status", lambda job_id: asked.append(names[job_id]) or status(job_id))

    first, second = jobs.list_jobs(), jobs.list_jobs()

    assert sorted(asked) == ["done", "failed", "reading", "reading"]
    assert first == second
    assert [job["shared"]["state"] for job in second] == [names[job["id"]] for job in second]

    jobs.workers._jobs().update_one({"_id": records["reading"].id}, {"$set": {"state": "done"}})
    records["reading"].completed({})
    assert {job["state"] for job in jobs.list_jobs()} == {"completed", "failed"}
    asked.clear()
    jobs.list_jobs()
    assert asked == []


@pytest.mark.parametrize("hours", [-26, 26])
def test_a_clock_that_is_stepped(jobs, monkeypatch, hours):
    """The machine's clock is set while a job runs: its progress is still written, and it is not taken for dead."""
    record = jobs.JobRecord("operator", "dataset", {})
    boot, now = psutil.boot_time(), time.time
    monkeypatch.setattr(jobs.time, "time", lambda: now() + hours * 3600)
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + hours * 3600)  # the kernel counts it from now backwards
    monkeypatch.setattr(psutil.Process, "create_time", create_time(hours * 3600))
    monkeypatch.setattr(jobs, "_WRITE_SECONDS", 0)

    record.progress(0.5, "Half")

    (job,) = jobs.list_jobs()
    record.completed({})
    assert (job["state"], job["fraction"]) == ("running", 0.5)


def create_time(step, real=psutil.Process.create_time):
    return lambda process: real(process) + step


def _stream(operator, samples):
    work = module(operator, "work")
    job, conclude = operator.job(samples, {"project": "p"})
    return work.stream(job, conclude)
