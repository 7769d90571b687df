"""Bits of FLAC frames, most significant first, and their checksums, in compiled code.

Positions are in bits; data to read ends with spare bytes, data to write begins as zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled

__all__ = ["SPARE", "frame_check", "get", "get_signed", "header_check", "put", "put_unary", "unary"]

SPARE = 64  # bytes, so that headers and single numbers may be read before anyone asks whether they were there
_LAST = 0xFF


def _table(polynomial: int, width: int) -> NDArray[np.int64]:
    out = np.zeros(256, np.int64)
    for i in range(256):
        value = i << (width - 8)
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> (width - 1) & 1 else 0)
            value &= (1 << width) - 1
        out[i] = value
    return out


_CRC8 = _table(0x07, 8)
_CRC16 = _table(0x8005, 16)


@compiled
def get(data: Any, at: Integer, count: Integer) -> Integer:
    """`count` bits (0 to 56) at a position, as a non-negative number."""
    if count == 0:
        return np.int64(0)
    first = at >> 3
    value = np.uint64(0)
    for i in range(8):
        value = value << np.uint64(8) | np.uint64(data[first + i])
    return np.int64(value << np.uint64(at & 7) >> np.uint64(64 - count))


@compiled
def get_signed(data: Any, at: Integer, count: Integer) -> Integer:
    """`count` bits as a number in two's complement."""
    value = get(data, at, count)
    return value - (np.int64(1) << count) if count > 0 and value >> (count - 1) & 1 else value


@compiled
def unary(data: Any, at: Integer, end: Integer) -> Integer:
    """How many zeros come before the next one; as many as there are when none comes before `end`."""
    count = np.int64(0)
    while at < end:
        if at & 7 == 0 and data[at >> 3] == 0:
            at += 8
            count += 8
        elif data[at >> 3] >> (7 - (at & 7)) & 1:
            return count
        else:
            at += 1
            count += 1
    return count


@compiled
def put(out: Any, at: Integer, value: Integer, count: Integer) -> Integer:
    """Write the low `count` bits (0 to 56) of a value; the position after them."""
    if count > 0:
        kept = np.uint64(value) << np.uint64(64 - count) >> np.uint64(at & 7)
        first = at >> 3
        for i in range((count + (at & 7) + 7) >> 3):
            out[first + i] |= np.uint8(kept >> np.uint64(56 - 8 * i) & np.uint64(_LAST))
    return at + count


@compiled
def put_unary(out: Any, at: Integer, count: Integer) -> Integer:
    """Zeros, which are there already, and a one."""
    at += count
    out[at >> 3] |= np.uint8(128 >> (at & 7))
    return at + 1


@compiled
def header_check(data: Any, first: Integer, last: Integer) -> Integer:
    """The checksum of a header, bytes first to last."""
    value = np.int64(0)
    for i in range(first, last):
        value = _CRC8[value ^ np.int64(data[i])]
    return value


@compiled
def frame_check(data: Any, first: Integer, last: Integer) -> Integer:
    """The checksum of a frame, bytes first to last."""
    value = np.int64(0)
    for i in range(first, last):
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ np.int64(data[i])]
    return value
