"""Measures tables of the frames of a video against decoding the same part of it with ffmpeg, both in this run.

Run it as `make bench-videos`; it takes the video and the dataset that it made before.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import time

from common import HOME, PROJECT, PeakMemory, start_servers

SIZE = (1280, 720)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000, help="frames of the video")
    args = parser.parse_args()
    start_servers("wandb-videos", keep=False)
    os.environ["FIFTYONE_WANDB_CACHE_MB"] = "0"  # each frame is decoded
    print("| rows | frames | decoding alone | plugin | ratio of the times | frames/s | worker's peak memory |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    dataset = dataset_of(args.frames)
    view = dataset.to_frames(sample_frames="dynamic")
    report("every frame", view, dataset, args.frames)
    report("every frame, in any order", view.shuffle(seed=51), dataset, args.frames)
    report("every tenth", view.match({"$expr": {"$eq": [{"$mod": ["$frame_number", 10]}, 1]}}), dataset, args.frames)


def dataset_of(count: int):
    """A dataset of one video with a label on each frame."""
    import fiftyone as fo

    name, path = f"bench-video-{count}", HOME / f"video-{count}.mp4"
    if not path.exists():
        source = f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate=30,trim=end_frame={count}"
        ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "veryfast", "-g", "250", path)
    if name in fo.list_datasets():
        return fo.load_dataset(name)
    sample = fo.Sample(filepath=str(path))
    for number in range(1, count + 1):
        sample.frames[number] = fo.Frame(label=fo.Classification(label=str(number % 10)))
    dataset = fo.Dataset(name, persistent=True)
    dataset.add_sample(sample)
    return dataset


def ffmpeg(*options) -> None:
    import imageio_ffmpeg

    program = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-y", "-v", "error", *map(str, options)], check=True)


def report(title: str, view, dataset, count: int) -> None:
    start = time.perf_counter()
    ffmpeg("-i", dataset.first().filepath, "-map", "0:v:0", "-f", "null", "-")
    alone = time.perf_counter() - start
    ours, rows, peak = time_plugin(view)
    print(
        f"| {title} | {rows:,} of {count:,} | {alone:.2f} s | {ours:.2f} s | {ours / alone:.2f} | {rows / ours:,.0f} | {peak / 1e6:.0f} MB |",
        flush=True,
    )


def time_plugin(view) -> tuple[float, int, int]:
    """Seconds of the whole operator call, rows, and the worker's peak memory in bytes."""
    import fiftyone.operators as foo

    operator = foo.get_operator("@harpreetsahota/wandb/log_fiftyone_view_to_wandb")
    name = f"plugin_frames_{time.time_ns()}"
    with PeakMemory() as peak:
        start = time.perf_counter()
        result = operator(view, project=PROJECT, run_id=name, artifact_name=name, include_labels=True)
        seconds = time.perf_counter() - start
    if result["warnings"] or not result["new_version"]:
        raise SystemExit(f"this measurement was not fair: {result}")
    return seconds, len(view), peak.bytes


if __name__ == "__main__":
    main()
