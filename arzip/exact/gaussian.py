"""Mixtures of discretised Gaussians: from a net's integers to probabilities, in float to train and exactly to code.

    P(x) = sum_k w_k [ N((x + 1/2 - m_k) / s_k) - N((x - 1/2 - m_k) / s_k) ],   N the normal distribution function,

with N(-inf) below the first of `levels` values and N(inf) above the last, as in `logistic`, whose conventions this file
shares: logits of w in octaves, means, and log2 s at binary point 5, and a floor of 2**-22 for every value. N comes from
a table of integers, by its Taylor series in Python's integers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.logistic import POINT, SCALE_HIGH, SCALE_LOW, mixture
from arzip.exact.rows import row_of

__all__ = ["NIBBLE", "gaussian_rows", "log2_gaussian", "normal_table"]

NIBBLE = 16
_STEPS = 32  # entries of the table per unit of z; readers interpolate between them
_LIMIT = 8  # |z| at the ends of the table
_BITS = 160
_Z_BITS = 16  # fraction of z between table entries
_FLOOR_BITS = 8  # per value, in units of 2**-30
_HALF = 1 << (POINT - 1)
_MIDDLE = _LIMIT * _STEPS << _Z_BITS


def _pi() -> int:
    """In units of 2**-160, by Machin's formula."""

    def arctangent(n: int) -> int:
        power, total, k = (1 << _BITS) // n, 0, 1
        while power:
            total += power // k if k % 4 == 1 else -(power // k)
            power //= n * n
            k += 2
        return total

    return 4 * (4 * arctangent(5) - arctangent(239))


@cache
def normal_table() -> NDArray[np.int64]:
    """N(z) * 2**30 at z = -8, -8 + 1/32, ..., 8 + 1/32."""
    one = 1 << _BITS
    density = one * one // _square_root_of(2 * _pi())
    upper = []
    for i in range(_LIMIT * _STEPS + 2):
        # N(z) - 1/2 = phi(0) * sum_n (-1)^n z^(2n+1) / (2^n n! (2n+1)), summed far beyond the cancellation at z = 8.
        z = (i << _BITS) // _STEPS
        term, total, n = z, 0, 0
        while term:
            total += (term if n % 2 == 0 else -term) // (2 * n + 1)
            n += 1
            term = (term * z >> _BITS) * z // (2 * n << _BITS)
        upper.append((one // 2 + (total * density >> _BITS) + (1 << (_BITS - 31))) >> (_BITS - 30))
    lower = [(1 << 30) - v for v in reversed(upper[1:-1])]
    return np.array(lower + upper, dtype=np.int64)


def _square_root_of(value: int) -> int:
    """The square root of a number in units of 2**-160, in the same units."""
    root = 1 << (_BITS + 4)
    target = value << _BITS
    while (better := (root + target // root) >> 1) < root:
        root = better
    return root


_NORMAL = normal_table()


def log2_gaussian(logits: Tensor, means: Tensor, scales: Tensor, x: Tensor, levels: int) -> Tensor:
    """log2 P(x), with gradients; logits, means, log2 scales [N, K] in real units, x [N] in 0..levels-1 -> [N]."""
    reciprocal = torch.exp2(-scales.clamp(SCALE_LOW / 32, SCALE_HIGH / 32))
    centred = x[:, None] - means
    above, below = (centred + 0.5) * reciprocal, (centred - 0.5) * reciprocal
    # N(a) - N(b) = N(-b) - N(-a): taken on the side where both are small, in logarithms.
    flipped = below > 0
    high = torch.special.log_ndtr(torch.where(flipped, -below, above))
    low = torch.special.log_ndtr(torch.where(flipped, -above, below))
    inner = high + torch.log(-torch.expm1((low - high).clamp(max=-1e-6)))
    first, last = torch.special.log_ndtr(above), torch.special.log_ndtr(-below)
    edge = x[:, None]
    log_p = torch.where(edge <= 0, first, torch.where(edge >= levels - 1, last, inner))
    log_w = torch.log_softmax(logits * 0.6931471805599453, dim=1)
    mixed = torch.logsumexp(log_w + log_p, dim=1) * 1.4426950408889634
    return torch.logaddexp2(mixed, torch.full_like(mixed, _FLOOR_BITS - 30))


@inlined
def _normal(z: Integer) -> Integer:
    """N(z) * 2**30 for z in units of 2**-16 / 32, by linear interpolation."""
    z = min(max(z + _MIDDLE, 0), 2 * _MIDDLE)
    i = z >> _Z_BITS
    left = _NORMAL[i]
    return left + ((_NORMAL[i + 1] - left) * (z & ((1 << _Z_BITS) - 1)) >> _Z_BITS)


@inlined
def _cumulative(edge: Integer, levels: Integer, outputs: NDArray[Any], mix: NDArray[Any]) -> Integer:
    """The probability of all values below `edge` in units of about 2**-30, floor included."""
    if edge <= 0:
        return np.int64(0)
    components = mix.shape[1]
    total = np.int64(0)
    for k in range(components):
        if edge >= levels:
            total += mix[0, k] << 30
        else:
            at = (edge << POINT) - _HALF - outputs[components + k]
            total += mix[0, k] * _normal(at * mix[1, k])
    return (total >> 16) + (edge << _FLOOR_BITS)


@compiled
def gaussian_rows(
    outputs: NDArray[Any], known: NDArray[Any], half: Integer, levels: Integer, scratch: Any, rows: NDArray[Any]
) -> None:
    """Rows int32 [N, 16] of the high (half 0) or low (half 1) nibbles of samples below 256.

    outputs int32 [N, 3 K] at point 5: logits, means, log2 scales; known int32 [N]: the smallest sample still possible.
    scratch: int64 [2, K] and int64 [17].
    """
    mix, edges = scratch
    step = NIBBLE if half == 0 else 1
    for n in range(rows.shape[0]):
        mixture(outputs[n], 0, mix.shape[1], mix[0], mix[1])
        for i in range(NIBBLE + 1):
            edges[i] = _cumulative(np.int64(known[n]) + i * step, levels, outputs[n], mix)
        row_of(edges, rows[n])
