"""Names as W&B takes them, so that a form can say early what would be refused."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

_MOST = 128
_PROJECT_FORBIDDEN = set("/\\#?%:\r\n")
_RUN_FORBIDDEN = set(":;,#?/\\'")


def artifact_name(text: str) -> str:
    """The name that the worker makes of a wanted one; empty if nothing is left of it."""
    name = re.sub(r"[^a-z0-9\-_.]", "_", text.lower())
    return re.sub(r"[_-]+", "_", name).strip("-_.")


def artifact_error(text: str | None) -> str | None:
    """Why a name cannot be an artifact's, or None."""
    name = artifact_name(text or "")
    if text and not name:
        return "An artifact's name needs at least one of a-z and 0-9"

    if len(name) > _MOST:
        return f"An artifact's name has at most {_MOST} characters"

    return None


def artifact_place(text: str | None) -> tuple[str, str, str]:
    """The place that an artifact's full path or the address of its page names.

    Returns:
        entity, project, and what is left: the name, with a version behind a colon if there is one. Entity and project
        are empty for a name alone, and for ``project/name``, which may be a name that was logged with a slash
    """
    text = (text or "").strip()
    if "://" in text:
        try:
            address = urlsplit(text)
        except ValueError:  # half-typed, such as http://[::1
            return "", "", text

        member = parse_qs(address.query)
        parts = [unquote(part) for part in address.path.split("/") if part]
        if "selectionPath" in member:
            parts = member["selectionPath"][0].split("/")
            version = member.get("version", [""])[0]
        elif len(parts) > 4 and parts[2] == "artifacts":
            parts, version = [*parts[:2], parts[4]], "".join(parts[5:6])
        else:
            return "", "", text

        text = "/".join(parts) + (f":{version}" if version else "")

    path, colon, version = text.partition(":")
    parts = path.split("/")
    return (parts[0], parts[1], parts[2] + colon + version) if len(parts) == 3 and all(parts) else ("", "", text)


def project_error(text: str | None) -> str | None:
    """Why a name cannot be a project's, or None."""
    bad = sorted(_PROJECT_FORBIDDEN & set(text or ""))
    if bad:
        return f"A project's name cannot contain {_shown(bad)}"

    if len(text or "") > _MOST:
        return f"A project's name has at most {_MOST} characters"

    return None


def run_id(text: str | None) -> str:
    """The id that a text names: of the address of a run's page its last part, else the text itself."""
    if text and "/runs/" in text:
        return re.split(r"[/?#]", text.split("/runs/", 1)[1])[0]

    return text or ""


def run_error(text: str | None) -> str | None:
    """Why a text cannot be the id of a run, or None."""
    bad = sorted(c for c in set(text or "") if c in _RUN_FORBIDDEN or c < " " or c == "\x7f")
    if bad:
        return f"A run's id cannot contain {_shown(bad)}"

    if len(text or "") > _MOST:
        return f"A run's id has at most {_MOST} characters"

    if text and text != text.strip():
        return "A run's id cannot begin or end with a blank"

    return None


def _shown(characters: list[str]) -> str:
    return " ".join(c if c.isprintable() else "control characters" for c in characters)


def identifier(text: str) -> str:
    """Makes a valid Python identifier of a text, as FiftyOne's run keys have to be."""
    key = re.sub(r"[^0-9A-Za-z_]", "_", text)
    return "_" + key if not key or key[0].isdigit() else key
