"""What a call from Python returns: a dict that a notebook shows as a table with links."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from ..worker import plaintext
from . import results

# The addresses in results, what each is called, and the keys of which the first that is there names it.
_LINKS = {
    "artifact_url": ("Artifact", ("artifact_name",)),
    "wandb_url": ("Run", ("run_name", "run_id")),
    "input_artifact_url": ("Trained on", ("input_artifact",)),
    "url": ("Page", ("title",)),
}

# What is in the links already, or is for programs.
_NOT_SHOWN = {
    "success",
    "artifact_name",
    "run_name",
    "title",
    "job_id",
    "project_key",
    "version",
    "id",
    "warnings",
    "problem",
}

_LONGEST = 500


class Returned(dict):
    """A result: a dict in every respect, which notebooks show as a table."""

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left">{html.escape(label)}</th><td style="text-align:left">{value}</td></tr>'
            for label, value in (*_links(self), *_values(self))
        )
        return f"<table>{rows}</table>{_warnings(self)}"


def _links(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, (label, names) in _LINKS.items():
        url = result.get(key)
        if not isinstance(url, str) or not results.is_web_address(url):
            continue

        name = next((str(result[name]) for name in names if result.get(name)), url)
        if key == "artifact_url" and result.get("artifact_version"):
            name = f"{name}:{result['artifact_version']}"

        yield label, f'<a href="{html.escape(url)}" target="_blank" rel="noopener noreferrer">{_text(name)}</a>'


def _values(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in result.items():
        if key in _NOT_SHOWN or key in _LINKS or value is None or value == "":
            continue

        shown = _shown(key, value)
        if shown:
            yield plaintext.clean(str(key)).replace("_", " ").capitalize(), _text(shown)


def _shown(key: str, value: Any) -> str:
    """A value in words; empty for what has no place in a small table."""
    if isinstance(value, bool):
        return "yes" if value else "no"

    if isinstance(value, int):
        return results.size(value) if key.startswith("bytes") else f"{value:,}"

    if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):
        return ", ".join(value)

    return str(value) if isinstance(value, (str, float)) else ""


def _warnings(result: Mapping[str, Any]) -> str:
    warnings = [warning.get("message") for warning in result.get("warnings") or () if isinstance(warning, Mapping)]
    warnings += [result["problem"]] if result.get("problem") else []
    items = "".join(f"<li>{_text(message)}</li>" for message in warnings if message)
    return f"<p>Warnings</p><ul>{items}</ul>" if items else ""


def _text(text: Any) -> str:
    """Text of others, escaped for HTML."""
    return html.escape(plaintext.clean(str(text), _LONGEST))
