"""The picture engine's compiled loops: one plane of one front, and runs of whole fronts.

Within a front the samples of a plane are coded by rows from the top; each is learned before the next is opened, since
only guides and net have to look at a whole front at once.
"""

from __future__ import annotations

import numpy as np

from arzip.compiled import Integer, compiled
from arzip.mixing.guide import BEFORE, SLOPE, UP, front_rows
from arzip.mixing.picture_contexts import open_contexts
from arzip.mixing.picture_experts import learn_experts, open_experts
from arzip.mixing.picture_state import THRESHOLD, PictureState
from arzip.mixing.picture_tree import Bits, code_value

__all__ = ["code_fronts", "code_plane"]


@compiled
def code_plane(
    s: PictureState,
    bits: Bits,
    front: Integer,
    c: Integer,
    means: np.ndarray,
    outputs: np.ndarray,
    base: np.ndarray,
    symbols: np.ndarray,
) -> None:
    """Codes plane c of a front, row by row.

    means int32 [F, S] of the guides, outputs int32 [F, 3 K] and base int32 [F] of the net; symbols int32 [H, W, C] are
    known, or written as they are read.
    """
    first, last = front_rows(front, np.int64(symbols.shape[0]), np.int64(symbols.shape[1]))
    for y in range(first, last):
        x = front - SLOPE * y
        i = y - first
        open_experts(s, y, x, c, means[i], outputs[i], np.int64(base[i]))
        open_contexts(s, y, x, c)
        value = code_value(s, bits, c, np.int64(symbols[y, x, c]))
        symbols[y, x, c] = value
        if bits.ends.shape[0] > 0:
            bits.ends[y, x, c] = bits.state[0]
        learn_experts(s, y, x, c, value)
        s.misses[y + UP, x + BEFORE, c] = value - s.sample[THRESHOLD]


@compiled
def code_fronts(
    s: PictureState,
    bits: Bits,
    begin: Integer,
    end: Integer,
    means: np.ndarray,
    outputs: np.ndarray,
    base: np.ndarray,
    symbols: np.ndarray,
) -> None:
    """Codes the same fronts, from means, base and outputs int32 [C, F, 3 K]."""
    place = np.int64(0)
    for front in range(begin, end):
        first, last = front_rows(front, np.int64(symbols.shape[0]), np.int64(symbols.shape[1]))
        for c in range(symbols.shape[2]):
            code_plane(s, bits, front, c, means[c, place:], outputs[c, place:], base[c, place:], symbols)
        place += max(last - first, np.int64(0))
