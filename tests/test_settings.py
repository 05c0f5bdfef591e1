"""Where settings come from, and what stands before what."""

import os
import socket
import sys
import types
from pathlib import Path

import pytest

from shim import settings


@pytest.fixture
def environment(monkeypatch):
    for name in list(os.environ):
        if name in settings.variables(os.environ) or name.startswith("FIFTYONE_WANDB"):
            monkeypatch.delenv(name)

    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


@pytest.fixture
def active(monkeypatch):
    """Puts a package wandb with an active run into this process."""

    def put(**attributes):
        values = {
            "entity": "me",
            "project": "p",
            "id": "abc",
            "settings": types.SimpleNamespace(base_url="http://wandb.test", mode="online"),
            "config": Config(),
            **attributes,
        }
        wandb = types.ModuleType("wandb")
        wandb.run = types.SimpleNamespace(**values)
        monkeypatch.setitem(sys.modules, "wandb", wandb)
        return wandb.run

    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    return put


class Config(dict):
    def update(self, values, allow_val_change=None):
        assert allow_val_change
        super().update(values)


def test_nothing_known(environment, active):
    assert settings.collect() == {
        "api_key": "",
        "base_url": "",
        "entity": "",
        "project": "",
        "environment": {},
        "directory": "",
        "home": str(Path.home()),
        "host": socket.gethostname(),
        "program": "",
        "offline": False,
        "offline_directory": str(Path.cwd()),
    }
    assert "wandb" not in sys.modules


@pytest.mark.parametrize(
    ("file", "spec", "program"),
    [
        ("/here/log.py", None, "/here/log.py"),
        (None, None, ""),
        ("/there/tool.py", types.SimpleNamespace(name="tool.__main__"), "-m tool.__main__"),
    ],
)
def test_the_program_is_that_of_the_caller(environment, active, monkeypatch, file, spec, program):
    main = types.ModuleType("__main__")
    main.__spec__ = spec
    if file:
        main.__file__ = file

    monkeypatch.setitem(sys.modules, "__main__", main)

    assert settings.collect(directory="/here")["program"] == program
    assert settings.collect()["program"] == "", "the program of the App's server is nobody's"

    environment(WANDB_NOTEBOOK_NAME="log.ipynb")
    assert settings.collect(directory="/here")["program"] == "log.ipynb"


def test_arguments_stand_before_secrets(environment, active):
    environment(
        FIFTYONE_WANDB_API_KEY="k",
        FIFTYONE_WANDB_URL="http://server.test",
        FIFTYONE_WANDB_ENTITY="team",
        FIFTYONE_WANDB_PROJECT="default",
    )

    secrets = settings.collect()
    arguments = settings.collect(entity="me", project="mine", directory="/here")

    assert (secrets["api_key"], secrets["base_url"]) == ("k", "http://server.test")
    assert (secrets["entity"], secrets["project"]) == ("team", "default")
    assert (arguments["entity"], arguments["project"], arguments["directory"]) == ("me", "mine", "/here")


def test_secrets_of_fiftyone_stand_in_for_the_environment(environment, active):
    environment(FIFTYONE_WANDB_API_KEY="of this process")

    collected = settings.collect(secret={"FIFTYONE_WANDB_API_KEY": "of FiftyOne"}.get)

    assert collected["api_key"] == "of FiftyOne"
    assert collected["project"] == ""


def test_where_offline_runs_go(environment, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert settings.collect(offline=True)["offline"] is True
    assert settings.offline_directory() == str(tmp_path)
    monkeypatch.setenv("WANDB_DIR", "runs")
    assert settings.offline_directory() == str(tmp_path / "runs")


def test_variables():
    environ = {
        "WANDB_API_KEY": "a",
        "WANDB_BASE_URL": "b",
        "NETRC": "c",
        "https_proxy": "d",
        "NO_PROXY": "e",
        "SSL_CERT_FILE": "f",
        "REQUESTS_CA_BUNDLE": "g",
        "AWS_SECRET_ACCESS_KEY": "not this",
        "PATH": "nor this",
        "FIFTYONE_DATABASE_URI": "nor this",
    }
    assert settings.variables(environ) == {k: v for k, v in environ.items() if not v.endswith("this")}


def test_active_run(environment, active):
    active()

    assert settings.collect(run_id="abc")["active_run"] == {
        "entity": "me",
        "project": "p",
        "run_id": "abc",
        "base_url": "http://wandb.test",
        "offline_directory": "",
    }


def test_no_active_run(environment, active):
    assert settings.active_run() is None
    active()
    sys.modules["wandb"].run = None
    assert settings.active_run() is None
    assert "active_run" not in settings.collect()


def test_active_run_that_cannot_be_read(environment, active):
    class Run:
        @property
        def settings(self):
            raise RuntimeError("this run has finished")

    active()
    sys.modules["wandb"].run = Run()
    assert settings.active_run() is None


@pytest.mark.parametrize("mode", ["offline", "dryrun", "disabled"])
@pytest.mark.parametrize("run_id", ["abc", "another"])
def test_a_run_that_never_leaves_this_machine(environment, active, run_id, mode):
    active(settings=types.SimpleNamespace(base_url="", mode=mode, sync_dir="/runs/offline-run-1-abc"))

    collected = settings.collect(run_id=run_id)

    assert collected["environment"].get("WANDB_MODE") == (mode if run_id == "abc" else None)
    assert collected["active_run"]["offline_directory"] == ("" if mode == "disabled" else "/runs/offline-run-1-abc")
    assert "silent" not in collected["active_run"]


def test_config_of_the_active_run(environment, active):
    run = active()
    assert settings.update_active_config("abc", {"a": 1})
    assert not settings.update_active_config("another", {"b": 1})
    assert run.config == {"a": 1}
