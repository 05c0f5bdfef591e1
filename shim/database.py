"""FiftyOne's collections in MongoDB beside those of samples, and the plugin's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import bson
import fiftyone.core.odm as foo
import pymongo
import pymongo.errors

from .errors import FIFTYONE, WandBError

# The collection of FiftyOne's delegated operations.
_DELEGATED = "delegated_ops"

# Documents that are written at once.
_BATCH = 50_000


# How long the database may take to say that it is there.
_ANSWER_SECONDS = 20


def check() -> None:
    """Makes sure that FiftyOne's database answers.

    Without it, each of a job's many small reads and writes would wait for MongoDB's own 30 seconds.

    Raises:
        WandBError: if it does not answer
    """
    try:
        with pymongo.timeout(_ANSWER_SECONDS):
            _database().command("ping")
    except pymongo.errors.PyMongoError as e:
        if e.timeout or isinstance(e, pymongo.errors.ConnectionFailure):
            raise unreachable() from None
        # Whatever it says, it answers.


def unreachable() -> WandBError:
    """The error for a database that does not answer."""
    return WandBError(
        "FiftyOne's database does not answer: start MongoDB, or correct database_uri in FiftyOne's settings "
        "(FIFTYONE_DATABASE_URI)",
        source=FIFTYONE,
        code="no_database",
    )


def dataset_exists(text: str) -> bool:
    """Whether there is a dataset with this id."""
    return _database()["datasets"].find_one({"_id": bson.ObjectId(text)}, {"_id": 1}) is not None


def dataset_name(text: str) -> str | None:
    """The name of the dataset with this id now; None if there is none, or the text cannot be an id."""
    if not bson.ObjectId.is_valid(text):
        return None

    found = _database()["datasets"].find_one({"_id": bson.ObjectId(text)}, {"name": 1})
    return found["name"] if found else None


def write_ids(name: str, ids: Iterable[Any], begin: Any = 0) -> None:
    """Writes ids to a collection.

    Args:
        name: the collection's name
        ids: 12 bytes for each id, without duplicates
        begin (0): how many it has already
    """
    collection = _database()[name]
    for start in range(0, len(ids), 12 * _BATCH):
        part = ids[start : start + 12 * _BATCH]
        first = begin + start // 12
        documents = [{"_id": bson.ObjectId(part[i : i + 12]), "n": first + i // 12} for i in range(0, len(part), 12)]
        collection.insert_many(documents, ordered=False)


def shared_jobs(name: str) -> Any:
    """The collection ``wandb.<name>``, whose writes outlive a crash of the server."""
    return _database().get_collection(f"wandb.{name}", write_concern=pymongo.WriteConcern("majority", j=True))


def database_name() -> str:
    """The name of FiftyOne's database."""
    return _database().name


def drop_collection(name: str) -> None:
    """Removes a collection."""
    _database().drop_collection(name)


def is_saved(text: str) -> bool:
    """Whether the text is in the stages of any saved view or run, or of a view of which a job waits or runs."""
    mentioned = {"view_stages": {"$regex": re.escape(text)}}
    if any(_database()[name].find_one(mentioned, {"_id": 1}) is not None for name in ("views", "runs")):
        return True

    wanted, shown = {"run_state": {"$in": ["queued", "running"]}}, {"context.request_params.view": 1}
    return any(text in str(found) for found in _database()[_DELEGATED].find(wanted, shown))


def delegated_run_state(operation_id: Any) -> str | None:
    """The state of a delegated operation; None if there is no such operation any more.

    Reads one word: the whole document may hold megabytes of ids.
    """
    found = _database()[_DELEGATED].find_one({"_id": operation_id}, {"run_state": 1})
    return found.get("run_state") if found else None


def queued_operations(prefix: str) -> list[dict[str, Any]]:
    """The delegated operations that wait to be run and whose operators start so.

    Returns:
        a list of dicts with the keys ``_id`` (an ObjectId), ``operator`` and ``dataset``
    """
    wanted = {"run_state": "queued", "operator": {"$regex": "^" + re.escape(prefix)}}
    shown = {"operator": 1, "context.request_params.dataset_name": 1}
    return [
        {
            "_id": found["_id"],
            "operator": found["operator"],
            "dataset": found["context"]["request_params"].get("dataset_name"),
        }
        for found in _database()[_DELEGATED].find(wanted, shown)
    ]


def count_starting(operator: str, params: dict[str, Any]) -> int:
    """The number of delegated operations of an operator with these parameters that wait to be run, or were begun in the last two minutes."""
    since = {"$subtract": ["$$NOW", 120_000]}
    begun = {"run_state": "running", "$expr": {"$gt": ["$started_at", since]}}
    wanted = {f"context.request_params.params.{name}": value for name, value in params.items()}
    starting = {"operator": operator, "$or": [{"run_state": "queued"}, begun], **wanted}
    return _database()[_DELEGATED].count_documents(starting)


def _database():
    return foo.get_db_conn()
