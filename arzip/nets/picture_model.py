"""A local PixelCNN as a causal model: windows of known pixels through the trunk, colour by colour through the heads.

The base of a sample is its prediction plus coefficient_j * residual_j summed over the earlier colours j of the pixel,
with coefficients that the net gives (Salimans et al. 2017, equation 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from arzip.compiled import allocating
from arzip.exact.logistic import POINT
from arzip.nets.local_pixelcnn import LocalPixelCNN
from arzip.nets.wavefront_model import Opened, WavefrontModel, runs
from arzip.nets.window import COLOURS, colour_features, seen

__all__ = ["PictureModel", "couple"]


class PictureModel(WavefrontModel):
    """Pictures under a placed `LocalPixelCNN`."""

    def __init__(self, net: LocalPixelCNN) -> None:
        self.net, self.components = net, net.components

    def walk_fronts(
        self, pixels: NDArray[np.int32], at: NDArray[np.int32], starts: NDArray[np.int64]
    ) -> Iterator[tuple[slice, list[Opened]]]:
        for fronts in runs(starts):
            here = at[starts[fronts.start] : starts[fronts.stop]]
            hidden, prediction = self.look(pixels, here)
            known = np.zeros((len(here), COLOURS), dtype=np.int32)
            known[:, : pixels.shape[3]] = pixels[here[:, 0], here[:, 1], here[:, 2]]
            residual = known - prediction
            yield fronts, [self.colour(hidden, prediction, residual, c) for c in range(pixels.shape[3])]

    def walker(self, pixels: NDArray[np.int32]) -> _Walker:
        return _Walker(self, pixels)

    def look(self, pixels: NDArray[np.int32], at: NDArray[np.int32]) -> tuple[torch.Tensor, NDArray[np.int32]]:
        """The hidden units and the predictions int32 [F, 3] of pixels [L, H, W, C] at rows (image, y, x) [F, 3]."""
        features, prediction = seen(pixels, at)
        hidden = self.net.hidden(torch.from_numpy(features).to(self.net.engine.device, self.net.engine.small))
        return hidden, prediction

    def colour(
        self, hidden: torch.Tensor, prediction: NDArray[np.int32], residual: NDArray[np.int32], c: int
    ) -> Opened:
        """The mixtures of one colour; residual int32 [F, 3] holds sample minus prediction of the colours before it."""
        seen = np.empty((len(residual), 2 * c), dtype=np.float32)
        colour_features(residual, c, seen)
        outputs: NDArray[np.int32] = self.net.outputs(hidden, torch.from_numpy(seen), c).cpu().numpy()
        base = np.empty(len(residual), dtype=np.int32)
        couple(outputs, prediction, residual, c, base)
        return outputs, c, base


class _Walker:
    """Trunk once a front, heads once a colour."""

    def __init__(self, model: PictureModel, pixels: NDArray[np.int32]) -> None:
        self._model, self._pixels = model, pixels

    def open(self, front: int, here: NDArray[np.int32], colour: int) -> Opened:
        if colour == 0:
            self._hidden, self._prediction = self._model.look(self._pixels, here)
            self._residual = np.zeros((len(here), COLOURS), dtype=np.int32)
        return self._model.colour(self._hidden, self._prediction, self._residual, colour)

    def close(self, front: int, here: NDArray[np.int32], colour: int) -> None:
        values = self._pixels[here[:, 0], here[:, 1], here[:, 2], colour]
        self._residual[:, colour] = values - self._prediction[:, colour]


@allocating
def couple(
    outputs: NDArray[Any], prediction: NDArray[Any], residual: NDArray[Any], colour: int, base: NDArray[Any]
) -> None:
    """base int32 [F]: the prediction in 1/32, moved with the residuals of earlier colours."""
    for i in range(base.shape[0]):
        base[i] = prediction[i, colour] << POINT
        for j in range(colour):
            base[i] += outputs[i, j] * residual[i, j]
