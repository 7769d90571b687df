"""MADE one variable at a time: the hidden units whose last variable has just become known, then the next logit.

Integers throughout, so that the order of the sums and the split between this kernel and the products that open a group
cannot change a bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.bernoulli import LOGIT
from arzip.exact.fixed import Range

__all__ = ["HIDDEN", "STREAM", "WEIGHT", "group_bit"]

WEIGHT, STREAM = 8, 10  # binary points of weights on hidden units, and of the sums before them
HIDDEN = Range(6, 0, 1023)
_TO_HIDDEN = STREAM - HIDDEN.point
_LARGEST = HIDDEN.high
_DOWN_HIDDEN = WEIGHT + HIDDEN.point - STREAM
_DOWN_LOGIT = WEIGHT + HIDDEN.point - LOGIT.point
_LOW, _HIGH = LOGIT.low, LOGIT.high


@inlined
def _product(w: NDArray[Any], h: NDArray[Any], count: Integer) -> Integer:
    total = np.int64(0)
    for j in range(count):
        total += np.int64(w[j]) * np.int64(h[j])
    return total


@inlined
def _shifted(x: Integer, bits: Integer) -> Integer:
    return (x + (1 << (bits - 1))) >> bits


@compiled
def group_bit(
    own: NDArray[Any],
    column: Integer,
    begin: Integer,
    end: Integer,
    first: NDArray[Any],
    inner: NDArray[Any],
    offsets: NDArray[Any],
    last: NDArray[Any],
    direct: NDArray[Any],
    sums: NDArray[Any],
    hidden: NDArray[Any],
    logits: NDArray[Any],
    z: NDArray[Any],
) -> None:
    """The logit int32 [L] of a group's variable `column`, after computing units begin..end - 1 in all layers.

    own uint8 [L, C] holds the group's variables before `column`; first int16 [H, C], inner [layers - 1, H, H], offsets
    [layers, H], last [C, H], direct [C, C]; sums int32 [L, H] and logits [L, C] from earlier groups; hidden int16
    [L, layers, H] of units below `begin`, filled up to `end`.
    """
    layers = hidden.shape[1]
    for n in range(own.shape[0]):
        known = own[n]
        for u in range(begin, end):
            sums[n, u] += _product(first[u], known, column)
        for layer in range(layers):
            if layer > 0:
                below = hidden[n, layer - 1]
                for u in range(begin, end):
                    more = _product(inner[layer - 1, u], below, end)
                    sums[n, u] += _shifted(more, _DOWN_HIDDEN) + offsets[layer, u]
            for u in range(begin, end):
                hidden[n, layer, u] = min(max(_shifted(np.int64(sums[n, u]), _TO_HIDDEN), 0), _LARGEST)
        total = logits[n, column] + _product(direct[column], known, column)
        total += _shifted(_product(last[column], hidden[n, layers - 1], end), _DOWN_LOGIT)
        z[n] = min(max(total, _LOW), _HIGH)
