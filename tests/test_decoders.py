"""What the worker shows of image files against Pillow, over files of all kinds made by Pillow, tifffile and OpenCV.

Each is decoded by the worker itself or handed on to Pillow, and looks as Pillow shows it. The list of formats in
docs/pictures.md is what this comparison gives: ``WRITE_FORMATS=1 pytest tests/test_decoders.py`` writes it.
"""

from __future__ import annotations

import collections
import io
import itertools
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

import cv2
import numpy as np
import PIL
import pytest
from PIL import Image, ImageFile

tifffile = pytest.importorskip("tifffile")
pillow_heif = pytest.importorskip("pillow_heif")
pytest.importorskip("imagecodecs")  # which tifffile writes some kinds with

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "pictures.md"
#: Where the document's list is.
BEGIN, END = "<!-- formats: made by tests/test_decoders.py -->\n", "<!-- end of formats -->"
WIDTH, HEIGHT = 45, 31


def test_pictures_are_as_pillow_shows_them(tmp_path, monkeypatch):
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")

    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    pillow_heif.register_heif_opener()
    made = Made(tmp_path)
    for make in (
        tiffs_of_pillow,
        tiffs_of_tifffile,
        tiffs_of_opencv,
        others_of_pillow,
        bmps,
        others_of_opencv,
        damaged,
    ):
        make(made)
    for path in tmp_path.glob("*separate, 16 bits*-None.tif.rgba"):
        # Pillow takes uncompressed planes of 16 bits for ones of 8: the same picture, compressed, it reads.
        shutil.copy(tmp_path / path.name.replace("-None.tif", "-zlib.tif"), path)
    assert made.count > 350

    packages = pathlib.Path(PIL.__file__).resolve().parent.parent
    script = ROOT / "shim" / "decoder.py"
    program = {"Python": sys.executable, "Script": str(script), "Packages": [str(packages)]}
    done = subprocess.run(
        ["go", "test", "-count=1", "-run", "TestAsPillow", "./goworker/internal/pillow"],
        cwd=ROOT,
        env={**os.environ, "PILLOW_PICTURES": str(tmp_path), "PILLOW_PROGRAM": json.dumps(program)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    who = json.loads((tmp_path / "result.json").read_text())
    assert len(who) == made.count
    assert not [name for name, by in who.items() if by == "nobody"]
    formats = table(who)
    text = DOCUMENT.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    if os.environ.get("WRITE_FORMATS"):
        DOCUMENT.write_text(head + BEGIN + formats + END + tail, "utf-8")
    else:
        assert text == head + BEGIN + formats + END + tail, "run WRITE_FORMATS=1 pytest tests/test_decoders.py"


def table(who):
    """The document's list: what the worker decodes itself, in all forms that were tried, and what Pillow decodes."""
    items = collections.defaultdict(lambda: collections.defaultdict(set))
    for name, by in who.items():
        row, item = name.split("~")[:2]
        items[row][item].add(by)
    lines = ["| files | decoded by the worker | by Pillow |", "| --- | --- | --- |"]
    for row in sorted(items):
        assert not [item for item, by in items[row].items() if len(by) > 1], f"{row}: decoded by both"
        own = sorted(item for item, by in items[row].items() if by == {"worker"})
        other = sorted(item for item, by in items[row].items() if by == {"Pillow"})
        lines.append(f"| {row} | {'; '.join(own) or '–'} | {'; '.join(other) or '–'} |")
    return "\n".join(lines) + "\n"


class Made:
    """The files that were made, each with what Pillow sees in it."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    def add(self, row, item, extension, content, form=""):
        """Adds a file, if Pillow can read it: its place in the document, and what tells files of one place apart."""
        try:
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                pixels = seen(image)
        except (OSError, ValueError, SyntaxError):
            return
        path = self.folder / f"{row}~{item}~{form}.{extension}"
        assert not path.exists(), path.name
        path.write_bytes(content)
        path.with_name(path.name + ".rgba").write_bytes(struct.pack("<II", *pixels.size) + pixels.tobytes())
        self.count += 1

    def save(self, row, item, extension, image, kind, form="", **options):
        """Adds a file that Pillow writes, if it can."""
        content = io.BytesIO()
        try:
            image.save(content, kind, **options)
        except (OSError, ValueError, KeyError):
            return
        self.add(row, item, extension, content.getvalue(), form)


def seen(image):
    """A picture of Pillow as RGBA. Samples of 16 bits are rounded, and others cut off at 0 and 255."""
    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    elif image.mode in ("I", "F"):
        image = Image.fromarray(np.clip(np.asarray(image), 0, 255).astype(np.uint8))
    if image.mode in ("CMYK", "YCbCr"):
        image = image.convert("RGB")
    return image.convert("RGBA")


def samples(bands, dtype):
    """Smooth gradients with some detail, over the whole range of the type; of others than small integers, 0 to 250."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    most = np.iinfo(dtype).max if dtype in (np.uint8, np.uint16) else 250
    planes = [(x * (3 + band) + y * (5 - band) + (x * y) % 7) % 97 / 96 * most for band in range(bands)]
    return np.stack(planes, -1).astype(dtype)


def smooth():
    """A picture without detail, for kinds with losses."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return Image.fromarray(np.stack([x * 5, y * 8, 255 - x * 2 - y * 3], -1).astype(np.uint8))


#: Pillow's modes, as the document calls them.
MODES = {
    "1": "1 bit",
    "L": "grey",
    "P": "palette",
    "RGB": "RGB",
    "RGBA": "RGB with opacity",
    "CMYK": "CMYK",
    "LA": "grey with opacity",
    "YCbCr": "YCbCr",
}
COLOR = Image.fromarray(samples(3, np.uint8))


def tiffs_of_pillow(made):
    codings = {
        "raw": "none",
        "packbits": "PackBits",
        "tiff_lzw": "LZW",
        "tiff_adobe_deflate": "Deflate",
        "tiff_deflate": "Deflate, the old code",
        "zstd": "ZSTD",
        "lzma": "LZMA",
    }
    for (mode, color), (compression, coding) in itertools.product(MODES.items(), codings.items()):
        image = COLOR.convert(mode)
        if mode not in ("LA", "YCbCr"):  # whose colours Pillow decodes in any coding
            made.save("TIFF, compression", coding, "tif", image, "TIFF", mode, compression=compression)
        if compression in ("raw", "tiff_lzw", "tiff_adobe_deflate"):
            made.save("TIFF, colours", color, "tif", image, "TIFF", f"pillow-{compression}", compression=compression)
    for mode in ("L", "RGB", "YCbCr"):
        image = smooth().convert(mode)
        made.save("TIFF, compression", "JPEG", "tif", image, "TIFF", f"{mode}-lossy", compression="jpeg", quality=95)
    for compression, order in itertools.product(("group3", "group4", "raw", "tiff_lzw"), (1, 2)):
        of = {"compression": compression, "tiffinfo": {266: order}}
        coding = {"group3": "CCITT group 3", "group4": "CCITT group 4"}.get(compression, "bits in reversed order")
        made.save("TIFF, compression", coding, "tif", COLOR.convert("1"), "TIFF", f"{compression}-{order}", **of)
    deep = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    for mode, dtype in deep.items():
        name = {"I;16": "grey, 16 bits", "I": "signed integers", "F": "floats"}[mode]
        image = Image.fromarray(samples(1, dtype)[..., 0])
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate"):
            made.save("TIFF, colours", name, "tif", image, "TIFF", f"pillow-{compression}", compression=compression)


def tiffs_of_tifffile(made):
    def add(item, form, array, **options):
        content = io.BytesIO()
        try:
            tifffile.imwrite(content, array, **options)
        except (ValueError, KeyError, RuntimeError, ImportError):
            return  # it needs a codec that is not installed
        made.add("TIFF, colours", item, "tif", content.getvalue(), form)

    for order, dtype, tile, compression in itertools.product(
        "<>", (np.uint8, np.uint16), (None, (16, 16), (64, 64)), (None, "zlib", "lzw", "packbits")
    ):
        for predictor in (False, True) if compression in ("zlib", "lzw") else (False,):
            bits = f"{np.dtype(dtype).itemsize * 8} bits"
            of = {"byteorder": order, "tile": tile, "compression": compression, "predictor": predictor}
            form = f"{'le' if order == '<' else 'be'}-{tile and tile[0]}-{predictor}-{compression}"
            gray, rgb, four = samples(1, dtype)[..., 0], samples(3, dtype), samples(4, dtype)
            add(f"grey, {bits}", form, gray, photometric="minisblack", **of)
            add(f"inverted grey, {bits}", form, gray, photometric="miniswhite", **of)
            add(f"RGB, {bits}", form, rgb, photometric="rgb", **of)
            add(f"RGB with opacity, {bits}", form, four, photometric="rgb", extrasamples=["unassalpha"], **of)
            add(f"RGB and infrared, {bits}", form, four, photometric="rgb", extrasamples=["unspecified"], **of)
            planes = np.moveaxis(rgb, -1, 0)
            add(f"RGB, separate, {bits}", form, planes, photometric="rgb", planarconfig="separate", **of)
    gray, rgb = samples(1, np.uint8)[..., 0], samples(3, np.uint8)
    for bits in (2, 4):
        few = samples(1, np.uint8)[..., 0] >> (8 - bits)
        add(f"grey, {bits} bits", "", few, photometric="minisblack", bitspersample=bits)
    add("BigTIFF", "", rgb, photometric="rgb", bigtiff=True)
    add("grey, 8 bits", "strips", gray, photometric="minisblack", rowsperstrip=3, compression="zlib")
    add("CMYK", "tifffile", samples(4, np.uint8), photometric="separated")
    for dtype in (np.float32, np.float64, np.int16, np.int32, np.uint32):
        item = (
            "floats" if np.dtype(dtype).kind == "f" else "signed integers" if np.dtype(dtype).kind == "i" else "32 bits"
        )
        add(item, f"tifffile-{np.dtype(dtype).name}", samples(1, dtype)[..., 0], photometric="minisblack")


def tiffs_of_opencv(made):
    for compression, dtype, bands in itertools.product(
        (1, 5, 8, 32773, 32946), (np.uint8, np.uint16, np.float32), (1, 3, 4)
    ):
        if dtype is np.float32 and bands > 1:
            continue  # Pillow has no such mode
        ok, content = cv2.imencode(".tif", samples(bands, dtype), [cv2.IMWRITE_TIFF_COMPRESSION, compression])
        if ok:
            what = {1: "grey", 3: "RGB", 4: "RGB and a band without a meaning"}[bands]
            item = "floats" if dtype is np.float32 else f"{what}, {np.dtype(dtype).itemsize * 8} bits"
            made.add("TIFF, colours", item, "tif", content.tobytes(), f"opencv-{compression}")


def others_of_pillow(made):
    for mode, color in MODES.items():
        image = COLOR.convert(mode)
        made.save("PNG", color, "png", image, "PNG")
        made.save("GIF", color, "gif", image, "GIF") if mode in ("1", "L", "P") else None
        made.save("WebP", f"{color}, lossless", "webp", image, "WEBP", lossless=True) if mode in (
            "RGB",
            "RGBA",
        ) else None
        made.save("WebP", f"{color}, lossy", "webp", smooth().convert(mode), "WEBP", "lossy", quality=95) if mode in (
            "RGB",
            "RGBA",
        ) else None
        made.save("JPEG", color, "jpg", smooth().convert(mode), "JPEG", "lossy", quality=95)
        made.save("JPEG 2000", color, "jp2", image, "JPEG2000", irreversible=False)
        made.save("AVIF", color, "avif", smooth().convert(mode), "AVIF", "lossy", quality=95) if mode in (
            "RGB",
            "RGBA",
        ) else None
        made.save("PBM, PGM and PPM", color, "ppm", image, "PPM") if mode in ("1", "L", "RGB") else None
    made.save("HEIC, with pillow-heif", "RGB", "heic", smooth(), "HEIF", "lossy", quality=95)
    for bits in (1, 2, 4):
        made.save("PNG", "palette", "png", COLOR.quantize(2**bits), "PNG", f"{bits}", bits=bits)
    made.save("PNG", "palette with opacity", "png", COLOR.convert("P"), "PNG", transparency=3)
    made.save("PNG", "a transparent colour", "png", COLOR, "PNG", transparency=COLOR.getpixel((0, 0)))
    made.save("PNG", "grey, 16 bits", "png", Image.fromarray(samples(1, np.uint16)[..., 0]), "PNG")
    made.save("GIF", "palette with opacity", "gif", COLOR.convert("P"), "GIF", transparency=3)
    more = {"save_all": True, "append_images": [COLOR.rotate(180)]}
    made.save(
        "GIF",
        "animated (its first frame)",
        "gif",
        COLOR.convert("P"),
        "GIF",
        save_all=True,
        append_images=[COLOR.rotate(180).convert("P")],
    )
    made.save("WebP", "animated (its first frame)", "webp", COLOR, "WEBP", lossless=True, **more)
    made.save("PNG", "animated (its first frame)", "png", COLOR, "PNG", **more)
    for quality, sampling, progressive in itertools.product((50, 95), (0, 1, 2), (False, True)):
        of = {"quality": quality, "subsampling": sampling, "progressive": progressive}
        made.save(
            "JPEG",
            "progressive" if progressive else "baseline",
            "jpg",
            smooth(),
            "JPEG",
            f"lossy-{quality}-{sampling}",
            **of,
        )


def bmps(made):
    for mode, color in MODES.items():
        if mode in ("1", "L", "P", "RGB", "RGBA"):
            made.save("BMP", color, "bmp", COLOR.convert(mode), "BMP")
    rgb = np.asarray(COLOR)
    four = np.dstack([rgb[..., ::-1], np.zeros((HEIGHT, WIDTH), np.uint8)])[::-1]
    indexes = np.asarray(COLOR.quantize(256))
    colors = np.zeros((256, 4), np.uint8)
    palette = np.array(COLOR.quantize(256).getpalette("RGB"), np.uint8).reshape(-1, 3)
    colors[: len(palette), :3] = palette[:, ::-1]

    def add(item, bits, compression, body, size=40, extra=b"", table=b""):
        if size == 12:
            head = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, bits)
        else:
            head = struct.pack("<IiiHHIIiiII", size, WIDTH, HEIGHT, 1, bits, compression, len(body), 0, 0, 0, 0)
        head = (head + extra).ljust(max(size, len(head) + len(extra)), b"\0") + table
        made.add(
            "BMP",
            item,
            "bmp",
            struct.pack("<2sIHHI", b"BM", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head + body,
        )

    runs = b"".join(b"".join(bytes((1, v)) for v in row) + b"\0\0" for row in indexes[::-1]) + b"\0\1"
    add("run lengths", 8, 1, runs, table=colors.tobytes())
    words = (rgb[..., 0].astype(np.uint16) >> 3 << 11) | (rgb[..., 1].astype(np.uint16) >> 2 << 5) | (rgb[..., 2] >> 3)
    rows = np.pad(words[::-1], ((0, 0), (0, 1))).astype("<u2").tobytes()
    add("16 bits, bit fields", 16, 3, rows, extra=struct.pack("<III", 0xF800, 0x07E0, 0x001F))
    add("32 bits", 32, 0, four.tobytes())
    add("32 bits, V5, opacity not used", 32, 0, four.tobytes(), size=124)
    lines = np.pad(rgb[::-1, :, ::-1].reshape(HEIGHT, -1), ((0, 0), (0, -WIDTH * 3 % 4)))
    add("OS-2 head", 24, 0, lines.tobytes(), size=12)
    opaque = four.copy()
    opaque[..., 3] = 200
    fields = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    add("32 bits, V5, opacity", 32, 3, opaque.tobytes(), size=124, extra=fields)


def others_of_opencv(made):
    for extension, dtype, bands in itertools.product(
        (".png", ".bmp", ".jp2", ".ppm", ".webp"), (np.uint8, np.uint16), (1, 3, 4)
    ):
        row = {".png": "PNG", ".bmp": "BMP", ".jp2": "JPEG 2000", ".ppm": "PBM, PGM and PPM", ".webp": "WebP"}[
            extension
        ]
        if (dtype is np.uint16 and extension in (".bmp", ".webp")) or (extension == ".ppm" and bands == 4):
            continue
        options = [cv2.IMWRITE_WEBP_QUALITY, 101] if extension == ".webp" else []
        try:
            ok, content = cv2.imencode(extension, samples(bands, dtype), options)
        except cv2.error:
            continue
        if ok and not (extension == ".jp2" and dtype is np.uint16):
            what = {1: "grey", 3: "RGB", 4: "RGB with opacity"}[bands]
            what += ", 16 bits" if dtype is np.uint16 else ", lossless" if extension == ".webp" else ""
            made.add(row, what, extension[1:], content.tobytes(), "opencv")


def damaged(made):
    content = io.BytesIO()
    COLOR.save(content, "PNG")
    png = content.getvalue()
    made.add("damaged", "PNG without its end", "png", png[:-30])
    at = png.index(b"IDAT") - 4
    checksum = at + 8 + struct.unpack(">I", png[at : at + 4])[0]
    made.add("damaged", "PNG with a wrong checksum", "png", png[:checksum] + bytes(4) + png[checksum + 4 :])
    content = io.BytesIO()
    smooth().resize((200, 150)).save(content, "JPEG", quality=95)
    jpeg = content.getvalue()
    made.add("damaged", "JPEG without its end", "jpg", jpeg[: len(jpeg) * 3 // 4], "lossy")
