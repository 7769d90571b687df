"""Convolutions over pictures as products over gathered taps.

A kernel is a list of taps (dy, dx): what it reads relative to the place it writes; a masked kernel is one that has no
tap where the mask is zero. Training is torch's own convolution with zeros where no tap is; the exact reading gathers
the taps and multiplies once, for a convolution routine may choose transforms (Winograd) that are not exact.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arzip.exact.fixed import Range
from arzip.exact.product import Product

__all__ = ["Convolution", "Tap", "gather", "window"]

Tap = tuple[int, int]


def window(rows: int, reach: int, *, below: int = 0) -> list[Tap]:
    """All taps of rows -rows + 1 - below .. -below and columns -reach .. reach, in reading order."""
    return [(dy, dx) for dy in range(1 - rows - below, 1 - below) for dx in range(-reach, reach + 1)]


class Convolution(Product):
    """[N, inputs, H, W] -> [N, outputs, H, W] in floats; exact, [N, H, W, inputs] -> [N, H, W, outputs].

    Weights lie tap by tap: [taps * inputs, outputs].
    """

    def __init__(
        self, inputs: int, outputs: int, taps: list[Tap], *, source: Range, target: Range, gain: float = 1.0
    ) -> None:
        super().__init__(len(taps) * inputs, outputs, source=source, target=target, gain=gain)
        self.inputs, self.outputs, self.taps = inputs, outputs, taps
        self._top = max(0, -min(dy for dy, _ in taps))
        self._bottom = max(0, max(dy for dy, _ in taps))
        self._left = max(0, -min(dx for _, dx in taps))
        self._right = max(0, max(dx for _, dx in taps))

    def forward(self, x: Tensor) -> Tensor:
        height, width = self._top + self._bottom + 1, self._left + self._right + 1
        weight = self.weight.view(len(self.taps), self.inputs, self.outputs)
        if len(self.taps) < height * width:
            places = torch.tensor([(dy + self._top) * width + dx + self._left for dy, dx in self.taps])
            weight = weight.new_zeros(height * width, self.inputs, self.outputs).index_copy(0, places, weight)
        kernel = weight.permute(2, 1, 0).reshape(self.outputs, self.inputs, height, width)
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        around = (self._left, self._right, self._top, self._bottom)
        return nn.functional.conv2d(nn.functional.pad(x, around) if any(around) else x, kernel, self.bias)

    def whole(self, x: Tensor) -> Tensor:
        n, height, width, _ = x.shape
        return self.gathered(gather(x, self.taps)).view(n, height, width, self.outputs)

    def gathered(self, x: Tensor) -> Tensor:
        """Exact reading of places whose taps are together already: [N, taps * inputs] -> [N, outputs]."""
        return super().whole(x)


def gather(x: Tensor, taps: list[Tap]) -> Tensor:
    """The taps of every place of x [N, H, W, C], zeros beyond the borders: [N H W, taps * C]."""
    n, height, width, channels = x.shape
    out = x.new_zeros(n, height, width, len(taps), channels)
    for k, (dy, dx) in enumerate(taps):
        top, bottom = _overlap(height, dy)
        left, right = _overlap(width, dx)
        out[:, top:bottom, left:right, k] = x[:, top + dy : bottom + dy, left + dx : right + dx]
    return out.view(n * height * width, -1)


def _overlap(size: int, step: int) -> tuple[int, int]:
    """The places that stay inside when a step is taken from them."""
    first = min(size, max(0, -step))
    return first, max(first, min(size, size - step))
