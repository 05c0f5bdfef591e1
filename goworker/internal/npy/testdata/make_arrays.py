"""Writes arrays.json: arrays as FiftyOne stores them; checks the .npz files with NumPy.

Run it with a Python that has FiftyOne (no database is needed):

    python make_arrays.py

The .npz files are written by `go test -run TestArchive -update`; this script
reads them back and compares them with what the test put in.
"""

import base64
import io
import json
import pathlib
import zlib

import fiftyone.core.utils as fou
import numpy as np

HERE = pathlib.Path(__file__).parent
NAN, INF = float("nan"), float("inf")


def cases():
    """Yields (name, array)."""
    numbers = [0.0, 1.0, -1.5, 65504.0, 6e-08, 0.333251953125, NAN, INF, -INF]
    for dtype in ("<f2", "<f4", "<f8", ">f2", ">f4", ">f8"):
        yield f"floats {dtype}", np.array(numbers, dtype=dtype)
    for dtype in ("|i1", "<i2", "<i4", "<i8", ">i2", ">i4", ">i8"):
        info = np.iinfo(dtype)
        yield f"integers {dtype}", np.array([0, 1, -1, info.min, info.max], dtype=dtype)
    for dtype in ("|u1", "<u2", "<u4", "<u8", ">u2", ">u4", ">u8"):
        yield f"naturals {dtype}", np.array([0, 1, np.iinfo(dtype).max], dtype=dtype)
    yield "bools", np.array([True, False, True])
    yield "mask", np.array([[True, False], [False, True], [True, True]])
    yield "rgb", np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    yield "columns first", np.asfortranarray(np.arange(6.0).reshape(2, 3))
    yield "columns first, three axes", np.asfortranarray(np.arange(24, dtype=">i4").reshape(2, 3, 4))
    yield "scalar", np.float32(2.5)
    yield "row", np.ones((1, 5), dtype=np.float32)
    yield "embedding", np.linspace(-1, 1, 512, dtype=np.float32)
    yield "zeros", np.zeros(100_000, dtype=np.uint8)


def numbers(array):
    """The numbers, row by row, as JSON can hold them: those of 64 bits as texts."""
    return [str(x) for x in np.ravel(array).astype(float if array.dtype.kind == "f" else object).tolist()]


def version(array, version):
    """An array as another version of the format, which FiftyOne never writes but NumPy reads."""
    with io.BytesIO() as f:
        np.lib.format.write_array(f, array, version=version)
        return zlib.compress(f.getvalue())


def write_arrays():
    out = []
    for name, array in cases():
        array = np.asarray(array)
        out.append((name, array, fou.serialize_numpy_array(array)))
    out.append(("version 2", np.arange(3.0), version(np.arange(3.0), (2, 0))))
    out.append(("version 3", np.arange(3.0), version(np.arange(3.0), (3, 0))))
    lines = []
    for name, array, blob in out:
        case = {
            "name": name,
            "dtype": array.dtype.newbyteorder("<").str,
            "shape": list(array.shape),
            "numbers": [] if name == "zeros" else numbers(array),
            "blob": base64.b64encode(blob).decode(),
        }
        lines.append(json.dumps(case))
    for name, value in {
        "empty": np.zeros(0),
        "no rows": np.zeros((0, 4), dtype=np.float32),
        "complex": np.ones(2, dtype=complex),
        "texts": np.array(["a", "b"]),
        "records": np.zeros(2, dtype=[("a", "<f4"), ("b", "<i2")]),
        "dates": np.zeros(2, dtype="datetime64[s]"),
    }.items():
        lines.append(json.dumps({"name": name, "blob": base64.b64encode(fou.serialize_numpy_array(value)).decode()}))
    text = ",\n".join(lines)
    (HERE / "arrays.json").write_text(f"[\n{text}\n]\n", encoding="utf-8")


def ids(n):
    return np.array([f"6b0000000000000000{i:06x}" for i in range(n)], dtype="<U24")


def check(name, want):
    with np.load(HERE / name, allow_pickle=False) as archive:
        assert sorted(archive.files) == ["embeddings", "sample_ids"], archive.files
        got, sample_ids = archive["embeddings"], archive["sample_ids"]
    assert got.dtype == want.dtype and got.shape == want.shape, (name, got.dtype, got.shape)
    assert np.array_equal(got, want), name
    assert sample_ids.dtype == np.dtype("<U24") and np.array_equal(sample_ids, ids(len(want))), name


def main():
    write_arrays()
    rows = np.arange(5)[:, None] * 10 + np.arange(3)
    check("float32.npz", (rows + 0.5).astype(np.float32))
    check("lists.npz", (rows + 0.5).astype(np.float64))
    check("mixed.npz", (rows + 0.5).astype(np.float64))
    check("half.npz", (rows + 0.5).astype(np.float32))
    check("bools.npz", rows % 2 == 1)
    check("planes.npz", np.arange(5 * 6, dtype=np.int16).reshape(5, 2, 3))
    check("empty.npz", np.zeros((0, 0)))


if __name__ == "__main__":
    main()
