"""The operators through FiftyOne's own ways to execute them: at once, and in the background."""

import asyncio
import json
import threading

import fiftyone as fo
import fiftyone.operators as foo
import numpy as np
import pytest
from fiftyone.operators.executor import ExecutionError

from support import datasets
from support.background import operation, run_queued, set_failed
from support.fake_worker import module
from support.waiting import wait_for

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


def test_execute_operator_ends_before_its_limit(log, jobs, images, fake_worker, monkeypatch):
    fake_worker.work_until_cancelled()
    monkeypatch.setattr(fo.config, "operator_timeout", 4)

    with pytest.raises(ExecutionError, match="FIFTYONE_OPERATOR_TIMEOUT"):
        foo.execute_operator(URI, dataset=images, params={"project": "p"})

    assert fake_worker.stopped_after is not None
    assert jobs.list_jobs()[0]["state"] == "failed"


def test_execute_operator(log, jobs, images, fake_worker):
    result = foo.execute_operator(URI, view=images.limit(2), params={"project": "p", "include_labels": True}).result

    assert result["success"]
    assert result["samples_logged"] == 12
    job = fake_worker.requests[0].log_view
    assert job.view.is_subset
    assert fake_worker.requests[0].wandb.directory


def test_delegated(log, jobs, images, fake_worker):
    queued = log(images.match_tags("train"), project="p", run_id="r", include_labels=True, delegate=True)

    assert queued["delegated"] is True
    (job,) = jobs.list_jobs()
    assert (job["id"], job["state"], job["dataset"]) == (queued["delegated_operation_id"], "queued", images.name)
    assert fake_worker.requests == []

    run_queued(images)

    (request,) = fake_worker.requests
    assert request.log_view.view.is_subset
    assert request.log_view.include_labels
    assert request.wandb.directory == ""
    (job,) = jobs.list_jobs()
    assert (job["id"], job["state"], job["delegated"]) == (queued["delegated_operation_id"], "completed", True)
    done = operation(queued)
    assert done.run_state == "completed"
    assert done.result.result["samples_logged"] == 12
    assert done.label.startswith("Log view to W&B")


def test_delegated_from_a_running_loop(log, jobs, images):
    async def cell():
        return log(images, project="p", run_id="r", delegate=True)

    queued = asyncio.run(cell())
    assert jobs.get_job(queued["delegated_operation_id"])["state"] == "queued"
    run_queued(images)


def test_delegated_arguments_that_mongodb_would_refuse(operator, fake_worker, images):
    operator("log_model_predictions")(
        images,
        model_name="m",
        predictions_field="predictions",
        project="p",
        model_config={1: np.float32(0.5), "a": {2}},
        delegate=True,
    )
    run_queued(images)

    assert json.loads(fake_worker.requests[0].log_predictions.model_config_json) == {"1": 0.5, "a": [2]}


def test_mistakes_are_found_before_anything_is_queued(log, jobs, images):
    with pytest.raises(RuntimeError, match="no such field"):
        log(images, project="p", run_id="r", include_labels=True, fields="nope", delegate=True)

    assert jobs.list_jobs() == []


def test_delegated_run_that_is_marked_as_failed(log, jobs, images, fake_worker):
    fake_worker.work_until_cancelled()
    queued = log(images, project="p", run_id="r", delegate=True)

    def mark():
        wait_for(lambda: fake_worker.requests)
        set_failed(queued)

    thread = threading.Thread(target=mark)
    thread.start()
    run_queued(images)
    thread.join()

    assert fake_worker.stopped_after is not None
    (job,) = jobs.list_jobs()
    assert (job["state"], "marked as failed" in job["error"]) == ("cancelled", True)
    assert operation(queued).run_state == "failed"


def test_delegated_run_that_is_cancelled_while_it_waits(log, jobs, images, fake_worker):
    fake_worker.work_until_cancelled()
    queued = log(images, project="p", run_id="r", delegate=True)

    assert jobs.request_cancel(queued["delegated_operation_id"])
    run_queued(images)

    assert jobs.get_job(queued["delegated_operation_id"])["state"] == "cancelled"
    assert operation(queued).run_state == "failed"


def test_progress_of_a_delegated_run(log, jobs, images, fake_worker):
    def behave(request, on_progress, *_):
        on_progress(fake_worker.messages.Progress(fraction=0.25, label="Reading samples"))
        wait_for(lambda: (status := operation(queued).status) and status.label == "Reading samples")
        return fake_worker.result(request)

    fake_worker.behave = behave
    queued = log(images, project="p", run_id="r", delegate=True)
    run_queued(images)

    status = operation(queued).status
    assert (status.progress, status.label) == (0.25, "Reading samples")
