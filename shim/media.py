"""What a view says of its media: what pictures can be shown of its rows.

Like ``query``, this uses names which FiftyOne keeps to itself; tests assert every one.
"""

from __future__ import annotations

import fiftyone as fo
import fiftyone.core.media as fom
import fiftyone.core.odm as foo

from . import query

# How many samples are looked at for whether there is any metadata.
_LOOKED_AT = 1000


def patch_fields(view: fo.DatasetView) -> list[str]:
    """The names of the label fields that the patches of a view are of; none for other views."""
    return list(view._label_fields) if query.row_kind(view) == "ROW_KIND_PATCH" else []


def frame_source(view: fo.DatasetView) -> str:
    """The collection of the videos that a view shows frames or their patches of, if frames have no files of their own; else empty."""
    kind = query.row_kind(view)
    if kind != "ROW_KIND_FRAME" and not (kind == "ROW_KIND_PATCH" and view._dataset.has_sample_field("frame_number")):
        return ""

    first = foo.get_db_conn()[view._dataset._sample_collection_name].find_one({}, {"filepath": 1})
    if not first or fom.get_media_type(first.get("filepath") or "") != fom.VIDEO:
        return ""

    return view._root_dataset._sample_collection_name


def other_slices(view: fo.DatasetView) -> dict[str, str]:
    """The slices of a grouped view beside its active one: a dict of media types by name."""
    if view.media_type != fom.GROUP or view._dataset.media_type != fom.GROUP or view._is_dynamic_groups:
        return {}

    return {name: media_type for name, media_type in view.group_media_types.items() if name != view.group_slice}


def media_facts(view: fo.DatasetView) -> list[str]:
    """Which facts of the media the samples' metadata holds: some of "width", "height", "duration".

    The schema does not tell: it has them before anybody has computed metadata.
    """
    known = {"width": ("width", "frame_width"), "height": ("height", "frame_height"), "duration": ("duration",)}
    sample = [
        {"$limit": _LOOKED_AT},
        {"$match": {"metadata": {"$type": "object"}}},
        {"$project": {"metadata": 1}},
        {"$limit": 1},
    ]
    for row in foo.get_db_conn()[view._dataset._sample_collection_name].aggregate(sample):
        return [name for name, keys in known.items() if any(row["metadata"].get(key) for key in keys)]

    return []


def groups(view: fo.DatasetView) -> tuple[str, str]:
    """Where a grouped view's samples are: the field that describes groups, and the collection."""
    return view._dataset.group_field, view._dataset._sample_collection_name
