"""Rebuilds view stages that come out of an artifact. Whoever may write to the project wrote them.

FiftyOne's own loader imports the class that a stage names and calls it with the stored
arguments, so it is never used here. Everything is checked against lists of what is
known to be harmless before the first stage is built: classes, their arguments, MongoDB's
pipeline stages and its operators, types, sizes. What is not on a list is refused.
"""

import base64
import datetime
import io
import json
import re
import zlib
from dataclasses import dataclass, field

import bson
import fiftyone.core.stages as fos
import numpy as np
from bson import json_util

from .errors import SETTINGS, WandBError
from .mongo_operators import OPERATORS, PIPELINE_STAGES

_MODULE = "fiftyone.core.stages."

# FiftyOne's stages, with the arguments that they store. `_state` names generated datasets
# that FiftyOne would delete, and `_uuid` is nobody's business: both are left out.
_ARGUMENTS = {
    "Concat": "samples",
    "Exclude": "sample_ids",
    "ExcludeBy": "field values",
    "ExcludeFields": "field_names meta_filter _allow_missing",
    "ExcludeFrames": "frame_ids omit_empty",
    "ExcludeGroups": "group_ids",
    "ExcludeGroupSlices": "slices media_type",
    "ExcludeLabels": "labels ids instance_ids tags fields omit_empty",
    "Exists": "field bool",
    "FilterField": "field filter only_matches",
    "FilterKeypoints": "field filter labels only_matches",
    "FilterLabels": "field filter only_matches trajectories",
    "Flatten": "stages",
    "GeoNear": "point location_field min_distance max_distance query create_index",
    "GeoWithin": "boundary location_field strict create_index",
    "GroupBy": "field_or_expr order_by reverse flat match_expr sort_expr create_index order_by_key",
    "Limit": "limit",
    "LimitLabels": "field limit",
    "MapLabels": "field map",
    "MapValues": "field map",
    "Match": "filter",
    "MatchFrames": "filter omit_empty",
    "MatchLabels": "labels ids instance_ids tags filter fields bool",
    "MatchTags": "tags bool all",
    "Mongo": "pipeline _needs_frames _group_slices",
    "Select": "sample_ids ordered",
    "SelectBy": "field values ordered",
    "SelectFields": "field_names meta_filter _allow_missing",
    "SelectFrames": "frame_ids omit_empty",
    "SelectGroups": "group_ids ordered",
    "SelectGroupSlices": "slices media_type flat _allow_mixed _force_mixed",
    "SelectLabels": "labels ids instance_ids tags fields omit_empty",
    "SetField": "field expr _allow_missing",
    "Shuffle": "seed _randint",
    "Skip": "skip",
    "SortBy": "field_or_expr reverse create_index",
    "SortBySimilarity": "query k reverse dist_field brain_key",
    "Take": "size seed _randint",
    "ToClips": "field_or_expr config",
    "ToEvaluationPatches": "eval_key config",
    "ToFrames": "config",
    "ToPatches": "field config",
    "ToTrajectories": "field config",
}

# What `config` may say. The rest of what FiftyOne knows concerns the generated dataset's
# name, its indexes, and where ffmpeg writes pictures: no row depends on it.
_CONFIG = {
    "ToClips": {"other_fields", "tol", "min_len"},
    "ToEvaluationPatches": {"other_fields"},
    "ToFrames": {"sample_frames", "fps", "max_fps", "sparse"},
    "ToPatches": {"other_fields", "keep_label_lists"},
    "ToTrajectories": {"other_fields", "tol", "min_len"},
}

# How the keys of a map of values are read, by the type of the field.
_KEY_TYPES = {
    "BooleanField": lambda key: key == "true",
    "FloatField": float,
    "FrameNumberField": int,
    "IntField": int,
}

_MAX_TEXT = 64_000_000
_MAX_STAGES = 1_000
_MAX_DEPTH = 100
_MAX_VECTOR = 64_000_000

# Lists of ids that this plugin keeps in collections of its own, see the module idlists.
OWN_COLLECTIONS = "wandb.ids."

# What extended JSON may stand for. Code and references to databases are not among it.
_JSON_TYPES = {
    "$oid",
    "$date",
    "$numberInt",
    "$numberLong",
    "$numberDouble",
    "$numberDecimal",
    "$binary",
    "$regularExpression",
}
_SCALARS = (
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    datetime.datetime,
    bson.ObjectId,
    bson.Regex,
    bson.Decimal128,
    re.Pattern,
)


class StagesRefused(WandBError):
    """Stages that are not known to be harmless. Nothing of them was run."""

    def __init__(self, reason):
        super().__init__(
            f"The artifact's view was not rebuilt, because {reason}. Nothing of it was run. If you want its samples "
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


@dataclass
class Stages:
    """What a text says: the stages, and what was left out of them, in sentences."""

    stages: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def names(self):
        """The names of all stages, nested ones too."""
        return set(_names(self.stages))


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
    if len(text) > _MAX_TEXT:
        raise StagesRefused(f"its stages take more than {_MAX_TEXT // 1_000_000} MB")

    try:
        value = json.loads(text, object_hook=_extended)
        _check_depth(value)
    except RecursionError:
        raise StagesRefused(f"its stages are nested deeper than {_MAX_DEPTH} levels") from None
    except StagesRefused:
        raise
    except Exception as e:
        raise StagesRefused(f"its stages are no JSON ({type(e).__name__})") from None

    found = Stages()
    found.stages = _Checker(found.notes).stages(value)
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
            if stage.name in _CONFIG:
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
                reason = " ".join(str(e).split())[:300]
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
            arguments["query"] = _unpack(arguments["query"])
        elif stage.name == "ToClips":
            arguments["field_or_expr"] = _of_frames(arguments["field_or_expr"])

        if "config" in arguments:
            # FiftyOne adds to it.
            arguments["config"] = dict(arguments["config"]) if arguments["config"] else None

        return getattr(fos, stage.name)(**arguments)


class _Checker:
    """Checks what a text holds, and notes what is left out."""

    def __init__(self, notes):
        self._notes = notes
        self._number = 0

    def stages(self, value):
        """Checks a list of stages."""
        if not isinstance(value, list):
            raise StagesRefused("its stages are no list")

        return [self._stage(item) for item in value]

    def _stage(self, value):
        self._number += 1
        if self._number > _MAX_STAGES:
            raise StagesRefused(f"it has more than {_MAX_STAGES:,} stages")

        if not isinstance(value, dict) or not set(value) <= {"_cls", "kwargs", "_uuid"}:
            raise StagesRefused(f"its stage {self._number} is no stage of FiftyOne's")

        name = self._class(value.get("_cls"))
        arguments = self._arguments(name, value.get("kwargs"))
        check = getattr(self, f"_check_{name}", None)
        if check is not None:
            check(arguments)

        if name in _CONFIG:
            arguments["config"] = self._config(name, arguments.get("config"))

        for key, argument in arguments.items():
            if (name, key) not in (("Concat", "samples"), ("Flatten", "stages")):
                self._value(name, argument)

        return Stage(name, arguments)

    def _class(self, cls):
        name = cls.removeprefix(_MODULE) if isinstance(cls, str) else None
        if name not in _ARGUMENTS or cls != _MODULE + name:
            raise StagesRefused(f"its stage {self._number} names {_quoted(cls)}, which is no view stage of FiftyOne's")

        if not hasattr(fos, name):
            raise StagesUnusable(f"this version of FiftyOne has no stage {name}")

        return name

    def _arguments(self, name, pairs):
        try:
            arguments = dict(pairs or [])
        except (TypeError, ValueError):
            raise StagesRefused(f"the arguments of its stage {self._number} ({name}) are no arguments") from None

        arguments.pop("_state", None)
        known = _ARGUMENTS[name].split()
        for key in arguments:
            if key not in known:
                raise StagesRefused(f"its stage {self._number} ({name}) has an unknown argument {_quoted(key)}")

        return arguments

    def _value(self, name, value):
        """Checks a value all the way down: types, and MongoDB's operators."""
        if isinstance(value, list):
            for item in value:
                self._value(name, item)
        elif isinstance(value, dict):
            for key, item in value.items():
                if key.startswith("$") and key not in OPERATORS:
                    raise StagesRefused(self._forbidden(name, key))

                self._value(name, item)
        elif not isinstance(value, _SCALARS):
            raise StagesRefused(f"its stage {self._number} ({name}) holds a {type(value).__name__}")

    def _forbidden(self, name, key):
        return f"its stage {self._number} ({name}) uses {_quoted(key)}, which is not known to only read these samples"

    def _check_Concat(self, arguments):
        # The dataset that it names is not looked at: what is concatenated is of this one.
        samples = arguments.get("samples")
        if not isinstance(samples, dict) or not set(samples) <= {"dataset", "dataset_id", "stages"}:
            raise StagesRefused(f"its stage {self._number} (Concat) holds no view")

        arguments["samples"] = self.stages(samples.get("stages"))

    def _check_Flatten(self, arguments):
        inner = arguments.get("stages")
        if isinstance(inner, dict):
            arguments["stages"] = self._stage(inner)
        elif inner is not None:
            arguments["stages"] = self.stages(inner)

    def _check_GroupBy(self, arguments):
        arguments.pop("create_index", None)

    def _check_SortBy(self, arguments):
        arguments.pop("create_index", None)

    def _check_MapLabels(self, arguments):
        self._check_map("MapLabels", arguments)

    def _check_MapValues(self, arguments):
        self._check_map("MapValues", arguments)

    def _check_map(self, name, arguments):
        # Its values become a part of an expression.
        mapping = arguments.get("map")
        if not isinstance(mapping, dict) or not all(isinstance(v, _SCALARS) for v in mapping.values()):
            raise StagesRefused(f"its stage {self._number} ({name}) maps to something else than plain values")

        for key, value in mapping.items():
            if key.startswith("$") or (isinstance(value, str) and value.startswith("$")):
                raise StagesRefused(self._forbidden(name, key if key.startswith("$") else value))

    def _check_Mongo(self, arguments):
        self._pipeline(arguments.get("pipeline"))
        if not _is_names(arguments.get("_group_slices")) or arguments.get("_needs_frames") not in (None, True, False):
            raise StagesRefused(f"its stage {self._number} (Mongo) has arguments of the wrong type")

    def _pipeline(self, pipeline):
        if not isinstance(pipeline, list) or not all(isinstance(s, dict) and len(s) == 1 for s in pipeline):
            raise StagesRefused(f"its stage {self._number} (Mongo) holds no pipeline")

        for stage in pipeline:
            ((operator, body),) = stage.items()
            if operator == "$lookup" and isinstance(body, dict) and str(body.get("from")).startswith(OWN_COLLECTIONS):
                raise StagesUnusable(
                    "they look the samples up in a list of ids that was kept for another session and is gone"
                )

            if operator not in PIPELINE_STAGES:
                raise StagesRefused(self._forbidden("Mongo", operator))

            if operator == "$facet":
                for inner in body.values() if isinstance(body, dict) else [None]:
                    self._pipeline(inner)

    def _check_SortBySimilarity(self, arguments):
        if arguments.pop("dist_field", None) is not None:
            self._notes.append("Distances of the similarity search were not stored: a loaded view changes no sample")

        query = arguments.get("query")
        if not isinstance(query, str) and not (isinstance(query, list) and all(isinstance(q, str) for q in query)):
            raise StagesRefused(f"its stage {self._number} (SortBySimilarity) has a query of the wrong type")

        try:
            _unpack(query)
        except Exception:
            raise StagesRefused(f"its stage {self._number} (SortBySimilarity) has a damaged query") from None

    def _config(self, name, config):
        if config is None:
            return None

        if not isinstance(config, dict):
            raise StagesRefused(f"its stage {self._number} ({name}) has a configuration of the wrong type")

        kept = {key: value for key, value in config.items() if key in _CONFIG[name]}
        if kept.get("sample_frames") not in (None, False, "dynamic"):
            kept["sample_frames"] = False
            self._notes.append(
                "The frames are those whose pictures the dataset has: a loaded view extracts none from videos"
            )

        return kept


def _extended(value):
    # Only what the list names, and only where nothing else is in the object: json_util's
    # own reader would make code of `$code`, and drop what stands beside a `$regex`.
    if len(value) == 1 and next(iter(value)) in _JSON_TYPES:
        return json_util.object_hook(value)

    return value


def _check_depth(value, depth=0):
    if depth > _MAX_DEPTH:
        raise StagesRefused(f"its stages are nested deeper than {_MAX_DEPTH} levels")

    if isinstance(value, dict):
        for item in value.values():
            _check_depth(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, (dict, list)):
                _check_depth(item, depth + 1)


def _names(stages):
    for stage in stages:
        yield stage.name
        for value in stage.arguments.values():
            inner = value if isinstance(value, list) else [value]
            yield from _names(s for s in inner if isinstance(s, Stage))


def _is_names(value):
    return (
        value is None or isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
    )


def _unpack(query):
    """The array that a similarity query stands for, or the query, if it is ids or words."""
    if isinstance(query, list):
        return query

    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(base64.b64decode(query, validate=True), _MAX_VECTOR)
    except (ValueError, zlib.error):
        return query

    if not unpacker.eof:
        raise ValueError("the array is incomplete or too large")

    return np.load(io.BytesIO(raw), allow_pickle=False)


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


def _quoted(value):
    text = value if isinstance(value, str) else type(value).__name__
    return "'" + "".join(c if c.isprintable() else "?" for c in text[:80]) + "'"
