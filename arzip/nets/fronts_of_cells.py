"""LSTM cells on the fronts of a picture: which cells are computed together, and the recurrence with its gradient.

A front is a set of cells that depend only on the front before. Cells are stored front after front, [cells, lanes, C]
(skewing a picture is nothing but this order), and within a front by an index that says whom they see:

    rows        front t = row t,              index = column    sees columns x - 1, x, x + 1 of the row above
    diagonals   front t = {(y, x): x + y = t}, index = row      sees rows y (left neighbour) and y - 1 (the one above)

    i, f, o, g = W x + b + U [h of the cells seen],   c' = f c + i g of the cell of the same index,   h = o tanh(c')

(van den Oord et al. 2016 [1], equation 3 and section 3.) The gradient is written out: one product over all fronts
gives that of U, and a compiled loop goes through the gates. Where autocast is on, products are taken in bfloat16.

[1] https://arxiv.org/abs/1601.06759
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.nets.front_kernels import backward, forward

__all__ = ["Fronts", "diagonal_fronts", "recur", "row_fronts"]


@dataclass(frozen=True)
class Fronts:
    """`order`: cells y * width + x, front by front; `spans`: first index and end of each; `taps`: whom a cell sees."""

    order: NDArray[np.int64]
    spans: tuple[tuple[int, int], ...]
    taps: tuple[int, ...]
    indices: int


def row_fronts(height: int, width: int) -> Fronts:
    """One front a row."""
    return Fronts(np.arange(height * width), ((0, width),) * height, (-1, 0, 1), width)


def diagonal_fronts(height: int, width: int, *, mirrored: bool) -> Fronts:
    """Fronts from the upper left corner to the lower right one; mirrored, from right to left."""
    spans = tuple((max(0, t - width + 1), min(height, t + 1)) for t in range(height + width - 1))
    cells = [(y, t - y) for t, (first, end) in enumerate(spans) for y in range(first, end)]
    order = np.array([y * width + (width - 1 - x if mirrored else x) for y, x in cells], dtype=np.int64)
    return Fronts(order, spans, (0, -1), height)


class _Recurrence(torch.autograd.Function):
    """Views of NumPy's wherever no product is taken: fronts are small, and theirs cost a tenth of torch's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, inner: Tensor, bias: Tensor, weight: Tensor, fronts: Fronts) -> Tensor:
        cells, lanes, units = x.shape[0], x.shape[1], weight.shape[1] // 4
        ctx.kind = kind = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
        x, inner, weight = x.to(kind), inner.to(kind), weight.to(kind)
        gates = (x @ inner).float()
        seen = gates.new_empty(cells, lanes, len(fronts.taps) * units)
        before, squashed, hidden = (gates.new_empty(cells, lanes, units) for _ in range(3))
        old, tanh, now, seen_now = (t.numpy() for t in (before, squashed, hidden, seen))
        c = np.zeros((fronts.indices, lanes, units), dtype=np.float32)
        h = np.zeros((fronts.indices + 2, lanes, units), dtype=np.float32)
        scale = np.repeat(np.array([0.5, 0.5, 0.5, 1.0], dtype=np.float32), units)
        for (first, last), at, sums, looks in _walked(fronts, gates, seen):
            for k, tap in enumerate(fronts.taps):
                seen_now[at, :, k * units : (k + 1) * units] = h[1 + first + tap : 1 + last + tap]
            sums += looks.to(kind) @ weight
            flat = (a.reshape(-1) for a in (c[first:last], old[at], tanh[at], now[at]))
            forward(sums.numpy(), bias.numpy(), scale, *flat)
            h[1 + first : 1 + last] = now[at]
        ctx.save_for_backward(x, inner, weight, gates, seen.to(kind), before, squashed)
        ctx.fronts = fronts
        return hidden

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        x, inner, weight, gates, seen, before, squashed = ctx.saved_tensors
        fronts: Fronts = ctx.fronts
        sums, transposed, (lanes, units) = torch.empty_like(gates), weight.t(), before.shape[1:]
        slope, old, tanh = (t.numpy() for t in (grads[0].contiguous(), before, squashed))
        dc = np.zeros((fronts.indices, lanes, units), dtype=np.float32)
        dh = np.zeros((fronts.indices + 2, lanes, units), dtype=np.float32)
        for (first, last), at, open_, slopes in reversed(_walked(fronts, gates, sums)):
            here = dh[1 + first : 1 + last]
            here += slope[at]
            flat = (a.reshape(-1) for a in (old[at], tanh[at], here, dc[first:last]))
            backward(open_.numpy(), *flat, slopes.numpy())
            earlier = (slopes.to(ctx.kind) @ transposed).float().numpy().reshape(last - first, lanes, -1)
            dh[:] = 0
            for k, tap in enumerate(fronts.taps):
                dh[1 + first + tap : 1 + last + tap] += earlier[:, :, k * units : (k + 1) * units]
        slopes = sums.flatten(0, 1)
        every = slopes.to(ctx.kind)
        return (
            (every @ inner.t()).float().view(x.shape),
            (x.flatten(0, 1).t() @ every).float(),
            slopes.sum(dim=0),
            (seen.flatten(0, 1).t() @ every).float(),
            None,
        )


def _walked(fronts: Fronts, a: Tensor, b: Tensor) -> list[tuple[tuple[int, int], slice, Tensor, Tensor]]:
    """Of each front its span, its cells, and their part of two tensors [cells, lanes, C] as [n * lanes, C]."""
    ends = np.cumsum([last - first for first, last in fronts.spans]).tolist()
    cells = [slice(end - last + first, end) for (first, last), end in zip(fronts.spans, ends, strict=True)]
    sizes = [(at.stop - at.start) * a.shape[1] for at in cells]
    parts = (torch.split(t.flatten(0, 1), sizes) for t in (a, b))
    return list(zip(fronts.spans, cells, *parts, strict=True))


def recur(x: Tensor, inner: Tensor, bias: Tensor, weight: Tensor, fronts: Fronts) -> Tensor:
    """h [cells, lanes, h] from what enters, x [cells, lanes, C], the cells in the order of the fronts.

    inner: from x to the gates, [C, 4 h]; bias [4 h]; weight: U [taps * h, 4 h], tap by tap.
    """
    hidden: Tensor = _Recurrence.apply(x, inner, bias, weight, fronts)  # type: ignore[no-untyped-call]
    return hidden
