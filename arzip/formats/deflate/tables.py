"""The constants of deflate and its canonical Huffman codes.

A *table* is the description of a dynamic block's codes as it stands in the stream, kept as bytes:

    literal count - 257, distance count - 1, length count - 4, the code-length code's lengths in the order of
    transmission, then the run-length operations: a length 0..15, or 16, 17, 18 followed by one byte of repeat bits

[1] RFC 1951, sections 3.2.5 to 3.2.7.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import allocating

__all__ = [
    "CODE_LENGTH_ORDER",
    "DISTANCES",
    "DISTANCE_BASE",
    "DISTANCE_EXTRA",
    "DISTANCE_SYMBOL",
    "FIXED_DISTANCES",
    "FIXED_LITERALS",
    "LENGTH_BASE",
    "LENGTH_EXTRA",
    "LENGTH_SYMBOL",
    "LITERALS",
    "MAX_TABLE",
    "ODD_LENGTH",
    "assign_codes",
    "build_decoder",
    "code_lengths_of",
    "distance_symbol",
]

LITERALS = 288  # literal, end-of-block and length symbols; 286 and 287 may have lengths but never occur
DISTANCES = 32  # distance symbols; 30 and 31 never occur
ODD_LENGTH = 259  # stands for the length 258 written as symbol 284 with extra bits 31: legal, and nobody does it
MAX_TABLE = 3 + 19 + 2 * (LITERALS + DISTANCES)

CODE_LENGTH_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.int64)
LENGTH_EXTRA = np.array([0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0], np.int64)
LENGTH_BASE = np.concatenate([3 + np.cumsum([0, *(1 << LENGTH_EXTRA[:27])]), [258]]).astype(np.int64)
DISTANCE_EXTRA = np.array([0, 0] + [extra for extra in range(14) for _ in range(2)], np.int64)
DISTANCE_BASE = (1 + np.cumsum([0, *(1 << DISTANCE_EXTRA[:29])])).astype(np.int64)

# From a match length (3..258, ODD_LENGTH) to its symbol - 257.
LENGTH_SYMBOL = np.zeros(ODD_LENGTH + 1, np.uint8)
for _symbol in range(29):
    LENGTH_SYMBOL[LENGTH_BASE[_symbol] : LENGTH_BASE[_symbol] + (1 << LENGTH_EXTRA[_symbol])] = _symbol
LENGTH_SYMBOL[258], LENGTH_SYMBOL[ODD_LENGTH] = 28, 27

# From distance - 1 to its symbol: directly below 256, by (distance - 1) >> 7 above.
DISTANCE_SYMBOL = np.zeros(512, np.uint8)
for _symbol in range(30):
    _low, _high = DISTANCE_BASE[_symbol] - 1, DISTANCE_BASE[_symbol] + (1 << DISTANCE_EXTRA[_symbol]) - 2
    if _high < 256:
        DISTANCE_SYMBOL[_low : _high + 1] = _symbol
    else:
        DISTANCE_SYMBOL[256 + (_low >> 7) : 256 + (_high >> 7) + 1] = _symbol

FIXED_LITERALS = np.array([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8, np.uint8)
FIXED_DISTANCES = np.full(DISTANCES, 5, np.uint8)


@allocating
def distance_symbol(distance):
    """The symbol 0..29 of a distance 1..32768."""
    index = distance - 1
    return np.int64(DISTANCE_SYMBOL[index]) if index < 256 else np.int64(DISTANCE_SYMBOL[256 + (index >> 7)])


@allocating
def assign_codes(lengths, count, codes):
    """Canonical codes of `lengths[:count]`, bit-reversed for writing; False if the code is over-subscribed."""
    number = np.zeros(17, np.int64)
    for symbol in range(count):
        number[lengths[symbol]] += 1
    number[0] = 0
    following = np.zeros(17, np.int64)
    code = np.int64(0)
    for bits in range(1, 16):
        code = (code + number[bits - 1]) << 1
        following[bits] = code
        if code + number[bits] > (1 << bits):
            return False
    for symbol in range(count):
        bits = np.int64(lengths[symbol])
        value = following[bits]
        following[bits] += 1
        mirrored = np.int64(0)
        for _ in range(bits):
            mirrored = (mirrored << 1) | (value & 1)
            value >>= 1
        codes[symbol] = mirrored
    return True


@allocating
def build_decoder(lengths, count, codes, decoder):
    """Fill `decoder[bits]` = symbol << 4 | length (0: no such code); the number of bits to look at, or -1."""
    if not assign_codes(lengths, count, codes):
        return -1
    widest = np.int64(1)
    for symbol in range(count):
        widest = max(widest, np.int64(lengths[symbol]))
    decoder[: 1 << widest] = 0
    for symbol in range(count):
        bits = np.int64(lengths[symbol])
        if bits:
            entry = (symbol << 4) | bits
            for index in range(codes[symbol], 1 << widest, 1 << bits):
                decoder[index] = entry
    return widest


@allocating
def code_lengths_of(table, start, end, literals, distances):
    """Spell out the code lengths of a table in `table[start:end]`; its end, or -1 if it is no table.

    Fills literals[288] and distances[32] (uint8), zero beyond the counts.
    """
    literals[:] = 0
    distances[:] = 0
    if end - start < 3:
        return -1
    first = np.int64(table[start]) + 257
    total = first + np.int64(table[start + 1]) + 1
    position = start + 3 + np.int64(table[start + 2]) + 4
    if first > LITERALS or total - first > DISTANCES or table[start + 2] > 15:
        return -1
    done = np.int64(0)
    previous = np.uint8(0)
    while done < total:
        if position >= end:
            return -1
        operation = np.int64(table[position])
        position += 1
        repeat = np.int64(1)
        value = np.uint8(0)
        if operation < 16:
            value = np.uint8(operation)
        else:
            if operation > 18 or position >= end:
                return -1
            repeat = np.int64(table[position])
            if repeat >> (2 if operation == 16 else 3 if operation == 17 else 7):
                return -1
            repeat += 11 if operation == 18 else 3
            position += 1
            if operation == 16:
                if done == 0:
                    return -1
                value = previous
        if done + repeat > total:
            return -1
        for index in range(done, done + repeat):
            if index < first:
                literals[index] = value
            else:
                distances[index - first] = value
        done += repeat
        previous = value
    return position
