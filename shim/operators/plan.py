"""What a job will do, in words, as far as a form knows it before the job runs."""

from __future__ import annotations

import math

import fiftyone as fo
from fiftyone.operators import types
from fiftyone.operators.executor import ExecutionContext

from .. import media, pictures, selection, workers
from . import counts, forms, notices, results

# From this many rows on, and rows with pictures, the background is proposed.
_MANY_ROWS = 200_000
_MANY_IMAGES = 5_000

# About what a row and a cell of it take: ids in files and table, a text of boxes.
_ROW_BYTES = 150
_CELL_BYTES = 50

# About what a row takes in a list of the samples, whose text says the names of all values.
_LISTED_BYTES = 300

# About what a pixel of a thumbnail's square takes: photographs of 4 by 3, as JPEG.
_THUMBNAIL_BYTES = 0.2

# About what an entry of an artifact takes in its manifest, and in the memory of W&B's own client.
_MANIFEST_BYTES = 140
_CLIENT_BYTES = 1842

# From this many entries on, what they cost those who read the artifact is worth a sentence.
_MANY_ENTRIES = 20_000

# The cells of a row that the user did not choose: ids, and such as paths and counts.
_OWN_CELLS = 3

_SHOWN_NAMES = 12

# What pictures a table shows, in words.
_PICTURES = {"thumbnail": "thumbnails", "original": "the media files", "reference": "references and thumbnails"}


def is_large(ctx: ExecutionContext, with_images: bool) -> bool:
    """Whether the background should be proposed for a job."""
    view = forms.target(ctx)
    if view is None:
        return False

    rows = _limited(counts.rows(view), ctx.params)
    return rows is None or rows > (_MANY_IMAGES if with_images else _MANY_ROWS)


def add(
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
    if counts.rows(view) == 0:
        return

    bare = mode == "thumbnail" and pictures.lacks_pictures(view)
    if bare:
        mode = "none"

    rows = _limited(counts.rows(view), ctx.params)
    if contents is None:
        parts, row_bytes = [f"A list of the {forms.row_names(view)}, without a table"], _LISTED_BYTES
    else:
        parts = [_table(view, contents, mode)]
        row_bytes = _ROW_BYTES + _CELL_BYTES * (_OWN_CELLS + sum(map(len, contents.values())))

    shown = _shown(view, rows, ctx.params, mode)
    counted = rows is None or rows < counts.LIMIT
    if shown and rows is not None and shown < rows:
        total = f"{rows:,}" if counted else f"more than {counts.LIMIT - 1:,}"
        parts.append(f"{shown:,} of {total} rows show pictures, chosen at random")

    if bare:
        parts.append("3D scenes without orthographic projections have no pictures to show")

    parts.append(_upload(view, rows, shown, row_bytes, mode, ctx.params.get("thumbnail_size")))
    if not counted:
        parts.append(f"This is for {counts.LIMIT - 1:,} rows, and the view has more")

    parts += _entries(view, shown, mode)
    parts += _sharing(rows, ctx.params)
    if is_large(ctx, mode != "none"):
        parts.append(
            "This is a large job: it is best run in the background, which needs a service (fiftyone delegated launch)"
        )
    else:
        parts.append("It will run here, with live progress")

    inputs.view("plan", notices.notice(label=forms.about(view, rows), description=". ".join(parts)))


def _limited(rows, params):
    most = params.get("max_samples")
    if most is None or selection.limit_error(most):
        return rows

    return most if rows is None else min(rows, most)


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
    """How large the artifact's manifest is, in words, if it is large: a list of sentences."""
    number = (shown or 0) * (1 + len(pictures.slices(view, mode))) * (2 if mode == "reference" else 1)
    if number > pictures.MOST_ENTRIES:
        return [
            f"Up to {number:,} entries: with more than {pictures.MOST_ENTRIES:,}, which W&B's own client could hardly read, the job "
            "will be refused. Lower the maximum number of pictures"
        ]

    if number < _MANY_ENTRIES:
        return []

    return [
        f"Up to {number:,} entries: a manifest of {results.size(number * _MANIFEST_BYTES)}, which W&B's own client needs about "
        f"{results.size(number * _CLIENT_BYTES)} of memory to read"
    ]


def _sharing(rows, params):
    """Whether several workers share the job, in words: a list of sentences."""
    count = 1 if workers.workers_error(params.get("workers")) else workers.wanted(params)
    if rows is None or (rows <= workers.WHOLE_ROWS and count == 1):
        return []

    if params.get("dry_run"):
        return [] if count == 1 else ["One worker will do it, since it is a dry run"]

    if rows <= workers.WHOLE_ROWS:
        return [f"One worker will do it, since there are at most {workers.WHOLE_ROWS:,} rows"]

    if count == 1:
        return ["Several background services can share it: see Workers in More options"]

    parts = -(-rows // workers.PART_ROWS)
    return [f"Scheduled, {min(count, parts)} background services share it, in parts of {workers.PART_ROWS:,} rows"]


def _table(view, contents, mode):
    """What a table holds, in words."""
    chosen = [f"{what} ({first_names(names)})" for what, names in contents.items() if names]
    if mode != "none":
        chosen.append(_PICTURES[mode])
        slices = pictures.slices(view, mode)
        if slices:
            chosen.append(f"also of the slice{'' if len(slices) == 1 else 's'} {first_names(slices)}")

    return f"A table with a row for each {forms.row_name(view)}" + (f": {', '.join(chosen)}" if chosen else "")


def first_names(names: list[str]) -> str:
    """The names in words; of many, the first ones and how many more there are."""
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_SHOWN_NAMES])} and {more:,} more"


def _upload(view, rows, shown, row_bytes, mode, thumbnail_size):
    """What is uploaded, in words: at most this much, because W&B takes no file twice."""
    if rows is None:
        return "The size of the upload is not known yet"

    generated = rows * row_bytes
    if mode == "none":
        return f"About {results.size(generated)} will be uploaded"

    what = "media file" if mode == "original" else "thumbnail"
    found = counts.media_size(view)
    if not found or not found[0]:
        return f"About {results.size(generated)} and the {what}s will be uploaded"

    looked_at, files, known, size = found
    scale = shown / looked_at  # below 1 where not all rows are logged, or show pictures
    number = round(files * scale)
    if mode != "original" and media.patch_fields(view):
        number = shown  # each patch has a picture of its own

    named = f"{'about ' if scale > 1 else ''}{number:,} {what}{'' if number == 1 else 's'}"
    if not known and mode == "original":
        return f"About {results.size(generated)} and {named} of unknown size will be uploaded"

    each = size / known if known else math.inf
    if mode != "original":
        side = thumbnail_size if isinstance(thumbnail_size, int) else pictures.SIZE
        each = min(each, _THUMBNAIL_BYTES * side * side)

    total = generated + each * number
    return f"{named[0].upper()}{named[1:]}, about {results.size(total)} in all, except what W&B already has"
