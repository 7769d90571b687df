"""Guides of a picture: local least-squares predictions of every sample and their past errors.

    for each front, for each plane:   predict_plane  ->  code  ->  learn_plane

Guides know nothing of how samples are coded, so the encoder runs them ahead over many fronts, the decoder one plane of
one front at a time; both meet the same numbers. Predictions are integers in 1/32 of a level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from arzip.compiled import Integer, compiled, inlined
from arzip.mixing.least_squares import (
    LeastSquares,
    Neighbours,
    learn_front,
    new_least_squares,
    predict_front,
    predicted,
)
from arzip.mixing.picture_plane import TOP, new_plane, set_sample

__all__ = [
    "POINT",
    "PROFILES",
    "SLOPE",
    "Guide",
    "Profile",
    "front_rows",
    "learn_plane",
    "new_guide",
    "predict_plane",
]

POINT = 5  # binary point of predictions
SLOPE = 4  # of the wavefront: least squares look three samples to the right in the rows above
UP, BEFORE, AFTER = 2, 2, 1  # margin of the errors

_CROSS = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
_WIDE = (*_CROSS, (-2, -1), (-2, 1), (-1, 2), (-1, -2))
_SAME = ((0, 0), (0, -1), (-1, 0), (-1, -1), (-1, 1))
_BROAD = (*_WIDE, (-2, -2), (-2, 2), (0, -3), (-3, 0))
_SAME_BROAD = (*_SAME, (0, -2), (-2, 0), (-2, -1), (-2, 1), (-1, -2), (-1, 2))


@dataclass(frozen=True)
class Profile:
    """Which experts guide a picture: for its first plane, and as many for each later one."""

    first: tuple[Neighbours, ...]
    later: tuple[Neighbours, ...]


_NEAR = Neighbours(_WIDE, (), (), 1, 0.84, 0.77)
_NEAR_LATER = Neighbours(_CROSS, _SAME, (), 1, 0.84, 0.77)
_PHASED = Neighbours(_CROSS, (), (), 2, 0.94, 0.88)
_PHASED_LATER = Neighbours(_WIDE, _SAME_BROAD, (), 2, 0.94, 0.88)
_FAST = Neighbours(_CROSS, (), (), 1, 0.55, 0.45)
_FAST_LATER = Neighbours(_CROSS[:4], _SAME, (), 1, 0.55, 0.45)
_SLOW = Neighbours(_BROAD, _SAME_BROAD, ((0, -1), (-1, 0)), 1, 0.98, 0.95)
_PHASED_SLOW = Neighbours(_WIDE, _SAME_BROAD, ((0, -1), (-1, 0)), 2, 0.985, 0.97)

# The position is the profile's code in the archive: only ever append. Nets see the first three guides.
PROFILES = (
    Profile((_NEAR,), (_NEAR_LATER,)),
    Profile((_NEAR, _PHASED, _FAST), (_NEAR_LATER, _PHASED_LATER, _FAST_LATER)),
    Profile(
        (_NEAR, _PHASED, _FAST, _SLOW, _PHASED_SLOW), (_NEAR_LATER, _PHASED_LATER, _FAST_LATER, _SLOW, _PHASED_SLOW)
    ),
)


class Guide(NamedTuple):
    """The guides of planes coded together, S experts each."""

    plane: np.ndarray  # int32: what is known of the picture, see picture_plane
    errors: np.ndarray  # int32 [H + UP, W + BEFORE + AFTER, C, S]: sample minus prediction, in 1/32
    highest: np.ndarray  # float64 [1]: the largest value
    squares: tuple[tuple[LeastSquares, ...], ...]  # [C][S]


def new_guide(height: int, width: int, planes: int, *, depth: int, profile: Profile) -> Guide:
    """Guides that have seen nothing."""
    sets = [profile.first if c == 0 else profile.later for c in range(planes)]
    squares = tuple(
        tuple(new_least_squares(expert, c, planes, height, SLOPE) for expert in sets[c]) for c in range(planes)
    )
    errors = np.zeros((height + UP, width + BEFORE + AFTER, planes, len(profile.first)), np.int32)
    return Guide(new_plane(height, width, planes, depth), errors, np.array([(1 << depth) - 1.0]), squares)


@inlined
def front_rows(front: Integer, height: Integer, width: Integer) -> tuple[Integer, Integer]:
    """The first row of a front, and the one after its last."""
    return max(np.int64(0), (front - width + SLOPE) // SLOPE), min(np.int64(height), front // SLOPE + 1)


@compiled
def predict_plane(g: Guide, c: Integer, front: Integer, means: np.ndarray) -> None:
    """Predictions of plane c of a front into means int32 [F, S], row by row, clamped to the values there are."""
    height, width = g.plane.shape[0] - TOP, g.errors.shape[1] - BEFORE - AFTER
    first, last = front_rows(front, height, width)
    squares = g.squares[c]
    for k in range(len(squares)):
        predict_front(squares[k], g.plane, c, front, first, last)
        for y in range(first, last):
            clamped = min(max(np.float64(predicted(squares[k], y)), 0.0), g.highest[0])
            means[y - first, k] = np.int32(np.floor(clamped * (1 << POINT) + 0.5))


@compiled
def learn_plane(g: Guide, c: Integer, front: Integer, means: np.ndarray, symbols: np.ndarray) -> None:
    """Learns plane c of a front from symbols int32 [H, W, C]; means as `predict_plane` left them."""
    height, width = symbols.shape[0], symbols.shape[1]
    first, last = front_rows(front, height, width)
    squares = g.squares[c]
    for y in range(first, last):
        x = front - SLOPE * y
        value = np.int64(symbols[y, x, c])
        set_sample(g.plane, y, x, c, value)
        for k in range(len(squares)):
            g.errors[y + UP, x + BEFORE, c, k] = (value << POINT) - np.int64(means[y - first, k])
    for k in range(len(squares)):
        learn_front(squares[k], g.plane, c, front, first, last)
