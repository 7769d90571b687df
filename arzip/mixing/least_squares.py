"""Local least squares along a wavefront: every sample is predicted from its neighbours, by weights learned nearby.

    prediction = centre + w . u,    w = (A + ridge I)^-1 b,    A = sum of g u u',    b = sum of g u t

u [n] are causal neighbours of the sample, minus the mean of the four nearest ones of their plane; t is the sample minus
its own centre. The sums run over what is known around the sample: along its row they fade by `row_decay` a pixel, up
the rows above by `column_decay` a row, and g makes smooth places count more. With `period` 2 the sums of even and odd
columns and rows are kept apart, which finds colour that was once stored at half the resolution.

Rows are lanes: all samples of a front are solved side by side (LDL' factors, no pivoting), lanes innermost. Every sum
runs over terms in one order, in IEEE doubles, so the result is the same on every machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.compiled import Integer, compiled
from arzip.mixing.picture_plane import LEFT, TOP

__all__ = ["LeastSquares", "Neighbours", "learn_front", "new_least_squares", "predict_front"]

STRIP = 192  # lanes solved together: long loops, yet the factors stay in the second cache
_RING = 8  # fronts whose column sums are kept: enough for slope * period - 1
_DRIFT = 1  # column sums are taken up to this many periods to the right in the row above
_SMALLEST_PIVOT = 1e-3


class Neighbours(NamedTuple):
    """Which samples an expert looks at, as (rows down, columns right), and how fast it forgets."""

    own: tuple[tuple[int, int], ...]  # of the same plane
    earlier: tuple[tuple[int, int], ...]  # of planes coded before, (0, 0) included
    later: tuple[tuple[int, int], ...]  # of planes coded after
    period: int
    row_decay: float
    column_decay: float


class LeastSquares(NamedTuple):
    """One expert for one plane of a picture of H rows; n inputs, m = n (n + 1) / 2 + n sums."""

    offsets: np.ndarray  # int64 [n, 3]: row, column, plane
    constants: np.ndarray  # float64 [4]: row decay, column decay, ridge, energy at which g is halved
    steps: np.ndarray  # int64 [2]: slope of the wavefront, period
    inputs: np.ndarray  # float64 [n, H]
    centre: np.ndarray  # float64 [H]
    target: np.ndarray  # float64 [H]
    weight: np.ndarray  # float64 [H]
    row_sums: np.ndarray  # float32 [period, m, H]
    column_sums: np.ndarray  # float32 [_RING, m, H]
    factors: np.ndarray  # float64 [m, STRIP]: to work in
    predicted: np.ndarray  # float64 [H]


def new_least_squares(neighbours: Neighbours, plane: int, planes: int, height: int, slope: int) -> LeastSquares:
    """An expert that has seen nothing."""
    offsets = [(y, x, plane) for y, x in neighbours.own]
    offsets += [(y, x, c) for c in range(plane) for y, x in neighbours.earlier]
    offsets += [(y, x, c) for c in range(plane + 1, planes) for y, x in neighbours.later]
    n = len(offsets)
    m = n * (n + 1) // 2 + n
    return LeastSquares(
        np.array(offsets, dtype=np.int64),
        np.array([neighbours.row_decay, neighbours.column_decay, 0.02, 60.0]),
        np.array([slope, neighbours.period], dtype=np.int64),
        np.zeros((n, height)),
        np.zeros(height),
        np.zeros(height),
        np.zeros(height),
        np.zeros((neighbours.period, m, height), np.float32),
        np.zeros((_RING, m, height), np.float32),
        np.zeros((m, STRIP)),
        np.zeros(height),
    )


@compiled
def _gather(s: LeastSquares, plane: np.ndarray, c: Integer, front: Integer, first: Integer, last: Integer) -> None:
    """Inputs, centres and weights of the rows first .. last - 1 of a front."""
    n = s.offsets.shape[0]
    slope = s.steps[0]
    for y in range(first, last):
        row, column = y + TOP, front - slope * y + LEFT
        s.weight[y] = 0.0
        s.centre[y] = 0.25 * np.float64(
            plane[row, column - 1, c]
            + plane[row - 1, column - 1, c]
            + plane[row - 1, column, c]
            + plane[row - 1, column + 1, c]
        )
        near, at = s.centre[y], c
        for k in range(n):
            other = s.offsets[k, 2]
            if other != at:
                at = other
                near = 0.25 * np.float64(
                    plane[row, column - 1, at]
                    + plane[row - 1, column - 1, at]
                    + plane[row - 1, column, at]
                    + plane[row - 1, column + 1, at]
                )
            u = np.float64(plane[row + s.offsets[k, 0], column + s.offsets[k, 1], at]) - near
            s.inputs[k, y] = u
            s.weight[y] += u * u
        s.weight[y] = 1.0 / (s.weight[y] / n + s.constants[3])


@compiled
def _above(s: LeastSquares, front: Integer) -> Integer:
    """The ring's slot of the column sums that the rows above left for this front."""
    return (front - (s.steps[0] - _DRIFT) * s.steps[1]) & (_RING - 1)


@compiled
def _sum_strip(s: LeastSquares, front: Integer, first: Integer, count: Integer) -> None:
    """A and b of `count` lanes from `first`, into the factors."""
    period = s.steps[1]
    phase = front % period
    slot = _above(s, front)
    for i in range(s.factors.shape[0]):
        out = s.factors[i]
        along = s.row_sums[phase, i]
        above = s.column_sums[slot, i]
        for lane in range(min(count, max(period - first, 0))):
            out[lane] = np.float64(along[first + lane])
        for lane in range(max(period - first, 0), count):
            out[lane] = np.float64(along[first + lane]) + np.float64(above[first + lane - period])


@compiled
def _subtract_products(factors: np.ndarray, row: Integer, j: Integer, count: Integer) -> None:
    """factors[row + j] -= sum over k < j of factors[row + k] * L[j, k], term by term, two terms a pass."""
    entry = factors[row + j]
    other = j * (j + 1) // 2
    for k in range(0, j - 1, 2):
        a0, a1 = factors[row + k], factors[row + k + 1]
        b0, b1 = factors[other + k], factors[other + k + 1]
        for lane in range(count):
            entry[lane] = (entry[lane] - a0[lane] * b0[lane]) - a1[lane] * b1[lane]
    for k in range(j - j % 2, j):
        a0, b0 = factors[row + k], factors[other + k]
        for lane in range(count):
            entry[lane] -= a0[lane] * b0[lane]


@compiled
def _solve_strip(s: LeastSquares, first: Integer, count: Integer) -> None:
    """Weights of `count` lanes by LDL' factors, applied to the inputs: predicted[first ..]."""
    n = s.offsets.shape[0]
    rows = n * (n + 1) // 2
    ridge = s.constants[2]
    for i in range(n):
        row = i * (i + 1) // 2
        pivot = s.factors[row + i]
        right = s.factors[rows + i]
        for lane in range(count):
            pivot[lane] += ridge
        for j in range(i):
            _subtract_products(s.factors, row, j, count)
        for j in range(i):
            entry = s.factors[row + j]
            inverse = s.factors[j * (j + 1) // 2 + j]
            known = s.factors[rows + j]
            for lane in range(count):
                scaled = entry[lane] * inverse[lane]
                pivot[lane] -= entry[lane] * scaled
                entry[lane] = scaled
                right[lane] -= scaled * known[lane]
        for lane in range(count):
            pivot[lane] = 1.0 / max(pivot[lane], _SMALLEST_PIVOT)
    for i in range(n):
        right = s.factors[rows + i]
        inverse = s.factors[i * (i + 1) // 2 + i]
        for lane in range(count):
            right[lane] *= inverse[lane]
    predicted = s.predicted[first:]
    centre = s.centre[first:]
    for lane in range(count):
        predicted[lane] = centre[lane]
    for i in range(n - 1, -1, -1):
        weights = s.factors[rows + i]
        u = s.inputs[i, first:]
        for j in range(i):
            other = s.factors[rows + j]
            entry = s.factors[i * (i + 1) // 2 + j]
            for lane in range(count):
                other[lane] -= entry[lane] * weights[lane]
        for lane in range(count):
            predicted[lane] += weights[lane] * u[lane]


@compiled
def predict_front(
    s: LeastSquares, plane: np.ndarray, c: Integer, front: Integer, first: Integer, last: Integer
) -> None:
    """Predictions of plane c for the rows first .. last - 1 of a front: s.predicted, in levels, unclamped."""
    _gather(s, plane, c, front, first, last)
    for at in range(first, last, STRIP):
        count = min(np.int64(STRIP), last - at)
        _sum_strip(s, front, at, count)
        _solve_strip(s, at, count)


@compiled
def learn_front(s: LeastSquares, plane: np.ndarray, c: Integer, front: Integer, first: Integer, last: Integer) -> None:
    """Adds the front's samples, which the plane holds by now, to the sums."""
    n = s.offsets.shape[0]
    slope, period = s.steps[0], s.steps[1]
    row_decay, column_decay = s.constants[0], s.constants[1]
    phase = front % period
    old, new = _above(s, front), front & (_RING - 1)
    for y in range(first, last):
        s.target[y] = (np.float64(plane[y + TOP, front - slope * y + LEFT, c]) - s.centre[y]) * s.weight[y]
    weight, target = s.weight, s.target
    at = 0
    for i in range(n + 1):
        for j in range(min(i + 1, n)):
            along = s.row_sums[phase, at]
            here = s.column_sums[new, at]
            above = s.column_sums[old, at]
            b = s.inputs[j]
            if i < n:
                a = s.inputs[i]
                for y in range(first, last):
                    along[y] = np.float32(row_decay * np.float64(along[y]) + a[y] * b[y] * weight[y])
            else:
                for y in range(first, last):
                    along[y] = np.float32(row_decay * np.float64(along[y]) + target[y] * b[y])
            for y in range(first, min(period, last)):
                here[y] = along[y]
            for y in range(max(first, period), last):
                here[y] = np.float32(np.float64(along[y]) + column_decay * np.float64(above[y - period]))
            at += 1
