"""Gated PixelCNN: a vertical stack that sees all rows above and a horizontal one that sees the row (Oord et al. 2016b [1]).

    v' = v + gate(K v)                          K: 2 x 3, the row and the one above it
    h' = h + O gate(J h + V gate(K v))          J: 1 x 2, the pixel and the one to its left;  V, O: 1 x 1

The vertical stack begins one row up, so that what it says of a row never contains the row; there is no blind spot.
Like the horizontal stack it is residual here, and both begin with an offset learned for every place.

A row of the vertical stack is known as soon as the rows above are: decoding computes it, and what it adds to every
horizontal layer, in one product for the whole row. What remains for each pixel is the horizontal stack.

[1] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.exact.causal_conv import CausalConv, gather, window
from arzip.exact.gated import SUMS, UNITS, gate, gated
from arzip.exact.layers import Layer
from arzip.nets.pixel_stack import BITS, STREAM, PixelNet

__all__ = ["GatedPixelCNN"]

_VERTICAL, _HORIZONTAL = window(2, 1), [(0, -1), (0, 0)]
_LANES = 500  # whose row is computed at once, so that it stays in the cache


class _Layer(Layer):
    """One layer of both stacks, `channels` wide."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.vertical = CausalConv(channels, 2 * channels, _VERTICAL, source=STREAM, target=SUMS)
        self.across = CausalConv(channels, 2 * channels, [(0, 0)], source=UNITS, target=SUMS, gain=0.7)
        self.horizontal = CausalConv(channels, 2 * channels, _HORIZONTAL, source=STREAM, target=SUMS, gain=0.7)
        self.out = CausalConv(channels, channels, [(0, 0)], source=UNITS, target=STREAM)

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        unit = gate(self.vertical(v), 1)
        return v + unit, h + self.out(gate(self.horizontal(h) + self.across(unit), 1))


class GatedPixelCNN(PixelNet):
    """`layers` layers of `channels` over pictures of `variables` bits in `rows` rows.

    `reach` is how far the first layer looks: that many rows up and columns to either side.
    """

    position_q: Tensor

    def __init__(self, *, variables: int, rows: int, channels: int, layers: int, reach: int) -> None:
        super().__init__(variables, rows, offsets=2, channels=channels)
        above, left = window(reach, reach, below=1), [(0, dx) for dx in range(-reach, 0)]
        self.above = CausalConv(1, channels, above, source=BITS, target=STREAM, gain=2.0)
        self.left = CausalConv(1, channels, left, source=BITS, target=STREAM, gain=2.0)
        self.stack = nn.ModuleList(_Layer(channels) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D]."""
        pictures = self.pictures(x)
        v, h = self.begun(self.above(pictures), 0), self.begun(self.left(pictures), 1)
        for layer in self.stack:
            v, h = layer(v, h)
        return self.head(h).view(x.shape)
