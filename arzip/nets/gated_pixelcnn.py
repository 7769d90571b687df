"""Gated PixelCNN: a vertical stack sees all rows above, a horizontal one the row (van den Oord et al. 2016b [1]).

    v' = v + gate(K v)                          K: 2 x 3, the row and the one above it
    h' = h + O gate(J h + V gate(K v))          J: 1 x 2, the pixel and the one to its left;  V, O: 1 x 1

The vertical stack begins one row up, so that what it says of a row never contains the row; there is no blind spot.
Like the horizontal stack it is residual here, and both begin with an offset learned for every place.

A row of the vertical stack is known as soon as the rows above are: decoding computes it, and what it adds to every
horizontal layer, in one product for the whole row. What remains for each pixel is the horizontal stack.

[1] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from arzip.exact.convolution import Convolution, window
from arzip.exact.gated import SUMS, UNITS, gate, gated
from arzip.exact.layers import Layer
from arzip.nets.pixel_stack import BITS, STREAM, PixelNet, PixelWalk, added, clamped

__all__ = ["GatedPixelCNN", "GatedWalk"]

_VERTICAL, _HORIZONTAL = window(2, 1), [(0, -1), (0, 0)]
_LANES = 500  # whose row is computed at once, so that it stays in the cache


class _Layer(Layer):
    """One layer of both stacks, `channels` wide."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.vertical = Convolution(channels, 2 * channels, _VERTICAL, source=STREAM, target=SUMS)
        self.across = Convolution(channels, 2 * channels, [(0, 0)], source=UNITS, target=SUMS, gain=0.7)
        self.horizontal = Convolution(channels, 2 * channels, _HORIZONTAL, source=STREAM, target=SUMS, gain=0.7)
        self.out = Convolution(channels, channels, [(0, 0)], source=UNITS, target=STREAM)

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        unit = gate(self.vertical(v), 1)
        return v + unit, h + self.out(gate(self.horizontal(h) + self.across(unit), 1))

    def both(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Exact reading of both stacks at once, [N, H, W, C] each."""
        unit = gated(self.vertical.whole(v).flatten(0, 2)).view(v.shape)
        sums = self.horizontal.whole(h) + self.across.whole(unit)
        return added(v, unit), added(h, self.out.whole(gated(sums.flatten(0, 2)).view(v.shape)))


class GatedPixelCNN(PixelNet):
    """`layers` layers of `channels` over pictures of `variables` bits in `rows` rows.

    `reach` is how far the first layer looks: that many rows up and columns to either side.
    """

    position_q: Tensor

    def __init__(self, *, variables: int, rows: int, channels: int, layers: int, reach: int) -> None:
        super().__init__(variables, rows, offsets=2, channels=channels)
        self.reach = reach
        above, left = window(reach, reach, below=1), [(0, dx) for dx in range(-reach, 0)]
        self.above = Convolution(1, channels, above, source=BITS, target=STREAM, gain=2.0)
        self.left = Convolution(1, channels, left, source=BITS, target=STREAM, gain=2.0)
        self.stack = nn.ModuleList(_Layer(channels) for _ in range(layers))

    @property
    def layers(self) -> list[_Layer]:
        """From the first to the last."""
        return list(self.stack)  # type: ignore[arg-type]

    def stack_of(self, pictures: Tensor, given: Tensor | None = None) -> Tensor:
        """`given` [N, 2 C, H, W], if there is something, is added to what both stacks begin with."""
        v, h = self.above(pictures), self.left(pictures)
        if given is not None:
            v, h = v + given[:, : self.channels], h + given[:, self.channels :]
        v, h = (self.begun(first, k) for k, first in enumerate((v, h)))
        for layer in self.layers:
            v, h = layer(v, h)
        return h  # type: ignore[no-any-return]

    def exact_stack_of(self, pictures: Tensor, given: Tensor | None = None) -> Tensor:
        """Exact reading, `given` [N, H, W, 2 C]."""
        v, h = self.above.whole(pictures) + self.places[0], self.left.whole(pictures) + self.places[1]
        if given is not None:
            v, h = v + given[..., : self.channels], h + given[..., self.channels :]
        v, h = clamped(v), clamped(h)
        for layer in self.layers:
            v, h = layer.both(v, h)
        return h

    def walk(self, lanes: int, given: Callable[[int], Tensor] | None = None) -> GatedWalk:
        """`given` says of a row what `exact_stack_of` takes of all, [L, W, 2 C]."""
        return GatedWalk(self, lanes, given)


class GatedWalk(PixelWalk):
    """Keeps, of every layer, v of the row above, what v adds to this row's horizontal sums, and h of the last pixel."""

    def __init__(self, net: GatedPixelCNN, lanes: int, given: Callable[[int], Tensor] | None) -> None:
        super().__init__(net, lanes, net.reach)
        self._gated, self._given = net, given
        self._row: Tensor | None = None
        layers, device = len(net.layers), net.engine.device
        self._above = torch.zeros(layers, lanes, net.columns, net.channels, dtype=torch.int16, device=device)
        self._across = torch.zeros(layers, lanes, net.columns, 2 * net.channels, dtype=torch.int16, device=device)
        self._left = torch.zeros(layers, lanes, net.channels, device=device)
        self._now = torch.zeros_like(self._left)
        self.open_row()

    def open_row(self) -> None:
        self._left.zero_()
        if self._given is not None:
            self._row = self._given(self.row)
        for first in range(0, self.lanes, _LANES):
            self._vertical(slice(first, min(first + _LANES, self.lanes)))

    def _vertical(self, lanes: slice) -> None:
        """The row of the vertical stack for some of the lanes."""
        net, reach = self._gated, self.reach
        seen = self.known[lanes, self.row : self.row + reach].unfold(2, 2 * reach + 1, 1)
        taps = seen.transpose(1, 2).flatten(2).flatten(0, 1).float()
        v = net.above.gathered(taps).view(-1, net.columns, net.channels)
        v = v + net.places[0, self.row]
        if self._row is not None:
            v += self._row[lanes, :, : net.channels]
        v = clamped(v)
        rows = torch.zeros(len(v), 2, net.columns + 2, net.channels, device=v.device)  # the one above, and this one
        for layer, above, across in zip(net.layers, self._above[:, lanes], self._across[:, lanes], strict=True):
            rows[:, 0, 1:-1], rows[:, 1, 1:-1] = above, v
            above.copy_(v)
            unit = gated(layer.vertical.gathered(_taps(rows)))
            across.copy_(layer.across.gathered(unit).view(across.shape))
            v = added(v, unit.view(v.shape))

    def stream(self) -> Tensor:
        net, column = self._gated, self.column
        seen = self.known[:, self.row + self.reach, column : column + self.reach].float()
        h = net.left.gathered(seen) + net.places[1, self.row, column]
        if self._row is not None:
            h += self._row[:, column, net.channels :]
        h = clamped(h)
        for k, layer in enumerate(net.layers):
            self._now[k] = h
            sums = layer.horizontal.gathered(torch.cat([self._left[k], h], dim=1)) + self._across[k, :, column]
            h = added(h, layer.out.gathered(gated(sums)))
        return h

    def close_pixel(self) -> None:
        self._left, self._now = self._now, self._left


def _taps(rows: Tensor) -> Tensor:
    """Of two padded rows [N, 2, W + 2, C] the taps of every place of the lower one, [N W, 6 C]."""
    n, _, width, channels = rows.shape
    # In each row the three taps of a place lie side by side: a view of overlapping windows, copied once.
    lane, row, place, one = rows.stride()
    return rows.as_strided((n, width - 2, 2, 3 * channels), (lane, place, row, one)).reshape(n * (width - 2), -1)
