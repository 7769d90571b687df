"""Numbers and byte strings one after the other: how recipes and the side data of formats are written.

    FieldWriter().number(5).blob(b"abc").done()         reader = FieldReader(data); reader.number(); reader.blob()

A number is a little-endian base-128 varint below 2^42, a blob is its length and its bytes.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arzip.compiled import allocating
from arzip.errors import CorruptArchive

__all__ = ["FieldReader", "FieldWriter", "pack_numbers", "unpack_numbers"]


@allocating
def _pack(values):
    out = np.zeros(values.shape[0] * 6 + 8, np.uint8)
    end = np.int64(0)
    for index in range(values.shape[0]):
        value = values[index]
        while value >= 128:
            out[end] = (value & 127) | 128
            end += 1
            value >>= 7
        out[end] = value
        end += 1
    return out[:end]


@allocating
def _unpack(data):
    values = np.zeros(data.shape[0], np.int64)
    count, value, shift = np.int64(0), np.int64(0), np.int64(0)
    for byte in data:
        value |= (np.int64(byte) & 127) << shift
        if byte & 128:
            shift += 7
            if shift > 35:
                return values, np.int64(-1)
            continue
        values[count] = value
        count += 1
        value = shift = np.int64(0)
    return values, np.int64(-1) if shift else count


def pack_numbers(values: npt.NDArray[np.integer]) -> bytes:
    """Non-negative integers below 2^42 as varints."""
    return bytes(_pack(np.ascontiguousarray(values, np.int64)).data)


def unpack_numbers(data: bytes) -> npt.NDArray[np.int64]:
    """All varints of `data`; raises CorruptArchive if one is cut off or too long."""
    values, count = _unpack(np.frombuffer(data, np.uint8))
    if count < 0:
        raise CorruptArchive("a number in the side data is damaged")
    packed: npt.NDArray[np.int64] = values[:count].copy()
    return packed


class FieldWriter:
    """Collects fields."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def number(self, value: int) -> FieldWriter:
        """Append a number; ValueError outside 0..2^42-1."""
        if not 0 <= value < 1 << 42:
            raise ValueError(f"{value} is no field")
        out = bytearray()
        while value >= 128:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
        self._parts.append(bytes(out))
        return self

    def raw(self, data: bytes) -> FieldWriter:
        """Append bytes whose number the reader knows."""
        self._parts.append(bytes(data))
        return self

    def blob(self, data: bytes) -> FieldWriter:
        """Append a length and that many bytes."""
        return self.number(len(data)).raw(data)

    def done(self) -> bytes:
        """All fields."""
        return b"".join(self._parts)


class FieldReader:
    """Reads what a FieldWriter wrote; every method raises CorruptArchive where the data end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def number(self) -> int:
        """The next number."""
        value = 0
        for count in range(6):
            value |= (byte := self.raw(1)[0]) % 128 << (7 * count)
            if byte < 128:
                return value
        raise CorruptArchive("a number in the side data is damaged")

    def raw(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > len(self._data) - self._position:
            raise CorruptArchive("the side data is cut off")
        self._position += size
        return self._data[self._position - size : self._position]

    def blob(self) -> bytes:
        """The next blob."""
        return self.raw(self.number())

    def end(self) -> None:
        """Check that nothing is left."""
        if self._position != len(self._data):
            raise CorruptArchive("the side data has bytes to spare")

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._position
