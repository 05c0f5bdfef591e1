"""Checks view stages that come out of an artifact against lists of what is known to be harmless.

Classes, their arguments, MongoDB's pipeline stages and its operators, types, sizes: what is
not on a list is refused. Nothing here builds or runs anything of what it looks at.
"""

import base64
import datetime
import io
import json
import re
import zlib
from dataclasses import dataclass

import bson
import fiftyone.core.stages as fos
import numpy as np
from bson import json_util

from ..errors import SETTINGS, WandBError
from .mongo_operators import OPERATORS, PIPELINE_STAGES
from .stagelists import ARGUMENTS, CONFIG

_MODULE = "fiftyone.core.stages."

_MAX_TEXT = 64_000_000
_MAX_STAGES = 1_000
_MAX_DEPTH = 100
_MAX_VECTOR = 64_000_000

# FiftyOne writes a collection for each of these stages, as large as the dataset or larger.
_MAX_GENERATED = 20

# What a sample is and which file it has: a view that changed them would show, and log
# again, files that nobody chose.
_IDENTITY = {"id", "_id", "sample_id", "_sample_id", "filepath", "mask_path", "map_path"}

# Stages of a pipeline that leave the samples as they are.
_KEEPING = {"$match", "$sort", "$limit", "$skip", "$sample", "$redact", "$unset"}

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
    """Stages that are not known to be harmless.

    Args:
        reason: why, as the rest of a sentence
        done ("Nothing of it was run"): what became of them
    """

    def __init__(self, reason, done="Nothing of it was run"):
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
    def changes_documents(self):
        """Whether it could make documents that no sample is like: only a pipeline of MongoDB's can."""
        return self.name == "Mongo" and any(set(step) - _KEEPING for step in self.arguments["pipeline"])


def read(text):
    """What a text with stages says, in Python's types; nothing of it is checked but its size and form.

    Raises:
        StagesRefused: if it is too large, nested too deeply, or no JSON
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

    return value


class Checker:
    """Checks what a text holds, and notes what is left out."""

    def __init__(self, notes):
        self._notes = notes
        self._number = 0
        self._generated = 0
        self._changed = False

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

        if name in CONFIG:
            self._check_generated(name)
            arguments["config"] = self._config(name, arguments.get("config"))

        for key, argument in arguments.items():
            if (name, key) not in (("Concat", "samples"), ("Flatten", "stages")):
                self._value(name, argument)

        stage = Stage(name, arguments)
        self._changed = self._changed or stage.changes_documents
        return stage

    def _check_generated(self, name):
        self._generated += 1
        if self._generated > _MAX_GENERATED:
            raise StagesRefused(f"it has more than {_MAX_GENERATED} stages that make patches, clips or frames")

        if self._changed:
            # What FiftyOne writes then could not be told from what the dataset has.
            raise StagesRefused(f"its stage {self._number} ({name}) is made of documents that a pipeline has changed")

    def _check_identity(self, name, arguments):
        path = arguments.get("field")
        if not isinstance(path, str) or _last(path) in _IDENTITY:
            raise StagesRefused(
                f"its stage {self._number} ({name}) changes {quoted(path)}, which says what a sample is"
            )

    def _class(self, cls):
        name = cls.removeprefix(_MODULE) if isinstance(cls, str) else None
        if name not in ARGUMENTS or cls != _MODULE + name:
            raise StagesRefused(f"its stage {self._number} names {quoted(cls)}, which is no view stage of FiftyOne's")

        if not hasattr(fos, name):
            raise StagesUnusable(f"this version of FiftyOne has no stage {name}")

        return name

    def _arguments(self, name, pairs):
        try:
            arguments = dict(pairs or [])
        except (TypeError, ValueError):
            raise StagesRefused(f"the arguments of its stage {self._number} ({name}) are no arguments") from None

        arguments.pop("_state", None)
        known = ARGUMENTS[name].split()
        for key in arguments:
            if key not in known:
                raise StagesRefused(f"its stage {self._number} ({name}) has an unknown argument {quoted(key)}")

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
        return f"its stage {self._number} ({name}) uses {quoted(key)}, which is not known to only read these samples"

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

    def _check_SetField(self, arguments):
        self._check_identity("SetField", arguments)

    def _check_MapValues(self, arguments):
        self._check_identity("MapValues", arguments)
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
            unpack(query)
        except Exception:
            raise StagesRefused(f"its stage {self._number} (SortBySimilarity) has a damaged query") from None

    def _config(self, name, config):
        if config is None:
            return None

        if not isinstance(config, dict):
            raise StagesRefused(f"its stage {self._number} ({name}) has a configuration of the wrong type")

        kept = {key: value for key, value in config.items() if key in CONFIG[name]}
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


def _is_names(value):
    return (
        value is None or isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
    )


def unpack(query):
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

    vector = np.load(io.BytesIO(raw), allow_pickle=False)
    if not isinstance(vector, np.ndarray):
        raise ValueError("an archive is no array")

    return vector


def _last(path):
    return path.rsplit(".", 1)[-1].removesuffix("[]")


def quoted(value):
    """A value out of an artifact, for a sentence."""
    return "'" + printable(value if isinstance(value, str) else type(value).__name__, 80) + "'"


def printable(text, length):
    """A text on one line, without what a terminal would act on, and not longer than that."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split())[:length])
