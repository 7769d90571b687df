"""Causal models of pictures: whole pictures in parallel to encode, wavefront by wavefront to decode.

What all nets for pictures share: planes that belong together, fronts, in each the colours, in each the two halves of a
sample (nibbles.py). A model says how to open a run of known fronts (`walk_fronts`) and one plane of an unknown front
(`Walker`); both send the same integers through the same exact layers, only how many pixels go at once differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Prediction
from arzip.coding.length import ideal_bits
from arzip.fronts import PLANES, wavefront
from arzip.nets.nibbles import HALVES, LEVELS, SYMBOLS, distribution, next_rows, open_samples, predict_all, take

__all__ = ["CHUNK", "SLOPE", "Opened", "Walker", "WavefrontModel", "batched", "runs"]

SLOPE = 4  # of the wavefront
CHUNK = 1 << 13  # pixels that encoding sends through a net at once: activations stay in the cache

Opened = tuple[NDArray[np.int32], int, NDArray[np.int32]]  # outputs [F, first + 3 K], first, base [F] in 1/32


class Walker(Protocol):
    """A model's state on its way through planes int32 [L, H, W, C] that become known."""

    def open(self, front: int, here: NDArray[np.int32], colour: int) -> Opened:
        """The mixtures of one colour of a front, whose pixels are rows (image, y, x) [F, 3]."""

    def close(self, front: int, here: NDArray[np.int32], colour: int) -> None:
        """The colour is known now."""


class WavefrontModel:
    """Pictures uint8 [H, W, C] or [L, H, W, C], C 1 to 4.

    Colours (C 3 or 4) are coded first, alpha (C 2 or 4) after them as a gray picture of its own.
    """

    components: int
    slope = SLOPE

    def walk_fronts(
        self, pixels: NDArray[np.int32], at: NDArray[np.int32], starts: NDArray[np.int64]
    ) -> Iterator[tuple[slice, list[Opened]]]:
        """Runs of whole fronts of known planes int32 [L, H, W, C]: which fronts, and every colour opened."""
        raise NotImplementedError

    def walker(self, pixels: NDArray[np.int32]) -> Walker:
        """A walk over planes that are zero as long as they are unknown."""
        raise NotImplementedError

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """Every row in coding order, in pairs of about CHUNK pixels."""
        for planes in PLANES[symbols.shape[-1]]:
            for _, rows, x in self._walk(batched(symbols)[..., planes]):
                yield rows, x

    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """What each sample costs in bits; same shape as the symbols."""
        lengths = np.zeros(batched(symbols).shape)
        for planes in PLANES[symbols.shape[-1]]:
            for places, rows, x in self._walk(batched(symbols)[..., planes]):
                at = 0
                for here in places:
                    front = slice(at, at + len(here) * len(planes) * HALVES)
                    at = front.stop
                    cost = ideal_bits(rows[front], x[front])
                    cost = cost.reshape(len(planes), HALVES, len(here)).sum(axis=1)
                    for c, plane in enumerate(planes):
                        lengths[here[:, 0], here[:, 1], here[:, 2], plane] = cost[c]
        return lengths.reshape(symbols.shape)

    def rows(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """The distribution of every sample given those before it, float64 [..., 256]."""
        batch = batched(symbols)
        rows = np.zeros((*batch.shape, LEVELS))
        nibbles = np.empty((2, SYMBOLS), dtype=np.int32)
        for planes in PLANES[symbols.shape[-1]]:
            pixels = np.ascontiguousarray(batch[..., planes], dtype=np.int32)
            at, starts = wavefront(pixels.shape[:3], self.slope)
            for fronts, opened in self.walk_fronts(pixels, at, starts):
                here = at[starts[fronts.start] : starts[fronts.stop]]
                for plane, (outputs, first, base) in zip(planes, opened, strict=True):
                    full = np.empty((len(here), LEVELS))
                    distribution(outputs, first, base, self._scratch(), nibbles[0], nibbles[1], full)
                    rows[here[:, 0], here[:, 1], here[:, 2], plane] = full
        return rows.reshape(*symbols.shape, LEVELS)

    def stepper(self, shape: tuple[int, ...]) -> _Stepper:
        """A walk over pictures of a shape [H, W, C] or [L, H, W, C]."""
        return _Stepper(self, shape)

    def _walk(self, symbols: NDArray[Any]) -> Iterator[tuple[list[NDArray[np.int32]], Prediction, NDArray[np.int32]]]:
        """Runs of whole fronts of planes [L, H, W, C] in coding order: the fronts' pixels, rows, x."""
        colours = symbols.shape[3]
        pixels = np.ascontiguousarray(symbols, dtype=np.int32)
        at, starts = wavefront(pixels.shape[:3], self.slope)
        for fronts, opened in self.walk_fronts(pixels, at, starts):
            here = at[starts[fronts.start] : starts[fronts.stop]]
            local = starts[fronts.start : fronts.stop + 1] - starts[fronts.start]
            rows = np.empty((len(here) * colours * HALVES, SYMBOLS), dtype=np.int32)
            x = np.empty(len(rows), dtype=np.int32)
            for colour, (outputs, first, base) in enumerate(opened):
                samples = pixels[here[:, 0], here[:, 1], here[:, 2], colour]
                predict_all(outputs, first, base, samples, colour, local, colours, self._scratch(), rows, x)
            yield np.split(here, local[1:-1]), rows, x

    def _scratch(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.empty((3, self.components), dtype=np.int64), np.empty(SYMBOLS + 1, dtype=np.int64)


class _Stepper:
    """The rows of a picture: planes that belong together, fronts, in each the colours, in each the two halves."""

    def __init__(self, model: WavefrontModel, shape: tuple[int, ...]) -> None:
        self.model = model
        self._planes = list(PLANES[shape[-1]])
        self._whole = np.zeros(shape, dtype=np.uint8)
        self._edges = np.empty(SYMBOLS + 1, dtype=np.int64)
        self._mixes = np.empty((0, 3, model.components), dtype=np.int64)
        self._low = np.zeros(0, dtype=np.int32)
        self._front, self._colour, self._half = -1, 0, HALVES
        self._open_planes()

    @property
    def symbols(self) -> NDArray[np.uint8]:
        """The picture, as far as it is known."""
        return self._whole

    def predict(self) -> Prediction | None:
        while self._half == HALVES:
            self._half = 0
            self._colour += 1
            if self._colour == self._pixels.shape[3]:
                self._colour = 0
                self._front += 1
                if self._front >= len(self._starts) - 1:
                    batched(self._whole)[..., self._planes.pop(0)] = self._pixels
                    if not self._planes:
                        return None
                    self._open_planes()
                    continue
                self._here = self._at[self._starts[self._front] : self._starts[self._front + 1]]
            self._open_colour()
        rows = np.empty((len(self._here), SYMBOLS), dtype=np.int32)
        next_rows(self._mixes, self._low, self._half, self._edges, rows)
        return rows

    def observe(self, x: NDArray[np.int32]) -> None:
        take(self._low, x, self._half)
        self._half += 1
        if self._half == HALVES:
            here, colour = self._here, self._colour
            self._pixels[here[:, 0], here[:, 1], here[:, 2], colour] = self._low
            self._walker.close(self._front, here, colour)

    def _open_planes(self) -> None:
        images, height, width, _ = batched(self._whole).shape
        self._pixels = np.zeros((images, height, width, len(self._planes[0])), dtype=np.int32)
        self._at, self._starts = wavefront((images, height, width), self.model.slope)
        self._front, self._colour, self._half = -1, len(self._planes[0]) - 1, HALVES
        self._walker = self.model.walker(self._pixels)

    def _open_colour(self) -> None:
        outputs, first, base = self._walker.open(self._front, self._here, self._colour)
        self._mixes = np.empty((len(self._here), 3, self.model.components), dtype=np.int64)
        open_samples(outputs, first, base, self._mixes)
        self._low = np.zeros(len(self._here), dtype=np.int32)


def batched(symbols: NDArray[Any]) -> NDArray[Any]:
    """Pictures as [L, H, W, C]."""
    return symbols if symbols.ndim == 4 else symbols[None]


def runs(starts: NDArray[np.int64]) -> Iterator[slice]:
    """Cuts fronts into runs of about CHUNK pixels."""
    first = 0
    while first < len(starts) - 1:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + CHUNK, side="right")) - 1)
        yield slice(first, last)
        first = last
