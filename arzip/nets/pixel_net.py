"""What the convolutional nets over binary pictures share: offsets of every place, the head, the walk over pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.exact.bernoulli import LOGIT
from arzip.exact.convolution import Convolution
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range, rounded
from arzip.nets.gated_stack import STREAM
from arzip.nets.table_model import OrderedNet

__all__ = ["BITS", "HIDDEN", "PixelNet", "PixelWalk"]

BITS = Range(0, 0, 1)
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
        self.hidden = Convolution(channels, 2 * channels, [(0, 0)], source=HIDDEN, target=HIDDEN, gain=1.4)
        self.logit = Convolution(2 * channels, 1, [(0, 0)], source=HIDDEN, target=LOGIT, gain=0.5)

    def stack_of(self, pictures: Tensor) -> Tensor:
        """Training reading of all before the head: pictures [N, 1, H, W] to a stream [N, C, H, W]."""
        raise NotImplementedError

    def exact_stack_of(self, pictures: Tensor) -> Tensor:
        """Its exact reading: [N, H, W, 1] to [N, H, W, C]."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D]."""
        return self.head(self.stack_of(x.reshape(len(x), 1, self.rows, self.columns))).view(x.shape)

    def head(self, s: Tensor) -> Tensor:
        """Training reading of what follows the stack: [N, C, H, W] to [N, 1, H, W]."""
        return self.logit(self.hidden(s.relu()).relu())  # type: ignore[no-any-return]

    def begun(self, first: Tensor, stream: int) -> Tensor:
        """Training reading of what a stream begins with, [N, C, H, W]."""
        return (first + self.position[stream]).contiguous(memory_format=torch.channels_last)

    def freeze(self) -> None:
        self.position_q = rounded(self.position, STREAM)
        super().freeze()

    def place(self, engine: Engine) -> None:
        super().place(engine)
        self.places = self.position_q.permute(0, 2, 3, 1).to(engine.device, torch.float32)

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        pictures = torch.from_numpy(x).to(self.engine.device, torch.float32)
        s = self.exact_stack_of(pictures.view(len(x), self.rows, self.columns, 1))
        return self.logits(s.view(-1, s.shape[3])).reshape(x.shape)

    def logits(self, s: Tensor) -> NDArray[np.int32]:
        """Exact reading of the head: a stream [N, C] to int32 [N]."""
        z = self.logit.gathered(self.hidden.gathered(s.clamp(min=0)))
        logits: NDArray[np.int32] = z[:, 0].to(torch.int32).cpu().numpy()
        return logits


class PixelWalk:
    """Pixel by pixel through L pictures at once; `known` [L, reach + H, reach + W + reach] holds what has been seen."""

    def __init__(self, net: PixelNet, lanes: int, reach: int) -> None:
        self.lanes, self.reach, self.row, self.column = lanes, reach, 0, 0
        self._net = net
        size = lanes, net.rows + reach, net.columns + 2 * reach
        self.known = torch.zeros(size, dtype=torch.uint8, device=net.engine.device)

    def open_row(self) -> None:
        """Computes what depends on the rows above alone."""

    def stream(self) -> Tensor:
        """The stream [L, C] that the head reads at the pixel that comes next."""
        raise NotImplementedError

    def close_pixel(self) -> None:
        """Moves on; the pixel has just become known."""

    def outputs(self) -> NDArray[np.int32]:
        return self._net.logits(self.stream())

    def observe(self, x: NDArray[np.int32]) -> None:
        seen = torch.from_numpy(x).to(self.known)
        self.known[:, self.row + self.reach, self.column + self.reach] = seen
        self.close_pixel()
        self.column += 1
        if self.column == self._net.columns:
            self.row, self.column = self.row + 1, 0
            if self.row < self._net.rows:
                self.open_row()
