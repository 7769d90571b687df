"""Match model: where has the recent past occurred before, and which byte came next?

A hash of the last bytes points to the latest place in the block that any lane has already coded; the place is
verified byte by byte, then followed. After a wrong guess the pointer is kept for a while (data often resumes after an
edit) unless a better verified place is found. Only bytes of earlier fronts are ever read: a place at lane offset o is
known once front o is complete.

State of one model is five int64 of the lane's row: POINTER (block position of the expected byte, or -1), OFFSET (of
that byte within its lane), LENGTH (bytes confirmed in a row), MISSES (a bit per recent guess, 1 = wrong) and EXPECTED
(the byte, or -1).
"""

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.mixing.slots import hash_pair

__all__ = ["EXPECTED", "LENGTH", "LENGTH_CLASSES", "MATCH_FIELDS", "MISSES", "POINTER", "follow_match", "length_class"]

POINTER, OFFSET, LENGTH, MISSES, EXPECTED = range(5)
MATCH_FIELDS = 5
LENGTH_CLASSES = 24

_LONGEST_CHECK = 48
_MOST_LENGTH = 1 << 16


@inlined
def length_class(length: Integer) -> Integer:
    """Class 0 .. 23 of a match length."""
    if length < 16:
        return length
    return min(14 + (length >> 3), LENGTH_CLASSES - 1)


@inlined
def _common_suffix(
    block: np.ndarray, place: Integer, place_offset: Integer, here: Integer, here_offset: Integer
) -> Integer:
    """How many bytes before `place` equal those before `here`, looking at known bytes only."""
    most = min(min(place_offset, here_offset), np.int64(_LONGEST_CHECK))
    length = np.int64(0)
    while length < most and block[np.uintp(place - 1 - length)] == block[np.uintp(here - 1 - length)]:
        length += 1
    return length


@inlined
def follow_match(
    block: np.ndarray,
    lane_length: Integer,
    tables: np.ndarray,
    model: Integer,
    rows: np.ndarray,
    lane: Integer,
    at: Integer,
    here: Integer,
    offset: Integer,
    minimum: Integer,
    symbol: Integer,
    tail: Integer,
) -> None:
    """Advance the model at rows[lane, at ..] past `symbol`, the byte before block place `here`, lane offset `offset`.

    `tail` holds the last `minimum` bytes (or a hash of them); `tables` is int32 [models, 2^k] of places plus one.
    """
    pointer = rows[lane, at + POINTER]
    place_offset = rows[lane, at + OFFSET]
    length = rows[lane, at + LENGTH]
    misses = rows[lane, at + MISSES]
    if pointer >= 0:
        wrong = rows[lane, at + EXPECTED] != symbol
        length = np.int64(0) if wrong else min(length + 1, np.int64(_MOST_LENGTH))
        misses = (misses << 1 | wrong) & 255
        pointer += 1
        place_offset += 1
        if place_offset == lane_length:
            place_offset = np.int64(0)
    hashed = np.uintp((hash_pair(tail, minimum) >> 20) & np.int64(tables.shape[1] - 1))
    if length == 0 and offset >= minimum:
        found = np.int64(tables[model, hashed]) - 1
        if found >= 0:
            found_offset = found % lane_length
            verified = _common_suffix(block, found, found_offset, here, offset)
            if verified >= minimum:
                pointer, place_offset, length, misses = found, found_offset, verified, np.int64(0)
    tables[model, hashed] = np.int32(here + 1)
    if pointer >= block.shape[0] or place_offset >= offset or misses == 255:
        pointer, length, misses = np.int64(-1), np.int64(0), np.int64(0)
    rows[lane, at + POINTER] = pointer
    rows[lane, at + OFFSET] = place_offset
    rows[lane, at + LENGTH] = length
    rows[lane, at + MISSES] = misses
    rows[lane, at + EXPECTED] = np.int64(block[np.uintp(pointer)]) if pointer >= 0 else -1
