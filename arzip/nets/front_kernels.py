"""The loops of an LSTM whose cells lie on fronts: one front forward and backward in floats, and in integers to code.

The cells of a front are computed at once, hence all arrays are [M, ...] with M = cells x lanes. Gates lie in the order
i, f, o, g.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled
from arzip.exact.fixed import Range, wide
from arzip.exact.gates import STATE_POINT, SUM_POINT, lstm_row
from arzip.exact.training_tanh import tanh

__all__ = ["HIDDEN", "SUMS", "backward", "exact", "forward"]

HIDDEN = Range(8, -256, 256)  # h as it enters a product
SUMS = wide(SUM_POINT)  # of products, before the gates
_LOWEST, _HIGHEST = np.float32(SUMS.low), np.float32(SUMS.high)
_UNIT = np.float32(2.0 ** (HIDDEN.point - STATE_POINT))
_ONE, _HALF = np.float32(1), np.float32(0.5)


@compiled
def forward(
    gates: NDArray[Any],
    bias: NDArray[Any],
    scale: NDArray[Any],
    cell: NDArray[Any],
    before: NDArray[Any],
    squashed: NDArray[Any],
    hidden: NDArray[Any],
) -> None:
    """One front: sums float32 [M, 4 h] become gates, `cell` [M h] goes on; keeps c as it was, tanh(c) and h for later.

    scale float32 [4 h] is 1 where the gate is tanh(p) and 1/2 where it is 1/2 + tanh(p / 2) / 2, the logistic function:
    one loop for all gates is long enough for vector instructions, four are not.
    """
    units = gates.shape[1] // 4
    for m in range(gates.shape[0]):
        row, start = gates[m], m * units
        for j in range(4 * units):
            row[j] = (_ONE - scale[j]) + scale[j] * tanh(scale[j] * (row[j] + bias[j]))
        for j in range(units):
            before[start + j] = cell[start + j]
            cell[start + j] = row[units + j] * cell[start + j] + row[j] * row[3 * units + j]
    for k in range(cell.shape[0]):
        squashed[k] = tanh(cell[k])
    for m in range(gates.shape[0]):
        for j in range(units):
            hidden[m * units + j] = gates[m, 2 * units + j] * squashed[m * units + j]


@compiled
def backward(
    gates: NDArray[Any],
    before: NDArray[Any],
    squashed: NDArray[Any],
    dh: NDArray[Any],
    dc: NDArray[Any],
    sums: NDArray[Any],
) -> None:
    """dL/d sums float32 [M, 4 h] of one front, from dh and dc [M h]; dc becomes that of c as it was."""
    units = gates.shape[1] // 4
    for m in range(gates.shape[0]):
        row, out, start = gates[m], sums[m], m * units
        for j in range(units):
            i, f, o, g = row[j], row[units + j], row[2 * units + j], row[3 * units + j]
            t, slope_h = squashed[start + j], dh[start + j]
            slope = dc[start + j] + slope_h * o * (_ONE - t * t)
            out[j] = slope * g * i * (_ONE - i)
            out[units + j] = slope * before[start + j] * f * (_ONE - f)
            out[2 * units + j] = slope_h * t * o * (_ONE - o)
            out[3 * units + j] = slope * i * (_ONE - g * g)
            dc[start + j] = slope * f


@compiled
def exact(
    x: NDArray[Any],
    x_bias: NDArray[Any],
    x_scale: NDArray[Any],
    q: NDArray[Any],
    q_bias: NDArray[Any],
    q_scale: NDArray[Any],
    cell: NDArray[Any],
    hidden: NDArray[Any],
    place: Integer,
) -> None:
    """One front in integers: `cell` int32 [M, h] goes on, and h as fp32 goes to hidden [M, ..] from `place` on.

    x, q: fp32 [M, 4 h], the products of what enters and of h before, and what finishes them, bias and scale [4 h], see
    `kernels.finish`. x is used up.
    """
    units = cell.shape[1]
    for m in range(cell.shape[0]):
        sums, state, h = x[m], q[m], hidden[m, place : place + units]
        for j in range(4 * units):
            entering = min(max(np.floor((sums[j] + x_bias[j]) * x_scale[j] + _HALF), _LOWEST), _HIGHEST)
            before = min(max(np.floor((state[j] + q_bias[j]) * q_scale[j] + _HALF), _LOWEST), _HIGHEST)
            sums[j] = entering + before
        lstm_row(sums, cell[m], h)
        for j in range(units):
            h[j] = np.floor(h[j] * _UNIT + _HALF)
