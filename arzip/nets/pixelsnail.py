"""PixelSNAIL: gated causal convolutions, which see near and well, and attention, which sees everything before.

    residual block    h' = h + u sigmoid(g),   (u, g) = B relu(A (n at t and its neighbours)),   n = norm(h)
    attention block   h' = h + u sigmoid(g),   (u, g) = B attention(Q m, K m, V m),   m = (norm(h), norm(h_0))

      . 1 2 3 .       the neighbours of a token t: three above, one to the left, and itself, which knows only what is
      . 4 t           left of it and above

(Chen et al. 2017 [1].) As there, a block is some residual blocks and one attention block with a single head and few
keys, and the attention is also told what the net began with, pixel and position, here h_0 = E patch + e. What differs:
positions are tokens of several pixels, see `token_net`; the second convolution of a residual block sees one position;
the stream is normalised where the paper has ELUs without; attention also knows distances in rows and columns.

[1] https://arxiv.org/abs/1712.09763
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.attention import Cache, CausalAttention
from arzip.exact.attention_kernels import BLOCK
from arzip.exact.gated import glu
from arzip.exact.layers import Layer
from arzip.exact.norm import RMSNorm
from arzip.exact.product import Product
from arzip.nets.token_grid import Neighbourhood
from arzip.nets.token_net import BRANCH, OPERAND, PROJECTED, RECTIFIED, STREAM, TokenNet, added, limited

__all__ = ["PixelSNAIL"]

_NEAR = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0)]


class PixelSNAIL(TokenNet):
    """`layers` times: `residual` residual blocks of `inner` rectified units, then attention with `key` channels.

    `dropout` silences a share of what blocks add to the stream while training.
    """

    together = BLOCK  # lanes that attention takes side by side

    def __init__(self, *, layers: int, residual: int, inner: int, key: int, dropout: float, **tokens: Any) -> None:
        super().__init__(**tokens)
        count = layers * (residual + 1)
        if count > 24:
            raise ModelError(f"{layers} layers of {residual} + 1 blocks are beyond 24 blocks")
        self.origin = RMSNorm(self.width, source=STREAM, target=OPERAND)
        self.blocks = nn.ModuleList(
            Attending(self.width, key, self.grid, dropout)
            if (i + 1) % (residual + 1) == 0
            else Residual(self.width, inner, self.grid, dropout)
            for i in range(count)
        )

    def trunk(self, h: Tensor) -> Tensor:
        origin = self.origin(h)
        for block in self.blocks:
            h = block(h, origin)
        return h

    def start(self, *shape: int) -> list[Any]:
        return [block.start(*shape) for block in self.blocks]  # type: ignore[operator]

    def advance(self, state: list[Any], h: Tensor, first: int) -> Tensor:
        origin = self.origin.whole(h.flatten(0, 1)).view(h.shape)
        for block, own in zip(self.blocks, state, strict=True):
            h = block.advance(own, h, origin, first)  # type: ignore[operator]
        return h


class Residual(Layer):
    """A gated residual block of two convolutions, the first over neighbours."""

    def __init__(self, width: int, inner: int, grid: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.width, self.around = width, Neighbourhood(grid, _NEAR)
        self.norm = RMSNorm(width, source=STREAM, target=OPERAND)
        length = self.around.length(self.norm.length)
        self.near = Product(len(_NEAR) * width, inner, source=OPERAND, target=RECTIFIED, length=length, gain=1.4)
        self.out = Product(inner, 2 * width, source=RECTIFIED, target=BRANCH, gain=0.0)  # adds nothing at first
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, origin: Tensor) -> Tensor:
        inner = limited(self.near(self.around.forward(self.norm(h))), RECTIFIED)
        return h + self.dropout(nn.functional.glu(self.out(inner), dim=2))  # type: ignore[no-any-return]

    def start(self, *shape: int) -> NDArray[np.int16]:
        """What is known of the stream."""
        return self.around.start(*shape, self.width)

    def advance(self, state: NDArray[np.int16], h: Tensor, origin: Tensor, first: int) -> Tensor:
        """Exact reading of positions `first` and on, [N, t, width]."""
        n = self.norm.whole(h.flatten(0, 1)).view(h.shape)
        inner = self.near.whole(self.around.read(state, n, first).flatten(0, 1))
        return added(h, glu(self.out.whole(inner)))


class Attending(Layer):
    """A gated attention block."""

    def __init__(self, width: int, key: int, grid: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self._cut = [key, key, width]
        self.norm = RMSNorm(width, source=STREAM, target=OPERAND)
        length = math.ceil(self.norm.length * 2**0.5)
        self.project = Product(2 * width, sum(self._cut), source=OPERAND, target=PROJECTED, length=length)
        self.attention = CausalAttention(heads=1, key=key, value=width, grid=grid, operand=PROJECTED)
        self.out = Product(width, 2 * width, source=PROJECTED, target=BRANCH, gain=0.0)  # adds nothing at first
        self.dropout = nn.Dropout(dropout)
        with torch.no_grad():
            self.project.weight[:, :key] *= key**-0.5

    def forward(self, h: Tensor, origin: Tensor) -> Tensor:
        projected = limited(self.project(torch.cat([self.norm(h), origin], dim=2)), PROJECTED)
        q, k, v = torch.split(projected, self._cut, dim=2)
        return h + self.dropout(nn.functional.glu(self.out(self.attention(q, k, v)), dim=2))  # type: ignore[no-any-return]

    def start(self, *shape: int) -> Cache:
        return self.attention.start(*shape)

    def advance(self, state: Cache, h: Tensor, origin: Tensor, first: int) -> Tensor:
        """Exact reading of positions `first` and on, [N, t, width]."""
        n = torch.cat([self.norm.whole(h.flatten(0, 1)), origin.flatten(0, 1)], dim=1)
        projected = self.project.whole(n).view(*h.shape[:2], sum(self._cut))
        q, k, v = torch.split(projected, self._cut, dim=2)
        y = self.attention.advance(state, q, k, v, first)
        return added(h, glu(self.out.whole(y.flatten(0, 1))))
