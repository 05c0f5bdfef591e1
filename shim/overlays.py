"""What is drawn over the pictures of a table: the operators' parameters as the wire contract's ``Overlays``."""

from __future__ import annotations

from typing import Any

from fiftyone.core.collections import SampleCollection

from . import schema
from .errors import SETTINGS, WandBError, bad_argument
from .plain import text_list

#: The label classes that are drawn: as boxes, masks, captions or heatmaps.
DRAWN = (
    "Classification",
    "Classifications",
    "Detection",
    "Detections",
    "Heatmap",
    "Keypoint",
    "Keypoints",
    "Polyline",
    "Polylines",
    "Segmentation",
)

#: What is drawn as masks: labels that have one, rotated boxes and closed polylines too, or nothing.
MASK_MODES = ("own", "all", "none")

_WIRE = {"own": "MASK_MODE_UNSPECIFIED", "all": "MASK_MODE_ALL", "none": "MASK_MODE_NONE"}


def drawable(samples: SampleCollection) -> list[str]:
    """The paths of the collection's label fields that can be drawn."""
    return [field["path"] for field in _drawable(samples)]


def describe(
    samples: SampleCollection, params: dict[str, Any], pictures: bool, default: list[str] | None = None
) -> dict[str, Any]:
    """Returns a dict of the message ``Overlays``.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`
        params: the operator's parameters, of which ``overlays``, ``mask_mode`` and ``gt_field`` count, and
            ``draw_labels``, which is the form's
        pictures: whether the table shows pictures
        default: the paths that are drawn if ``overlays`` names none, those of fields of frames included; by default, all
            fields of samples that can be

    Raises:
        WandBError: if a parameter is wrong
    """
    chosen, masks = params.get("overlays"), params.get("mask_mode")
    if masks is not None and masks not in MASK_MODES:
        raise bad_argument(f"mask_mode has to be one of {', '.join(MASK_MODES)}, not {masks!r}")

    named = [] if isinstance(chosen, bool) or not chosen else _paths(chosen)
    truth = params.get("gt_field")
    if chosen is False or params.get("draw_labels") is False:
        return {}

    if not pictures:
        # What a form was filled in with stays in it when its pictures are switched off.
        if "draw_labels" not in params and (named or chosen is True or masks is not None or truth):
            raise WandBError(
                "overlays, mask_mode and gt_field are for the pictures of a table, and this one has none: "
                "give include_images=True, or leave them out",
                source=SETTINGS,
                code="no_pictures",
            )

        return {}

    if named:
        fields = [_named(samples, path, "overlays") for path in named]
    else:
        fields = _drawable(samples)
        if default is not None:
            known = fields + [f for f in schema.described_frame_fields(samples) if f["label_type"] in DRAWN]
            fields = [field for field in known if field["path"] in default]

    if truth and truth not in [field["path"] for field in fields]:
        fields.append(_named(samples, truth, "gt_field"))

    return {"fields": fields, "masks": _WIRE[masks or "own"]}


def _drawable(samples):
    return [field for field in schema.label_fields(samples)[0] if field["label_type"] in DRAWN]


def _named(samples, path, argument):
    field = schema.label_field(samples, path, argument, drawable(samples))
    if field["label_type"] not in DRAWN:
        raise WandBError(
            f"{argument} names '{path}', whose labels cannot be drawn in a picture ({field['label_type'] or 'a class of your own'})",
            source=SETTINGS,
            code="wrong_field",
        )

    return field


def _paths(chosen):
    paths = text_list(chosen)
    if paths is None:
        raise bad_argument(f"overlays has to be True, False or a list of label fields, not {chosen!r}")

    return paths
