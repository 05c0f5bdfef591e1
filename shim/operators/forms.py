"""What the forms of the operators have in common. Nothing here uses the network."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from typing import Any

import fiftyone as fo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import media, names, overlays, pictures, query, schema, selection, workers
from ..errors import WandBError
from . import notices, results

# From this many rows on, and rows with pictures, the background is proposed.
_MANY_ROWS = 200_000
_MANY_IMAGES = 5_000

# About what a row and a cell of it take: ids in files and table, a text of boxes.
_ROW_BYTES = 150
_CELL_BYTES = 50

# About what a pixel of a thumbnail's square takes: photographs of 4 by 3, as JPEG.
_THUMBNAIL_BYTES = 0.2

# About what an entry of an artifact takes in its manifest, and in the memory of W&B's own client.
_MANIFEST_BYTES = 140
_CLIENT_BYTES = 1842

# The cells of a row that the user did not choose: ids, and such as paths and counts.
_OWN_CELLS = 3

_SHOWN_NAMES = 12

# What pictures a table shows, in words.
_PICTURES = {"thumbnail": "thumbnails", "original": "the media files", "reference": "references and thumbnails"}

# Counting stops here and is remembered for a while, as forms are made at every keystroke.
_COUNT_LIMIT = 1_000_001
_COUNT_SECONDS = 30.0

#: The switch that shows the fields that few people need.
MORE = "more_options"

_ALWAYS = {MORE, "view_target"}

_counts = {}
_counts_lock = threading.Lock()


def is_from_app(ctx: ExecutionContext) -> bool:
    """Whether an execution was requested by the App: no call from Python has these keys."""
    return "filters" in ctx.request_params or "extended" in ctx.request_params


def chosen(ctx: ExecutionContext) -> SampleCollection:
    """The dataset or view that the user chose; without a choice, the view if there is one.

    FiftyOne's own answer to no choice has changed over time.
    """
    if "view_target" in ctx.params or "view_target" in ctx.request_params:
        return ctx.target_view()

    return ctx.view if ctx.has_custom_view else ctx.dataset


def target(ctx: ExecutionContext) -> fo.DatasetView | None:
    """The view that the form is about, or None if there is none to log."""
    if ctx.dataset is None:
        return None

    try:
        return query.as_view(chosen(ctx))
    except WandBError:
        return None


def count(view: fo.DatasetView) -> int | None:
    """The number of the view's rows, at most ``_COUNT_LIMIT``; None if counting takes long."""
    return _remembered("count", view, lambda: query.count(view, _COUNT_LIMIT))


def _remembered(what, view, find):
    # Forms are made at every keystroke.
    key = (what, query.root_dataset(view).name, hash(query.serialization(view)), query.group_slice(view))
    now = time.monotonic()
    with _counts_lock:
        for old in [k for k, (_, when) in _counts.items() if now - when > _COUNT_SECONDS]:
            del _counts[old]

        if key in _counts:
            return _counts[key][0]

    found = find()
    with _counts_lock:
        _counts[key] = (found, now)

    return found


def is_large(ctx: ExecutionContext, with_images: bool) -> bool:
    """Whether the background should be proposed for a job."""
    view = target(ctx)
    if view is None:
        return False

    rows = _limited(count(view), ctx.params)
    return rows is None or rows > (_MANY_IMAGES if with_images else _MANY_ROWS)


def _limited(rows, params):
    most = params.get("max_samples")
    if most is None or selection.limit_error(most):
        return rows

    return most if rows is None else min(rows, most)


def drop_hidden(params: dict[str, Any], usual: Iterable[str]) -> None:
    """Removes the parameters that a form does not show, so that only what a user can see counts.

    A form keeps what was filled in when *More options* is switched off.

    Args:
        params: the parameters, a dict
        usual: the names of the fields that are always shown
    """
    if params.get(MORE) is False:
        for name in set(params) - set(usual) - _ALWAYS:
            del params[name]


def add_more(ctx: ExecutionContext, inputs: types.Object, usual: Iterable[str]) -> bool:
    """Adds the switch *More options*, which is on if one of the fields behind it is filled in.

    Args:
        ctx: the execution context
        inputs: the form's inputs
        usual: the names of the fields that are always shown

    Returns:
        whether to show the others
    """
    filled_in = [name for name in set(ctx.params) - set(usual) - _ALWAYS if ctx.params[name] not in (None, "", [])]
    inputs.bool(MORE, default=bool(filled_in), label="More options")
    more = ctx.params.get(MORE)
    return bool(filled_in if more is None else more)


def add_fields(inputs: types.Object, view: fo.DatasetView) -> None:
    """Adds the plain fields that become columns of the table."""
    choose_many(
        inputs, "fields", columns(view), "More columns", "Plain fields that become columns of the table. Default: none"
    )


def add_workers(ctx: ExecutionContext, inputs: types.Object) -> None:
    """Adds the number of background services that share the job."""
    refuse(
        inputs.int(
            "workers",
            label="Workers",
            description="How many background services share a scheduled job of more than 200,000 rows. Default: 1",
        ),
        workers.workers_error(ctx.params.get("workers")),
    )


def add_limit_and_dry_run(
    ctx: ExecutionContext, inputs: types.Object, by_confidence: bool = False, by_evaluation: bool = False
) -> None:
    """Adds the limit on rows and the switch for a dry run.

    Args:
        ctx: the execution context
        inputs: the form's inputs
        by_confidence (False): whether rows can be chosen by the confidence of their labels
        by_evaluation (False): whether an evaluation says which rows are the worst, which are then the default
    """
    most = ctx.params.get("max_samples")
    how = "those that the model is worst on" if by_evaluation else "chosen at random"
    refuse(
        inputs.int("max_samples", label="Maximum rows", description=f"Rows are {how}. Default: all rows"),
        selection.limit_error(most),
    )
    ways = [(selection.WORST, "Rows that the model is worst on")] if by_evaluation else []
    ways.append((selection.RANDOM, "Random rows"))
    if by_confidence and most:
        ways.append((selection.LOWEST_CONFIDENCE, "Rows with the least confident predictions"))
        view = types.DropdownView()
        for value, label in ways:
            view.add_choice(value, label=label)

        inputs.enum("select_by", view.values(), default=ways[0][0], label="Which rows", view=view)

    if most and (ctx.params.get("select_by") or ways[0][0]) == selection.RANDOM:
        refuse(
            inputs.int("seed", label="Seed", description="Another number chooses other rows. Default: 0"),
            selection.seed_error(ctx.params.get("seed")),
        )

    inputs.bool(
        "dry_run",
        default=False,
        label="Dry run",
        description="Show what would be uploaded and what W&B has already, and upload nothing. Default: off",
    )


def start(ctx: ExecutionContext, verb: str) -> tuple[types.Object, fo.DatasetView | None]:
    """Starts a form with what it logs.

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
            notices.error(
                label="Nothing to log",
                description="Open a dataset that exists, and a view of it",
            ),
        ).invalid = True
        return inputs, None

    inputs.view_target(ctx, action_description=verb)
    rows = count(view)
    if rows == 0:
        empty = notices.error("The view has no samples, so there is nothing to log", "Choose another view")
        inputs.view("samples", empty).invalid = True
        return inputs, view

    notice = notices.notice if query.is_subset(view) else notices.warning
    inputs.view("samples", notice(label=_about(view, rows)))
    return inputs, view


def _about(view, rows):
    kind = _row(view)
    plural = {"patch": "patches"}.get(kind, kind + "s")
    if rows is None:
        number = f"All {plural} of this view (counting them takes long)"
    elif rows >= _COUNT_LIMIT:
        number = f"More than {_COUNT_LIMIT - 1:,} {plural}"
    else:
        number = f"{rows:,} {kind if rows == 1 else plural}"

    whole = "" if query.is_subset(view) else ", the whole dataset"
    return f"{number} of '{query.root_dataset(view).name}'{whole} will be logged"


def _row(view):
    """What a row of the view is called."""
    return query.row_kind(view).removeprefix("ROW_KIND_").lower()


def add_pictures(ctx: ExecutionContext, inputs: types.Object, mode: str) -> None:
    """Adds how the pictures of a table are shown, if it has any.

    Args:
        ctx: the execution context
        inputs: the form's inputs
        mode: one of ``pictures.MODES``, as the form is filled in
    """
    if mode == "none":
        return

    _choose_one(
        inputs,
        "image_mode",
        "Pictures",
        ("thumbnail", "Thumbnails", "Small copies, made here; W&B stores each once"),
        ("original", "The media files themselves", "Each file is uploaded once"),
        ("reference", "References", "W&B gets each file's address, and a thumbnail if the file can be read"),
    )
    refuse(
        inputs.int(
            "pictures_max",
            label="Maximum pictures",
            description=f"Beyond it, rows that show pictures are chosen at random, and all rows stay in the table. Default: "
            f"{pictures.MOST:,}; 0 for no limit",
        ),
        pictures.most_error(ctx.params.get("pictures_max")),
    )
    if mode != "original":
        refuse(
            inputs.int(
                "thumbnail_size",
                default=pictures.SIZE,
                label="Thumbnail size",
                description=f"The longest side, in pixels. Default: {pictures.SIZE}",
            ),
            pictures.size_error(ctx.params.get("thumbnail_size")),
        )
        refuse(
            inputs.str(
                "image_range",
                label="Value range",
                description="For pictures with more than 8 bits (thermal, depth, radar): the values to show as black and "
                "white, such as 0, 5000. Default: a picture that uses little of its range is stretched",
            ),
            pictures.range_error(ctx.params.get("image_range")),
        )


def add_overlays(
    ctx: ExecutionContext, inputs: types.Object, view: fo.DatasetView, mode: str, default: str, truth: bool = False
) -> None:
    """Adds which labels are drawn over the pictures of a table, if it has any.

    Args:
        ctx: the execution context
        inputs: the form's inputs
        view: the view
        mode: one of ``pictures.MODES``, as the form is filled in
        default: the fields that an empty field stands for, in words
        truth (False): whether the ground truth is asked for
    """
    fields = overlays.drawable(view) if mode != "none" else []
    if not fields:
        return

    inputs.bool(
        "draw_labels", default=True, label="Draw labels", description="Boxes and masks over the pictures. Default: on"
    )
    if ctx.params.get("draw_labels") is False:
        return

    choose_many(inputs, "overlays", fields, "Labels to draw", f"Each is a layer of its own. Default: {default}")
    if truth:
        choose(
            inputs, "gt_field", fields, "Ground truth", "A label field to draw beside the predictions. Default: none"
        )

    _choose_one(
        inputs,
        "mask_mode",
        "Masks",
        ("own", "The labels' own masks", "Instances with a mask, segmentations and filled polylines"),
        ("all", "All outlines", "Rotated boxes and closed polylines too"),
        ("none", "None", "Boxes only; no mask is read"),
    )


def _choose_one(inputs, name, label, *choices):
    """Adds a drop-down of (value, label, description), of which the first is the default."""
    view = types.DropdownView()
    for value, text, description in choices:
        view.add_choice(value, label=text, description=description)

    first, text, _ = choices[0]
    described = f"Default: {text[0].lower()}{text[1:]}"
    inputs.enum(name, view.values(), default=first, label=label, description=described, view=view)


def add_plan(
    ctx: ExecutionContext, inputs: types.Object, view: fo.DatasetView, contents: dict[str, list[str]] | None, mode: str
) -> None:
    """Says what will happen, as far as the form knows: the worker decides which columns a table gets.

    Args:
        ctx: the execution context
        inputs: the form's inputs
        view: the view
        contents: what the user chose for the table's columns: a dict of what they are, such as "fields", to the
            names of fields; None for no table
        mode: what the pictures are: one of ``pictures.MODES``
    """
    rows = _limited(count(view), ctx.params)
    parts = ["A list of the samples, without a table" if contents is None else _table(view, contents, mode)]
    cells = 0 if contents is None else _OWN_CELLS + sum(map(len, contents.values()))
    shown = _shown(view, rows, ctx.params, mode)
    if shown and rows is not None and shown < rows:
        parts.append(f"{shown:,} of {rows:,} rows show pictures, chosen at random")

    parts.append(_upload(view, rows, shown, cells, mode, ctx.params.get("thumbnail_size")))
    if shown:
        parts.append(_entries(view, shown, mode))

    if is_large(ctx, mode != "none"):
        parts.append(
            "This is a large job: the background is proposed, which needs a service (fiftyone delegated launch)"
        )
    else:
        parts.append("It will run here, with live progress")

    inputs.view("plan", notices.notice(label="What will happen", description=". ".join(parts)))


def _shown(view, rows, params, mode):
    """How many rows show pictures; None if that is not known."""
    if mode == "none":
        return 0

    most = None if pictures.most_error(params.get("pictures_max")) else pictures.most(params)
    if not most:
        return rows

    most = max(1, most // (1 + len(pictures.slices(view, mode))))
    return most if rows is None else min(rows, most)


def _entries(view, shown, mode):
    """How large the artifact's manifest is, in words."""
    number = shown * (1 + len(pictures.slices(view, mode))) * (2 if mode == "reference" else 1)
    if number > pictures.MOST_ENTRIES:
        return (
            f"That is more than {pictures.MOST_ENTRIES:,} files, which W&B's own client could hardly read: the job will be "
            "refused. Lower the maximum of pictures"
        )

    return (
        f"Up to {number:,} entries: a manifest of {results.size(number * _MANIFEST_BYTES)}, which W&B's own client needs about "
        f"{results.size(number * _CLIENT_BYTES)} of memory to read"
    )


def _table(view, contents, mode):
    """What a table holds, in words."""
    chosen = [f"{what} ({_some(names)})" for what, names in contents.items() if names]
    if mode != "none":
        chosen.append(_PICTURES[mode])
        slices = pictures.slices(view, mode)
        if slices:
            chosen.append(f"those of the slices {_some(slices)}")

    return f"A table with a row for each {_row(view)}" + (f": {', '.join(chosen)}" if chosen else "")


def _some(names):
    return ", ".join([*names[:_SHOWN_NAMES], *(["…"] if len(names) > _SHOWN_NAMES else [])])


def _upload(view, rows, shown, cells, mode, thumbnail_size):
    """What is uploaded, in words: at most this much, because W&B takes no file twice."""
    if rows is None:
        return "The size of the upload is not known yet"

    generated = rows * (_ROW_BYTES + _CELL_BYTES * cells)
    if mode == "none":
        return f"About {results.size(generated)} are uploaded"

    what = "media file" if mode == "original" else "thumbnail"
    found = _remembered("media", view, lambda: query.media_size(view))
    if not found or not found[0]:
        return f"About {results.size(generated)} and the {what}s are uploaded"

    looked_at, files, known, size = found
    scale = shown / looked_at  # below 1 where not all rows are logged, or show pictures
    number = round(files * scale)
    if mode != "original" and media.patch_fields(view):
        number = shown  # each patch has a picture of its own

    named = f"{'about ' if scale > 1 else ''}{number:,} {what}{'' if number == 1 else 's'}"
    if not known and mode == "original":
        return f"About {results.size(generated)} and {named} are uploaded, whose sizes the dataset does not record"

    each = size / known if known else math.inf
    if mode != "original":
        side = thumbnail_size if isinstance(thumbnail_size, int) else pictures.SIZE
        each = min(each, _THUMBNAIL_BYTES * side * side)

    total = generated + each * number
    return f"{named[0].upper()}{named[1:]}, about {results.size(total)} in all, less what W&B has already"


def add_artifact(ctx: ExecutionContext, inputs: types.Object, default: str) -> None:
    """Adds the artifact's name, aliases, tags and description; see :func:`add_artifact_name`."""
    add_artifact_name(ctx, inputs, default)
    add_artifact_facts(inputs)


def add_artifact_name(ctx: ExecutionContext, inputs: types.Object, default: str) -> None:
    """Adds the artifact's name.

    Args:
        ctx: the execution context
        inputs: the form's inputs
        default: the name that an empty field stands for, in words
    """
    text = ctx.params.get("artifact_name") or ""
    name = names.artifact_name(text)
    note = f"It will be called '{name}'" if text and name and name != text else f"Default: {default}"
    refuse(
        inputs.str("artifact_name", label="Artifact name", description=note),
        names.artifact_error(text),
    )


def add_artifact_facts(inputs: types.Object) -> None:
    """Adds the artifact's aliases, tags and description."""
    for key, label, description in (
        ("aliases", "Aliases", "More names for this version, beside 'latest'. Default: none"),
        ("tags", "Tags", "Tags of this version. Default: none"),
    ):
        inputs.list(
            key,
            types.String(),
            label=label,
            description=description,
            view=types.AutocompleteView(),
        )

    inputs.str("description", label="Description", description="Text for the artifact's page. Default: none")


def choose(
    inputs: types.Object, key: str, values: list[str], label: str, description: str, required: bool = False
) -> None:
    """Adds a drop-down of fields."""
    view = types.DropdownView()
    for value in values:
        view.add_choice(value, label=value)

    inputs.enum(key, values, label=label, description=description, view=view, required=required)


def choose_many(inputs: types.Object, key: str, values: list[str], label: str, description: str) -> None:
    """Adds a drop-down of which several fields can be chosen."""
    view = types.AutocompleteView(allow_user_input=False, allow_duplicates=False)
    for value in values:
        view.add_choice(value, label=value)

    inputs.list(key, types.String(), label=label, description=description, view=view)


def columns(view: fo.DatasetView) -> list[str]:
    """The plain fields that can become columns, without those that every table has."""
    own = ("id", "filepath", "tags")
    return [path for path in schema.choices(view, schema.is_plain) if path not in own]


def refuse(prop: types.Property, error: str | None) -> None:
    """Marks a field as wrong, if there is an error."""
    if error:
        prop.invalid = True
        prop.error_message = error
