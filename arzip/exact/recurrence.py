"""A GRU over time with its gradient written out: back-propagation through time (Werbos 1990), one product a step.

Automatic differentiation would add up the gradient of U at every step; here one product over all steps gives it, and
what is not a product is one compiled loop a step. The forward reading is that of `arzip.exact.recurrent.GRU`.

Where autocast is on, products are taken in bfloat16. Nothing of their operands is lost in the forward direction:
weights of 7 bits and rounded states of 8 fit in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from arzip.exact.fixed import Range, straight_through
from arzip.exact.gru_kernels import backward, forward

__all__ = ["recur"]


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, more: Tensor, weight: Tensor, bias: Tensor, start: Tensor, operand: Range
    ) -> tuple[Tensor, Tensor]:
        steps, lanes, sums = x.shape
        units = sums // 3
        ctx.kind = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
        gates = x.new_empty(steps, lanes, 2 * units)
        inner, candidates, rounded = (x.new_empty(steps, lanes, units) for _ in range(3))
        hidden = torch.cat([start[None], torch.empty_like(inner)])
        operands = x.new_empty(steps + 1, lanes, units, dtype=ctx.kind)
        operands[0] = straight_through(start, operand)
        scale = np.float32(1 << operand.point)
        transposed = weight.t().to(ctx.kind)
        views = [part.numpy() for part in (x, more, gates, inner, candidates, rounded)]
        states, own = hidden.numpy(), bias.detach().numpy()
        for t in range(steps):
            q = (operands[t] @ transposed).float().numpy()
            entering, added, *kept, out = (view[t] for view in views)
            forward(entering, added, q, own, states[t], scale, *kept, states[t + 1], out)
            operands[t + 1] = rounded[t]
        ctx.save_for_backward(weight, gates, candidates, inner, hidden, operands)
        last = hidden[-1].clone()
        ctx.mark_non_differentiable(last)
        return rounded, last

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None]:
        weight, gates, candidates, inner, hidden, operands = ctx.saved_tensors
        steps, lanes, units = candidates.shape
        dx, dq = (gates.new_empty(steps, lanes, 3 * units) for _ in range(2))
        dh, low = torch.zeros_like(hidden[0]), weight.to(ctx.kind)
        views = [part.numpy() for part in (gates, inner, candidates, hidden, grads[0].contiguous())]
        to_x, to_q, wanted = dx.numpy(), dq.numpy(), dh.numpy()
        for t in range(steps - 1, -1, -1):
            backward(*(view[t] for view in views), wanted, to_x[t], to_q[t])
            dh += dq[t].to(ctx.kind) @ low
        flat = dq.view(steps * lanes, -1)
        into = flat.t().to(ctx.kind) @ operands[:-1].reshape(steps * lanes, -1)
        return dx, dx[:, :, 2 * units :], into.float(), flat.sum(0), None, None


def recur(
    x: Tensor, more: Tensor, weight: Tensor, bias: Tensor, start: Tensor, operand: Range
) -> tuple[Tensor, Tensor]:
    """h of every step, rounded to `operand`, [T, L, units], and the last h before rounding, [L, units].

    Args:
        x: sums before the gates r, z, n, [T, L, 3 units].
        more: what is added to those of n, [T, L, units].
        weight: U [3 units, units], applied to the rounded h; bias [3 units].
        start: h before the first step, [L, units]; no gradient flows into it.
        operand: symmetric, within +-1.
    """
    hidden, last = _Recurrence.apply(x, more, weight, bias, start, operand)  # type: ignore[no-untyped-call]
    return hidden, last
