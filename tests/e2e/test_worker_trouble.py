"""What may happen to the workers of a shared job: each of them is a process of its own, whose host is a thread here."""

import contextlib
import os
import signal
import threading

import pytest
from fiftyone.operators.delegated import DelegatedOperationService

from support.background import background_service, set_failed
from support.fake_worker import module
from support.waiting import wait_for
from tests.e2e.common import PROJECT, new_id

OPERATOR = "@harpreetsahota/wandb/log_fiftyone_view_to_wandb"
SLOT = "@harpreetsahota/wandb/log_worker_slot"


def database():
    import fiftyone.core.odm as foo

    return foo.get_db_conn()


class Host(threading.Thread):
    """Runs one worker, and keeps what it has come to."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self._run, self.result, self.error = run, None, None
        self.start()

    def run(self):
        try:
            self.result = self._run()
        except Exception as e:
            self.error = e

    def end(self):
        self.join(180)
        assert not self.is_alive()
        return self

    def says(self):
        """Why the worker has left the job."""
        assert self.end().error is not None, self.result
        return str(self.error)


class SharedJob:
    """A job of five parts."""

    def __init__(self, operator, monkeypatch, tmp_path, rows):
        self.log, self.slot = operator("log_fiftyone_view_to_wandb"), operator("log_worker_slot")
        self._patch, self._tmp, self.rows, self._slots = monkeypatch, tmp_path, rows, 0
        self.name, self.id = new_id(), None

    def begin(self, workers=2, **where):
        """Schedules the job, and has a worker begin it."""
        queued = self.log(
            self.rows, PROJECT, artifact_name=self.name, include_labels=True, workers=workers, delegate=True
        )
        self.id = queued["delegated_operation_id"]
        return self.take(OPERATOR, **where)

    def take(self, operator=SLOT, **where):
        """Has a worker take an operation of this kind that is queued."""
        service, name = DelegatedOperationService(), self.rows.name
        return self._start(
            lambda: service.execute_queued_operations(operator=operator, dataset_name=name, limit=1), **where
        )

    def join(self, **where):
        """Has one more worker join."""
        number = self._slots
        return self._start(lambda: self.slot(self.id, slot=number, progress=False), **where)

    def _start(self, run, lease=4000, **environment):
        before = self.signs()
        with self._patch.context() as patch:
            patch.setenv("FIFTYONE_WANDB_TEST_LEASE", str(lease))
            for name, value in environment.items():
                patch.setenv(name, value) if value else patch.delenv(name, raising=False)
            host = Host(run)
            wait_for(lambda: not host.is_alive() or self.signs() > before)
        self._slots += 1
        return host

    def begin_at(self, point, how="wait", **where):
        """Begins the job, whose worker stops or dies at a point."""
        marker = self._tmp / new_id()
        host = self.begin(FIFTYONE_WANDB_TEST_POINT=f"{how} {point}@{marker}", **where)
        wait_for(marker.exists)
        host.go = lambda: marker.with_name(marker.name + ".go").touch()
        return host

    def dying(self, point, **where):
        """Has one more worker join, which dies at a point."""
        return self.join(FIFTYONE_WANDB_TEST_POINT=f"die {point}@{self._tmp / new_id()}", **where)

    def signs(self):
        return database()["wandb.slots"].count_documents({"_id.j": self.id}) if self.id else 0

    def pid(self, slot):
        return database()["wandb.slots"].find_one({"_id.j": self.id, "slot": slot})["pid"]

    def document(self):
        return database()["wandb.jobs"].find_one({"_id": self.id})

    def is_as_with_one_worker(self):
        """Whether one worker makes the same version of the artifact."""
        return not self.log(self.rows, PROJECT, artifact_name=self.name, include_labels=True)["new_version"]


@pytest.fixture
def job(operator, server, rows, monkeypatch, tmp_path):
    monkeypatch.setenv("FIFTYONE_WANDB_TEST_PARTS", "20,10")
    return SharedJob(operator, monkeypatch, tmp_path, rows)


@pytest.fixture
def versions(server):
    """The committed versions of an artifact: a function of its name."""
    return lambda name: [a for a in server.artifacts() if a["collection"] == name]


@pytest.mark.parametrize("point", ["upload:1:begin", "commit:sure"])
def test_a_worker_is_stopped_and_wakes(job, server, versions, point):
    """It goes on where it was, when the others are done."""
    stopped = job.begin_at(point)
    os.kill(job.pid(0), signal.SIGSTOP)

    done = job.join().end().result
    assert (done["artifact_version"], done["new_version"]) == ("v0", True)
    stopped.go()
    os.kill(job.pid(0), signal.SIGCONT)
    stopped.end()

    assert stopped.error is None
    assert module(job.log, "jobs").get_job(job.id)["state"] == "completed"
    assert len(versions(job.name)) == 1
    assert server.run(done["run_id"])["state"] == "finished", "the woken worker does not wake the run"
    assert job.is_as_with_one_worker()


def test_a_part_that_kills_its_workers(job, versions):
    job.begin_at("read:1:begin", "die", lease=1500).end()
    reasons = [job.dying("read:1:begin", lease=1500).says() for _ in range(3)]

    said = job.join(lease=1500).says()

    assert "ended without an error in each of 4 tries" in said, (reasons, said)
    assert job.document()["state"] == "failed" and versions(job.name) == []
    assert "4 tries" in module(job.log, "jobs").get_job(job.id)["error"]


def test_operations_that_are_failed(job, versions):
    """Failing that of another worker ends this worker, and failing that which was scheduled ends the job."""
    first = job.begin_at("read:1:begin")
    other = job.take()
    mine = {"operator": SLOT, "context.request_params.params.job_id": job.id}

    set_failed({"delegated_operation_id": database()["delegated_ops"].find_one(mine)["_id"]})
    other.end()
    assert (job.document()["state"], first.is_alive()) == ("reading", True)
    set_failed({"delegated_operation_id": job.id})
    first.end()
    # Its worker, which waits at a point of this test, cannot say so itself.
    assert job.document()["cancel"] is True
    job.join().end()

    assert job.document()["state"] == "cancelled" and versions(job.name) == []


def test_the_dataset_is_deleted(job, versions):
    # However slow the machine is, the other worker does not take this part over.
    waiting = job.begin_at("read:1:begin", lease=120_000)
    other = job.join(lease=120_000)
    wait_for(lambda: database()["wandb.shards"].count_documents({"_id.j": job.id, "read.state": "done"}) == 4)

    job.rows.delete()
    waiting.go()

    assert "changed while the job ran" in other.says() or "view" in other.says()
    waiting.end()
    assert (job.document()["state"], job.document()["error"]["code"]) == ("failed", "view_changed")
    assert versions(job.name) == []


def test_two_jobs_for_one_artifact(job, versions, log_view):
    waiting = job.begin_at("commit:sure")

    first = log_view(job.rows.limit(5), artifact_name=job.name, include_labels=True)
    waiting.go()
    done = job.join().end().result
    waiting.end()

    assert (first["artifact_version"], done["artifact_version"], done["new_version"]) == ("v0", "v1", True)
    assert len(versions(job.name)) == 2
    assert job.is_as_with_one_worker()


def test_workers_that_cannot_help_leave_the_job_to_the_others(job, versions, tmp_path, monkeypatch):
    waiting = job.begin_at("read:1:begin")
    jobs = database()["wandb.jobs"]

    no_key = {"FIFTYONE_WANDB_API_KEY": None, "WANDB_API_KEY": None}
    assert "API key" in job.join(**no_key).says()
    (tmp_path / "media").rename(tmp_path / "elsewhere")
    assert "media files are not on this machine" in job.join().says()
    (tmp_path / "elsewhere").rename(tmp_path / "media")
    build = job.document()["machine"]["build"]
    jobs.update_one({"_id": job.id}, {"$set": {"machine.build": "another"}})
    assert "planned by worker another" in job.join().says()
    jobs.update_one({"_id": job.id}, {"$set": {"machine.build": build}})

    (tmp_path / "none").mkdir()
    monkeypatch.setenv("FIFTYONE_PLUGINS_DIR", str(tmp_path / "none"))
    mine = {"operator": SLOT, "context.request_params.params.job_id": job.id}
    with background_service(tmp_path / "service.log"):
        failed = wait_for(lambda: database()["delegated_ops"].find_one({**mine, "run_state": "failed"}))
    assert "does not exist" in str(failed["result"])
    waiting.go()

    assert waiting.end().error is None
    assert len(versions(job.name)) == 1
    assert job.is_as_with_one_worker()
    with contextlib.suppress(KeyError):
        notes = [slot.get("note") for slot in module(job.log, "workers").status(job.id)["slots"]]
        assert sum("this machine" in note for note in notes) >= 2, notes
