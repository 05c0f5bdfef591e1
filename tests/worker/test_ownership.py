"""Whose file is it: what is run, where private things are put, and who holds a lock."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shim.worker import Found, Worker, WorkerNotFound, WorkerStartError, build, descriptors, find_worker, ownership
from support.waiting import wait_for
from tests.worker.conftest import copy_sources
from tests.worker.helpers import gone

ROOT = Path(__file__).resolve().parents[2]
TABLE = json.loads((ROOT / "goworker/internal/localfile/testdata/ownership.json").read_text())["cases"]
NAME = build.binary_name()

needs_modes = pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")


@pytest.mark.parametrize("case", TABLE, ids=[case["name"] for case in TABLE])
def test_the_rule(case: dict) -> None:
    """The same cases as in Go."""
    person = ownership.Person(1000, 1000)
    mode = int(case["mode"], 8)
    assert person.trusts(mode, case["uid"], case["gid"], case["parent"]) == case["trusted"]
    assert person.private(mode, case["uid"]) == case["private"]


@pytest.fixture
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    old = os.umask(request.param)
    yield
    os.umask(old)


@needs_modes
@pytest.mark.parametrize("umask", [0, 0o777], indirect=True)
@pytest.mark.usefixtures("umask")
def test_directories_are_private_whatever_the_umask_is(tmp_path: Path) -> None:
    made = tmp_path / "a" / "b"
    ownership.make_directory(made)
    assert [path.stat().st_mode & 0o777 for path in (made, made.parent)] == [0o700, 0o700]


@needs_modes
def test_nothing_is_made_where_others_could_exchange_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(ownership.NotTrusted, match="other users may write to"):
        ownership.make_directory(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    tmp_path.chmod(0o1777)  # as /tmp
    ownership.make_directory(tmp_path / "cache")


def test_a_home_that_does_not_exist_is_not_made(tmp_path: Path, worker: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    from shim.worker import find

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(build, "find_go", lambda: None)
    copy_sources(ROOT, tmp_path / "plugin")
    assert find.cache_dir("thumbnails") is None
    with pytest.raises(WorkerNotFound):
        find_worker(tmp_path / "plugin")
    assert not (tmp_path / "home").exists()


@pytest.fixture
def plugin(sources: Path, worker: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin's directory with a build, on a machine without Go."""
    root = tmp_path / "plugin"
    copy_sources(sources, root)
    binary = root / "build" / NAME
    binary.parent.mkdir()
    shutil.copy2(worker.binary, binary)
    build.write_label(binary, worker.source)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "find_go", lambda: None)
    return root


@needs_modes
@pytest.mark.parametrize("what", ["build", f"build/{NAME}", f"build/{NAME}.json", "."])
def test_what_others_could_have_changed_is_not_run(plugin: Path, what: str) -> None:
    assert find_worker(plugin).binary == plugin / "build" / NAME
    path = plugin / what
    path.chmod(path.stat().st_mode | 0o002)
    with pytest.raises(WorkerNotFound, match="is not used: other users may write to"):
        find_worker(plugin)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["build", f"build/{NAME}", f"build/{NAME}.json"])
def test_what_belongs_to_others_is_not_run(plugin: Path, what: str) -> None:
    os.chown(plugin / what, 65534, 65534)
    with pytest.raises(WorkerNotFound, match="is not used: .* belongs to another user"):
        find_worker(plugin)


@needs_modes
def test_a_binary_that_is_named_is_checked_too(misbehaving: Found, tmp_path: Path) -> None:
    binary = tmp_path / "worker"
    shutil.copy2(misbehaving.binary, binary)
    binary.chmod(0o757)
    with pytest.raises(WorkerStartError, match="somebody else could have changed it: other users may write"):
        Worker(Found(binary, misbehaving.source))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(WorkerStartError, match="is not a regular file"):
        Worker(Found(pipe, misbehaving.source))


def test_what_was_changed_after_the_search_is_not_run(plugin: Path, misbehaving: Found) -> None:
    found = find_worker(plugin)
    shutil.copy2(misbehaving.binary, found.binary)
    with pytest.raises(WorkerStartError, match="was changed since it was found"):
        Worker(found)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs an open file")
def test_what_is_run_is_what_was_checked(plugin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also when another program has its name a moment later."""
    found = find_worker(plugin)
    checked = build.open_hash

    def exchange(descriptor: int) -> str:
        result = checked(descriptor)
        other = tmp_path / "other"
        other.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        other.chmod(0o755)
        other.replace(found.binary)
        return result

    monkeypatch.setattr(build, "open_hash", exchange)
    with Worker(found):
        pass
    assert not (tmp_path / "ran").exists()


@needs_modes
def test_the_compiler_of_a_killed_build_ends_and_its_drafts_are_swept(plugin: Path, tmp_path: Path) -> None:
    go, pid = tmp_path / "go", tmp_path / "pid"
    go.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {pid}.new\nmv {pid}.new {pid}\nwait\n")
    go.chmod(0o755)
    (plugin / "build" / NAME).unlink()
    text = (
        "import sys; from pathlib import Path; from shim.worker import build, find_worker\n"
        "build.find_go = lambda: sys.argv[2]\nfind_worker(Path(sys.argv[1]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    host = subprocess.Popen([sys.executable, "-c", text, str(plugin), str(go)], env=environment)
    wait_for(pid.exists)
    host.send_signal(signal.SIGKILL)
    host.wait()
    assert gone(int(pid.read_text()))
    assert list((plugin / "build").glob(f".{NAME}.*")), "it was killed in the middle"

    with pytest.raises(WorkerNotFound):
        find_worker(plugin)
    assert not list((plugin / "build").glob(f".{NAME}.*"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_forked_child_holds_no_lock(tmp_path: Path) -> None:
    text = """
import os, signal, sys, time
from pathlib import Path
from shim.worker import descriptors
with descriptors.locked(Path(sys.argv[1])):
    child = os.fork()
    if child == 0:
        time.sleep(600)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    lock = tmp_path / "lock"
    output = tmp_path / "output"  # a pipe would be open as long as the child is
    with output.open("w") as out:
        subprocess.run([sys.executable, "-c", text, str(lock)], env=environment, stdout=out, check=False)
    child = int(output.read_text())
    try:
        mine = descriptors.opened(lock, os.O_RDWR)
        wait_for(lambda: descriptors.try_lock(mine.fd))  # the child may not have closed its copy yet
        mine.close()
    finally:
        os.kill(child, signal.SIGKILL)
