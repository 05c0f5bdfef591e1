"""Measures thumbnails of photographs made by the worker against Pillow's, in turns in this run, on one core each.

The photographs are those of scikit-learn and scikit-image, which FiftyOne requires.
"""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import numpy as np
import skimage.data
from PIL import Image
from sklearn.datasets import load_sample_images

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIDE = 256
QUALITY = 80
PICTURES_VARIABLE = "THUMB_PICTURES"
RESULT = re.compile(r"^BenchmarkMake/(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op", re.MULTILINE)


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pictures = folder / "pictures"
        pictures.mkdir()
        write_pictures(pictures)
        program = folder / "thumb.test"
        build = ["go", "test", "-c", "-o", str(program), "./goworker/internal/thumb"]
        subprocess.run(build, cwd=ROOT, check=True)
        ours: dict[str, list[float]] = {}
        usual: dict[str, list[float]] = {}
        same: dict[str, list[float]] = {}
        for _ in range(args.rounds):
            measure_pillow(pictures, usual, same_scale=False)
            measure_worker(program, pictures, ours)
            measure_pillow(pictures, same, same_scale=True)
        report(pictures, usual, same, ours)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def photographs() -> list[Image.Image]:
    arrays = [*load_sample_images().images]
    arrays += [skimage.data.coffee(), skimage.data.rocket(), skimage.data.chelsea(), skimage.data.astronaut()]
    return [Image.fromarray(array) for array in arrays]


def cropped(image: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of a picture, in the given shape and size."""
    scale = max(width / image.width, height / image.height)
    part = (width / scale, height / scale)
    left, top = max((image.width - part[0]) / 2, 0), max((image.height - part[1]) / 2, 0)
    box = (left, top, min(left + part[0], image.width), min(top + part[1], image.height))
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box)


def write_pictures(folder: pathlib.Path) -> None:
    """Photographs in their own detail: small ones cropped, large ones of four small ones."""
    images = photographs()
    for i, image in enumerate(images):
        cropped(image, 640, 480).save(folder / f"640x480-{i}.jpg", quality=85 + 7 * (i % 2))
    for i in range(4):
        large = Image.new("RGB", (1280, 720))
        for part in range(4):
            piece = cropped(images[(i + part) % len(images)], 640, 360)
            large.paste(piece, (part % 2 * 640, part // 2 * 360))
        large.save(folder / f"1280x720-{i}.jpg", quality=85 + 7 * (i % 2))
    for i, image in enumerate(images[:2]):
        cropped(image, 1280, 720).save(folder / f"1280x720-smooth-{i}.jpg", quality=92)
        cropped(image, 1280, 720).save(folder / f"1280x720-progressive-{i}.jpg", quality=85, progressive=True)
        cropped(image, 500, 375).save(folder / f"500x375-{i}.jpg", quality=90)


def thumbnail(data: bytes, same_scale: bool) -> bytes:
    """Pillow's usual way, or decoding at the worker's scale: the smallest that is at least as large as the thumbnail."""
    image = Image.open(io.BytesIO(data))
    longest = max(image.size)
    if same_scale:
        scale = max(scale for scale in (1, 2, 4, 8) if longest >= scale * SIDE)
        image.draft("RGB", (image.width // scale, image.height // scale))
    else:
        image.draft("RGB", (SIDE, SIDE))
    image.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def measure_pillow(folder: pathlib.Path, times: dict[str, list[float]], same_scale: bool) -> None:
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        thumbnail(data, same_scale)
        each = []
        until = time.perf_counter() + 0.1
        while time.perf_counter() < until:
            start = time.perf_counter()
            thumbnail(data, same_scale)
            each.append(time.perf_counter() - start)
        times.setdefault(path.name, []).append(statistics.median(each))


def measure_worker(program: pathlib.Path, folder: pathlib.Path, times: dict[str, list[float]]) -> None:
    command = [str(program), "-test.run=^$", "-test.bench=^BenchmarkMake$", "-test.benchtime=100ms", "-test.cpu=1"]
    done = subprocess.run(
        command,
        cwd=program.parent,
        env={**os.environ, PICTURES_VARIABLE: str(folder)},
        check=True,
        capture_output=True,
        text=True,
    )
    for name, nanoseconds in RESULT.findall(done.stdout):
        times.setdefault(name, []).append(float(nanoseconds) / 1e9)


def report(folder: pathlib.Path, usual: dict, same: dict, ours: dict) -> None:
    """The best round of each picture counts: other work on the machine only adds time."""
    if usual.keys() != ours.keys():
        raise SystemExit("the two did not measure the same pictures")
    kinds: dict[str, list[str]] = {}
    for name in sorted(usual):
        kinds.setdefault(name.rsplit("-", 1)[0], []).append(name)
    print(
        "| pictures | kB | Pillow, ms | Pillow at the worker's scale, ms | worker, ms | ratios | thumbnails/s and core |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind, names in kinds.items():
        size = np.mean([(folder / name).stat().st_size for name in names]) / 1e3
        theirs, equal, mine = (np.mean([min(times[name]) for name in names]) * 1e3 for times in (usual, same, ours))
        ratios = f"{mine / theirs:.2f}, {mine / equal:.2f}"
        print(f"| {kind} | {size:.0f} | {theirs:.2f} | {equal:.2f} | {mine:.2f} | {ratios} | {1e3 / mine:.0f} |")


if __name__ == "__main__":
    main()
