"""Mixtures as codes, by getting bits back: the choice of a component carries other data, so that it costs nothing.

    p(x) = sum_k w_k p_k(x)

A mixture over whole examples has no prediction for a next symbol. What can be coded is a component k, then the example
under it, in log2 1 / (w_k p_k(x)) bits: too many, for any k would do. So k is not chosen, but decoded, from data that
is to be sent anyway, under the posterior p(k | x) = w_k p_k(x) / p(x): that takes log2 1 / p(k | x) bits off that data,
and what is left to pay is log2 1 / p(x), the mixture's own code length. Whoever has decoded x knows the posterior,
encodes k with it, and gets the bits back (Frey & Hinton 1997 [1]; with a stack, Townsend et al. 2019 [2]).

    encode:  first examples -> words;   words -(posterior)-> k, rest;    k, other examples -> more words
    decode:  more words -> k, other examples;   k, rest -(posterior)-> words;   words -> first examples

The data is the code of the block's first examples, about two in a hundred, which alone pay for their choice. Posteriors
are made of integers (see `exact_length`), for decoding has to find the same.

[1] https://doi.org/10.1093/comjnl/40.2_and_3.157  [2] https://arxiv.org/abs/1901.04866
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Prediction, Stepper
from arzip.coding.coder import Decoder, popped, pushed
from arzip.coding.drive import Coded, walked, written
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

    def under(self, symbols: NDArray[Any], components: NDArray[np.int32]) -> Any:
        """All predictions with what they are about: the components [N], then the examples under them."""
        ...

    def stepper(self, shape: tuple[int, ...]) -> MixedStepper: ...


def encode_mixture(model: Mixed, symbols: NDArray[Any]) -> tuple[int, bytes, Coded]:
    """How many examples come first, what was left of their words, and the others'; see `decode_mixture`."""
    lengths = model.lengths(symbols)
    rows = model.posterior(lengths)
    bits = -np.logaddexp2.reduce(-lengths / (1 << LENGTH_POINT), axis=1)
    first = _enough(bits, rows)
    while True:
        words = written(model.under(symbols[:first], rows[:first].argmax(axis=1).astype(np.int32))).words
        components, rest = popped(words, rows[first:])
        if first == len(symbols) or pushed(rest, rows[first:], components) == words:
            break
        first = min(len(symbols), 2 * first)  # bits ran out
    return first, rest, Coded(written(model.under(symbols[first:], components)).words, float(bits.sum()))


def decode_mixture(model: Mixed, shape: tuple[int, ...], first: int, rest: bytes, words: bytes) -> NDArray[Any]:
    """The examples of a shape; raises CorruptArchive."""
    if first > shape[0]:
        raise CorruptArchive("a frame begins with more examples than it has: the archive is damaged")
    later = walked(model.stepper((shape[0] - first, *shape[1:])), Decoder(words))
    rows = model.posterior(model.lengths(later.symbols, later.lengths))
    data = pushed(rest, rows, later.components)
    earlier = walked(model.stepper((first, *shape[1:])), Decoder(data))
    return np.concatenate([earlier.symbols, later.symbols])


def _enough(bits: NDArray[np.float64], rows: Prediction) -> int:
    """About how many first examples, of so many bits each, hold what the components of all others take."""
    chance = rows / rows.sum(axis=1, keepdims=True)
    taken = -(chance * np.log2(chance)).sum(axis=1)
    enough = np.cumsum(bits) >= taken.sum() - np.cumsum(taken) + _SPARE
    return int(enough.argmax()) + 1 if enough.any() else len(bits)
