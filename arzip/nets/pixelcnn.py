"""PixelCNN: masked convolutions, so that a pixel sees those before it in raster order (van den Oord et al. 2016a [1]).

    s   = A x                                     A: 7 x 7, mask A: without the pixel itself
    s'  = s + E relu(B relu(R relu(s)))           R, E: 1 x 1;  B: 3 x 3, mask B: the pixel itself included

The blocks are those of the paper's figure 5, followed by a rectified layer and the logit. Masks of square kernels leave
a blind spot: pixels up and to the right that no path of taps reaches (figure 1 of van den Oord et al. 2016b [2]; drawn
in docs/models.md). The first layer begins with an offset learned for every place.

[1] https://arxiv.org/abs/1601.06759  [2] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arzip.exact.convolution import Convolution, Tap, window
from arzip.exact.layers import Layer
from arzip.nets.gated_stack import STREAM, added
from arzip.nets.pixel_net import BITS, HIDDEN, PixelNet, PixelWalk

__all__ = ["PixelCNN", "before"]

_POINT: list[Tap] = [(0, 0)]
_REACH = 3  # of the first layer


def before(reach: int) -> list[Tap]:
    """The taps of mask A: rows and columns up to `reach` away, up to the pixel itself."""
    return window(reach, reach, below=1) + [(0, dx) for dx in range(-reach, 0)]


class _Block(Layer):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = Convolution(2 * channels, channels, _POINT, source=HIDDEN, target=HIDDEN, gain=1.4)
        self.look = Convolution(channels, channels, before(1) + _POINT, source=HIDDEN, target=HIDDEN, gain=1.4)
        self.expand = Convolution(channels, 2 * channels, _POINT, source=HIDDEN, target=STREAM, gain=0.5)

    def whole(self, s: Tensor) -> Tensor:
        return added(s, self.expand.whole(self.look.whole(self.reduce.whole(s.clamp(min=0)))))

    def forward(self, s: Tensor) -> Tensor:
        return s + self.expand(self.look(self.reduce(s.relu()).relu()).relu())  # type: ignore[no-any-return]


class PixelCNN(PixelNet):
    """`layers` blocks of `channels` on a stream twice as wide, over pictures of `variables` bits in `rows` rows."""

    def __init__(self, *, variables: int, rows: int, channels: int, layers: int) -> None:
        super().__init__(variables, rows, offsets=1, channels=2 * channels)
        self.first = Convolution(1, 2 * channels, before(_REACH), source=BITS, target=STREAM, gain=2.0)
        self.stack = nn.ModuleList(_Block(channels) for _ in range(layers))

    @property
    def blocks(self) -> list[_Block]:
        """From the first to the last."""
        return list(self.stack)  # type: ignore[arg-type]

    def stack_of(self, pictures: Tensor) -> Tensor:
        s = self.begun(self.first(pictures), 0)
        for block in self.blocks:
            s = block(s)
        return s

    def exact_stack_of(self, pictures: Tensor) -> Tensor:
        s = added(self.first.whole(pictures), self.places[0])
        for block in self.blocks:
            s = block.whole(s)
        return s

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


class _Walk(PixelWalk):
    """Keeps, of every block, what its masked convolution has read in this row and the one above."""

    def __init__(self, net: PixelCNN, lanes: int) -> None:
        super().__init__(net, lanes, _REACH)
        self._first, self._places, self._blocks = net.first, net.places[0], net.blocks
        size = len(self._blocks), lanes, 2, net.columns + 2, net.channels // 2
        self._read = torch.zeros(size, dtype=torch.int16, device=net.engine.device)

    def stream(self) -> Tensor:
        row, column = self.row, self.column
        # Both masks are the first taps of a rectangle in reading order.
        seen = self.known[:, row : row + _REACH + 1, column : column + 2 * _REACH + 1].flatten(1)
        s = added(self._first.gathered(seen[:, : len(self._first.taps)].float()), self._places[row, column])
        for block, read in zip(self._blocks, self._read, strict=True):
            read[:, row % 2, column + 1] = block.reduce.gathered(s.clamp(min=0))
            above = read[:, 1 - row % 2, column : column + 3].flatten(1)
            taps = torch.cat([above, read[:, row % 2, column : column + 2].flatten(1)], dim=1)
            s = added(s, block.expand.gathered(block.look.gathered(taps.float())))
        return s
