"""Finds the worker's binary, makes it usable, and builds it where there is none."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import build
from .errors import WorkerBuildFailed, WorkerNotFound, WorkerStartError

log = logging.getLogger("fiftyone_wandb.worker")

#: The variable that names a binary to use in place of the plugin's own.
VARIABLE = "FIFTYONE_WANDB_WORKER"


@dataclass(frozen=True)
class Found:
    """A binary, and the hash of the sources that it has to be built from."""

    binary: Path
    source: str


def find_worker(
    root: Path = build.ROOT,
    say: Callable[[str], None] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Found:
    """Finds the worker, or builds it.

    It is looked for in the variable FIFTYONE_WANDB_WORKER, the plugin's directory build/
    and the user's cache; if it is in none of them, Go builds it.

    Args:
        root: the directory of the plugin
        say: is told when a build begins, or is waited for; by default, that is logged as a warning
        check: called often during a build; what it raises ends the work

    Raises:
        WorkerNotFound: if there is none
        WorkerBuildFailed: if Go could not build it
    """
    try:
        source = build.source_hash(root)
    except build.BuildError as error:
        raise WorkerNotFound(str(error)) from None
    if named := os.environ.get(VARIABLE):
        binary = Path(named).expanduser()
        if not binary.is_file():
            raise WorkerNotFound(f"{VARIABLE} is {named!r}, but there is no such file. Correct it or unset it.")
        return Found(_executable(binary), source)

    own = root / "build" / build.binary_name()
    cached = cache_dir(source) / build.binary_name()
    for binary in (own, cached):
        if build.built_from(binary) == source:
            return Found(_executable(binary), source)
    return Found(_build(own, cached, root, say or log.warning, check), source)


def cache_dir(key: str) -> Path:
    """Where the current user's binaries are kept, by the hash of their sources or, for mere copies, of themselves."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "fiftyone-wandb" / key


def remedy(binary: Path) -> str:
    """What to do about a binary that was found and is of no use."""
    if os.environ.get(VARIABLE):
        return f"The variable {VARIABLE} names it: unset it, or build that worker again."
    return f'Remove it, and the plugin builds its own: "{binary}"'


def _build(own: Path, cached: Path, root: Path, say: Callable[[str], None], check: Callable[[], None]) -> Path:
    """Builds the worker in the plugin's directory or, where that cannot be written to, in the cache."""
    refused: OSError | None = None
    for binary in (own, cached):
        try:
            build.build(binary, root=root, say=say, check=check)
            return binary
        except build.NoGo as error:
            raise WorkerNotFound(_not_found(own, cached, error)) from None
        except build.BuildError as error:
            raise WorkerBuildFailed(str(error)) from None
        except OSError as error:
            refused = error
    raise WorkerNotFound(
        f"The worker could not be built, since neither {own.parent} nor {cached.parent} can be written to ({refused}). "
        f"Build it elsewhere and name it by the variable {VARIABLE}."
    )


def _not_found(own: Path, cached: Path, reason: Exception) -> str:
    if own.exists():
        what = f"The worker {own} was built from other sources than this plugin's, or has been changed since."
    else:
        what = f"The W&B plugin has no worker yet: there is none at {own} and none at {cached}."
    return f"{what} {reason} Then run this again: it builds the worker, once."


def _executable(binary: Path) -> Path:
    """The binary, or a copy of it, with the permission to run it, which archives drop."""
    if os.access(binary, os.X_OK):
        return binary
    with contextlib.suppress(OSError):
        binary.chmod(binary.stat().st_mode | 0o111)
    if os.access(binary, os.X_OK):
        return binary
    try:
        content = build.file_hash(binary)
        copy = cache_dir(content) / build.binary_name()
        if not copy.exists() or build.file_hash(copy) != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            draft = copy.with_name(f".{copy.name}.{os.getpid()}.tmp")
            shutil.copyfile(binary, draft)
            draft.chmod(0o755)
            draft.replace(copy)
    except OSError as error:
        raise WorkerStartError(
            f"The worker {binary} may not be executed, and it cannot be copied to the user's cache ({error}). "
            f'Run: chmod +x "{binary}"'
        ) from None
    return copy
