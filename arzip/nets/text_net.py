"""A recurrent net over bytes that knows language before the first byte: what the byte engine takes beside its counts.

    h_t = GRU(h_{t-1}, E[x_t] + P[pair_t] + W[word_t]),   p(x_{t+1}) = softmax(V h_t + b)

One layer of gated units (Cho et al. 2014 [1]), and tables of hashed contexts in the manner of Mikolov et al. (2011 [2],
section 3): the last two bytes, and the word so far, each a row that is added to the candidate. They cost no product.
Training goes through texts piece by piece and hands the state on; the exact reading is `arzip.exact.small_gru`.

[1] https://arxiv.org/abs/1406.1078  [2] https://www.fit.vut.cz/research/publication/9776/
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.causal import Prediction
from arzip.errors import ModelError
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range, straight_through, wide
from arzip.exact.layers import Dense, Embedding, Layer
from arzip.exact.recurrence import recur
from arzip.exact.recurrent import HIDDEN, SUMS
from arzip.exact.rows import row_of
from arzip.exact.small_gru import (
    ALPHABET,
    LEARNING,
    ROW_POINT,
    SmallGRU,
    advance_all,
    contexts_of,
    new_gru_state,
    small_gru,
)

__all__ = ["TextNet"]

_ROWS = Range(ROW_POINT, -127, 127)
_OUTPUT = wide(5)  # octaves


class TextNet(Layer):
    """`units` gated units over bytes, with tables of `pairs` and `words` rows, powers of two."""

    pairs_q: Tensor
    words_q: Tensor

    def __init__(self, *, units: int, pairs: int, words: int) -> None:
        super().__init__()
        self.units = units
        self.inner = Dense(units, 3 * units, source=HIDDEN, target=SUMS)
        self.embedding = Embedding(ALPHABET, 3 * units, target=SUMS)
        self.pairs = nn.Parameter(torch.zeros(pairs, units))
        self.words = nn.Parameter(torch.zeros(words, units))
        self.output = Dense(units, ALPHABET, source=HIDDEN, target=_OUTPUT)
        self.register_buffer("pairs_q", torch.zeros(pairs, units, dtype=torch.int8))
        self.register_buffer("words_q", torch.zeros(words, units, dtype=torch.int8))
        self._carried: tuple[Tensor, Tensor] | None = None  # h and the contexts where the last pieces ended
        self._small: SmallGRU | None = None
        with torch.no_grad():
            self.embedding.table.mul_(0.1)
            self.inner.bias[units : 2 * units] = 1.0  # remember by default

    def matrices(self) -> list[nn.Parameter]:
        """U, for Muon: it learns faster from it than from Adam."""
        return [self.inner.weight]

    def bits(self, x: Tensor, fresh: Tensor) -> Tensor:
        """The code length in bits of all of x [T, L], columns that go on where those of the last call ended.

        Columns that are fresh [L] begin a text. Outside training all are, and nothing is remembered.
        """
        start, context = torch.zeros(x.shape[1], self.units), torch.zeros(x.shape[1], 2, dtype=torch.int64)
        if self.training and self._carried is not None and len(self._carried[0]) == x.shape[1]:
            start, context = (torch.where(fresh[:, None], 0, part) for part in self._carried)
        weight, bias, _ = self.inner._rounded()
        hidden, last = recur(self.embedding(x), self._looked_up(x, context), weight, bias, start, HIDDEN)
        if self.training:
            self._carried = last.detach(), context
        before = torch.cat([straight_through(start, HIDDEN)[None], hidden[:-1]])
        octaves = self.output(before.reshape(-1, self.units))
        nats = nn.functional.cross_entropy(octaves * math.log(2), x.reshape(-1), reduction="sum")
        return nats / math.log(2)

    def _looked_up(self, x: Tensor, context: Tensor) -> Tensor:
        """What contexts add to the candidate, [T, L, units]; `context` [L, 2] goes along."""
        rows = torch.empty(*x.shape, 2, dtype=torch.int64)
        contexts_of(x.numpy(), context.numpy(), len(self.pairs), len(self.words), rows.numpy())
        pair, word = (straight_through(table[rows[..., i]], _ROWS) for i, table in enumerate((self.pairs, self.words)))
        return pair + word

    def freeze(self) -> None:
        super().freeze()
        with torch.no_grad():
            for table, integers in ((self.pairs, self.pairs_q), (self.words, self.words_q)):
                integers.copy_(straight_through(table, _ROWS) * (1 << ROW_POINT))

    def thaw(self) -> None:
        super().thaw()
        with torch.no_grad():
            for table, integers in ((self.pairs, self.pairs_q), (self.words, self.words_q)):
                table.copy_(integers / (1 << ROW_POINT))

    def place(self, engine: Engine) -> None:
        """The compiled reading gives every engine's bits."""
        super().place(engine)
        self._small = self.compiled()

    def compiled(self) -> SmallGRU:
        """What the byte engine takes."""
        return small_gru({name: buffer.cpu().numpy() for name, buffer in self.named_buffers()})

    def walk(self, lanes: int) -> Walk:
        """Exact reading, one byte of each lane at a time."""
        if self._small is None:
            raise ModelError("the net was not placed on an engine before its exact reading")
        return Walk(self._small, lanes)


class Walk:
    """The state of all lanes; `rows` are the rows of each lane's next byte."""

    def __init__(self, net: SmallGRU, lanes: int) -> None:
        self._net, self._state = net, new_gru_state(net, lanes)

    def rows(self, lanes: int) -> Prediction:
        """Of the first `lanes` lanes, int32 [lanes, 256]."""
        rows = np.empty((lanes, ALPHABET), np.int32)
        for row, masses in zip(rows, self._state.tree[LEARNING, :lanes, ALPHABET:], strict=True):
            row_of(np.concatenate([[0], np.cumsum(masses)]), row)
        return rows

    def observe(self, x: NDArray[np.int32]) -> None:
        """The byte of every lane."""
        advance_all(self._net, self._state, x)
