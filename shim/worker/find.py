"""Finds the worker's binary, makes it usable, and builds it where there is none."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import build, descriptors, logs, ownership, wheel
from .errors import WorkerBuildFailed, WorkerNotFound, WorkerStartError

log = logs.logger("fiftyone_wandb.worker")

#: The variable that names a binary to use instead of the plugin's own.
VARIABLE = "FIFTYONE_WANDB_WORKER"


@dataclass(frozen=True)
class Found:
    """A binary, the hash of the sources that it has to be built from, and its own, where that is known.

    What is run is checked when it is started: it has to have this hash, and nobody else may be able to change it.
    """

    binary: Path
    source: str
    sha256: str = field(default="", compare=False)


def find_worker(
    root: Path = build.ROOT,
    say: Callable[[str], None] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Found:
    """Finds the worker, or builds it.

    It is looked for in the variable FIFTYONE_WANDB_WORKER, the plugin's directory build/, the installed wheel
    fiftyone-wandb-worker, and the user's cache; if it is in none of them, Go builds it. Whatever was built from
    other sources than the plugin's is not run.

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

    places = [root / "build" / build.binary_name()]
    if cache := cache_dir(source):
        places.append(cache / build.binary_name())
    doubts: list[str] = []
    if _usable(places[0], source, doubts):
        return _found(places[0], source)
    pip = wheel.installed()
    problem = pip.problem(source) if pip else ""
    if pip and not problem:
        return _found_wheel(pip.binary, source)
    for binary in places[1:]:
        if _usable(binary, source, doubts):
            return _found(binary, source)
    if problem:
        log.warning("%s", problem)
    return _found(_build(places, doubts, problem, root, say or log.warning, check), source)


def _found(binary: Path, source: str) -> Found:
    return Found(_executable(binary), source, build.file_hash(binary))


def _found_wheel(binary: Path, source: str) -> Found:
    """The binary of a wheel, or a copy of it where others can change it.

    They can also change the Python packages of this process, so its bytes are as trusted as these. But
    what is started has to stay what was looked at.
    """
    try:
        ownership.check(binary)
    except OSError:
        binary = _copied(binary)
    return _found(binary, source)


def _usable(binary: Path, source: str, doubts: list[str]) -> bool:
    """Whether there is a build of these sources that nobody else could have made or changed."""
    return build.built_from(binary) == source and _trusted(binary, doubts)


def _trusted(binary: Path, doubts: list[str]) -> bool:
    """Whether nobody else could have put a binary and its label there, or could exchange them."""
    try:
        ownership.check(binary)
        ownership.check(build.label_path(binary))
    except OSError as error:
        doubt = f"The worker {binary} is not used: {error}."
        if doubt not in doubts:
            doubts.append(doubt)
            log.warning("%s", doubt)
        return False
    return True


def cache_dir(key: str) -> Path | None:
    """A directory of the user's cache, which need not be there yet.

    Binaries are kept there by the hash of their sources or, if they are mere copies, of themselves.

    Returns:
        the directory, or None if the user has no home directory: it is never made
    """
    variable = {"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_CACHE_HOME")
    if named := os.environ.get(variable):
        return Path(named) / "fiftyone-wandb" / key
    below = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    home = ownership.home()
    return home / below / "fiftyone-wandb" / key if home else None


def remedy(binary: Path) -> str:
    """What to do about a binary that was found and is of no use."""
    if os.environ.get(VARIABLE):
        return f"The variable {VARIABLE} names it: unset it, or build that worker again."
    return f'Remove it, and the plugin builds its own: "{binary}"'


def _build(
    places: list[Path],
    doubts: list[str],
    problem: str,
    root: Path,
    say: Callable[[str], None],
    check: Callable[[], None],
) -> Path:
    """Builds the worker in the first of the places that can be written to by this user and nobody else."""
    refused: OSError | None = None
    for binary in places:
        try:
            if binary is not places[0]:
                ownership.make_directory(binary.parent)
            binary.parent.mkdir(exist_ok=True)
            ownership.check(binary.parent)
            build.build(binary, root=root, say=say, check=check, trusted=lambda found: _trusted(found, doubts))
            return binary
        except build.NoGo as error:
            raise WorkerNotFound(problem or _not_found(places, doubts, error)) from None
        except build.BuildError as error:
            raise WorkerBuildFailed(str(error)) from None
        except OSError as error:
            refused = error
    raise WorkerNotFound(
        f"The worker could not be built, since none of {', '.join(str(binary.parent) for binary in places)} is a "
        f"directory that you, and nobody else, can write to ({refused}). "
        f"Build it elsewhere and name it by the variable {VARIABLE}."
    )


def _not_found(places: list[Path], doubts: list[str], reason: build.NoGo) -> str:
    own = places[0]
    if doubts:
        return f"{' '.join(doubts)} {reason}"
    if own.exists():
        return f"The worker {own} was built from other sources than this plugin's, or is damaged. {reason}"
    return f"The W&B plugin has no worker yet: it looked at {' and at '.join(map(str, places))}. {reason}"


def _executable(binary: Path) -> Path:
    """The binary, or a copy of it, with the permission to run it, which archives drop."""
    if os.access(binary, os.X_OK):
        return binary
    with contextlib.suppress(OSError):
        binary.chmod(binary.stat().st_mode | 0o111)
    if os.access(binary, os.X_OK):
        return binary
    return _copied(binary)


def _copied(binary: Path) -> Path:
    """A copy of the binary in the user's cache, with the permission to run it."""
    try:
        content = build.file_hash(binary)
        cache = cache_dir(content)
        if cache is None:
            raise FileNotFoundError("you have no home directory")
        copy = cache / build.binary_name()
        ownership.make_directory(cache)
        with descriptors.locked(cache / ".lock"):
            build.remove_drafts(copy)
            if not copy.exists() or build.file_hash(copy) != content:
                draft = build.draft_of(copy)
                shutil.copyfile(binary, draft)
                draft.chmod(0o755)
                draft.replace(copy)
    except OSError as error:
        raise WorkerStartError(
            f"The worker {binary} may not be executed as it is, and it cannot be copied to the user's cache ({error}). "
            f'Run: chmod +x "{binary}"'
        ) from None
    return copy
