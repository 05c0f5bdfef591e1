"""What the tests of restored views have in common."""

import datetime
import json

import bson
import pytest

from shim import query
from shim.restoring import rebuild


@pytest.fixture
def log():
    """Says of a view what an artifact of it would say, with ids as the worker reads them."""

    def log(samples, **metadata):
        view = query.as_view(samples)
        subset = query.is_subset(view)
        described = {
            "fiftyone_dataset_name": query.root_dataset(view).name,
            "is_subset_view": subset,
            "group_slice": query.group_slice(view),
            **metadata,
        }
        return rebuild.Logged(
            metadata=json.loads(json.dumps(described)),
            serialization=query.serialization(view, lasting=True) if subset else "",
            ids=row_sources(view),
            created=datetime.datetime.now(datetime.timezone.utc),
        )

    return log


def row_sources(view):
    """The ids of the samples that the view's rows come from, found without the code under test."""
    field = "sample_id" if query.is_generated(view) else "id"
    return b"".join(bson.ObjectId(text).binary for text in view.values(field))
