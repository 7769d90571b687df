"""A Transformer decoder over pictures of bits.

    h_0 = E patch + e;    h' = h + O attention(Q n, K n, V n), n = norm(h);    h'' = h' + B relu(A norm(h'))

(Vaswani et al. 2017 [1]; pixels as in Image GPT, Chen et al. 2020 [2], with the norm before each part as there.) A
position is a token of several pixels of a row, see `token_net`; it looks at itself, which knows only what is left of it
and above, and at all tokens before it, by content and, because each head learns a number for every distance in rows and
columns, by place. The rectifier stands for the paper's, or Image GPT's smooth one; norms have no gain of their own.

To decode, each layer keeps the keys and values of earlier tokens: a step costs one token's products and a pass over the
cache, while reading everything again would cost as much for every token of the picture.

[1] https://arxiv.org/abs/1706.03762  [2] https://cdn.openai.com/papers/Generative_Pretraining_from_Pixels_V2.pdf
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.attention import Cache, CausalAttention
from arzip.exact.attention_kernels import BLOCK
from arzip.exact.layers import Layer
from arzip.exact.norm import RMSNorm
from arzip.exact.product import Product
from arzip.nets.token_net import BRANCH, OPERAND, PROJECTED, RECTIFIED, STREAM, TokenNet, added, limited

__all__ = ["Transformer"]

_SHARPNESS = 1.4427  # octaves of a standard deviation of scores at the beginning: a nat


class Transformer(TokenNet):
    """`layers` blocks of `heads` heads, `key` channels each to compare, and `inner` rectified units.

    `dropout` silences a share of what blocks add to the stream while training.
    """

    together = BLOCK  # lanes that attention takes side by side

    def __init__(self, *, layers: int, heads: int, key: int, inner: int, dropout: float, **tokens: Any) -> None:
        super().__init__(**tokens)
        if self.width % heads or layers > 12:
            raise ModelError(f"{heads} heads do not share a width of {self.width}, or {layers} layers are beyond 12")
        self.blocks = nn.ModuleList(Block(self.width, heads, key, inner, self.grid, dropout) for _ in range(layers))

    def trunk(self, h: Tensor) -> Tensor:
        for block in self.blocks:
            h = block(h)
        return h

    def start(self, *shape: int) -> list[Cache]:
        return [block.attention.start(*shape) for block in self.blocks]  # type: ignore[operator,union-attr]

    def advance(self, state: list[Cache], h: Tensor, first: int) -> Tensor:
        for block, cache in zip(self.blocks, state, strict=True):
            h = block.advance(cache, h, first)  # type: ignore[operator]
        return h


class Block(Layer):
    """Attention, then a rectified layer, each added to the stream."""

    def __init__(self, width: int, heads: int, key: int, inner: int, grid: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self._cut = [heads * key, heads * key, width]
        self.before = RMSNorm(width, source=STREAM, target=OPERAND)
        self.project = Product(width, sum(self._cut), source=OPERAND, target=PROJECTED, length=self.before.length)
        self.attention = CausalAttention(heads=heads, key=key, value=width // heads, grid=grid, operand=PROJECTED)
        self.mix = Product(width, width, source=PROJECTED, target=BRANCH, gain=0.0)  # adds nothing at first
        self.between = RMSNorm(width, source=STREAM, target=OPERAND)
        self.up = Product(width, inner, source=OPERAND, target=RECTIFIED, length=self.between.length)
        self.down = Product(inner, width, source=RECTIFIED, target=BRANCH, gain=0.0)  # adds nothing at first
        self.dropout = nn.Dropout(dropout)
        with torch.no_grad():
            self.project.weight[:, : heads * key] *= _SHARPNESS * key**-0.5

    def forward(self, h: Tensor) -> Tensor:
        q, k, v = torch.split(limited(self.project(self.before(h)), PROJECTED), self._cut, dim=2)
        h = h + self.dropout(self.mix(self.attention(q, k, v)))
        return h + self.dropout(self.down(limited(self.up(self.between(h)), RECTIFIED)))  # type: ignore[no-any-return]

    def advance(self, cache: Cache, h: Tensor, first: int) -> Tensor:
        """Exact reading of positions `first` and on, [N, t, width]."""
        projected = self.project.whole(self.before.whole(h.flatten(0, 1))).view(*h.shape[:2], sum(self._cut))
        q, k, v = torch.split(projected, self._cut, dim=2)
        y = self.attention.advance(cache, q, k, v, first)
        h = added(h, self.mix.whole(y.flatten(0, 1)))
        inner = self.up.whole(self.between.whole(h.flatten(0, 1)))
        return added(h, self.down.whole(inner))
