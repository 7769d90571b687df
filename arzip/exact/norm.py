"""Normalisation of a residual stream in integers: every row divided by its root mean square.

    y_i = x_i / sqrt(mean(x^2) + e)

(RMSNorm, Zhang & Sennrich 2019 [1], equation 4; the gain of the paper is left to the product that follows, which can
say the same.) In integers: the sum of squares is exact, its square root an integer by Newton's iteration on 62 bits,
and what all x_i are multiplied with a small integer times a power of two, so that the products, below 2**53, are
exact in IEEE double, which has the vector instructions that 64-bit integers lack.

[1] https://arxiv.org/abs/1910.07467
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.compiled import Integer, Real, compiled, inlined
from arzip.errors import ModelError
from arzip.exact.fixed import Range
from arzip.exact.layers import Pointwise

__all__ = ["RMSNorm", "integer_root", "normalise"]

_TOP = 1 << 60  # sums of squares are scaled by powers of four to [2**60, 2**62), their roots are below 2**31
_FACTOR = 46  # the factor is sqrt(width) * 2**46 / root: 15 bits and those of the width's root


class _Normalised(torch.autograd.Function):
    """With the gradient written out, half of the passes over memory; halves precision where that is what trains."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, epsilon: float) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        factor = (length.square_().div_(x.shape[-1]).add_(epsilon)).rsqrt_()
        y = x * factor
        if torch.is_autocast_enabled(x.device.type):
            y = y.to(torch.get_autocast_dtype(x.device.type))
        ctx.save_for_backward(y, factor)
        return y  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        y, factor = ctx.saved_tensors
        along = (grads[0] * y).sum(dim=-1, keepdim=True, dtype=factor.dtype).div_(-y.shape[-1])
        return torch.addcmul(grads[0], y, along.to(y.dtype)).mul(factor), None


class RMSNorm(Pointwise):
    """Rows [N, `width`] of `source` to rows at `target`'s point.

    No output exceeds sqrt(width): `target` must hold that, so that nothing is ever clamped. `length` is the largest
    Euclidean length of a row that leaves it, in units of the target.
    """

    def __init__(self, width: int, *, source: Range, target: Range) -> None:
        super().__init__()
        needed = math.isqrt(width << 2 * target.point) + 1
        if min(-target.low, target.high) < needed:
            raise ModelError(f"the norm of {width} numbers reaches {needed}, beyond {target}")
        if (source.magnitude**2 + 1) * width >= _TOP or source.magnitude >= 1 << 31 or width > 1 << 10:
            raise ModelError(f"a norm of {width} numbers of {source} to {target} is beyond its arithmetic")
        self.width, self.source, self.target = width, source, target
        self.length = math.isqrt(width << 2 * target.point) + math.isqrt(width) + 2  # with what rounding adds
        self.epsilon = 4.0**-source.point  # one unit of the stream, squared

    def forward(self, x: Tensor) -> Tensor:
        """Training reading, in floats, without rounding."""
        return _Normalised.apply(x, self.epsilon)  # type: ignore[no-any-return,no-untyped-call]

    def whole(self, x: Tensor) -> Tensor:
        """Exact reading: integers in fp32, [N, width] -> [N, width]."""
        y = torch.empty_like(x, device="cpu")
        normalise(
            x.cpu().numpy(), math.isqrt(self.width << 2 * _FACTOR), 2.0 ** (self.target.point - _FACTOR), y.numpy()
        )
        return y.to(x.device)


@inlined
def integer_root(n: Integer) -> Integer:
    """floor(sqrt(n)) of an integer 0 < n < 2**62."""
    root = np.int64(1) << 31
    while True:
        better = (root + n // root) >> 1
        if better >= root:
            return root
        root = better


@compiled
def normalise(x: NDArray[Any], numerator: Integer, unit: Real, y: NDArray[Any]) -> None:
    """y [N, C] = x * sqrt(C) / sqrt(C + sum of x^2) at the target's point; integers held in fp32.

    numerator: sqrt(C) * 2**46, rounded down; unit: 2**-46 times two to the point of y.
    """
    width = x.shape[1]
    for n in range(x.shape[0]):
        row, out = x[n], y[n]
        total = np.int64(width)  # e: one unit
        for i in range(width):
            value = np.int64(np.int32(row[i]))
            total += value * value
        scale = unit
        while total < _TOP:
            total <<= 2
            scale *= 2.0
        factor = np.float64(numerator // integer_root(total)) * scale
        for i in range(width):
            out[i] = np.floor(np.float64(row[i]) * factor + 0.5)
