"""Small contexts of a sample's decisions: how loud, rising or falling, what came before and in the other channel."""

from __future__ import annotations

import numpy as np

from arzip.audio.mixture import Mixture
from arzip.compiled import Integer, Real, inlined

__all__ = ["class_of_neighbour", "class_of_past", "class_of_ratio", "class_of_size", "unit_of"]

_LEAST_UNIT = 0.06


@inlined
def class_of_ratio(ratio: Real) -> Integer:
    k = np.int64(0)
    for limit in (0.35, 0.6, 0.85, 1.2, 1.8, 3.0):
        if ratio > limit:
            k += 1
    return k


@inlined
def class_of_size(unit: Real) -> Integer:
    k = np.int64(0)
    limit = 0.125
    while unit > limit and k < 23:
        limit *= 1.6
        k += 1
    return k


@inlined
def class_of_past(m: Mixture, c: Integer) -> Integer:
    last, older = m.recent[c, 0], m.recent[c, 1]
    k = np.int64(0)
    for limit in (-1.0, -0.3, 0.3, 1.0):
        if last >= limit:
            k += 3
    for limit in (-0.4, 0.4):
        if older >= limit:
            k += 1
    return k


@inlined
def class_of_neighbour(m: Mixture, c: Integer) -> Integer:
    """By the newest residual of the partner channel, or the third last of a single one."""
    near = m.recent[c, 2]
    if m.recent.shape[0] > 1:
        near = m.recent[c - 1 if c > 0 else 1, 0]
    k = np.int64(0)
    for limit in (-1.8, -0.8, -0.25, 0.25, 0.8, 1.8):
        if near >= limit:
            k += 1
    return k


@inlined
def unit_of(m: Mixture, c: Integer, last: Integer) -> Real:
    """The running error that the limits follow."""
    unit = 0.35 * m.scales[c, last, 0] + 0.4 * m.scales[c, last, 1] + 0.25 * m.scales[c, last, 2]
    return unit if unit > _LEAST_UNIT else _LEAST_UNIT
