"""Multi-scale PixelRNN: a few pixels that lie on a lattice first, then the rest around them (van den Oord et al. 2016a
[1], section 3.5).

    p(x) = p(small) p(large | small),   small: every s-th pixel of every s-th row

Both factors are Diagonal BiLSTMs. The large one is in raster order and is given the whole small picture: the patch of
each token also shows the known pixels on all sides of it. Pixels of the small picture are passed through the large
net, but not coded again.

[1] https://arxiv.org/abs/1601.06759
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.nets.diagonal_bilstm import DiagonalBiLSTM
from arzip.nets.table_model import OrderedNet, Walk

__all__ = ["Multiscale"]

_REACH = 3  # pixels of the small picture that a token of the large one sees, in all directions


class Multiscale(OrderedNet):
    """`small` and `large` are the keyword arguments of the two nets beside their pictures' sizes; `every` is s."""

    def __init__(self, *, variables: int, rows: int, every: int, small: dict[str, Any], large: dict[str, Any]) -> None:
        super().__init__(variables, rows, "coarse", every=every)
        self.columns = variables // rows
        if rows % every or self.columns % every:
            raise ModelError(f"every {every}th pixel: {every} must divide both sides, {self.columns} x {rows}")
        self.coded_first = variables // every**2
        self.small = DiagonalBiLSTM(variables=self.coded_first, rows=rows // every, order="raster", **small)
        shown = _shown(rows, self.columns, every, large["span"])
        self.large = DiagonalBiLSTM(variables=variables, rows=rows, order="raster", shown=shown, **large)
        self._back = np.argsort(self.order)

    @property
    def beginning(self) -> DiagonalBiLSTM:
        """The large net: training may begin from one that was trained alone."""
        return self.large

    def matrices(self) -> list[nn.Parameter]:
        """The weights of both trunks."""
        return self.small.matrices() + self.large.matrices()

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D] in coding order."""
        small = x[:, : self.coded_first]
        large = self.large(x[:, self._back], nn.functional.pad(small, (0, 1)))
        return torch.cat([self.small(small), large[:, self.order[self.coded_first :]]], dim=1)

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        small = np.ascontiguousarray(x[:, : self.coded_first])
        large = self.large.outputs(np.ascontiguousarray(x[:, self._back]), _given(small))
        return np.concatenate([self.small.outputs(small), large[:, self.order[self.coded_first :]]], axis=1)

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


class _Walk:
    """First through the small pictures, then through the large ones, past what is known of them."""

    def __init__(self, net: Multiscale, lanes: int) -> None:
        self._net, self._lanes, self._at, self._place = net, lanes, 0, 0
        self._small = np.zeros((lanes, net.coded_first), dtype=np.uint8)
        self._walk: Walk = net.small.walk(lanes)

    def outputs(self) -> NDArray[np.int32]:
        return self._walk.outputs()

    def observe(self, x: NDArray[np.int32]) -> None:
        net = self._net
        self._walk.observe(x)
        if self._at < net.coded_first:
            self._small[:, self._at] = x
        else:
            self._place += 1
        self._at += 1
        if self._at == net.coded_first:
            self._walk = net.large.walk(self._lanes, _given(self._small))
        if self._at >= net.coded_first:
            self._pass_known()

    def _pass_known(self) -> None:
        """Shows the large net the pixels of the small picture that come next."""
        net = self._net
        while self._place < net.variables and (known := net._back[self._place]) < net.coded_first:
            self._walk.outputs()
            self._walk.observe(self._small[:, known].astype(np.int32))
            self._place += 1


def _given(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the large net is given: the small pictures [N, G], and a white pixel for all that is not known."""
    return np.pad(small, ((0, 0), (0, 1)))


def _shown(rows: int, columns: int, every: int, span: int) -> NDArray[np.int64]:
    """Which of the G pixels of the small picture the tokens of the large one see, [tokens, S]; G: none."""
    height, width = rows // every, columns // every
    reach = _REACH * every
    small = np.full((rows + 2 * reach, columns + 2 * reach), height * width)
    small[reach : reach + rows : every, reach : reach + columns : every] = np.arange(height * width).reshape(height, -1)
    size = 2 * reach + 1, 2 * reach + span
    around = np.lib.stride_tricks.sliding_window_view(small, size)[:, ::span].reshape(rows * columns // span, -1)
    return np.ascontiguousarray(around[:, (around < height * width).any(axis=0)])
