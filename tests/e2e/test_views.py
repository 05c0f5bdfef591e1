"""Views logged and loaded: the rows are what iterating over the view in Python gives, in that order.

Here is one view for each way in which rows come about. That MongoDB gives the rows of all other kinds, too, is tested
in tests/test_query.py, and that all of them are made again in tests/restore/test_kinds.py.
"""

import json

import fiftyone as fo
import pytest

from support.contents import content
from support.views import ALL
from tests.e2e import expected
from tests.e2e.reading import file, lines, rows

pytestmark = pytest.mark.usefixtures("fiftyone")

#: One for each way in which rows come about.
KINDS = [
    "dataset",
    "filter_labels",
    "take",
    "shuffle without seed",
    "sort_by expression",
    "select ordered",
    "geo_near",
    "similarity",
    "concat",
    "saved view",
    "patches filtered",
    "evaluation patches",
    "group",
    "group slices",
    "group active slice",
    "dynamic groups",
    "videos",
    "match_frames",
    "frames",
    "frame patches",
    "clips of a field",
    "clips of an expression",
    "trajectories",
]


@pytest.mark.oldest
@pytest.mark.parametrize("kind", KINDS)
def test_view(data, log_view, load_view, read, kind):
    view = ALL[kind](data)
    labels = bool(expected.label_paths(view))

    result = log_view(view, include_labels=labels, include_images=False if labels else None)

    found = read.artifact(result)
    samples = list(view)
    sources = [expected.source_id(sample) for sample in samples]
    assert samples
    assert result["samples_logged"] == len(samples) == found.metadata["num_samples"]
    assert found.metadata["sample_ids"] == sources
    assert lines(found, "fiftyone/sample_ids.txt") == sources
    if labels:
        got = rows(found.get("samples"))
        wanted = expected.view_rows(view)
        assert got == wanted
        assert list(got[0]) == list(wanted[0])
    else:
        assert json.loads(file(found, "sample_references.json")) == expected.references(view)

    again, report = load_view(view, result)
    assert (report["gone"], report["new"], report["changed"], report["warnings"]) == (0, 0, 0, [])
    assert content(again) == content(view)


@pytest.mark.parametrize(
    "kind", ["dataset", "chain", "patches", "group slices", "videos", "clips of a field", "frames"]
)
def test_stages_and_facts(data, log_view, read, kind):
    view = ALL[kind](data)
    # Now: the record of the run is a change of the dataset.
    wanted = expected.view_metadata(view.view())

    found = read.artifact(log_view(view))

    metadata = dict(found.metadata)
    stages = metadata.pop("view_serialization", None)
    assert metadata == wanted
    if metadata["is_subset_view"]:
        assert [stage["_cls"] for stage in stages] == [
            type(stage).__module__ + "." + type(stage).__name__ for stage in view._all_stages
        ]
        assert json.loads(file(found, "fiftyone/view.json")) == stages
    else:
        assert stages is None
        assert "fiftyone/view.json" not in found.manifest.entries


@pytest.mark.oldest
def test_logged_stages_give_the_view_again(data, log_view, read):
    view = ALL["chain"](data)
    stages = read.artifact(log_view(view)).metadata["view_serialization"]
    again = fo.DatasetView._build(data["images"], stages)
    assert again.values("id") == view.values("id")
    assert again.values("predictions.detections.id") == view.values("predictions.detections.id")
