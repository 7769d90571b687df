"""Gated PixelCNN over binary pictures (van den Oord et al. 2016b [1]); `gated_stack` has its layers.

The first layer looks further than the others: some rows up, some pixels to either side. Both stacks begin with an
offset learned for every place besides.

[1] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from arzip.exact.convolution import Convolution, window
from arzip.nets.gated_stack import STREAM, GatedStack, StackWalk, clamped
from arzip.nets.pixel_net import BITS, PixelNet, PixelWalk

__all__ = ["GatedPixelCNN"]

_LANES = 500  # whose row is computed at once, so that it stays in the cache


class GatedPixelCNN(PixelNet):
    """`layers` layers of `channels` over pictures of `variables` bits in `rows` rows.

    `reach` is how far the first layer looks: that many rows up and columns to either side.
    """

    def __init__(self, *, variables: int, rows: int, channels: int, layers: int, reach: int) -> None:
        super().__init__(variables, rows, offsets=2, channels=channels)
        self.reach = reach
        above, left = window(reach, reach, below=1), [(0, dx) for dx in range(-reach, 0)]
        self.above = Convolution(1, channels, above, source=BITS, target=STREAM, gain=2.0)
        self.left = Convolution(1, channels, left, source=BITS, target=STREAM, gain=2.0)
        self.stack = GatedStack(channels, layers)

    def stack_of(self, pictures: Tensor, given: Tensor | None = None) -> Tensor:
        """`given` [N, 2 C, H, W], if there is something, is added to what both stacks begin with."""
        v, h = self.above(pictures), self.left(pictures)
        if given is not None:
            v, h = v + given[:, : self.channels], h + given[:, self.channels :]
        return self.stack(self.begun(v, 0), self.begun(h, 1))  # type: ignore[no-any-return]

    def exact_stack_of(self, pictures: Tensor, given: Tensor | None = None) -> Tensor:
        """Exact reading, `given` [N, H, W, 2 C]."""
        v, h = self.above.whole(pictures) + self.places[0], self.left.whole(pictures) + self.places[1]
        if given is not None:
            v, h = v + given[..., : self.channels], h + given[..., self.channels :]
        return self.stack.both(clamped(v), clamped(h))

    def walk(self, lanes: int, given: Callable[[int], Tensor] | None = None) -> _Walk:
        """`given` says of a row what `exact_stack_of` takes of all, [L, W, 2 C]."""
        return _Walk(self, lanes, given)


class _Walk(PixelWalk):
    def __init__(self, net: GatedPixelCNN, lanes: int, given: Callable[[int], Tensor] | None) -> None:
        super().__init__(net, lanes, net.reach)
        self._gated, self._given = net, given
        self._row: Tensor | None = None
        self._stack = StackWalk(net.stack, lanes, net.columns)
        self.open_row()

    def open_row(self) -> None:
        net, reach = self._gated, self.reach
        self._stack.begin_row()
        if self._given is not None:
            self._row = self._given(self.row)
        for first in range(0, self.lanes, _LANES):
            lanes = slice(first, min(first + _LANES, self.lanes))
            seen = self.known[lanes, self.row : self.row + reach].unfold(2, 2 * reach + 1, 1)
            v = net.above.gathered(seen.transpose(1, 2).flatten(2).flatten(0, 1).float())
            v = v.view(-1, net.columns, net.channels) + net.places[0, self.row]
            if self._row is not None:
                v += self._row[lanes, :, : net.channels]
            self._stack.vertical(lanes, clamped(v))

    def stream(self) -> Tensor:
        net, column = self._gated, self.column
        seen = self.known[:, self.row + self.reach, column : column + self.reach].float()
        h = net.left.gathered(seen) + net.places[1, self.row, column]
        if self._row is not None:
            h += self._row[:, column, net.channels :]
        return self._stack.horizontal(clamped(h), column)

    def close_pixel(self) -> None:
        self._stack.close_pixel()
