"""The contract between models and the coder.

    Causal                               a frozen, exact model
      predictions(symbols) -> (p, x)...  all predictions with what they are about: encoding, evaluation
      code_lengths(symbols) -> bits      what each symbol costs, float64, their shape: reports, scores
      stepper(shape) -> Stepper          decoding, sampling

    Stepper                              the state of one walk over the fronts
      predict() -> p or None             the next prediction: decisions [F] or rows [F, A]; None at the end
      observe(x[F])                      what the prediction was about; then predict again
      symbols                            the finished array

A front is the set of positions that may be coded at once because all they depend on is known: one symbol of each lane,
an anti-diagonal of a picture, the same pixel of many pictures. A prediction covers a front, or one binary decision of
each of its symbols. The law of parity: `predictions` yields, concatenated, exactly what a stepper would have asked.
The model chooses how much one of its pairs holds; the coder's words do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Causal", "Prediction", "Stepper"]

Prediction = NDArray[np.int32]


class Stepper(Protocol):
    """One walk over the fronts, forward only."""

    @property
    def symbols(self) -> NDArray[Any]: ...
    def predict(self) -> Prediction | None: ...
    def observe(self, x: NDArray[np.int32]) -> None: ...


class Causal(Protocol):
    """A model whose predictions depend on earlier symbols alone."""

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]: ...
    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]: ...
    def stepper(self, shape: tuple[int, ...]) -> Stepper: ...
