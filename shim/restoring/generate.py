"""Adds stages for which FiftyOne generates a collection, without writing anything else.

FiftyOne itself writes clips of expressions and trajectories to the samples for a moment, and the metadata that frames
need for ever. The former are made here without that; the latter has to be there.
"""

from __future__ import annotations

from typing import Any

import bson
import fiftyone as fo
import fiftyone.core.clips as foc
import fiftyone.core.dataset as fod
import fiftyone.core.expressions as foe
import fiftyone.core.fields as fof
import fiftyone.core.media as fom
import fiftyone.core.odm as foo
from fiftyone import ViewField as F

from .. import query
from . import limits, rows
from .stagecheck import StagesUnusable

# How many documents one write holds.
_BATCH = 10_000

# The field that holds a sample's clips until each of them becomes a row.
_CLIPS = "_wandb_clips"


def add(view: fo.DatasetView, stage: Any, work: limits.Work, most: int) -> fo.DatasetView:
    """The view with a stage that generates a collection.

    Args:
        view: a view whose pipeline was checked
        stage: FiftyOne's stage
        work: the :class:`shim.restoring.limits.Work` that this is part of
        most: how many rows a view may have

    Raises:
        StagesUnusable: if FiftyOne would have to write to the samples
        TooManyRows: if there are more clips
    """
    if isinstance(stage, fo.ToFrames) and _needs_metadata(stage.config or {}) and rows.lacks_metadata(view, work):
        raise StagesUnusable(
            "FiftyOne needs the metadata of the videos for it, and would write that to the samples: call "
            "dataset.compute_metadata() before"
        )

    if isinstance(stage, fo.ToTrajectories) or (isinstance(stage, fo.ToClips) and _is_computed(view, stage)):
        return _add_clips(view, stage, most)

    return view.add_stage(stage)


def forget(view: fo.DatasetView) -> None:
    """Removes the collection that was generated for a view."""
    if query.is_generated(view) and not view._dataset.deleted:
        view._dataset._delete()


def _needs_metadata(config):
    every = config.get("sample_frames", False) is not False and not config.get("sparse")
    return every or config.get("fps") is not None or config.get("max_fps") is not None


def _is_computed(view, stage):
    spans = stage.field_or_expr
    return not isinstance(spans, str) or view._is_frame_field(spans)


def _add_clips(view, stage, most):
    config = dict(stage.config or {})
    is_trajectories = isinstance(stage, fo.ToTrajectories)
    field = view._handle_frame_field(stage.field)[0] if is_trajectories else None
    others = config.get("other_fields")
    others = [others] if isinstance(others, str) else others
    ids, clips = _trajectories(view, field) if is_trajectories else _spans(view, stage.field_or_expr, config)
    # Each clip copies its video's fields, so count the clips before writing any.
    if sum(len(spans) for spans in clips if spans) > most:
        raise rows.TooManyRows(f"it has more than {most:,} rows, many more than were logged")

    dataset = _dataset(view, field, others)
    _write(dataset, view, dict(zip(ids, clips)), field, others)
    # The stage's own mark that its collection exists: FiftyOne then uses that one.
    stage._state = {
        "dataset_id": str(view._root_dataset._doc.id),
        "stages": view._serialize(include_uuids=False),
        **({"field": stage.field} if is_trajectories else {"field_or_expr": stage._get_mongo_field_or_expr()}),
        "config": stage.config,
        "name": dataset.name,
    }
    made = view.add_stage(stage)
    if made._dataset != dataset:
        dataset._delete()
        raise StagesUnusable("this version of FiftyOne makes its clips in another way")

    return made


def _trajectories(view, field):
    return view.values("_id"), foc._get_trajectories(view, field)


def _spans(view, spans, config):
    if isinstance(spans, str):
        leaf, _ = view._handle_frame_field(view._get_label_field_path(spans)[1])
        spans = F(leaf).length() > 0
    elif isinstance(spans, dict):
        spans = foe.ViewExpression(spans)

    if not isinstance(spans, foe.ViewExpression):
        return view.values("_id"), spans

    # Ask only whether each frame matches: a value may be anything, and would be sent to this process.
    spans = spans.if_else(True, False)
    ids, numbers, kept = view.values(["_id", "frames.frame_number", F("frames").map(spans)])
    tol, shortest = config.get("tol", 0), config.get("min_len", 0)
    return ids, [foc._to_rle(n, k, tol=tol, min_len=shortest) for n, k in zip(numbers, kept)]


def _dataset(view, field, others):
    """An empty generated dataset of clips, with the fields that FiftyOne gives it."""
    dataset = fod.Dataset(name=None, persistent=False, _clips=True, _src_collection=view)
    dataset.media_type = fom.VIDEO
    dataset.add_sample_field("sample_id", fof.ObjectIdField)
    dataset.add_sample_field("support", fof.FrameSupportField)
    dataset.create_index("sample_id")
    if field is not None:
        dataset.add_sample_field(field, fof.EmbeddedDocumentField, embedded_doc_type=foo.DynamicEmbeddedDocument)
        dataset.add_sample_field(field + ".label", fof.StringField)
        dataset.add_sample_field(field + ".index", fof.IntField)

    if others:
        there, wanted = dataset.get_field_schema(), view.get_field_schema()
        names = [name for name in (wanted if others is True else others) if name not in there]
        dataset._sample_doc_cls.merge_field_schema({name: wanted[name] for name in names if name in wanted})

    foc._make_pretty_summary(dataset)
    return dataset


def _write(dataset, view, clips, field, others):
    """Makes a row of each clip. Until then the generated collection holds the clips of each sample."""
    found = [(_id, spans) for _id, spans in clips.items() if spans]
    for begin in range(0, len(found), _BATCH):
        part = found[begin : begin + _BATCH]
        dataset._sample_collection.insert_many([{"_id": bson.ObjectId(_id), _CLIPS: spans} for _id, spans in part])

    if not found:
        return

    kept = ["_media_type", "filepath", "metadata", "tags", "created_at", "last_modified_at"]
    names = view.get_field_schema() if others is True else others or []
    project = {name: True for name in (*kept, *names) if name not in ("id", "support", "sample_id", field)}
    clip = f"${_CLIPS}.{_CLIPS}"
    row = {"_rand": {"$rand": {}}, "_dataset_id": dataset._doc.id}
    if field is None:
        row["support"] = f"${_CLIPS}"
    else:
        label, index = ({"$arrayElemAt": [f"${_CLIPS}", n]} for n in (0, 1))
        row["support"] = {"$slice": [f"${_CLIPS}", 2, 2]}
        row[field] = {"_cls": "DynamicEmbeddedDocument", "label": label, "index": index}

    own = {"from": dataset._sample_collection_name, "localField": "_id", "foreignField": "_id", "as": _CLIPS}
    source = "$_sample_id" if view._dataset._is_clips else "$_id"
    view._aggregate(
        post_pipeline=[
            {"$lookup": own},
            {"$project": {**project, "_id": False, "_sample_id": source, _CLIPS: {"$first": clip}}},
            {"$unwind": f"${_CLIPS}"},
            {"$addFields": row},
            {"$project": {_CLIPS: False}},
            {"$out": dataset._sample_collection_name},
        ]
    )
