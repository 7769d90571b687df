"""Gated PixelCNN: a vertical stack that sees the rows above, a horizontal one that sees the row (van den Oord et al.
2016b [1], figure 2).

    v' = v + A u,   u = gate(K norm(v))         K: the token and its neighbours in the row above
    h' = h + O gate(J norm(h) + V u)            J: the token and the one to its left

        . 1 2 3 4 5 .   K, with a reach of 2: what a token of v reads. v begins with what the rows above say, so
        . . . 6 . . .   nothing of the row itself enters it; where `near` columns are all there are, no pixel before
        . . 1 2 . . .   the token is blind. This row: J.

A position is a token of several pixels, see `token_net`; what differs from the paper besides: the vertical stack is
residual too and looks one row up, where it knows what lies above that row; the row just above is in the patch, which
must show all of it; and streams are normalised where they are read.

[1] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.gated import SUMS, UNITS, gate, gated
from arzip.exact.layers import Layer
from arzip.exact.norm import RMSNorm
from arzip.exact.product import Product
from arzip.nets.token_grid import Neighbourhood
from arzip.nets.token_net import BRANCH, OPERAND, STREAM, TokenNet, added

__all__ = ["GatedPixelCNN"]

State = list[tuple[NDArray[np.int16], NDArray[np.int16]]]


class GatedPixelCNN(TokenNet):
    """`layers` layers of `channels` in either stack; the vertical one reads `reach` tokens to either side.

    `dropout` silences a share of what layers add to the horizontal stack while training.
    """

    def __init__(self, *, channels: int, layers: int, reach: int, dropout: float, **tokens: Any) -> None:
        super().__init__(width=2 * channels, blind=channels, read=channels, **tokens)
        if layers > 24:
            raise ModelError(f"{layers} layers are beyond 24")
        self.channels = channels
        self.layers = nn.ModuleList(GatedLayer(channels, reach, self.grid, dropout) for _ in range(layers))

    def trunk(self, h: Tensor) -> Tensor:
        v, h = h.chunk(2, dim=2)
        for layer in self.layers:
            v, h = layer(v, h)
        return h

    def start(self, *shape: int) -> State:
        return [layer.start(*shape) for layer in self.layers]  # type: ignore[operator]

    def advance(self, state: State, h: Tensor, first: int) -> Tensor:
        v, h = (s.contiguous() for s in h.chunk(2, dim=2))
        for layer, known in zip(self.layers, state, strict=True):
            v, h = layer.advance(known, v, h, first)  # type: ignore[operator]
        return h


class GatedLayer(Layer):
    """One layer of both stacks."""

    def __init__(self, channels: int, reach: int, grid: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.channels, self._cut = channels, [channels, 2 * channels]
        self.above = Neighbourhood(grid, [(-1, dx) for dx in range(-reach, reach + 1)] + [(0, 0)])
        self.beside = Neighbourhood(grid, [(0, -1), (0, 0)])
        self.normal_v, self.normal_h = (RMSNorm(channels, source=STREAM, target=OPERAND) for _ in range(2))
        taps, length = len(self.above.taps), self.above.length(self.normal_v.length)
        self.vertical = Product(taps * channels, 2 * channels, source=OPERAND, target=SUMS, length=length)
        length = self.beside.length(self.normal_h.length)
        self.horizontal = Product(2 * channels, 2 * channels, source=OPERAND, target=SUMS, length=length, gain=0.7)
        self.across = Product(channels, 3 * channels, source=UNITS, target=SUMS, gain=0.7)  # A and V
        self.out = Product(channels, channels, source=UNITS, target=BRANCH, gain=0.7)
        self.dropout = nn.Dropout(dropout)

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        unit = gate(self.vertical(self.above.forward(self.normal_v(v))), 2)
        more, across = torch.split(self.across(unit), self._cut, dim=2)
        sums = self.horizontal(self.beside.forward(self.normal_h(h))) + across
        return v + more, h + self.dropout(self.out(gate(sums, 2)))

    def start(self, *shape: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """What is known of both streams, normalised."""
        return self.above.start(*shape, self.channels), self.beside.start(*shape, self.channels)

    def advance(
        self, known: tuple[NDArray[np.int16], NDArray[np.int16]], v: Tensor, h: Tensor, first: int
    ) -> tuple[Tensor, Tensor]:
        """Exact reading of positions `first` and on, [N, t, channels] each."""
        above, beside = known
        seen = self.above.read(above, self.normal_v.whole(v.flatten(0, 1)).view(v.shape), first)
        both = self.across.whole(gated(self.vertical.whole(seen.flatten(0, 1))))
        more, across = torch.split(both, self._cut, dim=1)
        seen = self.beside.read(beside, self.normal_h.whole(h.flatten(0, 1)).view(h.shape), first)
        sums = self.horizontal.whole(seen.flatten(0, 1)) + across
        return added(v, more.contiguous()), added(h, self.out.whole(gated(sums)))
