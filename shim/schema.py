"""Chooses fields from a view's schema and describes them as the wire contract's Field.

A field description is a dict with the keys of the message ``Field``. ``db_path`` comes
from the schema, because FiftyOne stores some fields under other names.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
from fiftyone.core.collections import SampleCollection

from .errors import SETTINGS, WandBError
from .plain import text_list

_FRAMES = "frames."


def label_fields(samples: SampleCollection) -> tuple[list[dict[str, str]], list[str]]:
    """Returns the label fields of the collection, in schema order.

    Label fields nested in embedded documents are included under their dotted paths.
    Those inside lists have many values per sample and are left out.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`

    Returns:
        a tuple of (list of field descriptions, list of paths left out)
    """
    found, left_out = [], []
    _walk(samples.get_field_schema(), "", "", found, left_out)
    return found, left_out


def frame_label_fields(samples: SampleCollection) -> list[str]:
    """Returns the names of the top-level label fields of the collection's frames."""
    schema = samples.get_frame_field_schema() or {}
    return [name for name, field in schema.items() if is_label(field)]


def described_frame_fields(samples: SampleCollection) -> list[dict[str, str]]:
    """Describes the label fields of the collection's frames: the paths begin with ``frames.``, as FiftyOne has them, and
    ``db_path`` is the one in a frame's document."""
    found = []
    _walk(samples.get_frame_field_schema() or {}, _FRAMES, "", found, [])
    return found


def frames_view(samples: SampleCollection) -> str:
    """The call that makes a view of the collection's frames, as a user would write it.

    By default, FiftyOne leaves out the frames that have no picture file of their own.
    """
    has_files = "filepath" in (samples.get_frame_field_schema() or {})
    return "view.to_frames({})".format("sample_frames=False" if has_files else 'sample_frames="dynamic", sparse=True')


def has_frame_fields(samples: SampleCollection) -> bool:
    """Whether the collection has frames."""
    return bool(samples.get_frame_field_schema())


def plain_fields(samples: SampleCollection, paths: Any) -> list[dict[str, str]]:
    """Describes the plain fields that a user asked for.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`
        paths: a path, a list of paths, or None

    Returns:
        a list of field descriptions without duplicates

    Raises:
        WandBError: if a path is missing, is a label, or cannot be a column
    """
    described = []
    for path in _paths(paths, "fields"):
        field, db_path = _resolve(samples, path, "fields")
        if is_label(field):
            raise _wrong(
                f"'{path}' is a label field: it has a column of its own when include_labels=True. `fields` is for plain ones"
            )

        if isinstance(field, (fof.VectorField, fof.ArrayField)):
            raise _wrong(
                f"'{path}' is {_a(type(field).__name__)}: arrays cannot be table cells. Embeddings are logged with embedding_field"
            )

        if _document_type(field) is not None:
            raise _wrong(
                f"'{path}' is an embedded document. Name its fields instead: "
                + ", ".join(f"{path}.{name}" for name in field.get_field_schema())
            )

        if not is_plain(field):
            raise _wrong(f"'{path}' is a list of embedded documents, which does not fit into one column")

        described.append(_describe(path, db_path, field))

    return described


def embedding_fields(samples: SampleCollection, paths: Any) -> list[dict[str, str]]:
    """Describes the vector fields that a user asked for.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`
        paths: a path, a list of paths, or None

    Returns:
        a list of field descriptions without duplicates

    Raises:
        WandBError: if a path is missing or holds no vectors
    """
    described = []
    for path in _paths(paths, "embedding_field"):
        field, db_path = _resolve(samples, path, "embedding_field")
        if not is_vector(field):
            raise _wrong(
                f"'{path}' is {_a(_type_name(field))}: an embedding field is a "
                "VectorField, an ArrayField or a list of numbers" + _candidates(samples, is_vector)
            )

        described.append(_describe(path, db_path, field))

    return described


def predictions_field(samples: SampleCollection, path: str) -> dict[str, str]:
    """Describes the field with the predictions: labels or strings.

    Raises:
        WandBError: if it is missing or holds neither
    """
    field, db_path = _resolve(samples, path, "predictions_field", of_labels=True)
    if is_label(field):
        return _describe_label(path, db_path, field)

    if is_text(field):
        return _describe(path, db_path, field)

    raise _wrong(
        f"'{path}' is {_a(_type_name(field))} and holds no predictions: "
        "predictions_field has to be a label field or a string field"
        + _candidates(samples, lambda f: is_label(f) or is_text(f))
    )


def label_field(samples: SampleCollection, path: str, argument: str, candidates: list[str]) -> dict[str, str]:
    """Describes a label field that a user asked for.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`
        path: the field's path
        argument: the name of the parameter that names it
        candidates: paths to propose if it is not a label field

    Raises:
        WandBError: if it is missing or holds no labels
    """
    field, db_path = _resolve(samples, path, argument, of_labels=True)
    if not is_label(field):
        names = ", ".join(candidates[:20]) + (", ..." if len(candidates) > 20 else "")
        raise _wrong(
            f"{argument} names '{path}', which is {_a(_type_name(field))} and holds no labels"
            + (f". It could be: {names}" if names else "")
        )

    return _describe_label(path, db_path, field)


def prompt_field(samples: SampleCollection, path: str | None) -> dict[str, str] | None:
    """Describes the field with the prompts, or returns None if none is named.

    Raises:
        WandBError: if it is missing or holds no strings
    """
    if not path:
        return None

    field, db_path = _resolve(samples, path, "prompt_field")
    if not is_text(field):
        raise _wrong(
            f"'{path}' is {_a(_type_name(field))}: prompt_field has to be a string field"
            + _candidates(samples, is_text)
        )

    return _describe(path, db_path, field)


def choices(samples: SampleCollection, accept: Callable[[fof.Field], bool]) -> list[str]:
    """Returns the paths of the collection's fields, nested ones too, that are accepted.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`
        accept: a function of a field, such as :func:`is_label`
    """
    found = []
    _collect(samples.get_field_schema(), "", accept, found)
    return found


def is_label(field: fof.Field) -> bool:
    """Whether the field holds one label document (lists in it included)."""
    document_type = _document_type(field)
    return document_type is not None and issubclass(document_type, fol.Label)


def label_list(path: str, field: fof.Field) -> str | None:
    """The path of the list that a label field holds its labels in, or None if it holds one label.

    Args:
        path: the field's path
        field: the label field
    """
    label_type = field.document_type
    return f"{path}.{label_type._LABEL_LIST_FIELD}" if issubclass(label_type, fol._HasLabelList) else None


def is_text(field: fof.Field) -> bool:
    """Whether the field holds a string."""
    return isinstance(field, fof.StringField)


def is_vector(field: fof.Field) -> bool:
    """Whether the field can hold an embedding."""
    if isinstance(field, (fof.VectorField, fof.ArrayField)):
        return True

    return type(field) is fof.ListField and isinstance(field.field, (fof.FloatField, fof.IntField))


def describe(samples: SampleCollection, path: str) -> dict[str, str]:
    """Describes any field of the collection."""
    found, db_path = _resolve(samples, path, "fields")
    return _describe_label(path, db_path, found) if is_label(found) else _describe(path, db_path, found)


def is_text_path(samples: SampleCollection, path: str) -> bool:
    """Whether the collection has a string field of this path."""
    found = samples.get_field(path)
    return found is not None and is_text(found)


def projection_field(samples: SampleCollection) -> str | None:
    """The field that describes orthographic projections of point clouds, as the documents have it, or None."""
    for name, found in samples.get_field_schema().items():
        document_type = _document_type(found)
        if document_type is not None and document_type.__name__ == "OrthographicProjectionMetadata":
            return found.db_field or name

    return None


def is_plain(field: fof.Field) -> bool:
    """Whether the field can be a typed column of its own."""
    if isinstance(field, (fof.VectorField, fof.ArrayField)):
        return False

    item = field.field if isinstance(field, fof.ListField) else field
    return _document_type(item) is None


def _walk(schema, path, db_path, found, left_out):
    for name, field in schema.items():
        inner_path = path + name
        inner_db_path = db_path + (field.db_field or name)
        if is_label(field):
            found.append(_describe_label(inner_path, inner_db_path, field))
        elif isinstance(field, fof.EmbeddedDocumentField):
            _walk(
                field.get_field_schema(),
                inner_path + ".",
                inner_db_path + ".",
                found,
                left_out,
            )
        elif isinstance(field, fof.ListField):
            left_out.extend(_labels_in_list(field, inner_path))


def _labels_in_list(field, path):
    item = field.field
    if item is None or _document_type(item) is None:
        return []

    if is_label(item):
        return [path]

    inside, deeper = [], []
    _walk(item.get_field_schema(), path + ".", "", inside, deeper)
    return [f["path"] for f in inside] + deeper


def _collect(schema, path, accept, found):
    for name, field in schema.items():
        if accept(field):
            found.append(path + name)
        elif isinstance(field, fof.EmbeddedDocumentField) and not is_label(field):
            _collect(field.get_field_schema(), path + name + ".", accept, found)


def _resolve(samples, path, argument, of_labels=False):
    if not isinstance(path, str) or not path:
        raise _wrong(f"{argument} has to be the name of a field, not {path!r}")

    if path.startswith(_FRAMES):
        raise _of_frames(samples, path, argument)

    schema, field, db_keys, keys = samples.get_field_schema(), None, [], path.split(".")
    for depth, key in enumerate(keys):
        if schema is None or key not in schema:
            raise _missing(samples, path, argument, ".".join(keys[:depth]), field, of_labels)

        field = schema[key]
        db_keys.append(field.db_field or key)
        is_document = isinstance(field, fof.EmbeddedDocumentField)
        schema = field.get_field_schema() if is_document else None

    return field, ".".join(db_keys)


def _missing(samples, path, argument, parent, field, of_labels):
    if isinstance(field, fof.ListField):
        return _wrong(
            f"{argument} names '{path}', but '{parent}' is a list: a sample has many "
            "such values, and they do not fit into one column"
        )

    if path.split(".")[0] in (samples.get_frame_field_schema() or {}):
        return _of_frames(samples, path, argument)

    names = choices(samples, lambda f: is_label(f) or is_plain(f))
    close = difflib.get_close_matches(path, names, n=1)
    hint = f". Did you mean '{close[0]}'?" if close else ""
    labels = choices(samples, is_label) if of_labels and not close else []
    if labels:
        names = labels
    elif of_labels and not close:
        names = []
        hint = (
            ", and no labels at all. Add some first, such as with "
            f"dataset.apply_model(model, label_field='{path.split('.')[0]}')"
        )

    if not close and names:
        shown = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
        hint = f". It has: {shown}"

    return WandBError(
        f"{argument} names '{path}', but this view of dataset '{samples.dataset_name}' has no such field{hint}",
        source=SETTINGS,
        code="missing_field",
    )


def _of_frames(samples, path, argument):
    return WandBError(
        f"{argument} names '{path}', which is a field of video frames. Fields of video frames are logged from a view of "
        f"frames: call this with {frames_view(samples)}",
        source=SETTINGS,
        code="frame_field",
    )


def _candidates(samples, accept):
    names = choices(samples, accept)
    if not names:
        return ". This view has no such field"

    return ". It could be: " + ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def _document_type(field):
    if isinstance(field, fof.EmbeddedDocumentField):
        return field.document_type

    return None


def _describe_label(path, db_path, field):
    return {"path": path, "db_path": db_path, "label_type": label_type(field.document_type)}


def label_type(document_type: type) -> str:
    """The bare name of the nearest public label class of FiftyOne's own.

    It is empty for a user's class that derives from nothing but ``Label``.
    """
    for cls in document_type.__mro__:
        own = cls.__module__ == fol.__name__ and not cls.__name__.startswith("_")
        if own:
            return "" if cls is fol.Label else cls.__name__

    return ""


def _describe(path, db_path, field):
    item = field.field if isinstance(field, fof.ListField) else None
    return {
        "path": path,
        "db_path": db_path,
        "field_type": type(field).__name__,
        "item_type": type(item).__name__ if item is not None else "",
    }


def _a(name):
    return f"an {name}" if name[0] in "AEIO" else f"a {name}"


def _type_name(field):
    document_type = _document_type(field)
    return document_type.__name__ if document_type is not None else type(field).__name__


def _paths(value, argument):
    paths = text_list(value)
    if paths is None:
        raise _wrong(f"{argument} has to be the name of a field or a list of names, not {value!r}")

    return paths


def _wrong(message):
    return WandBError(message, source=SETTINGS, code="wrong_field")
