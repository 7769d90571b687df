"""The loops of a GRU in floats: the gates of one step, forward and backward, for all lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Real, compiled
from arzip.exact.training_tanh import tanh

__all__ = ["backward", "forward"]

_HALF, _ONE = np.float32(0.5), np.float32(1)


@compiled
def forward(
    x: NDArray[Any],
    more: NDArray[Any],
    q: NDArray[Any],
    bias: NDArray[Any],
    before: NDArray[Any],
    scale: Real,
    gates: NDArray[Any],
    inner: NDArray[Any],
    candidate: NDArray[Any],
    hidden: NDArray[Any],
    rounded: NDArray[Any],
) -> None:
    """One step of sums x and q [L, 3 h], `more` [L, h] for the candidate, from h as it was, `before` [L, h].

    Keeps the gates r and z [L, 2 h], what r lets through and the candidate [L, h]; h is also rounded to 1 / scale, and
    kept within +-1 less one step. All float32.
    """
    units = before.shape[1]
    step = _ONE / scale
    for m in range(np.uintp(before.shape[0])):
        sums, looks, row, through = x[m], q[m], gates[m], inner[m]
        for j in range(np.uintp(2 * units)):
            row[j] = _HALF + _HALF * tanh(_HALF * (sums[j] + (looks[j] + bias[j])))
        sums, looks, added, own = sums[2 * units :], looks[2 * units :], more[m], bias[2 * units :]
        new, old, out, into = candidate[m], before[m], hidden[m], rounded[m]
        for j in range(np.uintp(units)):
            through[j] = looks[j] + own[j]
            new[j] = tanh(sums[j] + added[j] + row[j] * through[j])
        keep = row[units:]
        for j in range(np.uintp(units)):
            out[j] = new[j] + keep[j] * (old[j] - new[j])
            into[j] = min(max(np.floor(out[j] * scale + _HALF), _ONE - scale), scale - _ONE) * step


@compiled
def backward(
    gates: NDArray[Any],
    inner: NDArray[Any],
    candidate: NDArray[Any],
    before: NDArray[Any],
    slope: NDArray[Any],
    dh: NDArray[Any],
    dx: NDArray[Any],
    dq: NDArray[Any],
) -> None:
    """dL/dx and dL/dq [L, 3 h] of one step, from the slope and what later steps want, dh [L, h]; that becomes z dh."""
    units = before.shape[1]
    for m in range(np.uintp(before.shape[0])):
        reset, keep = gates[m, :units], gates[m, units:]
        through, n, old, wanted, here = inner[m], candidate[m], before[m], dh[m], slope[m]
        to_r, to_z, to_n = dx[m, :units], dx[m, units : 2 * units], dx[m, 2 * units :]
        also_r, also_z, also_n = dq[m, :units], dq[m, units : 2 * units], dq[m, 2 * units :]
        for j in range(np.uintp(units)):
            r, z, d = reset[j], keep[j], wanted[j] + here[j]
            kept = z * d
            dn = (_ONE - n[j] * n[j]) * (d - kept)
            to_n[j], also_n[j] = dn, dn * r
            to_r[j] = also_r[j] = dn * through[j] * r * (_ONE - r)
            to_z[j] = also_z[j] = (old[j] - n[j]) * kept * (_ONE - z)
            wanted[j] = kept
