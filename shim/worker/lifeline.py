"""What ties a worker to this process: a pipe that the system closes when we end, and a private directory."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from pathlib import Path

from . import descriptors
from .descriptors import Descriptor

# Windows has no locks of directories, and no unix sockets for go-plugin either.
_LOCKABLE = os.name == "posix"

_PREFIX = "fiftyone-wandb-host-"  # not that of the worker's own directories, which are swept by another rule
_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")  # as mkdtemp makes it
_LONGEST_SOCKET_PATH = 103  # bytes; macOS has the lowest limit
_SOCKET_NAME = "/plugin4294967295"  # the longest that go-plugin makes
_YOUNG = 60.0  # seconds in which a directory may not be locked yet


class Lifeline:
    """A pipe whose reading end is the worker's stdin. The worker ends when ours is closed."""

    def __init__(self) -> None:
        with descriptors.fork_lock:
            self._worker_end, self._own_end = map(Descriptor, os.pipe())

    @property
    def worker_end(self) -> int:
        """The descriptor for the worker's stdin."""
        return self._worker_end.fd

    def close_worker_end(self) -> None:
        """Closes our copy of the worker's end."""
        self._worker_end.close()

    def cut(self) -> None:
        """Tells the worker to end."""
        self._own_end.close()


class PrivateDirectory:
    """A directory for the worker's socket that only the current user can enter.

    The lock on it tells others that it is in use; the system releases it when we end.
    """

    def __init__(self) -> None:
        _remove_leftovers()
        self.path = tempfile.mkdtemp(prefix=_PREFIX)
        if os.name == "posix" and len(os.fsencode(self.path + _SOCKET_NAME)) > _LONGEST_SOCKET_PATH:
            Path(self.path).rmdir()
            self.path = tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp")
        self._lock = _lock_directory(self.path)

    def remove(self) -> None:
        """Removes the directory and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()


def _lock_directory(path: str) -> Descriptor | None:
    """What holds the lock of a directory; None if it is in use, not ours or not lockable."""
    if not _LOCKABLE:
        return None
    with contextlib.suppress(OSError):
        descriptor = descriptors.opened(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        if descriptors.try_lock(descriptor.fd):
            return descriptor
        descriptor.close()
    return None


def _remove_leftovers() -> None:
    """Removes directories of processes that were killed together with their workers."""
    if not _LOCKABLE:
        return
    for parent in {tempfile.gettempdir(), "/tmp"}:
        with contextlib.suppress(OSError), os.scandir(parent) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and _is_old_and_ours(entry):
                    lock = _lock_directory(entry.path)
                    if lock is not None:
                        _remove_sockets(entry.path)
                        lock.close()


def _remove_sockets(directory: str) -> None:
    """Removes a directory of sockets; one that holds anything else stays, since we did not make it."""
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            if name.startswith("plugin"):
                os.unlink(os.path.join(directory, name))
        os.rmdir(directory)


def _is_old_and_ours(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        status = entry.stat(follow_symlinks=False)
        private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
        return private and status.st_uid == os.getuid() and time.time() - status.st_mtime > _YOUNG
    return False
