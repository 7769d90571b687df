"""Mixtures of discretised logistics: from a net's integers to probabilities, exactly.

A sample x of `levels` values (0..levels-1) has the distribution (Salimans et al. 2017, section 2.1)

    P(x) = sum_k w_k [ F((x + 1/2 - m_k) / s_k) - F((x - 1/2 - m_k) / s_k) ],   F(z) = 1 / (1 + exp(-z)),

with F(-inf) = 0 below the first value and F(inf) = 1 above the last. A net gives, per component, three integers at
binary point 5: the logit of w in octaves (w ~ 2**logit), the mean m, and log2 s.

Exact reading: the cumulative function C at any edge 0..levels, in integers, from which `arzip.exact.rows` makes
frequencies. Every value also has a floor of 2**-22, so that nothing is impossible. `logistic_likelihood` has the
reading that trains.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from arzip.compiled import allocating
from arzip.exact.lookup import SIGMOID_LIMIT, SIGMOID_STEPS, exp2_table, sigmoid_table

__all__ = ["FLOOR_BITS", "POINT", "SCALE_HIGH", "SCALE_LOW", "cumulative", "mixture", "sigmoid", "slopes"]

POINT = 5  # binary point of the three integers
SCALE_LOW, SCALE_HIGH = -4 * 32, 7 * 32  # log2 s at point 5: 1/16 .. 128
_WEIGHT_SPAN = 16 * 32  # components 16 octaves below the heaviest are dropped
FLOOR_BITS = 8  # per symbol, in units of 2**-30
_Z_BITS = 16  # fraction of z between table entries

_UNIT, _ARGUMENT = 2.0**-30, 2.0 ** -(_Z_BITS + 5)  # of sigmoids; of what they are taken of
_FLOOR = 2.0**-22
_LN2 = 0.6931471805599453

_EXP2 = exp2_table(-_WEIGHT_SPAN, 0, 16)
_RECIPROCAL = exp2_table(-SCALE_HIGH, -SCALE_LOW, _Z_BITS)
_SIGMOID = sigmoid_table()


@allocating
def sigmoid(z: int) -> Any:
    """F(z) * 2**30 for z in units of 2**-16 / 32, by linear interpolation."""
    limit = SIGMOID_LIMIT * SIGMOID_STEPS << _Z_BITS
    z = min(max(z + limit, 0), 2 * limit)
    i = z >> _Z_BITS
    left = _SIGMOID[i]
    return left + ((_SIGMOID[i + 1] - left) * (z & ((1 << _Z_BITS) - 1)) >> _Z_BITS)


@allocating
def mixture(outputs: NDArray[Any], first: int, components: int, weight: NDArray[Any], reciprocal: NDArray[Any]) -> None:
    """Weights (sum about 2**16) and reciprocal scales of one sample from a net's integers [3 K]: logits, means, scales.

    `first` is where the logits begin: a row may hold other outputs before them.
    """
    top = outputs[first]
    for k in range(1, components):
        top = max(top, outputs[first + k])
    total = 0
    for k in range(components):
        below = outputs[first + k] - top
        w = _EXP2[below + _WEIGHT_SPAN] if below >= -_WEIGHT_SPAN else 0
        weight[k] = w
        total += w
    for k in range(components):
        weight[k] = (weight[k] << 16) // total
        scale = min(max(outputs[first + 2 * components + k], SCALE_LOW), SCALE_HIGH)
        reciprocal[k] = _RECIPROCAL[SCALE_HIGH - scale]


@allocating
def cumulative(edge: int, levels: int, mean: NDArray[Any], weight: NDArray[Any], reciprocal: NDArray[Any]) -> int:
    """C(edge): the probability of all samples below `edge` (0..levels) in units of about 2**-30, floor included."""
    if edge <= 0:
        return 0
    total = 0
    if edge >= levels:
        for k in range(mean.shape[0]):
            total += weight[k] << 30
    else:
        at = (edge << POINT) - (1 << (POINT - 1))
        for k in range(mean.shape[0]):
            # (edge - 1/2 - m) / s: point 5 times 2**-16, where a step of the table is 1/32, so the units agree.
            total += weight[k] * sigmoid((at - mean[k]) * reciprocal[k])
    return (total >> 16) + (edge << FLOOR_BITS)


@allocating
def slopes(
    value: int, levels: int, mean: NDArray[Any], weight: NDArray[Any], reciprocal: NDArray[Any], out: NDArray[Any]
) -> None:
    """out float32 [3 K]: the slopes of -ln P(value) by a net's integers (logits, means, log2 scales), times 32.

    One fixed order of IEEE operations on doubles; sigmoids come from the table.
    """
    count = mean.shape[0]
    total = _FLOOR
    for k in range(count):
        w, scale = weight[k] / 65536.0, reciprocal[k] / 65536.0
        below, above, gap, spread = 0.0, 1.0, 0.0, 0.0
        if value > 0:
            z = ((value << POINT) - (1 << (POINT - 1)) - mean[k]) * reciprocal[k]
            below = sigmoid(z) * _UNIT
            slope = below * (1.0 - below)
            gap -= slope
            spread -= slope * (z * _ARGUMENT)
        if value < levels - 1:
            z = ((value << POINT) + (1 << (POINT - 1)) - mean[k]) * reciprocal[k]
            above = sigmoid(z) * _UNIT
            slope = above * (1.0 - above)
            gap += slope
            spread += slope * (z * _ARGUMENT)
        share = w * (above - below)
        total += share
        out[k] = share
        out[count + k] = w * scale * gap
        out[2 * count + k] = _LN2 * w * spread
    for k in range(count):
        out[k] = _LN2 * (weight[k] / 65536.0 - out[k] / total)
        out[count + k] = out[count + k] / total
        out[2 * count + k] = out[2 * count + k] / total
