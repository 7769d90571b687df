"""Words from predictions and symbols, and back: constriction's coders, fed with integers only.

    Encoder.write(prediction, x)     Decoder.read(prediction) -> x
    Encoder.finish() -> words        Decoder(words).close()

    Stack().write(prediction, x)     Stack(words).read(prediction) -> x      last in, first out

A prediction is an int32 array for one front, in one of two shapes:

    [N]     binary decisions: P(bit i = 1) = prediction[i] / 2**24, strictly inside (0, 1)
    [N, A]  rows of A frequencies, all at least 1, that sum to 2**24

constriction takes floats, yet no rounding happens for rows: the values f - 1 sum to 2**24 - A, so that the library's
scale is exactly 1 and the 1 it adds to each symbol restores f. A decision's p is spread over 2**24 - 2 units in fp64,
one operation in a fixed order, so that it moves by less than 2**-23 and by the same amount everywhere.

`Dice` has the decoder's verb and reads random symbols: sampling is decoding from a dice. This is the only module that
imports constriction.
"""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from arzip.coding.temperature import tempered
from arzip.errors import CorruptArchive

__all__ = ["PRECISION", "Decoder", "Dice", "Encoder", "Given", "Stack"]

PRECISION = 24  # bits of a probability
_TOTAL = float(1 << PRECISION)
_BERNOULLI = constriction.stream.model.Bernoulli(perfect=False)
_CATEGORICAL = constriction.stream.model.Categorical(perfect=False)


class Encoder:
    """A queue of decisions and symbols; what is written first is read first."""

    def __init__(self) -> None:
        self._queue = constriction.stream.queue.RangeEncoder()

    def write(self, prediction: NDArray[np.int32], x: NDArray[np.int32]) -> None:
        """Writes bits or symbols x [N] under a prediction [N] or [N, A]."""
        if len(x):
            self._queue.encode(x, *_model(prediction))

    def finish(self) -> bytes:
        """All words written, little-endian."""
        return _bytes(self._queue.get_compressed())


class Decoder:
    """Reads what an `Encoder` wrote; given other rows or damaged words it returns nonsense or raises CorruptArchive."""

    def __init__(self, words: bytes) -> None:
        self._queue = constriction.stream.queue.RangeDecoder(_words(words))

    def read(self, prediction: NDArray[np.int32]) -> NDArray[np.int32]:
        """Reads the bits or symbols [N] of a prediction [N] or [N, A]."""
        if not len(prediction):
            return np.zeros(0, dtype=np.int32)
        try:
            x: NDArray[np.int32] = self._queue.decode(*_model(prediction))
        except AssertionError as error:
            raise CorruptArchive("a coded stream contradicts its model: the archive is damaged") from error
        return x

    def close(self) -> None:
        """Checks that nothing is left over; raises CorruptArchive otherwise."""
        if not self._queue.maybe_exhausted():
            raise CorruptArchive("a coded stream is longer than its contents: the archive is damaged")


class Stack:
    """Decisions and symbols on a stack: what is written last is read first, and whatever is there can be read.

    constriction's ANS coder, which spends 0.0001 bits less on a symbol than its range coder. What was read can be
    written back, which leaves the stack as it was, empty or not. Raises CorruptArchive for words that no stack leaves.
    """

    def __init__(self, words: bytes = b"") -> None:
        try:
            self._stack = constriction.stream.stack.AnsCoder(_words(words))
        except ValueError as error:
            raise CorruptArchive("a coded stream ends in a zero: the archive is damaged") from error

    def write(self, prediction: NDArray[np.int32], x: NDArray[np.int32]) -> None:
        """Writes bits or symbols x [N] under a prediction [N] or [N, A], the last of them first."""
        if len(x):
            self._stack.encode_reverse(x, *_model(prediction))

    def read(self, prediction: NDArray[np.int32]) -> NDArray[np.int32]:
        """Reads the bits or symbols [N] of a prediction [N] or [N, A]."""
        if not len(prediction):
            return np.zeros(0, dtype=np.int32)
        x: NDArray[np.int32] = self._stack.decode(*_model(prediction))
        return x

    def words(self) -> bytes:
        """All words, little-endian."""
        return _bytes(self._stack.get_compressed())

    def close(self) -> None:
        """Checks that nothing is left over; raises CorruptArchive otherwise."""
        if not self._stack.is_empty():
            raise CorruptArchive("a coded stream is longer than its contents: the archive is damaged")


class Dice:
    """Reads random symbols with a decoder's verbs; the same seed gives the same sample on every machine.

    Args:
        seed: of numpy's PCG64, whose integers are the same everywhere.
        temperature: see `arzip.coding.temperature`.
    """

    def __init__(self, seed: int, *, temperature: float = 1.0) -> None:
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._temperature = temperature

    def read(self, prediction: NDArray[np.int32]) -> NDArray[np.int32]:
        """Random bits or symbols [N] of a prediction [N] or [N, A]."""
        if self._temperature != 1.0:
            prediction = tempered(prediction, self._temperature)
        thrown = self._random.integers(0, 1 << PRECISION, len(prediction))
        if prediction.ndim == 1:
            return (thrown < prediction).astype(np.int32)
        passed = np.cumsum(prediction, axis=1) <= thrown[:, None]
        x: NDArray[np.int32] = passed.sum(axis=1, dtype=np.int32)
        return x


class Given:
    """Reads what is given where something is, and a dice elsewhere: completion is decoding from both.

    Args:
        x, known: int32 and bool [T], in coding order, for all predictions of a walk end to end.
    """

    def __init__(self, dice: Dice, x: NDArray[np.int32], known: NDArray[np.bool_]) -> None:
        self._dice, self._x, self._known, self._at = dice, x, known, 0

    def read(self, prediction: NDArray[np.int32]) -> NDArray[np.int32]:
        """Given or random bits or symbols [N] of a prediction [N] or [N, A]."""
        here = slice(self._at, self._at + len(prediction))
        self._at = here.stop
        return np.where(self._known[here], self._x[here], self._dice.read(prediction)).astype(np.int32)


def _bytes(words: NDArray[np.uint32]) -> bytes:
    return bytes(words.astype("<u4").tobytes())


def _words(data: bytes) -> NDArray[np.uint32]:
    if len(data) % 4:
        raise CorruptArchive("a coded stream is not a whole number of words: the archive is damaged")
    return np.frombuffer(data, dtype="<u4").astype(np.uint32)


def _model(prediction: NDArray[np.int32]) -> tuple[Any, NDArray[np.floating[Any]]]:
    if prediction.ndim == 1:
        return _BERNOULLI, prediction / _TOTAL
    return _CATEGORICAL, (prediction - 1).astype(np.float32)
