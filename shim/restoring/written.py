"""What a stage out of an artifact may write: plain values, where the dataset has such, and none that names a file."""

from __future__ import annotations

import fiftyone as fo
import fiftyone.core.fields as fof
import fiftyone.core.labels as fol
import fiftyone.core.odm as foo

from .expressions import quoted
from .media_paths import media_fields
from .stagecheck import Forbidden, Stage

# Exactly these types: their subclasses (colors, frame numbers) have a meaning of their own.
_PLAIN = {fof.BooleanField, fof.DateField, fof.DateTimeField, fof.FloatField, fof.IntField, fof.StringField}

# The documents, beside labels, whose plain values a stage may write.
_DOCUMENTS = {foo.DynamicEmbeddedDocument, foo.EmbeddedDocument}


def check(view: fo.DatasetView, stage: Stage) -> None:
    """Checks what a stage writes against the schema of the view that it is added to.

    Raises:
        Forbidden: if it writes anything else than plain values that exist
    """
    if stage.name == "Flatten":
        # FiftyOne adds these stages to the pipeline of each group, not to the view, so check them here.
        inner = stage.arguments.get("stages") or []
        for one in inner if isinstance(inner, list) else [inner]:
            check(view, one)

    for path in stage.computed:
        _check(view, path.replace("[]", ""), ())

    if stage.mapped is not None:
        # A map replaces the values in a list one by one.
        _check(view, stage.mapped.replace("[]", ""), (fof.ListField,))


def _check(view, path, lists):
    found = view.get_field(path)
    if found is None:
        raise Forbidden(f"writes {quoted(path)}, which the dataset does not have")

    plain = found.field if type(found) in lists else found
    if type(plain) not in _PLAIN or getattr(found, "read_only", False) or not _is_among_labels(view, path):
        raise Forbidden(f"writes {quoted(path)}, and a loaded view writes plain values only")

    dataset = view._root_dataset
    if any(path == media or media.startswith(path + ".") for media in media_fields(dataset)):
        raise Forbidden(f"changes {quoted(path)}, which names a file that the App opens")


def _is_among_labels(view, path):
    """Whether all that the path leads through are labels, or documents without a meaning of their own."""
    parts = path.split(".")
    begin = 1 if parts[0] == "frames" and view._contains_videos() else 0
    for end in range(begin + 1, len(parts)):
        field = view.get_field(".".join(parts[:end]))
        while isinstance(field, fof.ListField):
            field = field.field

        if not isinstance(field, fof.EmbeddedDocumentField):
            return False

        document = field.document_type
        if document not in _DOCUMENTS and not (isinstance(document, type) and issubclass(document, fol.Label)):
            return False

    return True
