"""Pictures and masks that Pillow decodes instead of the worker, and the life of its process."""

import importlib
import json
import struct
import threading
import zlib
from pathlib import Path

import cv2
import fiftyone as fo
import numpy as np
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps
import psutil
import pytest
import tifffile

from support.fake_worker import package_of
from support.waiting import wait_for
from tests.e2e import overlays
from tests.e2e.common import new_id

SIZE = (120, 80)
CODE = "read_by_pillow"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    """No thumbnail is there that another test has made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def base():
    """A smooth picture."""
    noise = np.random.default_rng(3).integers(0, 256, (5, 7, 3), np.uint8)
    return PIL.Image.fromarray(noise).resize(SIZE, PIL.Image.Resampling.BICUBIC)


@pytest.fixture
def decoder(operator, monkeypatch, tmp_path):
    """Has the worker run a copy of decoder.py, by whose path its processes are found; ``change`` changes its text."""
    pictures = importlib.import_module(package_of(operator("log_fiftyone_view_to_wandb")) + ".pictures")
    script = tmp_path / f"decoder-{new_id()}.py"
    original = pictures._pillow()
    text = Path(original["script"]).read_text("utf-8")
    script.write_text(text, "utf-8")
    monkeypatch.setattr(pictures, "_pillow", lambda: {**original, "script": str(script)})

    class Decoder:
        path = script

        def change(self, old, new):
            assert text.count(old) == 1
            script.write_text(text.replace(old, new), "utf-8")

        def processes(self):
            found = []
            for process in psutil.process_iter(["cmdline"]):
                if str(script) in (process.info["cmdline"] or ()) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            return found

    return Decoder()


def run_length_bmp(path, picture):
    """A BMP of 256 colours with run lengths, which Pillow reads and does not write."""
    picture = picture.quantize(256)
    indexes, (width, height) = np.asarray(picture), picture.size
    palette = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
    colors = np.zeros((256, 4), np.uint8)
    colors[: len(palette), :3] = palette[:, ::-1]
    body = b"".join(b"".join(bytes((1, v)) for v in row) + b"\0\0" for row in indexes[::-1]) + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    start = 14 + len(head) + colors.size
    path.write_bytes(struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start) + head + colors.tobytes() + body)


def short_bmp(path, picture):
    """A BMP of 16 bits with bit fields 5-6-5."""
    rgb = np.asarray(picture).astype(np.uint16)
    words = (rgb[..., 0] >> 3 << 11) | (rgb[..., 1] >> 2 << 5) | (rgb[..., 2] >> 3)
    body = words[::-1].astype("<u2").tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, *picture.size, 1, 16, 3, len(body), 0, 0, 0, 0)
    head += struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    path.write_bytes(struct.pack("<2sIHHI", b"BM", 14 + len(head) + len(body), 0, 0, 14 + len(head)) + head + body)


def made(folder, base):
    """Files for Pillow, by name."""
    gray = base.convert("L")
    clear = gray.copy()
    clear.putalpha(200)
    save = {
        "a.avif": (base, {"quality": 90}),
        "a.jp2": (base, {}),
        "a.ppm": (base, {}),
        "a.pgm": (gray, {}),
        "jpeg.tif": (base.convert("YCbCr"), {"compression": "jpeg"}),
        "zstd.tif": (base, {"compression": "zstd"}),
        "lzma.tif": (base, {"compression": "lzma"}),
        "opacity.tif": (clear, {}),
        "moving.webp": (base, {"save_all": True, "append_images": [base.rotate(180)], "quality": 95}),
    }
    for name, (picture, options) in save.items():
        picture.save(folder / name, **options)
    run_length_bmp(folder / "runs.bmp", base)
    short_bmp(folder / "short.bmp", base)
    base.save(folder / "whole.png")
    png = (folder / "whole.png").read_bytes()
    (folder / "cut.png").write_bytes(png[: len(png) * 9 // 10])
    at = png.index(b"IDAT") - 4
    length = struct.unpack(">I", png[at : at + 4])[0]
    checksum = at + 8 + length
    (folder / "checksum.png").write_bytes(png[:checksum] + b"\0\0\0\0" + png[checksum + 4 :])
    base.save(folder / "whole.jpg", quality=95)
    jpeg = (folder / "whole.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) * 9 // 10])
    for whole in ("whole.png", "whole.jpg"):
        (folder / whole).unlink()
    return sorted(folder.iterdir())


def samples(paths, **fields):
    return [fo.Sample(filepath=str(path), label=fo.Classification(label="x"), **fields) for path in paths]


def counts(result):
    return {w["code"]: w["count"] for w in result["warnings"]}


@pytest.mark.parametrize("mode", ["thumbnail", "reference"])
def test_what_pillow_shows_is_shown(dataset, base, decoder, tmp_path, log_view, read, monkeypatch, mode):
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = made(folder, base)
    base.save(tmp_path / "plain.jpg", quality=95)
    made_dataset = dataset(samples([*paths, tmp_path / "plain.jpg"]))
    result = log_view(made_dataset, include_labels=True, image_mode=mode)
    assert counts(result) == {CODE: len(paths)}
    (warning,) = result["warnings"]
    assert warning["message"].startswith(f"{len(paths)} rows have a picture or a mask that Pillow decoded")
    monkeypatch.setattr(PIL.ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for row, path in zip(read.rows(result, "samples"), [*paths, tmp_path / "plain.jpg"], strict=True):
        image = row["thumbnail" if mode == "reference" else "image"]
        assert image, path.name
        with PIL.Image.open(path) as picture:
            wanted = picture.convert("RGBA")
        got = PIL.Image.open(image._path).convert("RGBA")
        assert got.size == wanted.size, path.name
        assert np.abs(np.asarray(got).astype(int) - np.asarray(wanted)).mean() < 8, path.name
    assert not decoder.processes()

    # What is in the cache is counted as before, and nothing is decoded.
    decoder.path.unlink()
    again = log_view(made_dataset, include_labels=True, image_mode=mode)
    assert (again["thumbnails_made"], counts(again)) == (0, {CODE: len(paths)})


def test_bands_that_pillow_has_no_mode_for(dataset, base, tmp_path, log_view, read):
    tifffile = pytest.importorskip("tifffile")
    bands = np.concatenate([np.asarray(base), 255 - np.asarray(base)], -1)
    path = tmp_path / "bands.tif"
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="contig", compression="zlib")
    separate = tmp_path / "separate.tif"
    tifffile.imwrite(separate, np.moveaxis(bands, -1, 0), photometric="minisblack", planarconfig="separate")
    result = log_view(dataset(samples([path, separate])), include_labels=True)
    assert counts(result) == {CODE: 2}
    for row in read.rows(result, "samples"):
        got = np.asarray(PIL.Image.open(row["image"]._path).convert("RGB")).astype(int)
        assert np.abs(got - np.asarray(base)).mean() < 4


def test_floats_are_stretched(dataset, tmp_path, log_view, read):
    """Heights between 400 and 900 metres; what the file calls "no data" is black."""
    heights = np.linspace(400, 900, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE[::-1])
    heights[:, :20] = -9999
    path = tmp_path / "heights.tif"
    PIL.Image.fromarray(heights).save(path, compression="tiff_lzw", tiffinfo={42113: "-9999"})
    result = log_view(dataset(samples([path])), include_labels=True)
    assert counts(result) == {CODE: 1, "stretched": 1}
    (row,) = read.rows(result, "samples")
    got = np.asarray(PIL.Image.open(row["image"]._path).convert("L")).astype(int)
    assert got[:, :16].max() < 10
    assert np.abs(got[:, 30] - np.linspace(0, 255, SIZE[1])).mean() < 8


def test_masks_and_heatmaps(dataset, base, tmp_path, log_view, read):
    """A mask that the worker's decoders do not read, one that is damaged, and a heatmap of floats."""
    picture = tmp_path / "a.png"
    base.save(picture)
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[:, 60:] = 2
    PIL.Image.fromarray(mask).save(tmp_path / "mask.tif", compression="zstd")
    PIL.Image.fromarray(mask).save(tmp_path / "whole.png")
    png = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "damaged.png").write_bytes(png[:-12])  # its end is missing
    heat = np.linspace(0, 1, SIZE[0] * SIZE[1], dtype=np.float32).reshape(mask.shape)
    PIL.Image.fromarray(heat).save(tmp_path / "heat.tif", compression="lzma")
    made_dataset = dataset(
        [
            fo.Sample(
                filepath=str(picture),
                mask=fo.Segmentation(mask_path=str(tmp_path / name)),
                heat=fo.Heatmap(map_path=str(tmp_path / "heat.tif")),
            )
            for name in ("mask.tif", "damaged.png")
        ]
    )
    made_dataset.mask_targets = {"mask": {2: "road"}}
    made_dataset.save()
    result = log_view(made_dataset, include_labels=True)
    assert counts(result) == {CODE: 2}
    for row in read.rows(result, "samples"):
        classes = overlays.mask(row["image"], "mask")
        assert (classes[:, 60:] == "road").all()
        assert not (classes[:, :60] == "road").any()
        shown = cv2.imread(row["heatmap_heat"]._path).astype(int)
        assert np.abs(shown[2] - (84, 1, 68)).mean() < 12  # the scale's dark end, and its bright one
        assert np.abs(shown[-3] - (37, 231, 253)).mean() < 12


def test_originals(dataset, base, tmp_path, log_view, read):
    """The files themselves go up; Pillow says how large their upright pictures are, as browsers show them."""
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    base.save(tmp_path / "a.avif", exif=exif)
    base.save(tmp_path / "b.ppm")
    paths = [tmp_path / "a.avif", tmp_path / "b.ppm"]
    result = log_view(dataset(samples(paths)), include_labels=True, image_mode="original")
    assert result["warnings"] == []
    for row, path in zip(read.rows(result, "samples"), paths, strict=True):
        assert Path(row["image"]._path).read_bytes() == path.read_bytes()

    # The official package takes the size from the file again, without its turn: the written one is what pages show.
    table = json.loads(read.file(result, "samples.table.json"))
    column = table["columns"].index("image")
    written = [(row[column]["width"], row[column]["height"]) for row in table["data"]]
    assert written == [SIZE[::-1], SIZE]


def test_originals_that_the_package_cannot_open(dataset, base, tmp_path, log_view, read):
    """Reading a table, it opens all pictures: one that it cannot open would cost all others."""
    whole = tmp_path / "whole.jpg"
    base.save(whole)
    for suffix in ("jpg", "png", "gif", "bmp", "webp", "tif"):
        base.save(tmp_path / f"cut.{suffix}")
        content = (tmp_path / f"cut.{suffix}").read_bytes()
        (tmp_path / f"cut.{suffix}").write_bytes(content[: len(content) // 2])

    (tmp_path / "no_end.jpg").write_bytes(whole.read_bytes()[:-2])
    content = bytearray(cv2.imencode(".png", np.asarray(base))[1])
    content[len(content) // 2] ^= 255
    (tmp_path / "changed.png").write_bytes(content)
    PIL.Image.new("1", (13_400, 13_400)).save(tmp_path / "many_pixels.png")
    tifffile.imwrite(tmp_path / "bands.tif", np.ones((*SIZE, 3), np.float32))
    bad = [path for path in sorted(tmp_path.iterdir()) if path.suffix and path != whole]

    result = log_view(dataset(samples([whole, *bad])), include_labels=True, image_mode="original")

    assert counts(result) == {"not_opened": len(bad)}
    first, *others = read.rows(result, "samples")
    assert Path(first["image"]._path).read_bytes() == whole.read_bytes()
    assert [row["image"] for row in others] == [None] * len(bad)
    assert result["thumbnails_made"] == 0


@pytest.mark.parametrize("kind", ["avif", "heic"])
def test_turned_pictures_stand_upright(dataset, base, tmp_path, log_view, read, kind):
    """In every one of the eight ways in which a camera may be held, as Pillow shows them."""
    if kind == "heic":
        pytest.importorskip("pillow_heif", reason="pillow-heif needs Python 3.11").register_heif_opener()

    paths = []
    for turn in range(1, 9):
        exif = PIL.Image.Exif()
        exif[0x0112] = turn
        paths.append(tmp_path / f"{turn}.{kind}")
        base.save(paths[-1], exif=exif, quality=90)

    result = log_view(dataset(samples(paths)), include_labels=True)

    assert counts(result) == {CODE: 8}
    for row, path in zip(read.rows(result, "samples"), paths, strict=True):
        with PIL.Image.open(path) as picture:
            upright = np.asarray(PIL.ImageOps.exif_transpose(picture).convert("RGB"), int)
        shown = np.asarray(PIL.Image.open(row["image"]._path).convert("RGB"), int)
        assert shown.shape == upright.shape
        assert np.abs(shown - upright).mean() < 8


def test_ordinary_pictures_need_no_python(dataset, base, decoder, tmp_path, log_view):
    """The decoder is not even looked at: there is none, and nobody notices."""
    decoder.path.unlink()
    paths = [tmp_path / name for name in ("a.jpg", "a.png", "a.gif", "a.bmp", "a.tif", "a.webp")]
    for path in paths:
        base.save(path)
    result = log_view(dataset(samples(paths)), include_labels=True)
    assert (result["warnings"], result["thumbnails_made"]) == ([], len(paths))


def test_without_a_usable_pillow(dataset, base, decoder, tmp_path, log_view, read):
    """The picture's cell is empty and counted, and the result says why."""
    decoder.path.write_text("raise SystemExit('there is no Pillow here')")
    base.save(tmp_path / "a.avif")
    base.save(tmp_path / "b.tif", compression="zstd")
    base.save(tmp_path / "c.png")
    result = log_view(dataset(samples(sorted(tmp_path.glob("?.*")))), include_labels=True)
    assert counts(result) == {"not_an_image": 1, "unreadable_file": 1, "no_pillow": 0}
    assert "there is no Pillow here" in next(w["message"] for w in result["warnings"] if w["code"] == "no_pillow")
    assert [row["image"] is None for row in read.rows(result, "samples")] == [True, True, False]


def test_a_picture_that_ends_the_decoder(dataset, base, decoder, tmp_path, log_view, read):
    """It costs its own cell: those before and behind it are shown."""
    decoder.change(
        "    from PIL import Image\n\n    with Image.open",
        "    from PIL import Image\n\n    if b'BAD' in file:\n        os.abort()\n    with Image.open",
    )
    paths = []
    for i in range(6):
        paths.append(tmp_path / f"{i}.avif")
        base.rotate(i).save(paths[-1])
    for bad in (1, 4):
        paths[bad].write_bytes(paths[bad].read_bytes() + b"BAD")
    result = log_view(dataset(samples(paths)), include_labels=True)
    assert counts(result) == {"unreadable_file": 2, CODE: 4}
    assert [row["image"] is None for row in read.rows(result, "samples")] == [i in (1, 4) for i in range(6)]
    assert not decoder.processes()


@pytest.mark.parametrize("way", ["kill", "cancel"])
def test_no_decoder_outlives_its_worker(dataset, base, decoder, tmp_path, log_view, way, operator):
    decoder.change(
        "    from PIL import Image\n\n    with Image.open",
        "    import time\n    time.sleep(600)\n    from PIL import Image\n\n    with Image.open",
    )
    base.save(tmp_path / "a.avif")
    view, failed = dataset(samples([tmp_path / "a.avif"])), []

    def log():
        try:
            log_view(view, include_labels=True)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=log)
    thread.start()
    wait_for(decoder.processes)
    (process,) = decoder.processes()
    if way == "kill":
        process.parent().kill()
    else:
        process.parent().terminate()
    wait_for(lambda: not decoder.processes())
    thread.join()
    assert failed


def test_what_is_too_large_is_not_decoded(dataset, tmp_path, log_view):
    """A file of some bytes that says it is a picture of many."""
    (tmp_path / "a.ppm").write_bytes(b"P6 60000 60000 255\n")
    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head) ^ 1)  # and its checksum is wrong
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    result = log_view(dataset(samples(sorted(tmp_path.glob("?.*")))), include_labels=True)
    assert counts(result)["too_large_picture"] >= 1
    assert sum(counts(result).values()) == 2


def test_heic(dataset, base, tmp_path, log_view, read):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(base).save(tmp_path / "a.heic", quality=95)
    result = log_view(dataset(samples([tmp_path / "a.heic"])), include_labels=True)
    assert counts(result) == {CODE: 1}
    (row,) = read.rows(result, "samples")
    got = np.asarray(PIL.Image.open(row["image"]._path).convert("RGB")).astype(int)
    assert np.abs(got - np.asarray(base)).mean() < 5
