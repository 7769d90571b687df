"""A Gated PixelCNN over small colour pictures as a causal model: a table of N pictures, all of them in lockstep.

Pictures are lanes; each is walked pixel by pixel in raster order, in each pixel green, red, blue.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.causal import Prediction
from arzip.errors import UnsupportedInput
from arzip.nets.gated_colour import GatedColour
from arzip.nets.gated_stack import STREAM, StackWalk
from arzip.nets.picture_model import couple
from arzip.nets.wavefront_model import Opened, WavefrontModel, runs
from arzip.nets.window import COLOURS, colour_features, everywhere, seen

__all__ = ["ColourModel"]

_PICTURES = 16  # that encoding sends through the net at once
_LANES = 256  # whose row is computed at once


class ColourModel:
    """Tables uint8 [N, H W 3] of pictures under a placed `GatedColour`."""

    def __init__(self, net: GatedColour) -> None:
        self.net = net
        self._pictures = _Pictures(net)

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """Pixel by pixel, colour by colour, half by half, in each all pictures."""
        return self._pictures.predictions(self._laid(symbols))

    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """What each sample costs in bits, [N, H W 3]."""
        return self._pictures.code_lengths(self._laid(symbols)).reshape(symbols.shape)

    def rows(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """The distribution of every sample given those before it, float64 [N, H W 3, 256]."""
        return self._pictures.rows(self._laid(symbols)).reshape(*symbols.shape, -1)

    def stepper(self, shape: tuple[int, ...]) -> _Stepper:
        """A walk over a table of a shape [N, H W 3]."""
        return _Stepper(self._pictures, self._shape(shape), shape)

    def _shape(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        size = self.net.rows, self.net.columns, COLOURS
        if len(shape) != 2 or shape[1] != np.prod(size):
            raise UnsupportedInput(f"the model takes pictures of {size[1]} x {size[0]} in RGB, not a table {shape}")
        return shape[0], *size

    def _laid(self, symbols: NDArray[Any]) -> NDArray[Any]:
        return symbols.reshape(self._shape(symbols.shape))


class _Stepper:
    def __init__(self, model: _Pictures, pictures: tuple[int, ...], shape: tuple[int, ...]) -> None:
        self._inner, self._shape = model.stepper(pictures), shape
        self.predict, self.observe = self._inner.predict, self._inner.observe

    @property
    def symbols(self) -> NDArray[np.uint8]:
        """The table, as far as it is known."""
        return self._inner.symbols.reshape(self._shape)


class _Pictures(WavefrontModel):
    """The same as pictures [L, H, W, 3]."""

    def __init__(self, net: GatedColour) -> None:
        self.net, self.components, self.slope = net, net.heads.components, net.columns

    def walk_fronts(
        self, pixels: NDArray[np.int32], at: NDArray[np.int32], starts: NDArray[np.int64]
    ) -> Iterator[tuple[slice, list[Opened]]]:
        hidden = np.concatenate(
            [self._hidden(part) for part in np.split(pixels, range(_PICTURES, len(pixels), _PICTURES))]
        )
        for fronts in runs(starts):
            here = at[starts[fronts.start] : starts[fronts.stop]]
            _, prediction = seen(pixels, here)
            residual = pixels[here[:, 0], here[:, 1], here[:, 2]] - prediction
            units = torch.from_numpy(hidden[here[:, 0], here[:, 1], here[:, 2]]).to(
                self.net.engine.device, torch.float32
            )
            yield fronts, [self.colour(units, prediction, residual, c) for c in range(COLOURS)]

    def walker(self, pixels: NDArray[np.int32]) -> _Walker:
        return _Walker(self, pixels)

    def _hidden(self, pixels: NDArray[np.int32]) -> NDArray[np.int16]:
        """Of a few whole pictures, [N, H, W, C]."""
        features, _ = seen(pixels, everywhere(pixels))
        device = self.net.engine.device
        x = torch.from_numpy(pixels).to(device, torch.float32) - 128
        units: NDArray[np.int16] = (
            self.net.hidden(x, torch.from_numpy(features).to(device)).to(torch.int16).cpu().numpy()
        )
        return units

    def colour(self, hidden: Tensor, prediction: NDArray[np.int32], residual: NDArray[np.int32], c: int) -> Opened:
        """The mixtures of one colour; residual int32 [F, 3] holds what is known of the colours before it."""
        before = np.empty((len(residual), 2 * c), dtype=np.float32)
        colour_features(residual, c, before)
        out = self.net.heads.outputs(hidden, torch.from_numpy(before).to(hidden.device), c)
        outputs: NDArray[np.int32] = out.to(torch.int32).cpu().numpy()
        base = np.empty(len(residual), dtype=np.int32)
        couple(outputs, prediction, residual, c, base)
        return outputs, c, base


class _Walker:
    """The vertical stack once a row, the horizontal one once a pixel, a head once a colour."""

    def __init__(self, model: _Pictures, pixels: NDArray[np.int32]) -> None:
        self._model, self._pixels = model, pixels
        self._stack = StackWalk(model.net.stack, len(pixels), model.net.columns)

    def open(self, front: int, here: NDArray[np.int32], colour: int) -> Opened:
        if colour == 0:
            self._open_pixel(front, here)
        return self._model.colour(self._hidden, self._prediction, self._residual, colour)

    def close(self, front: int, here: NDArray[np.int32], colour: int) -> None:
        values = self._pixels[here[:, 0], here[:, 1], here[:, 2], colour]
        self._residual[:, colour] = values - self._prediction[:, colour]
        if colour == COLOURS - 1:
            self._stack.close_pixel()

    def _open_pixel(self, front: int, here: NDArray[np.int32]) -> None:
        net = self._model.net
        row, column = divmod(front, net.columns)
        if column == 0:
            self._open_row(row)
        features, self._prediction = seen(self._pixels, here)
        self._residual = np.zeros((len(here), COLOURS), dtype=np.int32)
        left = self._centred(self._pixels[:, row : row + 1, :column], 1, net.reach)
        h = net.left.gathered(left.flatten(1)) + net.near.whole(torch.from_numpy(features).to(left.device))
        h = h.clamp_(STREAM.low, STREAM.high)
        self._hidden = self._stack.horizontal(h, column).clamp(min=0)

    def _open_row(self, row: int) -> None:
        net = self._model.net
        self._stack.begin_row()
        for first in range(0, len(self._pixels), _LANES):
            lanes = slice(first, min(first + _LANES, len(self._pixels)))
            above = nn.functional.pad(
                self._centred(self._pixels[lanes, :row], net.reach, net.columns), (0, 0, net.reach, net.reach)
            )
            taps = above.unfold(2, 2 * net.reach + 1, 1).permute(0, 2, 1, 4, 3).flatten(2)
            v = net.above.gathered(taps.flatten(0, 1))
            self._stack.vertical(lanes, v.view(len(taps), net.columns, net.channels))

    def _centred(self, pixels: NDArray[np.int32], rows: int, columns: int) -> Tensor:
        """The last rows and columns of [l, .., .., 3] minus 128, with zeros before where there are fewer."""
        last = torch.from_numpy(pixels[:, -rows:, -columns:]).to(self._model.net.engine.device, torch.float32) - 128
        missing = rows - last.shape[1], columns - last.shape[2]
        return nn.functional.pad(last, (0, 0, missing[1], 0, missing[0], 0))
