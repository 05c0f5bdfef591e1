"""The files that rows show, compared with those that their samples in the dataset have."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol

from .. import query

# Names of the fields that the comparison adds to rows; FiftyOne has none of these names.
_SHOWN, _OWN, _FRAME = "_wandb_shown", "_wandb_own", "_wandb_frame"

# The fields of labels and documents that hold the path of a file.
_NAMES = ("filepath", "mask_path", "map_path")


def foreign(view: fo.DatasetView) -> list[dict[str, Any]]:
    """Steps after which those rows are left that show a file which their sample does not have: in ``foreign``.

    Every path of the view's schema is looked at: of files, of masks and maps of any label, of projections, of the
    media fields of the App. What counts is the sample in the dataset, and for frames the frame's own document, even
    where the row is in a collection that FiftyOne generated.
    """
    root = view._root_dataset
    is_generated = query.is_generated(view)
    steps = [
        {"$project": {_SHOWN: _files(_paths(view._dataset)), "_source": "$_sample_id" if is_generated else "$_id"}},
        _own(root._sample_collection_name, "_source", "_id", _paths(root), _OWN),
    ]
    own = [f"${_OWN}.files"]
    if is_generated and root._frame_collection_name and view._dataset._is_frames:
        steps[0]["$project"]["_frames"] = {"$setUnion": [["$_id"], [{"$ifNull": ["$_frame_id", "$_id"]}]]}
        steps.append(_own(root._frame_collection_name, "_frames", "_id", _paths(root, frames=True), _FRAME))
        own.append(f"${_FRAME}.files")

    known = {"$reduce": {"input": {"$concatArrays": own}, "initialValue": [], "in": _joined("$$value", "$$this")}}
    return [
        *steps,
        {"$project": {"foreign": {"$setDifference": [f"${_SHOWN}", known]}}},
        {"$match": {"foreign": {"$ne": []}}},
        {"$limit": 1},
    ]


def media_fields(dataset: fo.Dataset) -> set[str]:
    """The paths that the dataset's App opens as files beside ``filepath``."""
    config = dataset.app_config
    named = [*(config.media_fields or ()), config.grid_media_field, config.modal_media_field]
    return {path for path in named if path}


def _own(collection, local, foreign_field, paths, name):
    return {
        "$lookup": {
            "from": collection,
            "localField": local,
            "foreignField": foreign_field,
            "pipeline": [{"$project": {"files": _files(paths)}}],
            "as": name,
        }
    }


def _paths(dataset, frames=False):
    """The paths at which documents name files."""
    schema = (dataset.get_frame_field_schema() if frames else dataset.get_field_schema(flat=False)) or {}
    found = set(media_fields(dataset)) if not frames else set()
    _walk(schema, "", found)
    # A row may have been given this field although the schema does not list it.
    found.add("filepath")
    return sorted(found)


def _walk(schema, prefix, found):
    for name, field in schema.items():
        path = prefix + (field.db_field or name)
        while isinstance(field, fof.ListField) and field.field is not None:
            field = field.field

        if isinstance(field, fof.EmbeddedDocumentField):
            document = field.document_type
            if isinstance(document, type) and issubclass(document, fol.Label):
                for file in ("mask_path", "map_path"):
                    found.add(f"{path}.{file}")

            _walk(field.get_field_schema(), path + ".", found)
        elif name in _NAMES:
            found.add(path)


def _files(paths):
    """The texts at these paths, in a list. Lists of labels in lists give lists in lists: both are made flat."""
    files = []
    for path in paths:
        value = f"${path}"
        for _ in range(1 if path.count(".") < 3 else 2):
            value = _flat(value)

        files.append({"$filter": {"input": value, "cond": {"$eq": [{"$type": "$$this"}, "string"]}}})

    return {"$setUnion": files}


def _flat(value):
    return {"$reduce": {"input": _listed(value), "initialValue": [], "in": _joined("$$value", "$$this")}}


def _joined(value, this):
    return {"$concatArrays": [value, _listed(this)]}


def _listed(value):
    return {"$cond": [{"$isArray": [value]}, value, [value]]}
