"""Mixtures of discretised logistics: from a net's integers to probabilities, in float to train and exactly to code.

A sample x of `levels` values (0..levels-1) has the distribution (Salimans et al. 2017, section 2.1)

    P(x) = sum_k w_k [ F((x + 1/2 - m_k) / s_k) - F((x - 1/2 - m_k) / s_k) ],   F(z) = 1 / (1 + exp(-z)),

with F(-inf) = 0 below the first value and F(inf) = 1 above the last. A net gives, per component, three integers at
binary point 5: the logit of w in octaves (w ~ 2**logit), the mean m, and log2 s.

Exact reading: the cumulative function C at any edge 0..levels, in integers, from which `arzip.exact.rows` makes
frequencies. Every value also has a floor of 2**-22, so that nothing is impossible.
"""

from __future__ import annotations

from typing import Any

import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from arzip.exact.lookup import SIGMOID_LIMIT, SIGMOID_STEPS, exp2_table, sigmoid_table

__all__ = ["POINT", "cumulative", "log2_likelihood", "mixture", "sigmoid"]

POINT = 5  # binary point of the three integers
SCALE_LOW, SCALE_HIGH = -4 * 32, 7 * 32  # log2 s at point 5: 1/16 .. 128
_WEIGHT_SPAN = 16 * 32  # components 16 octaves below the heaviest are dropped
_FLOOR_BITS = 8  # per symbol, in units of 2**-30
_Z_BITS = 16  # fraction of z between table entries

_EXP2 = exp2_table(-_WEIGHT_SPAN, 0, 16)
_RECIPROCAL = exp2_table(-SCALE_HIGH, -SCALE_LOW, _Z_BITS)
_SIGMOID = sigmoid_table()


def log2_likelihood(logits: Tensor, means: Tensor, scales: Tensor, x: Tensor, levels: int) -> Tensor:
    """log2 P(x), with gradients; logits, means, log2 scales [N, K] in real units, x [N] in 0..levels-1 -> [N]."""
    scales = scales.clamp(SCALE_LOW / 32, SCALE_HIGH / 32)
    reciprocal = torch.exp2(-scales)
    centred = x[:, None] - means
    above = (centred + 0.5) * reciprocal
    below = (centred - 0.5) * reciprocal
    # F(a) - F(b) = F(a) F(-b) (1 - exp(b - a)), which keeps its gradient however far the sample lies.
    inner = (
        torch.nn.functional.logsigmoid(above)
        + torch.nn.functional.logsigmoid(-below)
        + torch.log(-torch.expm1(-reciprocal))
    )
    first = torch.nn.functional.logsigmoid(above)
    last = torch.nn.functional.logsigmoid(-below)
    edge = x[:, None]
    log_p = torch.where(edge <= 0, first, torch.where(edge >= levels - 1, last, inner))
    log_w = torch.log_softmax(logits * 0.6931471805599453, dim=1)
    mixed = torch.logsumexp(log_w + log_p, dim=1) * 1.4426950408889634
    return torch.logaddexp2(mixed, torch.full_like(mixed, _FLOOR_BITS - 30))


@njit(cache=True, nogil=True)
def sigmoid(z: int) -> Any:
    """F(z) * 2**30 for z in units of 2**-16 / 32, by linear interpolation."""
    limit = SIGMOID_LIMIT * SIGMOID_STEPS << _Z_BITS
    z = min(max(z + limit, 0), 2 * limit)
    i = z >> _Z_BITS
    left = _SIGMOID[i]
    return left + ((_SIGMOID[i + 1] - left) * (z & ((1 << _Z_BITS) - 1)) >> _Z_BITS)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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
    return (total >> 16) + (edge << _FLOOR_BITS)
