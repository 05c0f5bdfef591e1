"""The surroundings of all Python tests: a FiftyOne of their own, and nobody's W&B login.

The environment is set when this file is loaded, which is before any test imports
FiftyOne, because FiftyOne reads it once. MongoDB is started by the first test that asks.
"""

import atexit
import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from support.byfile import ByFile, summarize
from support.clock import Clock

ROOT = Path(__file__).resolve().parents[1]


# Which browser to use is for the caller to say.
KEPT = {"FIFTYONE_WANDB_CHROMIUM"}


def _keep_caches_of_go():
    # They are below the home directory, and another one would mean to build everything again.
    for name in ("GOCACHE", "GOMODCACHE"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            found = subprocess.run(["go", "env", name], capture_output=True, text=True, check=True)
            os.environ[name] = found.stdout.strip()


def _isolate():
    _keep_caches_of_go()
    home = Path(tempfile.mkdtemp(prefix="wandb-plugin-"))
    for name in set(os.environ) - KEPT:
        if name.startswith(("WANDB_", "FIFTYONE_")) or name == "NETRC":
            del os.environ[name]

    # Where FiftyOne itself puts it. Some releases call the module by the directory.
    plugins = home / "plugins"
    (plugins / "@harpreetsahota").mkdir(parents=True)
    (plugins / "@harpreetsahota" / "wandb").symlink_to(ROOT, target_is_directory=True)
    os.environ.update(
        HOME=str(home),
        XDG_CONFIG_HOME=str(home / ".config"),
        # Nothing listens there: a test that forgets to ask for `fiftyone` fails.
        FIFTYONE_DATABASE_URI="mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=500",
        FIFTYONE_DATABASE_DIR=str(home / "db"),
        FIFTYONE_DEFAULT_DATASET_DIR=str(home / "datasets"),
        FIFTYONE_DATASET_ZOO_DIR=str(home / "zoo"),
        FIFTYONE_PLUGINS_DIR=str(plugins),
        FIFTYONE_DATABASE_VALIDATION="false",
        FIFTYONE_DO_NOT_TRACK="true",
        FIFTYONE_SHOW_PROGRESS_BARS="false",
        # Several test processes share the cores: threads for small matrices and pictures mostly wait for each other.
        OPENBLAS_NUM_THREADS="1",
        OPENCV_FOR_THREADS_NUM="1",
        # Runs of the official package need no list of the packages that are installed: it takes half a second.
        WANDB_X_SAVE_REQUIREMENTS="false",
    )
    return home


HOME = _isolate()

# Shells start what runs in the background with Ctrl-C ignored, and everything started by it, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption(
        "--by-file", action="store_true", help="show which files took the most seconds, with their set-ups"
    )


def pytest_configure(config):
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        config.pluginmanager.register(Clock(config))

    # Where the tests run, which with several processes is not where the summary is written.
    if config.getoption("--by-file") and not config.getoption("numprocesses", None):
        config.pluginmanager.register(ByFile())


# What starts a server. A file of tests may call its own stand-in ``server``.
SERVERS = {"mongod", "replicas", "wandb_server", "server", "chromium"}


def pytest_collection_modifyitems(config, items):
    for item in items:
        if SERVERS.intersection(item.fixturenames):
            item.add_marker("services")

    if hasattr(config, "workerinput"):
        from support import sharing

        items.sort(key=lambda item: sharing.rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.getoption("dist") != "loadfile":
        return None

    from support import sharing

    return sharing.Scheduling(config, log)


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--by-file"):
        summarize(terminalreporter)


def pytest_unconfigure():
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def mongod():
    """The URI of a MongoDB of the tests' own, also for processes that tests start."""
    import services

    with services.mongod(HOME / "db") as uri:
        os.environ["FIFTYONE_DATABASE_URI"] = uri
        yield uri


@pytest.fixture(scope="session")
def fiftyone(mongod):
    """The package fiftyone, which will connect to that MongoDB."""
    import fiftyone as fo
    import fiftyone.core.odm as foo

    fo.config.database_uri = mongod
    yield fo
    # At Python's exit FiftyOne tidies its database up, for which it waits half a minute if that has gone.
    atexit.unregister(foo.database._delete_non_persistent_datasets_if_allowed)


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """A directory with small pictures, and a short video, made for these tests."""
    from support import pictures

    directory = tmp_path_factory.mktemp("media")
    pictures.make(directory)
    return directory


@pytest.fixture(scope="module")
def images(media, fiftyone):
    """A dataset of twelve pictures with labels; see ``support.datasets``."""
    from support import datasets

    dataset = datasets.images(media, persistent=True)
    yield dataset
    dataset.delete()


@pytest.fixture(scope="session")
def data(media, fiftyone):
    """The datasets that views of every kind are made of."""
    from support import views

    made = views.sources(media)
    yield made
    for dataset in made.values():
        dataset.delete()


@pytest.fixture
def operator(fiftyone):
    """Gives an operator of the plugin, loaded by FiftyOne's own loader."""
    import fiftyone.operators as foo

    return lambda name: foo.get_operator(f"@harpreetsahota/wandb/{name}")


@pytest.fixture
def fake_worker(operator, monkeypatch):
    """A worker that does nothing, instead of the real one."""
    from support.fake_worker import FakeWorker, package_of

    package = package_of(operator("log_fiftyone_view_to_wandb"))
    fake = FakeWorker(package)
    importlib.import_module(package + ".lookups").forget()
    monkeypatch.setattr(fake.worker, "run_job", fake.run_job)
    return fake


@pytest.fixture
def lookups(operator, fake_worker):
    """The plugin's module lookups, which has asked nothing yet."""
    from support.fake_worker import module

    lookups = module(operator("log_fiftyone_view_to_wandb"), "lookups")
    yield lookups
    lookups.forget()


@pytest.fixture(scope="session")
def wandb_server(tmp_path_factory):
    """The local stand-in for W&B."""
    import services

    from support.server import Server

    with services.standin(tmp_path_factory.mktemp("standin")) as facts:
        yield Server(facts)


@pytest.fixture
def login(wandb_server, monkeypatch):
    """A login to the stand-in, through FiftyOne's secrets; gives the stand-in."""
    monkeypatch.setenv("FIFTYONE_WANDB_URL", wandb_server.url)
    monkeypatch.setenv("FIFTYONE_WANDB_API_KEY", wandb_server.key)
    monkeypatch.setenv("FIFTYONE_WANDB_ENTITY", wandb_server.entity)
    return wandb_server


@pytest.fixture
def official(wandb_server, monkeypatch, tmp_path):
    """The official wandb package, logged in to the stand-in as a script would be."""
    from support.official import wandb

    for name, value in {
        "WANDB_BASE_URL": wandb_server.url,
        "WANDB_API_KEY": wandb_server.key,
        "WANDB_ENTITY": wandb_server.entity,
        "WANDB_DIR": str(tmp_path),
        "WANDB_CACHE_DIR": str(tmp_path / "cache"),
        "WANDB_DATA_DIR": str(tmp_path / "data"),
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
    }.items():
        monkeypatch.setenv(name, value)

    wandb.teardown()  # it keeps the settings of whoever used it before
    yield wandb
    wandb.teardown()
