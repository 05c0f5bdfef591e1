"""File descriptors that forked children do not keep, and locks between processes.

A child that a fork makes has a copy of each descriptor: it would hold a lock, or keep a worker
alive, as long as it lives itself. Nothing but the standard library is needed.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None

_PAUSE = 0.1  # seconds between two attempts to get a lock

# The descriptors that a forked child must close. The lock prevents a fork between opening a descriptor and
# adding it here.
_ours: set[Descriptor] = set()
fork_lock = threading.RLock()


class Descriptor:
    """A file descriptor that is closed once, and that forked children do not keep.

    Make it while ``fork_lock`` is held.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        _ours.add(self)

    def close(self) -> None:
        """Closes it, if this is the process that made it."""
        with fork_lock:
            if self in _ours:
                _ours.remove(self)
                os.close(self.fd)


def _close_in_child() -> None:
    for descriptor in _ours:
        with contextlib.suppress(OSError):
            os.close(descriptor.fd)
    _ours.clear()
    fork_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=fork_lock.acquire, after_in_parent=fork_lock.release, after_in_child=_close_in_child)


def opened(path: str | os.PathLike[str], flags: int, mode: int = 0o600) -> Descriptor:
    """Opens a file."""
    with fork_lock:
        return Descriptor(os.open(path, flags, mode))


@contextlib.contextmanager
def locked(
    path: Path, waiting: Callable[[], None] = lambda: None, check: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Holds a lock between processes. The system releases it when the process ends, however it does.

    Args:
        path: the file that stands for the lock; it is made, and stays. On POSIX systems a directory does, too
        waiting: is told once if another process has the lock
        check: called often while waiting; what it raises ends it
    """
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = opened(path, flags | getattr(os, "O_NOFOLLOW", 0))
    try:
        told = False
        while not try_lock(descriptor.fd):
            check()
            if not told:
                waiting()
                told = True
            time.sleep(_PAUSE)
        yield
    finally:
        descriptor.close()


def try_lock(fd: int) -> bool:
    """Takes the lock of an open file, if no other process has it."""
    try:
        if fcntl is None:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if fcntl is None or isinstance(error, BlockingIOError):
            return False
        raise
    return True
