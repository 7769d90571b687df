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
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1), np.float32(2)
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


@inlined
def _sigmoid(x: Real) -> Real:
    return _HALF + _HALF * _tanh(_HALF * x)


@compiled
def forward(
    gates: NDArray[Any], cell: NDArray[Any], before: NDArray[Any], squashed: NDArray[Any], hidden: NDArray[Any]
) -> None:
    """One front: sums float32 [M, 4 h] become gates, `cell` [M, h] goes on; keeps c as it was, tanh(c), h for later."""
    units = cell.shape[1]
    for m in range(cell.shape[0]):
        row = gates[m]
        for j in range(3 * units):
            row[j] = _sigmoid(row[j])
        for j in range(3 * units, 4 * units):
            row[j] = _tanh(row[j])
        i, f, o, g = row[:units], row[units : 2 * units], row[2 * units : 3 * units], row[3 * units :]
        c, old, t, h = cell[m], before[m], squashed[m], hidden[m]
        for j in range(units):
            old[j] = c[j]
            now = f[j] * c[j] + i[j] * g[j]
            c[j] = now
            t[j] = _tanh(now)
            h[j] = o[j] * t[j]


@compiled
def backward(
    gates: NDArray[Any],
    before: NDArray[Any],
    squashed: NDArray[Any],
    dh: NDArray[Any],
    dc: NDArray[Any],
    sums: NDArray[Any],
) -> None:
    """dL/d sums float32 [M, 4 h] of one front, from dh and dc [M, h]; dc becomes that of c as it was."""
    units = dc.shape[1]
    for m in range(dc.shape[0]):
        row, out = gates[m], sums[m]
        i, f, o, g = row[:units], row[units : 2 * units], row[2 * units : 3 * units], row[3 * units :]
        di, df, do, dg = out[:units], out[units : 2 * units], out[2 * units : 3 * units], out[3 * units :]
        c, t, slope_h, slope_c = before[m], squashed[m], dh[m], dc[m]
        for j in range(units):
            slope = slope_c[j] + slope_h[j] * o[j] * (_ONE - t[j] * t[j])
            di[j] = slope * g[j] * i[j] * (_ONE - i[j])
            df[j] = slope * c[j] * f[j] * (_ONE - f[j])
            do[j] = slope_h[j] * t[j] * o[j] * (_ONE - o[j])
            dg[j] = slope * i[j] * (_ONE - g[j] * g[j])
            slope_c[j] = slope * f[j]


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
