"""PixelRNN: recurrent layers over the rows of a picture, here what Row LSTM and Diagonal BiLSTM have in common.

    t_0 = window(x) + position,   t_l = t_{l-1} + V_l h_l(t_{l-1}),   z = head(relu(t_L)) + direct window(x) + bias

(van den Oord et al. 2016 [1].) A 7 x 7 convolution with mask A, 24 pixels above and to the left, opens the residual
stream; each layer of LSTM cells adds to it (figure 5 of the paper); the head is two 1 x 1 convolutions. Four things are
added to the paper's net, for they cost nothing and shorten the training: a position, learned for every pixel, beside
the first convolution; a logistic regression on the window beside the head; an output bias for every pixel; and a
`margin` of pixels, nearly always white, that only those two predict.

In integers: `Product`s, and gates from a table (`front_kernels`). A picture is read row by row by the same lines of
code whether its pixels are known or not: `_Reading.logits(y, first, end)` goes on by the pixels first..end - 1 of row
y, a row at once to encode, a pixel at once to decode.

[1] https://arxiv.org/abs/1601.06759
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import hardtanh, pad

from arzip.errors import ModelError
from arzip.exact.bernoulli import LOGIT
from arzip.exact.fixed import Range, rounded, wide
from arzip.exact.layers import Layer
from arzip.exact.product import Product
from arzip.nets.table_model import OrderedNet

__all__ = ["OPERAND", "STREAM", "CellLayer", "LayerState", "PixelRNN", "inner_size", "limited"]

STREAM = wide(8)
OPERAND = Range(8, -2047, 2047)  # of the stream, as it enters a product
_SUMMED = Range(7, 0, 2047)  # the rectified stream before the head: what all layers say
_HEAD = Range(6, 0, 4095)
_BIT = Range(0, 0, 1)
_REACH = 3  # pixels to each side that the first convolution sees
_WINDOW = [(y, x) for y in range(_REACH + 1) for x in range(2 * _REACH + 1) if (y, x) < (_REACH, _REACH)]
_LANES = 500  # that are decoded together, so that what they need lies in the cache


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

    def reading(self, width: int, lanes: int) -> LayerState:
        raise NotImplementedError


class PixelRNN(OrderedNet):
    """Pictures of `rows` rows with a `margin`, a stream of `channels`, a head of `head` units, and the layers given.

    `order` is the one in which the layers' `forward` takes the inner pixels y * width + x.
    """

    position_q: Tensor
    bias_q: Tensor

    def __init__(
        self,
        *,
        variables: int,
        rows: int,
        margin: int,
        channels: int,
        head: int,
        order: NDArray[np.int64],
        layers: list[CellLayer],
    ) -> None:
        super().__init__(variables, rows, "raster")
        self.columns, self.margin = variables // rows, margin
        self.width = self.columns - 2 * margin
        places = np.arange(variables).reshape(rows, self.columns)
        inner = places[margin : rows - margin, margin : self.columns - margin].ravel()
        self._cells = torch.from_numpy(inner[order])
        taps = len(_WINDOW)
        self.first = Product(taps, channels, source=_BIT, target=STREAM, gain=2.0)
        self.layers = nn.ModuleList(layers)
        self.inner = Product(channels, head, source=_SUMMED, target=_HEAD, gain=1.4)
        self.last = Product(head, 1, source=_HEAD, target=LOGIT, gain=0.3)
        self.direct = Product(taps, 1, source=_BIT, target=LOGIT, gain=0.0)
        self.position = nn.Parameter(torch.zeros(variables, channels))
        self.bias = nn.Parameter(torch.full((variables,), -1.0))
        self.register_buffer("position_q", torch.zeros(variables, channels, dtype=torch.int16))
        self.register_buffer("bias_q", torch.zeros(variables, dtype=torch.int16))

    def cell_layers(self) -> Iterator[CellLayer]:
        """From the first to the last."""
        for layer in self.layers:
            assert isinstance(layer, CellLayer)
            yield layer

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D]."""
        windows = _windows(pad(x.view(-1, self.rows, self.columns).permute(1, 2, 0), (0, 0, _REACH, _REACH, _REACH, 0)))
        windows = windows.flatten(0, 1)  # [D, N, taps]
        z: Tensor = self.direct(windows)[..., 0] + self.bias[:, None]
        cells = self._cells.to(x.device)
        stream = self.first(windows[cells]) + self.position[cells, None]
        for layer in self.layers:
            stream = stream + layer(stream)
        deep: Tensor = self.last(limited(self.inner(limited(stream, _SUMMED)), _HEAD))[..., 0]
        return z.index_add(0, cells, deep).t()

    def freeze(self) -> None:
        super().freeze()
        self.position_q = rounded(self.position, STREAM)
        self.bias_q = rounded(self.bias, LOGIT)

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        reading, logits = _Reading(self, len(x)), np.empty((self.variables, len(x)), dtype=np.int32)
        known = x.T.reshape(self.rows, self.columns, len(x))
        for y in range(self.rows):
            reading.know(y, 0, known[y])
            logits[y * self.columns : (y + 1) * self.columns] = reading.logits(y, 0, self.columns)
        return logits.T

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


def inner_size(variables: int, rows: int, margin: int) -> tuple[int, int]:
    """Height and width of a picture without its margin; raises ModelError."""
    columns, rest = divmod(variables, rows)
    if rest or min(rows, columns) <= 2 * margin:
        raise ModelError(f"{variables} pixels in {rows} rows with a margin of {margin} make no picture")
    return rows - 2 * margin, columns - 2 * margin


def limited(x: Tensor, target: Range) -> Tensor:
    """What enters a product, in floats: x within the ends of a range."""
    return hardtanh(x, target.low / (1 << target.point), target.high / (1 << target.point))


def _windows(padded: Tensor) -> Tensor:
    """Pixels [rows + 3, columns + 6, N] -> what the first convolution sees of each, [rows, columns, N, taps]."""
    rows, columns = padded.shape[0] - _REACH, padded.shape[1] - 2 * _REACH
    return torch.stack([padded[y : y + rows, x : x + columns] for y, x in _WINDOW], dim=-1)


class _Reading:
    """The exact reading of some lanes: their pixels as far as known, and one row of the stream and of every layer."""

    def __init__(self, net: PixelRNN, lanes: int) -> None:
        self._net, device = net, net.engine.device
        self._pixels = torch.zeros(net.rows + _REACH, net.columns + 2 * _REACH, lanes, device=device)
        self._stream = torch.zeros(net.width, lanes, net.position.shape[1], device=device)
        self._layers = [layer.reading(net.width, lanes) for layer in net.cell_layers()]

    def know(self, y: int, first: int, pixels: NDArray[Any]) -> None:
        """Pixels [columns, lanes] of row y, from column `first` on."""
        at = _REACH + first
        self._pixels[_REACH + y, at : at + len(pixels)] = torch.from_numpy(np.ascontiguousarray(pixels))

    def logits(self, y: int, first: int, end: int) -> NDArray[np.int32]:
        """Of columns first..end - 1 of row y, int32 [columns, lanes]; all pixels before must be known."""
        net = self._net
        seen = _windows(self._pixels[y : y + _REACH + 1, first : end + 2 * _REACH])[0]
        z = net.direct.whole(seen.flatten(0, 1)).view(seen.shape[:2])
        z += net.bias_q[y * net.columns + first : y * net.columns + end, None].to(z)
        begin, stop = max(first, net.margin), min(end, net.columns - net.margin)
        if net.margin <= y < net.rows - net.margin and begin < stop:
            z[begin - first : stop - first] += self._deep(y, begin, stop, seen[begin - first : stop - first])
        return z.clamp_(LOGIT.low, LOGIT.high).to(torch.int32).cpu().numpy()

    def _deep(self, y: int, first: int, end: int, seen: Tensor) -> Tensor:
        """What the layers add to the logits of columns first..end - 1, none in the margin."""
        net, at = self._net, slice(first - self._net.margin, end - self._net.margin)
        stream = self._stream[at]
        stream.copy_(net.first.whole(seen.flatten(0, 1)).view(stream.shape))
        stream += net.position_q[y * net.columns + first : y * net.columns + end, None].to(stream)
        for layer in self._layers:
            stream += layer.advance(stream, at.start).view(stream.shape)
        if at.stop == net.width:
            for layer in self._layers:
                layer.close()
        halved = (stream * 0.5 + 0.5).floor_()  # from STREAM's point to one bit less
        deep = net.inner.whole(halved.clamp_(_SUMMED.low, _SUMMED.high).flatten(0, 1))
        return net.last.whole(deep).view(stream.shape[:2])


class _Walk:
    """Pixel by pixel, the lanes in groups."""

    def __init__(self, net: PixelRNN, lanes: int) -> None:
        self._columns, self._at = net.columns, 0
        self._groups = [slice(at, min(at + _LANES, lanes)) for at in range(0, lanes, _LANES)]
        self._readings = [_Reading(net, group.stop - group.start) for group in self._groups]
        self._z = np.empty(lanes, dtype=np.int32)

    def outputs(self) -> NDArray[np.int32]:
        y, x = divmod(self._at, self._columns)
        for group, reading in zip(self._groups, self._readings, strict=True):
            self._z[group] = reading.logits(y, x, x + 1)[0]
        return self._z

    def observe(self, x: NDArray[np.int32]) -> None:
        y, column = divmod(self._at, self._columns)
        for group, reading in zip(self._groups, self._readings, strict=True):
            reading.know(y, column, x[None, group])
        self._at += 1
