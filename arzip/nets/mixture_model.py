"""Mixtures as causal models: of every example the component, a symbol of its own, then the example under it.

Sampling is decoding from a dice: it draws components, then examples. Completion asks the member whose order meets most
of what is known before the rest. A symbol of a mixture has no row of its own, but costs have places: the components'
costs, weighed by how likely each is to have made the example, and evenly what telling the component costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Prediction, Stepper
from arzip.coding.bits_back import UNKNOWN
from arzip.coding.exact_length import ExactLengths
from arzip.coding.length import frequencies
from arzip.errors import UnsupportedInput
from arzip.exact.rows import softmax_rows
from arzip.nets.mixture import Mixture
from arzip.nets.table_model import TableModel, check_shape

__all__ = ["MixtureModel"]


class MixtureModel:
    """Tables uint8 [N, D] under a placed mixture."""

    def __init__(self, net: Mixture) -> None:
        self.net = net
        self.models = [TableModel(member) for member in net.members]
        self.depth = self.models[0].depth

    def lengths(self, symbols: NDArray[Any], known: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """What w_k p_k(x) makes of each example, in bits at LENGTH_POINT, int64 [N, K]; what is known stays."""
        lengths = np.full((len(symbols), len(self.models)), UNKNOWN) if known is None else known.copy()
        for k, model in enumerate(self.models):
            new = lengths[:, k] == UNKNOWN
            if new.any():
                total = self.begun(int(new.sum()), k)
                for prediction, x in model.predictions(symbols[new]):
                    total.add(frequencies(prediction, x))
                lengths[new, k] = total.bits()
        return lengths

    def begun(self, lanes: int, k: int) -> ExactLengths:
        """Lengths that hold a component's weight alone."""
        total = ExactLengths(lanes)
        total.add(np.full(lanes, self.net.prior[0, k]))
        return total

    def posterior(self, lengths: NDArray[np.int64]) -> Prediction:
        """How likely each component is to have made each example: rows [N, K]."""
        rows = np.empty(lengths.shape, np.int32)
        softmax_rows((lengths.min(axis=1, keepdims=True) - lengths).astype(np.int32), rows)
        return rows

    def under(
        self, symbols: NDArray[Any], components: NDArray[np.int32]
    ) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """All predictions with what they are about: the components [N], then the examples under them."""
        yield self.net.prior.repeat(len(symbols), axis=0), components
        for k, model in enumerate(self.models):
            if (components == k).any():
                yield from model.predictions(symbols[components == k])

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """The same under the components that are likeliest."""
        yield from self.under(symbols, self.posterior(self.lengths(symbols)).argmax(axis=1).astype(np.int32))

    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """What each symbol costs in bits, [N, D]; see the module's docstring."""
        parts = np.stack([model.code_lengths(symbols) for model in self.models])
        weight = np.log2(self.net.prior[0] / self.net.prior.sum())
        joint = weight[:, None] - parts.sum(axis=2)
        total = np.logaddexp2.reduce(joint, axis=0)
        inside = np.einsum("kn,knd->nd", np.exp2(joint - total), parts)
        lengths: NDArray[np.float64] = inside - ((total + inside.sum(axis=1)) / symbols.shape[1])[:, None]
        return lengths

    def rows(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """Raises UnsupportedInput: there are none."""
        members = ", ".join(self.net.names)
        raise UnsupportedInput(f"a mixture over whole examples has no distribution of a symbol: ask one of {members}")

    def suited(self, known: NDArray[np.bool_]) -> TableModel:
        """The member to complete examples [N, D] with: whose order meets most of what is known before the rest."""

        def waiting(model: TableModel) -> int:
            ordered = known[:, model.net.order]
            return int((np.cumsum(ordered, axis=1) * ~ordered).sum())

        return max(self.models, key=waiting)

    def stepper(self, shape: tuple[int, ...]) -> _Stepper:
        """A walk over a table of a shape [N, D]."""
        check_shape(shape, self.net)
        return _Stepper(self, shape)


class _Stepper:
    """Meets the components first, then the examples of each in turn."""

    def __init__(self, model: MixtureModel, shape: tuple[int, ...]) -> None:
        self._model, self._waiting = model, list(range(len(model.models)))
        self._inner: Stepper | None = None
        self.symbols = np.zeros(shape, np.uint8)
        self.components = np.full(shape[0], UNKNOWN, np.int32)
        self.lengths = np.full((shape[0], len(model.models)), UNKNOWN)
        self._prediction: Prediction | None = model.net.prior.repeat(shape[0], axis=0)

    def predict(self) -> Prediction | None:
        while self._prediction is None and self._waiting:
            self._enter(self._waiting.pop(0))
        return self._prediction

    def observe(self, x: NDArray[np.int32]) -> None:
        assert self._prediction is not None
        if self._inner is None:
            self.components, self._prediction = x.copy(), None
            return
        self._total.add(frequencies(self._prediction, x))
        self._inner.observe(x)
        self._prediction = self._inner.predict()
        if self._prediction is None:
            self.symbols[self._here] = self._inner.symbols
            self.lengths[self._here, self._k] = self._total.bits()

    def _enter(self, k: int) -> None:
        """Goes on to the examples of a component, where there are any."""
        self._k, self._here = k, self.components == k
        lanes = int(self._here.sum())
        if lanes:
            self._inner = self._model.models[k].stepper((lanes, self.symbols.shape[1]))
            self._total = self._model.begun(lanes, k)
            self._prediction = self._inner.predict()
