"""Adaptive engine for pictures: a wavefront of samples, each mixed from guides, counts, and a net if there is one.

    engine = PictureEngine(shape, depth=8, profile=PROFILES[...], components=K)

    encoding, runs of whole fronts                       decoding, one plane c of one front at a time
    features = engine.look_ahead(begin, end, symbols)    features = engine.look(front, c)
    p, x = engine.write(outputs)                         engine.read(outputs)

The net is outside: it turns features [.., F, FEATURES] into outputs int32 [.., F, 3 K]. Both directions run the same
compiled walk (picture_kernel), so they meet the same decisions in the same order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arzip.coding.compiled_coder import closed, start, words_of
from arzip.fronts import front_starts
from arzip.mixing.guide import SLOPE, Profile, learn_plane, new_guide, predict_plane
from arzip.mixing.guided_features import FEATURES, guide_fronts, look_at_plane
from arzip.mixing.picture_kernel import code_fronts, code_plane
from arzip.mixing.picture_state import new_picture_state
from arzip.mixing.picture_tree import DECISIONS, Bits

__all__ = ["PictureEngine"]


class PictureEngine:
    """The state of one engine for one tile [H, W, C], C 1 or 3, in one direction."""

    def __init__(
        self, shape: tuple[int, int, int], *, depth: int, profile: Profile, components: int, words: bytes = b""
    ) -> None:
        """`components` of the net's mixtures, 0 without a net; `words` are what is to be read, for decoding."""
        height, width, planes = shape
        self._guide = new_guide(height, width, planes, depth=depth, profile=profile)
        self._state = new_picture_state(self._guide, depth=depth, components=components)
        self._guides, self._components = len(profile.first), components
        self.starts = front_starts(height, width, SLOPE)
        self.symbols = np.zeros(shape, np.int32)
        self._words = words_of(words)
        self._coder = start(self._words)
        nothing = np.zeros(0, np.int32)
        self._nowhere = np.zeros((0, 0, 0), np.int64)
        self._reading = Bits(self._words, self._coder, nothing, nothing, np.array([0, 1]), self._nowhere)
        most = min(height, width // SLOPE + 1)
        self._means = np.zeros((most, self._guides), np.int32)
        self._base = np.zeros(most, np.int32)

    @property
    def fronts(self) -> int:
        """How many fronts the tile has."""
        return len(self.starts) - 1

    def look_ahead(self, begin: int, end: int, symbols: NDArray[np.int32]) -> NDArray[np.float32]:
        """Guides the next fronts of known symbols int32 [H, W, C]; features [C, F, FEATURES], or [C, F, 0]."""
        pixels, planes = int(self.starts[end] - self.starts[begin]), symbols.shape[2]
        self._means = np.zeros((planes, pixels, self._guides), np.int32)
        self._base = np.zeros((planes, pixels), np.int32)
        features = np.zeros((planes, pixels, FEATURES if self._components else 0), np.float32)
        guide_fronts(self._guide, begin, end, symbols, self._means, features, self._base)
        self._ahead = begin, end, symbols
        return features

    def write(
        self, outputs: NDArray[np.int32], ends: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Probabilities int32 [N] in 2^-24 and bits int32 [N] of the fronts that were looked at.

        ends int64 [H, W, C] is told how many of them there are after each sample.
        """
        begin, end, symbols = self._ahead
        most = self._base.size * DECISIONS
        p, taken, told = np.empty(most, np.int32), np.empty(most, np.int32), self._nowhere if ends is None else ends
        bits = Bits(self._words, self._coder, p, taken, np.zeros(2, np.int64), told)
        code_fronts(self._state, bits, begin, end, self._means, outputs, self._base, symbols)
        return p[: bits.state[0]], taken[: bits.state[0]]

    def look(self, front: int, plane: int) -> NDArray[np.float32]:
        """Guides one plane of the next front; its features [F, FEATURES], [F, 0] without a net."""
        count = int(self.starts[front + 1] - self.starts[front])
        predict_plane(self._guide, plane, front, self._means)
        features = np.empty((count, FEATURES if self._components else 0), np.float32)
        if self._components:
            look_at_plane(self._guide, plane, front, self._means, features, self._base)
        self._here = front, plane
        return features

    def read(self, outputs: NDArray[np.int32]) -> None:
        """Reads the plane that was looked at into `symbols`."""
        front, plane = self._here
        code_plane(self._state, self._reading, front, plane, self._means, outputs, self._base, self.symbols)
        learn_plane(self._guide, plane, front, self._means, self.symbols)

    def closed(self) -> bool:
        """Whether all words were read and none was impossible."""
        return closed(self._coder, self._words)
