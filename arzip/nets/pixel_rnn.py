"""PixelRNN: recurrent layers over the rows of a picture, here what Row LSTM and Diagonal BiLSTM have in common.

    t_0 = E patch + e,   t_l = t_{l-1} + V_l h_l(norm(t_{l-1}))

(van den Oord et al. 2016 [1].) A position is a token of several pixels, see `token_net`; its patch stands for the
paper's first convolution, with mask A. Each layer of LSTM cells adds to the residual stream (figure 5 of the paper),
which is normalised where it is read.

In integers: `Product`s, and gates from a table (`front_kernels`). A picture is read row by row by the same lines of
code whether its pixels are known or not: `PixelRNN.advance` goes on by some tokens of a row, a row at once to encode, a
token at once to decode.

[1] https://arxiv.org/abs/1601.06759
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from arzip.exact.layers import Layer
from arzip.nets.fronts_of_cells import Fronts
from arzip.nets.token_net import TokenNet, added

__all__ = ["CellLayer", "LayerState", "PixelRNN"]


class LayerState(Protocol):
    """A layer's exact reading of one row after another."""

    def advance(self, stream: Tensor, first: int) -> Tensor:
        """The output [n * lanes, C] for the next n columns of the row, from `first` on: stream [n, lanes, C]."""
        ...

    def close(self) -> None:
        """The row is complete."""
        ...


class CellLayer(Layer):
    """A layer of LSTM cells; `forward` takes the stream [cells, lanes, C] in the order of the net's fronts."""

    def reading(self, lanes: int) -> LayerState:
        raise NotImplementedError


class PixelRNN(TokenNet):
    """A subclass calls `stack` with its layers and the fronts in whose order they take the tokens.

    `dropout` silences a share of what layers add to the stream while training.
    """

    together = 256

    def stack(self, layers: list[CellLayer], fronts: Fronts, dropout: float) -> None:
        """Takes the layers, from the first to the last."""
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)
        self._order = torch.from_numpy(fronts.order)
        self._back = torch.from_numpy(np.argsort(fronts.order))

    def trunk(self, h: Tensor) -> Tensor:
        stream = h.transpose(0, 1).index_select(0, self._order.to(h.device))
        for layer in self.layers:
            stream = stream + self.dropout(layer(stream))
        return stream.index_select(0, self._back.to(h.device)).transpose(0, 1)

    def start(self, *shape: int) -> list[LayerState]:
        return [layer.reading(*shape) for layer in self.layers]  # type: ignore[operator]

    def advance(self, state: list[LayerState], h: Tensor, first: int) -> Tensor:
        columns, end = self.grid[1], first + h.shape[1]
        out = torch.empty_like(h)
        while first < end:
            column = first % columns
            count = min(columns - column, end - first)
            part: Any = slice(h.shape[1] - (end - first), h.shape[1] - (end - first) + count)
            stream = h[:, part].transpose(0, 1).contiguous()
            for layer in state:
                stream = added(stream, layer.advance(stream, column))
            if column + count == columns:
                for layer in state:
                    layer.close()
            out[:, part] = stream.transpose(0, 1)
            first += count
        return out
