"""The loops of NADE, in integers to code and to train, in floats for the gradient.

Hidden units change only when a variable is not 0, a hundred times in an image of 784 pixels, so all loops remember
them and go over them again at such variables alone. Variables are taken in blocks whose weights stay in the cache.

    a_d = c + sum_{i<d} x_i W_i        h_d = s(a_d)        z_d = b_d + V_d h_d

    s(a) = t^2 / 32 for a <= 0, 1 - t^2 / 32 for a > 0,  t = max(4 - |a|, 0)

s is the sigmoid drawn with two parabolas: it agrees with it to 0.02, and vector instructions need no table for it.

The forward loop of training is the exact reading itself; the backward loop passes its roundings straight through.
Points: W, c, h and V 2**10, b 2**20.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.bernoulli import LOGIT

__all__ = ["ACTIVATION", "BIAS", "WEIGHT", "activate_all", "advance", "gradients", "logits_of", "next_logits"]

WEIGHT, ACTIVATION = 10, 10  # binary points
BIAS = WEIGHT + ACTIVATION
_DOWN = BIAS - LOGIT.point
_LOW, _HIGH = LOGIT.low, LOGIT.high
_END = np.float32(4 << WEIGHT)
_ONE = np.float32(1 << ACTIVATION)
_SQUARED = np.float32(2.0 ** (ACTIVATION - 2 * WEIGHT - 5))


@inlined
def activate(a: NDArray[Any], h: NDArray[Any]) -> None:
    """h int16 [H] of a int32 [H]; integers below 2**24 in fp32, which makes every step exact."""
    for j in range(h.shape[0]):
        t = max(_END - abs(np.float32(a[j])), np.float32(0))
        q = np.floor(t * t * _SQUARED + np.float32(0.5))
        h[j] = np.int16(_ONE - q if a[j] > 0 else q)


@compiled
def activate_all(a: NDArray[Any], h: NDArray[Any]) -> None:
    """h int16 [L, H] of a int32 [L, H]."""
    for n in range(a.shape[0]):
        activate(a[n], h[n])


@inlined
def _logit(h: NDArray[Any], v: NDArray[Any], b: Integer) -> Integer:
    total = np.int32(b)
    for j in range(h.shape[0]):
        # 32 bits on purpose: twice as fast, and `NADE.check` proves that they hold the sum.
        total = np.int32(total + np.int32(v[j]) * np.int32(h[j]))
    return min(max((np.int64(total) + (1 << (_DOWN - 1))) >> _DOWN, _LOW), _HIGH)


@inlined
def _known(a: NDArray[Any], w: NDArray[Any], x: Integer, shift: Integer) -> None:
    """a += x W: a variable becomes known; x counts in units of 2**-shift."""
    if shift == 0:
        for j in range(a.shape[0]):
            a[j] += w[j]
    else:
        for j in range(a.shape[0]):
            a[j] += np.int32(np.int32(w[j]) * np.int32(x)) >> np.int32(shift)


@inlined
def _unknown(a: NDArray[Any], w: NDArray[Any], x: Integer, shift: Integer) -> None:
    """The inverse of `_known`."""
    if shift == 0:
        for j in range(a.shape[0]):
            a[j] -= w[j]
    else:
        for j in range(a.shape[0]):
            a[j] -= np.int32(np.int32(w[j]) * np.int32(x)) >> np.int32(shift)


@compiled
def logits_of(
    x: NDArray[Any],
    shift: Integer,
    w: NDArray[Any],
    v: NDArray[Any],
    b: NDArray[Any],
    block: Integer,
    a: NDArray[Any],
    h: NDArray[Any],
    z: NDArray[Any],
) -> None:
    """All logits int32 [N, D Q] of x uint8 [N, D]; w int16 [D, H], v [D Q, H], b int32 [D Q].

    a int32 [N, H] holds c in every row and is spent; h int16 [N, H] is scratch; Q is the number of logits a variable.
    """
    lanes, variables = x.shape
    each = v.shape[0] // variables
    for n in range(lanes):
        activate(a[n], h[n])
    for first in range(0, variables, block):
        for n in range(lanes):
            state = a[n]
            hidden = h[n]
            for d in range(first, min(first + block, variables)):
                for k in range(d * each, (d + 1) * each):
                    z[n, k] = _logit(hidden, v[k], b[k])
                if x[n, d]:
                    _known(state, w[d], x[n, d], shift)
                    activate(state, hidden)


@compiled
def next_logits(h: NDArray[Any], v: NDArray[Any], b: NDArray[Any], z: NDArray[Any]) -> None:
    """Logits int32 [L, Q] of one variable: v int16 [Q, H], b int32 [Q], h int16 [L, H]."""
    for n in range(h.shape[0]):
        for k in range(v.shape[0]):
            z[n, k] = _logit(h[n], v[k], b[k])


@compiled
def advance(a: NDArray[Any], h: NDArray[Any], w: NDArray[Any], x: NDArray[Any], shift: Integer) -> None:
    """Adds x W, w int16 [H], to the state of the lanes where x int32 [L] is not 0."""
    for n in range(x.shape[0]):
        if x[n]:
            _known(a[n], w, x[n], shift)
            activate(a[n], h[n])


@compiled
def gradients(
    slope: NDArray[Any],
    x: NDArray[Any],
    shift: Integer,
    w: NDArray[Any],
    v: NDArray[Any],
    block: Integer,
    a: NDArray[Any],
    later: NDArray[Any],
    scratch: NDArray[Any],
    dw: NDArray[Any],
    dv: NDArray[Any],
    dc: NDArray[Any],
) -> None:
    """Adds the gradients of W [D, H], V [D Q, H] and c [H] to float32 dw, dv, dc, walking the variables backwards.

    All in real units: slope float32 [N, D Q] is dL/dz in nats, v float32 [D Q, H]; a int32 [N, H] holds c in every row
    and is spent; later float32 [N, H] is zero and gathers dL/da over the variables after; scratch float32 [3, H].
    """
    lanes, variables = x.shape
    units, each = a.shape[1], v.shape[0] // x.shape[1]
    hidden, pull, rise = scratch[0], scratch[1], scratch[2]
    for n in range(lanes):
        for d in range(variables - 1):
            if x[n, d]:
                _known(a[n], w[d], x[n, d], shift)
    last = variables
    while last > 0:
        first = max(0, last - block)
        for n in range(lanes):
            state, g = a[n], later[n]
            _real(state, hidden, rise)
            for j in range(units):
                pull[j] = 0
            for d in range(last - 1, first - 1, -1):
                for k in range(d * each, (d + 1) * each):
                    delta = slope[n, k]
                    if delta != 0:
                        row, into = v[k], dv[k]
                        for j in range(units):
                            pull[j] += delta * row[j]
                        for j in range(units):
                            into[j] += delta * hidden[j]
                if d > 0 and x[n, d - 1]:
                    value = np.float32(x[n, d - 1]) * np.float32(2.0**-shift) if shift else np.float32(1)
                    down = dw[d - 1]
                    for j in range(units):
                        g[j] += pull[j] * rise[j]
                    for j in range(units):
                        down[j] += value * g[j]
                    for j in range(units):
                        pull[j] = 0
                    _unknown(state, w[d - 1], x[n, d - 1], shift)
                    _real(state, hidden, rise)
            for j in range(units):
                g[j] += pull[j] * rise[j]
        last = first
    for n in range(lanes):
        for j in range(units):
            dc[j] += later[n, j]


@inlined
def _real(a: NDArray[Any], h: NDArray[Any], slope: NDArray[Any]) -> None:
    """Hidden units and their derivatives in real units, float32 [H]."""
    for j in range(h.shape[0]):
        t = max(_END - abs(np.float32(a[j])), np.float32(0))
        q = t * t * np.float32(2.0 ** -(2 * WEIGHT + 5))
        h[j] = np.float32(1) - q if a[j] > 0 else q
        slope[j] = t * np.float32(2.0 ** -(WEIGHT + 4))
