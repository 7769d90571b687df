"""A Gated PixelCNN that is told the class of its picture (van den Oord et al. 2016b [1], section 2.3).

    p(label, x) = p(label) p(x | label)

An example begins with its label, as bits, the highest first: `score` and the archive count them, `sample` draws a label
and then a picture of that class, and completing an example of which only the label is given draws one of a class that
was chosen. The label's bits come from a tree of logits. Of the paper's two ways to condition a layer it is the one that
knows places: for every class a map that is added to what both stacks begin with.

[1] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.bernoulli import LOGIT
from arzip.exact.engine import Engine
from arzip.exact.fixed import rounded
from arzip.nets.gated_pixelcnn import GatedPixelCNN
from arzip.nets.gated_stack import STREAM
from arzip.nets.table_model import OrderedNet, Walk

__all__ = ["LabelledPixelCNN"]

_MOST = 8  # bits of a label


class LabelledPixelCNN(OrderedNet):
    """`labels` bits, then the pixels of a picture in `rows` rows: `variables` in all; the rest as in GatedPixelCNN."""

    prior_q: Tensor
    maps_q: Tensor

    def __init__(self, *, variables: int, rows: int, labels: int, channels: int, layers: int, reach: int) -> None:
        super().__init__(variables, 1, "raster")
        if not 1 <= labels <= _MOST or (variables - labels) % rows:
            raise ModelError(f"{variables} variables are not {labels} bits of a label (1 to {_MOST}) and {rows} rows")
        self.rows, self.labels, pixels = rows, labels, variables - labels
        self.picture = GatedPixelCNN(variables=pixels, rows=rows, channels=channels, layers=layers, reach=reach)
        self.prior = nn.Parameter(torch.zeros((1 << labels) - 1))
        self.maps = nn.Parameter(torch.zeros(1 << labels, 2 * channels, rows, pixels // rows))
        self.register_buffer("prior_q", torch.zeros(self.prior.shape, dtype=torch.int16))
        self.register_buffer("maps_q", torch.zeros(self.maps.shape, dtype=torch.int16))

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D]."""
        label, pixels = x[:, : self.labels].long(), x[:, self.labels :]
        pictures = pixels.reshape(len(x), 1, self.rows, self.picture.columns)
        stream = self.picture.stack_of(pictures, self.maps[self._node(label) - len(self.prior)])
        nodes = torch.stack([self._node(label[:, :bit]) for bit in range(self.labels)], dim=1)
        return torch.cat([self.prior[nodes], self.picture.head(stream).view(pixels.shape)], dim=1)

    def _node(self, bits: Tensor) -> Tensor:
        """Where the bits of a label [N, k] lead: from node 0 of a tree in which 2 i + 1 and 2 i + 2 follow i."""
        node = torch.zeros(len(bits), dtype=torch.long, device=bits.device)
        for bit in bits.unbind(1):
            node = 2 * node + 1 + bit
        return node

    def freeze(self) -> None:
        super().freeze()
        self.prior_q, self.maps_q = rounded(self.prior, LOGIT), rounded(self.maps, STREAM)

    def place(self, engine: Engine) -> None:
        super().place(engine)
        self._maps = self.maps_q.permute(0, 2, 3, 1).contiguous().to(engine.device)

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        walk, z = _Walk(self, len(x)), np.empty(x.shape, dtype=np.int32)
        for bit in range(self.labels):
            z[:, bit] = walk.outputs()
            walk.observe(x[:, bit].astype(np.int32))
        pixels = torch.from_numpy(np.ascontiguousarray(x[:, self.labels :])).to(self.engine.device, torch.float32)
        pictures = pixels.view(len(x), self.rows, self.picture.columns, 1)
        stream = self.picture.exact_stack_of(pictures, self.given(walk.label))
        z[:, self.labels :] = self.picture.logits(stream.flatten(0, 2)).reshape(pixels.shape)
        return z

    def given(self, label: Tensor) -> Tensor:
        """What labels [N] add to the streams, integers in fp32 [N, H, W, 2 C]."""
        return self._maps[label].float()

    def given_row(self, label: Tensor, row: int) -> Tensor:
        """The same of one row, [N, W, 2 C]."""
        return self._maps[label, row].float()

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


class _Walk:
    """Down the tree of labels, then through the picture."""

    def __init__(self, net: LabelledPixelCNN, lanes: int) -> None:
        self._net, self._lanes, self._at = net, lanes, 0
        self._node = np.zeros(lanes, dtype=np.int64)
        self._picture: Walk | None = None

    @property
    def label(self) -> Tensor:
        """Of every lane, when all its bits are known."""
        return torch.from_numpy(self._node - len(self._net.prior_q)).to(self._net.engine.device)

    def outputs(self) -> NDArray[np.int32]:
        if self._picture is not None:
            return self._picture.outputs()
        z: NDArray[np.int32] = self._net.prior_q.numpy()[self._node].astype(np.int32)
        return z

    def observe(self, x: NDArray[np.int32]) -> None:
        if self._picture is not None:
            self._picture.observe(x)
            return
        self._node = 2 * self._node + 1 + x
        self._at += 1
        if self._at == self._net.labels:
            net, label = self._net, self.label
            self._picture = net.picture.walk(self._lanes, lambda row: net.given_row(label, row))
