"""Counting: the relative frequencies that every learned model improves on, adaptive, of any small order.

    p(x_t | context) = (n(context, x_t) + 1/2) / (n(context) + A/2),   context = the last k symbols

(Krichevsky & Trofimov 1981). Order 0 is the histogram of the lecture; with k the table grows as A**k and most of its
rows stay empty: counting cannot generalise. A block is cut into contiguous lanes that are read in lockstep and share
the table; counts are updated after each front, lanes in order. It is also the smallest worked example of a model
whose predictions are rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Prediction
from arzip.compiled import allocating

__all__ = ["Counting"]

ALPHABET = 256
_PRECISION = 24
_CHUNK = 1 << 12  # symbols whose rows are held at once: 4 MiB
_LANES = 16


class Counting:
    """Adaptive counts of order 0 to 2 over bytes uint8 [T]."""

    def __init__(self, order: int) -> None:
        self.order = order

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """Rows int32 [N, 256] in coding order: front by front, in each the live lanes."""
        walk = _Walk(self.order, len(symbols))
        while walk.front < walk.length:
            rows: list[Prediction] = []
            x: list[NDArray[np.int32]] = []
            while walk.front < walk.length and len(rows) * _LANES < _CHUNK:
                rows.append(walk.predict())
                x.append(symbols[walk.places()].astype(np.int32))
                walk.observe(x[-1])
            yield np.concatenate(rows), np.concatenate(x)

    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """What each byte costs in bits, [T]."""
        walk, lengths = _Walk(self.order, len(symbols)), np.zeros(len(symbols))
        while walk.front < walk.length:
            places = walk.places()
            row = walk.predict()
            lengths[places] = _PRECISION - np.log2(row[np.arange(len(places)), symbols[places]])
            walk.observe(symbols[places].astype(np.int32))
        return lengths

    def rows(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """The distribution of every byte given those before it, float64 [T, 256]."""
        walk, rows = _Walk(self.order, len(symbols)), np.zeros((len(symbols), ALPHABET))
        while walk.front < walk.length:
            places = walk.places()
            rows[places] = walk.predict() / (1 << _PRECISION)
            walk.observe(symbols[places].astype(np.int32))
        return rows

    def stepper(self, shape: tuple[int, ...]) -> _Stepper:
        """A walk over a block of shape [T]."""
        return _Stepper(_Walk(self.order, shape[0]), shape[0])


class _Walk:
    """Counts, lanes and where they stand."""

    def __init__(self, order: int, size: int) -> None:
        lanes = min(_LANES, max(1, size))
        self.size, self.front = size, 0
        self.length = -(-size // lanes)
        self.starts = np.arange(lanes) * self.length
        self.counts = np.zeros((ALPHABET**order, ALPHABET), dtype=np.int32)
        self.contexts = np.zeros(lanes, dtype=np.int64)

    def places(self) -> NDArray[np.int64]:
        """Where this front's symbols lie in the block; the last lanes may have ended."""
        places: NDArray[np.int64] = self.starts + self.front
        return places[places < self.size]

    def predict(self) -> Prediction:
        rows = np.empty((len(self.places()), ALPHABET), dtype=np.int32)
        _rows_of(self.counts, self.contexts, rows)
        return rows

    def observe(self, x: NDArray[np.int32]) -> None:
        _count(self.counts, self.contexts, x)
        self.front += 1


class _Stepper:
    def __init__(self, walk: _Walk, size: int) -> None:
        self._walk = walk
        self._symbols = np.zeros(size, dtype=np.uint8)

    @property
    def symbols(self) -> NDArray[np.uint8]:
        return self._symbols

    def predict(self) -> Prediction | None:
        return self._walk.predict() if self._walk.front < self._walk.length else None

    def observe(self, x: NDArray[np.int32]) -> None:
        self._symbols[self._walk.places()] = x
        self._walk.observe(x)


@allocating
def _rows_of(counts: NDArray[Any], contexts: NDArray[Any], rows: NDArray[Any]) -> None:
    """Frequencies that sum to 2**24: 1 each, the rest in proportion to 2 n + 1, the remainder to the largest."""
    for lane in range(rows.shape[0]):
        count = counts[contexts[lane]]
        total = ALPHABET
        for a in range(ALPHABET):
            total += 2 * count[a]
        left = 1 << _PRECISION
        largest = 0
        for a in range(ALPHABET):
            f = 1 + ((1 << _PRECISION) - ALPHABET) * (2 * count[a] + 1) // total
            rows[lane, a] = f
            left -= f
            if f > rows[lane, largest]:
                largest = a
        rows[lane, largest] += left


@allocating
def _count(counts: NDArray[Any], contexts: NDArray[Any], x: NDArray[Any]) -> None:
    size = counts.shape[0]
    for lane in range(x.shape[0]):
        counts[contexts[lane], x[lane]] += 1
        contexts[lane] = (contexts[lane] * ALPHABET + x[lane]) % size
