"""Local least squares along a wavefront: every sample is predicted from its neighbours, by weights learned nearby.

    prediction = centre + w . u,    w = (A + ridge I)^-1 b,    A = sum of g u u',    b = sum of g u t
    g = h / (1 + |error| sqrt(h)),  h = 1 / (mean u^2 + 60)

u [n] are causal neighbours of the sample, minus the mean of the four nearest ones of their plane; t is the sample minus
its own centre. The sums run over what is known around the sample: along its row they fade by `row_decay` a pixel, up
the rows above by `column_decay` a row. g makes smooth places count more, and samples less that the prediction missed by
much, which brings the weights nearer to those of least absolute errors. With `period` 2 the sums of even and odd
columns and rows are kept apart, which finds colour that was once stored at half the resolution.

Rows are lanes, and LANES of them a block, whose sums lie together: all samples of a front are solved side by side (LDL'
factors, no pivoting). Every sum runs over terms in one order, in IEEE single precision, so the result is the same on
every machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.compiled import Integer, Real, compiled, inlined
from arzip.exact.lanes import LANES, larger, load, spread, store
from arzip.mixing.picture_plane import LEFT, TOP

__all__ = ["LeastSquares", "Neighbours", "learn_front", "new_least_squares", "predict_front", "predicted"]

_DRIFT = 1  # column sums are taken up to this many periods to the right in the row above
_MARGIN = 2  # the longest period
_SMALLEST_PIVOT = 1e-3
_RIDGE = np.float32(0.02)
_HALF = np.float32(60.0)  # the energy of neighbours at which g is halved
_LEAST = np.float32(2.0**-40)  # what every sum gains: where nothing moves it would fade to numbers processors shun


class Neighbours(NamedTuple):
    """Which samples an expert looks at, as (rows down, columns right), and how fast it forgets."""

    own: tuple[tuple[int, int], ...]  # of the same plane
    earlier: tuple[tuple[int, int], ...]  # of planes coded before, (0, 0) included
    later: tuple[tuple[int, int], ...]  # of planes coded after
    period: int
    row_decay: float
    column_decay: float


class LeastSquares(NamedTuple):
    """One expert for one plane of a picture of H rows; n inputs, m = n (n + 1) / 2 + n sums, B blocks of rows.

    Row y is lane y % LANES of block y // LANES. What it leaves for the row `period` below is taken up `slots - 1`
    fronts later; the last rows of a block leave it in the margin of the next one, too.
    """

    offsets: np.ndarray  # int64 [n, 3]: row, column, plane
    decays: np.ndarray  # float32 [2]: of a row's sums, of those of the rows above
    steps: np.ndarray  # int64 [2]: slope of the wavefront, period
    inputs: np.ndarray  # float32 [B, n, LANES]
    about: np.ndarray  # float32 [B, 4, LANES]: centre; h, then g; g t; prediction
    row_sums: np.ndarray  # float32 [period, B, m, LANES]
    column_sums: np.ndarray  # float32 [slots, B, m, _MARGIN + LANES]
    factors: np.ndarray  # float32 [m, LANES]: to work in


_CENTRE, _WEIGHT, _TARGET, _PREDICTED = range(4)


def new_least_squares(neighbours: Neighbours, plane: int, planes: int, height: int, slope: int) -> LeastSquares:
    """An expert that has seen nothing."""
    offsets = [(y, x, plane) for y, x in neighbours.own]
    offsets += [(y, x, c) for c in range(plane) for y, x in neighbours.earlier]
    offsets += [(y, x, c) for c in range(plane + 1, planes) for y, x in neighbours.later]
    n, period = len(offsets), neighbours.period
    m = n * (n + 1) // 2 + n
    blocks = -(-height // LANES)
    return LeastSquares(
        np.array(offsets, dtype=np.int64),
        np.array([neighbours.row_decay, neighbours.column_decay], np.float32),
        np.array([slope, period], dtype=np.int64),
        np.zeros((blocks, n, LANES), np.float32),
        np.zeros((blocks, 4, LANES), np.float32),
        np.zeros((period, blocks, m, LANES), np.float32),
        np.zeros(((slope - _DRIFT) * period + 1, blocks, m, _MARGIN + LANES), np.float32),
        np.zeros((m, LANES), np.float32),
    )


@compiled
def _gather(s: LeastSquares, plane: np.ndarray, c: Integer, front: Integer, first: Integer, last: Integer) -> None:
    """Inputs, centres and h of the rows first .. last - 1 of a front."""
    n = s.offsets.shape[0]
    slope = s.steps[0]
    quarter, one = np.float32(0.25), np.float32(1.0)
    for y in range(first, last):
        row, column = y + TOP, front - slope * y + LEFT
        block, lane = y // LANES, y % LANES
        near, at = np.float32(0.0), np.int64(-1)
        energy = np.float32(0.0)
        for k in range(n):
            other = s.offsets[k, 2]
            if other != at:
                at = other
                near = quarter * np.float32(
                    plane[row, column - 1, at]
                    + plane[row - 1, column - 1, at]
                    + plane[row - 1, column, at]
                    + plane[row - 1, column + 1, at]
                )
                if at == c:
                    s.about[block, _CENTRE, lane] = near
            u = np.float32(plane[row + s.offsets[k, 0], column + s.offsets[k, 1], at]) - near
            s.inputs[block, k, lane] = u
            energy += u * u
        s.about[block, _WEIGHT, lane] = one / (energy / np.float32(n) + _HALF)


@inlined
def _taken(s: LeastSquares, front: Integer) -> Integer:
    """The slot of what rows above left for this front: the oldest, which the next one is to overwrite."""
    return (front + 1) % s.column_sums.shape[0]


@compiled
def _sum_block(s: LeastSquares, front: Integer, block: Integer) -> None:
    """A and b of a block's lanes, into the factors."""
    along = s.row_sums[front % s.steps[1], block]
    above, start = s.column_sums[_taken(s, front), block], _MARGIN - s.steps[1]
    for i in range(s.factors.shape[0]):
        store(s.factors, i, 0, load(along, i, 0) + load(above, i, start))


@compiled
def _solve_block(s: LeastSquares, block: Integer) -> None:
    """Weights of a block's lanes by LDL' factors, applied to the inputs."""
    f = s.factors
    n = s.offsets.shape[0]
    rows = n * (n + 1) // 2
    ridge, smallest, one = spread(_RIDGE), spread(_SMALLEST_PIVOT), spread(1.0)
    for i in range(n):
        row = i * (i + 1) // 2
        for j in range(1, i):
            other = j * (j + 1) // 2
            rest = load(f, row + j, 0)
            for k in range(j):
                rest = rest - load(f, row + k, 0) * load(f, other + k, 0)
            store(f, row + j, 0, rest)
        pivot, right = load(f, row + i, 0) + ridge, load(f, rows + i, 0)
        for j in range(i):
            rest = load(f, row + j, 0)
            scaled = rest * load(f, j * (j + 1) // 2 + j, 0)
            pivot = pivot - rest * scaled
            right = right - scaled * load(f, rows + j, 0)
            store(f, row + j, 0, scaled)
        store(f, row + i, 0, one / larger(pivot, smallest))
        store(f, rows + i, 0, right)
    about, inputs = s.about[block], s.inputs[block]
    predicted = load(about, _CENTRE, 0)
    for i in range(n - 1, -1, -1):
        weight = load(f, rows + i, 0) * load(f, i * (i + 1) // 2 + i, 0)
        for k in range(i + 1, n):
            weight = weight - load(f, k * (k + 1) // 2 + i, 0) * load(f, rows + k, 0)
        store(f, rows + i, 0, weight)
        predicted = predicted + weight * load(inputs, i, 0)
    store(about, _PREDICTED, 0, predicted)


@inlined
def predicted(s: LeastSquares, y: Integer) -> Real:
    """What `predict_front` says of a row's sample, in levels, unclamped."""
    return s.about[y // LANES, _PREDICTED, y % LANES]


@compiled
def predict_front(
    s: LeastSquares, plane: np.ndarray, c: Integer, front: Integer, first: Integer, last: Integer
) -> None:
    """Predictions of plane c for the rows first .. last - 1 of a front."""
    _gather(s, plane, c, front, first, last)
    for block in range(first // LANES, (last - 1) // LANES + 1):
        _sum_block(s, front, block)
        _solve_block(s, block)


@compiled
def _learn_block(s: LeastSquares, phase: Integer, old: Integer, new: Integer, block: Integer) -> None:
    """Adds a block's samples to its sums, and leaves them for the rows below."""
    n, period = s.offsets.shape[0], s.steps[1]
    inputs, about = s.inputs[block], s.about[block]
    along, above, below = s.row_sums[phase, block], s.column_sums[old, block], s.column_sums[new, block]
    row_decay, column_decay, least = spread(s.decays[0]), spread(s.decays[1]), spread(_LEAST)
    at, start = np.int64(0), _MARGIN - period
    for i in range(n + 1):
        factor = load(inputs, i, 0) * load(about, _WEIGHT, 0) if i < n else load(about, _TARGET, 0)
        for j in range(min(i + 1, n)):
            here = row_decay * load(along, at, 0) + factor * load(inputs, j, 0) + least
            store(along, at, 0, here)
            store(below, at, _MARGIN, here + column_decay * load(above, at, start))
            at += 1
    if block + 1 < s.column_sums.shape[1]:
        beyond = s.column_sums[new, block + 1]
        for i in range(at):
            for lane in range(_MARGIN):
                beyond[i, lane] = below[i, LANES + lane]


@compiled
def learn_front(s: LeastSquares, plane: np.ndarray, c: Integer, front: Integer, first: Integer, last: Integer) -> None:
    """Adds the front's samples, which the plane holds by now, to the sums.

    Rows that have ended go on while their block does, the last of them in any case, with nothing new: rows below take
    up sums from beyond their end.
    """
    slope, period = s.steps[0], s.steps[1]
    for y in range(first, last):
        about = s.about[y // LANES]
        at = y % LANES
        value = np.float32(plane[y + TOP, front - slope * y + LEFT, c])
        error = np.abs(value - about[_PREDICTED, at])
        about[_WEIGHT, at] /= np.float32(1.0) + error * np.sqrt(about[_WEIGHT, at])
        about[_TARGET, at] = (value - about[_CENTRE, at]) * about[_WEIGHT, at]
    begin = max(first - 1, np.int64(0)) // LANES
    for y in range(begin * LANES, first):
        s.about[y // LANES, _WEIGHT, y % LANES] = 0.0
        s.about[y // LANES, _TARGET, y % LANES] = 0.0
    old, new = _taken(s, front), front % s.column_sums.shape[0]
    for block in range(begin, (last - 1) // LANES + 1):
        _learn_block(s, front % period, old, new, block)
