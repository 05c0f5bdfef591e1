"""Saves a login as ``wandb login`` does: in the user's netrc file, where other programs have theirs, too."""

import contextlib
import os
import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

# One entry, up to the next one. Words stand between blanks; a comment takes its line.
_ENTRY = r"(?<!\S)machine\s+{}(?!\S).*?(?=(?<!\S)(?:machine|default|macdef)(?!\S)|\Z)"
_DEFAULT = r"(?<!\S)default(?!\S)"
_COMMENT = r"^[ \t]*#.*$"

_USER = "user"


def path():
    """The file: that of the variable NETRC, else the user's own."""
    if named := os.environ.get("NETRC"):
        return Path(named).expanduser()

    own, other = Path.home() / ".netrc", Path.home() / "_netrc"
    return other if other.exists() and not own.exists() else own


def save(base_url, key):
    """Saves the key for a server; entries of other machines stay as they are.

    Args:
        base_url: the server's API address
        key: the key

    Returns:
        the file

    Raises:
        OSError: if the file cannot be written
        ValueError: if the key has blanks in it, or the address has no host
    """
    machine = urlsplit(base_url).netloc
    if not machine or not key or re.search(r"\s", key):
        raise ValueError("no host, or a key with blanks in it")

    # A link stays one: people keep such files elsewhere.
    file = Path(os.path.realpath(path()))
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        text = ""

    kept = "".join(_without(text, _ENTRY.format(re.escape(machine))))
    if kept and not kept.endswith("\n"):
        kept += "\n"

    # "default" stands for all machines, and what comes after it is not read.
    entry = f"machine {machine}\n  login {_USER}\n  password {key}\n"
    place = re.search(_DEFAULT, _blanked(kept))
    at = place.start() if place else len(kept)
    _write(file, kept[:at] + entry + kept[at:])
    return file


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
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())

        os.replace(draft, file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
