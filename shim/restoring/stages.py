"""Rebuilds view stages that come out of an artifact. Anyone who may write to the project may have written them.

FiftyOne's own loader imports the class that a stage names and calls it with the stored
arguments, so it is never used here. Everything is checked against lists of what is
known to be harmless before the first stage is built, and what FiftyOne makes of the stages,
the pipeline that MongoDB is sent, is checked in the same way before it is run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import fiftyone as fo
import fiftyone.core.stages as fos
import pymongo.errors

from ..errors import WandBCancelled
from . import finished, generate, limits, rows, stagecheck, written
from .stagecheck import Stage, StagesRefused, StagesUnusable
from .stagelists import CONFIG

# How the keys of a map of values are read, by the type of the field.
_KEY_TYPES = {
    "BooleanField": lambda key: key == "true",
    "FloatField": float,
    "FrameNumberField": int,
    "IntField": int,
}


@dataclass
class Stages:
    """What a text says: the stages, and what was left out of them, in sentences."""

    stages: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """The names of all stages, nested ones too."""
        return {stage.name for stage in _all(self.stages)}

    @property
    def has_new_random_rows(self) -> bool:
        """Whether rows are chosen by random numbers that FiftyOne makes with them, each time others."""
        names = [stage.name for stage in _all(self.stages)]
        made = next((number for number, name in enumerate(names) if name in CONFIG), len(names))
        return not {"Shuffle", "Take"}.isdisjoint(names[made:])

    @property
    def makes_documents(self) -> bool:
        """Whether the rows are more than samples of the dataset with something left out of them."""
        return any(s.name in CONFIG or s.computed or s.mapped for s in _all(self.stages))


def parse(text: str) -> Stages:
    """Reads and checks stages.

    Args:
        text: JSON, as MongoDB extends it: what ``view._serialize()`` gives

    Returns:
        a :class:`Stages`

    Raises:
        StagesRefused: if anything in it is not known to be harmless
        StagesUnusable: if the stages are harmless, but can be of no use any more
    """
    found = Stages()
    found.stages = stagecheck.Checker(found.notes).stages(stagecheck.read(text))
    return found


class Builder:
    """Makes FiftyOne's stages of checked ones.

    Args:
        start: the view of a dataset to begin with
        work: the :class:`shim.restoring.limits.Work` that this is part of
        most: how many rows a view may have
    """

    def __init__(self, start: fo.DatasetView, work: limits.Work, most: int) -> None:
        self._start, self._work, self._most = start, work, most
        self._generated = {}

    def apply(self, stages: Stages) -> fo.DatasetView:
        """The view that the stages give. Of what was generated, only what it needs is left.

        Raises:
            StagesRefused: if FiftyOne makes something of them that is not known to be harmless
            StagesUnusable: if the dataset lacks what they need
        """
        try:
            view = self._build(stages)
            self._check(view, _computed(stages))
        except BaseException:
            self.discard()
            raise

        return view

    def discard(self) -> None:
        """Removes what was generated."""
        for view in reversed(self._generated.values()):
            generate.forget(view)

        self._generated.clear()

    def _build(self, stages):
        view = self._start
        for number, stage in enumerate(stages, 1):
            self._work.go_on()
            key = None
            if stage.name in CONFIG:
                # Concatenated views must share the collections that FiftyOne generates for them.
                key = repr(stages[:number])
                if key in self._generated:
                    view = self._generated[key]
                    continue

                self._check_source(view, stages[: number - 1])

            view = self._add(view, stage, number)
            if key is not None:
                self._generated[key] = view

        return view

    def _add(self, view, stage, number):
        try:
            written.check(view, stage)
            made = self._stage(stage, view)
            return generate.add(view, made, self._work, self._most) if stage.name in CONFIG else view.add_stage(made)
        except (StagesUnusable, StagesRefused, WandBCancelled, rows.TooManyRows):
            raise
        except stagecheck.Forbidden as e:
            raise StagesRefused(f"its stage {number} ({stage.name}) {e}") from None
        except pymongo.errors.PyMongoError as e:
            self._work.go_on()
            raise rows.of_mongodb(e) from None
        except Exception as e:
            reason = stagecheck.printable(str(e), 300)
            raise StagesUnusable(f"stage {number} ({stage.name}) does not fit the dataset: {reason}") from None

    def _check(self, view, computed):
        """Checks what FiftyOne has made of the stages, before any of it is run; and then what they compute."""
        try:
            finished.check(view)
        except StagesRefused:
            raise
        except Exception as e:
            raise StagesUnusable(
                f"FiftyOne cannot make a pipeline of them: {stagecheck.printable(str(e), 300)}"
            ) from None

        if computed and rows.has_computed_lists(view, computed, self._work):
            raise StagesRefused("it writes a list or a document where a plain value belongs", "It is not used")

    def _check_source(self, view, stages):
        """Checks a view that FiftyOne is about to generate a collection of."""
        self._check(view, _computed(stages))
        rows.check_count(view, self._work, self._most)
        self._work.about_to_run(rows.collections(view), rows.finished(view)[0])

    def _stage(self, stage, view):
        arguments = dict(stage.arguments)
        if stage.name == "Concat":
            arguments["samples"] = self._build(arguments["samples"])
        elif stage.name == "Flatten" and arguments.get("stages") is not None:
            inner = arguments["stages"]
            made = [self._stage(s, view) for s in (inner if isinstance(inner, list) else [inner])]
            arguments["stages"] = made if isinstance(inner, list) else made[0]
        elif stage.name == "MapValues":
            arguments["map"] = _typed_keys(view, arguments)
        elif stage.name == "ToClips":
            arguments["field_or_expr"] = _of_frames(arguments["field_or_expr"])

        if "config" in arguments:
            # A copy, since FiftyOne adds keys to it.
            arguments["config"] = dict(arguments["config"]) if arguments["config"] else None

        return getattr(fos, stage.name)(**arguments)


def _computed(stages):
    return [path.replace("[]", "") for stage in _all(stages) for path in stage.computed]


def _all(stages):
    for stage in stages:
        yield stage
        for value in stage.arguments.values():
            inner = value if isinstance(value, list) else [value]
            yield from _all(s for s in inner if isinstance(s, Stage))


def _of_frames(value):
    """An expression whose fields are those of frames.

    FiftyOne stores the expression of to_clips() as if its fields were the sample's, and
    finds no clip when it reads that again.
    """
    if isinstance(value, dict):
        return {key: item if key == "$literal" else _of_frames(item) for key, item in value.items()}

    if isinstance(value, list):
        return [_of_frames(item) for item in value]

    if isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
        return "$$this." + value[1:]

    return value


def _typed_keys(view, arguments):
    # JSON keys are always strings: the field's type gives the original type.
    kind = type(view.get_field(arguments["field"])).__name__
    convert = _KEY_TYPES.get(kind)
    if convert is None:
        return arguments["map"]

    return {None if key == "null" else convert(key): value for key, value in arguments["map"].items()}
