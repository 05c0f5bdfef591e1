"""Jobs in real background services, plain and with ``-m``: done, failed, cancelled, and never in each other's way."""

from pathlib import Path

import psutil
import pytest
from bson import ObjectId

from support import datasets
from support.background import background_service, operation, set_failed, workers
from support.fake_worker import module
from support.waiting import wait_for

pytestmark = pytest.mark.oldest

MODES = {"plain": (), "monitored": ("-m",)}

# With -m, each job takes a Python of its own. What differs is how that one ends, and what it hands on.
same_with_monitor = pytest.mark.parametrize("started", ["plain"], indirect=True)


@pytest.fixture(scope="module", params=MODES)
def started(request, mongod, wandb_server, tmp_path_factory):
    """A service of a process of its own, its log file, and where it writes offline runs; it does the jobs of all tests."""
    directory = tmp_path_factory.mktemp("service")
    variables = {
        "FIFTYONE_WANDB_URL": wandb_server.url,
        "FIFTYONE_WANDB_API_KEY": wandb_server.key,
        "FIFTYONE_WANDB_ENTITY": wandb_server.entity,
        "WANDB_DIR": str(directory),
    }
    log = directory / "service.log"
    with background_service(log, *MODES[request.param], **variables) as process:
        process.log, process.directory = log, directory
        yield process
        children = psutil.Process(process.pid).children(recursive=True)

    wait_for(lambda: not any(is_alive(child) for child in children))


@pytest.fixture
def service(started, login):
    """The same, which has nothing to do before a test and after it."""
    yield started
    login.heal()
    wait_for(lambda: not workers(started.pid))


@pytest.fixture
def images(media, fiftyone):
    dataset = datasets.images(media, persistent=True)
    yield dataset
    dataset.delete()


@pytest.fixture
def log(operator, login):
    return operator("log_fiftyone_view_to_wandb")


def is_alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def ended(queued):
    return wait_for(lambda: (o := operation(queued)).run_state in ("completed", "failed") and o)


def name():
    return f"a{ObjectId()}"


def committed(server, artifact):
    return [a for a in server.artifacts() if a["collection"] == artifact]


def evaluate(operator, images, **kwargs):
    if not images.has_evaluation("ev"):
        images.evaluate_detections("predictions", gt_field="ground_truth", eval_key="ev")

    return operator("log_evaluation_to_wandb")(images, "ev", include_images=False, **kwargs)


# The first one: the service that the others share would take its job.
def test_killed_service(login, log, images, tmp_path):
    """Neither its work nor its processes go on, and who looks at the job is told."""
    login.fault(kind="upload", mode="hang", count=-1)
    artifact, run = name(), str(ObjectId())[-8:]
    queued = log(images, project="s", run_id=run, artifact_name=artifact, include_labels=True, delegate=True)
    with background_service(tmp_path / "service.log") as process:
        wait_for(lambda: login.run(run))
        (worker,) = workers(process.pid)
        process.kill()
        process.wait()
        wait_for(lambda: not is_alive(worker))

    login.heal()
    assert committed(login, artifact) == []
    job = module(log, "jobs").get_job(queued["delegated_operation_id"])
    assert (job["state"], "ended unexpectedly" in job["error"]) == ("failed", True)
    set_failed(queued)


def complete(service, log, *queued):
    """Waits for jobs, and gives their results."""
    for one in queued:
        done = ended(one)
        assert done.run_state == "completed", service.log.read_text()
        assert done.status is None or done.status.progress is not None
        job = module(log, "jobs").get_job(one["delegated_operation_id"])
        assert (job["state"], job["delegated"]) == ("completed", True)

    return [operation(one).result.result for one in queued]


def test_done(service, log, login, images):
    artifact = name()
    here = log(images.match_tags("val"), project="s", artifact_name=artifact, include_labels=True, delegate=True)
    away = log(images, project="s", artifact_name=name(), offline=True, delegate=True)

    logged, written = complete(service, log, here, away)

    assert logged["samples_logged"] == 4
    assert len(committed(login, artifact)) == 1
    # An offline run is beside the process that did the job, and the result says where.
    directory = Path(written["offline_directory"])
    assert directory.parent == service.directory / "wandb"
    assert (directory / "fiftyone-artifact.jsonl").is_file()
    job = module(log, "jobs").get_job(away["delegated_operation_id"])
    assert job["result"]["offline_directory"] == str(directory)
    images.reload()
    assert len(images.list_runs()) == 2


@same_with_monitor
def test_the_other_jobs_are_done(service, log, operator, login, images):
    artifact = name()
    predictions = operator("log_model_predictions")
    queued = [
        predictions(images, "m", "predictions", "s", artifact_name=artifact, delegate=True),
        evaluate(operator, images, project="s", artifact_name=name(), delegate=True),
        evaluate(operator, images, project="s", artifact_name=name(), delegate=True, dry_run=True),
    ]

    _, evaluated, tried = complete(service, log, *queued)

    assert len(committed(login, artifact)) == 1
    assert evaluated["metrics"] == tried["metrics"] != {}
    assert (evaluated["artifact_version"], tried["dry_run"]) == ("v0", True)
    images.reload()
    assert len(images.list_runs()) == 2


@same_with_monitor
def test_a_view_is_saved(service, log, operator, login, images):
    artifact = name()
    log(images.match_tags("train").sort_by("number", reverse=True), project="s", artifact_name=artifact)

    queued = operator("load_view_from_wandb")(images, "s", artifact, view_name="from wandb", delegate=True)

    assert ended(queued).run_state == "completed", service.log.read_text()
    images.reload()
    expected = images.match_tags("train").sort_by("number", reverse=True).values("id")
    assert images.load_saved_view("from wandb").values("id") == expected


@same_with_monitor
def test_failed(service, log, login, images):
    artifact = name()
    login.fault(kind="graphql", match="^CommitArtifact$", mode="status", status=403, count=-1)

    queued = log(images, project="s", artifact_name=artifact, delegate=True)

    done = ended(queued)
    assert done.run_state == "failed"
    job = module(log, "jobs").get_job(queued["delegated_operation_id"])
    assert (job["state"], job["source"]) == ("failed", "wandb")
    assert job["error"] in done.result.error
    assert committed(login, artifact) == []
    assert workers(service.pid) == []


def test_marked_as_failed(service, log, login, images):
    login.fault(kind="upload", mode="hang", count=-1)
    artifact, run = name(), str(ObjectId())[-8:]
    queued = log(images, project="s", run_id=run, artifact_name=artifact, include_labels=True, delegate=True)
    wait_for(lambda: login.run(run))
    assert workers(service.pid)

    set_failed(queued)

    wait_for(lambda: not workers(service.pid))
    wait_for(lambda: login.run(run)["state"] == "failed")
    assert committed(login, artifact) == []
    assert operation(queued).run_state == "failed"
    get_job = module(log, "jobs").get_job
    wait_for(lambda: (j := get_job(queued["delegated_operation_id"])) and j["state"] in ("cancelled", "failed"))


def test_cancelled_by_its_operator(service, log, operator, login, images):
    login.fault(kind="upload", mode="hang", count=-1)
    artifact, run = name(), str(ObjectId())[-8:]
    queued = log(images, project="s", run_id=run, artifact_name=artifact, include_labels=True, delegate=True)
    wait_for(lambda: login.run(run))

    operator("cancel_wandb_job")(queued["delegated_operation_id"])

    assert ended(queued).run_state == "failed"
    assert module(log, "jobs").get_job(queued["delegated_operation_id"])["state"] == "cancelled"
    assert committed(login, artifact) == []
    with pytest.raises(RuntimeError, match="is running or waiting"):
        operator("cancel_wandb_job")(queued["delegated_operation_id"])
