"""A local image net as a causal model: whole pictures in parallel to encode, wavefront by wavefront to decode.

Both readings send the same integers through the same exact layers and the same decision kernels; only how many pixels
go at once differs, and exact sums do not care.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from arzip.causal import Prediction
from arzip.coding.length import ideal_bits
from arzip.fronts import wavefront
from arzip.nets.local_pixelcnn import LocalPixelCNN
from arzip.nets.nibbles import HALVES, LEVELS, SYMBOLS, distribution, next_rows, open_samples, predict_all, take
from arzip.nets.window import COLOURS, FEATURES, REACH, colour_features, window_features

__all__ = ["PLANES", "PictureModel"]

_CHUNK = 1 << 13  # pixels that encoding sends through the net at once: activations stay in the cache
_SLOPE = REACH + 1
# Samples in coding order, by number of channels: green, red, blue together; then gray or alpha.
PLANES = {1: [[0]], 2: [[0], [1]], 3: [[1, 0, 2]], 4: [[1, 0, 2], [3]]}


class PictureModel:
    """Pictures uint8 [H, W, C] or [L, H, W, C] under a placed `LocalPixelCNN`; C 1 to 4.

    Colours (C 3 or 4) are coded first, alpha (C 2 or 4) after them as a gray picture of its own.
    """

    def __init__(self, net: LocalPixelCNN) -> None:
        self.net = net

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """Every row in coding order, in pairs of about `_CHUNK` pixels."""
        for planes in PLANES[symbols.shape[-1]]:
            for _, rows, x in self._walk(_batched(symbols)[..., planes]):
                yield rows, x

    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """What each sample costs in bits; same shape as the symbols."""
        lengths = np.zeros(_batched(symbols).shape)
        for planes in PLANES[symbols.shape[-1]]:
            for places, rows, x in self._walk(_batched(symbols)[..., planes]):
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
        batch = _batched(symbols)
        rows = np.zeros((*batch.shape, LEVELS))
        nibbles = np.empty((2, SYMBOLS), dtype=np.int32)
        for planes in PLANES[symbols.shape[-1]]:
            pixels = np.ascontiguousarray(batch[..., planes])
            at, _ = wavefront(pixels.shape[:3], _SLOPE)
            for first in range(0, len(at), _CHUNK):
                here = at[first : first + _CHUNK]
                hidden, prediction, residual = self._open(pixels, here)
                for colour, plane in enumerate(planes):
                    full = np.empty((len(here), LEVELS))
                    outputs = self._outputs(hidden, residual, colour)
                    distribution(outputs, prediction, residual, colour, self._scratch(), nibbles[0], nibbles[1], full)
                    rows[here[:, 0], here[:, 1], here[:, 2], plane] = full
        return rows.reshape(*symbols.shape, LEVELS)

    def stepper(self, shape: tuple[int, ...]) -> _PictureStepper:
        """A walk over pictures of a shape [H, W, C] or [L, H, W, C]."""
        return _PictureStepper(self, shape)

    def _walk(self, symbols: NDArray[Any]) -> Iterator[tuple[list[NDArray[np.int32]], Prediction, NDArray[np.int32]]]:
        """Chunks of whole fronts of pictures [L, H, W, 1 or 3] in coding order: the fronts' pixels, rows, x."""
        colours = symbols.shape[3]
        symbols = np.ascontiguousarray(symbols)
        at, starts = wavefront(symbols.shape[:3], _SLOPE)
        first = 0
        while first < len(starts) - 1:
            last = max(first + 1, int(np.searchsorted(starts, starts[first] + _CHUNK, side="right")) - 1)
            here = at[starts[first] : starts[last]]
            local = starts[first : last + 1] - starts[first]
            rows = np.empty((len(here) * colours * HALVES, SYMBOLS), dtype=np.int32)
            x = np.empty(len(rows), dtype=np.int32)
            hidden, prediction, residual = self._open(symbols, here)
            for colour in range(colours):
                outputs = self._outputs(hidden, residual, colour)
                predict_all(outputs, prediction, residual, colour, local, colours, self._scratch(), rows, x)
            yield np.split(here, local[1:-1]), rows, x
            first = last

    def _open(
        self, pixels: NDArray[Any], at: NDArray[np.int32]
    ) -> tuple[torch.Tensor, NDArray[np.int32], NDArray[np.int32]]:
        """The hidden units, predictions and true residuals of known pixels."""
        features, prediction = _look(pixels, at)
        hidden = self.net.hidden(torch.from_numpy(features).to(self.net.engine.device, self.net.engine.small))
        return hidden, prediction, _padded(pixels[at[:, 0], at[:, 1], at[:, 2]]) - prediction

    def _scratch(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.empty((3, self.net.components), dtype=np.int64), np.empty(SYMBOLS + 1, dtype=np.int64)

    def _outputs(self, hidden: torch.Tensor, residual: NDArray[np.int32], colour: int) -> NDArray[np.int32]:
        seen = np.empty((len(residual), 2 * colour), dtype=np.float32)
        colour_features(residual, colour, seen)
        outputs: NDArray[np.int32] = self.net.outputs(hidden, torch.from_numpy(seen), colour).cpu().numpy()
        return outputs


class _PictureStepper:
    """The rows of a picture: planes that belong together, fronts, in each the colours, in each the two halves."""

    def __init__(self, model: PictureModel, shape: tuple[int, ...]) -> None:
        self.model = model
        self._planes = list(PLANES[shape[-1]])
        self._whole = np.zeros(shape, dtype=np.uint8)
        self._front, self._colour, self._half = 0, 0, 0
        self._open_planes()

    @property
    def symbols(self) -> NDArray[np.uint8]:
        """The picture, as far as it is known."""
        return self._whole

    def predict(self) -> Prediction | None:
        while self._half == HALVES:
            self._half = 0
            self._colour += 1
            if self._colour == self._colours:
                self._colour = 0
                self._front += 1
                if self._front >= len(self._starts) - 1:
                    _batched(self._whole)[..., self._planes.pop(0)] = self._pixels
                    if not self._planes:
                        return None
                    self._open_planes()
                    continue
                self._open_front()
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
            self._residual[:, colour] = self._low - self._prediction[:, colour]

    def _open_planes(self) -> None:
        images, height, width, _ = _batched(self._whole).shape
        self._colours = len(self._planes[0])
        self._pixels = np.zeros((images, height, width, self._colours), dtype=np.uint8)
        self._at, self._starts = wavefront((images, height, width), _SLOPE)
        self._front, self._colour, self._half = -1, self._colours - 1, HALVES

    def _open_front(self) -> None:
        engine = self.model.net.engine
        self._here = self._at[self._starts[self._front] : self._starts[self._front + 1]]
        features, self._prediction = _look(self._pixels, self._here)
        self._hidden = self.model.net.hidden(torch.from_numpy(features).to(engine.device, engine.small))
        self._residual = np.zeros((len(self._here), COLOURS), dtype=np.int32)
        self._mixes = np.empty((len(self._here), 3, self.model.net.components), dtype=np.int64)
        self._edges = np.empty(SYMBOLS + 1, dtype=np.int64)

    def _open_colour(self) -> None:
        outputs = self.model._outputs(self._hidden, self._residual, self._colour)
        open_samples(outputs, self._prediction, self._residual, self._colour, self._mixes)
        self._low = np.zeros(len(self._here), dtype=np.int32)


def _batched(symbols: NDArray[Any]) -> NDArray[Any]:
    return symbols if symbols.ndim == 4 else symbols[None]


def _look(pixels: NDArray[np.uint8], at: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    features = np.empty((len(at), FEATURES), dtype=np.float32)
    prediction = np.empty((len(at), COLOURS), dtype=np.int32)
    window_features(pixels, at, features, prediction)
    return features, prediction


def _padded(samples: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Samples [N, C] as int32 [N, 3]."""
    out = np.zeros((len(samples), COLOURS), dtype=np.int32)
    out[:, : samples.shape[1]] = samples
    return out
