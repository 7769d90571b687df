"""Exact layers that look at one position: dense, rounding to a product's operand, embedding.

Every layer has three readings of the same function:

    forward(x)          training: float [N, C] in real units, rounded as the integers will be, with gradients
    whole(x)            integers, all positions at once
    step(state, x)      integers, the positions of one front; state is explicit and belongs to the caller

For the layers of this file, which see no neighbour, `whole` and `step` are one function and the state is None.
A layer is trained, then `freeze()` turns its parameters into integer buffers and proves their bounds, then `place()`
prepares those buffers for an engine. Buffers are what a model's file holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.engine import Engine, Weight
from arzip.exact.fixed import Range, straight_through

__all__ = ["Dense", "Embedding", "Layer", "Pointwise", "Round"]

WEIGHT_LOW, WEIGHT_HIGH = -64, 63  # 7 bits: see engine.py
SUM_LIMIT = 1 << 24  # fp32 holds every integer below this
_LARGEST_EXPONENT = 20


class Layer(nn.Module):
    """The contract of all exact layers; see the module's docstring."""

    engine: Engine

    def parts(self) -> Iterator[Layer]:
        """The layers directly inside this one, those in lists included."""
        for child in self.children():
            if isinstance(child, Layer):
                yield child
            else:
                yield from (layer for layer in child.children() if isinstance(layer, Layer))

    def freeze(self) -> None:
        """Turns trained parameters into integer buffers; raises ModelError when a bound cannot be proved."""
        for part in self.parts():
            part.freeze()

    def thaw(self) -> None:
        """Parameters become what the integer buffers stand for: training goes on from a frozen net."""
        for part in self.parts():
            part.thaw()

    def check(self) -> None:
        """Proves the bounds of integer buffers that were read from a file; raises ModelError."""
        for part in self.parts():
            part.check()

    def place(self, engine: Engine) -> None:
        """Prepares the integer buffers for an engine; to be called before `whole` and `step`."""
        self.engine = engine
        for part in self.parts():
            part.place(engine)

    def whole(self, x: Tensor) -> Tensor:
        """All positions at once: integers [N, C]."""
        raise NotImplementedError

    def start(self, *shape: int) -> Any:
        """The state before the first front."""
        raise NotImplementedError

    def step(self, state: Any, x: Tensor) -> tuple[Any, Tensor]:
        """One front: integers [F, C] in and out, with the state that the next front needs."""
        raise NotImplementedError


class Pointwise(Layer):
    """A layer whose output at a position depends on that position alone."""

    def start(self, *shape: int) -> Any:
        return None

    def step(self, state: Any, x: Tensor) -> tuple[Any, Tensor]:
        return state, self.whole(x)


class Dense(Pointwise):
    """y = clamp(round(W x + b)): 7-bit weights with one power-of-two scale per output row, sums below 2**24.

    Args:
        source: range of the inputs; must be small.
        target: range of the outputs; `low = 0` makes it a rectifier.
    """

    weight_q: Tensor
    bias_q: Tensor
    shift_q: Tensor

    def __init__(self, inputs: int, outputs: int, *, source: Range, target: Range) -> None:
        super().__init__()
        if not source.is_small:
            raise ModelError(f"a product's operand must fit int8, not {source}")
        self.source, self.target = source, target
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * inputs**-0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("weight_q", torch.zeros(outputs, inputs, dtype=torch.int8))
        self.register_buffer("bias_q", torch.zeros(outputs, dtype=torch.int32))
        self.register_buffer("shift_q", torch.zeros(outputs, dtype=torch.int32))
        self._weight: Weight | None = None

    def _exponents(self) -> Tensor:
        """Per output row the largest e at which |w| * 2**e stays within 63 and the shift is not negative; [out, 1]."""
        largest = self.weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=1e-9)
        lowest = max(0, self.target.point - self.source.point)
        # frexp is exact where log2 is not: largest = mantissa * 2**exponent with mantissa in [0.5, 1).
        mantissa, exponent = torch.frexp(largest)
        fits = 6 - exponent - (mantissa * 64 > 63.49).to(exponent.dtype)
        return fits.clamp(lowest, _LARGEST_EXPONENT)

    def _rounded(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights and bias rounded, in real units, with a gradient; and the exponents."""
        exponents = self._exponents()
        scale = torch.ldexp(torch.ones_like(self.weight[:, :1]), exponents)
        w = self.weight * scale
        w = w + ((w + 0.5).floor().clamp(WEIGHT_LOW, WEIGHT_HIGH) - w).detach()
        bias_scale = scale[:, 0] * (1 << self.source.point)
        b = self.bias * bias_scale
        b = b + ((b + 0.5).floor() - b).detach()
        return w / scale, b / bias_scale, exponents[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, _ = self._rounded()
        return straight_through(torch.nn.functional.linear(x, weight, bias), self.target)

    def freeze(self) -> None:
        with torch.no_grad():
            weight, bias, exponents = self._rounded()
            scale = torch.ldexp(torch.ones_like(weight[:, :1]), exponents[:, None])
            self.weight_q = (weight * scale).to(torch.int8)
            self.bias_q = (bias * scale[:, 0] * (1 << self.source.point)).to(torch.int32)
            self.shift_q = (exponents + self.source.point - self.target.point).to(torch.int32)
        self.check()

    def thaw(self) -> None:
        with torch.no_grad():
            exponents = self.shift_q + self.target.point - self.source.point
            self.weight.copy_(torch.ldexp(self.weight_q.float(), -exponents[:, None]))
            self.bias.copy_(torch.ldexp(self.bias_q.float(), -exponents - self.source.point))

    def check(self) -> None:
        """Proves, row by row, that no partial sum can reach 2**24; raises ModelError naming the worst row."""
        weight = self.weight_q.to(torch.int64)
        if int(weight.min()) < WEIGHT_LOW or int(weight.max()) > WEIGHT_HIGH:
            raise ModelError("a weight lies outside 7 bits (-64..63); train or freeze the net again")
        if int(self.shift_q.min()) < 0 or int(self.shift_q.max()) > 23:
            raise ModelError("a rounding shift lies outside 0..23; train or freeze the net again")
        half = torch.bitwise_left_shift(torch.ones_like(self.shift_q), self.shift_q).to(torch.int64) >> 1
        worst = weight.abs().sum(dim=1) * self.source.magnitude + self.bias_q.to(torch.int64).abs() + half
        if int(worst.max()) >= SUM_LIMIT:
            row = int(worst.argmax())
            raise ModelError(
                f"output row {row} may sum to {int(worst[row])}, beyond 2**24: use fewer inputs or smaller weights"
            )

    def place(self, engine: Engine) -> None:
        self.engine = engine
        self._weight = engine.weight(self.weight_q, self.bias_q, self.shift_q)

    def whole(self, x: Tensor) -> Tensor:
        if self._weight is None:
            raise ModelError("the net was not placed on an engine before its exact reading")
        return self.engine.dense(x, self._weight, self.target)


class Round(Pointwise):
    """Rounds a wide stream to what enters a product; with `low = 0` it is the rectifier."""

    def __init__(self, *, source: Range, target: Range) -> None:
        super().__init__()
        if source.point < target.point:
            raise ModelError(f"cannot round {source} to the finer {target}")
        self.source, self.target = source, target

    def forward(self, x: Tensor) -> Tensor:
        return straight_through(x, self.target)

    def whole(self, x: Tensor) -> Tensor:
        return self.engine.requantise(x, self.source.point - self.target.point, self.target)


class Embedding(Pointwise):
    """A row of integers per symbol; x holds symbols 0..count-1 as integers [N]."""

    table_q: Tensor

    def __init__(self, count: int, outputs: int, *, target: Range) -> None:
        super().__init__()
        self.target = target
        self.table = nn.Parameter(torch.randn(count, outputs))
        self.register_buffer("table_q", torch.zeros(count, outputs, dtype=torch.int16))
        self._table: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        return straight_through(self.table, self.target)[x.long()]

    def freeze(self) -> None:
        with torch.no_grad():
            self.table_q = (straight_through(self.table, self.target) * (1 << self.target.point)).to(torch.int16)

    def thaw(self) -> None:
        with torch.no_grad():
            self.table.copy_(self.table_q / (1 << self.target.point))

    def place(self, engine: Engine) -> None:
        self.engine = engine
        self._table = self.table_q.to(engine.device, engine.dtype(self.target))

    def whole(self, x: Tensor) -> Tensor:
        if self._table is None:
            raise ModelError("the net was not placed on an engine before its exact reading")
        return self._table[x.long()]
