"""The official wandb package logs to the local stand-in and reads from it, as it would with W&B."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error

import numpy as np
import pytest

from support.waiting import SECONDS

PROJECT = "official"


@pytest.fixture
def api(wandb, server):
    return wandb.Api(overrides={"entity": server.entity, "project": PROJECT}, timeout=SECONDS)


@pytest.fixture(scope="module")
def logged(wandb, server):
    """A finished run with a history, a table with boxes and masks, and a dataset of two versions."""
    labels = {0: "background", 1: "cat", 2: "dog"}
    table = wandb.Table(columns=["id", "score", "picture"])
    for i in range(3):
        pixels = np.full((30, 40, 3), 60 * i, np.uint8)
        box = {"position": {"minX": 0.1, "maxX": 0.5, "minY": 0.2, "maxY": 0.6}, "class_id": 1 + i % 2}
        mask = np.zeros((30, 40), np.uint8)
        mask[5:20, 5:20] = 2
        picture = wandb.Image(
            pixels,
            boxes={
                "truth": {
                    "box_data": [{**box, "box_caption": "cat", "scores": {"confidence": 0.5}}],
                    "class_labels": labels,
                }
            },
            masks={"predicted": {"mask_data": mask, "class_labels": labels}},
        )
        table.add_data(f"s{i}", i / 4, picture)
    with wandb.init(
        project=PROJECT, name="a title", config={"lr": 0.25, "deep": {"er": 1}}, tags=["one"], notes="n"
    ) as run:
        for step in range(10):
            run.log({"loss": 1 / (step + 1), "nested": {"value": step}, "gap": float("nan") if step == 5 else step})
        run.log({"samples": table})
        for version in range(2):
            artifact = wandb.Artifact(
                "data", type="dataset", metadata={"version": version}, description=f"number {version}"
            )
            artifact.add(table, "samples")
            with artifact.new_file("notes/readme.txt") as file:
                file.write(f"version {version}")
            with artifact.new_file("notes/same.txt") as file:
                file.write("the same in both versions")
            run.log_artifact(artifact, aliases=["best"] if version == 0 else None, tags=["checked"]).wait()
    return run


def state_of(server, name):
    return next(r for r in server.state()["runs"] if r["name"] == name)


def test_run_is_read_back(api, logged):
    run = api.run(logged.id)
    assert (run.state, run.name, run.tags, run.notes) == ("finished", "a title", ["one"], "n")
    assert run.config == {"lr": 0.25, "deep": {"er": 1}}
    assert run.summary["loss"] == pytest.approx(0.1)
    assert run.summary["samples"]["nrows"] == 3
    assert run.lastHistoryStep == 10


def test_history_is_read_back(api, logged):
    run = api.run(logged.id)
    losses = [row["loss"] for row in run.scan_history(keys=["loss"])]
    assert losses == pytest.approx([1 / (n + 1) for n in range(10)])
    assert len(list(run.scan_history())) == 11
    sampled = run.history(keys=["loss", "nested.value"], samples=5, pandas=False)
    assert len(sampled) == 5
    assert sampled[0]["loss"] == 1
    assert sampled[-1]["nested.value"] == 9


def test_artifact_is_read_back_cell_by_cell(api, logged, tmp_path):
    artifact = api.artifact("data:latest", type="dataset")
    assert (artifact.version, artifact.aliases, artifact.tags) == ("v1", ["latest"], ["checked"])
    assert artifact.metadata == {"version": 1}
    assert artifact.description == "number 1"
    table = artifact.get("samples")
    assert table.columns == ["id", "score", "picture"]
    assert [row[:2] for row in table.data] == [["s0", 0.0], ["s1", 0.25], ["s2", 0.5]]
    picture = table.data[2][2]
    assert picture._boxes["truth"]._val[0]["scores"] == {"confidence": 0.5}
    assert picture.image.size == (40, 30)
    assert picture.image.getpixel((0, 0)) == (120, 120, 120)
    directory = artifact.download(root=str(tmp_path))
    assert (tmp_path / "notes" / "readme.txt").read_text() == "version 1"
    artifact.verify(root=directory)


def test_versions_share_what_did_not_change(api, server, logged):
    first, second = (a for a in server.state()["artifacts"] if a["collection"] == "data")
    assert second["files"]["notes/same.txt"] == first["files"]["notes/same.txt"]
    assert second["files"]["notes/same.txt"]["birth"] == first["id"]
    assert second["files"]["notes/readme.txt"]["birth"] == second["id"]
    assert [a.version for a in api.artifacts("dataset", "data")] == ["v1", "v0"]
    assert api.artifact("data:best").version == "v0"


def test_same_content_makes_no_new_version(wandb, api, server, logged):
    before = server.stats()["bytes_up"]
    with wandb.init(project=PROJECT) as run:
        artifact = wandb.Artifact("data", type="dataset", metadata={"version": "other"})
        artifact.add(api.artifact("data:latest").get("samples"), "samples")
        with artifact.new_file("notes/readme.txt") as file:
            file.write("version 1")
        with artifact.new_file("notes/same.txt") as file:
            file.write("the same in both versions")
        artifact = run.log_artifact(artifact, aliases=["again"]).wait()
        assert artifact.version == "v1"
    assert {"again", "latest"} <= set(api.artifact("data:v1").aliases)
    assert [a.name for a in api.run(run.id).logged_artifacts()] == ["data:v1"]
    assert server.stats()["bytes_up"] - before < 20_000, "only the run's own small files"


def test_lineage(wandb, api, logged):
    with wandb.init(project=PROJECT, job_type="evaluate") as run:
        used = run.use_artifact("data:best")
        assert used.get("samples").data[1][0] == "s1"
    artifact = api.artifact("data:v0")
    assert artifact.logged_by().id == logged.id
    assert [r.id for r in artifact.used_by()] == [run.id]
    assert [a.name for a in api.run(run.id).used_artifacts()] == ["data:v0"]
    assert "data:v1" in [a.name for a in api.run(logged.id).logged_artifacts()]


def test_artifact_changes_later(wandb, api, logged):
    artifact = api.artifact("data:v0")
    artifact.metadata["added"] = [1, 2]
    artifact.description = "better words"
    artifact.aliases.append("golden")
    artifact.tags = ["checked", "twice"]
    artifact.save()
    again = api.artifact("data:golden")
    assert (again.version, again.metadata, again.description) == ("v0", {"version": 0, "added": [1, 2]}, "better words")
    assert sorted(again.tags) == ["checked", "twice"]
    again.aliases.remove("golden")
    again.save()
    with pytest.raises(wandb.errors.CommError, match="golden"):
        api.artifact("data:golden")


def test_resume_goes_on(wandb, api, server, logged):
    with wandb.init(project=PROJECT, id=logged.id, resume="must", config={"more": True}) as run:
        run.log({"loss": 7})
    again = api.run(logged.id)
    assert again.config == {"lr": 0.25, "deep": {"er": 1}, "more": True}
    assert [row["loss"] for row in again.scan_history(keys=["loss"])][-1] == 7
    assert state_of(server, logged.id)["states"] == ["running", "finished", "running", "finished"]
    with pytest.raises(wandb.errors.UsageError), wandb.init(project=PROJECT, id="neverwas", resume="must"):
        pass


def test_failed_run(wandb, api):
    with pytest.raises(ZeroDivisionError), wandb.init(project=PROJECT) as run:
        1 / 0  # noqa: B018
    assert api.run(run.id).state == "failed"


def test_a_program_ends_its_run_itself(server, logged):
    """A program that a test starts does not find the helper process of the tests."""
    subprocess.run([sys.executable, "-c", f"import wandb; wandb.init(project={PROJECT!r}, id='program')"], check=True)
    assert state_of(server, "program")["states"] == ["running", "finished"]


def test_listings(wandb, api, server, logged):
    assert PROJECT in [p.name for p in api.projects()]
    assert logged.id in [r.id for r in api.runs(filters={"tags": "one"})]
    assert [r.id for r in api.runs(filters={"$and": [{"config.lr": {"$gte": 0.2}}, {"state": "finished"}]})] == [
        logged.id
    ]
    assert [r.id for r in api.runs(filters={"display_name": {"$regex": "^a t"}})] == [logged.id]
    assert not list(api.runs(filters={"summary_metrics.loss": {"$gt": 100}}))
    created = [r.created_at for r in api.runs(order="+created_at")]
    assert created == sorted(created)
    types = {t.name: t for t in api.artifact_types()}
    assert {"dataset", "run_table"} <= set(types)
    assert [c.name for c in types["dataset"].collections()][0] == "data"
    assert api.artifact_collection("dataset", "data").aliases
    assert sorted(f.name for f in api.artifact("data:v0").files(names=["notes/readme.txt"])) == ["notes/readme.txt"]
    assert api.artifact_exists("data:v1")
    assert not api.artifact_exists("data:v99")


def test_table_in_the_workspace(api, logged):
    """What run.log made of the table: a file of the run, and an artifact of type run_table."""
    run = api.run(logged.id)
    value = run.summary["samples"]
    with run.file(value["path"]).download(replace=True) as file:
        assert json.load(file)["data"][0][:2] == ["s0", 0.0]
    names = [a.name for a in run.logged_artifacts() if a.type == "run_table"]
    assert names == [f"run-{logged.id}-samples:v0"]


def test_public_api_changes_a_run(api, logged):
    run = api.run(logged.id)
    run.tags.append("two")
    run.config["later"] = 1
    run.summary["best"] = 0.75
    run.update()
    again = api.run(logged.id)
    assert sorted(again.tags) == ["one", "two"]
    assert (again.config["later"], again.summary["best"], again.state) == (1, 0.75, "finished")


def test_reports_are_listed(api, server, logged):
    document = """mutation Upsert($input: UpsertViewInput!) { upsertView(input: $input) { view { id } inserted } }"""
    spec = json.dumps({"blocks": [{"type": "paragraph", "children": [{"text": "Words of the report."}]}]})
    view = {
        "entityName": server.entity,
        "projectName": PROJECT,
        "displayName": "What & why?",
        "description": "d",
        "spec": spec,
    }
    server.graphql(document, {"input": view}, server.key)
    (report,) = api.reports(f"{server.entity}/{PROJECT}")
    assert (report.display_name, report.description) == ("What & why?", "d")
    assert report.url.startswith(server.url)


def test_links_lead_somewhere(api, server, logged):
    """The addresses that the package prints are pages of the stand-in."""
    run, artifact = api.run(logged.id), api.artifact("data:best")
    (report,) = api.reports(f"{server.entity}/{PROJECT}")
    for url in [run.url, artifact.url, report.url, logged.project_url]:
        assert url.startswith(server.url)
    assert "a title" in server.page(run.url)
    assert "data:v0" in server.page(artifact.url)
    assert "Words of the report." in server.page(report.url)
    table = server.page(artifact.url + "/files/samples.table.json")
    assert table.count('<image href="') == 3
    assert table.count("<rect ") == 3


def test_partitioned_table(wandb, api):
    with wandb.init(project=PROJECT) as run:
        artifact = wandb.Artifact("parts", type="dataset")
        for part in range(3):
            artifact.add(wandb.Table(columns=["n"], data=[[part * 2], [part * 2 + 1]]), f"table_parts/part-{part}")
        artifact.add(wandb.data_types.PartitionedTable("table_parts"), "table")
        run.log_artifact(artifact).wait()
    rows = [row for _, row in api.artifact("parts:latest").get("table").iterrows()]
    assert rows == [[n] for n in range(6)]


def test_references_and_many_files(wandb, api, tmp_path):
    for n in range(300):
        (tmp_path / f"{n:03}.txt").write_text(f"file {n}")
    with wandb.init(project=PROJECT) as run:
        artifact = wandb.Artifact("many", type="dataset")
        artifact.add_dir(str(tmp_path), name="files")
        artifact.add_reference("s3://bucket/key", checksum=False)
        artifact.add_reference(
            api.artifact("parts:v0").get_entry("table_parts/part-0.table.json").ref_url(), name="linked.json"
        )
        run.log_artifact(artifact).wait()
    artifact = api.artifact("many:v0")
    assert artifact.file_count == 302
    assert artifact.manifest.entries["key"].ref == "s3://bucket/key"
    out = artifact.get_entry("linked.json").download(root=str(tmp_path / "out"))
    with open(out) as file:  # noqa: PTH123
        assert json.load(file)["data"] == [[0], [1]]


def test_new_draft(wandb, api):
    with wandb.init(project=PROJECT) as run:
        draft = run.use_artifact("many:v0").new_draft()
        draft.remove("files/000.txt")
        with draft.new_file("extra.txt") as file:
            file.write("extra")
        run.log_artifact(draft).wait()
    entries = api.artifact("many:latest").manifest.entries
    assert "files/000.txt" not in entries
    assert {"files/001.txt", "extra.txt"} <= set(entries)


def test_broken_answers_are_retried(wandb, api, server):
    soon = {"Retry-After": "0.1"}
    server.fault(kind="graphql", match="^CreateArtifact$", mode="status", status=503, headers=soon)
    server.fault(kind="upload", match="^wandb_artifacts/", mode="status", status=500, headers=soon)
    with wandb.init(project=PROJECT) as run:
        artifact = wandb.Artifact("retried", type="dataset")
        with artifact.new_file("a.txt") as file:
            file.write("a")
        run.log_artifact(artifact).wait()
    assert server.faults() == []
    assert api.artifact("retried:v0").file_count == 1


def test_collection_changes(api, logged):
    collection = api.artifact_collection("dataset", "data")
    collection.description = "All there is."
    collection.tags = ["kept", "good"]
    collection.save()
    again = api.artifact_collection("dataset", "data")
    assert (again.description, sorted(again.tags)) == ("All there is.", ["good", "kept"])
    again.tags = ["good"]
    again.save()
    assert api.artifact_collection("dataset", "data").tags == ["good"]
    api.artifact_collection("dataset", "many").delete()
    assert not api.artifact_collection_exists("many", "dataset")


def test_login_checks_the_key(wandb, server):
    assert wandb.login(key=server.key, host=server.url, verify=True, relogin=True)
    with pytest.raises(wandb.errors.AuthenticationError):
        wandb.login(key="0" * 40, host=server.url, verify=True, relogin=True)
    assert wandb.login(key=server.key, host=server.url, verify=True, relogin=True)


def test_deletion(wandb, api, logged):
    with wandb.init(project=PROJECT) as run:
        artifact = wandb.Artifact("gone", type="dataset")
        with artifact.new_file("a.txt") as file:
            file.write("a")
        run.log_artifact(artifact).wait()
    api.artifact("gone:v0").delete(delete_aliases=True)
    assert not api.artifact_exists("gone:v0")
    api.run(run.id).delete()
    assert run.id not in [r.id for r in wandb.Api().runs(PROJECT)]


def test_refusals(wandb, api, server, logged):
    with pytest.raises(ValueError, match="already exists with type|has the type"), wandb.init(project=PROJECT) as run:
        artifact = wandb.Artifact("data", type="model")
        with artifact.new_file("a.txt") as file:
            file.write("a")
        run.log_artifact(artifact).wait()
    with (
        pytest.raises(wandb.errors.CommError, match="permission denied"),
        wandb.init(project=PROJECT, entity="forbidden-team"),
    ):
        pass
    with pytest.raises(wandb.errors.CommError, match="not found"), wandb.init(project=PROJECT, entity="nobody"):
        pass
    with pytest.raises(Exception, match="(?i)not logged in|401|API key|invalid credentials"):
        wandb.Api(api_key="0" * 40).viewer  # noqa: B018
    with pytest.raises(urllib.error.HTTPError, match="401"):
        server.graphql('{ project(name: "p", entityName: "e") { id } }', {}, key="0" * 40)
    assert server.graphql("{ viewer { id } }", {}, key="0" * 40) == {"data": {"viewer": None}}
