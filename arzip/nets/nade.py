"""NADE: the neural autoregressive distribution estimator, one hidden layer that grows with what is known.

    p(x_d = 1 | x_<d) = sigmoid(b_d + V_d h_d),   h_d = sigmoid(c + sum_{i<d} W_i x_i)

(Larochelle & Murray 2011 [1], equations 9 and 10.) All conditionals share W, so the hidden units' sums are kept and
only W_i is added when variable i is 1: an example costs D H products, not D^2 H. With more than two levels the output
is a softmax, V_d has a row for each, and W_i is added in proportion to x_i. Unlike the paper's, weights, sums and
hidden units are integers, in training too: its forward loop is the exact reading; and the hidden units' sigmoid is
drawn with two parabolas (see `nade_kernels`).

[1] https://proceedings.mlr.press/v15/larochelle11a.html
"""

from __future__ import annotations

import math
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
_BIASES = Range(BIAS, -(1 << 23), 1 << 23)
_ROWS = Range(5, -32767, 32767)  # octaves, as `softmax_rows` takes them
_SUM_LIMIT = 1 << 31  # of products, int32
_CACHED = 1 << 17  # weights of a block of variables
_CERTAIN = 0.02  # of the largest slope
_OCTAVES = round(32 / math.log(2) * 2**16) >> LOGIT.point  # from nats at LOGIT's point to octaves at point 5


class NADE(OrderedNet):
    """`hidden` units over `variables` of `levels` values, coded in an `order` (see `ordering`)."""

    first_q: Tensor
    offset_q: Tensor
    second_q: Tensor
    bias_q: Tensor

    def __init__(self, *, variables: int, rows: int, order: str, hidden: int, levels: int = 2) -> None:
        super().__init__(variables, rows, order)
        self.alphabet, self.hidden = levels, hidden
        self.each = 1 if levels == 2 else levels  # logits of a variable
        self.shift = 0 if levels == 2 else (levels - 1).bit_length()  # x counts in units of 2**-shift
        outputs = variables * self.each
        self.first = nn.Parameter(torch.randn(variables, hidden) * variables**-0.5)
        self.offset = nn.Parameter(torch.zeros(hidden))
        self.second = nn.Parameter(torch.randn(outputs, hidden) * hidden**-0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("first_q", torch.zeros(variables, hidden, dtype=torch.int16))
        self.register_buffer("offset_q", torch.zeros(hidden, dtype=torch.int16))
        self.register_buffer("second_q", torch.zeros(outputs, hidden, dtype=torch.int16))
        self.register_buffer("bias_q", torch.zeros(outputs, dtype=torch.int32))

    def _parameters_q(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """W, c, V, b on their grids, in real units, with gradients."""
        first, offset, second = (straight_through(p, _WEIGHTS) for p in (self.first, self.offset, self.second))
        return first, offset, second, straight_through(self.bias, _BIASES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D] or [N, D, levels], of x [N, D] in coding order."""
        z: Tensor = _Logits.apply(x, self.shift, *self._parameters_q())  # type: ignore[no-untyped-call]
        if self.each == 1:
            return z
        octaves = straight_through(z * (_OCTAVES * 2.0 ** (LOGIT.point - 21)), _ROWS)
        return octaves.view(*x.shape, self.each) * math.log(2)

    def unrounded(self, x: Tensor) -> Tensor:
        columns, a = [], self.offset.expand(len(x), self.hidden)
        second, bias = self.second.view(self.variables, self.each, -1), self.bias.view(self.variables, self.each)
        for d in range(self.variables):
            columns.append(_sigmoid(a) @ second[d].t() + bias[d])
            a = a + x[:, d, None] * 2.0**-self.shift * self.first[d]
        z = torch.stack(columns, dim=1)
        return z[..., 0] if self.each == 1 else z

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
        return self._told(_forward(x, self.shift, self.first_q, self.offset_q, self.second_q, self.bias_q))

    def _told(self, z: NDArray[np.int32]) -> NDArray[np.int32]:
        """Logits [N, ...Q] as `TableModel` takes them: [N, ...], or octaves at point 5 [N, ..., Q]."""
        if self.each == 1:
            return z
        octaves: NDArray[np.int32] = ((z.astype(np.int64) * _OCTAVES + (1 << 15)) >> 16).astype(np.int32)
        return octaves.reshape(len(z), z.shape[1] // self.each, self.each)

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
        net = self._net
        z = np.empty((len(self._hidden), net.each), dtype=np.int32)
        mine = slice(self._at * net.each, (self._at + 1) * net.each)
        next_logits(self._hidden, net.second_q.numpy()[mine], net.bias_q.numpy()[mine], z)
        return z[:, 0] if net.each == 1 else net._told(z)[:, 0]

    def observe(self, x: NDArray[np.int32]) -> None:
        advance(self._sums, self._hidden, self._net.first_q.numpy()[self._at], x, self._net.shift)
        self._at += 1


class _Logits(torch.autograd.Function):
    """The exact forward loop, and the gradient of what it rounds."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shift: int, first: Tensor, offset: Tensor, second: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, first, offset, second)
        ctx.shift = shift
        z = _forward(x.to(torch.uint8).numpy(), shift, *_integers(first, offset, second, bias))
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
            ctx.shift,
            w.numpy(),
            second.numpy(),
            max(1, _CACHED // 4 // units * len(first) // len(second)),
            np.tile(c.numpy().astype(np.int32), (lanes, 1)),
            np.zeros((lanes, units), dtype=np.float32),
            np.empty((3, units), dtype=np.float32),
            dw.numpy(),
            dv.numpy(),
            dc.numpy(),
        )
        return None, None, dw, dc, dv, bias


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


def _forward(x: NDArray[np.uint8], shift: int, w: Tensor, c: Tensor, v: Tensor, b: Tensor) -> NDArray[np.int32]:
    lanes, units = len(x), len(c)
    z = np.empty((lanes, len(b)), dtype=np.int32)
    a = np.tile(c.numpy().astype(np.int32), (lanes, 1))
    h = np.empty((lanes, units), dtype=np.int16)
    logits_of(x, shift, w.numpy(), v.numpy(), b.numpy(), max(1, _CACHED // units * len(w) // len(v)), a, h, z)
    return z
