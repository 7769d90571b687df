"""PixelCNN: masked convolutions, which see what comes before in raster order (van den Oord et al. 2016a [1]).

    h' = h + E relu(B relu(R norm(h)))          R, E: 1 x 1;  B: 3 x 3, mask B: the position itself included

(The blocks of the paper's figure 5.) A position is a token of several pixels, see `token_net`, and what a token's patch
shows is the paper's first layer with mask A: all but the token itself. Masks of square kernels leave a blind spot:
positions up and to the right that no path of taps reaches (figure 1 of van den Oord et al. 2016b [2]; drawn in
docs/models.md). What differs: the stream is normalised where it is read.

[1] https://arxiv.org/abs/1601.06759  [2] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.layers import Layer
from arzip.exact.norm import RMSNorm
from arzip.exact.product import Product
from arzip.nets.token_grid import Neighbourhood
from arzip.nets.token_net import BRANCH, OPERAND, RECTIFIED, STREAM, TokenNet, added, limited

__all__ = ["MASK_B", "PixelCNN"]

MASK_B = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)]


class PixelCNN(TokenNet):
    """`layers` blocks of `channels`, on a stream of `width`; `dropout` silences a share of what they add to it."""

    def __init__(self, *, channels: int, layers: int, dropout: float, **tokens: Any) -> None:
        super().__init__(**tokens)
        if layers > 24:
            raise ModelError(f"{layers} layers are beyond 24")
        self.blocks = nn.ModuleList(Block(self.width, channels, self.grid, dropout) for _ in range(layers))

    def trunk(self, h: Tensor) -> Tensor:
        for block in self.blocks:
            h = block(h)
        return h

    def start(self, *shape: int) -> list[NDArray[np.int16]]:
        return [block.start(*shape) for block in self.blocks]  # type: ignore[operator]

    def advance(self, state: list[NDArray[np.int16]], h: Tensor, first: int) -> Tensor:
        for block, known in zip(self.blocks, state, strict=True):
            h = block.advance(known, h, first)  # type: ignore[operator]
        return h


class Block(Layer):
    """Narrow, look around, widen."""

    def __init__(self, width: int, channels: int, grid: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.channels, self.around = channels, Neighbourhood(grid, MASK_B)
        self.norm = RMSNorm(width, source=STREAM, target=OPERAND)
        self.narrow = Product(width, channels, source=OPERAND, target=RECTIFIED, length=self.norm.length)
        self.look = Product(len(MASK_B) * channels, channels, source=RECTIFIED, target=RECTIFIED, gain=1.4)
        self.widen = Product(channels, width, source=RECTIFIED, target=BRANCH, gain=0.5)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor) -> Tensor:
        narrow = limited(self.narrow(self.norm(h)), RECTIFIED)
        seen = limited(self.look(self.around.forward(narrow)), RECTIFIED)
        return h + self.dropout(self.widen(seen))  # type: ignore[no-any-return]

    def start(self, *shape: int) -> NDArray[np.int16]:
        """What is known of the narrow units."""
        return self.around.start(*shape, self.channels)

    def advance(self, known: NDArray[np.int16], h: Tensor, first: int) -> Tensor:
        """Exact reading of positions `first` and on, [N, t, width]."""
        narrow = self.narrow.whole(self.norm.whole(h.flatten(0, 1))).view(*h.shape[:2], self.channels)
        seen = self.around.read(known, narrow, first).flatten(0, 1)
        return added(h, self.widen.whole(self.look.whole(seen)))
