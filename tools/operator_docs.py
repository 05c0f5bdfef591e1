"""Writes docs/operators.md, the reference of the operators, from their docstrings. `make docs` runs it.

python tools/operator_docs.py            writes the file
python tools/operator_docs.py --check    fails if it is not current
"""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "operators.md"
sys.path.insert(0, str(ROOT))

import docstrings  # noqa: E402

HEAD = """<!-- Made by tools/operator_docs.py from the operators' docstrings: run `make docs` after a change. -->

# Operators

Get an operator by its name, and call it:

```python
import fiftyone.operators as foo

log_view = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
```

In the App, press `` ` `` and type "W&B". Arguments after the first few are keyword-only. Operators that run a job (those with `delegate`)
raise `RuntimeError` with one sentence if they fail, and then W&B shows nothing of it. More about [tables](tables.md), [pictures](pictures.md),
[settings and logins](settings.md), and [jobs in the background](background.md).
"""

#: The operators in the order of the reference.
GROUPS = {
    "Log data, predictions and evaluations": (
        "log_fiftyone_view_to_wandb",
        "log_model_predictions",
        "log_evaluation_to_wandb",
        "sync_wandb_offline",
    ),
    "Load a view": ("load_view_from_wandb",),
    "Link runs to a dataset": ("log_wandb_run", "get_wandb_run_info"),
    "Show runs and reports": ("show_wandb_run", "show_wandb_report", "open_wandb_panel"),
    "Manage linked runs": ("rename_wandb_run", "remove_wandb_run"),
    "Jobs and login": ("cancel_wandb_job", "resume_wandb_job", "log_worker_slot", "login_to_wandb"),
}


def page() -> str:
    """The text of the reference.

    Raises:
        SystemExit: if an operator is in no group
    """
    from shim.operators import OPERATORS

    known = {operator().config.name: operator for operator in OPERATORS}
    grouped = [name for names in GROUPS.values() for name in names]
    if sorted(grouped) != sorted(known):
        raise SystemExit(f"GROUPS in {__file__} and shim/operators differ: {set(known) ^ set(grouped)}")

    parts = [HEAD, *_contents()]
    for title, names in GROUPS.items():
        parts.append(f"\n## {title}\n")
        parts += [_operator(known[name]) for name in names]

    return "\n".join(parts).rstrip() + "\n"


def _contents() -> list[str]:
    return [f"- {title}: " + ", ".join(f"[`{name}`](#{name})" for name in names) for title, names in GROUPS.items()]


def _operator(operator: type) -> str:
    config = operator().config
    call = vars(operator).get("__call__")
    doc = docstrings.parse(call or operator)
    parts = [f"### `{config.name}`\n", f"In the App: *{config.label}*.\n"]
    parts += [_markdown(paragraph) + "\n" for paragraph in doc.paragraphs]
    if doc.example:
        parts.append(f"```python\n{doc.example}\n```\n")

    if doc.arguments:
        parts += ["| parameter | default | meaning |", "| --- | --- | --- |"]
        parts += [_row(argument) for argument in doc.arguments]
        parts.append("")

    if doc.returns:
        parts.append(f"Returns {_markdown(doc.returns)}.\n")

    if doc.raises:
        error, _, when = doc.raises.partition(": ")
        parts.append(f"Raises `{error}` {_markdown(when)}.\n")

    return "\n".join(parts)


def _row(argument: docstrings.Argument) -> str:
    default = f"`{argument.default}`" if argument.default else "required"
    return f"| `{argument.name}` | {default} | {_markdown(argument.text)} |"


def _markdown(text: str) -> str:
    """A docstring's markup as Markdown's."""
    text = re.sub(r":(?:class|func|mod):`([^`]+)`", lambda found: f"`{found[1].rsplit('.', 1)[-1]}`", text)
    return text.replace("``", "`").replace("|", "\\|")


def main() -> int:
    made = page()
    if "--check" in sys.argv[1:]:
        if not FILE.is_file() or FILE.read_text("utf-8") != made:
            print(f"{FILE.relative_to(ROOT)} is not what the docstrings give: run `make docs`", file=sys.stderr)
            return 1
        return 0

    FILE.write_text(made, "utf-8")
    print(f"wrote {FILE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
