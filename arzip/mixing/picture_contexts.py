"""Where a sample stands: the contexts of its counts and the weight rows that speak for it, from exact neighbours.

Lossless pictures remember how they were made. Colours that went through another colour space or a stretched scale use
few of the possible combinations, so contexts hold exact values of the other planes and exact steps from the
neighbours, beside the usual classes of texture and error. All are relative to the threshold around which the sample is
binarised, so that one place in the tree means one value.
"""

from __future__ import annotations

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.mixing.guide import BEFORE, POINT, UP
from arzip.mixing.magnitudes import bit_length, half_octaves, signed_class
from arzip.mixing.picture_plane import LEFT, TOP
from arzip.mixing.picture_state import (
    BY_ERRORS,
    BY_PHASE,
    CLASS,
    ENERGIES,
    ENERGY,
    ERRORS_ROW,
    MEAN,
    PHASE_ROW,
    PLACES,
    STEEPNESS,
    THRESHOLD,
    WIDTH_BITS,
    PictureState,
)
from arzip.mixing.slots import hash_pair

__all__ = ["open_contexts"]

_WIDEST = 13  # log2 of the widest steps of the tree


@inlined
def _pair(number: Integer, first: Integer, second: Integer) -> Integer:
    """A context of two values that may be negative; number says which."""
    return hash_pair((first << 20) + second, number)


@inlined
def _threshold(s: PictureState, at: Integer) -> Integer:
    """Chooses threshold and width around the centre; returns the centre's fraction, -16 .. 15 in 1/32."""
    last = s.expected.shape[1] - 1
    mean = s.expected[at, last, MEAN]
    threshold = min(max((mean + (1 << (POINT - 1))) >> POINT, np.int64(0)), s.levels[0] - 2)
    s.sample[at, THRESHOLD] = threshold
    wanted = s.expected[at, last, STEEPNESS] * 7
    bits = min(bit_length((wanted - 1) // 640), np.int64(_WIDEST))  # steps of 0.7 times the mean |error|
    s.sample[at, WIDTH_BITS] = bits
    s.sample[at, ENERGY] = min(s.expected[at, last, CLASS], np.int64(ENERGIES // 2 - 1))
    return min(max(mean - (threshold << POINT), np.int64(-16)), np.int64(15))


@inlined
def open_contexts(s: PictureState, at: Integer, y: Integer, x: Integer, c: Integer) -> None:
    """Threshold, contexts and weight rows of the sample (y, x, c), row `at` of its front, from experts and plane."""
    fraction = _threshold(s, at)
    m, bits = s.sample[at, THRESHOLD], s.sample[at, WIDTH_BITS]
    p = s.plane
    planes = p.shape[2]
    row, column = y + TOP, x + LEFT
    west, north = np.int64(p[row, column - 1, c]), np.int64(p[row - 1, column, c])
    corner, east = np.int64(p[row - 1, column - 1, c]), np.int64(p[row - 1, column + 1, c])
    further = np.int64(p[row, column - 2, c])
    miss = s.misses
    here, there = y + UP, x + BEFORE
    west_miss, north_miss = np.int64(miss[here, there - 1, c]), np.int64(miss[here - 1, there, c])
    east_miss = np.int64(miss[here - 1, there + 1, c])
    first_miss = np.int64(miss[here, there, 0]) if c > 0 else west_miss
    second_miss = np.int64(miss[here, there, 1]) if c > 1 else north_miss
    phase = (y & 1) * 2 + (x & 1)
    spread = min(half_octaves(s.expected[at, s.expected.shape[1] - 1, STEEPNESS]), np.int64(31))
    kind = (bits << 2) + c
    gap = signed_class((s.expected[at, 0, MEAN] - s.expected[at, s.expected.shape[1] - 2, MEAN]) >> 2)
    s.sample[at, PHASE_ROW] = BY_PHASE + ((phase * 4 + c) * 16 + signed_class(fraction >> 1)) * PLACES
    s.sample[at, ERRORS_ROW] = BY_ERRORS + ((signed_class(first_miss) * 16 + signed_class(second_miss)) * 4 + c) * 4

    t = s.contexts[at]
    t[0] = _pair(1, kind * 32 + spread, fraction >> 2)
    around = (((west << 16) + north) << 16) + corner
    others = np.int64(0)
    for j in range(planes):
        if j != c:
            seen = np.int64(p[row, column, j]) if j < c else np.int64(p[row, column - 1, j])
            others = ((others << 8) + seen) * 40503 + np.int64(p[row - 1, column, j])
    t[1] = hash_pair(around * 3 + east, hash_pair(others + 2, m * 4 + c))
    t[2] = _pair(3, (signed_class(west_miss) * 16 + signed_class(north_miss)) * 16 + signed_class(east_miss), kind)
    t[3] = _pair(4, kind * 16 + gap, phase * 32 + spread)
    if c == 0:
        t[4] = _pair(5, m - ((west + north) >> 1), (signed_class(west - corner) * 16 + signed_class(north - corner)))
        t[5] = _pair(6, west - further, m - west)
        t[6] = _pair(7, signed_class(east - north) * 16 + signed_class(further - west), m - west)
        t[7] = _pair(8, m, west)
        t[8] = _pair(9, m, north)
        if planes > 1:
            _first_of_three(s, at, row, column, m, west, north)
        else:
            t[9] = _pair(10, m - west, m - north)
            t[10] = _pair(11, m - north, north - corner)
            t[11] = _pair(12, m - west, east - north)
            t[12] = _pair(13, m, bits)
        t[13] = _pair(14, (west - corner) * 1024 + north - corner, m - west)
    else:
        _later_of_three(s, at, row, column, c, m, kind, first_miss, second_miss)
        t[13] = _pair(14, signed_class(first_miss) * 16 + signed_class(second_miss), spread * 16 + gap)


@inlined
def _first_of_three(
    s: PictureState, at: Integer, row: Integer, column: Integer, m: Integer, west: Integer, north: Integer
) -> None:
    """Contexts of a first plane: which of its values go with the colour differences of the neighbours."""
    p, t = s.plane, s.contexts[at]
    west1, west2 = np.int64(p[row, column - 1, 1]) - west, np.int64(p[row, column - 1, 2]) - west
    north1, north2 = np.int64(p[row - 1, column, 1]) - north, np.int64(p[row - 1, column, 2]) - north
    t[9] = _pair(10, m, west1 * 1024 + west2)
    t[10] = _pair(11, m, north1 * 1024 + north2)
    t[11] = _pair(12, m * 1024 + west, west1)
    t[12] = _pair(13, m - west, west1 - north1)


@inlined
def _later_of_three(
    s: PictureState,
    at: Integer,
    row: Integer,
    column: Integer,
    c: Integer,
    m: Integer,
    kind: Integer,
    first_miss: Integer,
    second_miss: Integer,
) -> None:
    """Contexts of a later plane: exact values and exact steps of the planes that are known here."""
    p, t = s.plane, s.contexts[at]
    west, north = m - np.int64(p[row, column - 1, c]), m - np.int64(p[row - 1, column, c])
    first, near = np.int64(p[row, column, 0]), np.int64(p[row, column, c - 1])
    first_west, first_north = first - np.int64(p[row, column - 1, 0]), first - np.int64(p[row - 1, column, 0])
    near_west = near - np.int64(p[row, column - 1, c - 1])
    near_north = near - np.int64(p[row - 1, column, c - 1])
    t[4] = _pair(5, first_miss, min(max(second_miss, np.int64(-15)), np.int64(15)) * 64 + kind)
    t[5] = _pair(6, west - first_west, (north - first_north) * 64 + kind)
    t[6] = _pair(7, first_west, west * 64 + kind)
    t[7] = _pair(8, near, m * 64 + kind)
    if c == 1:
        t[8] = _pair(9, first * 1024 + first_west, west * 4 + c)
        t[9] = _pair(10, first * 1024 + first_north, north * 4 + c)
        t[10] = _pair(11, first_west * 1024 + first_north, west * 4 + c)
        t[11] = _pair(12, first_north, north * 4 + c)
        t[12] = _pair(13, first * 1024 + m, ((np.int64(p[row, column - 1, 2]) - first) >> 3) * 4 + c)
    else:
        t[8] = _pair(9, first * 1024 + near, m * 4 + c)
        t[9] = _pair(10, first_west * 1024 + near_west, west * 4 + c)
        t[10] = _pair(11, first_north * 1024 + near_north, north * 4 + c)
        t[11] = _pair(12, near_west, west * 4 + c)
        t[12] = _pair(13, first * 1024 + m, near_west * 4 + c)
