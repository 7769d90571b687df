"""The loops of an LSTM whose cells lie on fronts: one front forward and backward in floats, and in integers to code.

The cells of a front are computed at once, hence all arrays are [M, ...] with M = cells x lanes. Gates lie in the order
i, f, o, g. To train, tanh is a ratio of polynomials, for vector instructions know neither tables nor libraries here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Real, compiled, inlined
from arzip.exact.fixed import Range
from arzip.exact.gates import STATE_POINT, lstm_unit

__all__ = ["HIDDEN", "backward", "exact", "forward"]

HIDDEN = Range(8, -256, 256)  # h as it enters a product
_DROPPED = STATE_POINT - HIDDEN.point
_ONE = np.float32(1)
_END = np.float32(7.9)  # tanh is 1 in fp32 beyond it
# tanh(x) = x P(x^2) / Q(x^2), the minimax ratio of degrees 13 and 6 that Eigen uses; 2 units in the last place.
_P6, _P5, _P4 = np.float32(-2.76076847742355e-16), np.float32(2.00018790482477e-13), np.float32(-8.60467152213735e-11)
_P3, _P2, _P1 = np.float32(5.12229709037114e-08), np.float32(1.48572235717979e-05), np.float32(6.37261928875436e-04)
_P0 = np.float32(4.89352455891786e-03)
_Q3, _Q2, _Q1 = np.float32(1.19825839466702e-06), np.float32(1.18534705686654e-04), np.float32(2.26843463243900e-03)
_Q0 = np.float32(4.89352518554385e-03)


@inlined
def _tanh(x: Real) -> Real:
    x = min(max(x, -_END), _END)
    s = x * x
    p = (((((_P6 * s + _P5) * s + _P4) * s + _P3) * s + _P2) * s + _P1) * s + _P0
    q = ((_Q3 * s + _Q2) * s + _Q1) * s + _Q0
    # Not "/", whose check for zero would keep vector instructions away.
    return np.divide(x * p, q)


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
            row[j] = (_ONE - scale[j]) + scale[j] * _tanh(scale[j] * (row[j] + bias[j]))
        for j in range(units):
            before[start + j] = cell[start + j]
            cell[start + j] = row[units + j] * cell[start + j] + row[j] * row[3 * units + j]
    for k in range(cell.shape[0]):
        squashed[k] = _tanh(cell[k])
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
def exact(x: NDArray[Any], q: NDArray[Any], cell: NDArray[Any], hidden: NDArray[Any]) -> None:
    """One front in integers: x and q fp32 [M, 4 h] at SUM_POINT, `cell` int32 [M, h] goes on, h in HIDDEN as fp32."""
    units = cell.shape[1]
    for m in range(cell.shape[0]):
        for j in range(units):
            i = np.int64(x[m, j] + q[m, j])
            f = np.int64(x[m, units + j] + q[m, units + j])
            o = np.int64(x[m, 2 * units + j] + q[m, 2 * units + j])
            g = np.int64(x[m, 3 * units + j] + q[m, 3 * units + j])
            cell[m, j], h = lstm_unit(i, f, o, g, cell[m, j])
            hidden[m, j] = (h + (1 << (_DROPPED - 1))) >> _DROPPED
