"""What docs/scale-out.md says of other schedulers: its lines run as they stand there, on a cluster of Dask and in a shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

import fiftyone.operators as foo
import pytest

from tests.e2e.test_worker_trouble import database, job, rows, versions  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]


def lines(language, named):
    """The one piece of code in the document that has a word."""
    text = (ROOT / "docs/scale-out.md").read_text("utf-8").partition("## Other schedulers")[2]
    (found,) = (code for code in re.findall(rf"```{language}\n(.*?)```", text, re.S) if named in code)
    return found


@pytest.fixture
def client(fiftyone, server):
    distributed = pytest.importorskip("distributed", reason="make test-schedulers has it")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def test_a_shell_works_on_a_job(job, versions):  # noqa: F811
    """The worker that began the job has died, so what is left is for the other."""
    job.begin_at("read:1:begin", "die").end()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["sh", "-c", lines("bash", "JOB_ID")]

    subprocess.run(command, env={**os.environ, "PATH": path, "JOB_ID": job.id}, check=True, timeout=180)

    assert len(versions(job.name)) == 1
    assert job.is_as_with_one_worker()


def test_a_cluster_works_on_a_job(client, job, versions):  # noqa: F811
    """All tasks but two come when the job is over, and give its result, too."""
    job.begin_at("read:1:begin", "die").end()

    names = {"client": client, "job_id": job.id, "foo": foo, "__name__": "__main__"}
    exec(lines("python", "client.map"), names)

    results = names["results"]
    assert {(done["artifact_version"], done["new_version"]) for done in results} == {("v0", True)}
    assert {slot["slot"] for slot in database()["wandb.slots"].find({"_id.j": job.id})} >= set(range(2, 9))
    assert len(versions(job.name)) == 1
    assert job.is_as_with_one_worker()
