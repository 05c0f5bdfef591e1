"""Starts the servers that demo, tests and benchmarks need: MongoDB and the local stand-in for W&B.

Nothing here imports FiftyOne: its address has to be in the environment before it is imported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
#: Whoever waits longer for a server to start waits in vain; one that ends is noticed at once.
START_SECONDS = 300


@dataclasses.dataclass
class Standin:
    """The local stand-in for W&B."""

    url: str
    key: str
    entity: str


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def find_mongod() -> str:
    """MongoDB's server: the one that came with FiftyOne, else the one on PATH."""
    spec = importlib.util.find_spec("fiftyone")  # looking for a module inside of it would import it
    name = "mongod.exe" if os.name == "nt" else "mongod"
    for folder in (spec and spec.submodule_search_locations) or ():
        path = pathlib.Path(folder) / "db" / "bin" / name
        if path.exists():
            return str(path)
    path = shutil.which(name)
    if path is None:
        raise SystemExit("MongoDB was not found: run `make env`, or install mongod.")
    return path


@contextlib.contextmanager
def mongod(directory: pathlib.Path) -> Iterator[str]:
    """Runs a MongoDB server of our own on a free port; gives its URI."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = directory / "mongod.log"
    command = [find_mongod(), "--dbpath", str(directory), "--port", str(port), "--bind_ip", "127.0.0.1"]
    command += ["--logpath", str(log), "--quiet"] + ([] if os.name == "nt" else ["--nounixsocket"])
    with running(command, log) as server:
        server.wait_until(lambda: accepts(port))
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true"


@contextlib.contextmanager
def standin(
    directory: pathlib.Path, *flags: str, binary: pathlib.Path | None = None, port: int = 0
) -> Iterator[Standin]:
    """Runs the stand-in on the port (0: any free one), with its state in the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    ready, log = directory / "ready.json", directory / "standin.log"
    ready.unlink(missing_ok=True)
    program = binary or build_standin()
    command = [
        str(program),
        "--addr",
        f"127.0.0.1:{port}",
        "--dir",
        str(directory / "state"),
        "--ready-file",
        str(ready),
        *flags,
    ]
    with running(command, log) as server:
        server.wait_until(ready.exists)
        facts = json.loads(ready.read_text())
        yield Standin(facts["url"], facts["key"], facts["entity"])


def build_standin() -> pathlib.Path:
    """Builds the stand-in; Go's own cache makes a second time quick."""
    target = ROOT / "build" / ("standin.exe" if os.name == "nt" else "standin")
    environment = {**os.environ, "CGO_ENABLED": "0"}
    environment["PATH"] += os.pathsep + str(pathlib.Path(sys.executable).parent)  # Go from PyPI lives there
    # With the flags of the worker's build, which has compiled most of it already.
    command = ["go", "build", "-buildvcs=false", "-trimpath", "-o", str(target), "./goworker/cmd/standin"]
    subprocess.run(command, cwd=ROOT, check=True, env=environment)
    return target


def accepts(port: int) -> bool:
    with socket.socket() as s:
        s.settimeout(0.2)
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def app(directory: pathlib.Path, port: int, **environment: str) -> Iterator[Running]:
    """Runs the server of the FiftyOne App on a port of this machine alone, as FiftyOne itself does.

    It takes ten seconds and more to start, in which the caller can do other things: wait until the port accepts.
    """
    (package,) = importlib.util.find_spec("fiftyone").submodule_search_locations
    command = [sys.executable, "main.py", "--address", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, **environment}
    with running(command, directory / "app.log", cwd=pathlib.Path(package) / "server", env=environment) as server:
        yield server


@dataclasses.dataclass
class Running:
    """A server's process, and where it logs."""

    process: subprocess.Popen
    log: pathlib.Path

    def wait_until(self, ready) -> None:
        """Waits until the server is ready; raises with the end of its log if it does not start."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                logs = [log for log in (self.log, self.output) if log.exists()]
                text = "".join(log.read_text(errors="replace")[-2000:] for log in logs)
                raise RuntimeError(f"{pathlib.Path(self.process.args[0]).name} did not start:\n{text}")
            time.sleep(0.05)

    @property
    def output(self) -> pathlib.Path:
        """The file of what it prints."""
        return pathlib.Path(f"{self.log}.out")


@contextlib.contextmanager
def running(command: list[str], log: pathlib.Path, **how) -> Iterator[Running]:
    """Runs a server until the block ends, with what else ``subprocess.Popen`` takes."""
    with open(f"{log}.out", "ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **how)
    try:
        yield Running(process, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
