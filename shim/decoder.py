"""Decodes pictures with Pillow for the worker, in a process of its own.

The worker starts this file as a program (``python -I -S -B decoder.py DIRECTORY...``) when it meets the first
picture that its own decoders do not know or find damaged. The directories are those of Pillow and its kind. Requests
come over stdin, answers go to stdout; goworker/internal/pillow is the other end, and has the same layout. Pictures are
files of others, so before the first one is read this process gives up the right to open or write anything.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import signal
import struct
import sys
import warnings

HELLO = b"FWPD\x01\x00\x00\x00"
MAGIC = 0x31504446

#: magic, operation, bytes of the file, the most pixels, the most bytes of an answer, seconds.
REQUEST = struct.Struct("<IIQQQI")
#: magic, status, mode, orientation, padding, width, height, bytes of the pixels, of the palette, of the text, and the
#: sample that means "no data" (not a number: none).
ANSWER = struct.Struct("<IBBBxIIQIId")

DESCRIBE, DECODE, CHECK = 1, 2, 3
OK, UNSUPPORTED, DAMAGED, TOO_LARGE = range(4)

#: How pixels are sent: by mode, the bytes of one.
GRAY, RGB, RGBA, GRAY16, PALETTE, FLOAT, RGB16 = range(1, 8)
SIZES = {GRAY: 1, RGB: 4, RGBA: 4, GRAY16: 2, PALETTE: 1, FLOAT: 4, RGB16: 8}
#: What Pillow calls those that it packs itself.
RAW = {GRAY: "L", RGB: "RGBX", RGBA: "RGBA", GRAY16: "I;16B", PALETTE: "P", FLOAT: "F;32F"}

#: Pillow's plugins that are used: EPS and its kind, which run other programs, are not among them.
PLUGINS = ("Avif", "Bmp", "Dds", "Gif", "Ico", "Jpeg2K", "Jpeg", "Mpo", "Png", "Ppm", "Psd", "Qoi", "Tiff", "WebP")

#: The codecs of imagecodecs that are loaded, since nothing can be once files cannot be opened.
CODECS = ("lzw", "packbits", "deflate", "zlib", "zstd", "lzma", "jpeg", "webp", "delta", "floatpred", "bitorder", "packints", "lerc")  # fmt: skip

_ORIENTATION = 0x0112
_GDAL_NODATA = 42113
_PIECE = 1 << 20  # bytes that are sent at a time
_TEXT = 300
_MOST_BYTES = 1 << 30  # of all bands of a TIFF

#: What the kernel refuses once all is loaded, by the machine's name: its number for audits, and system calls that
#: open files (open, openat, openat2, creat), sockets (socket, connect) and rings of requests (io_uring_setup), start
#: programs (execve, execveat), and touch other processes (ptrace, kill, process_vm_writev) and names (unlink, rename).
REFUSED = {
    "x86_64": (0xC000003E, (2, 257, 437, 85, 41, 42, 425, 59, 322, 101, 62, 311, 87, 263, 82, 264, 316)),
    "aarch64": (0xC00000B7, (56, 437, 198, 203, 425, 221, 281, 117, 129, 271, 35, 38, 276)),
}

tifffile = numpy = None


class TooLarge(Exception):
    """A picture is beyond the limits of the request."""


class Unsupported(Exception):
    """A picture is of a kind that is not read here."""


def main() -> None:
    """Answers requests until there are none."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is not an answer
    load()
    lock()
    answers.write(HELLO)
    answers.flush()
    while head := requests.read(REQUEST.size):
        magic, operation, length, pixels, size, seconds = REQUEST.unpack(head)
        if magic != MAGIC:
            raise SystemExit("that is not a request")
        file = requests.read(length)
        if len(file) < length:
            return
        _alarm(seconds)  # ends this process if a decoder does not end
        for piece in answer(file, operation, pixels, size):
            answers.write(piece)
        answers.flush()
        _alarm(0)
        del file


def load() -> None:
    """Imports all that is needed: later, nothing can be."""
    global tifffile, numpy
    sys.path += sys.argv[1:]
    warnings.simplefilter("ignore")
    from PIL import Image, ImageCms, ImageFile  # noqa: F401 (later, ImageCms is imported again)

    for name in PLUGINS:
        with contextlib.suppress(ImportError):  # an older Pillow
            __import__(f"PIL.{name}ImagePlugin")
    Image.preinit = Image.init = lambda: False  # these would import others
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
    except Exception:
        pass  # it is optional, and may not fit this Pillow
    try:
        import numpy
        import tifffile
    except Exception:
        numpy = tifffile = None
    try:
        import imagecodecs

        for name in CODECS:
            getattr(imagecodecs, f"{name}_decode", None)
    except Exception:
        pass
    for name in ("ascii", "latin-1", "utf-8", "utf-16"):
        "".encode(name)


def lock() -> None:
    """Gives up the right to open files and sockets and to start programs, as far as the system can take it away."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        # Of what is open now, the highest descriptor is that of stdout's copy: there will be none beyond it.
        for kind, most in ((resource.RLIMIT_NOFILE, 5), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
            resource.setrlimit(kind, (most, most))
    with contextlib.suppress(Exception):  # some containers do not allow it
        _refuse()


def _refuse() -> None:
    """Has Linux refuse system calls: seccomp(2), with a program of classic BPF."""
    if sys.platform != "linux" or os.uname().machine not in REFUSED or struct.calcsize("P") != 8:
        return
    import ctypes

    load_word, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EPERM
    audit, calls = REFUSED[os.uname().machine]
    # Each step: the code, where to go on if it is so and if not, and an operand. Other machines' calls are refused.
    steps = [(load_word, 0, 0, 4), (equal, 1, 0, audit), (end, 0, 0, refuse), (load_word, 0, 0, 0)]
    steps.append((at_least, len(calls) + 1, 0, 0x40000000))
    steps += [(equal, len(calls) - i, 0, call) for i, call in enumerate(calls)]
    steps += [(end, 0, 0, allow), (end, 0, 0, refuse)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    libc.prctl(no_new_privileges, 1, 0, 0, 0)
    libc.prctl(set_seccomp, filter_mode, ctypes.c_void_p(ctypes.addressof(program)), 0, 0)


def _alarm(seconds: int) -> None:
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def answer(file: bytes, operation: int, pixels: int, size: int):
    """Yields the pieces of an answer.

    Args:
        file: an image file
        operation: DESCRIBE, DECODE or CHECK
        pixels: how many pixels the picture may have
        size: how many bytes they may take
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = pixels
    try:
        shown = check(file, pixels, size) if operation == CHECK else read(file, operation == DECODE, pixels, size)
        status, text = OK, b""
    except (TooLarge, MemoryError, Image.DecompressionBombError) as error:
        shown, status, text = None, TOO_LARGE, error
    except (Unsupported, Image.UnidentifiedImageError, NotImplementedError, KeyError) as error:
        shown, status, text = None, UNSUPPORTED, error
    except Exception as error:
        shown, status, text = None, DAMAGED, error
    if shown is None:
        text = f"{type(text).__name__}: {text}".encode("utf-8", "replace")[:_TEXT]
        yield ANSWER.pack(MAGIC, status, 0, 0, 0, 0, 0, 0, len(text), math.nan) + text
        return
    yield (
        ANSWER.pack(
            MAGIC,
            OK,
            shown.mode,
            shown.turn,
            shown.width,
            shown.height,
            shown.bytes,
            len(shown.palette),
            0,
            shown.no_data,
        )
        + shown.palette
    )
    yield from shown.pieces()


class Shown:
    """A picture as it is sent. One that is only described has no pixels."""

    def __init__(self, mode: int, width: int, height: int, turn: int = 1) -> None:
        self.mode, self.width, self.height = mode, width, height
        self.turn = turn if turn in range(1, 9) else 1
        self.palette, self.no_data = b"", math.nan
        self.image = self.array = None

    @property
    def bytes(self) -> int:
        """How many bytes its pixels take."""
        return self.width * self.height * SIZES[self.mode]

    def within(self, pixels: int, size: int) -> Shown:
        """Itself, if it is within the limits."""
        if self.width < 1 or self.height < 1:
            raise Unsupported("a picture without pixels")
        if self.width * self.height > pixels or self.bytes > size:
            raise TooLarge(f"{self.width} x {self.height} pixels")
        return self

    def pieces(self):
        """Yields its pixels, rows at a time."""
        step = max(_PIECE // (self.width * SIZES[self.mode]), 1)
        for top in range(0, self.height, step):
            end = min(top + step, self.height)
            if self.image is not None:
                yield self.image.crop((0, top, self.width, end)).tobytes("raw", RAW[self.mode])
            elif self.array is not None:
                yield self.array[top:end].tobytes()


def read(file: bytes, decode: bool, pixels: int, size: int) -> Shown:
    """Reads a picture by Pillow, or a TIFF that it does not read by tifffile."""
    try:
        return by_pillow(file, decode, pixels, size)
    except (TooLarge, MemoryError):
        raise
    except Exception:
        if tifffile is None or file[:2] not in (b"II", b"MM"):
            raise
        first = sys.exc_info()[1]
    try:
        return by_tifffile(file, decode, pixels, size)
    except (TooLarge, MemoryError):
        raise
    except Exception:
        raise first from None


def check(file: bytes, pixels: int, size: int) -> Shown:
    """Opens a picture as strictly as a program does that has imported Pillow and nothing else."""
    from PIL import Image, ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(io.BytesIO(file), formats=[kind for kind in Image.OPEN if kind != "HEIF"]) as image:
            Shown(mode_of(image), *image.size).within(pixels, size)
            image.load()  # before its Exif is asked for, which loads some pictures and hides what is wrong
            return Shown(mode_of(image), *image.size, turn=turn_of(image))
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = True


def by_pillow(file: bytes, decode: bool, pixels: int, size: int) -> Shown:
    """Reads a picture by Pillow: the first one of its file, as it is stored."""
    from PIL import Image

    with Image.open(io.BytesIO(file), formats=list(Image.OPEN)) as image:
        Shown(mode_of(image), *image.size).within(pixels, size)
        if not decode:
            return Shown(mode_of(image), *image.size, turn=turn_of(image))
        image.load()
        mode = mode_of(image)
        shown = Shown(mode, *image.size, turn=turn_of(image)).within(pixels, size)
        if mode == PALETTE:
            image.apply_transparency()
            shown.palette = bytes(image.getpalette("RGBA"))[:1024]
            shown.image = image.copy()
        else:
            shown.image = converted(image, mode)
            if mode == FLOAT:
                shown.no_data = number(getattr(image, "tag_v2", {}).get(_GDAL_NODATA))
        return shown


def mode_of(image) -> int:
    """How a picture of Pillow is sent."""
    mode = image.mode
    if mode == "P":
        return PALETTE
    if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")):
        return GRAY16
    if mode in ("I", "F"):
        return FLOAT
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or ("transparency" in image.info and mode in ("1", "L", "RGB")):
        return RGBA
    return GRAY if mode in ("1", "L") else RGB


def converted(image, mode: int):
    """A picture in the mode of Pillow that is packed as it is sent."""
    if mode == FLOAT:
        return image.convert("F")
    if mode == GRAY16:
        return image.copy()
    if image.mode == "LAB":
        from PIL import ImageCms

        to = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), to, outputMode="RGB")
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    return image.convert({GRAY: "L", RGB: "RGB", RGBA: "RGBA"}[mode])


def number(text) -> float:
    """What a TIFF of GDAL says that "no data" is; not a number for nothing."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan


def turn_of(image) -> int:
    """The orientation that Exif says, from 1 to 8."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


def by_tifffile(file: bytes, decode: bool, pixels: int, size: int) -> Shown:
    """Reads a TIFF of any number of bands and any type of samples: the first three bands, or the first one."""
    with tifffile.TiffFile(io.BytesIO(file)) as tiff:
        page = tiff.pages[0]
        kind, bands = page.dtype, page.samplesperpixel
        unknown = page.photometric.name not in ("MINISBLACK", "MINISWHITE", "RGB")
        if kind is None or kind.kind not in "buif" or page.imagedepth > 1 or unknown:
            raise Unsupported(f"samples of type {kind}, {page.photometric.name}")
        deep = (kind.kind, kind.itemsize) not in (("b", 1), ("u", 1))
        if bands >= 3:
            mode = RGB16 if deep else RGB
        elif (kind.kind, kind.itemsize) == ("u", 2):
            mode = GRAY16
        else:
            mode = FLOAT if deep else GRAY
        turn = page.tags.get(_ORIENTATION)
        shown = Shown(mode, page.imagewidth, page.imagelength, turn.value if turn else 1).within(pixels, size)
        if page.nbytes > _MOST_BYTES:
            raise TooLarge(f"{page.nbytes} bytes")
        if decode:
            array = page.asarray(maxworkers=1)
            if bands > 1 and page.planarconfig.name == "SEPARATE":
                array = numpy.moveaxis(array.reshape(bands, shown.height, shown.width), 0, -1)
            else:
                array = array.reshape(shown.height, shown.width, bands)
            no_data = page.tags.get(_GDAL_NODATA)
            shown.no_data = number(no_data.value if no_data else None)
            shown.array = samples(array, shown, page.photometric.name == "MINISWHITE")
        return shown


def samples(array, shown: Shown, inverted: bool):
    """An array of rows, columns and bands as it is sent: its first band, or the first three."""
    colors = shown.mode in (RGB, RGB16)
    array = array[..., : 3 if colors else 1]
    if array.dtype.kind == "b":
        array = array.astype("u1") * 255
    if shown.mode == FLOAT:
        return array.astype("<f4")
    if array.dtype.str[1:] not in ("u1", "u2"):
        array = spread(array.astype("f4"), shown.no_data)
    most = numpy.iinfo(array.dtype).max
    if inverted:
        array = most - array
    if colors:
        opaque = numpy.full((*array.shape[:2], 1), most, array.dtype)
        array = numpy.concatenate([array, opaque], axis=-1)
    return array.astype(">u2" if shown.mode in (GRAY16, RGB16) else "u1")


def spread(array, no_data: float):
    """Colours of any range as 16 bits: those from 0 to 1 as they are, others from the lowest to the highest."""
    counts = numpy.isfinite(array) & (array != no_data)
    low, high = (array[counts].min(), array[counts].max()) if counts.any() else (0, 1)
    if low >= 0 and high <= 1:
        low, high = 0, 1
    array = numpy.where(counts, array, low)
    return ((array / 2 - low / 2) / max(high / 2 - low / 2, 1e-30) * 65535 + 0.5).astype("u2")


if __name__ == "__main__":
    main()
