"""Adaptive probability maps: a table cell per small context, each learning P(bit = 1) at its own pace.

Two kinds. A *counted cell* is one uint32, probability in 2^-22 above and the number of bits seen (up to a limit) in
the low 10 bits: the rate falls as 1 / (n + 1.5), so that a fresh cell learns at once and an old one averages. A
*refining map* has 33 uint16 knots over the stretched range for each context; it interpolates between the two knots
around a given prediction and pulls them towards the bit that came.
"""

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.mixing.nonlinear import SQUASH, STRETCH_LIMIT
from arzip.mixing.prefetch import aligned_zeros

__all__ = ["KNOTS", "cell_learn", "cell_probability", "new_cells", "new_refining_map", "refine", "refine_learn"]

KNOTS = 32  # one each 128 / 256 of a stretched value, over -7.75 .. 7.75

_IDENTITY = SQUASH[np.arange(-1984, 1985, 128) + STRETCH_LIMIT + 1].astype(np.uint16)
_RATES = np.array([int(65536 / (n + 1.5)) for n in range(1024)], np.int32)


def new_cells(count: int) -> np.ndarray:
    """Return uint32 [count] cells, each at one half and without experience."""
    return np.full(count, 1 << 31, np.uint32)


def new_refining_map(contexts: int) -> np.ndarray:
    """Return uint16 [contexts * 32] knots at the identity (as differences from it, so that pages stay untouched).

    A context's knots are one cache line.
    """
    return aligned_zeros(contexts * KNOTS, np.uint16)


@inlined
def cell_probability(cells: np.ndarray, index: Integer) -> Integer:
    """P(bit = 1) of a cell, in 2^-22."""
    return np.int64(cells[np.uintp(index)]) >> 10


@inlined
def cell_learn(cells: np.ndarray, index: Integer, bit: Integer, limit: Integer) -> None:
    """Move a cell towards the bit that came; its rate stops falling after `limit` bits (at most 1023)."""
    cell = np.int64(cells[np.uintp(index)])
    count = cell & 1023
    probability = cell >> 10
    probability += (((bit << 22) - bit - probability) * np.int64(_RATES[np.uintp(count)])) >> 16
    cells[np.uintp(index)] = np.uint32((probability << 10) | min(count + 1, limit))


@inlined
def refine(knots: np.ndarray, context: Integer, stretched: Integer) -> tuple[Integer, Integer]:
    """Return (refined 16-bit probability, place of the nearer knot) for a stretched prediction in a context."""
    position = min(max(stretched, np.int64(-1983)), np.int64(1983)) + 1984
    low = position >> 7
    weight = position & 127
    place = context * KNOTS + low
    below = np.int64(knots[np.uintp(place)] ^ _IDENTITY[np.uintp(low)])
    above = np.int64(knots[np.uintp(place + 1)] ^ _IDENTITY[np.uintp(low + 1)])
    return (below * (128 - weight) + above * weight) >> 7, place + (weight >> 6)


@inlined
def refine_learn(knots: np.ndarray, place: Integer, bit: Integer, rate: Integer) -> None:
    """Pull the knot that spoke loudest towards the bit that came, by 2^-rate of the way."""
    identity = _IDENTITY[np.uintp(place & (KNOTS - 1))]
    knot = np.int64(knots[np.uintp(place)] ^ identity)
    knots[np.uintp(place)] = np.uint16(knot + (((bit << 16) - bit - knot) >> rate)) ^ identity
