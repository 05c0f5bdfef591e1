"""Saves a login as ``wandb login`` does: in the user's netrc file, where other programs have theirs, too."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import time
from pathlib import Path
from urllib.parse import urlsplit

from .worker import descriptors, ownership

# One entry, up to the next one. Words stand between blanks; a comment takes its line.
_ENTRY = r"(?<!\S)machine\s+{}(?!\S).*?(?=(?<!\S)(?:machine|default|macdef)(?!\S)|\Z)"
_DEFAULT = r"(?<!\S)default(?!\S)"
_COMMENT = r"^[ \t]*#.*$"

_USER = "user"

# How long somebody else may be at work on the file, in seconds.
_PATIENCE = 10.0


def path() -> Path:
    """The file: that of the variable NETRC, else the user's own.

    Raises:
        FileNotFoundError: if the user has no home directory
    """
    if named := os.environ.get("NETRC"):
        return Path(os.path.expanduser(named))

    home = ownership.home()
    if home is None:
        raise FileNotFoundError(errno.ENOENT, "there is no home directory", "~/.netrc")

    own, other = home / ".netrc", home / "_netrc"
    return other if other.exists() and not own.exists() else own


class AnotherLogin(Exception):
    """The file has another key for this server."""


def save(base_url: str, key: str, replace: bool = False) -> Path:
    """Saves the key for a server; entries of other machines stay as they are.

    Two processes that do this at once wait for each other.

    Args:
        base_url: the server's API address
        key: the key
        replace (False): whether it takes the place of another key for the server

    Returns:
        the file

    Raises:
        AnotherLogin: if there is another key and it is not to be replaced
        OSError: if the file cannot be written, or is not a regular file
        ValueError: if the key has blanks in it, or the address has no host
    """
    machine = urlsplit(base_url).netloc
    if not machine or not key or re.search(r"\s", key):
        raise ValueError("no host, or a key with blanks in it")

    # A link stays one: people keep such files elsewhere.
    file = Path(os.path.realpath(path()))
    with _locked(file):
        _write(file, _with_entry(_read(file), machine, key, replace))

    return file


def _with_entry(text, machine, key, replace):
    others = re.findall(_ENTRY.format(re.escape(machine)), _blanked(text), flags=re.DOTALL)
    passwords = {found[1] for entry in others if (found := re.search(r"(?<!\S)password\s+(\S+)", entry))}
    if passwords - {key, f'"{key}"'} and not replace:
        raise AnotherLogin

    kept = "".join(_without(text, _ENTRY.format(re.escape(machine))))
    if kept and not kept.endswith("\n"):
        kept += "\n"

    # "default" stands for all machines, and what comes after it is not read.
    entry = f"machine {machine}\n  login {_USER}\n  password {key}\n"
    place = re.search(_DEFAULT, _blanked(kept))
    at = place.start() if place else len(kept)
    return kept[:at] + entry + kept[at:]


@contextlib.contextmanager
def _locked(file):
    end = time.monotonic() + _PATIENCE

    def check():
        if time.monotonic() > end:
            raise TimeoutError(errno.ETIMEDOUT, "another program keeps the file locked", str(file))

    if not file.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "the directory does not exist", str(file))

    # The directory's own lock leaves no file behind. Windows has none.
    lock = file.parent if os.name == "posix" else file.with_name(f"{file.name}.lock")
    with descriptors.locked(lock, check=check):
        yield


def _read(file):
    try:
        descriptor = ownership.open_regular(file)
    except FileNotFoundError:
        return ""

    # Programs put any bytes there; they stay as they are.
    with open(descriptor, encoding="utf-8", errors="surrogateescape", newline="") as opened:
        return opened.read()


def _without(text, pattern):
    """The parts of the text that are left without what the pattern matches outside of comments."""
    begin = 0
    for found in re.finditer(pattern, _blanked(text), flags=re.DOTALL):
        yield text[begin : found.start()]
        # A comment at the end of an entry is about the next one.
        entry = text[found.start() : found.end()]
        yield "".join(f"{line}\n" for line in entry.splitlines() if re.match(_COMMENT, line))
        begin = found.end()

    yield text[begin:]


def _blanked(text):
    return re.sub(_COMMENT, lambda found: " " * len(found[0]), text, flags=re.MULTILINE)


def _write(file, text):
    """Writes the file whole or not at all; nobody else may read it at any moment."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(text.encode("utf-8", "surrogateescape"))
            out.flush()
            os.fsync(out.fileno())

        os.replace(draft, file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
