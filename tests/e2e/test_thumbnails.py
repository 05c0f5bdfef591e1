"""Thumbnails in tables: what they show, what they cost, and what a second call saves."""

import base64
import hashlib
import json
import struct
import zlib
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import cv2
import fiftyone as fo
import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from tests.e2e.common import new_id
from tests.e2e.expected import view_rows
from tests.e2e.reading import file


@pytest.fixture
def photo(tmp_path):
    """Writes pictures that compress about as photographs do."""

    def write(name, seed=0, size=(320, 240), **kwargs):
        noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
        picture = PIL.Image.fromarray(noise).resize(size, PIL.Image.Resampling.BICUBIC)
        path = tmp_path / name
        picture.save(path, **kwargs)
        return path

    return write


def samples(paths, **fields):
    return [fo.Sample(filepath=str(p), label=fo.Classification(label="x"), **fields) for p in paths]


def pixels(path):
    return np.asarray(PIL.Image.open(path).convert("RGB")).astype(int)


def media_of(server, result):
    return {path: f for path, f in server.artifact(result)["files"].items() if path.startswith("media/")}


def test_modes(dataset, photo, log_view, log_predictions, read, server):
    paths = [photo("a.jpg"), photo("ü #1%.png", 1), photo("large.jpg", 2, (2000, 500))]
    made = dataset(samples(paths))
    columns = list(view_rows(made)[0])

    default = log_view(made, include_labels=True)
    assert default == {**default, "thumbnails_made": 3, "warnings": []}
    for row, path in zip(read.rows(default, "samples"), paths, strict=True):
        assert list(row) == [*columns, "image"]
        expected = PIL.Image.open(path).convert("RGB")
        expected.thumbnail((256, 256))
        image = row["image"]
        assert (image._width, image._height) == expected.size
        assert np.abs(pixels(image._path) - np.asarray(expected)).mean() < 3
        with open(image._path, "rb") as f:
            content = f.read()
        assert image._sha256 == hashlib.sha256(content).hexdigest()
    stored = media_of(server, default)
    assert all(path.startswith("media/images/") for path in stored)
    assert sum(f["size"] for f in stored.values()) < sum(p.stat().st_size for p in paths)

    small = log_predictions(made, "label", thumbnail_size=64, image_mode="thumbnail")
    assert [row["image"]._width for row in read.rows(small, "predictions")] == [64, 64, 64]

    original = log_view(made, include_labels=True, image_mode="original")
    for row, path in zip(read.rows(original, "samples"), paths, strict=True):
        with open(row["image"]._path, "rb") as f:
            assert f.read() == path.read_bytes()

    nothing = log_view(made, include_labels=True, image_mode="none")
    assert list(read.rows(nothing, "samples")[0]) == columns
    assert not media_of(server, nothing)
    assert nothing["artifact_version"] == "v0"
    for off in ({"include_images": False, "image_mode": "original"}, {"include_images": False}):
        again = log_view(made, include_labels=True, artifact_name=nothing["artifact_name"], **off)
        assert not again["new_version"]
    assert list(read.rows(log_predictions(made, "label"), "predictions")[0])[-1] == "num_predictions"


def test_references_to_local_files(dataset, photo, log_view, read, tmp_path, server):
    """The official package reads the table, because it finds the files unchanged."""
    paths = [str(photo("ü #1%.jpg", size=(1600, 1200))), str(photo("b c.jpg", 1)), str(tmp_path / "gone.jpg")]
    made = dataset(samples(paths))
    kwargs = {"include_labels": True, "image_mode": "reference", "artifact_name": f"local_{new_id()}"}
    result = log_view(made, **kwargs)

    rows = read.rows(result, "samples")
    assert list(rows[0])[-2:] == ["image", "thumbnail"]
    assert [url2pathname(urlparse(row["image"]).path) for row in rows] == paths
    assert [row["thumbnail"] and row["thumbnail"]._width for row in rows] == [256, 256, None]
    assert [(w["code"], w["count"]) for w in result["warnings"]] == [("missing_file", 1)]
    artifact = read.artifact(result)
    references = {e.ref: artifact.get_entry(e.path) for e in artifact.manifest.entries.values() if e.ref}
    assert set(references) == {row["image"] for row in rows[:2]}
    for path, row in zip(paths[:2], rows, strict=False):
        uri, entry = row["image"], references[row["image"]]
        content = Path(path).read_bytes()
        assert uri.startswith("file:///")
        assert entry.digest == base64.b64encode(hashlib.md5(content).digest()).decode()
        assert entry.size == len(content)
        assert Path(entry.download()).read_bytes() == content
    # None of their bytes went up: beside the thumbnails there are the files of every artifact.
    assert result["bytes_uploaded"] < sum(len(Path(p).read_bytes()) for p in paths[:2])

    assert not log_view(made, **kwargs)["new_version"]
    photo("b c.jpg", 2)
    assert log_view(made, **kwargs)["new_version"]


def test_references_to_files_elsewhere(dataset, photo, log_view, read):
    uris = ["s3://bucket/dir/b.jpg", "gs://bucket/c.png", "https://example.com/d%20e.jpg?x=1"]
    made = dataset(samples([photo(f"{i}.jpg", i) for i in range(3)]))
    made.set_values("filepath", uris)  # FiftyOne takes addresses for local paths when it makes samples
    result = log_view(made, include_labels=True, image_mode="reference")

    artifact = read.artifact(result)
    table = json.loads(file(artifact, "samples.table.json"))
    assert [row[-2:] for row in table["data"]] == [[uri, None] for uri in uris]
    references = [e for e in artifact.manifest.entries.values() if e.ref]
    assert sorted((e.ref, e.digest) for e in references) == sorted(zip(uris, uris, strict=True))
    assert all(e.path.startswith("media/references/") for e in references)
    assert [(w["code"], w["count"]) for w in result["warnings"]] == [("remote_file", 3)]


@pytest.mark.parametrize(
    "change",
    [
        {"image_mode": "tiny"},
        {"thumbnail_size": 15},
        {"thumbnail_size": 4096},
        {"thumbnail_size": "256"},
        {"image_range": (5, 5)},
        {"image_range": 5},
        {"image_range": (0, 1, 2)},
        {"image_range": (0, float("nan"))},
    ],
)
def test_wrong_parameters(dataset, photo, log_view, change):
    with pytest.raises(RuntimeError, match=next(iter(change))):
        log_view(dataset(samples([photo("a.jpg")])), include_labels=True, **change)


def test_formats_of_small_pictures(dataset, tmp_path, log_view, read):
    """Tiny PNGs and drawings stay as they are; small JPEGs have full chroma, in sizes of all kinds, for Pillow."""
    paths, rng = [], np.random.default_rng(5)
    for i, (width, height) in enumerate([(32, 32), (64, 17), (65, 64), (101, 67), (127, 90), (128, 91)]):
        y, x = np.mgrid[0:height, 0:width]
        smooth = np.stack([120 + 100 * np.sin(x / 3 + y / 9), 120 + 100 * np.cos(x / 7), 120 + 90 * np.sin(y / 2)], -1)
        paths.append(tmp_path / f"{i}.png")
        PIL.Image.fromarray((smooth + rng.integers(0, 12, smooth.shape)).astype(np.uint8)).save(paths[-1])
    checks = np.indices((200, 220)).sum(0) % 2 * [[[200]], [[30]], [[90]]]
    paths.append(tmp_path / "checks.png")
    PIL.Image.fromarray(np.moveaxis(checks, 0, -1).astype(np.uint8)).save(paths[-1])

    rows = read.rows(log_view(dataset(samples(paths)), include_labels=True), "samples")

    shown = [PIL.Image.open(row["image"]._path) for row in rows]
    assert [picture.format for picture in shown] == ["PNG", "PNG", "JPEG", "JPEG", "JPEG", "JPEG", "PNG"]
    for picture, path in zip(shown, paths, strict=True):
        off = np.abs(np.asarray(picture.convert("RGB")).astype(int) - np.asarray(PIL.Image.open(path)))
        if picture.format == "PNG":
            assert off.max() == 0
        else:
            full = max(picture.size) < 128
            assert {layer[1:3] for layer in picture.layer} == ({(1, 1)} if full else {(1, 1), (2, 2)})
            assert off.mean() < (7 if full else 20)


def test_small_ranges_of_samples(dataset, tmp_path, log_view, log_predictions, read):
    """Thermal pictures of 16 bits are stretched, and with ``image_range`` all alike."""
    paths, shares = [], np.tile(np.linspace(0, 1, 200), (100, 1))
    for name, write in (("a.png", cv2.imwrite), ("b.tif", lambda path, array: PIL.Image.fromarray(array).save(path))):
        paths.append(tmp_path / name)
        write(str(paths[-1]), (7000 + 1000 * len(paths) * shares).astype(np.uint16))
    paths.append(tmp_path / "8 bits.png")
    cv2.imwrite(str(paths[-1]), (100 + 20 * shares).astype(np.uint8))
    made = dataset(samples(paths))

    def edges(result, table):
        shown = [
            np.asarray(PIL.Image.open(row["image"]._path).convert("L")).astype(int) for row in read.rows(result, table)
        ]
        return [[round(picture[:, at].mean()) for at in (1, -2)] for picture in shown]

    own = log_view(made, include_labels=True)
    np.testing.assert_allclose(edges(own, "samples"), [[0, 255], [0, 255], [100, 120]], atol=4)
    (warning,) = own["warnings"]
    assert (warning["code"], warning["count"]) == ("stretched", 2)
    assert "image_range" in warning["message"]

    alike = log_predictions(made, "label", include_images=True, image_range=(7000, 9000))
    np.testing.assert_allclose(edges(alike, "predictions"), [[0, 128], [0, 255], [100, 120]], atol=4)
    assert alike["warnings"] == []
    # As the form has it, and the same files as before.
    text = log_predictions(made, "label", include_images=True, image_range="7000, 9000")
    assert edges(text, "predictions") == edges(alike, "predictions")


def test_upright_and_right_in_colour(dataset, tmp_path, photo, log_view, read):
    """Turned pictures, grey ones, 16 bits, palettes, transparency and CMYK, as Pillow shows them."""
    base = PIL.Image.open(photo("base.png", 5, (300, 200)))
    paths = []

    def save(name, picture, **kwargs):
        paths.append(tmp_path / name)
        picture.save(paths[-1], **kwargs)

    for turn in (3, 6, 8):
        exif = PIL.Image.Exif()
        exif[0x0112] = turn
        save(f"turned{turn}.jpg", base, exif=exif, quality=95)
    save("grey.jpg", base.convert("L"), quality=95)
    save("cmyk.jpg", base.convert("CMYK"), quality=95)
    save("palette.png", base.quantize(64))
    save("one.gif", base)
    save("one.tif", base, compression="tiff_lzw")
    save("one.bmp", base)
    save("one.webp", base, quality=95)
    clear = base.copy()
    clear.putalpha(PIL.Image.linear_gradient("L").resize(base.size))
    save("clear.png", clear)
    deep = tmp_path / "deep.png"
    cv2.imwrite(str(deep), np.asarray(base.convert("L")).astype(np.uint16) * 257)

    rows = read.rows(log_view(dataset(samples([*paths, deep])), include_labels=True, thumbnail_size=100), "samples")

    for row, path in zip(rows, [*paths, deep], strict=True):
        picture = base.convert("L") if path == deep else PIL.ImageOps.exif_transpose(PIL.Image.open(path))
        mode = "RGBA" if path.name == "clear.png" else "RGB"
        expected = picture.convert(mode)
        expected.thumbnail((100, 100))
        got = np.asarray(PIL.Image.open(row["image"]._path).convert(mode)).astype(int)
        assert got.shape == np.asarray(expected).shape, path
        assert np.abs(got - np.asarray(expected)).mean() < 10, path


def bomb(path, width=60_000, height=60_000):
    """A file of some bytes that says it is a picture of many."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, data, b"IEND")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def test_what_cannot_be_shown(dataset, photo, tmp_path, log_view, read):
    good = photo("good.jpg")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(good.read_bytes()[:-3000])
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    big = tmp_path / "big.jpg"
    with big.open("wb") as f:
        f.write(good.read_bytes())
        f.truncate(65 << 20)  # takes no space
    codes = {
        good: None,
        cut: "read_by_pillow",
        bomb(tmp_path / "bomb.png"): "too_large_picture",
        big: "too_large_picture",
        text: "not_an_image",
        folder: "unreadable_file",
        tmp_path / "gone.jpg": "missing_file",
    }
    made = dataset(samples(codes))

    result = log_view(made, include_labels=True)

    ids = {}
    for sample, row in zip(made, read.rows(result, "samples"), strict=True):
        code = next(c for p, c in codes.items() if str(p) == sample.filepath)
        assert (row["image"] is None) == (code not in (None, "read_by_pillow")), sample.filepath
        ids.setdefault(code, []).append(sample.id)
    assert {w["code"]: w["sample_ids"] for w in result["warnings"]} == {c: i for c, i in ids.items() if c}


def test_a_second_version_costs_what_changed(dataset, photo, log_view, server):
    paths = [photo(f"{i}.jpg", 100 + i, (64, 48)) for i in range(100)]
    made = dataset(samples(paths))
    kwargs = {"include_labels": True, "artifact_name": f"second-{new_id()}"}
    first = log_view(made, **kwargs)
    assert first["thumbnails_made"] == 100
    again = log_view(made, **kwargs)
    assert (again["thumbnails_made"], again["new_version"]) == (0, False)

    photo("50.jpg", 1234, (64, 48))
    server.count()
    second = log_view(made, **kwargs)

    assert (second["thumbnails_made"], second["new_version"]) == (1, True)
    before, after = media_of(server, first), media_of(server, second)
    assert len(after) == 100
    new = [path for path in after if path not in before]
    assert len(new) == 1
    others = [f["size"] for p, f in server.artifact(second)["files"].items() if not p.startswith("media/")]
    # Beside the one thumbnail the files that describe the rows, and the table's copy for the run's page.
    assert server.stats()["bytes_up"] <= after[new[0]]["size"] + 2 * sum(others) + 20_000
    assert second["files_uploaded"] <= 1 + len(others)
    assert second["files_unchanged"] >= 99


def test_the_cache_changes_nothing(dataset, photo, log_view, server, monkeypatch, tmp_path):
    """Warm, cold, damaged or switched off: the same bytes."""
    made = dataset(samples([photo(f"{i}.jpg", i) for i in range(5)]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # The worker's own cached builds live there as well, and are of no matter here.
    kwargs = {"include_labels": True, "artifact_name": f"cache-{new_id()}"}
    first = log_view(made, **kwargs)
    (segment,) = (tmp_path / "cache" / "fiftyone-wandb" / "thumbnails").iterdir()
    assert segment.parent.stat().st_mode & 0o777 == 0o700
    assert first["thumbnails_made"] == 5

    content = segment.read_bytes()
    segment.write_bytes(content[:10] + bytes([content[10] ^ 255]) + content[11:])
    damaged = log_view(made, **kwargs)
    assert (damaged["new_version"], damaged["thumbnails_made"]) == (False, 1)

    monkeypatch.setenv("FIFTYONE_WANDB_CACHE_MB", "0")
    off = log_view(made, **kwargs)
    assert (off["new_version"], off["thumbnails_made"]) == (False, 5)
    monkeypatch.setenv("FIFTYONE_WANDB_CACHE_MB", "many")
    with pytest.raises(RuntimeError, match="FIFTYONE_WANDB_CACHE_MB has to be a number"):
        log_view(made, **kwargs)


def test_a_cache_that_cannot_be_used_is_a_warning(dataset, photo, log_view, monkeypatch, tmp_path):
    made = dataset(samples([photo("a.jpg")]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shared = tmp_path / "cache" / "fiftyone-wandb" / "thumbnails"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    result = log_view(made, include_labels=True)
    assert [w["code"] for w in result["warnings"]] == ["no_cache"]
    assert result["thumbnails_made"] == 1
