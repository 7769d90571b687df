"""Combinators: all three readings of a compound follow from those of its parts, so nobody writes a stepper by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from arzip.errors import ModelError
from arzip.exact.fixed import Range, straight_through
from arzip.exact.layers import Layer

__all__ = ["Chain", "Gate", "Residual"]


class Chain(Layer):
    """One layer after another; the state is the tuple of theirs."""

    def __init__(self, *layers: Layer) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def whole(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.whole(x)  # type: ignore[operator]
        return x

    def start(self, *shape: int) -> Any:
        return tuple(layer.start(*shape) for layer in self.layers)  # type: ignore[operator]

    def step(self, state: Any, x: Tensor) -> tuple[Any, Tensor]:
        states = []
        for layer, own in zip(self.layers, state, strict=True):
            after, x = layer.step(own, x)  # type: ignore[operator]
            states.append(after)
        return tuple(states), x


class Residual(Layer):
    """x + inner(x), clamped to the stream's range; inner must end at the stream's point."""

    def __init__(self, inner: Layer, *, stream: Range) -> None:
        super().__init__()
        if stream.is_small:
            raise ModelError("a residual stream must be wide: rounding it at every block costs more than it saves")
        self.inner, self.stream = inner, stream

    def forward(self, x: Tensor) -> Tensor:
        # Both terms lie on the stream's grid already: the sum needs no rounding, only its bounds.
        scale = 1 << self.stream.point
        total: Tensor = x + self.inner(x)
        return total.clamp(self.stream.low / scale, self.stream.high / scale)

    def whole(self, x: Tensor) -> Tensor:
        return self.engine.add(x, self.inner.whole(x), self.stream)

    def start(self, *shape: int) -> Any:
        return self.inner.start(*shape)

    def step(self, state: Any, x: Tensor) -> tuple[Any, Tensor]:
        state, y = self.inner.step(state, x)
        return state, self.engine.add(x, y, self.stream)


class Gate(Layer):
    """value(x) * gate(x): the product of two small streams, rounded to the target (van den Oord et al. 2016b, (2))."""

    def __init__(self, value: Layer, gate: Layer, *, shift: int, points: int, target: Range) -> None:
        """`points` is the sum of the two binary points; `shift` = points - target.point."""
        super().__init__()
        if shift != points - target.point or shift < 0:
            raise ModelError(f"a gate of points {points} cannot end at point {target.point} with shift {shift}")
        self.value, self.gate, self.shift, self.target = value, gate, shift, target

    def forward(self, x: Tensor) -> Tensor:
        return straight_through(self.value(x) * self.gate(x), self.target)

    def _join(self, value: Tensor, gate: Tensor) -> Tensor:
        joined: Tensor = self.engine.requantise(value.to(torch.int32) * gate.to(torch.int32), self.shift, self.target)
        return joined

    def whole(self, x: Tensor) -> Tensor:
        return self._join(self.value.whole(x), self.gate.whole(x))

    def start(self, *shape: int) -> Any:
        return self.value.start(*shape), self.gate.start(*shape)

    def step(self, state: Any, x: Tensor) -> tuple[Any, Tensor]:
        first, value = self.value.step(state[0], x)
        second, gate = self.gate.step(state[1], x)
        return (first, second), self._join(value, gate)
