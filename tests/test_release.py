"""What a release checks, what the workflows call, and the list of what was run."""

import json
import re
from pathlib import Path

import emulation
import matrix
import pytest
import release

import dist

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that is ready to be released as 1.2.3."""
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "package.json").write_text('{"version": "1.2.3"}')
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.3 (today)\n\n- More.\n")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "__version__", "1.2.3")
    monkeypatch.setattr(dist, "version", lambda: "1.2.3")
    monkeypatch.setattr(dist, "git", lambda *_: "")
    return tmp_path


def test_a_project_that_is_ready(project):
    assert release.problems("1.2.3") == []


def test_each_problem_says_what_to_do(project, monkeypatch):
    monkeypatch.setattr(dist, "git", lambda *_: " M README.md\n?? x\n")
    monkeypatch.setattr(dist, "version", lambda: "1.2.2")
    (project / "CHANGELOG.md").write_text("## 1.2.30\n")
    assert release.problems("1.2.3") == [
        "2 files are changed or unknown to Git: commit or remove them.",
        "fiftyone.yml says 1.2.2: set it to 1.2.3.",
        "CHANGELOG.md has no section '## 1.2.3': write what users will notice.",
    ]
    assert release.problems("next")[0] == "'next' is not a version such as 1.2.3 or 1.2.3rc1."


def test_every_step_of_a_workflow_is_a_target():
    """But for steps that only a hoster can do."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    called = set()
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        called |= set(re.findall(r"make ([a-z-]+)", re.sub(r"#.*", "", path.read_text())))
    assert called == {"test", "test-matrix", "test-worker", "release", "publish-release", "audit"}
    assert called <= targets


def test_the_table_is_that_of_the_list():
    rows = json.loads(matrix.LIST.read_text())
    assert matrix.BEGIN + matrix.table(rows) + matrix.END in matrix.PAGE.read_text()
    assert {row["worker"] for row in rows if "worker" in row} == set(emulation.PROGRAMS)


def test_what_was_not_run_replaces_no_result():
    one = {"fiftyone": "1", "python": "3", "wandb": "0", "system": "s"}
    passed, missing, failed = ({**one, "result": result} for result in ("passed", "not run: no Python", "failed"))
    assert matrix.merged([passed], [missing]) == [passed]
    assert matrix.merged([missing], [passed]) == [passed]
    assert matrix.merged([passed], [failed]) == [failed]
    assert matrix.summary("== 3 failed, 12 passed, 4 deselected in 9.1s ==") == "3 failed, 12 passed"
