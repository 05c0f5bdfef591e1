"""Writes small pictures of every kind, and what Pillow makes of each: NAME.golden.png
is the upright thumbnail of NAME.* with a longest side of 48 pixels.

Needs Pillow, NumPy and OpenCV. Run it in this directory. The files are committed,
so this is only for changing them.
"""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent
SIDE = 48
WIDTH, HEIGHT = 123, 82


def scene(width=WIDTH, height=HEIGHT):
    """A picture that looks different however it is turned or mirrored."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    rgb = np.stack(
        [
            128 + 90 * np.sin(x / 17) * np.cos(y / 19),
            40 + 170 * x / width,
            210 - 140 * y / height,
        ],
        axis=-1,
    )
    rgb[(x - width / 3) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2] = (240, 220, 30)
    rgb[: height // 4, : width // 4] = (12, 90, 200)
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def fading(width=WIDTH, height=HEIGHT):
    """Opacity from left to right, with a hole."""
    alpha = np.tile(np.linspace(0, 255, width), (height, 1))
    alpha[height // 3 : height // 2, width // 2 :] = 0
    return Image.fromarray(alpha.astype(np.uint8))


def drawing():
    """A picture of six colours."""
    return scene().quantize(6, dither=Image.Dither.NONE)


def golden(name, image):
    """Writes the thumbnail of a decoded picture."""
    transparent = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA")
    image = image.convert("RGBA" if transparent else "RGB")
    image.thumbnail((SIDE, SIDE), reducing_gap=None)
    image.save(HERE / f"{name}.golden.png", optimize=True)


def write(name, extension, data, image=None):
    """Writes a file and its golden picture: Pillow's own reading unless image is given."""
    (HERE / f"{name}.{extension}").write_bytes(data)
    golden(name, ImageOps.exif_transpose(Image.open(io.BytesIO(data))) if image is None else image)


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def encoded_cv(array, extension, *params):
    if array.ndim == 3:
        array = array[:, :, [2, 1, 0, 3][: array.shape[2]]]
    ok, data = cv2.imencode(extension, array, list(params))
    assert ok
    return data.tobytes()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def exif_with_preview(preview, orientation):
    """Exif data with an embedded JPEG, as cameras write it."""
    first = struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 26)
    at = 8 + len(first) + 2 + 3 * 12 + 4
    second = struct.pack("<H", 3)
    second += struct.pack("<HHIHH", 0x0103, 3, 1, 6, 0)
    second += struct.pack("<HHII", 0x0201, 4, 1, at) + struct.pack("<HHII", 0x0202, 4, 1, len(preview))
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + struct.pack("<I", 0) + preview


def jpegs():
    picture = scene()
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        write(f"jpeg-{sampling.replace(':', '')}", "jpg", encoded(picture, "JPEG", quality=92, subsampling=sampling))
    for name, code in (("411", cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411), ("440", cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440)):
        data = encoded_cv(
            np.array(picture), ".jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR, code, cv2.IMWRITE_JPEG_QUALITY, 92
        )
        write(f"jpeg-{name}", "jpg", data)
    write("jpeg-progressive", "jpg", encoded(picture, "JPEG", quality=92, progressive=True))
    write("jpeg-restart", "jpg", encoded(picture, "JPEG", quality=92, restart_marker_blocks=3))
    write("jpeg-gray", "jpg", encoded(picture.convert("L"), "JPEG", quality=92))
    write("jpeg-rgb", "jpg", encoded(picture, "JPEG", quality=92, keep_rgb=True))
    ink = Image.merge("CMYK", [*picture.split(), picture.convert("L").point(lambda v: v // 3)])
    cmyk = encoded(ink, "JPEG", quality=92)
    write("jpeg-cmyk", "jpg", cmyk)
    at = cmyk.index(b"Adobe") + 11
    write("jpeg-ycck", "jpg", cmyk[:at] + b"\x02" + cmyk[at + 1 :])
    for orientation in range(1, 9):
        data = encoded(picture, "JPEG", quality=92, exif=turned(orientation))
        write(f"jpeg-turned-{orientation}", "jpg", data)
    large = scene(400, 267)
    write("jpeg-large", "jpg", encoded(large, "JPEG", quality=80))
    for width, height in ((1, 1), (1, 90), (90, 1), (47, 9)):
        part = scene(max(width, 8), max(height, 8)).crop((0, 0, width, height))
        write(f"jpeg-size-{width}x{height}", "jpg", encoded(part, "JPEG", quality=95))
    previews()


def previews():
    """Pictures with embedded previews of other colours, which tell what was used."""
    negative = ImageOps.invert(scene(60, 40))
    for name, preview, used in (
        ("preview", negative, True),
        ("preview-small", negative.resize((30, 20)), False),
        ("preview-barred", ImageOps.pad(negative, (60, 45)), False),
    ):
        exif = exif_with_preview(encoded(preview, "JPEG", quality=92), 6)
        data = encoded(scene(120, 80), "JPEG", quality=92, exif=exif)
        shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        write(f"jpeg-{name}", "jpg", data, negative.rotate(-90, expand=True) if used else shown)


def interlaced(image):
    """An interlaced PNG, which Pillow reads but does not write."""
    pixels = np.array(image)
    lines = b""
    for x, y, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        for row in pixels[y::dy, x::dx]:
            lines += b"\0" + row.tobytes()

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")


def pngs():
    picture = scene()
    write("png-rgb", "png", encoded(picture, "PNG", optimize=True))
    write("png-gray", "png", encoded(picture.convert("L"), "PNG", optimize=True))
    write("png-bilevel", "png", encoded(picture.convert("1", dither=Image.Dither.NONE), "PNG"))
    write("png-interlaced", "png", interlaced(picture))
    write("png-turned", "png", encoded(picture, "PNG", optimize=True, exif=turned(8)))
    write("png-palette", "png", encoded(picture.quantize(200), "PNG", optimize=True))
    write("png-drawing", "png", encoded(drawing(), "PNG", optimize=True))
    clear = drawing()
    clear.info["transparency"] = 0
    write("png-drawing-clear", "png", encoded(clear, "PNG", optimize=True, transparency=0))
    see_through = picture.copy()
    see_through.putalpha(fading())
    write("png-rgba", "png", encoded(see_through, "PNG", optimize=True))
    write("png-gray-alpha", "png", encoded(see_through.convert("LA"), "PNG", optimize=True))
    solid = picture.copy()
    solid.putalpha(255)
    write("png-solid-alpha", "png", encoded(solid, "PNG", optimize=True), picture)
    wide = np.array(picture).astype(np.uint16) * 257
    write("png-rgb16", "png", encoded_cv(wide, ".png", cv2.IMWRITE_PNG_COMPRESSION, 9), picture)
    gray = picture.convert("L")
    write("png-gray16", "png", encoded_cv(np.array(gray).astype(np.uint16) * 257, ".png"), gray)
    wide = np.array(see_through).astype(np.uint16) * 257
    write("png-rgba16", "png", encoded_cv(wide, ".png", cv2.IMWRITE_PNG_COMPRESSION, 9), see_through)
    stripes = Image.fromarray(np.uint8(128 + 60 * np.sin(np.arange(400) ** 2 / 600))[None].repeat(267, axis=0))
    write("png-large", "png", encoded(stripes, "PNG", optimize=True))


def others():
    picture = scene()
    see_through = picture.copy()
    see_through.putalpha(fading())
    write("gif-palette", "gif", encoded(picture.quantize(100), "GIF"))
    write("gif-drawing", "gif", encoded(drawing(), "GIF"))
    write(
        "gif-frames", "gif", encoded(drawing(), "GIF", save_all=True, append_images=[picture.rotate(180).quantize(6)])
    )
    small = bytearray(encoded(drawing(), "GIF"))
    struct.pack_into("<HH", small, 6, WIDTH + 30, HEIGHT + 20)
    screen = Image.new("RGBA", (WIDTH + 30, HEIGHT + 20))
    screen.paste(drawing().convert("RGB"), (0, 0))
    write("gif-part-of-screen", "gif", bytes(small), screen)
    write("webp-lossy", "webp", encoded(picture, "WEBP", quality=92))
    write("webp-lossless", "webp", encoded(picture, "WEBP", lossless=True))
    write("webp-alpha", "webp", encoded(see_through, "WEBP", quality=92))
    write("webp-lossless-alpha", "webp", encoded(see_through, "WEBP", lossless=True))
    write("webp-turned", "webp", encoded(picture, "WEBP", quality=92, exif=turned(5)))
    write("bmp-rgb", "bmp", encoded(scene(93, 62), "BMP"))
    write("bmp-palette", "bmp", encoded(scene(93, 62).quantize(100), "BMP"))
    write("tiff-lzw", "tif", encoded(picture, "TIFF", compression="tiff_lzw"))
    write("tiff-deflate", "tif", encoded(picture.quantize(100), "TIFF", compression="tiff_adobe_deflate"))
    write("tiff-gray", "tif", encoded(picture.convert("L"), "TIFF", compression="packbits"))
    write("tiff-turned", "tif", encoded(picture, "TIFF", compression="tiff_lzw", tiffinfo={0x0112: 7}))
    gray = picture.convert("L")
    data = encoded(Image.fromarray(np.array(gray).astype(np.uint16) * 257), "TIFF", compression="tiff_lzw")
    write("tiff-gray16", "tif", data, gray)


jpegs()
pngs()
others()
