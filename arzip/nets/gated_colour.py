"""Gated PixelCNN over small colour pictures, with the outputs of PixelCNN++.

The stacks of `gated_stack` read the pixels above and to the left; the horizontal one also begins with the window of
`window`, which shows the pixel's neighbours relative to their prediction. The heads of `colour_heads` then give one
colour after the other (van den Oord et al. 2016b [1]; Salimans et al. 2017 [2]).

[1] https://arxiv.org/abs/1606.05328  [2] https://arxiv.org/abs/1701.05517
"""

from __future__ import annotations

import torch
from torch import Tensor

from arzip.exact.convolution import Convolution, window
from arzip.exact.fixed import Range, signed8
from arzip.exact.layers import Layer
from arzip.exact.product import Product
from arzip.nets.colour_heads import ColourHeads
from arzip.nets.gated_stack import STREAM, GatedStack
from arzip.nets.window import COLOURS, FEATURES

__all__ = ["PIXELS", "GatedColour"]

PIXELS = Range(7, -128, 127)  # samples minus 128
_HIDDEN = Range(8, 0, 4095)
_WINDOW = signed8(5)


class GatedColour(Layer):
    """Pictures of `rows` by `columns` pixels; `layers` layers of `channels`, a first one that looks `reach` far."""

    def __init__(
        self, *, rows: int, columns: int, channels: int, layers: int, reach: int, head: int, components: int
    ) -> None:
        super().__init__()
        self.rows, self.columns, self.channels, self.reach = rows, columns, channels, reach
        above, left = window(reach, reach, below=1), [(0, dx) for dx in range(-reach, 0)]
        self.above = Convolution(COLOURS, channels, above, source=PIXELS, target=STREAM)
        self.left = Convolution(COLOURS, channels, left, source=PIXELS, target=STREAM)
        self.near = Product(FEATURES, channels, source=_WINDOW, target=STREAM)
        self.stack = GatedStack(channels, layers)
        self.heads = ColourHeads(channels, head, components, source=_HIDDEN)

    def log2_likelihood(
        self, pixels: Tensor, features: Tensor, residual: Tensor, colour: Tensor, prediction: Tensor
    ) -> Tensor:
        """Training reading: log2 P of every sample, [N H W, 3]; pixels [N, 3, H, W] in levels and coding order.

        All others are what `window` says of every pixel, [N H W, ..], as integers.
        """
        n, _, height, width = pixels.shape
        x = ((pixels - 128) / 128).contiguous(memory_format=torch.channels_last)
        near = self.near(features / (1 << _WINDOW.point)).view(n, height, width, -1).permute(0, 3, 1, 2)
        stream = self.stack(self.above(x), self.left(x) + near)
        hidden = stream.relu().permute(0, 2, 3, 1).reshape(n * height * width, -1)
        return self.heads.log2_likelihood(hidden, residual, colour, prediction)

    def hidden(self, pixels: Tensor, features: Tensor) -> Tensor:
        """Exact reading of all pixels before the heads: [N, H, W, 3] samples minus 128 to [N, H, W, C]."""
        v, h = self.above.whole(pixels), self.left.whole(pixels)
        h += self.near.whole(features).view(h.shape)
        return self.stack.both(v, h.clamp_(STREAM.low, STREAM.high)).clamp_(min=0)
