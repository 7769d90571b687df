"""Fixed-point numbers: the only values that an exact net knows.

A value is an integer q that stands for q / 2**point. Every scale is a power of two, so rounding to another point is a
shift, and the float reading that trains a net (`straight_through`) gives the very numbers of the integer reading:
all of them are dyadic, all sums stay below 2**24, hence fp32 holds them without error. What a net loses by rounding
is therefore seen, and repaired, while it trains.

Rounding is floor(x + 1/2) everywhere, in both readings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Range", "relu7", "rounded", "signed8", "straight_through", "wide"]


@dataclass(frozen=True)
class Range:
    """Integers low..high at a binary point; `point` bits are the fraction."""

    point: int
    low: int
    high: int

    @property
    def magnitude(self) -> int:
        """The largest absolute integer."""
        return max(-self.low, self.high)

    @property
    def is_small(self) -> bool:
        """Whether the integers fit int8 and may enter a matrix product."""
        return self.low >= -127 and self.high <= 127


def signed8(point: int) -> Range:
    """int8 without -128, so that negation stays inside."""
    return Range(point, -127, 127)


def relu7(point: int) -> Range:
    """What leaves a rectifier: 0..127."""
    return Range(point, 0, 127)


def wide(point: int) -> Range:
    """16-bit integers, for residual streams and outputs; never an operand of a product."""
    return Range(point, -32767, 32767)


class _StraightThrough(torch.autograd.Function):
    """Rounds forward; passes the gradient wherever the value was not clamped (Bengio et al. 2013, section 4)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, target: Range) -> Tensor:
        scale = float(1 << target.point)
        y = torch.mul(x, scale).add_(0.5).floor_().clamp_(target.low, target.high).mul_(1 / scale)
        ctx.save_for_backward(y)
        ctx.ends = (target.low / scale, target.high / scale)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(grads[0], y, *ctx.ends), None


def straight_through(x: Tensor, target: Range) -> Tensor:
    """The float reading of rounding to a range: same values as the integers', with a gradient."""
    return _StraightThrough.apply(x, target)  # type: ignore[no-any-return,no-untyped-call]


def rounded(x: Tensor, target: Range) -> Tensor:
    """A parameter as the integers of a range of at most 16 bits, int16; no gradient."""
    return (x.detach() * (1 << target.point) + 0.5).floor().clamp(target.low, target.high).to(torch.int16)
