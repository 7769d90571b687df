"""Nets whose conditionals are mixtures of Gaussians as causal models over tables of samples of 8 bits.

Variable by variable, all examples as one front, each sample as its high nibble and then its low one: two rows of 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Prediction
from arzip.coding.length import ideal_bits
from arzip.errors import UnsupportedInput
from arzip.exact.gaussian import NIBBLE, gaussian_rows
from arzip.nets.rnade import LEVELS, RNADE

__all__ = ["RealModel"]

HALVES = 2


class RealModel:
    """Tables uint8 [N, D] under a placed `RNADE`."""

    depth = 8

    def __init__(self, net: RNADE) -> None:
        self.net = net

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """In coding order: variable, half, example."""
        stepper = self.stepper(symbols.shape)
        while (rows := stepper.predict()) is not None:
            x = stepper.nibbles(symbols)
            yield rows, x
            stepper.observe(x)

    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """What each sample costs in bits, [N, D]."""
        lengths = np.zeros(symbols.shape)
        for at, (rows, x) in enumerate(self.predictions(symbols)):
            lengths[:, self.net.order[at // HALVES]] += ideal_bits(rows, x)
        return lengths

    def rows(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """The distribution of every sample given those before it, float64 [N, D, 256]."""
        found = np.zeros((*symbols.shape, LEVELS))
        ordered = np.ascontiguousarray(symbols[:, self.net.order])
        outputs = self.net.outputs(ordered)
        for d, place in enumerate(self.net.order):
            high = _rows(outputs[:, d], np.zeros(len(symbols), np.int32), 0, self.net.components) / float(1 << 24)
            for i in range(NIBBLE):
                known = np.full(len(symbols), i * NIBBLE, dtype=np.int32)
                low = _rows(outputs[:, d], known, 1, self.net.components) / float(1 << 24)
                found[:, place, i * NIBBLE : (i + 1) * NIBBLE] = high[:, i, None] * low
        return found

    def stepper(self, shape: tuple[int, ...]) -> _Stepper:
        """A walk over a table of a shape [N, D]."""
        if len(shape) != 2 or shape[1] != self.net.variables:
            raise UnsupportedInput(f"the model takes examples of {self.net.variables} samples, not a shape of {shape}")
        return _Stepper(self.net, shape)


class _Stepper:
    def __init__(self, net: RNADE, shape: tuple[int, ...]) -> None:
        self._net, self._at, self._half = net, 0, 0
        self._walk = net.walk(shape[0])
        self._symbols = np.zeros(shape, dtype=np.uint8)
        self._known = np.zeros(shape[0], dtype=np.int32)
        self._outputs = self._walk.outputs()

    @property
    def symbols(self) -> NDArray[np.uint8]:
        """The table, as far as it is known."""
        return self._symbols

    def nibbles(self, symbols: NDArray[Any]) -> NDArray[np.int32]:
        """What the next rows are about, of a known table."""
        x = symbols[:, self._net.order[self._at]].astype(np.int32)
        nibbles: NDArray[np.int32] = x >> 4 if self._half == 0 else x & 15
        return nibbles

    def predict(self) -> Prediction | None:
        if self._at == self._net.variables:
            return None
        return _rows(self._outputs, self._known, self._half, self._net.components)

    def observe(self, x: NDArray[np.int32]) -> None:
        self._known += x * NIBBLE if self._half == 0 else x
        self._half += 1
        if self._half == HALVES:
            self._symbols[:, self._net.order[self._at]] = self._known
            self._walk.observe(self._known)
            self._at, self._half = self._at + 1, 0
            self._known = np.zeros_like(self._known)
            if self._at < self._net.variables:
                self._outputs = self._walk.outputs()


def _rows(outputs: NDArray[np.int32], known: NDArray[np.int32], half: int, components: int) -> NDArray[np.int32]:
    rows = np.empty((len(known), NIBBLE), dtype=np.int32)
    scratch = np.empty((2, components), dtype=np.int64), np.empty(NIBBLE + 1, dtype=np.int64)
    gaussian_rows(np.ascontiguousarray(outputs), known, half, LEVELS, scratch, rows)
    return rows
