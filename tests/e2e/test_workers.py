"""One job on several background services: the artifact is that of one worker, whatever dies."""

import contextlib

import fiftyone as fo
import pytest

from support.background import background_service, kill, operation, set_queued_failed, workers
from support.fake_worker import module
from support.waiting import wait_for
from tests.e2e.common import PROJECT, new_id
from tests.e2e.reading import charts_of

# One table up to so many rows, and above it parts of so many: for tests, which have no 200,000.
WHOLE, PART = 20, 10


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.setenv("FIFTYONE_WANDB_TEST_PARTS", f"{WHOLE},{PART}")
    monkeypatch.setenv("FIFTYONE_WANDB_TEST_LEASE", "4000")


@pytest.fixture
def services(parts, tmp_path):
    """Starts services: a function of their kinds, which gives their processes."""
    with contextlib.ExitStack() as stack:

        def start(*kinds):
            found = []
            for kind in kinds:
                log = tmp_path / f"{len(stack._exit_callbacks)}.log"
                process = stack.enter_context(background_service(log, *(["-m"] if kind == "m" else [])))
                process.log = log
                found.append(process)
            return found

        yield start


@pytest.fixture
def log(operator, server):
    return operator("log_fiftyone_view_to_wandb")


def schedule(log, view, count, name, **kwargs):
    return log(view, PROJECT, artifact_name=name, include_labels=True, workers=count, delegate=True, **kwargs)


def ended(queued):
    return wait_for(lambda: (o := operation(queued)).run_state in ("completed", "failed") and o)


def result(log, queued):
    def over():
        job = module(log, "jobs").get_job(queued["delegated_operation_id"])
        # The worker that commits says so before its host has written down the result.
        known = job is not None and (job["state"] == "failed" or job["result"] is not None)
        return known and job

    job = wait_for(over)
    assert job["state"] == "completed", (job["error"], operation(queued).result)
    return job["result"]


def test_the_artifact_is_that_of_one_worker(services, log, read, rows, server):
    view = rows.sort_by("number")
    name = new_id()
    alone = log(view, PROJECT, artifact_name=name, include_labels=True)
    processes = services("plain", "plain", "m")

    again = result(log, schedule(log, view, 3, name))
    other = result(log, schedule(log, view, 3, new_id()))

    assert (alone["new_version"], again["new_version"], other["new_version"]) == (True, False, True), [
        p.log.read_text() for p in processes
    ]
    first, second = read.artifact(alone), read.artifact(other)
    assert second.digest == first.digest
    assert {p: e.digest for p, e in second.manifest.entries.items()} == {
        p: e.digest for p, e in first.manifest.entries.items()
    }
    assert len(list(second.get("samples").iterrows())) == len(rows)
    rows.reload()
    assert len([key for key in rows.list_runs() if key.startswith("dataset_view")]) == 3


@pytest.fixture
def stopped(services, monkeypatch, tmp_path):
    """Starts a service whose worker stops at a point: a function of the point and a job to queue, which gives the service and what was queued."""

    def start(point, queue):
        marker = tmp_path / "point"
        monkeypatch.setenv("FIFTYONE_WANDB_TEST_POINT", f"wait {point}@{marker}")
        service = services("plain")[0]
        monkeypatch.delenv("FIFTYONE_WANDB_TEST_POINT")
        queued = queue()
        wait_for(marker.exists)
        return service, queued

    return start


def job_document(queued):
    return module_database()["wandb.jobs"].find_one({"_id": queued["delegated_operation_id"]})


def module_database():
    import fiftyone.core.odm as foo

    return foo.get_db_conn()


def test_a_service_dies(stopped, services, log, read, rows, server):
    """It is that of the operation which the user scheduled: the others finish, and write down what it would have written."""
    name = new_id()
    service, queued = stopped("read:2:begin", lambda: schedule(log, rows, 3, name))
    document = job_document(queued)
    assert document["state"] == "reading"
    assert server.key not in str(document) and "mongodb://" not in str(document)

    kill(service)
    services("plain", "plain")

    done = result(log, queued)
    assert (done["new_version"], done["artifact_version"]) == (True, "v0")
    assert not log(rows, PROJECT, artifact_name=name, include_labels=True)["new_version"]
    assert wait_for(lambda: operation(queued).run_state != "running" and operation(queued)).run_state == "failed"
    assert wait_for(
        lambda: rows.reload() or any(key.startswith(f"dataset_view_{done['run_id']}") for key in rows.list_runs())
    )
    listed = [job["id"] for job in module(log, "jobs").list_jobs(dataset=rows.name)]
    assert len(listed) == 2 and queued["delegated_operation_id"] in listed, "its slots are not listed as jobs"


def test_all_services_die_and_the_job_is_resumed(stopped, log, operator, rows, server):
    name, jobs = new_id(), module(log, "jobs")
    service, queued = stopped("upload:1:begin", lambda: schedule(log, rows, 9, name))
    job_id = queued["delegated_operation_id"]
    kill(service)

    listed = wait_for(lambda: (job := jobs.get_job(job_id))["shared"]["slots"][0]["alive"] is False and job)
    assert (listed["state"], listed["shared"]["waiting"], listed["shared"]["resumable"]) == ("running", 4, False)
    set_queued_failed()
    gone = jobs.get_job(job_id)
    assert gone["state"] == "failed" and gone["shared"]["resumable"] and "resume_wandb_job" in gone["error"]
    uploaded = gone["shared"]["uploaded"]
    assert (gone["shared"]["shards"], gone["shared"]["read"]) == (5, 5)
    assert uploaded < 5, "four go up at once, and that of the point does not"
    form = operator("resume_wandb_job").resolve_input(None).to_json()
    (choice,) = (c for c in form["type"]["properties"]["job_id"]["view"]["choices"] if c["value"] == job_id)
    assert f"{rows.name} · {name} · 5 of 5 parts read, {uploaded} uploaded" in choice["label"]
    assert operator("resume_wandb_job")(job_id, workers=2)["workers"] == 2
    assert jobs.get_job(job_id)["shared"]["waiting"] == 2

    done = operator("log_worker_slot")(job_id)

    assert (done["artifact_version"], done["new_version"]) == ("v0", True)
    assert jobs.get_job(job_id)["state"] == "completed"
    assert not log(rows, PROJECT, artifact_name=name, include_labels=True)["new_version"]
    with pytest.raises(RuntimeError, match="no unfinished shared job"):
        operator("resume_wandb_job")(job_id)


def test_cancel_reaches_all_workers(stopped, services, log, operator, rows, server):
    name = new_id()
    service, queued = stopped("read:2:begin", lambda: schedule(log, rows, 2, name))
    other = services("plain")[0]
    wait_for(lambda: workers(other.pid))

    operator("cancel_wandb_job")(queued["delegated_operation_id"])

    wait_for(lambda: not workers(service.pid) and not workers(other.pid))
    assert ended(queued).run_state == "failed"
    assert job_document(queued)["state"] == "cancelled"
    assert module(log, "jobs").get_job(queued["delegated_operation_id"])["state"] == "cancelled"
    assert [a for a in server.artifacts() if a["collection"] == name and a["state"] == "COMMITTED"] == []


def test_an_evaluation(services, operator, read, rows, server):
    """Its numbers, charts, tables, pictures and lists are those of one worker."""
    dataset = rows
    for i, sample in enumerate(dataset.iter_samples(autosave=True)):
        sample["truth"] = fo.Classification(label="ab"[i % 2])
        sample["guess"] = fo.Classification(label="aab"[i % 3], confidence=0.01 * i)

    dataset.evaluate_classifications("guess", gt_field="truth", eval_key="ev")
    evaluation, name = operator("log_evaluation_to_wandb"), new_id()
    alone = evaluation(dataset, "ev", PROJECT, artifact_name=name)
    services("plain", "plain")

    given = {"artifact_name": name, "workers": 2, "delegate": True}
    shared = result(evaluation, evaluation(dataset, "ev", PROJECT, **given))
    queued = evaluation(dataset.sort_by("number"), "ev", PROJECT, subsets="tags", **given)
    other = result(evaluation, queued)

    assert (alone["new_version"], shared["new_version"], other["new_version"]) == (True, False, True)
    for key in ("metrics", "classes", "run_metrics", "changed", "samples_logged"):
        assert shared[key] == alone[key], key

    assert "eval/tags_train/F1" in other["run_metrics"]
    assert "mongodb://" not in str(job_document(queued))
    run = read.run(shared)
    assert (run.state, run.summary["eval/F1"]) == ("finished", alone["metrics"]["F1"])
    assert set(charts_of(run)) == set(charts_of(read.run(alone))) != set()
    assert len(list(read.artifact(other).get("samples").iterrows())) == len(dataset)
    dataset.reload()
    assert dataset.get_run_info("evaluation_ev").config.wandb_run_id == other["run_id"]


def test_predictions_and_few_rows(services, operator, log, read, rows, server):
    predictions, name = operator("log_model_predictions"), new_id()
    given = {"predictions_field": "predictions", "project": PROJECT, "artifact_name": name, "include_images": True}
    alone = predictions(rows, "m", **given)
    services("plain", "plain")

    few = schedule(log, rows.limit(WHOLE), 2, new_id())
    assert [w["code"] for w in result(log, few)["warnings"]] == ["workers_ignored"]
    assert job_document(few) is None
    shared = result(log, predictions(rows, "m", workers=2, delegate=True, **given))
    assert (alone["new_version"], shared["new_version"]) == (True, False)
    assert shared["total_predictions"] == alone["total_predictions"]
