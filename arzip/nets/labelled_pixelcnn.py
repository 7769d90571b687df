"""A Gated PixelCNN that is told the class of its picture (van den Oord et al. 2016b [1], section 2.3).

    p(label, x) = p(label) p(x | label)

An example begins with its label, as bits, the highest first: `score` and the archive count them, `sample` draws a label
and then a picture of that class, and completing an example of which only the label is given draws one of a class that
was chosen. The label's bits come from a tree of logits. The picture's net is given the class as one bit of as many as
there are classes: equation 4 of the paper, with the class added to what both stacks begin with.

[1] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.bernoulli import LOGIT
from arzip.exact.fixed import rounded
from arzip.nets.gated_pixelcnn import GatedPixelCNN
from arzip.nets.table_model import OrderedNet, Walk

__all__ = ["LabelledPixelCNN"]

_MOST = 8  # bits of a label


class LabelledPixelCNN(OrderedNet):
    """`labels` bits, then the pixels of a picture in `rows` rows: `variables` in all; `picture` as in GatedPixelCNN."""

    prior_q: Tensor

    def __init__(self, *, variables: int, rows: int, labels: int, picture: dict[str, Any]) -> None:
        super().__init__(variables, 1, "raster")
        if not 1 <= labels <= _MOST or (variables - labels) % rows:
            raise ModelError(f"{variables} variables are not {labels} bits of a label (1 to {_MOST}) and {rows} rows")
        self.rows, self.labels, pixels = rows, labels, variables - labels
        shown = np.tile(np.arange(1 << labels), (pixels // picture["span"], 1))
        self.picture = GatedPixelCNN(variables=pixels, rows=rows, order="raster", shown=shown, **picture)
        self.prior = nn.Parameter(torch.zeros((1 << labels) - 1))
        self.register_buffer("prior_q", torch.zeros(self.prior.shape, dtype=torch.int16))

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the trunk."""
        return self.picture.matrices()

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D]."""
        label, pixels = x[:, : self.labels].long(), x[:, self.labels :]
        nodes = torch.stack([_node(label[:, :bit]) for bit in range(self.labels)], dim=1)
        classes = nn.functional.one_hot(_node(label) - len(self.prior), 1 << self.labels).to(x.dtype)
        return torch.cat([self.prior[nodes], self.picture(pixels, classes)], dim=1)

    def freeze(self) -> None:
        super().freeze()
        self.prior_q = rounded(self.prior, LOGIT)

    def thaw(self) -> None:
        super().thaw()
        with torch.no_grad():
            self.prior.copy_(self.prior_q / (1 << LOGIT.point))

    def given(self, node: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The classes [N] at which the tree ends as bits, [N, classes]."""
        return np.eye(1 << self.labels, dtype=np.uint8)[node - len(self.prior_q)]

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        walk, z = _Walk(self, len(x)), np.empty(x.shape, dtype=np.int32)
        for bit in range(self.labels):
            z[:, bit] = walk.outputs()
            walk.observe(x[:, bit].astype(np.int32))
        pixels = np.ascontiguousarray(x[:, self.labels :])
        z[:, self.labels :] = self.picture.outputs(pixels, self.given(walk.node))
        return z

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


class _Walk:
    """Down the tree of labels, then through the picture."""

    def __init__(self, net: LabelledPixelCNN, lanes: int) -> None:
        self._net, self._lanes, self._at = net, lanes, 0
        self.node = np.zeros(lanes, dtype=np.int64)
        self._picture: Walk | None = None

    def outputs(self) -> NDArray[np.int32]:
        if self._picture is not None:
            return self._picture.outputs()
        z: NDArray[np.int32] = self._net.prior_q.numpy()[self.node].astype(np.int32)
        return z

    def observe(self, x: NDArray[np.int32]) -> None:
        if self._picture is not None:
            self._picture.observe(x)
            return
        self.node = 2 * self.node + 1 + x
        self._at += 1
        if self._at == self._net.labels:
            self._picture = self._net.picture.walk(self._lanes, self._net.given(self.node))


def _node(bits: Tensor) -> Tensor:
    """Where the bits of a label [N, k] lead: from node 0 of a tree in which 2 i + 1 and 2 i + 2 follow i."""
    node = torch.zeros(len(bits), dtype=torch.long, device=bits.device)
    for bit in bits.unbind(1):
        node = 2 * node + 1 + bit
    return node
