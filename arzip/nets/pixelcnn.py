"""PixelCNN: masked convolutions, so that a pixel sees those before it in raster order (van den Oord et al. 2016a [1]).

    s   = A x                                     A: 7 x 7, mask A: without the pixel itself
    s'  = s + E relu(B relu(R relu(s)))           R, E: 1 x 1;  B: 3 x 3, mask B: the pixel itself included

The blocks are those of the paper's figure 5, followed by a rectified layer and the logit. Masks of square kernels leave
a blind spot: pixels up and to the right that no path of taps reaches (figure 1 of van den Oord et al. 2016b [2]; drawn
in docs/models.md). The first layer begins with an offset learned for every place.

[1] https://arxiv.org/abs/1601.06759  [2] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.exact.bernoulli import LOGIT
from arzip.exact.causal_conv import CausalConv, Tap, window
from arzip.exact.fixed import Range
from arzip.exact.layers import Layer
from arzip.nets.pixel_stack import BITS, HIDDEN, STREAM, PixelNet

__all__ = ["PixelCNN", "before"]

_POINT: list[Tap] = [(0, 0)]


def before(reach: int) -> list[Tap]:
    """The taps of mask A: rows and columns up to `reach` away, up to the pixel itself."""
    return window(reach, reach, below=1) + [(0, dx) for dx in range(-reach, 0)]


class _Block(Layer):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = CausalConv(2 * channels, channels, _POINT, source=HIDDEN, target=HIDDEN, gain=1.4)
        self.look = CausalConv(channels, channels, before(1) + _POINT, source=HIDDEN, target=HIDDEN, gain=1.4)
        self.expand = CausalConv(channels, 2 * channels, _POINT, source=HIDDEN, target=STREAM, gain=0.5)

    def forward(self, s: Tensor) -> Tensor:
        return s + self.expand(self.look(self.reduce(s.relu()).relu()).relu())  # type: ignore[no-any-return]


class PixelCNN(PixelNet):
    """`layers` blocks of `channels` on a stream twice as wide, over pictures of `variables` bits in `rows` rows."""

    def __init__(self, *, variables: int, rows: int, channels: int, layers: int) -> None:
        super().__init__(variables, rows, offsets=1, channels=2 * channels)
        self.first = CausalConv(1, 2 * channels, before(3), source=BITS, target=STREAM, gain=2.0)
        self.stack = nn.ModuleList(_Block(channels) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D]."""
        s = self.begun(self.first(self.pictures(x)), 0)
        for block in self.stack:
            s = block(s)
        return self.head(s).view(x.shape)
