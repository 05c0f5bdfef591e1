"""Bounds on what one expression can make of one sample.

MongoDB looks for its deadline and for cancels between documents, never inside an expression; it needs stack for each
level of a nested value, and ends when it has none left. So an expression has to be bounded before it is sent.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import Any

from .mongo_operators import COMPARING, GROWING, LOOPS, NESTING, OPERATORS, SIZED
from .values import Forbidden

# The most copies of a sample's fields that one value may hold. Values that stages compute from each other share this limit.
MOST_COPIES = 100

# An expression over each label of each frame needs two nested loops.
_MAX_LOOPS = 2

# The longest literal list or text: inside nested loops, and inside any loop. MongoDB resolves fields again for each
# element, so the smaller limit applies to a list of fields in any loop.
_MAX_LOOPED = 1_000
_MAX_TEXT_IN_LOOP = 10_000

# How many lists an expression may join: each may be as long as the longest list of a sample.
_MAX_JOINED = 12

# Fields that are nested deeper than this count as overlapping, see _overlap.
_MAX_PARTS = 10

# Arguments that select a value but are not part of the result.
_DECIDING = {"$filter": {"cond"}, "$cond": {"if"}, "$switch": {"case"}, "$sortArray": {"sortBy"}}

# Variables that change between reads, or that reveal something about the server.
_UNSTEADY = ("$$NOW", "$$CLUSTER_TIME", "$$USER_ROLES", "$$SEARCH_META", "$$JS_SCOPE", "$$IS_MR")


def check(expression: Any) -> tuple[int, int]:
    """Checks what an expression, or the expressions in a query, can make of a sample.

    Returns:
        a pair: of how many copies of the sample's fields its value may be made, and its degree, see :class:`_Measure`

    Raises:
        Forbidden: if it is not bounded
    """
    measure = _Measure()
    weight = measure.weigh(expression, {}, 0)
    if measure.loops > 1 and measure.longest > _MAX_LOOPED:
        raise Forbidden(f"has loops in loops over a list of more than {_MAX_LOOPED:,} values")

    if measure.loops and measure.longest_text > _MAX_TEXT_IN_LOOP:
        raise Forbidden(f"has a loop over a text of more than {_MAX_TEXT_IN_LOOP:,} characters")

    if measure.joined > _MAX_JOINED:
        raise Forbidden(f"joins more than {_MAX_JOINED} lists")

    return weight


class _Measure:
    """One way down through an expression.

    A value is weighed by two numbers: of how many copies of the sample's fields it may be made, and its degree: 2 if
    it may hold a list for each element of a list. Variables are pairs of these, with the number of loops around them.
    """

    def __init__(self):
        self.loops = self.longest = self.longest_text = self.joined = 0

    def weigh(self, value, names, loops):
        if isinstance(value, str):
            return self._text(value, names, loops)

        if isinstance(value, (list, tuple)):
            self.longest = max(self.longest, len(value))
            return self._sum(self.weigh(item, names, loops) for item in value)

        if isinstance(value, dict):
            return self._sum(self._pair(key, item, names, loops) for key, item in value.items())

        return 0, 0

    def _text(self, text, names, loops):
        if not text.startswith("$"):
            self.longest = max(self.longest, len(text))
            self.longest_text = max(self.longest_text, len(text))
            return 0, 0

        name = text.split(".")[0]
        if name in _UNSTEADY:
            raise Forbidden(f"uses {name}, which is another one each time")

        copies, degree, around = names.get(name, (1, 1, 0))
        return copies, degree + loops - around

    def _pair(self, key, item, names, loops):
        if key == "$literal":
            self.weigh(_without_names(item), names, loops)
            return 0, 0

        if key == "$let" and isinstance(item, dict):
            made = self._variables(item.get("vars"), names, loops)
            return self.weigh(item.get("in"), {**names, **made}, loops)

        if key in LOOPS and isinstance(item, dict):
            return self._loop(key, item, names, loops)

        if key == "$concatArrays" and isinstance(item, (list, tuple)):
            self.joined += len(item)

        if key == "$cond" and isinstance(item, (list, tuple)):
            found = [self.weigh(one, names, loops) for one in item]
            return self._sum(found[1:])

        if key in COMPARING and isinstance(item, (list, tuple)):
            self._sum(self._compared(one, names, loops) for one in item)
            return 0, 0

        found = self._arguments(key, item, names, loops)
        return found if key in SIZED or key not in OPERATORS else (0, 0)

    def _compared(self, value, names, loops):
        """Weighs one side of a comparison. In a list, texts such as "$5" are fields to MongoDB, and may be many."""
        if not isinstance(value, (list, tuple)):
            return self.weigh(value, names, loops)

        self.longest = max(self.longest, len(value))
        fields, others = [], []
        for one in value:
            is_field = isinstance(one, str) and one.startswith("$") and not one.startswith("$$")
            (fields if is_field else others).append(one)

        if loops and len(fields) > _MAX_LOOPED:
            raise Forbidden(f"has a loop that compares with more than {_MAX_LOOPED:,} fields")

        weight = (_overlap(fields), loops + 1) if fields else (0, 0)
        return self._sum([weight, *(self.weigh(one, names, loops) for one in others)])

    def _arguments(self, key, item, names, loops):
        deciding = _DECIDING.get(key)
        if not deciding:
            return self.weigh(item, names, loops)

        if isinstance(item, (list, tuple)):
            return self._sum(self._arguments(key, one, names, loops) for one in item)

        if not isinstance(item, dict):
            return self.weigh(item, names, loops)

        found = {name: self._arguments(key, one, names, loops) for name, one in item.items()}
        return self._sum(weight for name, weight in found.items() if name not in deciding)

    def _variables(self, values, names, loops):
        if not isinstance(values, dict):
            return {}

        weights = {name: self.weigh(value, names, loops) for name, value in values.items()}
        return {f"$${name}": (max(1, copies), degree, loops) for name, (copies, degree) in weights.items()}

    def _loop(self, key, item, names, loops):
        self.loops = max(self.loops, loops + 1)
        if loops + 1 > _MAX_LOOPS:
            raise Forbidden(f"has loops in loops in loops, and at most {_MAX_LOOPS} are allowed")

        copies, degree = self.weigh(item.get("input"), names, loops)
        element = (max(1, copies), max(1, degree), loops + 1)
        inner = {**names, f"$${item.get('as', 'this')}": element}
        if key == "$filter":
            self.weigh(item.get("cond"), inner, loops + 1)
            self.weigh(item.get("limit"), names, loops)
            return copies, degree

        if key == "$map":
            return self.weigh(item.get("in"), inner, loops + 1)

        first = self.weigh(item.get("initialValue"), names, loops)
        _check_step(item.get("in"))
        inner["$$value"] = (max(1, first[0]), max(1, first[1]), loops + 1)
        step = self.weigh(item.get("in"), inner, loops + 1)
        if step[1] > 1:
            raise Forbidden("has a $reduce that joins whole lists for each element of a list")

        return self._sum((first, step))

    @staticmethod
    def _sum(weights):
        copies = degree = 0
        for more, deeper in weights:
            copies, degree = copies + more, max(degree, deeper)

        if copies > MOST_COPIES:
            raise Forbidden(f"makes a value of more than {MOST_COPIES} copies of a sample's fields")

        return copies, degree


def _overlap(fields):
    """How many copies of a sample these fields are at most.

    Fields with different names share no data, unless one is inside the other. So this is the largest number of
    times that one place of a sample is named, by itself or by what it is in.
    """
    times = Counter(fields)
    most = apart = 0
    for field, count in times.items():
        parts = field.split(".", _MAX_PARTS)
        if len(parts) > _MAX_PARTS:
            apart += count
        else:
            most = max(most, sum(times[path] for path in accumulate(parts, "{}.{}".format)))

    return most + apart


def _without_names(value):
    # A literal is data, whatever it looks like; only its length counts.
    if isinstance(value, dict):
        return [_without_names(item) for item in value.values()]

    if isinstance(value, (list, tuple)):
        return [_without_names(item) for item in value]

    return "x" * len(value) if isinstance(value, (str, bytes)) else None


def _check_step(step, is_argument=False):
    """Checks what a ``$reduce`` does for each element: its result may grow by what it adds, but neither double nor nest."""
    if not _occurrences(step, "$$value"):
        return

    if isinstance(step, str):
        return

    if isinstance(step, (list, tuple)):
        if not is_argument:
            raise Forbidden("has a $reduce that nests its result with each element")

        for item in step:
            _check_step(item)

        return

    for key, item in step.items():
        if key == "$let":
            raise Forbidden("names values inside a $reduce, whose result could double with each element")

        if key in NESTING or not key.startswith("$"):
            raise Forbidden("has a $reduce that nests its result with each element")

        if key in GROWING and _occurrences(item, "$$value") > 1:
            raise Forbidden(f"has a {key} inside a $reduce that doubles its result with each element")

        _check_operands(key, item)


def _check_operands(key, item):
    if key == "$switch" and isinstance(item, dict):
        branches = item.get("branches")
        found = [one for branch in (branches if isinstance(branches, list) else []) for one in _values(branch)]
        for one in (*found, item.get("default")):
            _check_step(one)
    elif isinstance(item, dict) and not any(str(name).startswith("$") for name in item):
        for one in item.values():
            _check_step(one)
    else:
        _check_step(item, is_argument=True)


def _values(value):
    return list(value.values()) if isinstance(value, dict) else [value]


def _occurrences(value, text):
    if isinstance(value, dict):
        return sum((key == text) + _occurrences(item, text) for key, item in value.items())

    if isinstance(value, (list, tuple)):
        return sum(_occurrences(item, text) for item in value)

    return int(isinstance(value, str) and (value == text or value.startswith(text + ".")))
