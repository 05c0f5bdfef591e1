"""What the operators show when they are done: tables, links, warnings, errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import PLUGIN_NAME, work
from ..errors import WandBCancelled, WandBError
from . import buttons, notices
from .notices import escape

#: The operator that cancels a job.
CANCEL = f"{PLUGIN_NAME}/cancel_wandb_job"


def show_result(ctx: ExecutionContext, rows: list[tuple[str, str]]) -> types.Property:
    """The output of a job: a table of what was done, the links and the warnings.

    Args:
        ctx: the execution context, with the result
        rows: a list of (label, value) for what only this operator has
    """
    result = ctx.results or {}
    outputs = types.Object()
    if not result.get("artifact_name"):
        return types.Property(outputs)

    if result.get("dry_run"):
        return _show_preview(outputs, result)

    if not result.get("logged", True):
        add_table(outputs, [("Artifact", escape(result["artifact_name"]))], result["warnings"])
        return types.Property(outputs, view=types.View(label="Not logged: W&B is switched off"))

    if result.get("sync_command") and not result["artifact_version"]:
        rows = [
            ("Artifact", escape(result["artifact_name"])),
            *rows,
            ("Written to", f"`{result['offline_directory']}`"),
            ("To upload it", f"`{result['sync_command']}`, or the operator *Upload an offline run*"),
        ]
        add_table(outputs, rows, result["warnings"])
        return types.Property(outputs, view=types.View(label="Written for W&B, offline"))

    version = result["artifact_version"]
    state = "new version" if result["new_version"] else "W&B had this very content already"
    rows = [
        ("Artifact", link(f"{result['artifact_name']}:{version}", result["artifact_url"])),
        ("Version", f"{version} ({state})"),
        ("Run", link(f"{result['entity']}/{result['project']}/{result['run_id']}", result["wandb_url"])),
        *([("Input", link("training data", result["input_artifact_url"]))] if result.get("input_artifact_url") else []),
        *rows,
        (
            "Uploaded",
            f"{size(result['bytes_uploaded'])} in {result['files_uploaded']:,} files; "
            f"{result['files_unchanged']:,} files were there already",
        ),
        *settings_rows(result),
    ]
    add_table(outputs, rows, result["warnings"])
    return types.Property(outputs, view=types.View(label="Logged to W&B"))


def _show_preview(outputs, result):
    if result["new_version"]:
        stored = f"{result['files_unchanged']:,} files are there already"
        up = f"{size(result['bytes_to_upload'])} in {result['files_to_upload']:,} files; {stored}"
    else:
        up = f"nothing: {link(result['artifact_version'], result['artifact_url'])} has this very content"

    rows = [
        ("Artifact", f"{result['entity']}/{result['project']}/{result['artifact_name']}"),
        ("Rows", f"{result['rows']:,} of {result['samples_in_view']:,}"),
        ("Files", f"{result['files']:,}, {size(result['bytes'])}"),
        *_entries(result),
        ("To upload", up),
        *settings_rows(result),
    ]
    add_table(outputs, rows, result["warnings"])
    return types.Property(outputs, view=types.View(label="What would be logged to W&B: nothing was"))


def _entries(result):
    """The row with what the artifact costs its readers; none for a result that an older release has stored."""
    if "entries" not in result:
        return []

    text = (
        f"{result['entries']:,}: a manifest of {size(result['manifest_bytes'])}, which W&B's own client needs about "
        f"{size(result['client_memory_bytes'])} of memory to read"
    )
    return [("Entries", text)]


def settings_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The row with the W&B settings files that named the place, if any did."""
    files = result.get("settings_files")
    return [("Settings from", escape(", ".join(files), links=False))] if files else []


def show_done(ctx: ExecutionContext, label: str, rows: list[tuple[str, str]]) -> types.Property:
    """The output of an operator that has done something small.

    Args:
        ctx: the execution context, with the result
        label: what was done, in words
        rows: a list of (label, key of the result)
    """
    outputs = types.Object()
    result = ctx.results or {}
    if result.get("success"):
        add_table(outputs, [(name, escape(str(result[key]))) for name, key in rows])

    return types.Property(outputs, view=types.View(label=label))


def add_table(
    outputs: types.Object,
    rows: Iterable[tuple[str, str]],
    warnings: Iterable[dict[str, Any]] = (),
    name: str = "summary",
) -> None:
    """Adds a table and, below it, warnings.

    Args:
        outputs: a :class:`fiftyone.operators.types.Object`
        rows: a list of (label, Markdown)
        warnings (()): dicts with a key ``message``
        name ("summary"): the name of the output
    """
    text = ["| | |", "|-|-|", *(f"| **{label}** | {value} |" for label, value in rows)]
    if warnings:
        text += ["", "**Warnings**", ""]
        text += [f"- {escape(warning['message'])}" for warning in warnings]

    outputs.str(name, default="\n".join(text), view=types.MarkdownView())


def show_progress(update: work.Update) -> types.Property:
    """The output of a job that is under way, with a button that cancels it.

    Args:
        update: a :class:`shim.work.Update`
    """
    outputs = types.Object()
    outputs.float("progress", view=types.ProgressView(label=update.label))
    cancel = {"job_id": update.job_id, "pressed": True}
    outputs.btn("cancel", label="Cancel", on_click=CANCEL, params=cancel, variant="outlined")
    return types.Property(outputs)


def show_error(error: WandBError, again: tuple[str, dict[str, Any]] | None = None) -> types.Property:
    """The output of an operator that failed or was cancelled.

    Args:
        error: the error
        again (None): a tuple of (the operator's URI, its parameters): what the way back to the form fills in
    """
    outputs = types.Object()
    if isinstance(error, WandBCancelled):
        outputs.view("error", notices.notice("Cancelled", str(error)))
    else:
        outputs.view("error", notices.error("This did not work", str(error)))
        buttons.add_login(outputs, error)

    if again is not None:
        buttons.add_form(outputs, *again)

    return types.Property(outputs)


def link(text: str, url: str | None) -> str:
    """A link in Markdown; the text alone if there is no address."""
    # An address with a bracket would end the link.
    safe = is_web_address(url) and not re.search(r"[<>()\\]", url)
    return f"[{escape(text)}]({url})" if safe else escape(text)


def is_web_address(url: str | None) -> bool:
    """Whether a text is an address that may become a link: no script, no other program's."""
    return bool(url) and re.fullmatch(r"https?://\S+", url) is not None and url.isprintable()


def number(value: float) -> str:
    """A number in words: a whole one with all its digits, another one with six."""
    return f"{value:,.0f}" if value % 1 == 0 and abs(value) < 1e15 else f"{value:.6g}"


def size(number: float) -> str:
    """A number of bytes in words."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"

        number /= 1000

    return f"{number:.1f} TB"
