"""Mixtures as codes, by getting bits back: the choice of a component carries other data, so that it costs nothing.

    p(x) = sum_k w_k p_k(x)

A mixture over whole examples has no prediction for a next symbol. What can be coded is a component k, then the example
under it, in log2 1 / (w_k p_k(x)) bits: too many, for any k would do. So k is not chosen, but decoded, from data that
is to be sent anyway, under the posterior p(k | x) = w_k p_k(x) / p(x): that takes log2 1 / p(k | x) bits off that data,
and what is left to pay is log2 1 / p(x), the mixture's own code length. Whoever has decoded x knows the posterior,
encodes k with it, and gets the bits back (Frey & Hinton 1997 [1]; with a stack, Townsend et al. 2019 [2]).

    encode:  write first examples    read k of the others    write k and the others
    decode:  read first examples     write k of the others   read k and the others      from right to left

The data is the code of the block's first examples, about two in a hundred, which alone pay for their choice. All of it
is one stack (`coder.Stack`). Posteriors are made of integers (see `exact_length`), for decoding has to find the same.

[1] https://doi.org/10.1093/comjnl/40.2_and_3.157  [2] https://arxiv.org/abs/1901.04866
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Prediction, Stepper
from arzip.coding.coder import Stack
from arzip.coding.drive import Coded, walked
from arzip.coding.exact_length import LENGTH_POINT
from arzip.errors import CorruptArchive

__all__ = ["UNKNOWN", "Mixed", "MixedStepper", "decode_mixture", "encode_mixture"]

UNKNOWN = -1
_SPARE = 64  # bits that stay in a stack


class MixedStepper(Stepper, Protocol):
    """First predicts the components, then the examples under them."""

    @property
    def components(self) -> NDArray[np.int32]:
        """Which was met of each example, [N]."""
        ...

    @property
    def lengths(self) -> NDArray[np.int64]:
        """What is known of the examples' lengths: of the components met; UNKNOWN elsewhere, [N, K]."""
        ...


class Mixed(Protocol):
    """A mixture of models over examples [N, D]."""

    def lengths(self, symbols: NDArray[Any], known: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """What w_k p_k(x) makes of each example under each component, [N, K], see `exact_length`; known: a part."""
        ...

    def posterior(self, lengths: NDArray[np.int64]) -> Prediction:
        """Rows [N, K]."""
        ...

    def under(
        self, symbols: NDArray[Any], components: NDArray[np.int32]
    ) -> Iterable[tuple[Prediction, NDArray[np.int32]]]:
        """All predictions with what they are about: the components [N], then the examples under them."""
        ...

    def stepper(self, shape: tuple[int, ...]) -> MixedStepper: ...


def encode_mixture(model: Mixed, symbols: NDArray[Any]) -> tuple[int, Coded]:
    """How many examples come first, and the words of all; see `decode_mixture`."""
    lengths = model.lengths(symbols)
    rows = model.posterior(lengths)
    bits = -np.logaddexp2.reduce(-lengths / (1 << LENGTH_POINT), axis=1)
    first, stack = _enough(bits, rows), Stack()
    _write(stack, model.under(symbols[:first], rows[:first].argmax(axis=1).astype(np.int32)))
    components = stack.read(rows[first:])
    _write(stack, model.under(symbols[first:], components))
    return first, Coded(stack.words(), float(bits.sum()))


def decode_mixture(model: Mixed, shape: tuple[int, ...], first: int, words: bytes) -> NDArray[Any]:
    """The examples of a shape; raises CorruptArchive."""
    if first > shape[0]:
        raise CorruptArchive("a frame begins with more examples than it has: the archive is damaged")
    stack = Stack(words)
    later = walked(model.stepper((shape[0] - first, *shape[1:])), stack)
    stack.write(model.posterior(model.lengths(later.symbols, later.lengths)), later.components)
    earlier = walked(model.stepper((first, *shape[1:])), stack)
    stack.close()
    return np.concatenate([earlier.symbols, later.symbols])


def _write(stack: Stack, pairs: Iterable[tuple[Prediction, NDArray[np.int32]]]) -> None:
    """What a walk will read."""
    for prediction, x in reversed(list(pairs)):
        stack.write(prediction, x)


def _enough(bits: NDArray[np.float64], rows: Prediction) -> int:
    """About how many first examples, of so many bits each, hold what the components of all others take."""
    chance = rows / rows.sum(axis=1, keepdims=True)
    taken = -(chance * np.log2(chance)).sum(axis=1)
    enough = np.cumsum(bits) >= taken.sum() - np.cumsum(taken) + _SPARE
    return int(enough.argmax()) + 1 if enough.any() else len(bits)
