"""Gated PixelCNN over small colour pictures, with the outputs of PixelCNN++.

The stacks of `gated_stack` read the pixels above and to the left; the horizontal one also begins with the window of
`window`, which shows the pixel's neighbours relative to their prediction. The heads of `colour_heads` then give one
colour after the other (van den Oord et al. 2016b [1]; Salimans et al. 2017 [2]).

[1] https://arxiv.org/abs/1606.05328  [2] https://arxiv.org/abs/1701.05517
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from arzip.exact.convolution import Convolution, window
from arzip.exact.fixed import Range, signed8
from arzip.exact.layers import Layer
from arzip.exact.product import Product
from arzip.fronts import PLANES
from arzip.nets.colour_heads import ColourHeads
from arzip.nets.gated_stack import STREAM, GatedStack
from arzip.nets.window import COLOURS, FEATURES, colour_features, everywhere, seen

__all__ = ["PIXELS", "GatedColour"]

(_CODING_ORDER,) = PLANES[COLOURS]
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
        self.variables, self.colours = rows * columns * COLOURS, COLOURS
        self.order = np.arange(self.variables)
        above, left = window(reach, reach, below=1), [(0, dx) for dx in range(-reach, 0)]
        self.above = Convolution(COLOURS, channels, above, source=PIXELS, target=STREAM)
        self.left = Convolution(COLOURS, channels, left, source=PIXELS, target=STREAM)
        self.near = Product(FEATURES, channels, source=_WINDOW, target=STREAM)
        self.stack = GatedStack(channels, layers)
        self.heads = ColourHeads(channels, head, components, source=_HIDDEN)

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the stacks."""
        return [m.weight for m in self.stack.modules() if isinstance(m, Product)]

    def bits(self, x: Tensor) -> Tensor:
        """Training reading: the code length in bits of all of x [N, H W 3], samples in RGB order."""
        n, height, width = len(x), self.rows, self.columns
        pixels = x.view(n, height, width, COLOURS)[..., _CODING_ORDER].contiguous()
        samples = pixels.numpy().astype(np.int32)
        features, prediction = seen(samples, everywhere(samples))
        residual = samples.reshape(-1, COLOURS) - prediction
        colour = np.empty((len(residual), 2 * (COLOURS - 1)), dtype=np.float32)
        colour_features(residual, COLOURS - 1, colour)
        planes = ((pixels - 128) / 128).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        near = self.near(torch.from_numpy(features) / (1 << _WINDOW.point)).view(n, height, width, -1)
        stream = self.stack(self.above(planes), self.left(planes) + near.permute(0, 3, 1, 2))
        hidden = stream.relu().permute(0, 2, 3, 1).reshape(n * height * width, -1)
        known = torch.from_numpy(residual).float(), torch.from_numpy(colour), torch.from_numpy(prediction).float()
        with torch.autocast(x.device.type, enabled=False):  # levels want all bits
            return -self.heads.log2_likelihood(hidden.float(), *known).sum()

    def hidden(self, pixels: Tensor, features: Tensor) -> Tensor:
        """Exact reading of all pixels before the heads: [N, H, W, 3] samples minus 128 to [N, H, W, C]."""
        v, h = self.above.whole(pixels), self.left.whole(pixels)
        h += self.near.whole(features).view(h.shape)
        return self.stack.both(v, h.clamp_(STREAM.low, STREAM.high)).clamp_(min=0)
