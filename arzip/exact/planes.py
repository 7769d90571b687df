"""Mixtures of discretised logistics over samples of 16 bits, by planes: the coarse byte, then the fine one given it.

    P(x) = sum_k w_k [ F((x + 1/2 - m_k) / s_k) - F((x - 1/2 - m_k) / s_k) ],   F(z) = 1 / (1 + exp(-z)),

as `logistic` has it for pictures (Salimans et al. 2017 [1], section 2.1; for sound, van den Oord et al. 2018 [2],
section 2.2), with wider scales. What a net says is relative to what its signal does: means lie around a linear
prediction from the last samples, at distances measured in a common scale of all components.

    log2 s_k = c + d_k,   m_k = prediction + 2**c o_k,   prediction = x_1 + sum_i a_i (x_i - x_{i+1})

Integers: logits in octaves, c, d and o at binary point 5, taps a at 12. `log2_planes` is the reading that trains.

[1] https://arxiv.org/abs/1701.05517  [2] https://arxiv.org/abs/1711.10433
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.logistic import POINT, sigmoid
from arzip.exact.lookup import exp2_table
from arzip.exact.rows import row_of

__all__ = ["BYTE", "LEVELS", "LOWEST", "TAP_POINT", "log2_planes", "mixtures", "plane_rows"]

LEVELS, BYTE = 1 << 16, 256
LOWEST = -(1 << 15)  # of a sample
TAP_POINT = 12
_SCALE_LOW, _SCALE_HIGH = -5 * 32, 14 * 32  # log2 of a scale at point 5
_WEIGHT_SPAN = 16 * 32  # components 16 octaves below the heaviest are dropped
_FLOOR_BITS = 3  # of every value, in units of 2**-30
_RECIPROCAL_BITS = 22
_TO_TABLE = _RECIPROCAL_BITS - 16  # `sigmoid` takes z in units of 2**-16 / 32
_TO_MEAN = TAP_POINT - POINT
_UNIT_BITS = 8  # fraction of the common scale
_HALF = 1 << (POINT - 1)

_EXP2 = exp2_table(-_WEIGHT_SPAN, 0, 16)
_RECIPROCAL = exp2_table(-_SCALE_HIGH, -_SCALE_LOW, _RECIPROCAL_BITS)
_UNIT = exp2_table(_SCALE_LOW, _SCALE_HIGH, _UNIT_BITS)


@inlined
def _scale(value: Integer) -> Integer:
    return min(max(np.int64(value), _SCALE_LOW), _SCALE_HIGH)


@inlined
def _predicted(taps: NDArray[Any], past: NDArray[Any]) -> Integer:
    """The linear prediction at point 5 of taps [P] at point 12 and samples [P + 1], the last first."""
    total = np.int64(1 << (_TO_MEAN - 1))
    for i in range(taps.shape[0]):
        total += np.int64(taps[i]) * (np.int64(past[i]) - np.int64(past[i + 1]))
    return (np.int64(past[0]) << POINT) + (total >> _TO_MEAN)


@compiled
def mixtures(outputs: NDArray[Any], taps: NDArray[Any], past: NDArray[Any], mixed: NDArray[Any]) -> None:
    """Weights (sum about 2**16), means and reciprocal scales of N mixtures, int64 [N, 3, K].

    outputs [N, 1 + 3 K] at point 5: c, logits, o, d; taps [N, P] at point 12; past int32 [N, P + 1], the last sample
    first. Outputs and taps are integers of any type.
    """
    components = mixed.shape[2]
    for n in range(outputs.shape[0]):
        out, mix = outputs[n], mixed[n]
        top = np.int64(out[1])
        for k in range(1, components):
            top = max(top, np.int64(out[1 + k]))
        total = np.int64(0)
        for k in range(components):
            below = np.int64(out[1 + k]) - top
            mix[0, k] = _EXP2[below + _WEIGHT_SPAN] if below >= -_WEIGHT_SPAN else 0
            total += mix[0, k]
        base, common = _predicted(taps[n], past[n]), np.int64(out[0])
        unit = _UNIT[_scale(common) - _SCALE_LOW]
        for k in range(components):
            mix[0, k] = (mix[0, k] << 16) // total
            mix[1, k] = base + ((np.int64(out[1 + components + k]) * unit) >> _UNIT_BITS)
            mix[2, k] = _RECIPROCAL[_SCALE_HIGH - _scale(_scale(common) + np.int64(out[1 + 2 * components + k]))]


@inlined
def _below(value: Integer, mix: NDArray[Any]) -> Integer:
    """The probability of all samples below `value`, counted from the lowest, in units of about 2**-30, with floor."""
    if value <= 0:
        return np.int64(0)
    at = ((value + LOWEST) << POINT) - _HALF
    total = np.int64(0)
    for k in range(mix.shape[1]):
        if value >= LEVELS:
            total += mix[0, k] << 30
        else:
            total += mix[0, k] * sigmoid(((at - mix[1, k]) * mix[2, k]) >> _TO_TABLE)
    return (total >> 16) + (value << _FLOOR_BITS)


@compiled
def plane_rows(
    mixed: NDArray[Any], known: NDArray[Any], plane: Integer, edges: NDArray[Any], rows: NDArray[Any]
) -> None:
    """Rows int32 [N, 256] of the coarse (plane 0) or fine (plane 1) bytes of samples with mixtures int64 [N, 3, K].

    known int32 [N]: the smallest sample still possible, counted from the lowest. edges: scratch, int64 [257].
    """
    step = BYTE if plane == 0 else 1
    for n in range(rows.shape[0]):
        for i in range(BYTE + 1):
            edges[i] = _below(np.int64(known[n]) + i * step, mixed[n])
        row_of(edges, rows[n])


def log2_planes(outputs: Tensor, base: Tensor, x: Tensor) -> Tensor:
    """log2 P(x) with gradients; outputs [N, 1 + 3 K] and base [N] in real units, x [N] samples -> [N]."""
    low, high = _SCALE_LOW / 32, _SCALE_HIGH / 32
    common = outputs[:, :1].clamp(low, high)
    logits, offsets, scales = outputs[:, 1:].chunk(3, dim=1)
    reciprocal = torch.exp2(-(common + scales).clamp(low, high))
    centred = (x - base)[:, None] - offsets * torch.exp2(common)
    above, below = (centred + 0.5) * reciprocal, (centred - 0.5) * reciprocal
    first, last = torch.nn.functional.logsigmoid(above), torch.nn.functional.logsigmoid(-below)
    # F(a) - F(b) = F(a) F(-b) (1 - exp(b - a)), which keeps its gradient however far the sample lies.
    inner = first + last + torch.log(-torch.expm1(-reciprocal))
    edge = x[:, None]
    log_p = torch.where(edge <= LOWEST, first, torch.where(edge >= LOWEST + LEVELS - 1, last, inner))
    log_w = torch.log_softmax(logits * 0.6931471805599453, dim=1)
    mixed = torch.logsumexp(log_w + log_p, dim=1) * 1.4426950408889634
    return torch.logaddexp2(mixed, torch.full_like(mixed, _FLOOR_BITS - 30))
