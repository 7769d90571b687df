"""What a guided net sees of a sample: neighbours, guides and their past errors, as small integers.

Everything is relative to the base, the mean of the first two guides. Near values matter finely and far ones roughly,
so the nearest neighbours come at two resolutions; sizes of errors come as logarithms.

    26  neighbours of the plane, whole levels           6  earlier planes: signed errors of three guides here
     6  the nearest of them, eighths                    6  earlier planes: the sizes of these
     8  others of them, quarters                       12  earlier planes: errors of the first guide around here
    28  steps of two earlier planes to 14 neighbours,  12  last signed errors of three guides, fine
        against this plane's, quarters                 21  sizes of their errors at 6 neighbours, or further away
     4  distances of the guides, two resolutions        5  base, its fraction, mean error; odd row, odd column
"""

from __future__ import annotations

import numpy as np

from arzip.compiled import Integer, compiled, inlined
from arzip.mixing.guide import BEFORE, POINT, SLOPE, UP, Guide, front_rows, learn_plane, predict_plane
from arzip.mixing.magnitudes import half_octaves
from arzip.mixing.picture_plane import LEFT, RIGHT, TOP

__all__ = ["FEATURES", "guide_fronts", "look_at_plane"]

FEATURES = 134
_FURTHER_AT, _THIRD_AT = 51, 118  # where features begin of what lies further away, and of the third guide
_NEIGHBOURS = np.array(
    [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-2, -1), (-2, 1), (-1, 2), (-1, -2)], np.int64
)
_FAR_ROWS, _FAR_COLUMNS = (
    (0, -3, -2, -2, -1, -1, -2, -2, -3, -3, -3, -3, -3, -3, 0, -1),
    (-3, 0, -2, 2, -3, 3, -3, 3, -1, 1, -2, 2, -3, 3, -4, -4),
)
_FURTHER = np.array([_FAR_ROWS, _FAR_COLUMNS], np.int64).T.copy()
_NEAREST = 6
_SIDES = 4
_QUARTERED = 4  # of those further away, twice


@inlined
def _small(value: Integer) -> Integer:
    """A value within what an exact product takes."""
    return min(max(value, np.int64(-127)), np.int64(127))


@inlined
def _size(error: Integer) -> Integer:
    """The size of an error in 1/32, as a logarithm: four for half an octave."""
    return 4 * half_octaves(abs(error) + 1) - 40


@compiled
def look_at_plane(
    g: Guide, c: Integer, front: Integer, means: np.ndarray, features: np.ndarray, base: np.ndarray
) -> None:
    """Features [F, I], small integers, and base int32 [F] (in 1/32) of plane c of a front, from its means [F, S]."""
    height, width = g.plane.shape[0] - TOP, g.plane.shape[1] - LEFT - RIGHT
    first, last = front_rows(front, height, width)
    guides = means.shape[1]
    p, e = g.plane, g.errors
    for y in range(first, last):
        x = front - SLOPE * y
        out = features[y - first]
        row, column = y + TOP, x + LEFT
        here, there = y + UP, x + BEFORE
        middle = (np.int64(means[y - first, 0]) + means[y - first, min(guides - 1, 1)]) >> 1
        base[y - first] = middle
        at = 0
        for n in range(_NEIGHBOURS.shape[0]):
            value = np.int64(p[row + _NEIGHBOURS[n, 0], column + _NEIGHBOURS[n, 1], c]) << POINT
            out[at] = _small((value - middle) >> POINT)
            at += 1
        for n in range(_NEAREST):
            value = np.int64(p[row + _NEIGHBOURS[n, 0], column + _NEIGHBOURS[n, 1], c]) << POINT
            out[at] = _small((value - middle) >> (POINT - 3))
            at += 1
        for j in range(2):
            for n in range(_SIDES):
                out[at] = _stepped(p, c, j, row, column, _NEIGHBOURS[n, 0], _NEIGHBOURS[n, 1], middle)
                at += 1
        gap = np.int64(means[y - first, min(guides - 1, 1)]) - middle
        out[at] = _small(gap >> 1)
        out[at + 1] = _small(gap >> POINT)
        at += 2
        for j in range(2):
            out[at] = _small(np.int64(e[here, there, j, 0]) >> 2) if j < c else 0
            at += 1
        for j in range(2):
            for k in range(2):
                out[at] = _size(np.int64(e[here, there, j, min(k, guides - 1)])) if j < c else 0
                at += 1
        for n in range(_SIDES):
            out[at] = _small(np.int64(e[here + _NEIGHBOURS[n, 0], there + _NEIGHBOURS[n, 1], c, 0]) >> 2)
            at += 1
        mean = np.int64(0)
        for k in range(2):
            for n in range(_NEAREST):
                error = np.int64(e[here + _NEIGHBOURS[n, 0], there + _NEIGHBOURS[n, 1], c, min(k, guides - 1)])
                mean += abs(error)
                out[at] = _size(error)
                at += 1
        out[at] = _small((middle >> POINT) - 128)
        out[at + 1] = ((middle & 31) - 16) * 4
        out[at + 2] = _size(mean // 3)
        _look_further(g, c, y, x, middle, out)
        _look_at_third(e, c, here, there, np.int64(means[y - first, min(guides - 1, 2)]) - middle, out)


@inlined
def _look_further(g: Guide, c: Integer, y: Integer, x: Integer, middle: Integer, out: np.ndarray) -> None:
    """Neighbours and errors further away, those of the second guide, and whether row and column are odd."""
    p, e = g.plane, g.errors
    row, column = y + TOP, x + LEFT
    here, there = y + UP, x + BEFORE
    second = min(np.int64(e.shape[3]) - 1, np.int64(1))
    at = np.int64(_FURTHER_AT)
    for n in range(_FURTHER.shape[0]):
        value = np.int64(p[row + _FURTHER[n, 0], column + _FURTHER[n, 1], c]) << POINT
        out[at] = _small((value - middle) >> POINT)
        if n < _QUARTERED:
            out[at + _FURTHER.shape[0]] = _small((value - middle) >> (POINT - 2))
        at += 1
    at += _QUARTERED
    for n in range(_NEAREST, _NEIGHBOURS.shape[0]):
        value = np.int64(p[row + _NEIGHBOURS[n, 0], column + _NEIGHBOURS[n, 1], c]) << POINT
        out[at] = _small((value - middle) >> (POINT - 2))
        at += 1
    for j in range(2):
        for n in range(_SIDES, _NEIGHBOURS.shape[0]):
            out[at] = _stepped(p, c, j, row, column, _NEIGHBOURS[n, 0], _NEIGHBOURS[n, 1], middle)
            at += 1
        for n in range(_QUARTERED):
            out[at] = _stepped(p, c, j, row, column, _FURTHER[n, 0], _FURTHER[n, 1], middle)
            at += 1
        for n in range(_SIDES):
            error = np.int64(e[here + _NEIGHBOURS[n, 0], there + _NEIGHBOURS[n, 1], j, 0]) if j < c else np.int64(0)
            out[at] = _size(error)
            if n < 2:
                out[at + _SIDES] = _small(error >> 2)
            at += 1
        at += 2
        out[at] = _small(np.int64(e[here, there, j, second]) >> 2) if j < c else 0
        at += 1
    for n in range(_SIDES):
        out[at] = _small(np.int64(e[here + _NEIGHBOURS[n, 0], there + _NEIGHBOURS[n, 1], c, second]) >> 2)
        at += 1
    for n in range(_NEAREST, _NEAREST + 2):
        out[at] = _size(np.int64(e[here + _NEIGHBOURS[n, 0], there + _NEIGHBOURS[n, 1], c, 0]))
        at += 1
    out[at] = _size(np.int64(e[here - 1, there - 2, c, 0]))
    out[at + 1] = (y & 1) * 64
    out[at + 2] = (x & 1) * 64


@inlined
def _look_at_third(e: np.ndarray, c: Integer, here: Integer, there: Integer, gap: Integer, out: np.ndarray) -> None:
    """The third guide: its distance from the base, `gap`, and its past errors."""
    third = min(np.int64(e.shape[3]) - 1, np.int64(2))
    at = np.int64(_THIRD_AT)
    out[at] = _small(gap >> 1)
    out[at + 1] = _small(gap >> POINT)
    at += 2
    for j in range(2):
        error = np.int64(e[here, there, j, third]) if j < c else np.int64(0)
        out[at] = _small(error >> 2)
        out[at + 1] = _size(error) if j < c else 0
        at += 2
    for n in range(_NEAREST):
        error = np.int64(e[here + _NEIGHBOURS[n, 0], there + _NEIGHBOURS[n, 1], c, third])
        out[at] = _size(error)
        if n < _SIDES:
            out[at + _NEAREST] = _small(error >> 2)
        at += 1


@inlined
def _stepped(
    p: np.ndarray, c: Integer, j: Integer, row: Integer, column: Integer, dy: Integer, dx: Integer, middle: Integer
) -> Integer:
    """A neighbour of plane c, moved as the earlier plane j moves from there to here, quarters; 0 without one."""
    if j >= c:
        return np.int64(0)
    step = np.int64(p[row, column, j]) - np.int64(p[row + dy, column + dx, j])
    value = (np.int64(p[row + dy, column + dx, c]) + step) << POINT
    return _small((value - middle) >> (POINT - 2))


@compiled
def guide_fronts(
    g: Guide,
    begin: Integer,
    end: Integer,
    symbols: np.ndarray,
    means: np.ndarray,
    features: np.ndarray,
    base: np.ndarray,
) -> None:
    """Runs the guides over the fronts begin .. end - 1 of a known picture.

    Fills means int32 [C, F, S], features float32 [C, F, I] (unless I is 0) and base int32 [C, F].
    """
    place = np.int64(0)
    for front in range(begin, end):
        first, last = front_rows(front, np.int64(symbols.shape[0]), np.int64(symbols.shape[1]))
        for c in range(symbols.shape[2]):
            here = means[c, place:]
            predict_plane(g, c, front, here)
            if features.shape[2] > 0:
                look_at_plane(g, c, front, here, features[c, place:], base[c, place:])
            learn_plane(g, c, front, here, symbols)
        place += max(last - first, np.int64(0))
