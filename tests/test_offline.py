"""W&B's other modes: offline runs, which `wandb sync` and the plugin itself upload, and "disabled"."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from bson import ObjectId

from support import datasets
from support.background import workers
from support.shell import contents, shell
from support.waiting import wait_for


@pytest.fixture
def server(login, monkeypatch, tmp_path):
    """The stand-in, the official package's login to it, and a directory of the caller."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name, value in {
        "WANDB_BASE_URL": login.url,
        "WANDB_API_KEY": login.key,
        "WANDB_CACHE_DIR": str(tmp_path / "cache"),
        "WANDB_DATA_DIR": str(tmp_path / "data"),
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_SILENT": "true",
    }.items():
        monkeypatch.setenv(name, value)

    yield login
    login.heal()


@pytest.fixture
def log(operator):
    return operator("log_fiftyone_view_to_wandb")


@pytest.fixture
def sync(operator):
    return operator("sync_wandb_offline")


def new_name():
    return f"data_{str(ObjectId())[-8:]}"


def versions(server, name):
    return [artifact for artifact in server.artifacts() if artifact["collection"] == name]


def uploaded(server, name, command, count=1):
    """Runs a line, and looks whether the artifact has so many versions then: `wandb sync` reports success in any case."""
    shell(command)
    assert len(versions(server, name)) == count


@pytest.mark.parametrize("how", ["variable", "dryrun", "settings", "argument"])
def test_wandb_sync_uploads_the_same_artifact(log, server, images, monkeypatch, tmp_path, how):
    """The same rows, files and digest as online, read by the official package."""
    name, view = new_name(), images.match_tags("train")
    options = {"include_labels": True, "artifact_name": name, "aliases": "good", "tags": "seen"}
    logged_online = log(view, project="on", **options)
    given = {}
    if how == "settings":
        Path("wandb").mkdir()
        Path("wandb/settings").write_text("[default]\nmode = offline\n")
    elif how == "argument":
        given["offline"] = True
    else:
        monkeypatch.setenv("WANDB_MODE", {"variable": "offline"}.get(how, how))

    result = log(view, project="off", run_id=f"{how}-run", **options, **given)

    assert (result["success"], result["logged"], result["samples_logged"]) == (True, True, 4)
    assert (result["wandb_url"], result["artifact_version"]) == (None, None)
    directory = Path(result["offline_directory"])
    assert directory.parent == tmp_path / "work" / "wandb"
    assert directory.name.endswith(f"-{how}-run")
    assert result["sync_command"] == f"cd {tmp_path / 'work'} && wandb sync wandb/{directory.name}"
    assert sorted(path.name for path in directory.parent.iterdir() if path.name != "settings") == [directory.name]
    assert server.run(f"{how}-run") is None, "nothing was sent"

    if how == "settings":
        Path("wandb/settings").unlink()
    uploaded(server, name, result["sync_command"], count=2)

    online, offline = versions(server, name)
    assert offline["digest"] == online["digest"]
    changes = "dataset_last_modified_at"  # FiftyOne's record of the first call changed it
    assert offline["metadata"] | {changes: ""} == online["metadata"] | {changes: ""}
    assert {"latest", "good"} <= set(offline["aliases"])
    run = server.run(f"{how}-run")
    assert run["state"] == "finished"
    assert run["config"]["fiftyone_view_size"]["value"] == 4
    assert run["summary"]["samples"]["nrows"] == 4
    monkeypatch.delenv("WANDB_MODE", raising=False)

    from support.official import wandb

    api = wandb.Api()
    both = [api.artifact(f"{server.entity}/{project}/{name}:latest") for project in ("on", "off")]
    first, second = (contents(one.download(str(tmp_path / one.project))) for one in both)
    assert first == second
    assert "samples.table.json" in first
    assert both[1].logged_by().id == f"{how}-run"
    assert logged_online["new_version"]


def test_a_directory_that_was_moved(log, server, images, tmp_path):
    """To another machine, say, where no absolute path of the first is right."""
    name = new_name()
    result = log(images, project="moved", artifact_name=name, include_labels=True, offline=True)
    elsewhere = tmp_path / "other machine"
    shutil.move(tmp_path / "work" / "wandb", elsewhere / "wandb")
    directory = Path(result["offline_directory"]).name
    uploaded(server, name, f"cd '{elsewhere}' && wandb sync wandb/{directory}")

    second = log(images, project="moved", artifact_name=name, offline=True)
    moved = elsewhere / "alone"
    shutil.move(second["offline_directory"], moved / Path(second["offline_directory"]).name)
    uploaded(server, name, f"cd '{moved}' && wandb sync {Path(second['offline_directory']).name}", count=2)


def test_our_own_upload(log, sync, server, images, tmp_path):
    name = new_name()
    result = log(images, project="own", artifact_name=name, include_labels=True, offline=True, tags=["seen"])
    shutil.move(result["offline_directory"], tmp_path / "taken along")

    done = sync(tmp_path / "taken along")
    again = sync(tmp_path / "taken along")

    assert (done["success"], done["artifact_version"], done["new_version"]) == (True, "v0", True)
    assert done["wandb_url"].endswith(f"/own/runs/{result['run_id']}")
    assert (again["artifact_version"], again["new_version"], again["bytes_uploaded"]) == ("v0", False, 0)
    run = server.run(result["run_id"])
    assert run["state"] == "finished"
    assert run["config"]["fiftyone_view_size"]["value"] == 12
    assert run["summary"]["samples"]["nrows"] == 12
    marks = [path.name for path in (tmp_path / "taken along").glob("*.synced")]
    assert marks == [f"run-{result['run_id']}.wandb.synced"]
    assert "wandb sync" not in shell(f"wandb sync '{tmp_path / 'taken along'}'")
    assert len(versions(server, name)) == 1


def test_predictions(operator, sync, server, images):
    options = {"model_name": "m", "predictions_field": "predictions", "artifact_name": new_name()}
    log = operator("log_model_predictions")
    online = log(images, project="predictions", include_images=True, **options)
    result = log(images, project="predictions2", include_images=True, offline=True, **options)
    sync(result["offline_directory"])
    shell(f"{result['sync_command']} --include-synced")
    digests = [artifact["digest"] for artifact in versions(server, options["artifact_name"])]
    assert online["total_predictions"] == result["total_predictions"]
    assert len(digests) == 2
    # The time of the call is in the metadata alone.
    assert len(set(digests)) == 1


@pytest.mark.parametrize("damage", ["changed", "gone", "cut", "foreign", "missing"])
def test_a_directory_that_is_not_whole(log, sync, server, images, damage):
    name = new_name()
    directory = Path(log(images, project="bad", artifact_name=name, offline=True)["offline_directory"])
    files = sorted(path for path in (directory / "artifact").rglob("*") if path.is_file())
    spec = directory / "fiftyone-artifact.jsonl"
    if damage == "changed":
        files[0].chmod(0o600)
        files[0].write_bytes(b"x" * files[0].stat().st_size)
    elif damage == "gone":
        files[0].unlink()
    elif damage == "cut":
        os.truncate(spec, spec.stat().st_size - 10)
    elif damage == "foreign":
        spec.unlink()
    else:
        shutil.rmtree(directory)

    with pytest.raises(RuntimeError) as caught:
        sync(directory)

    expected = {"foreign": "not_offline", "missing": "not_found"}.get(damage, "offline_changed")
    assert caught.value.code == expected
    assert str(directory) in str(caught.value)
    assert versions(server, name) == []
    assert not list(directory.glob("*.synced"))


def test_what_failed_is_not_marked_as_synced(log, sync, server, images):
    """Unlike by `wandb sync`, which says that it succeeded."""
    name = new_name()
    result = log(images, project="bad", artifact_name=name, offline=True)
    server.fault(kind="graphql", operation="CreateArtifact", mode="status", status=403, count=-1)
    with pytest.raises(RuntimeError):
        sync(result["offline_directory"])

    assert not list(Path(result["offline_directory"]).glob("*.synced"))
    server.heal()
    assert sync(result["offline_directory"])["new_version"]


def test_a_killed_writer_leaves_no_half_directory(log, images, server, media):
    """What it has written goes with the next call."""
    one = log(images, project="killed", artifact_name=new_name(), offline=True)
    root = Path(one["offline_directory"]).parent

    def kill():
        wait_for(lambda: list(root.glob("fiftyone-wandb-spool-*")))
        for worker in workers():
            worker.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(RuntimeError, match="ended in the middle of the job"):
        log(datasets.slow(images), project="killed", artifact_name=new_name(), offline=True)

    thread.join()
    for directory in root.glob("offline-run-*"):
        assert (directory / "fiftyone-artifact.jsonl").is_file()
        assert list(directory.glob("run-*.wandb"))

    log(images, project="killed", artifact_name=new_name(), offline=True)
    assert [path for path in root.iterdir() if not path.name.startswith("offline-run-")] == []


def test_a_place_that_cannot_be_written_to(log, server, images, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "file"))
    with pytest.raises(RuntimeError, match="Set WANDB_DIR to a directory that you can write to") as caught:
        log(images, project="p", offline=True)

    assert caught.value.code == "offline_directory"


@pytest.fixture
def disk(tmp_path):
    """Mounts a disk of its own, with options of mount(8)."""
    place, program = tmp_path / "disk", shutil.which("mount")
    place.mkdir()

    def mount(options):
        command = [program, "-t", "tmpfs", "-o", options, "none", str(place)]
        if program is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("only root can mount a small disk here")

        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(log, server, images, disk, monkeypatch):
    place = disk("size=40k")
    monkeypatch.setenv("WANDB_DIR", str(place))
    for options in (
        {"include_labels": True, "include_images": True},
        {"include_images": True, "image_mode": "original"},
    ):
        with pytest.raises(
            RuntimeError, match="no space left to write the offline run at .* Nothing was written"
        ) as caught:
            log(images, project="p", offline=True, **options)

        assert caught.value.code == "no_space"
        assert list(place.iterdir()) == [], "what was begun is gone, and the disk as it was"


def test_a_disk_that_cannot_be_written_to(log, sync, server, images, disk, monkeypatch):
    """An offline run on it is uploaded all the same."""
    place, name = disk("size=4m"), new_name()
    monkeypatch.setenv("WANDB_DIR", str(place))
    written = log(images, project="p", artifact_name=name, include_labels=True, offline=True)
    disk("remount,ro")

    with pytest.raises(RuntimeError, match="Set WANDB_DIR to a directory that you can write to") as caught:
        log(images, project="p", offline=True)

    assert caught.value.code == "offline_directory"
    done = sync(written["offline_directory"])
    assert done["new_version"]
    assert [warning["code"] for warning in done["warnings"]] == ["not_marked"]
    assert not sync(written["offline_directory"])["new_version"]


def test_a_dry_run_writes_nothing(log, server, images):
    result = log(images, project="p", offline=True, dry_run=True)
    assert (result["dry_run"], result["rows"]) == (True, 12)
    assert result["files_to_upload"] > 0
    assert not Path("wandb").exists()


def test_the_offline_run_that_is_active_here(log, server, images, official, monkeypatch, tmp_path):
    """W&B's own client writes the artifact, into the directory of its own run."""
    name = new_name()
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    with official.init(project="active", mode="offline", config={"lr": 0.1}) as run:
        run.log({"loss": 1.0})
        result = log(images, project="active", run_id=run.id, artifact_name=name, include_labels=True, aliases="good")
        assert run.config["fiftyone_view_size"] == 12
        directory = run.settings.sync_dir

    assert result["offline_directory"] == directory
    online = log(images, project="online", artifact_name=name, include_labels=True)
    assert online["new_version"]
    shell(result["sync_command"])
    first, second = sorted(versions(server, name), key=lambda artifact: artifact["project"])
    assert first["digest"] == second["digest"]
    assert "good" in first["aliases"]
    state = server.run(run.id)
    assert state["summary"]["loss"] == 1.0
    assert state["config"]["fiftyone_view_size"]["value"] == 12


@pytest.mark.parametrize("name", ["log_fiftyone_view_to_wandb", "log_model_predictions"])
def test_disabled(operator, server, images, monkeypatch, name):
    """A script under test runs through."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    before = len(server.runs()), len(server.artifacts()), set(images.list_runs())
    options = {} if "view" in name else {"model_name": "m", "predictions_field": "predictions"}
    result = operator(name)(images, project="p", offline=True, **options)

    assert (result["success"], result["logged"]) == (True, False)
    assert [warning["code"] for warning in result["warnings"]] == ["disabled"]
    assert (len(server.runs()), len(server.artifacts()), set(images.list_runs())) == before
    assert list(Path.cwd().iterdir()) == []


def test_a_link_while_switched_off(operator, server, images, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    result = operator("log_wandb_run")(images, project_name="p", run_id="some-run")
    assert (result["success"], result["logged"], len(result["warnings"])) == (True, False, 1)


def test_what_needs_the_server_says_so(operator, server, images, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    with pytest.raises(RuntimeError, match="but this has to reach the server") as caught:
        operator("load_view_from_wandb")(images, project="p", artifact="a:v0")

    assert caught.value.code == "offline"


def test_a_downloaded_artifact_is_loaded_without_a_server(operator, log, server, images, tmp_path, monkeypatch):
    from support.official import wandb

    name = new_name()
    view = images.match_tags("train").sort_by("number", reverse=True)
    log(view, project="down", artifact_name=name)
    directory = Path(wandb.Api().artifact(f"{server.entity}/down/{name}:latest").download(str(tmp_path / f"{name}:v0")))
    monkeypatch.setenv("FIFTYONE_WANDB_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("FIFTYONE_WANDB_API_KEY")
    monkeypatch.setenv("WANDB_MODE", "offline")
    load = operator("load_view_from_wandb")

    loaded, report = load(images, artifact=str(directory), with_report=True)
    monkeypatch.chdir(directory.parent)
    again = load(images, artifact=directory.name, by_ids=True)

    assert loaded.values("id") == view.values("id")
    assert (report["way"], report["gone"], report["artifact_name"]) == ("stages", 0, f"{name}:v0")
    assert sorted(again.values("id")) == sorted(view.values("id"))
    ids = directory / "fiftyone" / "sample_ids.txt"
    os.truncate(ids, 30)
    with pytest.raises(RuntimeError, match="sample_ids.txt") as caught:
        load(images, artifact=str(directory), by_ids=True)

    assert caught.value.code == "bad_artifact"


def test_the_key_is_not_in_an_offline_run(log, server, images):
    directory = Path(log(images, project="p", include_labels=True, offline=True)["offline_directory"])
    texts = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    assert len(texts) > 4
    assert not [text for text in texts if server.key.encode() in text]
    described = json.loads((directory / "fiftyone-artifact.jsonl").read_text().splitlines()[0])
    assert described["run"]["project"] == "p"


def test_the_form_offers_what_waits(images, log, sync, server):
    from fiftyone.operators.executor import ExecutionContext

    def form():
        return sync.resolve_input(ExecutionContext({"params": {}})).to_json()["type"]["properties"]

    assert "no offline run to upload" in str(form()["waiting"])
    written = log(images, project="p", offline=True)["offline_directory"]
    drawn = form()
    assert "one offline run to upload" in str(drawn["waiting"])
    assert drawn["directory"]["default"] == written
    assert [choice["value"] for choice in drawn["directory"]["view"]["choices"]] == [written]
    sync(written)
    assert "no offline run to upload" in str(form()["waiting"])
