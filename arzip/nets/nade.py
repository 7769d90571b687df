"""NADE: the neural autoregressive distribution estimator, one hidden layer that grows with what is known.

    p(x_d = 1 | x_<d) = sigmoid(b_d + V_d h_d),   h_d = sigmoid(c + sum_{i<d} W_i x_i)

(Larochelle & Murray 2011 [1], equations 9 and 10.) All conditionals share W, so the hidden units' sums are kept and
only W_i is added when variable i is 1: an example costs D H products, not D^2 H. Unlike the paper's, weights, sums and
hidden units are integers, in training too: its forward loop is the exact reading; and the hidden units' sigmoid is
drawn with two parabolas (see `nade_kernels`).

[1] https://proceedings.mlr.press/v15/larochelle11a.html
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.bernoulli import LOGIT
from arzip.exact.fixed import Range, straight_through
from arzip.exact.layers import SUM_LIMIT
from arzip.nets.nade_kernels import ACTIVATION, BIAS, WEIGHT, activate_all, advance, gradients, logits_of, next_logits
from arzip.nets.table_model import OrderedNet

__all__ = ["NADE"]

_WEIGHTS = Range(WEIGHT, -32767, 32767)
_SUM_LIMIT = 1 << 31  # of products, int32
_CACHED = 1 << 17  # weights of a block of variables
_CERTAIN = 0.02  # of the largest slope


class NADE(OrderedNet):
    """`hidden` units over `variables` binary variables, coded in an `order` (see `ordering`)."""

    first_q: Tensor
    offset_q: Tensor
    second_q: Tensor
    bias_q: Tensor

    def __init__(self, *, variables: int, rows: int, order: str, hidden: int) -> None:
        super().__init__(variables, rows, order)
        self.hidden = hidden
        self.first = nn.Parameter(torch.randn(variables, hidden) * variables**-0.5)
        self.offset = nn.Parameter(torch.zeros(hidden))
        self.second = nn.Parameter(torch.randn(variables, hidden) * hidden**-0.5)
        self.bias = nn.Parameter(torch.zeros(variables))
        self.register_buffer("first_q", torch.zeros(variables, hidden, dtype=torch.int16))
        self.register_buffer("offset_q", torch.zeros(hidden, dtype=torch.int16))
        self.register_buffer("second_q", torch.zeros(variables, hidden, dtype=torch.int16))
        self.register_buffer("bias_q", torch.zeros(variables, dtype=torch.int32))

    def _parameters_q(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """W, c, V, b on their grids, in real units, with gradients."""
        bias = straight_through(self.bias, Range(BIAS, -(1 << 23), 1 << 23))
        first, offset, second = (straight_through(p, _WEIGHTS) for p in (self.first, self.offset, self.second))
        return first, offset, second, bias

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D] in coding order."""
        logits: Tensor = _Logits.apply(x, *self._parameters_q())  # type: ignore[no-untyped-call]
        return logits

    def unrounded(self, x: Tensor) -> Tensor:
        columns, a = [], self.offset.expand(len(x), self.hidden)
        for d in range(self.variables):
            columns.append(_sigmoid(a) @ self.second[d] + self.bias[d])
            a = a + x[:, d, None] * self.first[d]
        return torch.stack(columns, dim=1)

    def freeze(self) -> None:
        with torch.no_grad():
            self.first_q, self.offset_q, self.second_q, self.bias_q = _integers(*self._parameters_q())
        self.check()

    def check(self) -> None:
        """Proves that no sum can leave its type; raises ModelError."""
        first = self.first_q.to(torch.int64).abs().sum(dim=0) + self.offset_q.to(torch.int64).abs()
        second = (self.second_q.to(torch.int64).abs().sum(dim=1) << ACTIVATION) + self.bias_q.to(torch.int64).abs()
        if int(first.max()) >= SUM_LIMIT:
            raise ModelError("a hidden unit's sum may pass 2**24: train with more weight decay")
        if int(second.max()) >= _SUM_LIMIT:
            raise ModelError("a logit's sum may pass 2**31: train with more weight decay")

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        return _forward(x, self.first_q, self.offset_q, self.second_q, self.bias_q)

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


class _Walk:
    """The hidden units' sums int32 [L, H] and values int16 [L, H]."""

    def __init__(self, net: NADE, lanes: int) -> None:
        self._net, self._at = net, 0
        self._sums = np.tile(net.offset_q.numpy().astype(np.int32), (lanes, 1))
        self._hidden = np.empty((lanes, net.hidden), dtype=np.int16)
        activate_all(self._sums, self._hidden)

    def outputs(self) -> NDArray[np.int32]:
        z = np.empty(len(self._hidden), dtype=np.int32)
        next_logits(self._hidden, self._net.second_q.numpy()[self._at], int(self._net.bias_q[self._at]), z)
        return z

    def observe(self, x: NDArray[np.int32]) -> None:
        advance(self._sums, self._hidden, self._net.first_q.numpy()[self._at], x)
        self._at += 1


class _Logits(torch.autograd.Function):
    """The exact forward loop, and the gradient of what it rounds."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, first: Tensor, offset: Tensor, second: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, first, offset, second)
        z = _forward(x.to(torch.uint8).numpy(), *_integers(first, offset, second, bias))
        return torch.from_numpy(z).float() / (1 << LOGIT.point)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, first, offset, second = ctx.saved_tensors
        (slope,) = grads
        w, c = ((p * (1 << WEIGHT)).to(torch.int16) for p in (first, offset))
        lanes, units = len(x), len(offset)
        bias = slope.sum(dim=0)
        slope = _fewer(slope)
        dw, dv, dc = torch.zeros_like(first), torch.zeros_like(second), torch.zeros_like(offset)
        gradients(
            slope.numpy(),
            x.to(torch.uint8).numpy(),
            w.numpy(),
            second.numpy(),
            max(1, _CACHED // 4 // units),
            np.tile(c.numpy().astype(np.int32), (lanes, 1)),
            np.zeros((lanes, units), dtype=np.float32),
            np.empty((3, units), dtype=np.float32),
            dw.numpy(),
            dv.numpy(),
            dc.numpy(),
        )
        return None, dw, dc, dv, bias


def _fewer(slope: Tensor) -> Tensor:
    """Most variables are nearly certain: small slopes become 0 or the threshold by lot, the same on average.

    The loops skip zeros, which halves their time.
    """
    threshold = _CERTAIN * slope.abs().max()
    kept = torch.sign(slope) * threshold * (torch.rand_like(slope) * threshold < slope.abs())
    return torch.where(slope.abs() < threshold, kept, slope)


def _sigmoid(a: Tensor) -> Tensor:
    """The two parabolas of `nade_kernels`."""
    low = (4 - a.abs()).clamp(min=0) ** 2 / 32
    return torch.where(a > 0, 1 - low, low)


def _integers(first: Tensor, offset: Tensor, second: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    scale = 1 << WEIGHT
    return (
        (first * scale).to(torch.int16),
        (offset * scale).to(torch.int16),
        (second * scale).to(torch.int16),
        (bias.double() * (1 << BIAS)).to(torch.int32),
    )


def _forward(x: NDArray[np.uint8], w: Tensor, c: Tensor, v: Tensor, b: Tensor) -> NDArray[np.int32]:
    lanes, units = len(x), len(c)
    z = np.empty(x.shape, dtype=np.int32)
    a = np.tile(c.numpy().astype(np.int32), (lanes, 1))
    h = np.empty((lanes, units), dtype=np.int16)
    logits_of(x, w.numpy(), v.numpy(), b.numpy(), max(1, _CACHED // units), a, h, z)
    return z
