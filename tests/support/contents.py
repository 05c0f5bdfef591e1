"""What a view shows, sample by sample and label by label, for comparing it with another one."""

from shim import query


def content(view):
    """All that a view shows, without what is new each time that it is made."""
    view = query.as_view(view)  # a dataset's samples in memory may be older than the database
    kind = query.row_kind(view)
    return [_plain(sample, kind) for sample in view]


def fields(sample):
    """The values of a sample's own fields, without those of its frames."""
    return _comparable(sample.to_mongo_dict(include_id=True))


def _plain(sample, kind):
    document = sample.to_mongo_dict(include_id=kind != "ROW_KIND_CLIP")
    document.pop("_dataset_id", None)
    document.pop("last_modified_at", None)
    if kind != "ROW_KIND_SAMPLE":
        document.pop("created_at", None)

    if sample.media_type == "video":
        document["frames"] = [
            {"number": number, **_without_dataset(frame.to_mongo_dict(include_id=True))}
            for number, frame in sample.frames.items()
        ]

    return _comparable(document)


def _without_dataset(document):
    for key in ("_dataset_id", "last_modified_at", "created_at"):
        document.pop(key, None)

    return document


def _comparable(value):
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items() if key != "_rand"}

    if isinstance(value, (list, tuple)):
        return [_comparable(item) for item in value]

    return value.tolist() if hasattr(value, "tolist") else value
