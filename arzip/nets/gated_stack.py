"""The two stacks of a Gated PixelCNN: a vertical one that sees all rows above, a horizontal one that sees the row.

    v' = v + gate(K v)                          K: 2 x 3, the row and the one above it
    h' = h + O gate(J h + V gate(K v))          J: 1 x 2, the pixel and the one to its left;  V, O: 1 x 1

(van den Oord et al. 2016b [1], figure 2; here the vertical stack is residual too.) v of a row must begin with what the
rows above say; then nothing of the row itself enters it, and there is no blind spot.

A row of the vertical stack is known as soon as the rows above are: decoding computes it, and what it adds to every
horizontal layer, in one product for the whole row. What remains for each pixel is the horizontal stack.

[1] https://arxiv.org/abs/1606.05328
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arzip.exact.convolution import Convolution, window
from arzip.exact.fixed import Range
from arzip.exact.gated import SUMS, UNITS, gate, gated
from arzip.exact.layers import Layer

__all__ = ["STREAM", "GatedStack", "StackWalk", "added", "clamped"]

STREAM = Range(8, -4095, 4095)  # residual streams: +-16
_VERTICAL, _HORIZONTAL = window(2, 1), [(0, -1), (0, 0)]


def clamped(s: Tensor) -> Tensor:
    """A stream within its range, in place."""
    return s.clamp_(STREAM.low, STREAM.high)


def added(s: Tensor, y: Tensor) -> Tensor:
    """Exact reading of s + y on a stream, integers in fp32."""
    return clamped(s + y)


class _Gated(Layer):
    """One layer of both stacks."""

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


class GatedStack(Layer):
    """`layers` layers of `channels`; both stacks are as wide."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.channels = channels
        self.layers = nn.ModuleList(_Gated(channels) for _ in range(layers))

    @property
    def gates(self) -> list[_Gated]:
        """The layers from the first to the last."""
        return list(self.layers)  # type: ignore[arg-type]

    def forward(self, v: Tensor, h: Tensor) -> Tensor:
        """Training reading: what both stacks begin with, [N, C, H, W], to the end of the horizontal one."""
        for layer in self.gates:
            v, h = layer(v, h)
        return h

    def both(self, v: Tensor, h: Tensor) -> Tensor:
        """Exact reading of the same, [N, H, W, C] each."""
        for layer in self.gates:
            v, h = layer.both(v, h)
        return h


class StackWalk:
    """Keeps, of every layer, v of the row above, what v adds to this row's horizontal sums, and h of the last pixel."""

    def __init__(self, stack: GatedStack, lanes: int, columns: int) -> None:
        self._gates, self._columns = stack.gates, columns
        layers, channels, device = len(stack.gates), stack.channels, stack.engine.device
        self._above = torch.zeros(layers, lanes, columns, channels, dtype=torch.int16, device=device)
        self._across = torch.zeros(layers, lanes, columns, 2 * channels, dtype=torch.int16, device=device)
        self._left = torch.zeros(layers, lanes, channels, device=device)
        self._now = torch.zeros_like(self._left)

    def vertical(self, lanes: slice, v: Tensor) -> None:
        """A row of the vertical stack for some of the lanes, from what it begins with, [l, W, C]."""
        rows = v.new_zeros(len(v), 2, self._columns + 2, v.shape[2])  # the one above, and this one
        for layer, above, across in zip(self._gates, self._above[:, lanes], self._across[:, lanes], strict=True):
            rows[:, 0, 1:-1], rows[:, 1, 1:-1] = above, v
            above.copy_(v)
            unit = gated(layer.vertical.gathered(_taps(rows)))
            across.copy_(layer.across.gathered(unit).view(across.shape))
            v = added(v, unit.view(v.shape))

    def begin_row(self) -> None:
        """There is no pixel to the left."""
        self._left.zero_()

    def horizontal(self, h: Tensor, column: int) -> Tensor:
        """The horizontal stack at the next pixel of all lanes: [L, C] to [L, C]."""
        for k, layer in enumerate(self._gates):
            self._now[k] = h
            sums = layer.horizontal.gathered(torch.cat([self._left[k], h], dim=1)) + self._across[k, :, column]
            h = added(h, layer.out.gathered(gated(sums)))
        return h

    def close_pixel(self) -> None:
        """The pixel that `horizontal` was asked for last is the one to the left from now on."""
        self._left, self._now = self._now, self._left


def _taps(rows: Tensor) -> Tensor:
    """Of two padded rows [N, 2, W + 2, C] the taps of every place of the lower one, [N W, 6 C]."""
    n, _, width, channels = rows.shape
    # In each row the three taps of a place lie side by side: a view of overlapping windows, copied once.
    lane, row, place, one = rows.stride()
    return rows.as_strided((n, width - 2, 2, 3 * channels), (lane, place, row, one)).reshape(n * (width - 2), -1)
