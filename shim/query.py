"""A FiftyOne view as MongoDB sees it.

This module, ``media``, ``database`` and ``restoring`` are the only ones that use names which FiftyOne keeps to itself;
tests assert every one of them, so that a release that changes one is noticed there.
"""

from __future__ import annotations

from typing import Any

import bson
import fiftyone as fo
import fiftyone.core.clips as foc
import fiftyone.core.odm as foo
import fiftyone.core.patches as fop
import fiftyone.core.video as fov
import pymongo.errors
from bson import json_util

from . import address, schema
from .errors import FIFTYONE, SETTINGS, WandBError
from .plain import to_json

# Rows that a stage can select in their order: MongoDB takes 16 MB.
_MAX_SELECTED = 400_000

# Words of MongoDB by which stages choose other samples each time they run.
_DRAWING = ("$sample", "$sampleRate", "$rand")

# Stages that neither add nor drop rows: sorting 300,000 of them takes ten times as long as counting them.
_KEEPING = {"$sort", "$addFields", "$set", "$project", "$unset"}

# Arguments of stages that name generated datasets or cache queries.
_STATE = "_state"


def as_view(samples: Any) -> fo.DatasetView:
    """Returns the collection as a view.

    Raises:
        WandBError: if it is not a collection, or its dataset or its generated collection
            is gone
    """
    if not isinstance(samples, (fo.Dataset, fo.DatasetView)):
        raise WandBError(
            f"The first argument has to be a FiftyOne dataset or view, not {type(samples).__name__}",
            source=SETTINGS,
            code="no_samples",
        )

    # A deleted dataset answers to nothing but its name and this question.
    dataset = samples if isinstance(samples, fo.Dataset) else samples._root_dataset
    if dataset.deleted:
        raise _deleted(dataset.name)

    view = samples.view()
    _check_collections(view)
    return view


def describe_view(view: fo.DatasetView, with_frames: bool = False) -> dict[str, Any]:
    """Returns the view as the wire contract's ``View``, in a dict.

    Args:
        view: a :class:`fiftyone.core.view.DatasetView`
        with_frames (False): whether the frames of the view's videos are read, too
    """
    subset = is_subset(view)
    return {
        "uri": database_uri(),
        "database": fo.config.database_name,
        "collection": view._dataset._sample_collection_name,
        "pipeline": _encode(pipeline(view)),
        "is_subset": subset,
        "serialization_json": serialization(view, lasting=True) if subset else "",
        "row_kind": row_kind(view),
        "group_slice": group_slice(view) or "",
        "frames_pipeline": _encode(view._pipeline(frames_only=True)) if with_frames else b"",
    }


def describe_dataset(view: fo.DatasetView) -> dict[str, Any]:
    """Returns what the artifact says of the view's dataset, in a dict of ``Dataset``.

    No sample is read.
    """
    root = view._root_dataset
    mask_targets = dict(root.mask_targets or {})
    if root.default_mask_targets:
        mask_targets["default_mask_targets"] = root.default_mask_targets

    return {
        "name": root.name,
        "id": dataset_id(root),
        "media_type": root.media_type or "",
        "fiftyone_version": fo.__version__,
        "created_at": _iso(root.created_at),
        "last_modified_at": _iso(root.last_modified_at),
        "info_json": to_json(dict(root.info or {})),
        "default_classes_json": to_json(list(root.default_classes or [])),
        "mask_targets_json": to_json(mask_targets),
        "frame_fields": schema.frame_label_fields(root),
        "has_frame_fields": schema.has_frame_fields(root),
        "collection": root._sample_collection_name,
        "pipeline": _encode(pipeline(root.view())),
    }


def pipeline(view: fo.DatasetView) -> list[dict[str, Any]]:
    """The aggregation pipeline that gives the view's samples, in their order."""
    return view._pipeline(detach_frames=True, detach_groups=True)


def draws(view: fo.DatasetView) -> bool:
    """Whether the view may have other samples each time it is read. Views that ``take()`` and ``shuffle()`` make do not."""
    return _has_key(pipeline(view), _DRAWING)


def root_dataset(view: fo.DatasetView) -> fo.Dataset:
    """The dataset that the view's samples come from in the end."""
    return view._root_dataset


def is_generated(view: fo.DatasetView) -> bool:
    """Whether the view's rows live in a collection that FiftyOne made for it."""
    return view._dataset is not view._root_dataset


def is_subset(view: fo.DatasetView) -> bool:
    """Whether the view is anything else than its whole dataset."""
    return bool(view._all_stages)


def serialization(view: fo.DatasetView, lasting: bool = False) -> str:
    """The view's stages as JSON, without names that differ from session to session.

    Args:
        view: the view
        lasting (False): whether stages have to go that choose other rows in the next session
    """
    stages = _clean(_lasting(view) if lasting else view._serialize(include_uuids=False))
    return json_util.dumps(stages, separators=(",", ":"), ensure_ascii=False)


def fingerprint(view: fo.DatasetView) -> int:
    """A number that tells the view's stages from others in this process; quick for stages with very many ids, too."""
    return hash(repr(view._serialize(include_uuids=False)))


def stages(view: fo.DatasetView) -> str:
    """The view's stages as text, from which :func:`rebuild` makes the same view as long as what FiftyOne generated for it is there."""
    return json_util.dumps(view._serialize())


def rebuild(dataset: fo.Dataset, text: str, name: str | None) -> fo.DatasetView:
    """The view with these stages.

    Args:
        dataset: the dataset
        text: what :func:`stages` gave
        name: the active slice of a grouped view, or None
    """
    return with_group_slice(fo.DatasetView._build(dataset, json_util.loads(text)), name)


def group_slice(view: fo.DatasetView) -> str | None:
    """The active slice of a grouped view, else None."""
    return view.group_slice if view._root_dataset.media_type == "group" else None


def row_kind(view: fo.DatasetView) -> str:
    """What one row of the view is: a name of the wire contract's ``RowKind``."""
    if isinstance(view, (fop.PatchesView, fop.EvaluationPatchesView)):
        return "ROW_KIND_PATCH"

    if isinstance(view, foc.ClipsView):
        return "ROW_KIND_CLIP"

    if isinstance(view, fov.FramesView):
        return "ROW_KIND_FRAME"

    return "ROW_KIND_SAMPLE"


def count(view: fo.DatasetView, limit: int, seconds: float = 1.0) -> int | None:
    """Counts the view's rows up to a limit, in limited time.

    Returns:
        the number of rows, at most ``limit``; None if it took too long
    """
    stages, _ = _split(pipeline(view))
    stages += [{"$limit": limit}, {"$count": "n"}]
    collection = _database()[view._dataset._sample_collection_name]
    try:
        found = list(collection.aggregate(stages, allowDiskUse=True, maxTimeMS=int(seconds * 1000)))
    except pymongo.errors.PyMongoError:
        return None

    return found[0]["n"] if found else 0


def media_size(view: fo.DatasetView, limit: int = 20_000, seconds: float = 1.0) -> tuple[int, int, int, int] | None:
    """The sizes of some rows' media files, as far as the metadata says them.

    Returns:
        a tuple of (rows looked at, distinct files, those with a size, their bytes); None if it
        took too long
    """
    stages, changes = _split(pipeline(view))
    stages += [
        {"$limit": limit},
        *(stage for stage in changes if "$sort" not in stage),
        {"$group": {"_id": "$filepath", "rows": {"$sum": 1}, "size": {"$first": "$metadata.size_bytes"}}},
        {
            "$group": {
                "_id": None,
                "rows": {"$sum": "$rows"},
                "files": {"$sum": 1},
                "known": {"$sum": {"$cond": [{"$isNumber": "$size"}, 1, 0]}},
                "bytes": {"$sum": "$size"},
            }
        },
    ]
    collection = _database()[view._dataset._sample_collection_name]
    try:
        found = list(collection.aggregate(stages, allowDiskUse=True, maxTimeMS=int(seconds * 1000)))
    except pymongo.errors.PyMongoError:
        return None

    return tuple(found[0][key] for key in ("rows", "files", "known", "bytes")) if found else (0, 0, 0, 0)


def database_uri() -> str:
    """MongoDB's connection string, for MongoDB's Go driver. A secret: it may hold a password.

    Raises:
        WandBError: if the worker cannot use FiftyOne's
    """
    if fo.config.database_uri:
        return address.translate(fo.config.database_uri, getattr(fo.config, "database_compressor", None))

    host, port = _database().client.address
    if ":" in host:
        host = f"[{host}]"

    return f"mongodb://{host}:{port}/?directConnection=true"


def unused_database_options() -> list[str]:
    """The names of options in FiftyOne's database address that have no effect in the worker."""
    return address.unused(fo.config.database_uri or "")


def with_group_slice(view: fo.DatasetView, name: str | None) -> fo.DatasetView:
    """The view with another active slice, if it has slices and there is such a one; else the view."""
    if name and view.media_type == "group" and name in view.group_media_types:
        view.group_slice = name

    return view


def dataset_id(dataset: fo.Dataset) -> str:
    """The id of the dataset as text; its name may change."""
    return str(dataset._doc.id)


def evaluation_documents(samples: Any) -> dict[str, Any]:
    """The documents of the dataset's evaluations by their keys: objects with ``id, config, timestamp, results``."""
    return dict(samples._root_dataset._doc.get_evaluations())


def _split(stages):
    """The stages up to the last one that decides how many rows there are, and those behind it."""
    end = len(stages)
    while end and set(stages[end - 1]) <= _KEEPING:
        end -= 1

    return stages[:end], stages[end:]


def _has_key(value, keys):
    if isinstance(value, dict):
        return any(key in keys or _has_key(inner, keys) for key, inner in value.items())

    return isinstance(value, list) and any(_has_key(inner, keys) for inner in value)


def _database():
    return foo.get_db_conn()


def _encode(stages):
    try:
        return bson.encode({"pipeline": stages})
    except (bson.errors.BSONError, OverflowError) as e:
        raise WandBError(
            f"This view cannot be sent to the worker: {e}. Save what it selects as tags or as a saved view, and log that",
            source=FIFTYONE,
            code="bad_view",
        ) from e


def _lasting(view):
    """The view's stages, where those that shuffle patches, frames or clips select them by their ids.

    FiftyOne makes new random numbers for such rows each time it makes them.
    """
    stages = view._serialize(include_uuids=False)
    if not is_generated(view):
        return stages

    own = len(stages) - len(view._stages)
    source = view._source_collection
    if isinstance(source, fo.DatasetView) and is_generated(source):
        stages[: own - 1] = _lasting(source)

    if not _has_lasting_ids(view):
        return stages

    head = view._base_view
    for number, stage in enumerate(view._stages, own):
        head = head.add_stage(stage)
        if isinstance(stage, (fo.Shuffle, fo.Take)):
            ids = head.values("id") if count(head, _MAX_SELECTED + 1, seconds=60) in range(_MAX_SELECTED + 1) else None
            if ids is None:
                break

            stages[number] = fo.Select(ids, ordered=True)._serialize(include_uuid=False)

    return stages


def _has_lasting_ids(view):
    # Patches, frames and clips of a field have those of their labels and frames.
    if not isinstance(view, foc.ClipsView):
        return True

    field = view._clips_stage.field_or_expr if isinstance(view._clips_stage, fo.ToClips) else None
    return isinstance(field, str) and not field.startswith("frames.")


def _clean(value):
    # Stages keep their arguments as [name, value] pairs; stages that take another view
    # hold its stages, so this goes all the way down.
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items() if k != "_uuid"}

    if isinstance(value, (list, tuple)):
        return [_clean(v) for v in value if not _is_state(v)]

    return value


def _is_state(value):
    return isinstance(value, (list, tuple)) and len(value) == 2 and value[0] == _STATE


def _check_collections(view):
    names = {view._dataset._sample_collection_name, view._root_dataset._sample_collection_name}
    found = set(_database().list_collection_names(filter={"name": {"$in": sorted(names)}}))
    if view._root_dataset._sample_collection_name not in found:
        raise _deleted(view._root_dataset.name)

    if view._dataset._sample_collection_name not in found:
        raise WandBError(
            "The rows of this view lived in a collection that FiftyOne made for it and "
            "has removed since, as it does when the last session that used it ends. "
            "Create the view again, and log that",
            source=FIFTYONE,
            code="view_gone",
        )


def _deleted(name):
    return WandBError(
        f"The dataset '{name}' was deleted: there is nothing to log",
        source=FIFTYONE,
        code="deleted_dataset",
    )


def _iso(moment):
    return moment.isoformat() if moment is not None else ""
