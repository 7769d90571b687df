"""Causal attention in integers: every position takes a weighted mean of what it and the positions before it offer.

    y_t = sum over j <= t of w_tj v_j / sum over j <= t of w_tj,   w_tj = 2**(q_t . k_j + b[t - j])

(Scaled dot-product attention with several heads, Vaswani et al. 2017 [1], section 3.2; b, one number per head and
distance, after Shaw et al. 2018 [2].) Positions lie on a grid, row by row, and a distance is one of rows and columns.
Queries and keys speak in octaves: the paper's 1 / sqrt(size) and log2(e) belong to the weights that make them.

In integers: scores are exact sums; weights come from the integer table of 2**x, relative to the largest score; the mean
is a sum in 32 bits, proved to fit, and one integer division. No sum depends on its order. The readings `whole` and
`step` are one function, `advance`: it takes t positions of all lanes, all of them or a single one, and the keys and
values of earlier positions from the cache, which it fills.

[1] https://arxiv.org/abs/1706.03762  [2] https://arxiv.org/abs/1803.02155
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.attention_kernels import BLOCK, SCORE_POINT, attend, weight_table
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range
from arzip.exact.layers import Layer

__all__ = ["Cache", "CausalAttention", "regridded"]

_MOST_BITS = 12  # of the largest weight
_FARTHEST = 64 << SCORE_POINT  # octaves that a distance may add or take away
_LIMIT = 1 << 31


@dataclass(frozen=True)
class Cache:
    """Keys and values of all lanes, int16 [blocks, T, channels, BLOCK]; positions not yet seen hold anything."""

    keys: NDArray[np.int16]
    values: NDArray[np.int16]


class CausalAttention(Layer):
    """`heads` of `key` and `value` channels over a grid of rows x columns positions.

    `operand` is the range of queries, keys and values; SCORE_POINT is twice its point.
    """

    offsets_q: Tensor

    def __init__(self, *, heads: int, key: int, value: int, grid: tuple[int, int], operand: Range) -> None:
        super().__init__()
        self.heads, self.key, self.value, self.operand = heads, key, value, operand
        rows, columns = grid
        self.positions = rows * columns
        place = np.arange(self.positions)
        y, x = place // columns, place % columns
        down, right = np.maximum(y[:, None] - y, 0), x[:, None] - x + columns - 1
        self._distances, self._future = down * (2 * columns - 1) + right, place[:, None] < place
        self.offsets = nn.Parameter(torch.zeros(heads, rows * (2 * columns - 1)))
        self.register_buffer("offsets_q", torch.zeros(self.offsets.shape, dtype=torch.int32))
        self._bits = self._weight_bits()

    def _weight_bits(self) -> int:
        """The most bits of a weight at which 32 bits hold every sum of weighted values; raises ModelError."""
        magnitude = self.operand.magnitude
        if 2 * self.operand.point != SCORE_POINT or magnitude > 32767:
            raise ModelError(f"attention takes 16-bit integers at point {SCORE_POINT // 2}, not {self.operand}")
        if self.key * magnitude**2 + _FARTHEST >= (_LIMIT >> 1) - (1 << SCORE_POINT):
            raise ModelError(f"scores of {self.key} channels of {self.operand} do not fit: use smaller heads")
        bits = min(_MOST_BITS, ((_LIMIT - 1) // (self.positions * magnitude)).bit_length() - 1)
        if bits < 8:
            raise ModelError(f"{self.positions} positions of {self.operand} leave {bits} bits to a weight, not 8")
        return bits

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Training reading, in floats: [N, T, H K] twice and [N, T, H V] -> [N, T, H V]."""
        q, k, v = (t.view(*t.shape[:2], self.heads, -1).transpose(1, 2) for t in (q, k, v))
        count = q.shape[2]  # the first positions, or all
        distances, future = (
            torch.from_numpy(np.ascontiguousarray(a[:count, :count])).to(q.device)
            for a in (self._distances, self._future)
        )
        offsets = (self.offsets * math.log(2)).index_select(1, distances.flatten())
        bias = offsets.view(-1, *distances.shape).masked_fill(future, -math.inf)
        weights = torch.matmul(q * math.log(2), k.transpose(2, 3)).add_(bias).softmax(dim=3)
        return torch.matmul(weights, v).transpose(1, 2).flatten(2)

    def freeze(self) -> None:
        scaled = self.offsets.detach() * (1 << SCORE_POINT)
        self.offsets_q = (scaled + 0.5).floor().clamp(-_FARTHEST, _FARTHEST).to(torch.int32)

    def thaw(self) -> None:
        with torch.no_grad():
            self.offsets.copy_(self.offsets_q / (1 << SCORE_POINT))

    def check(self) -> None:
        if int(self.offsets_q.abs().max()) > _FARTHEST:
            raise ModelError(f"a distance's score lies outside +-{_FARTHEST}; train or freeze the net again")

    def place(self, engine: Engine) -> None:
        super().place(engine)
        self._bias = np.ascontiguousarray(self.offsets_q.numpy()[:, self._distances])
        self._table = weight_table(self._bits)

    def start(self, *shape: int) -> Cache:
        """The cache of `shape` = (lanes,) before the first position."""
        blocks = -(-shape[0] // BLOCK)
        keys, values = (
            np.zeros((blocks, self.positions, self.heads * size, BLOCK), np.int16) for size in (self.key, self.value)
        )
        return Cache(keys, values)

    def advance(self, cache: Cache, q: Tensor, k: Tensor, v: Tensor, first: int) -> Tensor:
        """Exact reading of positions first .. first + t - 1: integers in fp32, [N, t, H K], .. -> [N, t, H V]."""
        y = torch.empty(v.shape)
        scratch = tuple(np.zeros((size, BLOCK), np.int32) for size in (self.key, self.positions, 2, self.value))
        new = [t.cpu().numpy() for t in (q, k, v)]
        attend(*new, first, self._bias, self._table, cache.keys, cache.values, scratch, y.numpy())
        return y.to(v.device)


def regridded(offsets: Tensor, before: tuple[int, int], after: tuple[int, int]) -> Tensor:
    """Numbers of all distances on a grid [H, rows (2 columns - 1)] as those on another; beyond are its farthest."""
    down = np.minimum(np.arange(after[0]), before[0] - 1)
    right = np.clip(np.arange(1 - after[1], after[1]), 1 - before[1], before[1] - 1) + before[1] - 1
    places = down[:, None] * (2 * before[1] - 1) + right
    return offsets[:, torch.from_numpy(places.ravel())]
