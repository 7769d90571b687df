"""The memory of the residual coder: experts, counters, weights, maps; and the mixing of one decision.

A decision has E experts (a distribution around one of the predictions, of one of three scales), one correction from the
histogram of the values so far, four counters in small contexts, and a constant. Three weight rows, picked by different
contexts, blend their logits; two adaptive maps refine the average. All in doubles, in one fixed order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arzip.audio.presets import Preset
from arzip.audio.tables import LAPLACE, ROUND, logistic, logit
from arzip.compiled import Integer, Real, inlined

__all__ = [
    "CONTEXTS",
    "MEAN",
    "NODES",
    "RATE",
    "RATES",
    "SHAPE",
    "WINDOW",
    "Mixture",
    "gather",
    "learn",
    "mix",
    "new_mixture",
]

NODES = 74  # kinds of decisions, see `decisions`
RATES = (0.14, 0.03, 0.006)  # of the three running errors of every prediction
MEAN, RATE, SHAPE = 0, 1, 2  # fields of an expert
WINDOW = 65  # values around the prediction whose histogram is looked at together
_MOST_COUNTED = 1 << 18  # values; beyond, no histogram is kept
_RATIOS, _SIZES, _PARTS, _PASTS, _NEIGHBOURS, _LEVELS = 7, 24, 8, 15, 7, 7  # sizes of contexts
_KNOTS = 33
_COUNTERS = 4
_CONSTANT = 0.3
_FIRST_RATE, _LAST_RATE, _SLOWING = 0.1, 0.006, 0.02
_COUNTER_RATE, _MAP_RATE = 0.006, 0.004
_EDGE = 0.0001  # nothing learns to be more certain than this

# places in `chosen`
COUNTER, ROW, KNOT, CONTEXTS = 0, 4, 7, 9


class Mixture(NamedTuple):
    """C channels, E experts, M predictions, I = E + 6 inputs."""

    experts: Any  # int64 [E, 3]: prediction, rate, shape
    scales: Any  # [C, M, 3] running mean absolute errors
    recent: Any  # [C, 3] the last residuals in units of their scale
    mass: Any  # [E, 4]: below the low end, above it, below the high end, above it
    split: Any  # [E, 2]: below the split, above it
    inputs: Any  # [I]
    counters: Any  # [contexts]
    seen: Any  # [2 * NODES] decisions of each kind
    rows: Any  # [rows, I]
    knots: Any  # [contexts * 33]
    chosen: Any  # int64 [9]: four counters, three rows, two knots that spoke
    mixed: Any  # [3] what each row said
    histogram: Any  # int64 [lattices, ranks], or [lattices, 1] where they are too many
    window: Any  # [2, WINDOW + 1] sums of density, and of density times histogram


def new_mixture(channels: int, predictions: int, ranks: list[int], preset: Preset) -> Mixture:
    """The memory before the first decision; the last prediction is the best one."""
    last = predictions - 1
    experts = [(last, 0, ROUND), (last, 1, ROUND), (last, 2, ROUND), (last, 1, LAPLACE), (0, 0, ROUND)]
    if preset.experts:
        experts += [(k, 0, ROUND) for k in range(1, last)] + [(1, 1, ROUND)]
    count = len(experts)
    inputs = count + 2 + _COUNTERS
    rows = np.zeros((NODES * 2 + _LEVELS * _SIZES + NODES * _RATIOS, inputs))
    rows[:, :count] = 1.0 / count
    start = np.array([float(logistic(k / 2 - 8.0)) for k in range(_KNOTS)])
    return Mixture(
        experts=np.array(experts, np.int64),
        scales=np.full((channels, predictions, len(RATES)), 30.0),
        recent=np.zeros((channels, 3)),
        mass=np.zeros((count, 4)),
        split=np.zeros((count, 2)),
        inputs=np.zeros(inputs),
        counters=np.full(NODES * (2 * _RATIOS + _SIZES * _PARTS + 2 * _PASTS + 2 * _NEIGHBOURS), 0.5),
        seen=np.zeros(2 * NODES),
        rows=rows,
        knots=np.tile(start, NODES * 2 * (_RATIOS + _SIZES)),
        chosen=np.zeros(CONTEXTS, np.int64),
        mixed=np.zeros(3),
        histogram=np.zeros((len(ranks), max(ranks) if max(ranks) <= _MOST_COUNTED else 1), np.int64),
        window=np.zeros((2, WINDOW + 1)),
    )


@inlined
def gather(
    m: Mixture,
    node: Integer,
    side: Integer,
    level: Integer,
    ratio: Integer,
    size: Integer,
    part: Integer,
    past: Integer,
    neighbour: Integer,
) -> None:
    """Pick counters, rows and knots of a decision by its contexts, and let the counters speak."""
    chosen = m.chosen
    near = (node * _RATIOS + ratio) * 2 + side
    fine = (node * _SIZES + size) * _PARTS + part
    first = NODES * _RATIOS * 2
    second = first + NODES * _SIZES * _PARTS
    third = second + NODES * _PASTS * 2
    chosen[COUNTER] = near
    chosen[COUNTER + 1] = first + fine
    chosen[COUNTER + 2] = second + (node * _PASTS + past) * 2 + side
    chosen[COUNTER + 3] = third + (node * _NEIGHBOURS + neighbour) * 2 + side
    chosen[ROW] = node * 2 + side
    chosen[ROW + 1] = NODES * 2 + level * _SIZES + size
    chosen[ROW + 2] = NODES * 2 + _LEVELS * _SIZES + node * _RATIOS + ratio
    chosen[KNOT] = near * _KNOTS
    chosen[KNOT + 1] = (NODES * _RATIOS * 2 + (node * _SIZES + size) * 2 + side) * _KNOTS
    count = m.experts.shape[0]
    for i in range(_COUNTERS):
        m.inputs[count + 1 + i] = logit(m.counters[chosen[COUNTER + i]])
    m.inputs[count + 1 + _COUNTERS] = _CONSTANT


@inlined
def mix(m: Mixture) -> Real:
    """The probability of a decision from all inputs; what spoke is noted for `learn`."""
    first, second, third = m.rows[m.chosen[ROW]], m.rows[m.chosen[ROW + 1]], m.rows[m.chosen[ROW + 2]]
    a = b = c = 0.0
    for i in range(m.inputs.shape[0]):
        x = m.inputs[i]
        a += first[i] * x
        b += second[i] * x
        c += third[i] * x
    m.mixed[0] = logistic(a)
    m.mixed[1] = logistic(b)
    m.mixed[2] = logistic(c)
    total = (a + b + c) / 3.0
    place = total
    if not (place > -7.9):
        place = -7.9
    if place > 7.9:
        place = 7.9
    place = (place + 8.0) * 2.0
    low = np.int64(place)
    share = place - np.float64(low)
    nearer = 1 if share >= 0.5 else 0
    refined = 0.0
    for k in range(2):
        at = m.chosen[KNOT + k] + low
        refined += m.knots[at] * (1.0 - share) + m.knots[at + 1] * share
        m.chosen[KNOT + k] = at + nearer
    return 0.5 * logistic(total) + 0.25 * refined


@inlined
def learn(m: Mixture, bit: Integer) -> None:
    """Move everything that spoke in the last `mix` towards the bit that came."""
    kind = m.chosen[ROW]
    rate = _LAST_RATE + _FIRST_RATE / (1.0 + m.seen[kind] * _SLOWING)
    m.seen[kind] += 1.0
    target = np.float64(bit)
    for r in range(3):
        row = m.rows[m.chosen[ROW + r]]
        step = (target - m.mixed[r]) * rate
        for i in range(m.inputs.shape[0]):
            row[i] += step * m.inputs[i]
    bounded = _EDGE + target * (1.0 - 2.0 * _EDGE)
    for i in range(_COUNTERS):
        m.counters[m.chosen[COUNTER + i]] += (bounded - m.counters[m.chosen[COUNTER + i]]) * _COUNTER_RATE
    for k in range(2):
        m.knots[m.chosen[KNOT + k]] += (bounded - m.knots[m.chosen[KNOT + k]]) * _MAP_RATE
