"""Multi-scale PixelCNN: every second pixel of every second row first, then the rest around them (van den Oord et al.
2016a [1], section 3.5).

    p(x) = p(small) p(large | small)

Both factors are Gated PixelCNNs. The large one is in raster order and knows the whole small picture: a convolution that
looks in all directions over the known pixels (+-1, and 0 where nothing is known yet) is added to what both of its
stacks begin with. Pixels of the small picture are passed through the large net, but not coded again.

[1] https://arxiv.org/abs/1601.06759
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.convolution import Convolution, window
from arzip.exact.fixed import Range
from arzip.nets.gated_pixelcnn import GatedPixelCNN
from arzip.nets.gated_stack import STREAM
from arzip.nets.pixel_net import PixelWalk
from arzip.nets.table_model import OrderedNet

__all__ = ["Multiscale"]

_SIGNS = Range(0, -1, 1)
_REACH = 4  # how far around a place the large net looks in the small picture
_LANES = 500  # that are looked at together, so that they stay in the cache


class Multiscale(OrderedNet):
    """`small` and `large` are the keyword arguments of the two nets beside their pictures' sizes."""

    def __init__(self, *, variables: int, rows: int, small: dict[str, int], large: dict[str, int]) -> None:
        super().__init__(variables, rows, "coarse")
        self.columns = variables // rows
        if rows % 2 or self.columns % 2:
            raise ModelError(f"a picture of {self.columns} x {rows} pixels has no half: both sides must be even")
        self.coded_first = variables // 4
        self.small = GatedPixelCNN(variables=self.coded_first, rows=rows // 2, **small)
        self.large = GatedPixelCNN(variables=variables, rows=rows, **large)
        around = window(2 * _REACH + 1, _REACH, below=-_REACH)
        self.about = Convolution(1, 2 * self.large.channels, around, source=_SIGNS, target=STREAM, gain=2.0)

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D] in coding order."""
        small = x[:, : self.coded_first]
        pictures = self._pictures(x)
        given = self.about(self.signs(small).view(len(x), 1, self.rows, self.columns))
        logits = self.large.head(self.large.stack_of(pictures[:, None], given)).view(len(x), -1)
        return torch.cat([self.small(small), logits[:, self._rest]], dim=1)

    @property
    def _rest(self) -> NDArray[np.int64]:
        """The places that the large net codes, in raster order."""
        return self.order[self.coded_first :]

    def _pictures(self, x: Tensor) -> Tensor:
        """[N, D] in coding order as [N, H, W]."""
        laid = torch.empty_like(x)
        laid[:, self.order] = x
        return laid.view(len(x), self.rows, self.columns)

    def signs(self, small: Tensor) -> Tensor:
        """The small pictures [N, D / 4] as [N, H, W] of -1 and 1, and 0 where nothing is known."""
        signs = small.new_zeros(len(small), self.rows, self.columns)
        signs[:, ::2, ::2] = 2 * small.view(len(small), self.rows // 2, self.columns // 2) - 1
        return signs

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        ordered = torch.from_numpy(x).to(self.engine.device, torch.float32)
        s = self.large.exact_stack_of(self._pictures(ordered)[..., None], self.given(ordered[:, : self.coded_first]))
        logits = self.large.logits(s.flatten(0, 2)).reshape(x.shape)
        return np.concatenate([self.small.outputs(x[:, : self.coded_first]), logits[:, self._rest]], axis=1)

    def given(self, small: Tensor) -> Tensor:
        """Exact reading of what the small pictures [N, D / 4] add to the large net: [N, H, W, 2 C]."""
        return self.about.whole(self.signs(small)[..., None])

    def given_row(self, padded: Tensor, row: int) -> Tensor:
        """The same for one row, [N, W, 2 C], from signs with a border of `_REACH` zeros."""
        seen = padded[:, row : row + 2 * _REACH + 1].unfold(2, 2 * _REACH + 1, 1)
        taps = seen.transpose(1, 2).flatten(2)
        parts = [self.about.gathered(part.flatten(0, 1).float()) for part in torch.split(taps, _LANES)]
        return torch.cat(parts).view(len(padded), self.columns, 2 * self.large.channels)

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


class _Walk:
    """First through the small pictures, then through the large ones, past what is known of them."""

    def __init__(self, net: Multiscale, lanes: int) -> None:
        self._net, self._lanes = net, lanes
        self._small = np.zeros((lanes, net.coded_first), dtype=np.uint8)
        self._at = 0
        self._walk: PixelWalk = net.small.walk(lanes)

    def outputs(self) -> NDArray[np.int32]:
        return self._walk.outputs()

    def observe(self, x: NDArray[np.int32]) -> None:
        self._walk.observe(x)
        if self._at < self._net.coded_first:
            self._small[:, self._at] = x
        self._at += 1
        if self._at == self._net.coded_first:
            self._enlarge()
        if self._at >= self._net.coded_first:
            self._pass_known()

    def _enlarge(self) -> None:
        net = self._net
        signs = net.signs(torch.from_numpy(self._small).to(net.engine.device, torch.int8))
        padded = nn.functional.pad(signs, (_REACH,) * 4)
        self._walk = net.large.walk(self._lanes, lambda row: net.given_row(padded, row))

    def _pass_known(self) -> None:
        """Shows the large net the pixels of the small picture that come next."""
        net, walk = self._net, self._walk
        while walk.row < net.rows and walk.row % 2 == 0 and walk.column % 2 == 0:
            known = self._small[:, walk.row // 2 * (net.columns // 2) + walk.column // 2]
            walk.stream()
            walk.observe(known.astype(np.int32))
