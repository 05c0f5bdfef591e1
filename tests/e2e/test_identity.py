"""Who the requests and runs belong to: W&B's variables, an access proxy before the server, registries of an organization."""

import pytest
import services

from support import datasets
from support.official import wandb
from tests.e2e.common import PROJECT, new_id
from tests.e2e.reading import Reader
from tests.e2e.server import Server

TOKEN = f"canary{new_id()}"


@pytest.fixture(scope="module")
def images(media, fiftyone):
    dataset = datasets.images(media, n=4, persistent=True)
    yield dataset
    dataset.delete()


@pytest.fixture
def named(monkeypatch):
    """What W&B's variables say of new runs."""
    for name, value in {
        "WANDB_RUN_GROUP": "nightly",
        "WANDB_JOB_TYPE": "dataset-view",
        "WANDB_TAGS": "one,two words",
        "WANDB_NAME": "the view of tonight",
        "WANDB_NOTES": "made by a service",
        "WANDB_HOST": "h" * 70,
        "WANDB_PROGRAM": "nightly.py",
        "WANDB_USERNAME": "alice",
        "WANDB_USER_EMAIL": "alice@example.com",
    }.items():
        monkeypatch.setenv(name, value)


def test_runs_that_we_make(images, log_view, server, read, named):
    result = log_view(images)

    run = read.run(result)
    assert (run.group, run.job_type, run.name, run.notes) == (
        "nightly",
        "dataset-view",
        "the view of tonight",
        "made by a service",
    )
    assert sorted(run.tags) == ["one", "two words"]
    assert run.user.username == "alice"
    stored = server.run(result["run_id"])
    assert (stored["host"], stored["program"]) == ("h" * 64, "nightly.py")


def test_runs_that_are_there_stay_as_they_are(images, log_view, server, read, named, monkeypatch):
    run_id = new_id()
    with monkeypatch.context() as without:
        for name in ("WANDB_RUN_GROUP", "WANDB_JOB_TYPE", "WANDB_TAGS", "WANDB_NAME", "WANDB_NOTES", "WANDB_USERNAME"):
            without.delenv(name)
        log_view(images, run_id=run_id)
    before = server.run(run_id)

    result = log_view(images, run_id=run_id)

    after = server.run(run_id)
    for key in ("group", "job_type", "tags", "display_name", "notes"):
        assert after[key] == before[key]
    assert not after["group"]
    assert read.run(result).user.username == server.entity


def test_what_the_server_would_refuse_is_said_before(images, log_view, server, monkeypatch):
    server.count()
    for name, words in {"WANDB_JOB_TYPE": "65 characters, and W&B allows 64", "WANDB_TAGS": "WANDB_TAGS"}.items():
        with monkeypatch.context() as changed:
            changed.setenv(name, "x" * 65)
            with pytest.raises(RuntimeError, match=words) as caught:
                log_view(images)
        assert caught.value.code == "bad_name"

    assert "CreateRun" not in server.stats()["requests"]


def test_the_settings_file_that_named_the_place_is_said(images, operator, server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "own"))
    project = f"p{new_id()}"
    file = tmp_path / "wandb" / "settings"
    file.parent.mkdir()
    file.write_text(f"[default]\nproject = {project}\n")
    log_view = operator("log_fiftyone_view_to_wandb")

    result = log_view(images)
    assert (result["project"], result["settings_files"], result["warnings"]) == (project, [str(file)], [])
    assert log_view(images, dry_run=True)["settings_files"] == [str(file)]
    assert log_view(images, project=PROJECT)["settings_files"] == []

    linked = operator("log_wandb_run")(images, run_id=result["run_id"])
    assert linked["settings_files"] == [str(file)]
    artifact = f"{result['artifact_name']}:{result['artifact_version']}"
    _, report = operator("load_view_from_wandb")(images, artifact=artifact, with_report=True)
    assert report["settings_files"] == [str(file)]


def test_behind_an_access_proxy(images, log_view, load_view, server, monkeypatch):
    """The API, uploads and downloads: whatever lacks the header gets the proxy's page."""
    server.limit(access_header=f"X-Access: {TOKEN}")
    try:
        with pytest.raises(RuntimeError) as caught:
            log_view(images)
        assert caught.value.code != "no_permission", "a proxy's refusal is not W&B's"

        monkeypatch.setenv("WANDB__EXTRA_HTTP_HEADERS", f'{{"X-Access": "{TOKEN}"}}')
        server.count()
        result = log_view(images.limit(3), include_labels=True)
        loaded, report = load_view(images.view(), result)
        assert (len(loaded), report["gone"]) == (3, 0)
        assert server.stats()["refusals"] == []
    finally:
        server.limit(access_header="")


@pytest.fixture(scope="module")
def registries(tmp_path_factory, fiftyone):
    """A stand-in whose user and team belong to an organization."""
    directory = tmp_path_factory.mktemp("registry-standin")
    with services.standin(directory, "--teams", "team", "--organizations", "acme-org") as facts:
        yield Server(facts, directory)


@pytest.mark.parametrize("prefix", ["", "acme-org Inc./", "acme-org/"])
def test_registries(images, registries, operator, login, monkeypatch, prefix):
    for name in ("FIFTYONE_WANDB_URL", "WANDB_BASE_URL"):
        monkeypatch.setenv(name, registries.url)
    for name in ("FIFTYONE_WANDB_API_KEY", "WANDB_API_KEY"):
        monkeypatch.setenv(name, registries.key)
    monkeypatch.setenv("FIFTYONE_WANDB_ENTITY", registries.entity)
    read = Reader(registries, PROJECT)
    collection = f"views{new_id()}"
    log_view = operator("log_fiftyone_view_to_wandb")
    logged = [log_view(images.limit(n), PROJECT, new_id(), artifact_name="train") for n in (1, 2, 3)]
    for result, aliases in ((logged[2], None), (logged[1], ["prod"])):
        read.artifact(result).link(f"wandb-registry-data/{collection}", aliases)
    reference = f"{prefix}wandb-registry-data/{collection}"
    official = wandb.Api(overrides={"base_url": registries.url, "entity": registries.entity}).artifact(
        f"{reference}:prod"
    )
    assert official.version == "v1"

    load = operator("load_view_from_wandb")
    for alias, (size, version) in {"v0": (3, 0), "v1": (2, 1), "prod": (2, 1), "latest": (2, 1)}.items():
        view, report = load(images, PROJECT, f"{reference}:{alias}", with_report=True)
        assert len(view) == size, alias
        assert report["artifact_name"] == f"{collection}:v{version}"
        assert report["artifact_url"].startswith(f"{registries.url}/orgs/acme-org%20Inc./registry/data?")
        assert f"version=v{version}" in report["artifact_url"]

    result = operator("log_model_predictions")(
        images, model_name="m", predictions_field="predictions", project=PROJECT, input_artifact=f"{reference}:prod"
    )
    used = read.run(result).used_artifacts()
    assert [a.digest for a in used] == [official.digest]
