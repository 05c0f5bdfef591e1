"""Checks view stages that come out of an artifact against lists of what is known to be harmless.

Classes, their arguments, MongoDB's pipeline stages and its operators, types, sizes: what is
not on a list is refused. Nothing here builds or runs anything of what it looks at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fiftyone.core.stages as fos

from ..errors import SETTINGS, WandBError
from . import growth, values
from .expressions import Forbidden, check_expression, check_field, check_plain, check_query, printable, quoted
from .mongo_operators import PIPELINE_STAGES, SETTING_STAGES
from .stagelists import ARGUMENTS, CONFIG, EXPRESSIONS, FIELDS, FILTERING, INDEXING, SORTING

_MODULE = "fiftyone.core.stages."

_MAX_STAGES = 1_000

# FiftyOne writes a collection for each of these stages, as large as the dataset or larger.
_MAX_GENERATED = 20

# MongoDB writes all rows to its disk for each of these, for as long as the view is read.
_MAX_SORTS = 50

# Fields that identify a sample: a loaded view never writes them, whatever their type in the schema.
_IDENTITY = {"id", "sample_id", "frame_id", "frame_number", "group", "metadata", "media_reference"}

# Lists of ids that this plugin keeps in collections of its own, see the module idlists.
OWN_COLLECTIONS = "wandb.ids."


class StagesRefused(WandBError):
    """Stages that are not known to be harmless.

    Args:
        reason: why, as the rest of a sentence
        done ("Nothing of it was run"): what became of them
    """

    def __init__(self, reason: str, done: str = "Nothing of it was run") -> None:
        super().__init__(
            f"The artifact's view was not rebuilt, because {reason}. {done}. If you want its samples "
            "without its filters and their order of stages, load them by their ids: by_ids=True",
            source=SETTINGS,
            code="untrusted_stages",
        )


class StagesUnusable(Exception):
    """Harmless stages that cannot be applied here; the text says why."""


@dataclass(frozen=True)
class Stage:
    """A stage that was checked: the name of FiftyOne's class, and its arguments.

    Arguments that hold stages themselves hold these.
    """

    name: str
    arguments: dict

    @property
    def computed(self) -> list[str]:
        """The paths that it writes values to which it computes."""
        if self.name == "SetField":
            return [self.arguments["field"]]

        if self.name != "Mongo":
            return []

        steps = (step.items() for step in self.arguments["pipeline"])
        return [path for ((operator, body),) in steps if operator in SETTING_STAGES for path in body]

    @property
    def mapped(self) -> str | None:
        """The path whose values it replaces, or None."""
        return self.arguments["field"] if self.name == "MapValues" else None


def read(text: str) -> Any:
    """What a text with stages says, in Python's types; nothing of it is checked but its size and form.

    Raises:
        StagesRefused: if it is too large, nested too deeply, or not JSON
    """
    try:
        return values.read_json(text)
    except values.Unreadable as e:
        raise StagesRefused(f"its stages {e}") from None


class Checker:
    """Checks what a text holds, and notes what is left out."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes
        self._number = 0
        self._generated = 0
        self._copies = 1
        self._sorts = 0
        self._changed = False

    def stages(self, value: Any) -> list[Stage]:
        """Checks a list of stages."""
        if not isinstance(value, list):
            raise StagesRefused("its stages are not a list")

        return [self._stage(item) for item in value]

    def _stage(self, value):
        self._number += 1
        if self._number > _MAX_STAGES:
            raise StagesRefused(f"it has more than {_MAX_STAGES:,} stages")

        if not isinstance(value, dict) or not set(value) <= {"_cls", "kwargs", "_uuid"}:
            raise StagesRefused(f"its stage {self._number} is not a FiftyOne stage")

        name = self._class(value.get("_cls"))
        number = self._number
        try:
            return self._checked(name, self._arguments(name, value.get("kwargs")))
        except Forbidden as e:
            raise StagesRefused(f"its stage {number} ({name}) {e}") from None

    def _checked(self, name, arguments):
        if name in SORTING:
            self._check_sorts()

        check = getattr(self, f"_check_{name}", None)
        if check is not None:
            check(arguments)

        if name in CONFIG:
            self._check_generated()
            arguments["config"] = self._config(name, arguments.get("config"))

        if name in INDEXING:
            arguments["create_index"] = False

        for key, argument in arguments.items():
            if (name, key) not in (("Concat", "samples"), ("Flatten", "stages"), ("Mongo", "pipeline")):
                _check_argument(name, key, argument)

        return Stage(name, arguments)

    def _check_sorts(self):
        self._sorts += 1
        if self._sorts > _MAX_SORTS:
            raise StagesRefused(f"it sorts its rows more than {_MAX_SORTS} times")

    def _check_generated(self):
        self._generated += 1
        if self._generated > _MAX_GENERATED:
            raise StagesRefused(f"it has more than {_MAX_GENERATED} stages that make patches, clips or frames")

        if self._changed:
            # Changed documents could not be told from the dataset's own in the collection that FiftyOne writes.
            raise Forbidden("is made of documents that a pipeline has changed")

    def _class(self, cls):
        name = cls.removeprefix(_MODULE) if isinstance(cls, str) else None
        if name not in ARGUMENTS or cls != _MODULE + name:
            raise StagesRefused(f"its stage {self._number} names {quoted(cls)}, which is not a FiftyOne view stage")

        if not hasattr(fos, name):
            raise StagesUnusable(f"this version of FiftyOne has no stage {name}")

        return name

    def _arguments(self, name, pairs):
        try:
            arguments = dict(pairs or [])
        except (TypeError, ValueError):
            raise Forbidden("has no list of arguments") from None

        arguments.pop("_state", None)
        known = ARGUMENTS[name].split()
        for key in arguments:
            if key not in known:
                raise Forbidden(f"has an unknown argument {quoted(key)}")

        return arguments

    def _check_Concat(self, arguments):
        # The dataset that the argument names is ignored: the concatenated view is always one of this dataset.
        samples = arguments.get("samples")
        if not isinstance(samples, dict) or not set(samples) <= {"dataset", "dataset_id", "stages"}:
            raise Forbidden("holds no view")

        arguments["samples"] = self.stages(samples.get("stages"))

    def _check_Flatten(self, arguments):
        inner = arguments.get("stages")
        if isinstance(inner, dict):
            arguments["stages"] = self._stage(inner)
        elif inner is not None:
            arguments["stages"] = self.stages(inner)

    def _check_MapLabels(self, arguments):
        check_field(arguments.get("field"))
        _check_map(arguments)

    def _check_MapValues(self, arguments):
        check_written(arguments.get("field"))
        _check_map(arguments)

    def _check_SetField(self, arguments):
        check_written(arguments.get("field"))
        self._check_computed(arguments.get("expr"))

    def _check_Mongo(self, arguments):
        pipeline = arguments.get("pipeline")
        if not isinstance(pipeline, list) or not all(isinstance(s, dict) and len(s) == 1 for s in pipeline):
            raise Forbidden("holds no pipeline")

        if arguments.get("_needs_frames") not in (None, True, False):
            raise Forbidden("has arguments of the wrong type")

        for step in pipeline:
            ((operator, body),) = step.items()
            self._check_step(operator, body)

    def _check_step(self, operator, body):
        if operator == "$lookup" and isinstance(body, dict) and str(body.get("from")).startswith(OWN_COLLECTIONS):
            raise StagesUnusable("they look the samples up in a list of ids that was kept for another session")

        if operator not in PIPELINE_STAGES:
            raise Forbidden(f"uses {quoted(operator)}, which is not known to only read these samples")

        if operator in ("$sample", "$sort"):
            self._check_sorts()

        if operator in SETTING_STAGES:
            self._changed = True
            _check_keys(body)
            for path, expression in body.items():
                check_written(path)
                self._check_computed(expression)
        elif operator == "$match":
            check_query(body)
        elif operator == "$project":
            _check_projection(body)
        else:
            check_expression(body)

    def _check_computed(self, expression):
        copies, degree = check_expression(expression)
        is_whole = isinstance(expression, dict) and not all(str(key).startswith("$") for key in expression)
        if isinstance(expression, list) or is_whole or expression == {}:
            raise Forbidden("writes a list or a document, and a loaded view writes plain values only")

        # A stage may read what an earlier one wrote, so the copies multiply.
        self._copies *= max(1, copies)
        if degree > 1 or self._copies > growth.MOST_COPIES:
            raise Forbidden(f"writes values of more than {growth.MOST_COPIES} copies of a sample's fields")

    def _check_SortBySimilarity(self, arguments):
        if arguments.pop("dist_field", None) is not None:
            self._notes.append("Distances of the similarity search were not stored: a loaded view changes no sample")

        try:
            arguments["query"] = values.read_query(arguments.get("query"))
        except values.Unreadable as e:
            raise Forbidden(f"has {e}") from None

    def _config(self, name, config):
        if config is None:
            return None

        if not isinstance(config, dict):
            raise Forbidden("has a configuration of the wrong type")

        kept = {key: value for key, value in config.items() if key in CONFIG[name]}
        if kept.get("sample_frames") not in (None, False, "dynamic"):
            kept["sample_frames"] = False
            self._notes.append(
                "The frames are those whose pictures the dataset has: a loaded view extracts none from videos"
            )

        for key, value in kept.items():
            _check_argument(name, key, value)

        return kept


def check_written(path: Any) -> None:
    """Checks the name of a field that a stage writes; that it is a plain one is seen when the dataset is known.

    Raises:
        Forbidden: if it says what a sample is, or which file it has
    """
    check_field(path)
    parts = [part.removesuffix("[]") for part in path.split(".")]
    if any(part in _IDENTITY or part.startswith("_") or part.endswith("path") for part in parts):
        raise Forbidden(f"changes {quoted(path)}, which says what a sample is")


def _check_argument(name, key, value):
    if key in FIELDS and value is not None and not isinstance(value, bool):
        for text in value if isinstance(value, list) else [value]:
            check_field(text)
    elif key in EXPRESSIONS or (key == "filter" and name in FILTERING):
        _check_field_or_expression(value)
    elif key in ("filter", "query") and name in ("Match", "GeoNear"):
        check_query(value)
    elif key == "labels" and isinstance(value, list):
        for label in value:
            check_plain(label)
            if isinstance(label, dict) and "field" in label:
                check_field(label["field"])
    elif key not in ("expr", "query"):
        # `expr` and `query` were checked with the stage.
        check_plain(value)


def _check_field_or_expression(value):
    if isinstance(value, str):
        check_field(value[2:] if value.startswith("$$") else value.removeprefix("$"))
    elif isinstance(value, list):
        for item in value:
            _check_field_or_expression(item)
    else:
        check_expression(value)


def _check_map(arguments):
    # The map's values become part of an expression.
    mapping = arguments.get("map")
    if not isinstance(mapping, dict) or not all(isinstance(v, values.SCALARS) for v in mapping.values()):
        raise Forbidden("maps to something else than plain values")

    for text in (*mapping, *mapping.values()):
        if isinstance(text, str) and text.startswith("$"):
            raise Forbidden(f"uses {quoted(text)}, which is not known to only read these samples")


def _check_keys(body):
    if not isinstance(body, dict):
        raise Forbidden("holds no pipeline")


def _check_projection(body):
    _check_keys(body)
    for path, value in body.items():
        check_field(path)
        if isinstance(value, dict):
            _check_projection(value)
        elif not isinstance(value, (bool, int, float)):
            raise Forbidden(f"computes {quoted(path)}, and a projection may only choose fields")


__all__ = ["OWN_COLLECTIONS", "Checker", "Forbidden", "Stage", "StagesRefused", "StagesUnusable", "printable", "read"]
