"""Row LSTM: an LSTM that goes down a picture, a row a step, with convolutions along the row.

    i, f, o, g = K_is * norm(t) + K_ss * h_above + b      c = f c_above + i g      h = o tanh(c)

(van den Oord et al. 2016 [1], section 3.1.) K_is, input to state, has k = 3 and mask B: it sees the stream of the
token and of its left neighbour, for all rows at once. K_ss, state to state, has k = 3 too and sees three cells of the
row above, hence a triangle of all rows. To decode, K_ss is one product a row, and a token costs K_is and its cell.

[1] https://arxiv.org/abs/1601.06759
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from arzip.exact.norm import RMSNorm
from arzip.exact.product import Product
from arzip.nets.front_kernels import HIDDEN, SUMS, exact
from arzip.nets.fronts_of_cells import Fronts, recur, row_fronts
from arzip.nets.pixel_rnn import CellLayer, PixelRNN
from arzip.nets.token_net import BRANCH, OPERAND, STREAM

__all__ = ["RowLSTM"]


class RowLSTM(PixelRNN):
    """`layers` layers of `hidden` cells a token; the rest as in `PixelRNN`."""

    def __init__(self, *, hidden: int, layers: int, dropout: float, **tokens: Any) -> None:
        super().__init__(**tokens)
        fronts = row_fronts(*self.grid)
        self.stack([_RowLayer(self.width, hidden, fronts) for _ in range(layers)], fronts, dropout)


class _RowLayer(CellLayer):
    def __init__(self, channels: int, hidden: int, fronts: Fronts) -> None:
        super().__init__()
        self.channels, self.hidden, self.fronts = channels, hidden, fronts
        self.norm = RMSNorm(channels, source=STREAM, target=OPERAND)
        length = self.norm.length * 3 // 2  # of two, whose length is sqrt(2) times that of one
        self.input = Product(2 * channels, 4 * hidden, source=OPERAND, target=SUMS, length=length)
        self.state = Product(3 * hidden, 4 * hidden, source=HIDDEN, target=SUMS)
        self.up = Product(hidden, channels, source=HIDDEN, target=BRANCH, gain=0.0)  # adds nothing at first
        with torch.no_grad():
            self.input.bias[hidden : 2 * hidden] = 1.0  # gates that keep, to begin with

    def forward(self, stream: Tensor) -> Tensor:
        x = self.norm(stream).view(-1, self.fronts.indices, *stream.shape[1:])
        pairs = torch.cat([pad(x[:, :-1], (0, 0, 0, 0, 1, 0)), x], dim=3)
        bias = self.input.bias + self.state.bias
        hidden = recur(pairs.view(*stream.shape[:2], -1), self.input.weight, bias, self.state.weight, self.fronts)
        return self.up(hidden)  # type: ignore[no-any-return]

    def reading(self, lanes: int) -> _RowState:
        return _RowState(self, lanes)


class _RowState:
    """Of one row: the stream as it enters, h, c (overwritten from left to right), and sums from the row above."""

    def __init__(self, layer: _RowLayer, lanes: int) -> None:
        device, width = layer.engine.device, layer.fronts.indices
        self._layer = layer
        self._finish = [*layer.input.operands()[1:], *layer.state.operands()[1:]]
        self._x = torch.zeros(width + 1, lanes, layer.channels, device=device)  # a column of zeros at the left
        self._h = torch.zeros(width + 2, lanes, layer.hidden, device=device)  # and one at either side
        self._c = np.zeros((width, lanes, layer.hidden), dtype=np.int32)
        self.close()

    def advance(self, stream: Tensor, first: int) -> Tensor:
        end = first + len(stream)
        self._x[first + 1 : end + 1] = self._layer.norm.whole(stream.flatten(0, 1)).view(stream.shape)
        pairs = torch.cat([self._x[first:end], self._x[first + 1 : end + 1]], dim=2)
        h = torch.empty(stream.shape[:2] + self._h.shape[2:])
        sums, c = self._layer.input.part(pairs.flatten(0, 1)).cpu(), self._c[first:end]
        x_bias, x_scale, q_bias, q_scale = self._finish
        above = self._above[first:end].flatten(0, 1).numpy()
        cells, hidden = c.reshape(-1, c.shape[2]), h.flatten(0, 1).numpy()
        exact(sums.numpy(), x_bias, x_scale, above, q_bias, q_scale, cells, hidden, 0)
        self._h[first + 1 : end + 1] = h
        return self._layer.up.whole(self._h[first + 1 : end + 1].flatten(0, 1))

    def close(self) -> None:
        seen = torch.cat([self._h[:-2], self._h[1:-1], self._h[2:]], dim=2)
        sums = self._layer.state.part(seen.flatten(0, 1)).cpu()
        self._above = sums.view(*seen.shape[:2], sums.shape[1])
