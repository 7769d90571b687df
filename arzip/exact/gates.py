"""Gates of recurrent cells from an integer table, compiled; no torch here.

Gates have 15 fractional bits, h has 14 and an LSTM's cell 12; what stands before a gate has 10.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.lookup import SIGMOID_LIMIT, SIGMOID_STEPS, sigmoid_table

__all__ = [
    "CELL_POINT",
    "GATE_POINT",
    "STATE_POINT",
    "SUM_POINT",
    "gru",
    "gru_gates",
    "gru_state",
    "gru_unit",
    "linear_unit",
    "lstm",
    "lstm_row",
    "lstm_unit",
    "unit",
]

SUM_POINT, STATE_POINT, CELL_POINT = 10, 14, 12
GATE_POINT = 15
_ONE = 1 << GATE_POINT
_LIMIT = 8  # beyond it a gate is shut or open
_STEPS = 64  # entries per unit
_DROPPED = SUM_POINT - 6
_CELL_DROPPED = CELL_POINT - 6
_CELL_END = (16 << CELL_POINT) - 1


def _sigmoids() -> NDArray[np.int32]:
    """sigmoid(i / 64) * 2**15 for i = -1024 .. 1024, from the integer table, by interpolation at odd i."""
    fine, ratio = sigmoid_table(), _STEPS // SIGMOID_STEPS
    values = []
    for i in range(-2 * _LIMIT * _STEPS, 2 * _LIMIT * _STEPS + 1):
        left, half = divmod(i + SIGMOID_LIMIT * _STEPS, ratio)
        values.append(((int(fine[left]) + int(fine[left + half])) // 2 + (1 << 14)) >> 15)
    return np.array(values, dtype=np.int32)


_SIGMOIDS = _sigmoids()
_MIDDLE = 2 * _LIMIT * _STEPS


@inlined
def _sigmoid(p: Integer, dropped: Integer) -> Integer:
    """In units of 2**-15; p has 6 + dropped fractional bits."""
    i = (p + (1 << (dropped - 1))) >> dropped
    return np.int64(_SIGMOIDS[min(max(i, -_MIDDLE), _MIDDLE) + _MIDDLE])


@inlined
def _tanh(p: Integer, dropped: Integer) -> Integer:
    """2 s(2 p) - 1 in units of 2**-15."""
    return 2 * _sigmoid(2 * p, dropped) - _ONE


@inlined
def _shifted(x: Integer, bits: Integer) -> Integer:
    return (x + (1 << (bits - 1))) >> bits


@inlined
def gru_gates(reset: Integer, kept: Integer, x: Integer, q: Integer) -> tuple[Integer, Integer, Integer]:
    """r, z and the candidate of a unit: from sums before the gates, and both parts of what stands before the last."""
    r, z = _sigmoid(reset, _DROPPED), _sigmoid(kept, _DROPPED)
    return r, z, _shifted(_tanh(x + _shifted(r * np.int64(q), GATE_POINT), _DROPPED), GATE_POINT - STATE_POINT)


@inlined
def gru_state(z: Integer, candidate: Integer, h: Integer) -> Integer:
    """The next h of a unit."""
    return candidate + _shifted(z * (np.int64(h) - candidate), GATE_POINT)


@inlined
def gru_unit(reset: Integer, kept: Integer, x: Integer, q: Integer, h: Integer) -> Integer:
    """Both together."""
    _, z, candidate = gru_gates(reset, kept, x, q)
    return gru_state(z, candidate, h)


@inlined
def unit(a: Integer, b: Integer) -> Integer:
    """tanh(a) sigmoid(b) with 8 fractional bits."""
    return _shifted(_tanh(a, _DROPPED) * _sigmoid(b, _DROPPED), 2 * GATE_POINT - 8)


@inlined
def linear_unit(a: Integer, b: Integer) -> Integer:
    """a sigmoid(b) at the point of a."""
    return _shifted(a * _sigmoid(b, _DROPPED), GATE_POINT)


@compiled
def gru(x: NDArray[Any], q: NDArray[Any], h: NDArray[Any], after: NDArray[Any]) -> None:
    lanes, units = h.shape
    for n in range(lanes):
        for j in range(units):
            reset, kept = np.int64(x[n, j]) + q[n, j], np.int64(x[n, units + j]) + q[n, units + j]
            after[n, j] = gru_unit(reset, kept, np.int64(x[n, 2 * units + j]), q[n, 2 * units + j], h[n, j])


@inlined
def lstm_unit(i: Integer, f: Integer, o: Integer, g: Integer, c: Integer) -> tuple[Integer, Integer]:
    """The next c and h of a cell: sums before the gates i, f, o and the candidate g."""
    kept, entered = _sigmoid(f, _DROPPED) * np.int64(c), _sigmoid(i, _DROPPED) * _tanh(g, _DROPPED)
    cell = _shifted(kept, GATE_POINT) + _shifted(entered, 2 * GATE_POINT - CELL_POINT)
    cell = min(max(cell, -_CELL_END), _CELL_END)
    return cell, _shifted(_sigmoid(o, _DROPPED) * _tanh(cell, _CELL_DROPPED), 2 * GATE_POINT - STATE_POINT)


@compiled
def lstm(x: NDArray[Any], q: NDArray[Any], c: NDArray[Any], h: NDArray[Any], after: NDArray[Any]) -> None:
    lanes, units = c.shape
    for n in range(lanes):
        for j in range(units):
            i, f = np.int64(x[n, j]) + q[n, j], np.int64(x[n, units + j]) + q[n, units + j]
            o, g = (
                np.int64(x[n, 2 * units + j]) + q[n, 2 * units + j],
                np.int64(x[n, 3 * units + j]) + q[n, 3 * units + j],
            )
            after[n, j], h[n, j] = lstm_unit(i, f, o, g, c[n, j])


_VALUES = _SIGMOIDS.astype(np.float32)
_HALF, _ENTRY, _END = np.float32(0.5), np.float32(1 / (1 << _DROPPED)), np.float32(_MIDDLE)
_CELL_ENTRY = np.float32(2 / (1 << _CELL_DROPPED))
_KEPT, _ENTERED = 2.0**-GATE_POINT, 2.0 ** (CELL_POINT - 2 * GATE_POINT)
_LEFT = 2.0 ** (STATE_POINT - 2 * GATE_POINT)
_FULL = float(_CELL_END)


@inlined
def _sigmoids_of(places: NDArray[Any]) -> None:
    """Places in the table become its values: the one loop that no vector instruction serves."""
    for j in range(places.shape[0]):
        places[j] = _VALUES[np.uintp(np.int32(places[j]))]


@inlined
def lstm_row(sums: NDArray[Any], c: NDArray[Any], h: NDArray[Any]) -> None:
    """`lstm_unit` of a row: c int32 [h] goes on, h fp32 [h] is written; sums fp32 [4 h] of i, f, o, g are used up.

    Twice as fast and more, by short loops over numbers that are held in floats without error: places below 2**12 in
    fp32, products of gates with each other and with a cell, below 2**31, in doubles.
    """
    units = c.shape[0]
    for j in range(3 * units):
        sums[j] = min(max(np.floor(sums[j] * _ENTRY + _HALF), -_END), _END) + _END
    for j in range(3 * units, 4 * units):
        sums[j] = min(max(np.floor(sums[j] * (2 * _ENTRY) + _HALF), -_END), _END) + _END
    _sigmoids_of(sums)
    i, f, o, g = sums[:units], sums[units : 2 * units], sums[2 * units : 3 * units], sums[3 * units :]
    for j in range(units):
        kept = np.floor(np.float64(f[j]) * np.float64(c[j]) * _KEPT + 0.5)
        entered = np.floor(np.float64(i[j]) * (2.0 * np.float64(g[j]) - _ONE) * _ENTERED + 0.5)
        cell = min(max(kept + entered, -_FULL), _FULL)
        c[j] = np.int32(cell)
        h[j] = min(max(np.floor(np.float32(cell) * _CELL_ENTRY + _HALF), -_END), _END) + _END
    _sigmoids_of(h)
    for j in range(units):
        h[j] = np.floor(np.float64(o[j]) * (2.0 * np.float64(h[j]) - _ONE) * _LEFT + 0.5)
