"""The sums that the predictors are made of: long filters and least squares, in doubles, each in one fixed order.

A sum over taps runs in eight partial sums that are added at the end, so that its order is written here, not chosen by a
compiler. Everything else is element by element, which a compiler may vectorise without changing a bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from arzip.compiled import Integer, Real, compiled

__all__ = ["add_scaled", "dot", "learn_squares", "power", "solve_squares"]

_TINY = 1e-30  # keeps decaying covariances out of the subnormal numbers, which are slow
_RIDGE = 0.001  # added to the diagonal of every covariance before it is solved
_LEAST_PIVOT = 1e-9


@compiled
def dot(w: Any, x: Any, at: Integer, taps: Integer) -> Real:
    """sum_i w[i] x[at + i] over `taps` taps, a multiple of 8."""
    one = np.uintp(1)
    a = b = c = d = e = f = g = h = 0.0
    for r in range(0, taps, 8):
        o, p = np.uintp(r), np.uintp(at + r)
        a += w[o] * x[p]
        b += w[o + one] * x[p + one]
        c += w[o + np.uintp(2)] * x[p + np.uintp(2)]
        d += w[o + np.uintp(3)] * x[p + np.uintp(3)]
        e += w[o + np.uintp(4)] * x[p + np.uintp(4)]
        f += w[o + np.uintp(5)] * x[p + np.uintp(5)]
        g += w[o + np.uintp(6)] * x[p + np.uintp(6)]
        h += w[o + np.uintp(7)] * x[p + np.uintp(7)]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@compiled
def power(shares: Any, x: Any, at: Integer, taps: Integer) -> Real:
    """sum_i shares[i] x[at + i]^2 over `taps` taps, a multiple of 4."""
    a = b = c = d = 0.0
    for r in range(0, taps, 4):
        o, p = np.uintp(r), np.uintp(at + r)
        a += shares[o] * (x[p] * x[p])
        b += shares[o + np.uintp(1)] * (x[p + np.uintp(1)] * x[p + np.uintp(1)])
        c += shares[o + np.uintp(2)] * (x[p + np.uintp(2)] * x[p + np.uintp(2)])
        d += shares[o + np.uintp(3)] * (x[p + np.uintp(3)] * x[p + np.uintp(3)])
    return (a + b) + (c + d)


@compiled
def add_scaled(w: Any, x: Any, at: Integer, taps: Integer, gain: Real) -> None:
    """w[i] += gain x[at + i]."""
    p = np.uintp(at)
    for i in range(np.uintp(taps)):
        w[i] += gain * x[p + i]


@compiled
def learn_squares(moments: Any, x: Any, size: Integer, target: Real, memory: Real, weight: Real) -> None:
    """Covariance of x [size] in the upper triangle of moments [size, size + 1], with the target in the last column.

    All fade by the factor `memory`; the new sample counts with its weight.
    """
    n = np.uintp(size)
    for i in range(n):
        share = x[i] * weight
        row = moments[i]
        for j in range(i, n):
            row[j] = memory * row[j] + (share * x[j] + _TINY)
        row[n] = memory * row[n] + (share * target + _TINY)


@compiled
def solve_squares(moments: Any, work: Any, w: Any, size: Integer) -> None:
    """Weights w [size] that fit the moments best (elimination without exchange); left alone where there are none."""
    n = np.uintp(size)
    one = np.uintp(1)
    for i in range(n):
        for j in range(i, n + one):
            work[i, j] = moments[i, j]
        work[i, i] += _RIDGE
    for k in range(n):
        if not (work[k, k] > _LEAST_PIVOT):
            return
        inverse = 1.0 / work[k, k]
        pivot = work[k]
        for i in range(k + one, n):
            factor = pivot[i] * inverse
            row = work[i]
            for j in range(i, n + one):
                row[j] -= factor * pivot[j]
    for back in range(n):
        last = np.uintp(n - one - back)
        value = work[last, n]
        for j in range(last + one, n):
            value -= work[last, j] * w[j]
        w[last] = value / work[last, last]
