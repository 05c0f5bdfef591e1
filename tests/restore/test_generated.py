"""Random stages out of FiftyOne's grammar, honest and hostile parameters mixed.

Whatever becomes of them: the finished pipeline has no operator outside the list, and no row has a path that the dataset lacks.
"""

import json
import random

import fiftyone.core.odm as odm
import pytest

from shim import query
from shim.restoring import mongo_operators, rebuild, rows, stagelists
from tests.restore.hostile import TEXTS, TRAP, concat, mongo, stage

pytestmark = pytest.mark.usefixtures("fiftyone")

# So many views of each dataset. More seeds find nothing new here; change SEED to look for more.
VIEWS = 25
SEED = 20261128

FIELDS = ("number", "score", "caption", "ground_truth", "predictions", "ground_truth.detections.label", "weather")
FIELDS += ("filepath", "tags", "id", "metadata", "frames.objects", "frames.objects.detections.label", "events", "group")
NAMES = (*FIELDS, *TEXTS, "ground_truth.detections.mask_path", "frames", "_id", "location")
SECRET = "/secret/picture.png"
PLAIN = (1, 0, -1, 2.5, True, None, "cat", "", "$number", "$$ROOT", "$ground_truth.detections", SECRET, "$filepath")


class Grammar:
    """Makes stages of all classes that are allowed, with random parameters."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def stages(self):
        return [self._stage(0) for _ in range(self._random.randint(1, 3))]

    def harmless(self):
        """Stages of which every other view has only such."""
        number = {"$add": ["$number", self._random.randint(0, 9)]}
        return self._random.sample(
            [
                stage("SetField", field="number", expr=number),
                stage("SortBy", field_or_expr="number", reverse=self._pick((True, False))),
                stage("Limit", limit=self._random.randint(1, 9)),
                stage("Match", filter={"$expr": {"$gte": [number, 0]}}),
                concat(stage("Limit", limit=2), stage("SetField", field="number", expr=number)),
                mongo({"$match": {"number": {"$gte": 0}}}, {"$set": {"number": number}}),
                stage("Shuffle", seed=self._random.randint(0, 9)),
            ],
            self._random.randint(1, 4),
        )

    def _stage(self, depth):
        name = self._random.choice(sorted(stagelists.ARGUMENTS))
        if name == "Concat":
            return concat(*[self._stage(depth + 1) for _ in range(self._random.randint(0, 2) if depth < 2 else 0)])

        if name == "Mongo":
            return mongo(*[self._step() for _ in range(self._random.randint(1, 3))])

        keys = [k for k in stagelists.ARGUMENTS[name].split() if not k.startswith("_") or self._random.random() < 0.2]
        arguments = {key: self._argument(name, key, depth) for key in keys if self._random.random() < 0.8}
        return stage(name, **arguments)

    def _argument(self, name, key, depth):
        if key in stagelists.FIELDS:
            return self._pick(NAMES) if self._random.random() < 0.7 else [self._pick(NAMES), self._pick(NAMES)]

        if key == "field_or_expr":
            return self._pick((self._pick(NAMES), self._expression(0)))

        if key in ("filter", "expr", "match_expr", "sort_expr"):
            return {"$expr": self._expression(0)} if name == "Match" else self._expression(0)

        if key == "stages":
            return self._stage(depth + 1) if depth < 2 else None

        if key == "map":
            return {self._pick(("cat", "1", "$x")): self._pick(PLAIN)}

        if key == "config":
            known = sorted(stagelists.CONFIG[name])
            return {k: self._pick((*PLAIN, ["number"], "dynamic")) for k in known if self._random.random() < 0.4}

        return self._pick((*PLAIN, ["0" * 24], ["cat"], [1, 2]))

    def _step(self):
        operator = self._pick((*sorted(mongo_operators.FINISHED_STAGES), "$out", "$merge", "$facet"))
        if operator in ("$limit", "$skip"):
            return {operator: self._random.randint(1, 9)}

        if operator == "$match":
            return {operator: {self._pick(NAMES): self._pick(PLAIN)}}

        if operator in ("$sort", "$project", "$unset"):
            body = {self._pick(NAMES): self._pick((1, -1, 0, 1.0, self._expression(1)))}
            return {operator: body if operator != "$unset" else self._pick(NAMES)}

        return {operator: {self._pick(NAMES): self._expression(0)}}

    def _expression(self, depth):
        if depth > 3 or self._random.random() < 0.3:
            return self._pick((*PLAIN, TRAP, {"$literal": SECRET}))

        operator = self._pick(sorted(mongo_operators.OPERATORS))
        if operator in ("$map", "$filter", "$reduce"):
            inner = {"in" if operator != "$filter" else "cond": self._expression(depth + 1)}
            first = {"initialValue": self._pick(PLAIN)} if operator == "$reduce" else {}
            return {operator: {"input": "$ground_truth.detections", **first, **inner}}

        count = self._random.randint(1, 3)
        return {operator: [self._expression(depth + 1) for _ in range(count)]}

    def _pick(self, choices):
        return self._random.choice(choices)


@pytest.mark.parametrize("name", ["images", "videos", "groups", "labels"])
def test_whatever_becomes_of_them(data, name):
    dataset = data[name]
    ids = rebuild.ids.Ids(b"".join(bytes.fromhex(i) for i in dataset.values("id")))
    known = _texts(odm.get_db_conn()[dataset._sample_collection_name].find({}))
    if dataset._frame_collection_name:
        known |= _texts(odm.get_db_conn()[dataset._frame_collection_name].find({}))

    made = 0
    for number in range(VIEWS):
        grammar = Grammar(f"{SEED} {name} {number}")
        documents = grammar.harmless() if number % 2 else [*grammar.harmless()[:1], *grammar.stages()]
        try:
            again = rebuild.restore(dataset, rebuild.Logged({}, json.dumps(documents), ids))
        except RuntimeError:
            continue

        made += again.way == rebuild.STAGES
        for pipeline in rows.finished(again.view):
            assert _unknown(pipeline) == set(), documents

        collection = odm.get_db_conn()[again.view._dataset._sample_collection_name]
        shown = _texts(collection.aggregate(query.pipeline(again.view), allowDiskUse=True))
        assert {text for text in shown - known if _is_path(text)} == set(), documents
        if query.is_generated(again.view):
            again.view._dataset._delete()

    # Enough of them are harmless for this to say something.
    assert made >= 1


def _is_path(text):
    return "/" in text


def _unknown(value):
    """The operators in a pipeline that are not on the list."""
    allowed = mongo_operators.FINISHED_STAGES | mongo_operators.OPERATORS
    if isinstance(value, dict):
        here = {key for key in value if any(p.startswith("$") for p in key.split(".")) and key not in allowed}
        return here.union(*map(_unknown, value.values()))

    return set().union(*map(_unknown, value)) if isinstance(value, (list, tuple)) else set()


def _texts(value):
    """All texts in documents."""
    if isinstance(value, str):
        return {value}

    if isinstance(value, dict):
        return set().union(*map(_texts, value.values()))

    return (
        set().union(*map(_texts, value))
        if not isinstance(value, (bytes, int, float, type(None))) and hasattr(value, "__iter__")
        else set()
    )
