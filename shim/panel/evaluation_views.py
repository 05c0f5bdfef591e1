"""Views of what an evaluation has counted: the labels of a cell of its confusion matrix, of a class, of an outcome.

Labels are filtered as FiftyOne's own panel filters them, and where that shows more than was counted, more exactly: those
of a cell are the ones that were matched with each other. The views are of the labels as they are now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fiftyone as fo
from fiftyone import ViewExpression
from fiftyone import ViewField as F

from .. import evaluations, query, restoring, schema
from ..errors import FIFTYONE, WandBError, bad_argument
from ..worker import plaintext

#: What can be asked for beside cells and classes.
OUTCOMES = ("tp", "fp", "fn", "correct", "incorrect")

_FRAMES = "frames."


@dataclass(frozen=True)
class Evaluated:
    """An evaluation whose labels are to be shown.

    Attributes:
        key: its key
        config: its config, a dict
        view: what was evaluated
        missing: the name that stands for no label
    """

    key: str
    config: dict
    view: Any
    missing: str

    @property
    def truth(self) -> str:
        return self.config["gt_field"]

    @property
    def predictions(self) -> str:
        return self.config["pred_field"]

    @property
    def of_frames(self) -> bool:
        return evaluations.is_of_frames(self.config)

    @property
    def is_binary(self) -> bool:
        return self.config.get("type") == "classification" and self.config.get("method") == "binary"


def evaluated(dataset: fo.Dataset, key: str, missing: str) -> Evaluated:
    """The evaluation of a key. See :class:`Evaluated`."""
    config = evaluations.check(dataset, key)
    try:
        view = dataset.load_evaluation_view(key)
    except Exception as e:
        raise WandBError(
            f"The view that '{key}' was evaluated on cannot be restored ({type(e).__name__}): its stages name what the "
            "dataset no longer has",
            source=FIFTYONE,
            code="bad_view",
        ) from None

    return Evaluated(key, config, view.view(), missing)


def shown(dataset: fo.Dataset, wanted: dict[str, str], missing: str) -> fo.DatasetView:
    """The view that the panel asks for.

    Args:
        dataset: the dataset
        wanted: a dict with ``key``, ``what`` ("cell", "class", "outcome", "worst", "worse" or "better"), and what that needs
        missing: the name that stands for no label in this evaluation
    """
    of, what, other = evaluated(dataset, wanted["key"], missing), wanted.get("what"), wanted.get("compare_with")
    second = evaluated(dataset, other, missing) if other else None
    if what == "cell" and {"truth", "predicted"} <= set(wanted):
        return cell(of, wanted["truth"], wanted["predicted"])

    if what == "class" and "class" in wanted:
        return of_class(of, wanted["class"], second)

    if what == "outcome":
        return outcome(of, wanted.get("outcome"), wanted.get("class"))

    if what == "worst":
        return worst(of)

    if what in ("worse", "better") and second is not None:
        return changed(of, second, worse=what == "worse")

    raise bad_argument(f"The panel cannot show {what!r} of an evaluation")


def cell(of: Evaluated, truth: str, predicted: str) -> fo.DatasetView:
    """The labels of one cell of the confusion matrix.

    Args:
        of: an :class:`Evaluated`
        truth: the class of the ground truth, or its name for no label
        predicted: that of the prediction
    """
    return _found(
        of, (truth, predicted), lambda names: _KINDS[of.config["type"]].cell(of, *names), "none of these labels is left"
    )


def of_class(of: Evaluated, name: str, second: Evaluated | None = None) -> fo.DatasetView:
    """The labels of a class, true or predicted.

    Args:
        of: an :class:`Evaluated`
        name: the class
        second (None): another one of the same ground truth, whose predictions are shown, too
    """
    return _found(
        of,
        (name,),
        lambda names: _KINDS[of.config["type"]].of_class(of, names[0], second),
        "no label of this class is left",
    )


def outcome(of: Evaluated, name: str, label: str | None = None) -> fo.DatasetView:
    """The labels that came out in a way, such as false positives.

    Args:
        of: an :class:`Evaluated`
        name: one of :data:`OUTCOMES`
        label (None): the class; by default, all
    """
    if name not in OUTCOMES:
        raise bad_argument(f"There is no outcome {name!r} of an evaluation")

    def make(names):
        return _KINDS[of.config["type"]].outcome(of, name, names[0] if names else None)

    return _found(of, () if label is None else (label,), make, "there are none")


def worst(of: Evaluated) -> fo.DatasetView:
    """The samples with errors, those with the most first."""
    view, key, kind = of.view, of.key, of.config["type"]
    if kind == "detection":
        errors = F(f"{key}_fp") + F(f"{key}_fn")
        found = view.match(errors > 0).sort_by(errors, reverse=True)
    elif kind == "segmentation":
        found = view.match(F(f"{key}_accuracy").exists()).sort_by(f"{key}_accuracy")
    elif kind == "regression":
        found = view.match(F(key).exists()).sort_by(key, reverse=True)
    elif of.of_frames and not of.is_binary:
        found = view.match(F(key) < 1).sort_by(key)
    else:
        found = outcome(of, "incorrect")
        confidence = f"{of.predictions}.confidence"
        if not of.of_frames and view.has_field(confidence):
            found = found.sort_by(confidence, reverse=True)

    return _checked(of, found, "it has no samples with errors")


def changed(of: Evaluated, second: Evaluated, worse: bool) -> fo.DatasetView:
    """The samples on which an evaluation is worse or better than a second one, those that differ most first.

    Args:
        of: an :class:`Evaluated`
        second: another one of the same ground truth
        worse: whether those on which it is worse are wanted, rather than those on which it is better
    """
    a, b = (of, second) if worse else (second, of)
    kind = of.config["type"]
    if kind == "detection":
        more = (F(f"{a.key}_fp") + F(f"{a.key}_fn")) - (F(f"{b.key}_fp") + F(f"{b.key}_fn"))
    elif kind == "segmentation":
        more = F(f"{b.key}_accuracy") - F(f"{a.key}_accuracy")
    elif kind == "regression":
        more = F(a.key) - F(b.key)
    elif of.of_frames:
        more = F(b.key) - F(a.key)  # the accuracies over the frames
    else:
        return _checked(of, of.view.match(_right(b) & ~_right(a)), "there are no such samples")

    return _checked(of, of.view.match(more > 0).sort_by(more, reverse=True), "there are no such samples")


def _right(of):
    return F(of.key).is_in(["TP", "TN"]) if of.is_binary else F(of.key) == True  # noqa: E712


def _checked(of, view, nothing):
    if not view.limit(1).values("id"):
        raise WandBError(f"There is nothing to show of '{of.key}': {nothing}", source=FIFTYONE, code="empty_view")

    return view


def _found(of, names, make, nothing):
    """The view that a function makes of names of classes, if it has any samples."""
    view = make(names)
    if view.limit(1).values("id"):
        return view

    # The panel shows names without what acts on its reader, and sends back what it shows.
    known = {}
    for path in (of.truth, of.predictions) if names else ():
        labels = schema.label_list(path, of.view.get_field(path)) or path
        for name in of.view.distinct(f"{labels}.label") if of.view.has_field(f"{labels}.label") else ():
            known[plaintext.clean(str(name), lines=True)] = name

    meant = tuple(known.get(name, name) for name in names)
    return _checked(of, make(meant) if meant != names else view, f"{nothing}. The labels may have changed since")


class _Detections:
    @staticmethod
    def cell(of, truth, predicted):
        matched = F(f"{of.key}_id") > ""
        if truth == of.missing:
            return _labels(of, of.predictions, _is(predicted) & _came_out(of, "fp") & ~matched)

        if predicted == of.missing:
            return _labels(of, of.truth, _is(truth) & _came_out(of, "fn") & ~matched)

        if truth == predicted:
            return _Detections.outcome(of, "tp", truth)

        view = _labels(of, of.truth, _is(truth) & _came_out(of, "fn") & matched)
        if of.of_frames:
            return view.filter_labels(of.predictions, _is(predicted) & _came_out(of, "fp") & matched)

        # A sample may have several of each: those stay that were matched with each other.
        view = view.filter_labels(of.predictions, _is(predicted) & _came_out(of, "fp") & _one_of(of, of.truth))
        return view.filter_labels(of.truth, _one_of(of, of.predictions))

    @staticmethod
    def of_class(of, name, second):
        paths = [of.truth, of.predictions]
        if second is not None and second.predictions not in paths:
            paths.append(second.predictions)

        view = of.view
        for path in paths:
            view = view.filter_labels(path, _is(name), only_matches=False)

        return _match(of, view, _any(F(_local(_list(of, path))).length() > 0 for path in paths))

    @staticmethod
    def outcome(of, name, label):
        expression = _came_out(of, name) if label is None else _is(label) & _came_out(of, name)
        if label is None and name in ("fp", "fn"):
            # Those that were matched with another class are in neither of the two numbers.
            expression &= ~(F(f"{of.key}_id") > "")

        if name == "tp":
            return _labels(of, of.truth, expression).filter_labels(of.predictions, expression, only_matches=False)

        return _labels(of, of.truth if name == "fn" else of.predictions, expression)


class _Classifications:
    @staticmethod
    def cell(of, truth, predicted):
        if of.is_binary:
            positive, said = truth != of.missing, predicted != of.missing
            return _match(of, of.view, F(_local(of.key)) == ("T" if positive == said else "F") + "NP"[said])

        if of.config.get("method") == "top-k":
            # A hit counts as the true class, whatever was predicted first.
            found = _hit(of) if truth == predicted else ~_hit(of) & _label(of, of.predictions, predicted)
            return _match(of, of.view, _label(of, of.truth, truth) & found)

        return _match(of, of.view, _label(of, of.truth, truth) & _label(of, of.predictions, predicted))

    @staticmethod
    def of_class(of, name, second):
        found = _label(of, of.truth, name) | _label(of, of.predictions, name)
        if second is not None:
            found |= _label(second, second.predictions, name)

        return _match(of, of.view, found)

    @staticmethod
    def outcome(of, name, label):
        if of.is_binary:
            wanted = {"correct": ["TP", "TN"], "incorrect": ["FP", "FN"]}.get(name, [name.upper()])
            if label == of.missing:
                # What is positive to one class is negative to the other.
                wanted = [{"TP": "TN", "FP": "FN", "FN": "FP"}.get(one, one) for one in wanted]

            return _match(of, of.view, F(_local(of.key)).is_in(wanted))

        found = _hit(of) if name in ("tp", "correct") else ~_hit(of) & F(_local(of.key)).exists()
        if label is not None:
            found &= _label(of, of.predictions if name == "fp" else of.truth, label)

        return _match(of, of.view, found)


class _Segmentations:
    @staticmethod
    def cell(of, truth, predicted):
        return _masks(of, {"truth": truth, "predicted": predicted})

    @staticmethod
    def of_class(of, name, second):
        return _masks(of, {"truth": name, "predicted": name, "either": True})

    @staticmethod
    def outcome(of, name, label):
        raise bad_argument("The pixels of masks are not counted by outcome")


class _Regressions:
    @staticmethod
    def cell(of, truth, predicted):
        raise bad_argument("A regression has no classes")

    of_class = outcome = cell


_KINDS = {
    "detection": _Detections,
    "classification": _Classifications,
    "segmentation": _Segmentations,
    "regression": _Regressions,
}


def _is(name):
    # To MongoDB, a text such as "$5" would be the name of a field.
    return F("label") == F.literal(name)


def _came_out(of, name):
    return F(of.key) == name


def _one_of(of, path):
    """Whether a label was matched with one of those that a field of the same sample has left."""
    ids = F(f"${_list(of, path)}").map(F("_id").to_string())
    return ViewExpression({"$in": [F(f"{of.key}_id"), ids]})


def _labels(of, path, expression):
    return of.view.filter_labels(path, expression)


def _label(of, path, name):
    label = F(f"{_local(path)}.label")
    found = label == F.literal(name)
    return found | ~label.exists() if name == of.missing else found


def _hit(of):
    """Whether a prediction counts as right; one outside of the top k does, too, if it is the right label all the same."""
    hit = F(_local(of.key)) == True  # noqa: E712
    if of.config.get("method") == "top-k":
        same = F(f"{_local(of.truth)}.label") == F(f"{_local(of.predictions)}.label")
        return hit | (same & F(_local(of.key)).exists())

    return hit


def _list(of, path):
    return schema.label_list(path, of.view.get_field(path)) or path


def _local(path):
    return path.removeprefix(_FRAMES)


def _match(of, view, expression):
    return view.match_frames(expression) if of.of_frames else view.match(expression)


def _any(expressions):
    found = None
    for one in expressions:
        found = one if found is None else found | one

    return found


def _masks(of, part):
    """The samples whose masks have pixels of a part of the confusion matrix, which only the results file tells."""
    dataset = query.root_dataset(of.view)
    ids = restoring.Ids()
    evaluations.read(dataset, of.key, labels_of=part, on_ids=lambda chunk: ids.extend(chunk.ids))
    found = restoring.distinct(ids.array())
    if not len(found):
        return of.view.limit(0)

    return restoring.select_labels(of.view, of.truth, None, restoring.Ids(found.tobytes()), in_app=True)
