"""The table of a dynamic deflate block, between its bits and the bytes in which `tokens` keeps it.

Such a table is the counts HLIT, HDIST, HCLEN, the lengths of the code length code as they stand, then the operations:
a code length 0..15, or 16, 17, 18 followed by the value of its extra bits (RFC 1951, section 3.2.7).
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import allocating
from arzip.formats.deflate.bits import SLACK, peek, put
from arzip.formats.deflate.tables import CODE_LENGTH_ORDER, assign_codes, build_decoder

__all__ = ["read_table", "write_table"]


@allocating
def read_table(data, position, tables, start, codes, decoder):
    """Copy a dynamic block's table from the bits at `position` to `tables[start:]`; (next position, end) or (-1, 0)."""
    head = peek(data, position)
    tables[start] = head & 31
    tables[start + 1] = (head >> 5) & 31
    tables[start + 2] = (head >> 10) & 15
    total = 258 + np.int64(tables[start]) + np.int64(tables[start + 1])
    count = 4 + np.int64(tables[start + 2])
    position += 14
    lengths = np.zeros(19, np.uint8)
    for index in range(count):
        lengths[CODE_LENGTH_ORDER[index]] = tables[start + 3 + index] = peek(data, position) & 7
        position += 3
    end = start + 3 + count
    widest = build_decoder(lengths, 19, codes, decoder)
    if widest < 0:
        return -1, 0
    done = np.int64(0)
    while done < total:
        if position >> 3 > data.shape[0] - SLACK:
            return -1, 0
        bits = peek(data, position)
        entry = np.int64(decoder[bits & ((1 << widest) - 1)])
        if entry == 0:
            return -1, 0
        bits >>= entry & 15
        position += entry & 15
        operation = entry >> 4
        tables[end] = operation
        end += 1
        if operation < 16:
            done += 1
            continue
        extra = 2 if operation == 16 else 3 if operation == 17 else 7
        tables[end] = bits & ((1 << extra) - 1)
        done += np.int64(tables[end]) + (11 if operation == 18 else 3)
        position += extra
        end += 1
    return position, end


@allocating
def write_table(out, position, tables, start, end):
    """Write a table that `code_lengths_of` accepted; the next position, or -1 if one of its operations has no code."""
    count = 4 + np.int64(tables[start + 2])
    position = put(out, position, np.int64(tables[start]) & 31, 5)
    position = put(out, position, np.int64(tables[start + 1]) & 31, 5)
    position = put(out, position, np.int64(tables[start + 2]) & 15, 4)
    lengths = np.zeros(19, np.uint8)
    codes = np.zeros(19, np.int64)
    for index in range(count):
        bits = np.int64(tables[start + 3 + index])
        if bits > 7:
            return -1
        lengths[CODE_LENGTH_ORDER[index]] = bits
        position = put(out, position, bits, 3)
    if not assign_codes(lengths, 19, codes):
        return -1
    at = start + 3 + count
    while at < end:
        operation = np.int64(tables[at])
        at += 1
        if lengths[operation] == 0:
            return -1
        position = put(out, position, codes[operation], np.int64(lengths[operation]))
        if operation >= 16:
            position = put(out, position, np.int64(tables[at]), 2 if operation == 16 else 3 if operation == 17 else 7)
            at += 1
    return position
