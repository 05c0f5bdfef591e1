"""The whole chain: the real FiftyOne, MongoDB and worker, the stand-in for W&B, and the official package to read back."""

import sys

import fiftyone as fo
import pytest
import services

from support import datasets
from tests.e2e.common import PROJECT, new_id
from tests.e2e.reading import Reader
from tests.e2e.server import Server


@pytest.fixture(scope="session")
def e2e_server(tmp_path_factory):
    """A stand-in with a second team, and one that is closed to the key."""
    directory = tmp_path_factory.mktemp("e2e-standin")
    with services.standin(directory, "--teams", "team", "--forbidden", "closed-team") as facts:
        yield Server(facts, directory)


@pytest.fixture(scope="module")
def module_environment():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def login(e2e_server, module_environment, tmp_path_factory):
    """FiftyOne's secrets lead to the stand-in, and so does the official package."""
    home = tmp_path_factory.mktemp("wandb")
    for name, value in {
        "FIFTYONE_WANDB_URL": e2e_server.url,
        "FIFTYONE_WANDB_API_KEY": e2e_server.key,
        "FIFTYONE_WANDB_ENTITY": e2e_server.entity,
        "WANDB_BASE_URL": e2e_server.url,
        "WANDB_API_KEY": e2e_server.key,
        "WANDB_ARTIFACT_DIR": home / "artifacts",
        "WANDB_CACHE_DIR": home / "cache",
        "WANDB_CONFIG_DIR": home / "config",
        "WANDB_DATA_DIR": home / "data",
        "WANDB_DIR": home,
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB__DISABLE_STATS": "true",
        "WANDB_DISABLE_CODE": "true",
        "WANDB_DISABLE_GIT": "true",
    }.items():
        module_environment.setenv(name, str(value))


@pytest.fixture
def server(e2e_server, login):
    """The stand-in, without the faults that an earlier test may have left."""
    yield e2e_server
    e2e_server.heal()


@pytest.fixture
def read(server):
    """Reads artifacts with the official package."""
    return Reader(server, PROJECT)


@pytest.fixture
def log_view(operator, server):
    """Logs a view, by default to a new run and under a new name."""

    def log(samples, **kwargs):
        defaults = {"project": PROJECT, "run_id": new_id(), "artifact_name": f"a{new_id()}"}
        return operator("log_fiftyone_view_to_wandb")(samples, **{**defaults, **kwargs})

    return log


@pytest.fixture
def load_view(operator, server):
    """Loads what was logged, with a report."""

    def load(view, result):
        artifact = f"{result['artifact_name']}:{result['artifact_version']}"
        return operator("load_view_from_wandb")(view._root_dataset, PROJECT, artifact, with_report=True)

    return load


@pytest.fixture
def log_predictions(operator, server):
    """Logs predictions, by default under a new name."""

    def log(samples, field, **kwargs):
        defaults = {"model_name": "model", "project": PROJECT, "artifact_name": f"p{new_id()}"}
        return operator("log_model_predictions")(samples, predictions_field=field, **{**defaults, **kwargs})

    return log


@pytest.fixture
def dataset(fiftyone):
    """Makes datasets that are gone after the test."""
    made = []

    def make(samples, **kwargs):
        one = fo.Dataset(f"e2e-{new_id()}", **kwargs)
        made.append(one)
        one.add_samples(samples, dynamic=True)
        return one

    yield make
    for one in made:
        if not one.deleted:
            one.delete()


@pytest.fixture
def python():
    """The command that runs a program of this directory in a Python of its own."""

    def command(name, *arguments):
        return [sys.executable, "-m", f"tests.e2e.programs.{name}", *arguments]

    return command


@pytest.fixture
def rows(media, fiftyone, tmp_path):
    """A dataset of five parts of ten rows, for workers to share: its order is not that of its ids, a column has two types, and its media can go away."""
    (tmp_path / "media").symlink_to(media, target_is_directory=True)
    dataset = datasets.images(tmp_path / "media", persistent=True)
    first = dataset.first()
    for n in range(47 - len(dataset)):
        dataset.add_sample(fo.Sample(filepath=first.filepath, number=100 - n, tags=["train"]))
    yield dataset
    if fo.dataset_exists(dataset.name):
        dataset.delete()
