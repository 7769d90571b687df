"""Frequency rows: positive integers that sum to exactly 2**24, from cumulative masses or from integer logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import allocating
from arzip.exact.lookup import exp2_table

__all__ = ["PRECISION", "TOTAL", "row_of", "softmax_rows"]

PRECISION = 24
TOTAL = 1 << PRECISION
_SPAN = 20 * 32  # logits further below the largest count as this far: 20 octaves
_EXP2 = exp2_table(-_SPAN, 0, 30)


@allocating
def row_of(edges: NDArray[Any], row: NDArray[Any]) -> None:
    """Frequencies int32 [A] in proportion to the steps of rising edges int64 [A + 1] below 2**38, each at least 1."""
    size = row.shape[0]
    mass = max(edges[size] - edges[0], 1)
    left = TOTAL
    largest = 0
    for i in range(size):
        f = 1 + (edges[i + 1] - edges[i]) * (TOTAL - size) // mass
        row[i] = f
        left -= f
        if f > row[largest]:
            largest = i
    row[largest] += left


@allocating
def softmax_rows(logits: NDArray[Any], rows: NDArray[Any]) -> None:
    """Rows int32 [N, A] from logits int32 [N, A] at binary point 5 in octaves: frequency ~ 2**(logit / 32)."""
    size = logits.shape[1]
    for n in range(logits.shape[0]):
        top = logits[n, 0]
        for i in range(1, size):
            top = max(top, logits[n, i])
        mass = np.int64(0)
        for i in range(size):
            mass += _EXP2[max(logits[n, i] - top, -_SPAN) + _SPAN]
        left = TOTAL
        largest = 0
        for i in range(size):
            f = 1 + _EXP2[max(logits[n, i] - top, -_SPAN) + _SPAN] * (TOTAL - size) // mass
            rows[n, i] = f
            left -= f
            if f > rows[n, largest]:
                largest = i
        rows[n, largest] += left
