"""Diagonal BiLSTM: LSTMs along the diagonals of a picture, one from each upper corner, that see all before.

    left to right    h(y, x) = LSTM(n(y, x), h(y, x - 1), h(y - 1, x)),   read at (y, x);   n = norm(t)
    right to left    h(y, x) = LSTM(n(y, x), h(y, x + 1), h(y - 1, x)),   read a row later, at (y + 1, x)

(van den Oord et al. 2016 [1], section 3.2.) Input to state is 1 x 1, state to state sees two cells of the diagonal
before, and a diagonal is computed at once; reading the second map a row later keeps the future out. The paper adds both
maps before the 1 x 1 convolution back to the stream, here each has its own part of it. (Without the patch of a token,
see `token_net`, the end of the row above would stay unseen, as in the paper: with mask A no cell of that row knows it.)

To decode, the first map goes on by a cell a token. The second needs whole rows, hence it walks through a row when the
row is complete; all layers can, for what their cells see of that row is known by then.

[1] https://arxiv.org/abs/1601.06759
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from arzip.exact.layers import Layer
from arzip.exact.norm import RMSNorm
from arzip.exact.product import Product
from arzip.nets.front_kernels import HIDDEN, SUMS, exact
from arzip.nets.fronts_of_cells import Fronts, diagonal_fronts, recur
from arzip.nets.pixel_rnn import CellLayer, PixelRNN
from arzip.nets.token_net import BRANCH, OPERAND, STREAM

__all__ = ["DiagonalBiLSTM"]


class DiagonalBiLSTM(PixelRNN):
    """`layers` layers of `hidden` cells a token and direction; the rest as in `PixelRNN`."""

    def __init__(self, *, hidden: int, layers: int, dropout: float, **tokens: Any) -> None:
        super().__init__(**tokens)
        cells: list[CellLayer] = [_DiagonalLayer(self.width, hidden, *self.grid) for _ in range(layers)]
        self.stack(cells, diagonal_fronts(*self.grid, mirrored=False), dropout)


class _Direction(Layer):
    """The cells of one direction; `fronts` are its diagonals."""

    def __init__(self, channels: int, length: int, hidden: int, fronts: Fronts) -> None:
        super().__init__()
        self.hidden, self.fronts = hidden, fronts
        self.input = Product(channels, 4 * hidden, source=OPERAND, target=SUMS, length=length)
        self.state = Product(2 * hidden, 4 * hidden, source=HIDDEN, target=SUMS)
        with torch.no_grad():
            self.input.bias[hidden : 2 * hidden] = 1.0  # gates that keep, to begin with

    def forward(self, x: Tensor) -> Tensor:
        bias = self.input.bias + self.state.bias
        return recur(x, self.input.weight, bias, self.state.weight, self.fronts)


class _DiagonalLayer(CellLayer):
    def __init__(self, channels: int, hidden: int, height: int, width: int) -> None:
        super().__init__()
        fronts = [diagonal_fronts(height, width, mirrored=mirrored) for mirrored in (False, True)]
        self.channels, self.columns = channels, width
        self.norm = RMSNorm(channels, source=STREAM, target=OPERAND)
        self.left, self.right = (_Direction(channels, self.norm.length, hidden, f) for f in fronts)
        self.up = Product(2 * hidden, channels, source=HIDDEN, target=BRANCH, gain=0.0)  # adds nothing at first
        left, right = (f.order for f in fronts)
        self._to_right = torch.from_numpy(np.argsort(left)[right])
        # Of each cell the one above it, in the right direction's order; above the first row, one more that is zero.
        above = np.append(np.argsort(right), np.full(width, len(right)))
        self._above = torch.from_numpy(above[left - width])

    def forward(self, stream: Tensor) -> Tensor:
        x = self.norm(stream)
        left, right = self.left(x), self.right(x.index_select(0, self._to_right))
        right = pad(right, (0, 0, 0, 0, 0, 1))
        return self.up(torch.cat([left, right.index_select(0, self._above)], dim=2))  # type: ignore[no-any-return]

    def reading(self, lanes: int) -> _DiagonalState:
        return _DiagonalState(self, lanes)


class _Line:
    """One direction's cells of a row, in the order in which it goes: h [lanes, 1 + width, h] after a column of zeros.

    h of the row above stays until it is overwritten, so that what a cell sees of both rows lies side by side.
    """

    def __init__(self, direction: _Direction, width: int, lanes: int) -> None:
        self._direction = direction
        self.h = torch.zeros(lanes, width + 1, direction.hidden)
        self._c = np.zeros((lanes, direction.hidden), dtype=np.int32)
        self._finish = [*direction.input.operands()[1:], *direction.state.operands()[1:]]

    def advance(self, x: Tensor, first: int) -> None:
        """The next cells, from `first` on, of x [n, lanes, C] as it enters."""
        direction, row = self._direction, self.h.flatten(1)
        sums = direction.input.part(x.flatten(0, 1)).view(*x.shape[:2], 4 * direction.hidden).cpu().numpy()
        x_bias, x_scale, q_bias, q_scale = self._finish
        if first == 0:
            self._c[:] = 0
        for column, entering in enumerate(sums, start=first):
            place = column * direction.hidden
            q = direction.state.part(row[:, place : place + 2 * direction.hidden].to(x.device)).cpu().numpy()
            place += direction.hidden
            exact(entering, x_bias, x_scale, q, q_bias, q_scale, self._c, row.numpy(), place)


class _DiagonalState:
    """Of one row: the stream as it enters, and both lines; the right one is a row behind."""

    def __init__(self, layer: _DiagonalLayer, lanes: int) -> None:
        self._layer, self._width, width = layer, layer.columns, layer.columns
        self._x = torch.zeros(width, lanes, layer.channels, device=layer.engine.device)
        self._left, self._right = (_Line(direction, width, lanes) for direction in (layer.left, layer.right))

    def advance(self, stream: Tensor, first: int) -> Tensor:
        end, up = first + len(stream), self._layer.up
        x = self._x[first:end].copy_(self._layer.norm.whole(stream.flatten(0, 1)).view(stream.shape))
        self._left.advance(x, first)
        left = self._left.h[:, first + 1 : end + 1]
        right = self._right.h[:, 1 + self._width - end : 1 + self._width - first]
        if len(stream) > 1:
            right = right.flip(1)
        left, right = (h.transpose(0, 1).flatten(0, 1).to(stream.device) for h in (left, right))
        return up.rounded(up.part(left).add_(up.part(right, left.shape[1])))

    def close(self) -> None:
        self._right.advance(self._x.flip(0), 0)
