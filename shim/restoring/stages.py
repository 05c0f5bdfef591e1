"""Rebuilds view stages that come out of an artifact. Whoever may write to the project wrote them.

FiftyOne's own loader imports the class that a stage names and calls it with the stored
arguments, so it is never used here. Everything is checked against lists of what is
known to be harmless before the first stage is built: classes, their arguments, MongoDB's
pipeline stages and its operators, types, sizes. What is not on a list is refused.
"""

from dataclasses import dataclass, field

import fiftyone.core.stages as fos

from . import stagecheck
from .stagecheck import Stage, StagesUnusable
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
    def names(self):
        """The names of all stages, nested ones too."""
        return {stage.name for stage in _all(self.stages)}

    @property
    def is_random_anew(self):
        """Whether rows are chosen by random numbers that FiftyOne makes with them, each time others."""
        names = [stage.name for stage in _all(self.stages)]
        made = next((number for number, name in enumerate(names) if name in CONFIG), len(names))
        return not {"Shuffle", "Take"}.isdisjoint(names[made:])

    @property
    def changes_documents(self):
        """Whether any of them could make documents that no sample is like."""
        return any(stage.changes_documents for stage in _all(self.stages))


def parse(text):
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


def apply(stages, view):
    """Applies checked stages to a view.

    Args:
        stages: a list of :class:`Stage`
        view: the view of a dataset to begin with

    Returns:
        the view that they give

    Raises:
        StagesUnusable: if the dataset lacks what they need
    """
    return _Builder(view).build(stages)


class _Builder:
    """Makes FiftyOne's stages of checked ones."""

    def __init__(self, start):
        self._start = start
        self._generated = {}

    def build(self, stages):
        view = self._start
        for number, stage in enumerate(stages, 1):
            key = None
            if stage.name in CONFIG:
                # Views that are concatenated have to share what FiftyOne generates for them.
                key = repr(stages[:number])
                if key in self._generated:
                    view = self._generated[key]
                    continue

            try:
                view = view.add_stage(self._stage(stage, view))
            except StagesUnusable:
                raise
            except Exception as e:
                reason = stagecheck.printable(str(e), 300)
                raise StagesUnusable(f"stage {number} ({stage.name}) does not fit the dataset: {reason}") from e

            if key is not None:
                self._generated[key] = view

        return view

    def _stage(self, stage, view):
        arguments = dict(stage.arguments)
        if stage.name == "Concat":
            arguments["samples"] = self.build(arguments["samples"])
        elif stage.name == "Flatten" and arguments.get("stages") is not None:
            inner = arguments["stages"]
            made = [self._stage(s, view) for s in (inner if isinstance(inner, list) else [inner])]
            arguments["stages"] = made if isinstance(inner, list) else made[0]
        elif stage.name == "MapValues":
            arguments["map"] = _typed_keys(view, arguments)
        elif stage.name == "SortBySimilarity":
            arguments["query"] = stagecheck.unpack(arguments["query"])
        elif stage.name == "ToClips":
            arguments["field_or_expr"] = _of_frames(arguments["field_or_expr"])

        if "config" in arguments:
            # FiftyOne adds to it.
            arguments["config"] = dict(arguments["config"]) if arguments["config"] else None

        return getattr(fos, stage.name)(**arguments)


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
    # JSON has no keys but strings; the field's type says what they were.
    kind = type(view.get_field(arguments["field"])).__name__
    convert = _KEY_TYPES.get(kind)
    if convert is None:
        return arguments["map"]

    return {None if key == "null" else convert(key): value for key, value in arguments["map"].items()}
