"""The worker's TIFF reader against Pillow, over files of all kinds made by Pillow and tifffile: equal, or left to another."""

from __future__ import annotations

import itertools
import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

tifffile = pytest.importorskip("tifffile")

ROOT = pathlib.Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 45, 31


def test_tiffs_are_as_pillow_shows_them(tmp_path):
    """Compression x colours x planes x bits x byte order x fill order x tiles or strips."""
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    made_by_pillow(tmp_path)
    made_by_tifffile(tmp_path)
    seen = [path for path in sorted(tmp_path.glob("*.tif")) if pixels(path)]
    for path in tmp_path.glob("planar*uint16*-None-False.rgba"):
        # Pillow takes uncompressed planes of 16 bits for ones of 8: the same picture, compressed, it reads.
        shutil.copy(path.with_name(path.name.replace("-None-False", "-zlib-False")), path)
    assert len(seen) > 100
    done = subprocess.run(
        ["go", "test", "-count=1", "-run", "TestAsPillow", "./goworker/internal/tiff"],
        cwd=ROOT,
        env={**os.environ, "PILLOW_PICTURES": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    equal, handed = (tmp_path / "result.txt").read_text().splitlines()
    equal, handed = set(equal.split()[2:]), set(handed.split()[2:])
    assert equal | handed == {path.name for path in seen}
    # What was wrong without a word, and what maps and science have.
    for name in (
        "pillow-1-group4",
        "pillow-1-group3",
        "pillow-1-group4-reversed",
        "planar-large-tiles",
        "infrared-uint8",
        "big",
    ):
        assert any(one.startswith(name) for one in equal), f"{name} is not read"


def picture(bands, dtype):
    """Smooth gradients with some detail, over the whole range of the type."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    most = np.iinfo(dtype).max
    planes = [(x * (3 + band) + y * (5 - band) + (x * y) % 7) % 97 / 96 * most for band in range(bands)]
    return np.stack(planes, -1).astype(dtype)


def made_by_pillow(folder):
    color = Image.fromarray(picture(3, np.uint8))
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "YCbCr"):
        for compression in (
            "raw",
            "packbits",
            "tiff_lzw",
            "tiff_adobe_deflate",
            "group3",
            "group4",
            "jpeg",
            "zstd",
            "lzma",
        ):
            if compression.startswith("group") and mode != "1":
                continue
            try:
                color.convert(mode).save(folder / f"pillow-{mode}-{compression}.tif", compression=compression)
            except (OSError, ValueError, KeyError):
                (folder / f"pillow-{mode}-{compression}.tif").unlink(missing_ok=True)
    for compression in ("raw", "group3", "group4", "tiff_lzw"):
        name = folder / f"pillow-1-{compression}-reversed.tif"
        color.convert("1").save(name, compression=compression, tiffinfo={266: 2})


def made_by_tifffile(folder):
    gray, rgb = picture(1, np.uint8)[..., 0], picture(3, np.uint8)
    for order, dtype, tile, compression in itertools.product(
        "<>", (np.uint8, np.uint16), (None, (16, 16), (64, 64)), (None, "packbits", "zlib", "lzw")
    ):
        if compression in ("packbits", "lzw"):
            continue  # made by Pillow
        for predictor in (False, True) if compression else (False,):
            of = {"byteorder": order, "tile": tile, "compression": compression, "predictor": predictor}
            what = (
                f"{np.dtype(dtype).name}-{'le' if order == '<' else 'be'}-{tile and tile[0]}-{compression}-{predictor}"
            )
            write = tifffile.imwrite
            write(folder / f"gray-{what}.tif", picture(1, dtype)[..., 0], photometric="minisblack", **of)
            write(folder / f"inverted-{what}.tif", picture(1, dtype)[..., 0], photometric="miniswhite", **of)
            write(folder / f"rgb-{what}.tif", picture(3, dtype), photometric="rgb", **of)
            write(
                folder / f"opacity-{what}.tif", picture(4, dtype), photometric="rgb", extrasamples=["unassalpha"], **of
            )
            write(
                folder / f"infrared-{what}.tif",
                picture(4, dtype),
                photometric="rgb",
                extrasamples=["unspecified"],
                **of,
            )
            planes = np.moveaxis(picture(3, dtype), -1, 0)
            name = "planar-large-tiles" if tile == (64, 64) else "planar"
            write(folder / f"{name}-{what}.tif", planes, photometric="rgb", planarconfig="separate", **of)
    tifffile.imwrite(folder / "big.tif", rgb, photometric="rgb", bigtiff=True)
    tifffile.imwrite(folder / "strips.tif", gray, photometric="minisblack", rowsperstrip=3, compression="zlib")
    tifffile.imwrite(folder / "cmyk.tif", picture(4, np.uint8), photometric="separated")
    tifffile.imwrite(folder / "float.tif", gray.astype(np.float32), photometric="minisblack")
    tifffile.imwrite(folder / "int.tif", gray.astype(np.int32), photometric="minisblack")


def pixels(path):
    """Writes what Pillow sees, as RGBA of 8 bits; False where it cannot read the file."""
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode.startswith("I;16"):
                wide = np.asarray(image).astype(np.uint32)
                image = Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
            elif image.mode in ("I", "F"):
                image = Image.fromarray(np.clip(np.asarray(image), 0, 255).astype(np.uint8))
            path.with_suffix(".rgba").write_bytes(image.convert("RGBA").tobytes())
    except (OSError, ValueError, SyntaxError):
        path.unlink()
        return False
    return True
