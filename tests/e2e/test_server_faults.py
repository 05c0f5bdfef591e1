"""What goes wrong for a while on the server's side costs time and nothing else."""

import threading

import cv2
import fiftyone as fo
import numpy as np
import pytest

from tests.e2e import expected
from tests.e2e.common import new_id
from tests.e2e.reading import words

BUSY = {"mode": "status", "status": 429, "headers": {"Retry-After": "1"}, "message": "slow down"}
DOWN = {"mode": "status", "status": 500}
GATEWAY = {"mode": "status", "status": 502}

LOST = {"mode": "drop_after"}


def graphql(name, **fault):
    return {"kind": "graphql", "match": f"^{name}$", **fault}


#: What is in one list goes wrong in one job, which waits about two seconds before it tries a request again.
FAULTS = {
    "nothing": [],
    "uploads": [
        {"kind": "upload", **DOWN},
        {"kind": "upload", **GATEWAY},
        {"kind": "upload", **BUSY},
        {"kind": "upload", **LOST},
        {"kind": "upload", "mode": "drop"},
        {"kind": "upload", "mode": "cut"},
        {"kind": "upload", "mode": "status", "status": 403, "code": "ExpiredToken", "message": "expired", "count": 2},
    ],
    "everything but uploads": [
        graphql("Viewer", **DOWN),
        graphql("FindRun", mode="drop"),
        graphql("CreateArtifact", **GATEWAY),
        {"kind": "filestream", **DOWN},
    ],
    "rate limits": [
        graphql("FindRun", **BUSY),
        graphql("CreateArtifactFiles", **BUSY),
        graphql("CommitArtifact", **BUSY),
    ],
    "answers that are lost": [graphql("CreateRun", **LOST), graphql("CreateArtifact", **LOST)],
    "a commit that fails": [graphql("CommitArtifact", **DOWN)],
    "a commit whose answer is lost": [graphql("CommitArtifact", **LOST)],
    "another version in between": [
        graphql("CreateArtifactFiles", mode="status", status=409, message="conflict for file digest, rebase required")
    ],
    "the artifact changed": [graphql("CommitArtifact", mode="status", status=409, message="the artifact changed")],
    "too large": [graphql("CreateArtifact", mode="status", status=413, message="request entity too large")],
}


@pytest.mark.parametrize("case", sorted(FAULTS))
def test_succeeds_all_the_same(data, log_view, server, read, case):
    view = data["images"].match_tags("train")
    run_id = new_id()
    server.count()
    for fault in FAULTS[case]:
        server.fault(**fault)

    result = log_view(view, run_id=run_id, include_labels=True)

    assert server.stats()["faults_fired"] == sum(fault.get("count", 1) for fault in FAULTS[case])
    assert [words(row) for row in read.rows(result, "samples")] == expected.view_rows(view)
    assert result["artifact_version"] == "v0"
    assert len([a for a in server.artifacts() if a["collection"] == result["artifact_name"]]) == 1
    run = server.run(run_id)
    assert (run["state"], run["exit_code"]) == ("finished", 0)
    assert run["outputs"] == [server.artifact(result)["id"]]
    metadata = read.artifact(result).metadata
    if case == "too large":
        assert metadata["lists_in_files"] == {
            "sample_ids": "fiftyone/sample_ids.txt", "view_serialization": "fiftyone/view.json",
        }  # fmt: skip
        assert "sample_ids" not in metadata
    else:
        assert metadata["sample_ids"] == view.values("id")


def test_addresses_that_are_good_for_a_moment(data, log_view, server, read):
    """The server's own limit this time: each upload comes too late for the address that it was given first."""
    view = data["images"].limit(5)
    server.limit(upload_url_ttl=1.5)
    server.fault(kind="upload", mode="latency", latency_ms=2000, count=3)
    try:
        result = log_view(view, include_labels=True)
    finally:
        server.limit(upload_url_ttl=0)
    assert len(read.rows(result, "samples")) == 5


def test_somebody_else_is_faster(data, log_view, server, read):
    """Three jobs at once under one name: all succeed, and all versions are whole."""
    view = data["images"].match_tags("val")
    name = f"both-{new_id()}"
    results = {}

    def log(part, samples):
        results[part] = log_view(samples, artifact_name=name, include_labels=True)

    threads = [threading.Thread(target=log, args=(n, view.skip(n))) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(r["artifact_version"] for r in results.values()) == ["v0", "v1", "v2"]
    for part, result in results.items():
        assert [row["sample_id"] for row in read.rows(result, "samples")] == view.skip(part).values("id")


class TestEconomy:
    """With 100 ms on every request, what counts is how many have to wait for each other."""

    LATENCY = {"kind": "any", "mode": "latency", "latency_ms": 100, "count": -1}

    @pytest.fixture
    def few(self, server):
        """Runs a job that may have at most 11 requests in series.

        On a busy machine two that are meant to overlap may miss each other: the best of three tries counts.
        """

        def run(job, prepare=lambda: None):
            counts = []
            while not counts or (counts[-1] > 11 and len(counts) < 3):
                server.heal()
                prepared = prepare()
                server.fault(**self.LATENCY)
                server.count()
                job(prepared) if prepared else job()
                counts.append(server.stats()["series"])
            assert min(counts) <= 11, counts

        return run

    def test_new_project(self, data, log_view, few):
        few(lambda: log_view(data["images"], project=f"new-{new_id()}", include_labels=True))

    def test_finished_run(self, data, log_view, few):
        few(
            lambda run_id: log_view(data["images"], run_id=run_id, include_labels=True, embedding_field="embedding"),
            lambda: log_view(data["images"].limit(1))["run_id"],
        )

    def test_predictions(self, data, log_predictions, few):
        few(lambda: log_predictions(data["images"], "predictions", include_images=True))

    def test_second_version(self, data, log_view, few):
        few(
            lambda name: log_view(data["images"].limit(4), artifact_name=name, include_labels=True, aliases=["a"]),
            lambda: log_view(data["images"], include_labels=True)["artifact_name"],
        )

    def test_second_time(self, data, log_view, few):
        few(
            lambda name: log_view(data["images"], artifact_name=name, include_labels=True),
            lambda: log_view(data["images"], include_labels=True)["artifact_name"],
        )

    def test_requests_do_not_grow_with_the_files(self, dataset, tmp_path, log_view, server):
        samples = []
        for i in range(150):
            path = tmp_path / f"{i}.png"
            cv2.imwrite(str(path), np.full((4, 4, 3), i, np.uint8))
            samples.append(fo.Sample(filepath=str(path), label=fo.Classification(label="x")))
        made = dataset(samples)
        server.count()
        log_view(made, include_labels=True)
        stats = server.stats()
        assert stats["requests"]["PUT file"] > 150
        assert stats["total"] - stats["requests"]["PUT file"] <= 15
        assert stats["max_uploads"] > 1
