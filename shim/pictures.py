"""Which pictures a table shows: the operators' parameters as the wire contract's ``Pictures``."""

import os

from .errors import bad_argument
from .worker import find

#: What the column ``image`` can hold.
MODES = ("thumbnail", "original", "reference", "none")

#: The longest side of a thumbnail, in pixels.
SIZE = 256
SMALLEST, LARGEST = 16, 2048

#: The variable with the size of the cache of thumbnails, in MB; 0 for none.
CACHE_VARIABLE = "FIFTYONE_WANDB_CACHE_MB"
_CACHE_MB = 2000


def mode(params, default):
    """Returns what the column ``image`` holds, one of ``MODES``.

    Args:
        params: the operator's parameters, of which ``include_images`` and ``image_mode`` count
        default: whether there are pictures if neither is given

    Raises:
        WandBError: if they cannot be
    """
    wanted = params.get("image_mode")
    if wanted is not None and wanted not in MODES:
        raise bad_argument(f"image_mode has to be one of {', '.join(MODES)}, not {wanted!r}")

    include = params.get("include_images")
    if include is None:
        include = default or wanted is not None

    return (wanted or MODES[0]) if include else "none"


def describe(params, chosen):
    """Returns a dict of the message ``Pictures``.

    Args:
        params: the operator's parameters
        chosen: what ``mode`` said of them, but not "none"

    Raises:
        WandBError: if a parameter is wrong
    """
    return {
        "mode": f"IMAGE_MODE_{chosen.upper()}",
        "thumbnail_size": _size(params.get("thumbnail_size")),
        "cache_directory": str(find.cache_dir("thumbnails")),
        "cache_bytes": _cache_megabytes() * 1_000_000,
    }


def size_error(value):
    """Why a thumbnail cannot have such a size, or None."""
    if value is None or (type(value) is int and SMALLEST <= value <= LARGEST):
        return None

    return f"thumbnail_size has to be a whole number from {SMALLEST} to {LARGEST}, not {value!r}"


def _size(value):
    error = size_error(value)
    if error:
        raise bad_argument(error)

    return SIZE if value is None else value


def _cache_megabytes():
    text = os.environ.get(CACHE_VARIABLE, "").strip()
    if not text:
        return _CACHE_MB

    if not text.isdecimal():
        raise bad_argument(f"{CACHE_VARIABLE} has to be a number of MB, 0 for none, not {text!r}")

    return int(text)
