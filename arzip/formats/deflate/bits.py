"""Bits of a deflate stream, least significant first, addressed by their position from the start of the buffer.

The whole state of a reader or writer is one integer, the bit position; both sides keep at least `SLACK` spare bytes
behind the last byte so that a peek or put near the end stays inside the buffer. A peek gives at least 33 valid bits.

[1] P. Deutsch, "DEFLATE Compressed Data Format Specification version 1.3", RFC 1951, section 3.1.1.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import allocating

__all__ = ["SLACK", "copy", "grown", "grown_rows", "peek", "put"]

SLACK = 16  # spare bytes behind a buffer; the longest jump between two checks of the position is 48 bits


@allocating
def peek(data, position):
    """The bits from `position` on, as a non-negative int64; bits above the 33rd are not valid."""
    byte = position >> 3
    word = np.int64(data[byte])
    word |= np.int64(data[byte + 1]) << 8
    word |= np.int64(data[byte + 2]) << 16
    word |= np.int64(data[byte + 3]) << 24
    word |= np.int64(data[byte + 4]) << 32
    return word >> (position & 7)


@allocating
def put(out, position, value, count):
    """Write `value`, a number of `count` (0 to 32) bits, into zeroed `out`; the next position."""
    byte = position >> 3
    word = value << (position & 7)
    out[byte] |= np.uint8(word & 255)
    out[byte + 1] |= np.uint8((word >> 8) & 255)
    out[byte + 2] |= np.uint8((word >> 16) & 255)
    if word >> 24:
        out[byte + 3] |= np.uint8((word >> 24) & 255)
        out[byte + 4] |= np.uint8((word >> 32) & 255)
    return position + count


@allocating
def copy(source, start, count, target, place):
    """Copy source[start : start + count] to target[place:]; a loop compiles far faster than slices do."""
    for index in range(count):
        target[place + index] = source[start + index]


@allocating
def grown(array, needed):
    """`array` itself if it holds `needed` elements, else a zero-filled copy of at least twice its size."""
    if needed <= array.shape[0]:
        return array
    larger = np.zeros(max(2 * array.shape[0], needed), array.dtype)
    for index in range(array.shape[0]):
        larger[index] = array[index]
    return larger


@allocating
def grown_rows(array, needed):
    """The same for the rows of a matrix."""
    if needed <= array.shape[0]:
        return array
    larger = np.zeros((max(2 * array.shape[0], needed), array.shape[1]), array.dtype)
    for row in range(array.shape[0]):
        for column in range(array.shape[1]):
            larger[row, column] = array[row, column]
    return larger
