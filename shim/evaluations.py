"""FiftyOne's evaluations, as the wire contract's ``Evaluation``, and the parts of them that users name."""

from __future__ import annotations

import threading
from typing import Any

import fiftyone as fo
import fiftyone.core.fields as fof
from bson import ObjectId
from fiftyone.core.collections import SampleCollection
from fiftyone.operators.store import ExecutionStore
from fiftyone.utils.eval.base import get_subset_view

from . import answers, calls, query
from .errors import FIFTYONE, SETTINGS, WandBError, bad_argument

# The store of FiftyOne's panel Model Evaluation.
_PANEL_STORE = "model_evaluation_panel_builtin"

# More values of a field than this are not worth a subset each.
_MOST_VALUES = 100
_MOST_SUBSETS = 200

# The kinds of scenarios that do not run code.
_SCENARIOS = ("view", "sample_field", "label_attribute")

_SHOWN = 50

# How long results may take to be read, and how long a form keeps their numbers, in seconds.
_SECONDS = 600.0
_KEPT = 120.0

# How many evaluations are read at a time: each takes a worker that reads the whole dataset.
_reading = threading.BoundedSemaphore(2)

#: The code of numbers that have not come yet.
PENDING = answers.PENDING


def keys(samples: SampleCollection) -> list[str]:
    """The keys of the dataset's evaluations, the newest first."""
    found = query.evaluation_documents(samples)
    return sorted(found, key=lambda key: (found[key].timestamp is not None, found[key].timestamp), reverse=True)


def check(samples: SampleCollection, key: Any, argument: str = "eval_key") -> dict[str, Any]:
    """Checks that there is such an evaluation, and returns its config, a dict.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`
        key: the evaluation's key
        argument ("eval_key"): the name of the parameter that names it

    Raises:
        WandBError: if there is no such evaluation, or its fields are gone
    """
    if not isinstance(key, str) or key not in query.evaluation_documents(samples):
        raise _unknown(samples, key, argument)

    config = config_of(samples, key)
    dataset = query.root_dataset(query.as_view(samples))
    for name in ("gt_field", "pred_field"):
        path = config.get(name)
        if isinstance(path, str) and path and dataset.get_field(path) is None:
            raise WandBError(
                f"The evaluation '{key}' compared the field '{path}', which dataset '{dataset.name}' no longer "
                "has: evaluate again, or choose another evaluation",
                source=FIFTYONE,
                code="missing_field",
            )

    return config


def comparable(samples: SampleCollection, key: str) -> list[str]:
    """The keys of the evaluations that this one can be compared with."""
    config = config_of(samples, key)
    same = ("type", "method", "gt_field", "iou")
    others = {
        other: config_of(samples, other) for other in keys(samples) if other != key and has_results(samples, other)
    }
    return [other for other, found in others.items() if all(found.get(name) == config.get(name) for name in same)]


def numbers(
    samples: SampleCollection,
    key: str,
    compare_with: str | None = None,
    wait: float | None = None,
    fresh: bool = False,
    pending: str = "The results are being read. They appear with your next change",
) -> answers.Answer:
    """What an evaluation has come to on a view: an :class:`shim.answers.Answer` with ``EvaluationNumbers``.

    The results of a large evaluation take a while to read: until then, the answer is ``PENDING``.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`
        key: the evaluation's key
        compare_with (None): the key of a second one that it is compared with
        wait (None): see :func:`shim.answers.work`
        fresh (False): whether an answer that is there already is too old
        pending: what is said while there is no answer
    """
    view = query.as_view(samples)
    try:
        check(view, key)
        if compare_with:
            check(view, compare_with, "compare_with")
    except WandBError as e:
        return answers.Answer(problem=str(e), code=e.code)

    def call(say):
        say(pending)
        # Each reads the whole dataset.
        with _reading:
            return read(view, key, compare_with, say=say)

    # One evaluation of a key is not the next one.
    documents = query.evaluation_documents(view)
    ids = [str(documents[name].id) for name in (key, compare_with) if name]
    question = [query.dataset_id(query.root_dataset(view)), key, compare_with, ids, query.serialization(view)]
    return answers.work(question, call, wait=wait, fresh=fresh, kept=_KEPT)


def read(
    samples: SampleCollection,
    key: str,
    compare_with: str | None = None,
    labels_of: dict[str, Any] | None = None,
    **callbacks: Any,
) -> Any:
    """Reads the numbers of an evaluation: the worker's ``EvaluationNumbers``.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`
        key: the evaluation's key
        compare_with (None): the key of a second one that it is compared with
        labels_of (None): a dict of the wire contract's ``EvaluationCell``, whose labels' ids ``on_ids`` gets
        callbacks: see :func:`shim.worker.run_job`

    Raises:
        WandBError: if it cannot be read
    """
    view = query.as_view(samples)
    request = {
        "view": query.describe_view(view, with_frames=is_of_frames(config_of(view, key))),
        "dataset": query.describe_dataset(view),
        "eval_key": key,
        "compare_with": compare_with or "",
    }
    if labels_of is not None:
        request["labels_of"] = labels_of

    return calls.ask({}, {"read_evaluation": request}, _SECONDS, **callbacks)


def subset_names(samples: SampleCollection) -> list[str]:
    """The names of the dataset's saved views, and of the panel's scenarios that are not made by code."""
    dataset = query.root_dataset(query.as_view(samples))
    named = [str(s.get("name")) for s in _scenarios(dataset) if s.get("type") in _SCENARIOS]
    return [*dataset.list_saved_views(), *named]


def is_of_frames(config: dict[str, Any]) -> bool:
    """Whether the config of an evaluation says that it compared the labels of frames."""
    return str(config.get("gt_field")).startswith("frames.")


def config_of(samples: SampleCollection, key: str) -> dict[str, Any]:
    """The config of an evaluation, a dict; empty if there is no such evaluation."""
    # A user's own class may not be there to load it, so this is the document's.
    document = query.evaluation_documents(samples).get(key)
    return dict(document.config or {}) if document is not None else {}


def has_results(samples: SampleCollection, key: str) -> bool:
    """Whether an evaluation has come to an end. One that failed has no results."""
    document = query.evaluation_documents(samples).get(key)
    # A file that is not there is a proxy of nothing, and not None.
    return document is not None and bool(document.results)


def _unknown(samples, key, argument):
    dataset = query.root_dataset(query.as_view(samples))
    known = keys(samples)
    if not known:
        hint = "It has none: evaluate first, for example with dataset.evaluate_detections(..., eval_key='eval')"
    else:
        hint = "It has: " + ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")

    if not isinstance(key, str) or not key:
        return bad_argument(f"{argument} has to be the key of an evaluation, not {key!r}. {hint}")

    return WandBError(
        f"Dataset '{dataset.name}' has no evaluation '{key}' ({argument}). {hint}",
        source=SETTINGS,
        code="unknown_key",
    )


def subsets(samples: SampleCollection, key: str, named: Any) -> list[dict[str, Any]]:
    """The parts of an evaluation that a user named, as the wire contract's ``EvaluationSubset``, in a list of dicts.

    Args:
        samples: a :class:`fiftyone.core.collections.SampleCollection`
        key: the evaluation's key
        named: a name, a list of names, a dict of names to views, or None. A name is that of a saved view, of a
            scenario of the panel Model Evaluation, or a field, each of whose values is a part then

    Raises:
        WandBError: if a name is unknown, or stands for code
    """
    if not named:
        return []

    dataset = query.root_dataset(query.as_view(samples))
    parts = {}
    for name, what in _pairs(named):
        if isinstance(what, (fo.Dataset, fo.DatasetView)):
            parts[name] = what
        else:
            parts.update(_named(dataset, key, name, what))

    if len(parts) > _MOST_SUBSETS:
        raise bad_argument(f"subsets stands for {len(parts)} parts of the evaluation; {_MOST_SUBSETS} are possible")

    found, frames = [], is_of_frames(config_of(dataset, key))
    for name, part in parts.items():
        view = query.as_view(part)
        if query.root_dataset(view).name != dataset.name:
            raise bad_argument(f"The subset '{name}' is a view of another dataset, '{query.root_dataset(view).name}'")

        found.append({"name": name, "view": query.describe_view(view, with_frames=frames)})

    return found


def _pairs(named):
    if isinstance(named, str):
        return [(named, named)]

    if isinstance(named, dict):
        pairs = list(named.items())
    elif isinstance(named, (list, tuple, set)):
        pairs = [(name, name) for name in named]
    else:
        pairs = [(None, named)]

    for name, what in pairs:
        if not isinstance(name, str) or not name or not isinstance(what, (str, fo.Dataset, fo.DatasetView)):
            raise bad_argument(
                "subsets has to be a name, a list of names, or a dict of names to views or names of saved views, not "
                f"{named!r}"
            )

    return pairs


def _named(dataset, key, name, what):
    """The views that a name stands for, by the names that their numbers get."""
    if dataset.has_saved_view(what):
        return {name: dataset.load_saved_view(what)}

    scenario = next((s for s in _scenarios(dataset) if s.get("name") == what), None)
    if scenario is not None:
        return _scenario_views(dataset, key, name, scenario)

    field = dataset.get_field(what)
    if field is not None:
        return _values_of(dataset, name, what, field)

    known = ", ".join([*dataset.list_saved_views(), *(str(s.get("name")) for s in _scenarios(dataset))]) or "none"
    raise WandBError(
        f"subsets names '{what}', but dataset '{dataset.name}' has no saved view, scenario or field of this name. Its "
        f"saved views and scenarios: {known}",
        source=SETTINGS,
        code="no_subset",
    )


def _scenarios(dataset):
    try:
        found = ExecutionStore.create(_PANEL_STORE, ObjectId(query.dataset_id(dataset))).get("scenarios")
    except Exception:
        # Of another release of FiftyOne.
        return []

    return [s for s in found.values() if isinstance(s, dict)] if isinstance(found, dict) else []


def _scenario_views(dataset, key, name, scenario):
    kind, field, values = scenario.get("type"), scenario.get("field"), scenario.get("subsets")
    if kind not in _SCENARIOS or not isinstance(values, list):
        raise WandBError(
            f"The scenario '{name}' is defined by code, which this plugin does not run. Save the views that it makes, and "
            "pass their names",
            source=SETTINGS,
            code="subset_by_code",
        )

    truth = config_of(dataset, key).get("gt_field")
    views = {}
    for value in values:
        if kind == "view":
            part = {"type": "view", "view": value}
        elif kind == "sample_field":
            part = {"type": "field", "field": field, "value": value}
        else:
            # As FiftyOne's panel does, which keeps the whole path.
            part = {"type": "attribute", "field": str(field).split(".")[-1], "value": value}

        views[f"{name}_{value}"] = _subset_view(dataset, truth, part, name)

    return views


def _subset_view(dataset, truth, part, name):
    try:
        return get_subset_view(dataset, truth, part)
    except Exception as e:
        raise WandBError(
            f"The part '{name}' of the evaluation cannot be made: {e}", source=FIFTYONE, code="no_subset"
        ) from None


def _values_of(dataset, name, path, field):
    inner = field.field if isinstance(field, fof.ListField) else field
    if not isinstance(inner, (fof.StringField, fof.BooleanField, fof.IntField)):
        raise bad_argument(
            f"subsets names the field '{path}', whose values are not texts, whole numbers or booleans: save the views "
            "that you mean, and pass their names"
        )

    values = [value for value in dataset.distinct(path) if value is not None]
    if len(values) > _MOST_VALUES:
        raise bad_argument(
            f"subsets names the field '{path}', which has {len(values):,} values, and {_MOST_VALUES} are possible: save "
            "the views that you mean, and pass their names"
        )

    return {
        f"{name}_{value}": _subset_view(dataset, None, {"type": "field", "field": path, "value": value}, name)
        for value in values
    }
