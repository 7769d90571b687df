"""What the convolutional nets over binary pictures share: offsets of every place, the head, the walk over pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.exact.bernoulli import LOGIT
from arzip.exact.causal_conv import CausalConv
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range
from arzip.nets.table_model import OrderedNet

__all__ = ["BITS", "HIDDEN", "STREAM", "PixelNet"]

BITS = Range(0, 0, 1)
STREAM = Range(8, -4095, 4095)  # residual streams: +-16
HIDDEN = Range(8, 0, 4095)  # behind a rectifier


class PixelNet(OrderedNet):
    """Pictures of `variables` bits in `rows` rows, in raster order.

    `offsets` streams of `channels` begin with a learned offset of every place; the last ends in the head.
    """

    position_q: Tensor

    def __init__(self, variables: int, rows: int, *, offsets: int, channels: int) -> None:
        super().__init__(variables, rows, "raster")
        self.columns, self.channels = variables // rows, channels
        self.position = nn.Parameter(torch.zeros(offsets, channels, rows, self.columns))
        self.register_buffer("position_q", torch.zeros(self.position.shape, dtype=torch.int16))
        self.hidden = CausalConv(channels, 2 * channels, [(0, 0)], source=HIDDEN, target=HIDDEN, gain=1.4)
        self.logit = CausalConv(2 * channels, 1, [(0, 0)], source=HIDDEN, target=LOGIT, gain=0.5)

    def pictures(self, x: Tensor) -> Tensor:
        """[N, D] as [N, 1, H, W]."""
        return x.view(len(x), 1, self.rows, self.columns)

    def begun(self, first: Tensor, stream: int) -> Tensor:
        """Training reading: what a stream begins with, [N, C, H, W]."""
        return (first + self.position[stream]).contiguous(memory_format=torch.channels_last)

    def head(self, s: Tensor) -> Tensor:
        """Training reading: logits in nats [N, 1, H, W] of a stream."""
        return self.logit(self.hidden(s.relu()).relu())  # type: ignore[no-any-return]

    def unrounded(self, x: Tensor) -> Tensor:
        return self(x)  # type: ignore[no-any-return]
