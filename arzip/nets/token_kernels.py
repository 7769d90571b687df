"""What surrounds a net over tokens of several pixels: the patches that it sees, and the way down each token's tree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled

__all__ = ["chosen", "descend", "neighbours", "patches", "pick"]


@compiled
def patches(canvas: NDArray[Any], index: NDArray[Any], first: Integer, x: NDArray[Any]) -> None:
    """x fp32 [N, t, I] = what tokens first, first + 1, .. see of the canvas uint8 [N, P]; index int32 [tokens, I]."""
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            places, row = index[first + i], x[n, i]
            for j in range(row.shape[0]):
                row[j] = canvas[n, places[j]]


@compiled
def neighbours(
    new: NDArray[Any],
    first: Integer,
    spots: NDArray[Any],
    taps: NDArray[Any],
    known: NDArray[Any],
    x: NDArray[Any],
) -> None:
    """x fp32 [N, t, taps * C] = what lies at the taps of positions first, first + 1, .., after new fp32 [N, t, C] came.

    known int16 [N, P, C] is filled on; spots int32 [T] and taps [T, taps] are places in it, none later than its own.
    """
    channels = new.shape[2]
    for n in range(new.shape[0]):
        for i in range(new.shape[1]):
            source, into = new[n, i], known[n, spots[first + i]]
            for c in range(channels):
                into[c] = np.int16(source[c])
            for tap in range(taps.shape[1]):
                near, out = known[n, taps[first + i, tap]], x[n, i, tap * channels :]
                for c in range(channels):
                    out[c] = near[c]


@compiled
def chosen(nodes: NDArray[Any], x: NDArray[Any], z: NDArray[Any]) -> None:
    """z int32 [N, D] = the logits on the way to known pixels x uint8 [N, D]; nodes fp32 [N, tokens, 2**span - 1]."""
    tokens = nodes.shape[1]
    span = x.shape[1] // tokens
    for n in range(x.shape[0]):
        for i in range(tokens):
            node = 0
            for d in range(i * span, (i + 1) * span):
                z[n, d] = np.int32(nodes[n, i, node])
                node = 2 * node + 1 + x[n, d]


@compiled
def pick(nodes: NDArray[Any], node: NDArray[Any], z: NDArray[Any]) -> None:
    """z int32 [N] = the logits of nodes fp32 [N, 2**span - 1] at which the lanes stand, node int32 [N]."""
    for n in range(z.shape[0]):
        z[n] = np.int32(nodes[n, node[n]])


@compiled
def descend(node: NDArray[Any], x: NDArray[Any]) -> None:
    """The lanes go to the left child, 2 i + 1, or to the right, 2 i + 2."""
    for n in range(node.shape[0]):
        node[n] = 2 * node[n] + 1 + x[n]
