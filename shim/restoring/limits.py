"""How much a view out of an artifact may ask of MongoDB, and how its work is ended.

FiftyOne's own calls are under the same deadline: pymongo gives it to MongoDB with each command.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import bson
import fiftyone.core.odm as foo
import psutil
import pymongo
import pymongo.errors

from ..errors import FIFTYONE, WandBCancelled, WandBError

#: Building and comparing a view may take this long, in seconds.
SECONDS = 600

# A view may have twice the rows that were logged, ten times the rows of its dataset, and always this many.
# The number of logged rows comes from the artifact, so it counts only up to the length of the artifact's longest list.
_TIMES_LOGGED = 2
_TIMES_SAMPLES = 10
_ROWS = 10_000
_MAX_LOGGED = 20_000_000

# After a cancel, operations are looked for and killed for this long, and this often, in seconds.
_KILLING = 20.0
_TICK = 0.1

# The prefixes of the collections that FiftyOne generates.
_GENERATED = ("patches.", "clips.", "frames.")


class Work:
    """The work of restoring one view. It is done in one thread, and may be cancelled from any other.

    Attributes:
        comment: what our own operations are called in MongoDB
    """

    def __init__(self):
        self.comment = f"wandb.restoring.{bson.ObjectId()}"
        self._steps = []
        self._namespaces = set()
        self._cancelled = threading.Event()
        self._ended = threading.Event()

    @contextlib.contextmanager
    def limited(self) -> Iterator[None]:
        """All that is asked of MongoDB inside has to be done within :data:`SECONDS`.

        Raises:
            WandBError: if it was not
            WandBCancelled: if the work was cancelled
        """
        self.go_on()
        self._ended.clear()
        try:
            with pymongo.timeout(SECONDS):
                yield
        except pymongo.errors.PyMongoError as e:
            self.go_on()
            if not (e.timeout or isinstance(e, pymongo.errors.ExecutionTimeout)):
                raise

            raise WandBError(
                f"MongoDB did not finish within {SECONDS:g} seconds, and the view was not restored. Check what else it is "
                "doing, and load the view again",
                source=FIFTYONE,
                code="timeout",
            ) from None
        finally:
            self._ended.set()

    def about_to_run(self, collections: list[str], pipeline: list[dict[str, Any]]) -> None:
        """Notes what FiftyOne is about to run, so that a cancel finds it.

        Raises:
            WandBCancelled: if the work was cancelled
        """
        self._namespaces.update(collections)
        self._steps = list(pipeline)
        self.go_on()

    def go_on(self) -> None:
        """Raises WandBCancelled if the work was cancelled."""
        if self._cancelled.is_set():
            raise WandBCancelled("The job was cancelled. Nothing was loaded.")

    def cancel(self) -> None:
        """Ends the work, in MongoDB too. Returns at once."""
        self._cancelled.set()
        threading.Thread(target=self._kill, name=self.comment, daemon=True).start()

    def _kill(self):
        # Repeat: the working thread may be between two operations.
        end = time.monotonic() + _KILLING
        while time.monotonic() < end:
            with contextlib.suppress(pymongo.errors.PyMongoError):
                for found in self.operations():
                    foo.get_db_client().admin.command("killOp", op=found["opid"])

            if self._ended.wait(_TICK):
                return

    def operations(self) -> list[dict[str, Any]]:
        """What MongoDB is doing for this work: documents of ``$currentOp``."""
        mine = {f"{address[0]}:{address[1]}" for address in _addresses()}
        running = foo.get_db_client().admin.aggregate(
            [{"$currentOp": {"allUsers": False, "idleCursors": True}}, {"$match": {"ns": {"$exists": True}}}]
        )
        return [found for found in running if "opid" in found and self._is_mine(found, mine)]

    def _is_mine(self, found, mine):
        command = found.get("cursor", {}).get("originatingCommand") or found.get("command") or {}
        command = command.get("originatingCommand") or command
        if command.get("comment") == self.comment:
            return True

        pipeline = command.get("pipeline")
        collection = found["ns"].partition(".")[2]
        if not isinstance(pipeline, list) or collection not in self._namespaces or found.get("client") not in mine:
            return False

        writes = [step.get("$out") or (step.get("$merge") or {}).get("into") for step in pipeline[-1:]]
        generates = any(str(name).startswith(_GENERATED) for name in map(_collection, writes))
        return (generates or bool(self._steps)) and _holds(pipeline, self._steps)


def most_rows(logged: int, samples: int) -> int:
    """The most rows that a restored view may have.

    Args:
        logged: how many rows were logged
        samples: how many samples, of all group slices, and frames the dataset has
    """
    return max(_ROWS, _TIMES_SAMPLES * samples, _TIMES_LOGGED * min(logged, _MAX_LOGGED))


def _collection(written):
    return written.get("coll") if isinstance(written, dict) else written


def _holds(pipeline, steps):
    """Whether the pipeline has these steps, in their order."""
    left = iter(_encoded(step) for step in pipeline)
    return all(_encoded(step) in left for step in steps)


def _encoded(step):
    try:
        return bson.encode(step)
    except Exception:
        # MongoDB may report a long command as text.
        return repr(step).encode()


def _addresses():
    """The addresses from which this process talks to MongoDB."""
    process = psutil.Process(os.getpid())
    connections = getattr(process, "net_connections", process.connections)
    return {connection.laddr for connection in connections(kind="inet") if connection.laddr}
