"""What the forms of the operators have in common. Nothing here uses the network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import fiftyone as fo
from fiftyone.core.collections import SampleCollection
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import names, overlays, pictures, query, schema, selection, workers
from ..errors import WandBError
from . import counts, notices

#: The switch that shows the fields that few people need.
MORE = "more_options"

_ALWAYS = {MORE, "view_target"}


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
    how = "those that the model is worst on" if by_evaluation else "random ones"
    refuse(
        inputs.int(
            "max_samples", label="Maximum rows", description=f"If there are more, {how} are logged. Default: all rows"
        ),
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
            inputs.int("seed", label="Seed", description="A different number chooses different rows. Default: 0"),
            selection.seed_error(ctx.params.get("seed")),
        )

    inputs.bool(
        "dry_run",
        default=False,
        label="Dry run",
        description="Show what would be uploaded and what W&B has already, without uploading. Default: off",
    )


def start(ctx: ExecutionContext, verb: str) -> tuple[types.Object, fo.DatasetView | None]:
    """Starts a form that logs something; :func:`shim.operators.plan.add` says what.

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
                description="Open a dataset first",
            ),
        ).invalid = True
        return inputs, None

    inputs.view_target(ctx, action_description=verb)
    rows = counts.rows(view)
    if rows == 0:
        empty = notices.error("The view has no samples, so there is nothing to log", "Choose another view")
        inputs.view("samples", empty).invalid = True

    return inputs, view


def about(view: fo.DatasetView, logged: int | None) -> str:
    """What is logged of which dataset, in a sentence.

    Args:
        view: the view
        logged: how many of its rows are logged, at most; None if that is not known
    """
    rows, plural, name = counts.rows(view), row_names(view), query.root_dataset(view).name
    if rows is None:
        why = "They are being counted: the number appears with your next change"
        if not counts.is_counting(view):
            why = "There are too many to count quickly"

        some = "All" if logged is None else f"At most {logged:,}"
        return f"{some} {plural} of this view of '{name}' will be logged. {why}"

    number = f"more than {counts.LIMIT - 1:,}" if rows >= counts.LIMIT else f"{rows:,}"
    if logged is not None and logged < rows:
        return f"{logged:,} of {number} {plural} of '{name}' will be logged"

    what = row_name(view) if rows == 1 else plural
    whole = "" if query.is_subset(view) else ": the whole dataset"
    return f"{number[0].upper()}{number[1:]} {what} of '{name}' will be logged{whole}"


def row_name(view: fo.DatasetView) -> str:
    """What a row of the view is called, such as "patch"."""
    return query.row_kind(view).removeprefix("ROW_KIND_").lower()


def row_names(view: fo.DatasetView) -> str:
    """What rows of the view are called, such as "patches"."""
    kind = row_name(view)
    return {"patch": "patches"}.get(kind, kind + "s")


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
            description=f"If there are more rows, random ones show pictures; all rows stay in the table. Default: "
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
    inputs: types.Object,
    key: str,
    values: list[str],
    label: str,
    description: str,
    required: bool = False,
    default: str | None = None,
) -> None:
    """Adds a drop-down of names, such as those of fields."""
    view = types.DropdownView()
    for value in values:
        view.add_choice(value, label=value)

    inputs.enum(key, values, default=default, label=label, description=description, view=view, required=required)


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
