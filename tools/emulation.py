"""Runs the worker of another system here, in an emulator, as far as the handshake."""

from __future__ import annotations

import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from shim.worker import Found, Worker, build  # noqa: E402

#: The emulators of a system and processor, by the names that distributions give them.
PROGRAMS = {
    "linux-arm64": ("qemu-aarch64-static", "qemu-aarch64"),
    "windows-amd64": ("wine64", "wine"),
}


def emulator(name: str) -> str | None:
    """The program that runs this system's binaries here, if there is one."""
    return next(filter(None, map(shutil.which, PROGRAMS[name])), None)


def missing(name: str) -> str | None:
    """Why this system's worker cannot be run here, in one sentence."""
    return None if emulator(name) else f"{PROGRAMS[name][-1]} is not installed here"


def handshake(name: str, directory: pathlib.Path) -> str:
    """Builds the worker of a system in the directory, starts it in the emulator, and says what was shown.

    Raises:
        Exception: as starting a worker does
    """
    program = emulator(name)
    goos, goarch = name.split("-")
    binary = directory / build.binary_name(goos, goarch)
    source = build.build(binary, goos=goos, goarch=goarch)
    script = directory / "worker"
    script.write_text(f'#!/bin/sh\nexec "{program}" "{binary}" "$@"\n')
    script.chmod(0o755)
    with Worker(Found(script, source)):
        return f"handshake, emulated by {pathlib.Path(program).name}"
