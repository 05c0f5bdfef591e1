"""Which pictures a table shows: the operators' parameters as the wire contract's ``Pictures``."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import pathlib
import shutil
import sys
from typing import Any

import fiftyone as fo

from . import media, query, schema, selection
from .errors import bad_argument
from .worker import find

#: What the column ``image`` can hold.
MODES = ("thumbnail", "original", "reference", "none")

# Kinds of media that are shown by their orthographic projections.
_3D = {"point-cloud", "3d"}

#: The longest side of a thumbnail, in pixels.
SIZE = 256
SMALLEST, LARGEST = 16, 2048

#: The most pictures of a table, unless ``pictures_max`` says otherwise, and the most entries that an artifact may have.
MOST = 100_000
MOST_ENTRIES = 1_000_000

#: What ``decoder.py`` imports: the first is needed, the others read more where they are installed.
_DECODERS = ("PIL", "pillow_heif", "numpy", "tifffile", "imagecodecs")

#: The variable with the size of the cache of thumbnails, in MB; 0 for none.
CACHE_VARIABLE = "FIFTYONE_WANDB_CACHE_MB"
_CACHE_MB = 2000


def mode(params: dict[str, Any], default: bool) -> str:
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


def describe(view: fo.DatasetView, params: dict[str, Any], chosen: str) -> dict[str, Any]:
    """Returns a dict of the message ``Pictures``.

    Args:
        view: a :class:`fiftyone.core.view.DatasetView`
        params: the operator's parameters
        chosen: what ``mode`` said of them, but not "none"

    Raises:
        WandBError: if a parameter is wrong
    """
    return {
        "mode": f"IMAGE_MODE_{chosen.upper()}",
        "thumbnail_size": _size(params.get("thumbnail_size")),
        **_most(params),
        **_range(params.get("image_range")),
        **machine(),
        "crop_fields": [schema.describe(view, name) for name in media.patch_fields(view)]
        if chosen != "original"
        else [],
        "small_field": _small_field(view),
        "projection_field": schema.projection_field(view) or "",
        "fact_columns": media.media_facts(view),
        "frame_source": media.frame_source(view),
        **_slices(view, chosen),
    }


def machine() -> dict[str, Any]:
    """The part of the message ``Pictures`` that is this machine's own, a dict: its directories and programs."""
    return {
        "cache_directory": str(find.cache_dir("thumbnails") or ""),
        "cache_bytes": _cache_megabytes() * 1_000_000,
        "ffmpeg": _ffmpeg(),
        "pillow": _pillow(),
    }


def _ffmpeg():
    found = shutil.which("ffmpeg") or _packaged_ffmpeg()
    # The worker starts it in the video's directory, where a relative path would be another program.
    return os.path.abspath(found) if found else ""


def _packaged_ffmpeg():
    """The ffmpeg that the package imageio-ffmpeg brings, where that is installed; else None."""
    try:
        import imageio_ffmpeg

        found = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError, OSError):
        return None

    return found if os.path.isfile(found) else None


def _pillow():
    """A dict of the message ``Pillow``: how the worker runs ``decoder.py``, by this Python and its packages."""
    packages = []
    for name in _DECODERS:
        with contextlib.suppress(ImportError, ValueError):
            found = importlib.util.find_spec(name)
            if found and found.origin:
                packages.append(os.path.dirname(os.path.dirname(os.path.abspath(found.origin))))

    return {
        "python": sys.executable or "",
        "script": str(pathlib.Path(__file__).resolve().parent / "decoder.py"),
        "packages": list(dict.fromkeys(packages)),
    }


def slices(view: fo.DatasetView, chosen: str) -> list[str]:
    """The other slices of a grouped view that have pictures to show, as a list of names."""
    shown = {"image"}
    if chosen != "original":
        shown.add("video")
        if schema.projection_field(view):
            shown |= _3D

    return [name for name, media_type in media.other_slices(view).items() if media_type in shown]


def lacks_pictures(view: fo.DatasetView) -> bool:
    """Whether all samples are 3D scenes or point clouds, of which nothing can be shown."""
    return view.media_type in _3D and not schema.projection_field(view) and not _small_field(view)


def _slices(view, chosen):
    names = slices(view, chosen)
    if not names:
        return {}

    field, collection = media.groups(view)
    return {"slices": names, "group_field": field, "group_collection": collection}


def _small_field(view):
    config = query.root_dataset(view).app_config
    named = [config.grid_media_field, *(path for path in config.media_fields or () if "thumb" in path.lower())]
    for path in named:
        if path and path != "filepath" and schema.is_text_path(view, path):
            return schema.describe(view, path)["db_path"]

    return ""


def size_error(value: Any) -> str | None:
    """Why a thumbnail cannot have such a size, or None."""
    if value is None or (type(value) is int and SMALLEST <= value <= LARGEST):
        return None

    return f"thumbnail_size has to be a whole number from {SMALLEST} to {LARGEST}, not {value!r}"


def _size(value):
    error = size_error(value)
    if error:
        raise bad_argument(error)

    return SIZE if value is None else value


def most(params: dict[str, Any]) -> int:
    """The most pictures that a table shows, 0 for no limit.

    Args:
        params: the operator's parameters, of which ``pictures_max`` counts
    """
    given = params.get("pictures_max")
    return MOST if given is None else given


def most_error(value: Any) -> str | None:
    """Why there cannot be such a ``pictures_max``, or None."""
    if value is None or (type(value) is int and 0 <= value <= MOST_ENTRIES):
        return None

    return f"pictures_max has to be a whole number from 0 (no limit) to {MOST_ENTRIES:,}, not {value!r}"


def _most(params):
    for error in (most_error(params.get("pictures_max")), selection.seed_error(params.get("seed"))):
        if error:
            raise bad_argument(error)

    return {"pictures_max": most(params), "seed": params.get("seed") or 0}


def range_error(value: Any) -> str | None:
    """Why pictures of more than 8 bits cannot have such a range of samples, or None."""
    if _numbers(value) is not None:
        return None

    return (
        "image_range has to be two numbers, the sample that is black and the higher one that is white, such as "
        f"(0, 5000), not {value!r}"
    )


def _numbers(value):
    """The numbers of a range, a pair or a text with both as the form has it: () for none, None for what is wrong."""
    if value is None or value == "":
        return ()

    parts = value.strip(" ()[]").split(",") if isinstance(value, str) else value
    try:
        low, high = (math.nan if isinstance(part, bool) else float(part) for part in parts)
    except (TypeError, ValueError):
        return None

    return (low, high) if -math.inf < low < high < math.inf else None


def _range(value):
    error = range_error(value)
    if error:
        raise bad_argument(error)

    numbers = _numbers(value)
    return {"image_range": dict(zip(("low", "high"), numbers, strict=True))} if numbers else {}


def _cache_megabytes():
    text = os.environ.get(CACHE_VARIABLE, "").strip()
    if not text:
        return _CACHE_MB

    if not text.isdecimal():
        raise bad_argument(f"{CACHE_VARIABLE} has to be a number of MB, 0 for none, not {text!r}")

    return int(text)
