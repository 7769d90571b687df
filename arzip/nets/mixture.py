"""A mixture of trained nets that may code in different orders: whole examples are averaged.

    p(x) = sum_k w_k p_k(x)

One picture is easier to tell from its top, another from its bottom, and no order knows which: nets that differ in
nothing but their order differ by several bits about any picture, and a mixture of K of them pays at most log2 K bits
more than the best. EoNADE averages so over many orders of one net (Uria, Murray & Larochelle 2014 [1]), and so do
locally masked convolutions (Jain, Abbeel & Pathak 2020 [2], section 3.3). It has no conditionals in any single order;
how it becomes a code all the same is told in `coding.bits_back`.

The members are published models, named by id; the weights' file holds their fingerprints.

[1] https://arxiv.org/abs/1310.1757  [2] https://arxiv.org/abs/2006.12486
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range, straight_through
from arzip.exact.layers import Layer
from arzip.exact.rows import softmax_rows
from arzip.nets.members import Asked, checked_marks
from arzip.nets.ordering import ordering
from arzip.nets.table_model import OrderedNet, TableModel

__all__ = ["Mixture"]

_OCTAVES = Range(5, -640, 0)  # of weights, against the largest: those of `softmax_rows`
_MOST = 8
_LN2 = math.log(2)


class Mixture(Layer):
    """Nets by id in `members`, all over the same variables; `adopt` gives them before any use."""

    weight_q: Tensor
    marks: Tensor

    def __init__(self, *, variables: int, rows: int, members: list[str]) -> None:
        super().__init__()
        if not 1 <= len(members) <= _MOST:
            raise ModelError(f"a mixture has 1 to {_MOST} members, not {len(members)}")
        self.variables, self.rows, self.names = variables, rows, members
        self.order = ordering("raster", variables, rows)  # in which it is given examples
        self.weight = nn.Parameter(torch.zeros(len(members)))
        self.register_buffer("weight_q", torch.zeros(len(members), dtype=torch.int16))
        self.register_buffer("marks", torch.zeros(len(members), 4, dtype=torch.uint8))
        self.members: list[OrderedNet] = []
        self._asked = Asked(self._lengths)

    def adopt(self, nets: Sequence[OrderedNet], marks: Sequence[bytes], *, fresh: bool) -> None:
        """Takes its members, placed nets with their fingerprints; `fresh` writes the fingerprints down.

        Raises ModelError for other members than those the weights were made for, or of other variables.
        """
        self.marks = checked_marks(marks, None if fresh else self.marks, self.names, "mixture")
        for net, name in zip(nets, self.names, strict=True):
            if getattr(net, "alphabet", 0) != nets[0].alphabet or net.variables != self.variables:
                raise ModelError(f"{name} codes other variables than its mixture")
        self.members = list(nets)

    def bits(self, x: Tensor) -> Tensor:
        """The code length in bits of all of x [N, D]; only the weights learn."""
        weights = torch.log2(torch.softmax(self.weight * _LN2, dim=0))
        return -torch.logsumexp((weights - self._asked(x)) * _LN2, dim=1).sum() / _LN2

    def _lengths(self, x: NDArray[np.uint8]) -> NDArray[np.float64]:
        """What the members make of examples, in bits, [N, K]."""
        return np.stack([TableModel(net).code_lengths(x).sum(axis=1) for net in self.members], axis=1)

    def freeze(self) -> None:
        with torch.no_grad():
            weight = straight_through(self.weight - self.weight.max(), _OCTAVES)
            self.weight_q = (weight * (1 << _OCTAVES.point)).to(torch.int16)
        self.check()

    def check(self) -> None:
        if int(self.weight_q.min()) < _OCTAVES.low or int(self.weight_q.max()) > _OCTAVES.high:
            raise ModelError("a member's weight lies beyond 20 octaves: train or freeze the mixture again")

    def place(self, engine: Engine) -> None:
        """Members are placed already."""
        self.engine = engine
        self.prior = np.empty((1, len(self.names)), np.int32)  # a row
        softmax_rows(self.weight_q.numpy().astype(np.int32)[None], self.prior)
