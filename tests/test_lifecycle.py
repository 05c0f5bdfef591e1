"""The operators with the real worker, MongoDB and the stand-in for W&B: how jobs begin and end.

What the artifacts hold is tested elsewhere.
"""

import contextlib
import json
import os
import signal
import threading
import time

import fiftyone as fo
import fiftyone.core.odm as odm
import psutil
import pytest
from bson import ObjectId
from fiftyone.operators.delegated import DelegatedOperationService

from support.background import background_service, operation, run_queued, workers
from support.fake_worker import module
from support.waiting import wait_for


@pytest.fixture
def server(wandb_server, monkeypatch):
    """The stand-in, to which FiftyOne's secrets lead."""
    monkeypatch.setenv("FIFTYONE_WANDB_URL", wandb_server.url)
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", wandb_server.key)
    monkeypatch.setenv("FIFTYONE_WANDB_ENTITY", wandb_server.entity)
    yield wandb_server
    wandb_server.heal()


@pytest.fixture
def log(operator):
    return operator("log_fiftyone_view_to_wandb")


def new_run():
    return str(ObjectId())[-8:]


def test_view_and_its_second_time(log, server, images):
    view = images.match_tags("train").sort_by("number", reverse=True)
    run = new_run()

    first = log(view, project="p", run_id=run, artifact_name=f"train {run}", include_labels=True)
    second = log(view, project="p", run_id=run, artifact_name=f"train {run}", include_labels=True)

    assert (first["success"], first["samples_logged"], first["new_version"]) == (True, 4, True)
    assert [warning["code"] for warning in first["warnings"]] == ["artifact_name"]
    assert first["artifact_name"] == f"train_{run}"
    assert first["wandb_url"] == f"{server.url}/{server.entity}/p/runs/{run}"
    assert (second["new_version"], second["bytes_uploaded"]) == (False, 0)
    (artifact,) = [a for a in server.artifacts() if a["collection"] == f"train_{run}"]
    assert artifact["metadata"]["sample_ids"] == view.values("id")
    assert server.run(run)["state"] == "finished"
    assert images.get_run_info(f"dataset_view_{run}").config.samples_used == 4


def test_predictions(operator, server, images):
    result = operator("log_model_predictions")(
        images, model_name="m", predictions_field="predictions", project="p", model_config={"a": 1}
    )

    assert (result["success"], result["samples_processed"]) == (True, 12)
    assert result["total_predictions"] == len(images.values("predictions.detections.id", unwind=True))
    assert result["num_classes"] == 3
    (artifact,) = [a for a in server.artifacts() if a["collection"] == result["artifact_name"]]
    assert artifact["metadata"]["model_config"] == {"a": 1}


def test_run_that_is_active_here(log, server, images, official):
    with official.init(entity=server.entity, project="p", config={"lr": 0.1}) as run:
        result = log(images, project="p", run_id=run.id)

        assert official.run is run
        assert run.config["fiftyone_view_size"] == 12
        assert server.run(run.id)["state"] == "running"

    assert result["run_id"] == run.id
    state = server.run(run.id)
    assert state["state"] == "finished"
    assert state["config"]["lr"]["value"] == 0.1
    assert state["config"]["fiftyone_dataset_name"]["value"] == images.name


def test_wrong_key(log, server, images, monkeypatch):
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", "canary" + "0" * 34)
    run = new_run()

    with pytest.raises(RuntimeError) as caught:
        log(images, project="p", run_id=run)

    assert caught.value.code == "bad_key"
    assert "canary" not in str(caught.value)
    assert server.run(run) is None


def test_empty_view(log, server, images):
    run = new_run()
    with pytest.raises(RuntimeError, match="empty|no samples"):
        log(images.match({"number": 1000}), project="p", run_id=run)

    assert server.run(run) is None or server.run(run)["state"] == "failed"


def stall(server):
    """Makes every upload hang, so that jobs come to no end."""
    server.fault(kind="upload", mode="hang", count=-1)


def test_ctrl_c(log, server, images):
    stall(server)
    run = new_run()
    main = threading.main_thread().ident

    def interrupt():
        wait_for(lambda: server.run(run))
        time.sleep(0.5)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    before = len(server.artifacts())
    with pytest.raises(KeyboardInterrupt):
        log(images, project="p", run_id=run, include_labels=True)

    assert workers() == []
    assert len(server.artifacts()) == before
    assert server.run(run)["state"] == "failed"


def test_cancel_through_the_record(log, server, images):
    stall(server)
    run = new_run()
    jobs = module(log, "jobs")

    def cancel():
        wait_for(lambda: server.run(run))
        job = next(j for j in jobs.list_jobs() if j["state"] == "running" and j["dataset"] == images.name)
        assert jobs.request_cancel(job["id"])

    threading.Thread(target=cancel).start()
    with pytest.raises(RuntimeError, match="cancelled on request"):
        log(images, project="p", run_id=run, include_labels=True)

    assert workers() == []
    assert server.run(run)["state"] == "failed"


def test_killed_worker(log, server, images):
    """The run that it had made is closed by a second worker."""
    stall(server)
    run = new_run()

    def kill():
        wait_for(lambda: server.run(run))
        time.sleep(0.3)
        for worker in workers():
            worker.kill()

    threading.Thread(target=kill).start()
    with pytest.raises(RuntimeError, match="ended in the middle of the job"):
        log(images, project="p", run_id=run, include_labels=True)

    assert server.run(run)["state"] == "failed"


def test_background_service(log, server, images, tmp_path):
    run = new_run()
    queued = log(images.match_tags("val"), project="p", run_id=run, include_labels=True, delegate=True)

    with background_service(tmp_path / "service.log") as service:
        done = wait_for(lambda: (o := operation(queued)).run_state in ("completed", "failed") and o)
        assert done.run_state == "completed", (tmp_path / "service.log").read_text()
        assert done.result.result["samples_logged"] == 4
        assert workers(service.pid) == []

        stall(server)
        failed_run = new_run()
        queued = log(images, project="p", run_id=failed_run, include_labels=True, delegate=True)
        wait_for(lambda: server.run(failed_run))
        # What ps and top show.
        assert [worker.name()[:12] for worker in workers(service.pid)] == ["wandb-worker"]
        DelegatedOperationService().set_failed(ObjectId(queued["delegated_operation_id"]))
        wait_for(lambda: not workers(service.pid))

    assert server.run(run)["state"] == "finished"
    assert server.run(failed_run)["state"] == "failed"
    assert module(log, "jobs").get_job(queued["delegated_operation_id"])["state"] == "cancelled"


def test_the_key_is_nowhere(log, server, images, caplog, capfd, tmp_path):
    caplog.set_level("DEBUG")
    seen = []
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            for worker in workers():
                with contextlib.suppress(psutil.Error):
                    seen.append(str(worker.cmdline()) + str(worker.environ()))

            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    result = log(images, project="p", run_id=new_run(), include_labels=True, progress=True)
    queued = log(images, project="p", run_id=new_run(), delegate=True)
    run_queued(images)
    stop.set()
    thread.join()

    assert seen
    assert operation(queued).run_state == "completed"
    database = odm.get_db_conn()
    stored = [str(d) for name in database.list_collection_names() for d in database[name].find()]
    out = capfd.readouterr()
    for text in [*seen, *stored, caplog.text, out.out, out.err, str(result), json.dumps(server.artifacts())]:
        assert server.key not in text

    # The test sees where it looks: the key is in the server's secret, which this process has.
    assert server.key in os.environ["FIFTYONE_WANDB_API_KEY"]
    assert fo.config.database_uri not in "".join(seen)
