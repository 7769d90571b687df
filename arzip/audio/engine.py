"""A frame of sound, sample by sample and channel by channel, in either direction: one compiled loop for both.

predict   all predictions of the sample             (predictor)
code      the decisions that lead to its rank       (decisions)
learn     running errors, then the predictors
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.audio.decisions import MOST_DECISIONS, code_sample, note_error
from arzip.audio.lattice import Lattice
from arzip.audio.mixture import Mixture, new_mixture
from arzip.audio.predictor import Predictor, learn_sample, new_predictor, predict_sample
from arzip.audio.presets import Preset
from arzip.coding.length import ideal_bits
from arzip.compiled import Integer, compiled

__all__ = ["AudioEngine"]

_PIECE = 1 << 18  # decisions whose probabilities are held at once


class AudioEngine:
    """The state of one frame in one direction; there is one lattice for all channels, or one for each."""

    def __init__(self, length: int, channels: int, lattices: list[Lattice], preset: Preset) -> None:
        self._predictor = new_predictor(channels, length, preset)
        self._ranges = np.array([(a.ranks, a.low, a.listed is not None) for a in lattices], np.int64)
        predictions = self._predictor.means.shape[1]
        self._mixture = new_mixture(channels, predictions, [a.ranks for a in lattices], preset)
        self._listed = np.zeros((len(lattices), max((0 if a.listed is None else len(a.listed)) for a in lattices)))
        for row, lattice in zip(self._listed, lattices, strict=True):
            if lattice.listed is not None:
                row[: len(lattice.listed)] = lattice.listed
        self._shape = channels, length

    def predictions(self, ranks: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """P(bit = 1) in 2^-24 and the bits of all decisions of ranks [C, T], piece by piece."""
        for p, bits, _ in self._pieces(ranks):
            yield p, bits

    def code_lengths(self, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
        """What each rank of [C, T] costs in bits, as [T, C]."""
        lengths, at = np.zeros((self._shape[1], self._shape[0])), 0
        for p, bits, ends in self._pieces(ranks):
            so_far = np.concatenate([np.zeros(1), np.cumsum(ideal_bits(p, bits))])
            lengths[at : at + len(ends)] = np.diff(so_far[ends.reshape(-1)], prepend=0.0).reshape(ends.shape)
            at += len(ends)
        return lengths

    def _pieces(self, ranks: Any) -> Iterator[tuple[Any, Any, Any]]:
        """P(bit = 1), bits, and for every sample [T, C] of a piece how many of its decisions are made after it."""
        words, coder = np.zeros(0, np.uint32), np.zeros(4, np.uint64)
        p, bits = np.zeros(_PIECE, np.int32), np.zeros(_PIECE, np.int32)
        ends = np.zeros((self._shape[1], self._shape[0]), np.int64)
        at = 0
        while at < self._shape[1]:
            first = at
            at, made = self._run(ranks, at, 0, words, coder, p, bits, ends)
            yield p[:made], bits[:made], ends[first:at]

    def read(self, words: NDArray[np.uint32], coder: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The ranks [C, T] of a frame, from words and their coder's state."""
        ranks = np.zeros(self._shape, np.int64)
        nothing = np.zeros(0, np.int32)
        self._run(ranks, 0, 1, words, coder, nothing, nothing, np.zeros((0, 0), np.int64))
        return ranks

    def _run(
        self, ranks: Any, at: int, decode: int, words: Any, coder: Any, p: Any, bits: Any, ends: Any
    ) -> tuple[int, int]:
        reached, made = _run_frame(
            self._predictor,
            self._mixture,
            self._listed,
            self._ranges,
            ranks,
            at,
            decode,
            words,
            coder,
            p,
            bits,
            ends,
        )
        return int(reached), int(made)


@compiled
def _run_frame(
    s: Predictor,
    m: Mixture,
    listed: Any,
    ranges: Any,
    ranks: Any,
    t: Integer,
    decode: Integer,
    words: Any,
    coder: Any,
    p: Any,
    bits: Any,
    ends: Any,
) -> tuple[Integer, Integer]:
    """From sample t on, until the frame ends or the outputs are full; (next sample, decisions made).

    When coding, ends[t, c] tells how many decisions are made after that sample.
    """
    channels, length = ranks.shape
    made = np.int64(0)
    while t < length and (decode == 1 or made + channels * MOST_DECISIONS <= p.shape[0]):
        for c in range(channels):
            predict_sample(s, c, t)
            row = c if ranges.shape[0] > 1 else 0
            count, low = ranges[row, 0], np.float64(ranges[row, 1])
            values = listed[row, : count if ranges[row, 2] == 1 else 0]
            histogram = m.histogram[row]
            rank, made = code_sample(
                m, c, s.means[c], values, low, count, histogram, ranks[c, t], decode, words, coder, p, bits, made
            )
            ranks[c, t] = rank
            if decode == 0:
                ends[t, c] = made
            x = low + (values[rank] if ranges[row, 2] == 1 else np.float64(rank))
            note_error(m, c, s.means[c], x, rank, histogram)
            learn_sample(s, c, t, x)
        t += 1
    return t, made
