"""Nets over tables as causal models: N examples of D variables, coded variable by variable, all examples as one front.

    p(x) = prod over d of p(x_o(d) | x_o(1..d-1)),   o: the net's order (see `ordering`)

A net says `outputs(x)`, everything at once for known examples, and `walk(lanes)`, one variable at a time for examples
that are being decoded; the law is that both give the same integers. What the outputs mean is the net's `alphabet`: 2
is one logit per variable and becomes binary decisions, K > 2 is K logits and becomes rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from arzip.causal import Prediction
from arzip.coding.length import ideal_bits
from arzip.errors import UnsupportedInput
from arzip.exact.bernoulli import probabilities
from arzip.exact.layers import Layer
from arzip.exact.rows import softmax_rows
from arzip.nets.ordering import ordering

__all__ = ["OrderedNet", "TableModel", "Walk", "check_shape"]

_CHUNK = 500  # examples that encoding sends through a net at once
_TOTAL = float(1 << 24)


class Walk(Protocol):
    """One pass over the variables, forward only."""

    def outputs(self) -> NDArray[np.int32]:
        """Of the next variable, [L] logits or [L, K]."""
        ...

    def observe(self, x: NDArray[np.int32]) -> None: ...


class OrderedNet(Layer):
    """What all nets over tables share: the number of variables, their order and alphabet, and two exact readings."""

    alphabet = 2

    def __init__(self, variables: int, rows: int, order: str, **more: int) -> None:
        super().__init__()
        self.variables, self.rows = variables, rows
        self.order = ordering(order, variables, rows, **more)

    def unrounded(self, x: Tensor) -> Tensor:
        """The trained net in floats, without any rounding: logits in nats, [N, D] or [N, D, K], of x [N, D].

        By default `forward`: nets of `Product`s train so.
        """
        return self(x)  # type: ignore[no-any-return]

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Exact reading of known examples [N, D] in coding order: int32 [N, D] logits or [N, D, K]."""
        raise NotImplementedError

    def walk(self, lanes: int) -> Walk:
        """Exact reading of examples that are not known yet."""
        raise NotImplementedError


class TableModel:
    """Tables uint8 [N, D] of symbols 0..alphabet-1 under a placed net."""

    def __init__(self, net: OrderedNet) -> None:
        self.net = net
        self.depth = (net.alphabet - 1).bit_length()

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """Variable by variable in coding order, in each all examples."""
        predictions, x = self._all(symbols)
        yield from zip(predictions, x, strict=True)

    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """What each symbol costs in bits, [N, D]."""
        lengths = np.zeros(symbols.shape)
        for place, prediction, x in zip(self.net.order, *self._all(symbols), strict=True):
            lengths[:, place] = ideal_bits(prediction, x)
        return lengths

    def rows(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """The distribution of every symbol given those before it, float64 [N, D, alphabet]."""
        rows = np.zeros((*symbols.shape, self.net.alphabet))
        for place, p in zip(self.net.order, self._all(symbols)[0], strict=True):
            rows[:, place] = (p if p.ndim == 2 else np.stack([(1 << 24) - p, p], axis=1)) / _TOTAL
        return rows

    def stepper(self, shape: tuple[int, ...]) -> _Stepper:
        """A walk over a table of a shape [N, D]."""
        return _Stepper(self.net, shape)

    def _all(self, symbols: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """All predictions [D, N] or [D, N, K] and what they are about [D, N], in coding order."""
        check_shape(symbols.shape, self.net)
        if symbols.size and int(symbols.max()) >= self.net.alphabet:
            raise UnsupportedInput(f"the model knows symbols 0..{self.net.alphabet - 1}, the table has others")
        ordered = np.ascontiguousarray(symbols[:, self.net.order])
        tail = () if self.net.alphabet == 2 else (self.net.alphabet,)
        predictions = np.empty((self.net.variables, len(ordered), *tail), dtype=np.int32)
        for first in range(0, len(ordered), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            outputs = self.net.outputs(ordered[chunk])
            predictions[:, chunk] = _predicted(outputs, self.net.alphabet).swapaxes(0, 1)
        return predictions, np.ascontiguousarray(ordered.T.astype(np.int32))


class _Stepper:
    def __init__(self, net: OrderedNet, shape: tuple[int, ...]) -> None:
        check_shape(shape, net)
        self._net, self._at = net, 0
        self._walk = net.walk(shape[0])
        self._symbols = np.zeros(shape, dtype=np.uint8)

    @property
    def symbols(self) -> NDArray[np.uint8]:
        """The table, as far as it is known."""
        return self._symbols

    def predict(self) -> Prediction | None:
        if self._at == self._net.variables:
            return None
        return _predicted(self._walk.outputs(), self._net.alphabet)

    def observe(self, x: NDArray[np.int32]) -> None:
        self._symbols[:, self._net.order[self._at]] = x
        self._walk.observe(x)
        self._at += 1


def check_shape(shape: tuple[int, ...], net: Any) -> None:
    """Raises UnsupportedInput for what is not a table of a net's variables."""
    if len(shape) != 2 or shape[1] != net.variables:
        raise UnsupportedInput(f"the model takes examples of {net.variables} variables, not an array of shape {shape}")


def _predicted(outputs: NDArray[np.int32], alphabet: int) -> Prediction:
    """Decisions [...] of logits [...], or rows [..., K] of logits [..., K]."""
    if alphabet == 2:
        p = np.empty(outputs.size, dtype=np.int32)
        probabilities(np.ascontiguousarray(outputs).reshape(-1), p)
    else:
        p = np.empty((outputs.size // alphabet, alphabet), dtype=np.int32)
        softmax_rows(np.ascontiguousarray(outputs).reshape(-1, alphabet), p)
    return p.reshape(outputs.shape)
