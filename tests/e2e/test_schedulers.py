"""What docs/scale-out.md says of other schedulers: its lines run as they stand there, on clusters of Dask and Ray and in a shell."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import fiftyone.operators as foo
import pytest
import yaml

from tests.e2e.test_worker_trouble import job, versions  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]


def lines(language, named):
    """The one piece of code in the document that has some words."""
    text = (ROOT / "docs/scale-out.md").read_text("utf-8").partition("## Other schedulers")[2]
    (found,) = (code for code in re.findall(rf"```{language}(\n.*?)```", text, re.S) if named in code)
    return found


#: What the line for Slurm calls: as sbatch does, it makes a script of the command, which gets the environment, and starts it for a task.
SBATCH = """#!/bin/sh
test "$1 $2 $3 $#" = "--array=1-7 --cpus-per-task=16 --wrap 4" || exit 2
printf '#!/bin/sh\\n%s\\n' "$4" > "$0.task"
chmod +x "$0.task"
SLURM_ARRAY_TASK_ID=1 exec "$0.task"
"""


@pytest.fixture
def dask(fiftyone, server):
    distributed = pytest.importorskip("distributed", reason="make test-schedulers has it")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield {"client": client}


@pytest.fixture
def ray(fiftyone, server, monkeypatch):
    ray = pytest.importorskip("ray", reason="make test-schedulers has it")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # The names of its sockets have to be short.
    where = tempfile.mkdtemp(prefix="ray")
    options = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "object_store_memory": 80_000_000}
    ray.init(num_cpus=2, _temp_dir=where, **options)
    yield {"ray": ray}
    ray.shutdown()
    shutil.rmtree(where, ignore_errors=True)


def manifest():
    """The Job of Kubernetes, and the one container of its template."""
    document = yaml.safe_load(lines("yaml", "batch/v1"))
    template = document["spec"]["template"]["spec"]
    (container,) = template["containers"]
    return document, template, container


def test_commands_work_on_a_job(job, versions, tmp_path):  # noqa: F811
    """The worker that began the job has died. The first command does what is left, and the others get its result."""
    job.begin_at("read:1:begin", "die").end()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sbatch").write_text(SBATCH)
    (tmp_path / "bin/sbatch").chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "JOB_ID": job.id}
    _, _, container = manifest()
    commands = [["sh", "-c", lines("bash", "sbatch")], container["command"], ["sh", "-c", lines("bash", "\npython -c")]]

    for number, command in enumerate(commands, job.signs() + 1):
        subprocess.run(command, env=environment, check=True, timeout=180)
        assert job.signs() == number, command

    assert len(versions(job.name)) == 1
    assert job.is_as_with_one_worker()


def test_the_manifest_fits_together():
    document, template, container = manifest()

    assert (document["apiVersion"], document["kind"], template["restartPolicy"]) == ("batch/v1", "Job", "Never")
    assert document["spec"]["completions"] == document["spec"]["parallelism"]
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in template["volumes"]}
    assert {e["name"] for e in container["env"]} == {"JOB_ID", "FIFTYONE_DATABASE_URI", "WANDB_API_KEY"}
    assert all(isinstance(e.get("value", ""), str) for e in container["env"])


@pytest.mark.parametrize(("cluster", "named"), [("dask", "client.map"), ("ray", "ray.remote")])
def test_a_cluster_works_on_a_job(cluster, named, request, job, versions):  # noqa: F811
    """All tasks but two come when the job is over, and give its result, too."""
    names = {**request.getfixturevalue(cluster), "foo": foo, "__name__": "__main__"}
    job.begin_at("read:1:begin", "die").end()
    before = job.signs()

    names["job_id"] = job.id
    exec(lines("python", named), names)

    results = names["results"]
    assert {(done["artifact_version"], done["new_version"]) for done in results} == {("v0", True)}
    assert (len(results), job.signs() - before) == (7, 7)
    assert len(versions(job.name)) == 1
    assert job.is_as_with_one_worker()
