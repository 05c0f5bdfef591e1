"""The first rows of a table as the panel shows them: plain JSON, pictures within."""

from __future__ import annotations

import base64
from typing import Any

from ..worker.plaintext import Made

#: The kinds of cells, in the order of the wire contract.
_KINDS = ("empty", "text", "number", "bool", "time", "json", "image", "media")

_MIME = {"jpg": "image/jpeg", "png": "image/png"}


def head(message: Any) -> dict[str, Any]:
    """The beginning of a table.

    Args:
        message: the wire contract's ``TableHead``
    """
    return {
        "tables": list(message.tables),
        "table": message.table,
        "note": message.message,
        "columns": list(message.columns),
        "allColumns": message.all_columns,
        "rows": [[_cell(cell) for cell in row.cells] for row in message.rows],
        "more": message.more,
        "total": message.total if message.total >= 0 else None,
        "pictures": [
            {"url": _url(picture), "width": picture.width, "height": picture.height} for picture in message.pictures
        ],
        "classes": [{"name": one.name, "colour": one.colour} for one in message.classes],
    }


def _url(picture):
    # The worker made the file: nothing of others is in it but pixels.
    return Made(f"data:{_MIME[picture.format]};base64,{base64.b64encode(picture.data).decode()}")


def _cell(cell):
    kind = _KINDS[cell.kind] if cell.kind < len(_KINDS) else "text"
    shown = {"kind": kind, "text": cell.text, "cut": cell.cut}
    if cell.HasField("image"):
        shown["image"] = _image(cell.image)

    return shown


def _image(image):
    return {
        "picture": image.picture if image.picture >= 0 else None,
        "problem": image.problem,
        "caption": image.caption,
        "boxes": [
            {"key": layer.key, "left": layer.left, "boxes": [_box(box) for box in layer.boxes]} for layer in image.boxes
        ],
        "masks": [
            {"key": layer.key, "picture": layer.picture if layer.picture >= 0 else None, "problem": layer.problem}
            for layer in image.masks
        ],
    }


def _box(box):
    return {
        "x": box.min_x,
        "y": box.min_y,
        "width": box.max_x - box.min_x,
        "height": box.max_y - box.min_y,
        "caption": box.caption,
        "colour": box.colour,
    }
