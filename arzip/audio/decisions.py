"""One sample as decisions, from coarse to fine, around its prediction; the same walk codes and decodes.

    node 0          is it above the prediction?
    nodes 1..7      in which eighth of the Laplace distribution of its distance? three decisions, a heap
    nodes 8..23     in the last eighth: further than the next limit? each limit halves what is left
    nodes 24..73    inside a piece: in its further half? until one value is left; five kinds for each of ten pieces

Limits follow the running error, and pieces without a value cost nothing, so silence and small residuals need few
decisions. Beyond the first side, decisions ask for "further from the prediction", so that both sides share what is
learned. Deep halves are coded by one expert alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from arzip.audio.contexts import class_of_neighbour, class_of_past, class_of_ratio, class_of_size, unit_of
from arzip.audio.mixture import MEAN, RATE, RATES, SHAPE, WINDOW, Mixture, gather, learn, mix
from arzip.audio.tables import OCTANTS, OUTER, ROUND, logit, tail
from arzip.coding.compiled_coder import read_bit
from arzip.compiled import Integer, Real, inlined

__all__ = ["MOST_DECISIONS", "code_sample", "note_error"]

MOST_DECISIONS = 96  # of one sample, more than there can be
_SIDE, _OCTANT, _BEYOND, _INSIDE = 0, 1, 2, 3
_DEEP = 6  # halvings inside a piece that are mixed
_LEAST_SCALE = 0.04
_FLOOR = 1e-6  # of density, in a scale's length: heavy tails
_LEAST_MASS = 1e-14
_PRIOR = 0.3  # of a value's count in the histogram
_LOWEST = 256  # of a probability in 2^-24
_ONE = 1 << 24


@inlined
def _edge(k: Integer, listed: Any, low: Real) -> Real:
    """Where rank k begins: half-way between it and the one before."""
    if listed.shape[0] == 0:
        return low + np.float64(k) - 0.5
    if k <= 0:
        return low + listed[0] - 0.5
    if k >= listed.shape[0]:
        return low + listed[listed.shape[0] - 1] + 0.5
    return low + (listed[k - 1] + listed[k]) * 0.5


@inlined
def _rank(value: Real, listed: Any, low: Real, count: Integer) -> Integer:
    """The first rank whose value is at least `value`, -1 .. count + 1 at the ends."""
    place = value - low
    if not (place > -1.0):
        place = -1.0
    if listed.shape[0] == 0:
        return np.int64(min(place, np.float64(count) + 1.0))
    first, last = np.int64(0), np.int64(listed.shape[0])
    while first < last:
        middle = (first + last) >> 1
        if listed[middle] < place:
            first = middle + 1
        else:
            last = middle
    return first


@inlined
def _density_window(
    m: Mixture, histogram: Any, best: Real, scale: Real, first: Integer, listed: Any, low: Real, count: Integer
) -> None:
    """Sums of the density around the prediction, alone and times the histogram."""
    before = 0.0
    z = (_edge(first, listed, low) - best) / scale
    before = tail(ROUND, -z) if z < 0.0 else 1.0 - tail(ROUND, z)
    m.window[0, 0] = 0.0
    m.window[1, 0] = 0.0
    for i in range(WINDOW):
        k = first + i
        density = 0.0
        weighted = 0.0
        if 0 <= k < count:
            z = (_edge(k + 1, listed, low) - best) / scale
            here = tail(ROUND, -z) if z < 0.0 else 1.0 - tail(ROUND, z)
            density = (here - before) + 1e-7
            weighted = density * (np.float64(histogram[k]) + _PRIOR)
            before = here
        m.window[0, i + 1] = m.window[0, i] + density
        m.window[1, i + 1] = m.window[1, i] + weighted


@inlined
def _from_histogram(
    m: Mixture, histogram: Any, low: Integer, split: Integer, high: Integer, first: Integer, wide: Integer
) -> Real:
    """How the histogram corrects the logit of the upper part [split, high) of [low, high)."""
    if wide == 0:
        a, b, c = max(low - first, 0), min(high - first, WINDOW), split - first
        if not (a < c < b):
            return 0.0
        upper, lower = m.window[1, b] - m.window[1, c], m.window[1, c] - m.window[1, a]
        above, below = m.window[0, b] - m.window[0, c], m.window[0, c] - m.window[0, a]
        return logit(upper / (upper + lower)) - logit(above / (above + below))
    if high - low >= WINDOW or histogram.shape[0] == 1:
        return 0.0
    under = np.int64(0)
    over = np.int64(0)
    for k in range(low, split):
        under += histogram[k]
    for k in range(split, high):
        over += histogram[k]
    upper = np.float64(over) + _PRIOR * np.float64(high - split)
    lower = np.float64(under) + _PRIOR * np.float64(split - low)
    return logit(upper / (upper + lower)) - logit(np.float64(high - split) / np.float64(high - low))


@inlined
def _opinion(m: Mixture, e: Integer, mean: Real, scale: Real, edge: Real, over: Real, under: Real) -> Real:
    """An expert's P(above the edge), given the interval; what lies below and above the edge is noted."""
    if not (scale > _LEAST_SCALE):
        scale = _LEAST_SCALE
    z = (edge - mean) / scale
    shape = m.experts[e, SHAPE]
    if z >= 0.0:
        above = tail(shape, z)
        below = 1.0 - above
        upper, lower = above - m.mass[e, 3], m.mass[e, 1] - above
    else:
        below = tail(shape, -z)
        above = 1.0 - below
        upper, lower = m.mass[e, 2] - below, below - m.mass[e, 0]
    m.split[e, 0] = below
    m.split[e, 1] = above
    upper = max(upper, 0.0) + (_FLOOR * min(over / scale, 4.0) + _LEAST_MASS)
    lower = max(lower, 0.0) + (_FLOOR * min(under / scale, 4.0) + _LEAST_MASS)
    return upper / (upper + lower)


@inlined
def _keep(m: Mixture, bit: Integer) -> None:
    """Shrink every expert's interval to the side that came."""
    first = 0 if bit == 1 else 2
    for e in range(m.experts.shape[0]):
        m.mass[e, first] = m.split[e, 0]
        m.mass[e, first + 1] = m.split[e, 1]


@inlined
def _in_units(p: Real) -> Integer:
    """A probability in 2^-24, away from certainty."""
    return min(max(np.int64(p * 16777216.0), np.int64(_LOWEST)), np.int64(_ONE - _LOWEST))


@inlined
def _limit(best: Real, distance: Real, side: Integer, listed: Any, low: Real, count: Integer) -> Integer:
    """The rank at which what is further than a distance begins (above), or what is nearer (below)."""
    if side == 1:
        return _rank(math.floor(best + distance) + 1.0, listed, low, count)
    return _rank(math.ceil(best - distance), listed, low, count)


@inlined
def code_sample(
    m: Mixture,
    c: Integer,
    means: Any,
    listed: Any,
    lowest: Real,
    count: Integer,
    histogram: Any,
    rank: Integer,
    decode: Integer,
    words: Any,
    coder: Any,
    p_out: Any,
    bits_out: Any,
    at: Integer,
) -> tuple[Integer, Integer]:
    """Code the rank of a sample into p_out, bits_out from `at` on, or read it from words; (rank, new at).

    means [M] are its predictions; listed [ranks] or [0] and lowest describe the lattice of `count` ranks.
    """
    last = means.shape[0] - 1
    best = means[last]
    if not (best > lowest - 1.0):
        best = lowest - 1.0
    span = listed[listed.shape[0] - 1] if listed.shape[0] > 0 else np.float64(count)
    if best > lowest + span + 1.0:
        best = lowest + span + 1.0
    unit = unit_of(m, c, last)
    ratio = class_of_ratio(m.scales[c, last, 0] / (m.scales[c, last, 2] + 0.01))
    size, past, neighbour = class_of_size(unit), class_of_past(m, c), class_of_neighbour(m, c)
    floor = math.floor(best)
    part = np.int64((best - floor) * 8.0)
    experts = m.experts.shape[0]
    for e in range(experts):
        m.mass[e, 0] = 0.0
        m.mass[e, 1] = 1.0
        m.mass[e, 2] = 1.0
        m.mass[e, 3] = 0.0
    first = _rank(floor, listed, lowest, count) - WINDOW // 2
    near = unit * 10.0
    wide = 1
    if (
        histogram.shape[0] >= count
        and (first < 0 or best - _edge(first, listed, lowest) > near)
        and (first + WINDOW > count or _edge(first + WINDOW, listed, lowest) - best > near)
    ):
        wide = 0
        scale = m.scales[c, last, 1]
        _density_window(
            m, histogram, best, scale if scale > _LEAST_SCALE else _LEAST_SCALE, first, listed, lowest, count
        )
    low, high = np.int64(0), np.int64(count)
    phase, heap, side, level, beyond, piece = _SIDE, np.int64(1), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    while high - low > 1:
        if phase == _SIDE:
            whole = floor + 1.0
            if best == floor and m.recent[c, 0] < 0.0:
                whole = floor
            split = _rank(whole, listed, lowest, count)
            node = np.int64(0)
        elif phase == _OCTANT:
            octant = 4 if heap == 1 else 4 * (heap - 2) + 2 if heap < 4 else 2 * (heap - 4) + 1
            split = _limit(best, unit * OCTANTS[octant], side, listed, lowest, count)
            node = heap
        elif phase == _BEYOND:
            split = _limit(best, unit * OUTER[beyond], side, listed, lowest, count)
            node = 8 + min(beyond, np.int64(15))
        else:
            half = (high - low) >> 1
            split = low + half if side == 1 else high - half
            node = 24 + piece * 5 + min(level, np.int64(4))
        if split <= low:
            bit = np.int64(1)
        elif split >= high:
            bit = np.int64(0)
        else:
            edge = _edge(split, listed, lowest)
            under, over = np.float64(split - low), np.float64(high - split)
            mirrored = side == 0 and phase != _SIDE
            mixed = level < _DEEP
            if mixed:
                for e in range(experts):
                    k = m.experts[e, MEAN]
                    p = _opinion(m, e, means[k], m.scales[c, k, m.experts[e, RATE]], edge, over, under)
                    m.inputs[e] = logit(1.0 - p if mirrored else p)
                correction = _from_histogram(m, histogram, low, split, high, first, wide)
                m.inputs[experts] = -correction if mirrored else correction
                stage = level + phase
                flipped = 7 - part if mirrored else part
                gather(m, node, side, min(stage, np.int64(6)), ratio, size, flipped, past, neighbour)
                p = mix(m)
            else:
                p = _opinion(m, 1, means[last], m.scales[c, last, 1], edge, over, under)
                p = 1.0 - p if mirrored else p
            units = _in_units(p)
            if mirrored:
                units = np.int64(_ONE) - units
            if decode == 1:
                bit = read_bit(coder, words, units)
            else:
                bit = np.int64(1 if rank >= split else 0)
                p_out[at] = units
                bits_out[at] = bit
            at += 1
            if mixed:
                learn(m, 1 - bit if mirrored else bit)
                _keep(m, bit)
            else:
                m.mass[1, 0 if bit == 1 else 2] = m.split[1, 0]
                m.mass[1, 1 if bit == 1 else 3] = m.split[1, 1]
            if bit == 1:
                low = split
            else:
                high = split
        further = bit if side == 1 else 1 - bit
        if phase == _SIDE:
            side = bit
            phase = _OCTANT
        elif phase == _OCTANT:
            heap = 2 * heap + further
            if heap >= 8:
                piece = heap - 8
                phase = _BEYOND if piece == 7 else _INSIDE
        elif phase == _BEYOND:
            if further == 1 and beyond < OUTER.shape[0] - 1:
                beyond += 1
            else:
                piece = np.int64(9) if further == 1 else 7 + min(beyond, np.int64(2))
                phase = _INSIDE
        else:
            level += 1
    return low, at


@inlined
def note_error(m: Mixture, c: Integer, means: Any, x: Real, rank: Integer, histogram: Any) -> None:
    """After a sample came: running errors, the last residuals, the histogram."""
    last = means.shape[0] - 1
    m.recent[c, 2] = m.recent[c, 1]
    m.recent[c, 1] = m.recent[c, 0]
    m.recent[c, 0] = (x - means[last]) / unit_of(m, c, last)
    for k in range(means.shape[0]):
        error = abs(x - means[k]) + 0.001
        for r in range(3):
            m.scales[c, k, r] += (error - m.scales[c, k, r]) * RATES[r]
    if rank < histogram.shape[0]:
        histogram[rank] += 1
