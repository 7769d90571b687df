"""Adaptive engine for pictures: a wavefront of samples, each mixed from guides, counts, and a net if there is one.

    encoding                                             decoding
    engine = PictureEngine(shape, ..., net)              engine = PictureEngine(shape, ..., net, words=words)
    for p, x in engine.write(symbols): ...               symbols = engine.read()

Both directions run the same compiled walk (picture_kernel), so they meet the same decisions in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from arzip.coding.compiled_coder import closed, start, words_of
from arzip.exact.learning_net import new_learning_net
from arzip.exact.small_net import SmallNet, no_net, work_space
from arzip.fronts import front_starts
from arzip.mixing.guide import SLOPE, Profile, new_guide
from arzip.mixing.picture_kernel import FrontSpace, walk
from arzip.mixing.picture_state import new_picture_state
from arzip.mixing.picture_tree import DECISIONS, Bits

__all__ = ["PictureEngine"]

_PIECE = 1 << 13  # pixels whose decisions are held at once


class PictureEngine:
    """The state of one engine for one tile [H, W, C], C 1 or 3, in one direction."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        depth: int,
        profile: Profile,
        net: SmallNet | None,
        pace: int = 0,
        words: bytes = b"",
    ) -> None:
        """`net` says mixtures of logistics, three numbers a component; `words` are what is to be read, for decoding.

        It goes on learning, from one part in `pace` of the fronts; not at all if that is 0.
        """
        height, width, planes = shape
        self._shape, self._net = shape, net if net is not None else no_net()
        self._guide = new_guide(height, width, planes, depth=depth, profile=profile)
        most = min(height, width // SLOPE + 1)
        self._state = new_picture_state(self._guide, depth=depth, components=self._net.outputs // 3, most=most)
        self._pace, self._learner = max(pace, 1), new_learning_net(self._net if pace else no_net(), most)
        self._starts = front_starts(height, width, SLOPE)
        self._words = words_of(words)
        self._coder = start(self._words)
        self._space = FrontSpace(
            means=np.zeros((most, len(profile.first)), np.int32),
            features=np.zeros((most, self._net.inputs), np.int8),
            base=np.zeros(most, np.int32),
            outputs=np.zeros((most, self._net.outputs), np.int32),
            work=work_space(self._net),
        )

    def write(
        self, symbols: NDArray[np.int32], ends: NDArray[np.int64] | None = None
    ) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Probabilities int32 [N] in 2^-24 and bits int32 [N] of the decisions of symbols [H, W, C], piece by piece.

        ends int64 [H, W, C] is told how many of its piece's decisions there are after each sample.
        """
        told = ends if ends is not None else np.zeros((0, 0, 0), np.int64)
        begin, fronts = 0, len(self._starts) - 1
        while begin < fronts:
            end = max(begin + 1, int(np.searchsorted(self._starts, self._starts[begin] + _PIECE, side="right")) - 1)
            most = int(self._starts[end] - self._starts[begin]) * self._shape[2] * DECISIONS
            p, taken = np.empty(most, np.int32), np.empty(most, np.int32)
            bits = Bits(self._words, self._coder, p, taken, np.zeros(2, np.int64), told)
            self._walk(bits, begin, end, symbols)
            yield p[: bits.state[0]], taken[: bits.state[0]]
            begin = end

    def read(self) -> NDArray[np.int32]:
        """The symbols int32 [H, W, C] of the words."""
        nothing, symbols = np.zeros(0, np.int32), np.zeros(self._shape, np.int32)
        bits = Bits(self._words, self._coder, nothing, nothing, np.array([0, 1]), np.zeros((0, 0, 0), np.int64))
        self._walk(bits, 0, len(self._starts) - 1, symbols)
        return symbols

    def closed(self) -> bool:
        """Whether all words were read and none was impossible."""
        return closed(self._coder, self._words)

    def _walk(self, bits: Bits, begin: int, end: int, symbols: NDArray[np.int32]) -> None:
        walk(self._guide, self._state, self._net, self._learner, self._pace, bits, begin, end, self._space, symbols)
