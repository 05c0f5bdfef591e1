"""Whose files and directories are: what may be run, and where private things may be put.

Nothing but the standard library is needed, so that the plain script ``build.py`` can use it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import stat
from dataclasses import dataclass
from pathlib import Path

try:
    import grp
    import pwd
except ImportError:  # Windows, where the user's own directories are private by themselves
    grp = pwd = None


class NotTrusted(OSError):
    """Another user could change a file or directory. The text is for users."""


@dataclass(frozen=True)
class Person:
    """A user of this machine, and the group that nobody else is in; None for none."""

    uid: int
    group: int | None

    def trusts(self, mode: int, uid: int, gid: int, parent: bool) -> bool:
        """Whether something belongs to this user or to root, and nobody else may write to it.

        In a directory on the way to it (parent), others may write if it is sticky, as /tmp: they
        cannot exchange what is not theirs. goworker/internal/localfile has the same rule; its
        testdata/ownership.json tests both.
        """
        if uid not in (0, self.uid):
            return False
        if parent and mode & stat.S_ISVTX:
            return True
        return not mode & stat.S_IWOTH and (not mode & stat.S_IWGRP or gid in (0, self.group))

    def private(self, mode: int, uid: int) -> bool:
        """Whether nobody else may even look into a directory of this user."""
        return uid == self.uid and not mode & 0o077


def home() -> Path | None:
    """The user's home directory, if there is one. It is never made."""
    with contextlib.suppress(RuntimeError):
        path = Path.home()
        if path.is_dir():
            return path
    return None


def check(path: Path) -> Path:
    """Makes sure that nobody but this user and root can change or exchange a file or directory.

    Returns:
        the path without links, which is the one that was checked

    Raises:
        NotTrusted: if somebody else can
        OSError: if it cannot be looked at
    """
    path = Path(os.path.realpath(path, strict=True))
    if pwd is not None:
        _check_status(path, path.lstat(), parent=False)
        for parent in path.parents:
            _check_status(parent, parent.lstat(), parent=True)
    return path


def check_open(path: Path, descriptor: int) -> None:
    """Like :func:`check`, for an open file, which must also be a regular one."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise NotTrusted(f"{path} is not a regular file")
    if pwd is not None:
        _check_status(path, status, parent=False)
        for parent in Path(os.path.realpath(path)).parents:
            _check_status(parent, parent.lstat(), parent=True)


def open_regular(path: Path) -> int:
    """Opens a file for reading without waiting for anybody; the caller closes the descriptor.

    Raises:
        NotTrusted: if it is not a regular file
        OSError: if it cannot be opened
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotTrusted(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def make_directory(path: Path) -> None:
    """Makes a directory, and those above it that are missing, for this user alone, whatever the umask is.

    A home directory that does not exist is not made.

    Raises:
        NotTrusted: if others could exchange it, or write into it if it is there already
        OSError: if it cannot be made
    """
    missing = []
    there = path
    while not os.path.lexists(there):
        missing.append(there)
        there = there.parent
    if pwd is not None:
        resolved = Path(os.path.realpath(there, strict=True))
        for parent in (resolved, *resolved.parents):
            _check_status(parent, parent.lstat(), parent=True)
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):
            directory.mkdir(0o700)
            directory.chmod(0o700)
    check(path)


def _check_status(path: Path, status: os.stat_result, parent: bool) -> None:
    if _me().trusts(status.st_mode, status.st_uid, status.st_gid, parent):
        return
    if status.st_uid not in (0, _me().uid):
        raise NotTrusted(f"{path} belongs to another user ({_name(status.st_uid)})")
    raise NotTrusted(f"other users may write to {path} (its mode is {stat.S_IMODE(status.st_mode):04o})")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@functools.cache
def _me() -> Person:
    uid = os.geteuid()
    with contextlib.suppress(KeyError):
        account = pwd.getpwuid(uid)
        group = grp.getgrgid(account.pw_gid)
        # Many systems give each user a group of the same name, with a umask that lets the group write.
        if group.gr_name == account.pw_name and set(group.gr_mem) <= {account.pw_name}:
            return Person(uid, group.gr_gid)
    return Person(uid, None)
