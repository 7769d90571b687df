"""The loops of NADE, in integers to code and to train, in floats for the gradient.

Hidden units change only when a variable is 1, a hundred times in an image of 784 pixels, so all loops remember them
and go over them again at ones alone. Variables are taken in blocks whose weights stay in the cache.

    a_d = c + sum_{i<d} x_i W_i        h_d = sigmoid(a_d), from a table of integers        z_d = b_d + V_d h_d

The forward loop of training is the exact reading itself; the backward loop passes its roundings straight through.
Points: W and c 2**10, h 2**8, V 2**10, b 2**18.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.bernoulli import LOGIT
from arzip.exact.lookup import SIGMOID_LIMIT, SIGMOID_STEPS, sigmoid_table

__all__ = ["ACTIVATION", "BIAS", "WEIGHT", "activate_all", "advance", "gradients", "logits_of", "next_logits"]

WEIGHT, ACTIVATION = 10, 8  # binary points
BIAS = WEIGHT + ACTIVATION
_INDEX_BITS = 4  # dropped from a before the table: it has 64 entries to the unit
_LIMIT = 8  # |a| beyond which sigmoid is 0 or 1 to 8 bits
_DOWN = BIAS - LOGIT.point
_LOW, _HIGH = LOGIT.low, LOGIT.high


def _activations() -> NDArray[np.int16]:
    """sigmoid(i / 64) * 256 for i = -512 .. 512, from the integer table by interpolation at the half steps."""
    fine = sigmoid_table()
    values = []
    for i in range(-_LIMIT * 64, _LIMIT * 64 + 1):
        left, half = divmod(i + SIGMOID_LIMIT * 64, 64 // SIGMOID_STEPS)
        value = (int(fine[left]) + int(fine[left + half])) // 2
        values.append((value + (1 << 21)) >> 22)
    return np.array(values, dtype=np.int16)


_ACTIVATIONS = _activations()
_HIGHEST = _LIMIT << WEIGHT


@inlined
def activate(a: NDArray[Any], h: NDArray[Any]) -> None:
    """h int16 [H] of a int32 [H]."""
    for j in range(h.shape[0]):
        h[j] = _ACTIVATIONS[(min(max(a[j], -_HIGHEST), _HIGHEST) + _HIGHEST) >> _INDEX_BITS]


@compiled
def activate_all(a: NDArray[Any], h: NDArray[Any]) -> None:
    """h int16 [L, H] of a int32 [L, H]."""
    for n in range(a.shape[0]):
        activate(a[n], h[n])


@inlined
def _logit(h: NDArray[Any], v: NDArray[Any], b: Integer) -> Integer:
    total = np.int64(b)
    for j in range(h.shape[0]):
        total += np.int64(v[j]) * np.int64(h[j])
    return min(max((total + (1 << (_DOWN - 1))) >> _DOWN, _LOW), _HIGH)


@compiled
def logits_of(
    x: NDArray[Any],
    w: NDArray[Any],
    v: NDArray[Any],
    b: NDArray[Any],
    block: Integer,
    a: NDArray[Any],
    h: NDArray[Any],
    z: NDArray[Any],
) -> None:
    """All logits int32 [N, D] of x uint8 [N, D]; w, v int16 [D, H], b int32 [D].

    a int32 [N, H] holds c in every row and is spent; h int16 [N, H] is scratch.
    """
    lanes, variables = x.shape
    for n in range(lanes):
        activate(a[n], h[n])
    for first in range(0, variables, block):
        for n in range(lanes):
            state = a[n]
            hidden = h[n]
            for d in range(first, min(first + block, variables)):
                z[n, d] = _logit(hidden, v[d], b[d])
                if x[n, d]:
                    row = w[d]
                    for j in range(state.shape[0]):
                        state[j] += row[j]
                    activate(state, hidden)


@compiled
def next_logits(h: NDArray[Any], v: NDArray[Any], b: Integer, z: NDArray[Any]) -> None:
    """Logits int32 [L] of one variable: v int16 [H], h int16 [L, H]."""
    for n in range(h.shape[0]):
        z[n] = _logit(h[n], v, b)


@compiled
def advance(a: NDArray[Any], h: NDArray[Any], w: NDArray[Any], x: NDArray[Any]) -> None:
    """Adds w int16 [H] to the state of the lanes where x int32 [L] is 1."""
    for n in range(x.shape[0]):
        if x[n]:
            state = a[n]
            for j in range(w.shape[0]):
                state[j] += w[j]
            activate(state, h[n])


@compiled
def gradients(
    slope: NDArray[Any],
    x: NDArray[Any],
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
    """Adds the gradients of W, V [D, H] and c [H] in real units to float32 dw, dv, dc, walking the variables backwards.

    slope float32 [N, D] is dL/dz in nats; v float32 [D, H]; a int32 [N, H] holds c in every row and is spent; later
    float32 [N, H] is zero and gathers dL/da over the variables after; scratch float32 [2, H].
    """
    lanes, variables = x.shape
    units = a.shape[1]
    hidden, pull = scratch[0], scratch[1]
    for n in range(lanes):
        for d in range(variables - 1):
            if x[n, d]:
                for j in range(units):
                    a[n, j] += w[d, j]
    last = variables
    while last > 0:
        first = max(0, last - block)
        for n in range(lanes):
            state, g = a[n], later[n]
            _real(state, hidden)
            for j in range(units):
                pull[j] = 0
            for d in range(last - 1, first - 1, -1):
                delta = slope[n, d]
                if delta != 0:
                    row, into = v[d], dv[d]
                    for j in range(units):
                        pull[j] += delta * row[j]
                    for j in range(units):
                        into[j] += delta * hidden[j]
                if d > 0 and x[n, d - 1]:
                    down, step = dw[d - 1], w[d - 1]
                    for j in range(units):
                        g[j] += pull[j] * hidden[j] * (np.float32(1) - hidden[j])
                        pull[j] = 0
                        down[j] += g[j]
                        state[j] -= step[j]
                    _real(state, hidden)
            for j in range(units):
                g[j] += pull[j] * hidden[j] * (np.float32(1) - hidden[j])
        last = first
    for n in range(lanes):
        for j in range(units):
            dc[j] += later[n, j]


@inlined
def _real(a: NDArray[Any], h: NDArray[Any]) -> None:
    """Hidden units in real units, float32 [H]."""
    for j in range(h.shape[0]):
        index = (min(max(a[j], -_HIGHEST), _HIGHEST) + _HIGHEST) >> _INDEX_BITS
        h[j] = np.float32(_ACTIVATIONS[index]) * np.float32(1 / 256)
