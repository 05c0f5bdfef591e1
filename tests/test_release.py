"""What a release checks, what the workflows call, and the list of what was run."""

import json
import re
import zipfile
from pathlib import Path

import emulation
import matrix
import pytest
import release

import dist
from shim.worker import build

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


def test_a_section_that_is_not_released_is_one_more_problem(project):
    (project / "CHANGELOG.md").write_text("## [1.2.3] - unreleased\n")
    assert release.problems("1.2.3") == [
        "CHANGELOG.md calls 1.2.3 unreleased: write the day, as in '## [1.2.3] - 2030-01-31'."
    ]
    (project / "CHANGELOG.md").write_text("## [1.2.3rc1] - 2030-01-31\n\n## [1.2.3.1] - 2030-01-31\n")
    assert "has no section" in release.problems("1.2.3")[0]


def test_each_test_of_the_core_exists():
    """A test that is renamed would fail in each combination, once a week."""
    for name in matrix.CORE:
        path, _, test = name.partition("::")
        assert f"\ndef {test.partition('[')[0]}(" in (ROOT / path).read_text(), name


def elf(machine, segment):
    """The head of a Linux program with one segment."""
    head = bytearray(64 + 56)
    head[:6] = b"\x7fELF\x02\x01"
    for at, size, number in ((18, 2, machine), (32, 8, 64), (54, 2, 56), (56, 2, 1), (64, 4, segment)):
        head[at : at + size] = number.to_bytes(size, "little")
    return bytes(head)


def pe(machine):
    return b"MZ".ljust(60, b"\0") + (64).to_bytes(4, "little") + b"PE\0\0" + machine.to_bytes(2, "little")


HEADS = {
    "linux-amd64": elf(62, 1),
    "linux-arm64": elf(183, 1),
    "darwin-amd64": bytes.fromhex("cffaedfe07000001"),
    "darwin-arm64": bytes.fromhex("cffaedfe0c000001"),
    "windows-amd64": pe(0x8664),
}


@pytest.fixture
def archive(tmp_path):
    """Makes the archive of a platform with the programs that are given by the platform of their name."""

    def make(platform, programs):
        path = tmp_path / f"fiftyone-wandb-plugin-1.2.3-{platform}.zip"
        with zipfile.ZipFile(path, "w") as file:
            for name, program in programs.items():
                file.writestr(f"build/{build.binary_name(*name.split('-'))}", program)
        return path

    return make


def test_the_platform_of_each_program_is_read(archive):
    assert set(HEADS) == {platform.name for platform in dist.PLATFORMS}
    dist.check_files([archive(name, {name: program}) for name, program in HEADS.items()])


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ({"linux-amd64": HEADS["linux-arm64"]}, "worker for linux-amd64 is a program for linux-arm64"),
        ({"linux-amd64": HEADS["windows-amd64"]}, "worker for linux-amd64 is a program for windows-amd64"),
        ({"linux-amd64": b"MZ"}, "is a program for no system that is known"),
        ({"linux-amd64": b"#!/bin/sh"}, "is a program for no system that is known"),
        ({"linux-amd64": elf(62, 3)}, "linux-amd64 is not static"),
        ({}, "linux-amd64.zip holds no worker"),
        ({"linux-arm64": HEADS["linux-arm64"]}, "linux-amd64.zip holds build/wandb-worker-linux-arm64"),
        (HEADS, "linux-amd64.zip holds build/wandb-worker-linux-amd64, "),
    ],
)
def test_a_worker_that_is_not_what_its_file_says(archive, programs, words):
    with pytest.raises(SystemExit, match=words):
        dist.check_files([archive("linux-amd64", programs)])


def test_every_step_of_a_workflow_is_a_target():
    """But for steps that only a hoster can do."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    called = set()
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        called |= set(re.findall(r"make ([a-z-]+)", re.sub(r"#.*", "", path.read_text())))
    assert called == {"test", "test-matrix", "test-schedulers", "test-worker", "release", "publish-release", "audit"}
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
