"""What the forms of the operators have in common. Nothing here uses the network."""

import os
import threading
import time

from fiftyone.operators import types

from .. import names, query, schema, settings
from ..errors import WandBError

# From here on the background is proposed: rows, and rows whose pictures go up.
_MANY_ROWS = 200_000
_MANY_IMAGES = 5_000

# Counting stops here and is remembered for a while, as forms are made at every keystroke.
_COUNT_LIMIT = 1_000_001
_COUNT_SECONDS = 30.0

_counts = {}
_counts_lock = threading.Lock()


def is_from_app(ctx):
    """Whether an execution was requested by the App: no call from Python has these keys."""
    return "filters" in ctx.request_params or "extended" in ctx.request_params


def chosen(ctx):
    """The dataset or view that the user chose; without a choice, the view if there is one.

    FiftyOne's own answer to no choice has changed over time.
    """
    if "view_target" in ctx.params or "view_target" in ctx.request_params:
        return ctx.target_view()

    return ctx.view if ctx.has_custom_view else ctx.dataset


def target(ctx):
    """The view that the form is about, or None if there is none to log."""
    if ctx.dataset is None:
        return None

    try:
        return query.as_view(chosen(ctx))
    except WandBError:
        return None


def count(view):
    """The number of the view's rows, at most ``_COUNT_LIMIT``; None if counting takes long."""
    key = (query.root_dataset(view).name, hash(query.serialization(view)), query.group_slice(view))
    now = time.monotonic()
    with _counts_lock:
        for old in [k for k, (_, when) in _counts.items() if now - when > _COUNT_SECONDS]:
            del _counts[old]

        if key in _counts:
            return _counts[key][0]

    counted = query.count(view, _COUNT_LIMIT)
    with _counts_lock:
        _counts[key] = (counted, now)

    return counted


def is_large(ctx, with_images):
    """Whether the background should be proposed for a job."""
    view = target(ctx)
    if view is None:
        return False

    rows = count(view)
    return rows is None or rows > (_MANY_IMAGES if with_images else _MANY_ROWS)


def start(ctx, verb):
    """Begins a form with what it is about.

    Args:
        ctx: the execution context
        verb: what is done to the samples, such as "Log"

    Returns:
        a tuple of (the form's inputs, the view or None)
    """
    inputs = types.Object()
    view = target(ctx)
    if view is None:
        inputs.view(
            "no_dataset",
            types.Error(
                label="Nothing to log",
                description="Open a dataset that still exists, and a view of it",
            ),
        ).invalid = True
        return inputs, None

    inputs.view_target(ctx, action_description=verb)
    rows = count(view)
    inputs.view("samples", types.Notice(label=_about(view, rows)))
    return inputs, view


def _about(view, rows):
    kind = query.row_kind(view).removeprefix("ROW_KIND_").lower()
    plural = {"patch": "patches"}.get(kind, kind + "s")
    if rows is None:
        number = f"All {plural} of this view (counting them takes long)"
    elif rows >= _COUNT_LIMIT:
        number = f"More than {_COUNT_LIMIT - 1:,} {plural}"
    else:
        number = f"{rows:,} {kind if rows == 1 else plural}"

    whole = "" if query.is_subset(view) else ", the whole dataset"
    return f"{number} of '{query.root_dataset(view).name}'{whole} will be logged"


def where(ctx, inputs):
    """Adds the project and the entity."""
    known = _known(ctx, settings.PROJECT, "WANDB_PROJECT")
    project = inputs.str(
        "project",
        required=known is None,
        label="Project",
        description="The W&B project. It is made if it does not exist",
        default=known,
    )
    _refuse(project, names.project_error(ctx.params.get("project")))
    inputs.str(
        "entity",
        label="Entity",
        description="A W&B user or team. Empty: the default of your key",
        default=_known(ctx, settings.ENTITY, "WANDB_ENTITY"),
    )


def run(ctx, inputs, description):
    """Adds the run's id."""
    _refuse(
        inputs.str("run_id", label="Run ID", description=description),
        names.run_error(ctx.params.get("run_id")),
    )


def artifact(ctx, inputs, default):
    """Adds the artifact's name, aliases, tags and description.

    Args:
        ctx: the execution context
        inputs: the form's inputs
        default: the name that an empty field stands for, in words
    """
    text = ctx.params.get("artifact_name") or ""
    name = names.artifact_name(text)
    note = f"It will be called '{name}'" if text and name and name != text else f"Empty: {default}"
    _refuse(
        inputs.str("artifact_name", label="Artifact name", description=note),
        names.artifact_error(text),
    )
    for key, label, description in (
        ("aliases", "Aliases", "Further names of this version, beside 'latest'"),
        ("tags", "Tags", "Tags of this version"),
    ):
        inputs.list(
            key,
            types.String(),
            label=label,
            description=description,
            view=types.AutocompleteView(),
        )

    inputs.str("description", label="Description", description="Text for people")


def choose(inputs, key, values, label, description, required=False):
    """Adds a drop-down of fields."""
    view = types.DropdownView()
    for value in values:
        view.add_choice(value, label=value)

    inputs.enum(key, values, label=label, description=description, view=view, required=required)


def choose_many(inputs, key, values, label, description):
    """Adds a drop-down of which several fields can be chosen."""
    view = types.AutocompleteView(allow_user_input=False, allow_duplicates=False)
    for value in values:
        view.add_choice(value, label=value)

    inputs.list(key, types.String(), label=label, description=description, view=view)


def columns(view):
    """The plain fields that can become columns, without those that every table has."""
    own = ("id", "filepath", "tags")
    return [path for path in schema.choices(view, schema.is_plain) if path not in own]


def show_result(ctx, rows):
    """The output of a job: a table of what was done, the links and the warnings.

    Args:
        ctx: the execution context, with the result
        rows: a list of (label, value) for what only this operator has
    """
    result = ctx.results or {}
    outputs = types.Object()
    if not result.get("artifact_name"):
        return types.Property(outputs)

    version = result["artifact_version"]
    state = "new version" if result["new_version"] else "W&B had this very content already"
    rows = [
        ("Artifact", _link(f"{result['artifact_name']}:{version}", result["artifact_url"])),
        ("Version", f"{version} ({state})"),
        ("Run", _link(f"{result['entity']}/{result['project']}/{result['run_id']}", result["wandb_url"])),
        *rows,
        (
            "Uploaded",
            f"{_bytes(result['bytes_uploaded'])} in {result['files_uploaded']:,} files; "
            f"{result['files_unchanged']:,} files were there already",
        ),
    ]
    text = ["| | |", "|-|-|", *(f"| **{label}** | {value} |" for label, value in rows)]
    if result["warnings"]:
        text += ["", "**Warnings**", ""]
        text += [f"- {_escape(warning['message'])}" for warning in result["warnings"]]

    outputs.str("summary", default="\n".join(text), view=types.MarkdownView())
    return types.Property(outputs, view=types.View(label="Logged to W&B"))


def show_error(error):
    """The output of a job that failed."""
    outputs = types.Object()
    outputs.view("error", types.Error(label="The job failed", description=str(error)))
    return types.Property(outputs)


def _known(ctx, secret, variable):
    return ctx.secret(secret) or os.environ.get(variable) or None


def _refuse(prop, error):
    if error:
        prop.invalid = True
        prop.error_message = error


def _link(text, url):
    return f"[{_escape(text)}]({url})" if url else _escape(text)


def _escape(text):
    # File names and class names come from anywhere; Markdown must not act on them.
    return "".join("\\" + c if c in "\\`*_{}[]<>()#|" else c for c in text.replace("\n", " "))


def _bytes(number):
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"

        number /= 1000

    return f"{number:.1f} TB"
