"""Character-level recurrent nets: one LSTM or GRU over bytes, a softmax over the next.

    p(x_t | x_<t) = softmax(V h_t + b),   h_t = cell(h_{t-1}, W[x_{t-1}])

(Graves 2013 [1]; the GRU of Cho et al. 2014 [2]; see `exact.recurrent`.) A byte enters as a row of a table, straight
into the sums before the gates. A block of text is cut into lanes that are read in lockstep, each with a state of its
own that begins at zero; a front is the next byte of every lane. There is no parallel reading of a recurrent net, so
both directions walk the same way.

[1] https://arxiv.org/abs/1308.0850  [2] https://arxiv.org/abs/1406.1078
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.causal import Prediction
from arzip.coding.length import ideal_bits
from arzip.errors import ModelError
from arzip.exact.fixed import wide
from arzip.exact.layers import Dense, Embedding, Layer
from arzip.exact.recurrent import GRU, HIDDEN, LSTM, SUMS
from arzip.exact.rows import softmax_rows

__all__ = ["CharRNN", "TextModel", "lanes_of"]

ALPHABET = 256
CELLS = {"gru": GRU, "lstm": LSTM}
_OUTPUT = wide(5)  # octaves, as `softmax_rows` takes them
_LANE = 2048  # bytes: shorter lanes pay too much for beginning at zero
_LANES = 256
_TOTAL = float(1 << 24)


class CharRNN(Layer):
    """One `cell` of `units` over bytes."""

    def __init__(self, *, cell: str, units: int) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ModelError(f"unknown cell {cell!r}; use gru or lstm")
        self.cell = CELLS[cell](units)
        self.embedding = Embedding(ALPHABET, self.cell.gates * units, target=SUMS)
        self.output = Dense(units, ALPHABET, source=HIDDEN, target=_OUTPUT)
        with torch.no_grad():
            self.embedding.table.mul_(0.1)
            if cell == "lstm":
                self.cell.inner.bias[units : 2 * units] = 1.0  # remember by default

    def bits(self, x: Tensor) -> Tensor:
        """Training reading: the code length in bits of all of x [T, L], each column a text that begins at zero."""
        hidden = self.cell(self.embedding(x[:-1]))
        hidden = torch.cat([torch.zeros_like(hidden[:1]), hidden])
        octaves = self.output(hidden.reshape(-1, hidden.shape[2]))
        nats = nn.functional.cross_entropy(octaves * float(np.log(2)), x.reshape(-1), reduction="sum")
        return nats / float(np.log(2))

    def walk(self, lanes: int) -> Walk:
        """Exact reading, one byte of each lane at a time."""
        return Walk(self, lanes)


class Walk:
    """The state of all lanes; `rows` are the rows of each lane's next byte."""

    def __init__(self, net: CharRNN, lanes: int) -> None:
        self._net = net
        self._state: Any = net.cell.start(lanes)
        self._hidden: Tensor = torch.zeros(lanes, net.cell.units, dtype=net.engine.small, device=net.engine.device)

    def rows(self, lanes: int) -> Prediction:
        """Of the first `lanes` lanes, int32 [lanes, 256]."""
        logits = self._net.output.whole(self._hidden[:lanes]).cpu().numpy()
        rows = np.empty((lanes, ALPHABET), dtype=np.int32)
        softmax_rows(np.ascontiguousarray(logits), rows)
        return rows

    def observe(self, x: NDArray[np.int32]) -> None:
        """The byte of every lane."""
        embedded = self._net.embedding.whole(torch.from_numpy(x).to(self._net.engine.device))
        self._state, self._hidden = self._net.cell.step(self._state, embedded)


class TextModel:
    """Bytes uint8 [T] under a placed `CharRNN`."""

    def __init__(self, net: CharRNN) -> None:
        self.net = net

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """Front by front, in each the lanes that still have bytes."""
        stepper = self.stepper(symbols.shape)
        while (rows := stepper.predict()) is not None:
            x = symbols[stepper.places()].astype(np.int32)
            yield rows, x
            stepper.observe(x)

    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """What each byte costs in bits, [T]."""
        lengths, stepper = np.zeros(len(symbols)), self.stepper(symbols.shape)
        while (rows := stepper.predict()) is not None:
            places = stepper.places()
            x = symbols[places].astype(np.int32)
            lengths[places] = ideal_bits(rows, x)
            stepper.observe(x)
        return lengths

    def rows(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """The distribution of every byte given those before it in its lane, float64 [T, 256]."""
        found, stepper = np.zeros((len(symbols), ALPHABET)), self.stepper(symbols.shape)
        while (rows := stepper.predict()) is not None:
            places = stepper.places()
            found[places] = rows / _TOTAL
            stepper.observe(symbols[places].astype(np.int32))
        return found

    def stepper(self, shape: tuple[int, ...]) -> _Stepper:
        """A walk over a block of shape [T]."""
        return _Stepper(self.net, shape[0])


def lanes_of(size: int) -> int:
    """How many lanes a block of `size` bytes is read in."""
    return min(_LANES, max(1, size // _LANE))


class _Stepper:
    def __init__(self, net: CharRNN, size: int) -> None:
        self.lanes = lanes_of(size)
        self._length = -(-size // self.lanes)
        self._starts = np.arange(self.lanes) * self._length
        self._symbols = np.zeros(size, dtype=np.uint8)
        self._front, self._walk = 0, net.walk(self.lanes)

    @property
    def symbols(self) -> NDArray[np.uint8]:
        """The text, as far as it is known."""
        return self._symbols

    def places(self) -> NDArray[np.int64]:
        """Where this front's bytes lie in the block; the last lanes may have ended."""
        places: NDArray[np.int64] = self._starts + self._front
        return places[places < len(self._symbols)]

    def predict(self) -> Prediction | None:
        return self._walk.rows(len(self.places())) if self._front < self._length else None

    def observe(self, x: NDArray[np.int32]) -> None:
        places = self.places()
        self._symbols[places] = x
        padded = np.zeros(self.lanes, dtype=np.int32)
        padded[: len(places)] = x
        self._walk.observe(padded)
        self._front += 1
