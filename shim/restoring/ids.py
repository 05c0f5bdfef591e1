"""Lists of sample ids of any length: they are compared with each other in bounded memory.

An artifact may list twenty million. Long lists are on disk, in files without a name, and are compared in parts that
have the same ids each.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator

import numpy as np

#: Bytes of an id.
SIZE = 12

# A list up to this many bytes stays in memory. Ids are processed in chunks of this many.
_IN_MEMORY = 8 << 20
_CHUNK = 250_000

# Lists are compared in parts of about this many ids, and in at most this many parts.
_PART = 500_000
_MAX_PARTS = 128
_PART_IN_MEMORY = 256 << 10

_TYPE = np.dtype([("high", ">u8"), ("low", ">u4")])
_RECORD = np.dtype([("id", _TYPE), ("place", "<u4")])

# Random, so that the author of an artifact cannot put all ids into one part.
_FACTORS = (secrets.randbits(64) | 1, secrets.randbits(64) | 1)


class Ids:
    """A list of ids.

    Args:
        raw (b""): 12 bytes for each id
    """

    def __init__(self, raw: bytes = b"") -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="wandb-ids-")  # noqa: SIM115
        self._length = 0
        self.extend(raw)

    def __len__(self):
        return self._length

    def extend(self, raw: bytes) -> None:
        """Adds ids: 12 bytes for each."""
        self._file.seek(0, 2)
        self._file.write(raw)
        self._length += len(raw) // SIZE

    def chunks(self) -> Iterator[np.ndarray]:
        """The ids in arrays of bounded length."""
        for begin in range(0, self._length, _CHUNK):
            self._file.seek(begin * SIZE)
            yield array(self._file.read(_CHUNK * SIZE))

    def array(self) -> np.ndarray:
        """All ids in one array: for lists that are known to be short."""
        self._file.seek(0)
        return array(self._file.read())

    def chosen(self, mask: np.ndarray) -> Ids:
        """Those ids for which the mask, an array of booleans, says so."""
        found, begin = Ids(), 0
        for chunk in self.chunks():
            found.extend(chunk[mask[begin : begin + len(chunk)]].tobytes())
            begin += len(chunk)

        return found

    def is_ascending(self) -> bool:
        """Whether each id is larger than the one before."""
        last = None
        for chunk in self.chunks():
            if last is not None:
                chunk = np.concatenate([last, chunk])

            high, low = chunk["high"], chunk["low"]
            if not np.all((high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))):
                return False

            last = chunk[-1:]

        return True


class Part:
    """Which of some distinct ids several lists have.

    Attributes:
        has: for each list an array of booleans, one for each distinct id
        first: for each distinct id its first place in the first list
    """

    def __init__(self, lists: dict[str, np.ndarray]) -> None:
        number, count = _numbered(np.concatenate([records["id"] for records in lists.values()]))
        self.has, begin = {}, 0
        self.first = np.full(count, -1, dtype=np.int64)
        for name, records in lists.items():
            numbers = number[begin : begin + len(records)]
            self.has[name] = np.zeros(count, dtype=bool)
            self.has[name][numbers] = True
            if begin == 0:
                # Assign backwards, so that the first of several places is kept.
                self.first[numbers[::-1]] = records["place"][::-1]

            begin += len(records)


def parts(**lists: Ids) -> Iterator[Part]:
    """Compares lists: yields a :class:`Part` for some of their ids after the other, each id in one part only.

    Args:
        lists: :class:`Ids` by name
    """
    number = min(max(1, -(-sum(map(len, lists.values())) // _PART)), _MAX_PARTS)
    split = {name: _split(ids, number) for name, ids in lists.items()}
    for n in range(number):
        yield Part({name: _records(files[n]) for name, files in split.items()})


def array(raw: bytes) -> np.ndarray:
    """An array of ids.

    Args:
        raw: 12 bytes for each id
    """
    return np.frombuffer(raw, dtype=_TYPE)


def texts(ids: np.ndarray) -> list[str]:
    """The ids of an array as text, in a list."""
    digits = ids.tobytes().hex()
    return [digits[i : i + 24] for i in range(0, len(digits), 24)]


def distinct(ids: np.ndarray) -> np.ndarray:
    """The ids of an array without repetitions, in the order of their first occurrences."""
    number, count = _numbered(ids)
    first = np.full(count, len(ids), dtype=np.int64)
    first[number[::-1]] = np.arange(len(ids))[::-1]
    return ids[np.sort(first)]


def contained(ids: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which ids of an array are among those of another, as an array of booleans."""
    number, count = _numbered(np.concatenate([others, ids]))
    there = np.zeros(count, dtype=bool)
    there[number[: len(others)]] = True
    return there[number[len(others) :]]


def _split(ids, number):
    files = [tempfile.SpooledTemporaryFile(max_size=_PART_IN_MEMORY) for _ in range(number)]  # noqa: SIM115
    begin = 0
    for chunk in ids.chunks():
        records = np.empty(len(chunk), dtype=_RECORD)
        records["id"], records["place"] = chunk, np.arange(begin, begin + len(chunk), dtype="<u4")
        begin += len(chunk)
        part = _part_of(chunk, number)
        for n in range(number):
            files[n].write(records[part == n].tobytes())

    return files


def _records(file):
    file.seek(0)
    records = np.frombuffer(file.read(), dtype=_RECORD)
    file.close()
    return records


def _part_of(ids, number):
    mixed = ids["high"].astype(np.uint64) * np.uint64(_FACTORS[0]) + ids["low"].astype(np.uint64) * np.uint64(
        _FACTORS[1]
    )
    return ((mixed >> np.uint64(40)) % np.uint64(number)).astype(np.uint8)


def _numbered(ids):
    """For each id the number of its value among the distinct ones, and how many these are."""
    if len(ids) == 0:
        return np.zeros(0, dtype=np.int64), 0

    order = np.lexsort((ids["low"].astype(np.uint32), ids["high"].astype(np.uint64)))
    ordered = ids[order]
    starts = np.ones(len(ids), dtype=bool)
    starts[1:] = (ordered["high"][1:] != ordered["high"][:-1]) | (ordered["low"][1:] != ordered["low"][:-1])
    number = np.empty(len(ids), dtype=np.int64)
    number[order] = np.cumsum(starts) - 1
    return number, int(starts.sum())
