"""Programs of documents run as their reader would run them, each in a process of its own."""

import os

import pytest
import services

from support import warm
from support.server import Server
from support.waiting import SECONDS


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The stand-in, with the team that the examples name."""
    with services.standin(tmp_path_factory.mktemp("standin"), "--teams", "entity") as facts:
        server = Server(facts)
        server.entity = "entity"
        yield server


@pytest.fixture
def run_script(server, mongod, tmp_path):
    """Runs a Python program: logged in by variables, in an empty directory. Returns what it prints."""

    def run(*command):
        environment = {
            **os.environ,
            "FIFTYONE_DATABASE_URI": mongod,
            "FIFTYONE_WANDB_API_KEY": server.key,
            "FIFTYONE_WANDB_ENTITY": "entity",
            "WANDB_BASE_URL": server.url,
            "WANDB_API_KEY": server.key,
            "WANDB_ENTITY": "entity",
            "WANDB_DIR": str(tmp_path),
            "WANDB_CACHE_DIR": str(tmp_path / "cache"),
            "WANDB_SILENT": "true",
            "WANDB_ERROR_REPORTING": "false",
        }
        done = warm.run(command, warm.SCRIPTS, 4 * SECONDS, env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
