"""Real workers for the tests of their host: the product's, and one that misbehaves as it is told."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shim.worker import Found, build

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def go_caches() -> None:
    """Go's caches are the developer's own, although the tests have another home: else each run would compile all."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    shown = subprocess.run(
        ["go", "env", "-json", "GOCACHE", "GOMODCACHE"],
        env={**os.environ, "HOME": home},
        check=True,
        capture_output=True,
    )
    os.environ.update(json.loads(shown.stdout))


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, as a plugin's directory."""
    root = tmp_path_factory.mktemp("plugin")
    copy_sources(ROOT, root)
    return root


def copy_sources(root: Path, target: Path) -> None:
    """Copies what the worker is built from, and the misbehaving one."""
    testworker = "goworker/internal/host/testworker/main.go"
    for name in [*build.source_files(root), testworker]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name)


@pytest.fixture(scope="session")
def worker(sources: Path) -> Found:
    """The product's worker."""
    binary = sources / "build" / build.binary_name()
    return Found(binary, build.build(binary, root=sources))


@pytest.fixture(scope="session")
def misbehaving(sources: Path) -> Found:
    """A worker whose jobs are named after what it does."""
    binary = sources / "build" / "testworker"
    return Found(binary, build.build(binary, root=sources, package="./goworker/internal/host/testworker"))


@pytest.fixture
def program(misbehaving: Found, tmp_path: Path) -> Callable[[str], Found]:
    """A program of a shell script, in which $WORKER is the misbehaving one."""

    def make(script: str) -> Found:
        binary = tmp_path / "program"
        binary.write_text(f"#!/bin/sh\nWORKER={misbehaving.binary}\n{script}\n")
        binary.chmod(0o755)
        return Found(binary, misbehaving.source)

    return make


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that other users can enter, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    for path in [directory, *directory.rglob("*")]:
        if stat.S_ISDIR(path.lstat().st_mode):
            path.chmod(0o755)
    shutil.rmtree(directory)


@pytest.fixture
def script(misbehaving: Found) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a Python program in which ``found`` is the misbehaving worker, and everything else is imported."""
    started: list[subprocess.Popen[str]] = []

    def start(text: str) -> subprocess.Popen[str]:
        head = (
            "import os, signal, sys, threading, time\n"
            "from pathlib import Path\n"
            "from shim.worker import *\n"
            "from shim.worker import messages as pb\n"
            f"found = Found(Path({str(misbehaving.binary)!r}), {misbehaving.source!r})\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", head + text],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
