"""Gated units: y = tanh(a) * sigmoid(b) (van den Oord et al. 2016b [1], equation 2), y = a * sigmoid(b) (Dauphin et al.
2017 [2], equation 1).

`gate` trains the first (its gradient is written out, which halves the passes over memory), `gated` codes it: integers
in fp32, sums with 10 fractional bits in, units with 8 out. `glu` codes the second, which torch trains, and keeps the 10
bits. All take a in the first half of the channels and b in the second.

[1] https://arxiv.org/abs/1606.05328  [2] https://arxiv.org/abs/1612.08083
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.compiled import compiled
from arzip.exact.fixed import Range, wide
from arzip.exact.gates import SUM_POINT, linear_unit, unit

__all__ = ["SUMS", "UNITS", "gate", "gated", "glu"]

SUMS = wide(SUM_POINT)
UNITS = Range(8, -256, 256)


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int) -> Tensor:
        a, b = x.chunk(2, dim)
        t, s = torch.tanh(a), torch.sigmoid(b)
        ctx.save_for_backward(t, s)
        ctx.dim = dim
        return t * s

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        t, s = ctx.saved_tensors
        through = grads[0] * s
        y = through * t
        da = torch.addcmul(through, y, t, value=-1)
        db = torch.addcmul(y, y, s, value=-1)
        return torch.cat([da, db], ctx.dim), None


def gate(x: Tensor, dim: int) -> Tensor:
    """Training reading, in floats: 2 C sums along `dim` to C units."""
    return _Gate.apply(x, dim)  # type: ignore[no-any-return,no-untyped-call]


def gated(x: Tensor) -> Tensor:
    """Exact reading: integers in fp32, [N, 2 C] sums at SUMS to [N, C] units at UNITS."""
    y = torch.empty(len(x), x.shape[1] // 2)
    _gated(x.cpu().numpy(), y.numpy())
    return y.to(x.device)


def glu(x: Tensor) -> Tensor:
    """Exact reading: integers in fp32 with SUM_POINT fractional bits, [N, 2 C] to [N, C]."""
    y = torch.empty(len(x), x.shape[1] // 2)
    _glu(x.cpu().numpy(), y.numpy())
    return y.to(x.device)


@compiled
def _gated(x: NDArray[Any], y: NDArray[Any]) -> None:
    count, channels = y.shape
    for n in range(count):
        for c in range(channels):
            y[n, c] = unit(np.int64(x[n, c]), np.int64(x[n, channels + c]))


@compiled
def _glu(x: NDArray[Any], y: NDArray[Any]) -> None:
    count, channels = y.shape
    for n in range(count):
        for c in range(channels):
            y[n, c] = linear_unit(np.int64(x[n, c]), np.int64(x[n, channels + c]))
