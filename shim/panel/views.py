"""Views that the panel shows in the grid: what two versions differ in, and bars of predictions.

What takes long is done in the threads of :mod:`shim.answers`; what is kept there are ids and views.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import numpy as np
from fiftyone import ViewField as F

from .. import calls, restoring, schema
from ..errors import FIFTYONE, SETTINGS, WandBError
from ..worker import plaintext

#: The parts of a comparison.
PARTS = ("added", "removed", "kept")

# Bars of a plot of confidences.
_BINS = 20

# Classes in a plot: the rest would not fit on any screen.
_MOST_CLASSES = 200

# The worker names the class of a text by its beginning.
_LONGEST_CLASS = 100

# Rows of a version that is compared with another: their ids stay in memory.
_MOST_COMPARED = 2_000_000

# Reading the ids of an artifact may take this long, in seconds.
_TIMEOUT = 300.0


@dataclass(frozen=True)
class Comparison:
    """Which samples two versions of an artifact have.

    Attributes:
        parts: for each of :data:`PARTS` an array of ids
        missing: for each of them, how many the dataset does not have (any more)
    """

    parts: dict
    missing: dict

    def to_json(self) -> dict[str, Any]:
        return {name: {"samples": len(self.parts[name]), "missing": self.missing[name]} for name in PARTS}

    def view(self, dataset: fo.Dataset, part: str) -> fo.DatasetView:
        """The samples of a part that the dataset has."""
        if part not in PARTS:
            raise WandBError(f"There is no part '{part}' of a comparison", code="bad_argument")

        ids = self.parts[part]
        if len(ids) <= self.missing[part]:
            raise WandBError("None of these samples are in this dataset", source=FIFTYONE, code="empty_view")

        return restoring.select(_all_slices(dataset), ids, in_app=True)


@dataclass(frozen=True)
class Predictions:
    """The predictions of an artifact, as they are in the dataset now.

    Attributes:
        view: the view that the artifact was logged from
        field: the field of the predictions
        path: the path of its labels; None if it holds text
        classes: a dict of how often each class occurs
        confidences: how many labels there are in each of equal steps from 0 to 1
        without: how many labels have no confidence
        notes: what the user should know, in sentences
    """

    view: object
    field: str
    path: str | None
    classes: dict
    confidences: list
    without: int
    notes: list

    def to_json(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "classes": [{"name": name, "count": count} for name, count in self.classes.items()][:_MOST_CLASSES],
            "numClasses": len(self.classes),
            "confidences": self.confidences,
            "withoutConfidence": self.without,
            "rows": len(self.view),
            "notes": self.notes,
        }

    def of_class(self, name: str) -> fo.DatasetView:
        """The labels of a class, and the samples that have any."""
        # The panel shows names without what acts on its reader, and sends back what it shows.
        name = next((known for known in self.classes if plaintext.clean(known, lines=True) == name), name)
        # To MongoDB, a text such as "$5" would be the name of a field.
        wanted = F.literal(name)
        if self.path is not None:
            return self.view.filter_labels(self.field, F("label") == wanted)

        text = F(self.field)
        if len(name) == _LONGEST_CLASS:
            return self.view.match(text.starts_with(name))

        return self.view.match(text == wanted)

    def of_confidence(self, low: float, high: float) -> fo.DatasetView:
        """The labels with a confidence from low to below high; of the last step, to 1."""
        confidence = F("confidence")
        below = confidence <= high if high >= 1 else confidence < high
        return self.view.filter_labels(self.field, (confidence >= low) & below)


def compare(where: dict[str, Any], dataset: fo.Dataset, old: str, new: str, say: Callable[[str], None]) -> Comparison:
    """Compares the samples of two versions.

    Args:
        where: a dict of the wire contract's ``WandbSettings``
        dataset: the dataset that has the samples
        old: names a version, as ``ReadArtifact.reference`` does
        new: names another
        say: a function that is told how it goes, in words
    """
    say(f"Reading the samples of {_short(old)}")
    before = _samples(_read(where, old, say)[0], old)
    say(f"Reading the samples of {_short(new)}")
    after = _samples(_read(where, new, say)[0], new)
    there = restoring.all_ids(dataset).array()
    parts = {
        "added": after[~restoring.contained(after, before)],
        "removed": before[~restoring.contained(before, after)],
        "kept": after[restoring.contained(after, before)],
    }
    missing = {name: int((~restoring.contained(ids, there)).sum()) for name, ids in parts.items()}
    return Comparison(parts, missing)


def predictions(where: dict[str, Any], dataset: fo.Dataset, reference: str, say: Callable[[str], None]) -> Predictions:
    """Reads a predictions artifact, and counts its classes and confidences in the dataset.

    Args:
        where: a dict of the wire contract's ``WandbSettings``
        dataset: the dataset that has the samples
        reference: names the version, as ``ReadArtifact.reference`` does
        say: a function that is told how it goes, in words
    """
    say("Reading the artifact")
    ids, content = _read(where, reference, say)
    metadata = restoring.facts(content)
    field = metadata.get("predictions_field") or content.artifact.predictions_field
    if not field:
        raise WandBError(
            f"The artifact {content.artifact.name} does not say which field its predictions are in",
            source=SETTINGS,
            code="no_predictions",
        )

    say("Making the view")
    logged = restoring.Logged(metadata, content.serialization_json, ids)
    restored = restoring.restore(dataset, logged, in_app=True)
    say("Counting classes and confidences")
    return _count(restored, field)


def _count(restored, field):
    view = restored.view
    kind = view.get_field(field)
    if kind is None or not (schema.is_label(kind) or schema.is_text(kind)):
        raise WandBError(
            f"The artifact lists predictions of the field '{field}', but this view of dataset '{view.dataset_name}' "
            "has no such field",
            source=FIFTYONE,
            code="missing_field",
        )

    if schema.is_text(kind):
        return Predictions(view, field, None, _classes_of_texts(view, field), [], 0, restored.notes)

    path = schema.label_list(field, kind) or field
    counted = view.count_values(f"{path}.label") if view.has_field(f"{path}.label") else {}
    confidences, without = _confidences(view, path)
    return Predictions(view, field, path, _by_count(counted), confidences, without, restored.notes)


def _classes_of_texts(view, field):
    found = {}
    for text, count in view.count_values(field).items():
        name = text[:_LONGEST_CLASS] if text is not None else None
        found[name] = found.get(name, 0) + count

    return _by_count(found)


def _confidences(view, path):
    confidence = f"{path}.confidence"
    if not isinstance(view.get_field(confidence), fo.FloatField):
        return [], 0

    counts, _, others = view.histogram_values(confidence, bins=_BINS, range=(0, 1 + 1e-9))
    # What is beyond the range counts with what has no confidence.
    return [int(count) for count in counts] if np.any(counts) else [], int(others)


def _by_count(counted):
    # A sample without a prediction has no class.
    counted.pop(None, None)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], str(item[0]))))


def _read(where, reference, say):
    ids = restoring.Ids()
    request = {"read_artifact": {"reference": reference, "lists": ["ID_LIST_SAMPLES"]}}
    content = calls.ask(where, request, _TIMEOUT, on_ids=lambda chunk: ids.extend(chunk.ids), say=say)
    return ids, content


def _samples(ids, reference):
    """The distinct ids of a version, which are kept as long as the panel shows them."""
    if len(ids) > _MOST_COMPARED:
        raise WandBError(
            f"{_short(reference)} has {len(ids):,} rows, and the panel compares {_MOST_COMPARED:,} at most: load both "
            "versions with load_view_from_wandb, and compare the views",
            source=SETTINGS,
            code="too_large",
        )

    return restoring.distinct(ids.array())


def _all_slices(dataset):
    view = dataset.view()
    return view.select_group_slices(_allow_mixed=True) if view.media_type == "group" else view


def _short(reference):
    return reference.rsplit("/", 1)[-1]
