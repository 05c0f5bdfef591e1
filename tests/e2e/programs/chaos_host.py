"""Does jobs that are asked for line by line, in a process that may be killed, or whose MongoDB may go away.

Each line is the kind of a job and its name; the answer is a line of JSON: the outcome's result, or the error's code.
"""

import atexit
import json
import sys
from pathlib import Path

import fiftyone as fo

from tests.e2e.chaos import jobs


def make(media):
    from support import datasets

    # Sorted: the natural order of MongoDB is another one on each member of a replica set.
    return datasets.images(Path(media), n=60, persistent=True).sort_by("number")


def leave_without_fiftyones_own_clearing():
    """FiftyOne itself waits 30 seconds for its database at the end of a process: that is left out, so that only ours shows."""
    atexit.unregister(fo.core.odm.database._delete_non_persistent_datasets_if_allowed)


def main(name, media=None):
    dataset = fo.load_dataset(name) if media is None else make(media)
    leave_without_fiftyones_own_clearing()
    print("ready", flush=True)
    for line in sys.stdin:
        kind, artifact = line.split()
        try:
            answer = {"result": jobs.run(dataset, kind, artifact)}
        except RuntimeError as error:
            answer = {"error": getattr(error, "code", "none"), "text": str(error)}
        except Exception as error:  # of FiftyOne itself, whose MongoDB went away
            answer = {"error": type(error).__name__, "text": str(error)}
        print(json.dumps(answer, default=str), flush=True)


main(*sys.argv[1:])
