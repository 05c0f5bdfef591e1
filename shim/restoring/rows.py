"""What MongoDB says of a view's rows and of its dataset: ids, and the files that rows show."""

from __future__ import annotations

import datetime
from typing import Any

import bson
import fiftyone as fo
import fiftyone.core.odm as foo
import pymongo.errors

from .. import query
from . import limits, media_paths
from .ids import Ids

# This many ids are packed at a time.
_PACKED = 100_000


class BadRows(Exception):
    """A view that MongoDB cannot run, or whose rows are not samples; the text says why."""


class TooManyRows(Exception):
    """A view that has more rows than it may have."""


def source_ids(view: fo.DatasetView, work: limits.Work, most: int) -> Ids:
    """The ids of the samples that the view's rows come from, for each row, in order.

    Args:
        view: the view
        work: the :class:`shim.restoring.limits.Work` that this is part of
        most: how many rows it may have

    Raises:
        BadRows: if the view has no rows that are samples
        TooManyRows: if it has more
    """
    is_generated = query.is_generated(view)
    kept = {"_id": 1, "_sample_id": 1} if is_generated else {"_id": 1}
    ids, packed = Ids(), bytearray()
    for row in _rows(view, [{"$project": kept}, {"$limit": most + 1}], work):
        one = row.get("_sample_id") if is_generated else row.get("_id")
        if not isinstance(one, bson.ObjectId):
            raise BadRows("its rows are not samples")

        packed += one.binary
        if len(packed) >= _PACKED * 12:
            work.go_on()
            ids.extend(packed)
            packed.clear()

    ids.extend(packed)
    if len(ids) > most:
        raise TooManyRows(f"it has more than {most:,} rows, many more than were logged")

    return ids


def check_count(view: fo.DatasetView, work: limits.Work, most: int) -> None:
    """Raises TooManyRows if the view has more rows than it may have."""
    found = list(_rows(view, [{"$limit": most + 1}, {"$count": "n"}], work))
    if found and found[0]["n"] > most:
        raise TooManyRows(f"it has more than {most:,} rows, many more than were logged")


def has_computed_lists(view: fo.DatasetView, paths: set[str], work: limits.Work) -> bool:
    """Whether any of these paths, which the schema says are plain values, holds a list or a document.

    Args:
        view: the view
        paths: paths of fields, those of frames with ``frames.`` before
        work: the :class:`shim.restoring.limits.Work` that this is part of
    """
    wanted = [{path: {"$type": kind}} for path in sorted(set(paths)) for kind in ("array", "object")]
    stages = [{"$match": {"$or": wanted}}, {"$limit": 1}, {"$project": {"_id": 1}}]
    return any(True for _ in _rows(view, stages, work, frames=any(path.startswith("frames.") for path in paths)))


def foreign_file(view: fo.DatasetView, work: limits.Work) -> str | None:
    """A file that a row shows and that its sample, in the dataset, does not have; None if there is none.

    Args:
        view: the view
        work: the :class:`shim.restoring.limits.Work` that this is part of
    """
    for row in _rows(view, media_paths.foreign(view), work):
        return str(row["foreign"][0])

    return None


def lacks_metadata(view: fo.DatasetView, work: limits.Work) -> bool:
    """Whether any of the view's samples has no metadata."""
    return any(True for _ in _rows(view, [{"$match": {"metadata": None}}, {"$limit": 1}], work))


def changed_ids(dataset: fo.Dataset, since: datetime.datetime, work: limits.Work) -> Ids:
    """The ids of the dataset's samples that have changed since a moment, frames included."""
    changed = {"last_modified_at": {"$gt": since}}
    found = _packed(_collection(dataset._sample_collection_name).find(changed, {"_id": 1}, comment=work.comment), "_id")
    if dataset._frame_collection_name:
        frames = _collection(dataset._frame_collection_name)
        steps = [{"$match": changed}, {"$group": {"_id": "$_sample_id"}}]
        grouped = frames.aggregate(steps, allowDiskUse=True, comment=work.comment)
        for chunk in _packed(grouped, "_id").chunks():
            found.extend(chunk.tobytes())

    return found


def all_ids(dataset: fo.Dataset, work: limits.Work | None = None) -> Ids:
    """The ids of all samples of the dataset, those of all group slices included."""
    comment = work.comment if work else None
    return _packed(_collection(dataset._sample_collection_name).find({}, {"_id": 1}, comment=comment), "_id")


def size(dataset: fo.Dataset) -> int:
    """About how many samples, of all group slices, and frames the dataset has."""
    names = [dataset._sample_collection_name, dataset._frame_collection_name]
    return sum(_collection(name).estimated_document_count() for name in names if name)


def label_ids(view: fo.DatasetView, path: str) -> Ids:
    """The ids of the labels at a path of the view's dataset: of all its samples."""
    steps = [{"$unwind": f"${path}"}, {"$match": {f"{path}._id": {"$type": "objectId"}}}]
    ids = [*steps, {"$project": {"_id": f"${path}._id"}}]
    return _packed(_collection(view._dataset._sample_collection_name).aggregate(ids, allowDiskUse=True), "_id")


def slices_of(dataset: fo.Dataset, ids: list[str]) -> list[str]:
    """The names of the group slices that samples are in.

    Args:
        dataset: a grouped dataset
        ids: ids of samples, as a list of text
    """
    wanted = {"_id": {"$in": [bson.ObjectId(i) for i in ids]}}
    return _collection(dataset._sample_collection_name).distinct(f"{dataset.group_field}.name", wanted)


def collections(view: fo.DatasetView) -> set[str]:
    """The names of the collections that the view's dataset, and the one that it comes from, have."""
    datasets = (view._dataset, view._root_dataset)
    names = [name for d in datasets for name in (d._sample_collection_name, d._frame_collection_name)]
    return {name for name in names if name}


def finished(view: fo.DatasetView) -> list[list[dict[str, Any]]]:
    """The pipelines that FiftyOne runs for a view: as it iterates over it, and with frames."""
    found = [query.pipeline(view)]
    if view._contains_videos():
        found.append(view._pipeline(attach_frames=True))

    return found


def _packed(rows, key):
    ids, packed = Ids(), bytearray()
    for row in rows:
        packed += row[key].binary
        if len(packed) >= _PACKED * 12:
            ids.extend(packed)
            packed.clear()

    ids.extend(packed)
    return ids


def _rows(view, stages, work, frames=False):
    try:
        pipeline = view._pipeline(attach_frames=True) if frames else query.pipeline(view)
        work.about_to_run(collections(view), pipeline)
        collection = _collection(view._dataset._sample_collection_name)
        yield from collection.aggregate(pipeline + stages, allowDiskUse=True, comment=work.comment)
    except pymongo.errors.PyMongoError as e:
        work.go_on()
        raise of_mongodb(e) from None
    except (bson.errors.BSONError, OverflowError, ValueError, TypeError) as e:
        # Encoding a pipeline also finds mistakes in it.
        raise BadRows(f"MongoDB cannot run it: {e}") from None


def of_mongodb(error: Exception) -> Exception:
    """What an error of MongoDB's says of the view: a :class:`BadRows`, or the error itself if it is not about it."""
    if isinstance(error, pymongo.errors.ExecutionTimeout) or error.timeout:
        return BadRows("MongoDB did not finish it in time")

    if isinstance(error, pymongo.errors.ConnectionFailure):
        return error

    return BadRows(f"MongoDB cannot run it: {error}")


def _collection(name):
    return foo.get_db_conn()[name]
