"""Measures tables with pictures and boxes against the usual way, both in this run, and prints the ratios.

Run it as `make bench-pictures`; it takes the files and the datasets that it made before.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import pathlib
import time
import urllib.request

import numpy as np
import thumbs
from common import HOME, PROJECT, PeakMemory, start_servers
from PIL import Image
from pymongo import UpdateOne

SIZE = (640, 480)
BYTES = 87_000  # of a picture, about
FOLDER = HOME / "pictures"
MADE = 1000
LATENCY = 100  # ms on every request


def main() -> None:
    args = parse_args()
    server = start_servers("wandb-pictures", keep=False)
    os.environ["FIFTYONE_WANDB_CACHE_MB"] = "0"  # each picture is decoded
    admin = Admin(server.url)
    print("| job | pictures | usual way | plugin | ratio | pictures/s | MB up, usual | MB up | worker's peak memory |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    report(admin, "thumbnails", args.small, "thumbnail")
    with admin.slow():
        report(admin, f"thumbnails, {LATENCY} ms on each request", args.small, "thumbnail")
    report(admin, "originals", args.large, "original")
    if args.huge:
        report(admin, "thumbnails", args.huge, "thumbnail", with_baseline=False)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=1000, help="pictures of the jobs with thumbnails")
    parser.add_argument("--large", type=int, default=20_000, help="pictures of the job with originals")
    parser.add_argument("--huge", type=int, default=0, help="pictures of a job that only the plugin does")
    return parser.parse_args()


class Admin:
    """The stand-in's admin endpoints."""

    def __init__(self, url: str) -> None:
        self._url = url

    def count(self) -> None:
        self._ask("DELETE", "stats")

    def megabytes(self) -> float:
        return self._ask("GET", "stats")["bytes_up"] / 1e6

    @contextlib.contextmanager
    def slow(self, milliseconds: int = LATENCY):
        self._ask("POST", "faults", {"kind": "any", "mode": "latency", "latency_ms": milliseconds, "count": -1})
        yield
        self._ask("DELETE", "faults")

    def _ask(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/__admin/{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def report(admin: Admin, title: str, count: int, mode: str, with_baseline: bool = True) -> None:
    dataset = dataset_of(count)
    usual, usual_up = time_baseline(admin, dataset) if with_baseline else (None, None)
    ours, up, peak = time_plugin(admin, dataset, mode)
    ratio, shown, shown_up = (f"{usual / ours:.1f}x", f"{usual:.2f} s", f"{usual_up:.1f}") if usual else ("–",) * 3
    print(
        f"| {title} | {count:,} | {shown} | {ours:.2f} s | {ratio} | {count / ours:,.0f} | {shown_up} | {up:.1f} | {peak / 1e6:.0f} MB |",
        flush=True,
    )


def dataset_of(count: int, distinct: int = MADE):
    """A dataset with boxes whose pictures are there; all are different files.

    Args:
        count: how many samples
        distinct: how many different pictures, and thumbnails, there are
    """
    import fiftyone.core.odm as foo
    import samples

    folder = FOLDER if distinct == MADE else HOME / f"pictures-{distinct}"
    write_pictures(folder, count, distinct)
    name = f"bench-pictures-{count}"
    dataset = samples.detections_dataset(name, count)
    collection = foo.get_db_conn()[dataset._sample_collection_name]
    ids = [row["_id"] for row in collection.find({}, {"_id": 1})]
    paths = (str(folder / f"{i:07d}.jpg") for i in range(count))
    changes = (UpdateOne({"_id": _id}, {"$set": {"filepath": path}}) for _id, path in zip(ids, paths, strict=True))
    collection.bulk_write(list(changes), ordered=False)
    dataset.reload()
    return dataset


def write_pictures(folder: pathlib.Path, count: int, distinct: int) -> None:
    """Writes this many files, all different. The first ones are different pictures, the others have other comments."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(count) if not (folder / f"{i:07d}.jpg").exists()]
    if not missing:
        return
    bases = [np.asarray(thumbs.cropped(image, *SIZE)) for image in thumbs.photographs()]
    qualities = [quality_of(base) for base in bases]
    for i in missing:
        if i >= distinct:
            copy_with_comment(folder / f"{i % distinct:07d}.jpg", folder / f"{i:07d}.jpg", str(i).encode())
            continue
        picture = bases[i % len(bases)].copy()
        for k in range(4):  # squares of the number's digits
            part = picture[200:260, 60 + 140 * k : 120 + 140 * k]
            part[:] = (i * 7 ** (k + 1)) % 251, (i // 251 * 11 + 60 * k) % 251, (i // 17) % 251
        Image.fromarray(picture).save(folder / f"{i:07d}.jpg", quality=qualities[i % len(bases)])


def copy_with_comment(source: pathlib.Path, target: pathlib.Path, text: bytes) -> None:
    data = source.read_bytes()
    target.write_bytes(data[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + data[2:])


def quality_of(picture: np.ndarray) -> int:
    """The quality at which a picture takes about BYTES."""

    def size(quality: int) -> int:
        out = io.BytesIO()
        Image.fromarray(picture).save(out, "JPEG", quality=quality)
        return out.tell()

    return min(range(60, 98), key=lambda q: abs(size(q) - BYTES))


def time_baseline(admin: Admin, dataset) -> tuple[float, float]:
    import baseline

    admin.count()
    start = time.perf_counter()
    baseline.log_pictures(dataset, PROJECT, f"usual_pictures_{time.time_ns()}")
    return time.perf_counter() - start, admin.megabytes()


def time_plugin(admin: Admin, dataset, mode: str) -> tuple[float, float, int]:
    """Seconds of the whole operator call, megabytes that went up, and the worker's peak memory in bytes."""
    import fiftyone.operators as foo

    operator = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
    name = f"plugin_pictures_{time.time_ns()}"
    admin.count()
    with PeakMemory() as peak:
        start = time.perf_counter()
        result = operator(
            dataset, project=PROJECT, run_id=name, artifact_name=name, include_labels=True, image_mode=mode
        )
        seconds = time.perf_counter() - start
    if result["warnings"] or not result["new_version"]:
        raise SystemExit(f"this measurement was not fair: {result}")
    return seconds, admin.megabytes(), peak.bytes


if __name__ == "__main__":
    main()
