"""What a convolution over a grid of tokens reads: each token's neighbours, as floats all at once, as integers in steps.

A neighbour is a tap (dy, dx) in rows and columns of tokens, never later in raster order than the token itself; beyond
the borders lie zeros.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.exact.convolution import Tap
from arzip.nets.token_kernels import neighbours

__all__ = ["Neighbourhood"]


class Neighbourhood:
    """The taps of all tokens of a grid of rows x columns."""

    def __init__(self, grid: tuple[int, int], taps: list[Tap]) -> None:
        if any((dy, dx) > (0, 0) for dy, dx in taps):
            raise ValueError("a tap lies later than the token")
        self.grid, self.taps = grid, taps
        self._top, self._side = max(-dy for dy, _ in taps), max(abs(dx) for _, dx in taps)
        rows, columns = grid
        width = columns + 2 * self._side
        kept = self._top + 1  # rows: each takes the place of one that no tap sees any more
        self._places = kept * width
        y, x = np.arange(rows)[:, None, None], np.arange(columns)[:, None] + self._side
        near = [(y + dy) % kept * width + x + dx for dy, dx in [(0, 0), *taps]]
        places = np.concatenate(near, axis=2).reshape(rows * columns, -1).astype(np.int32)
        self._spots, self._near = places[:, 0].copy(), places[:, 1:].copy()

    def length(self, one: int) -> int:
        """The largest Euclidean length of what a token reads, if that of each neighbour is at most `one`."""
        return math.ceil(one * math.sqrt(len(self.taps)))

    def forward(self, x: Tensor) -> Tensor:
        """Training reading: [N, T, C] to [N, T, taps * C]."""
        (rows, columns), top, side = self.grid, self._top, self._side
        x = nn.functional.pad(x.view(len(x), rows, columns, -1), (0, 0, side, side, top, 0))
        seen = [x[:, top + dy : top + dy + rows, side + dx : side + dx + columns] for dy, dx in self.taps]
        return torch.cat(seen, dim=3).flatten(1, 2)

    def start(self, *shape: int) -> NDArray[np.int16]:
        """What is known before the first token, nothing: int16 [N, places, C], of `shape` = (N, C)."""
        lanes, channels = shape
        return np.zeros((lanes, self._places, channels), np.int16)

    def read(self, known: NDArray[Any], x: Tensor, first: int) -> Tensor:
        """Exact reading of tokens `first` and on, [N, t, C] to [N, t, taps * C], which fills `known`."""
        seen = torch.empty(*x.shape[:2], len(self.taps) * x.shape[2])
        neighbours(x.cpu().numpy(), first, self._spots, self._near, known, seen.numpy())
        return seen.to(x.device)
