"""Runs the worker of another system here, in an emulator, as far as the handshake."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from shim.worker import Found, Worker, build  # noqa: E402

#: The emulators of a system and processor, by the names that distributions give them.
PROGRAMS = {
    "linux-arm64": ("qemu-aarch64-static", "qemu-aarch64"),
    "windows-amd64": ("wine64", "wine"),
}
#: Seconds that a worker may take to start: emulators are slow, and Wine makes its directory first.
PATIENCE = 180.0

#: Go takes its random numbers from this function of Windows. Wine has the library since release 9.
_LIBRARY = "bcryptprimitives.dll"
_SOURCE = """\
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return SystemFunction036(data, size); }
"""
_COMPILER = "x86_64-w64-mingw32-gcc"


def emulator(name: str) -> str | None:
    """The program that runs this system's binaries here, if there is one."""
    return next(filter(None, map(shutil.which, PROGRAMS[name])), None)


def missing(name: str) -> str | None:
    """Why this system's worker cannot be run here, in one sentence."""
    program = emulator(name)
    if program is None:
        return f"{PROGRAMS[name][-1]} is not installed here"
    if name.startswith("windows") and _wine_release(program) < 9 and not shutil.which(_COMPILER):
        return f"Wine before release 9 has no {_LIBRARY}, and {_COMPILER}, which makes one, is not installed here"
    return None


def handshake(name: str, directory: pathlib.Path) -> str:
    """Builds the worker of a system in the directory, starts it in the emulator, and says what was shown.

    Raises:
        Exception: as starting a worker does
    """
    program = emulator(name)
    goos, goarch = name.split("-")
    binary = directory / build.binary_name(goos, goarch)
    source = build.build(binary, goos=goos, goarch=goarch)
    with _wine(program, directory) if goos == "windows" else contextlib.nullcontext("") as settings:
        script = directory / "worker"
        script.write_text(f'#!/bin/sh\n{settings} exec "{program}" "{binary}" "$@"\n')
        script.chmod(0o755)
        with Worker(Found(script, source), start_timeout=PATIENCE) as worker:
            way = "loopback TCP" if worker.target.startswith("ipv4:127.0.0.1:") else "a unix socket"
    return f"handshake over {way} with mTLS, emulated by {pathlib.Path(program).name}"


def _wine_release(program: str) -> int:
    """The number of Wine's release; 0 if it does not say."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout  # such as wine-8.0 (Debian)
    number = said.removeprefix("wine-").partition(".")[0]
    return int(number) if number.isdecimal() else 0


@contextlib.contextmanager
def _wine(program: str, directory: pathlib.Path):
    """Makes a Windows of Wine's in the directory, gives the variables that lead there, and stops its services."""
    prefix = directory / "wine"
    variables = {"WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    settings = {"PATH": "/usr/bin:/bin", "HOME": str(directory), **variables}
    subprocess.run([program, "wineboot", "--init"], check=True, capture_output=True, env=settings)
    library = prefix / "drive_c" / "windows" / "system32" / _LIBRARY
    if not library.exists():
        source = directory / "random.c"
        source.write_text(_SOURCE)
        subprocess.run([_COMPILER, "-shared", "-o", library, source, "-ladvapi32"], check=True)
    try:
        yield " ".join(f'{name}="{value}"' for name, value in variables.items())
    finally:
        subprocess.run(["wineserver", "--kill"], check=False, capture_output=True, env=settings)
