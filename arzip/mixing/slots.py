"""Hashed tables of bit histories, one cache line away.

The table is a row of 64-byte buckets, each of three 21-byte slots:

    check (2)   run byte (1)   run length (1)   spare (2)   histories of the 15 nodes of one nibble (15)

A slot belongs to one (context, nibble). Its nodes are numbered 1 .. 15 as in a binary heap: 1 before the first bit,
2 + bit after it, and so on. The run part remembers, for the first nibble of a byte, the last byte that came in the
context and how often it came in a row. A slot that is not found takes the place of the least established one of its
bucket: the one whose first history is the youngest.
"""

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.mixing.prefetch import LINE_BYTES, aligned_zeros

__all__ = [
    "NODES",
    "RUN_BYTE",
    "RUN_LENGTH",
    "SLOT_BYTES",
    "SPARE",
    "find_primed_slot",
    "find_slot",
    "hash_pair",
    "new_slots",
    "slot_bucket",
]

RUN_BYTE = 2
RUN_LENGTH = 3
SPARE = 4  # two bytes that nobody uses
NODES = 5  # node n of a slot lies at base + NODES + n
SLOT_BYTES = 21
_BUCKET_BYTES = LINE_BYTES

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SECOND_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


def new_slots(bucket_bits: int) -> np.ndarray:
    """Return uint8 [64 * 2^bucket_bits], zero and aligned to 64 bytes; pages are touched only as they are used."""
    return aligned_zeros(_BUCKET_BYTES << bucket_bits, np.uint8)


@inlined
def hash_pair(first: Integer, second: Integer) -> Integer:
    """Mix two int64 values into one 64-bit hash (as int64)."""
    mixed = (np.uint64(first) + np.uint64(0x632BE59BD9B4E019)) * _MULTIPLIER
    mixed = (mixed ^ (mixed >> _HALF) ^ np.uint64(second)) * _SECOND_MULTIPLIER
    return np.int64(mixed ^ (mixed >> _HALF))


@inlined
def slot_bucket(slots: np.ndarray, hashed: Integer) -> Integer:
    """Byte offset of the bucket of a hash."""
    return (hashed << 6) & np.int64(slots.shape[0] - 1)


@inlined
def _seek(slots: np.ndarray, hashed: Integer) -> tuple[Integer, Integer]:
    """The byte offset of the slot of a hash and 1, or that of the least established slot of its bucket and 0."""
    bucket = np.uintp(slot_bucket(slots, hashed))
    low = np.uint8((hashed >> 40) & 255)
    high = np.uint8((hashed >> 48) & 255)
    youngest = np.int64(256)
    chosen = bucket
    for k in range(3):
        base = bucket + np.uintp(SLOT_BYTES * k)
        if slots[base] == low and slots[base + np.uintp(1)] == high:
            return np.int64(base), np.int64(1)
        age = np.int64(slots[base + np.uintp(NODES + 1)])
        if age < youngest:
            youngest = age
            chosen = base
    return np.int64(chosen), np.int64(0)


@inlined
def _take_over(slots: np.ndarray, base: Integer, hashed: Integer) -> None:
    """Gives a slot to a hash, empty."""
    chosen = np.uintp(base)
    slots[chosen] = np.uint8((hashed >> 40) & 255)
    slots[chosen + np.uintp(1)] = np.uint8((hashed >> 48) & 255)
    for k in range(2, SLOT_BYTES):
        slots[chosen + np.uintp(k)] = 0


@inlined
def find_slot(slots: np.ndarray, hashed: Integer) -> Integer:
    """Return the byte offset of the slot of a hash, emptied if it had to be taken from another context."""
    base, found = _seek(slots, hashed)
    if found == 0:
        _take_over(slots, base, hashed)
    return base


@inlined
def find_primed_slot(slots: np.ndarray, primer: np.ndarray, hashed: Integer) -> Integer:
    """The same, but a slot that is new begins as the one in `primer` of the same hash, where there is one."""
    base, found = _seek(slots, hashed)
    if found == 0:
        known = np.int64(0)
        if primer.shape[0] > 0:
            source, known = _seek(primer, hashed)
            if known != 0:
                for k in range(SLOT_BYTES):
                    slots[np.uintp(base + k)] = primer[np.uintp(source + k)]
        if known == 0:
            _take_over(slots, base, hashed)
    return base
