"""An ensemble of trained nets that share one order of coding: every conditional is mixed, logit by logit.

    p(x_d = 1 | x_<d) = sigmoid(sum_k a_k z_k,d(x_<d))

EoNADE (Uria, Murray & Larochelle 2014 [1]) averages whole examples over many orderings of one order-agnostic net. Such
a mixture has no conditionals in any single order (see `mixture`); members that share the coding order do have them, and
mixing those (a product of experts per variable, with weights learned on held-out examples) is coded at no loss. The
members are published models, named by id; the weights' file holds their fingerprints, so that an ensemble never meets
other members than it was made for.

[1] https://arxiv.org/abs/1310.1757
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.bernoulli import LOGIT
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range, straight_through
from arzip.nets.members import Asked, checked_marks
from arzip.nets.table_model import OrderedNet, Walk

__all__ = ["Ensemble"]

_POINT = 10
_SHARES = Range(_POINT, -4096, 4096)  # 8 members at most: their sum stays below 2**31
_MOST = 8


class Ensemble(OrderedNet):
    """Binary nets by id in `members`; `adopt` gives them before any use."""

    share_q: Tensor
    marks: Tensor

    def __init__(self, *, variables: int, rows: int, order: str, members: list[str]) -> None:
        super().__init__(variables, rows, order)
        if not 1 <= len(members) <= _MOST:
            raise ModelError(f"an ensemble has 1 to {_MOST} members, not {len(members)}")
        self.names = members
        self.share = nn.Parameter(torch.full((len(members),), 1.0 / len(members)))
        self.register_buffer("share_q", torch.zeros(len(members), dtype=torch.int16))
        self.register_buffer("marks", torch.zeros(len(members), 4, dtype=torch.uint8))
        self._nets: list[OrderedNet] = []
        self._asked = Asked(self._logits)

    def adopt(self, nets: Sequence[OrderedNet], marks: Sequence[bytes], *, fresh: bool) -> None:
        """Takes its members, placed nets with their fingerprints; `fresh` writes the fingerprints down.

        Raises ModelError for other members than those the weights were made for, or another order.
        """
        self.marks = checked_marks(marks, None if fresh else self.marks, self.names, "ensemble")
        for net, name in zip(nets, self.names, strict=True):
            if net.alphabet != 2 or not np.array_equal(net.order, self.order):
                raise ModelError(f"{name} codes other variables, or in another order, than its ensemble")
        self._nets = list(nets)

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D] in coding order; only the shares learn."""
        mixed = torch.einsum("k,nkd->nd", straight_through(self.share, _SHARES), self._members(x))
        return straight_through(mixed, LOGIT)

    def unrounded(self, x: Tensor) -> Tensor:
        return torch.einsum("k,nkd->nd", self.share, self._members(x))

    def _members(self, x: Tensor) -> Tensor:
        """The members' logits in nats, [N, K, D]."""
        return self._asked(x) / (1 << LOGIT.point)

    def _logits(self, x: NDArray[np.uint8]) -> NDArray[np.int16]:
        return np.stack([net.outputs(x).astype(np.int16) for net in self._nets], axis=1)

    def freeze(self) -> None:
        with torch.no_grad():
            self.share_q = (straight_through(self.share, _SHARES) * (1 << _POINT)).to(torch.int16)
        self.check()

    def check(self) -> None:
        if int(self.share_q.to(torch.int64).abs().max()) > _SHARES.high:
            raise ModelError("a member's share lies beyond 4: train or freeze the ensemble again")

    def place(self, engine: Engine) -> None:
        """Members are placed already."""
        self.engine = engine

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        return self.mixed([net.outputs(x) for net in self._nets])

    def mixed(self, logits: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """The members' logits, all of one shape, as the ensemble's."""
        total = sum(z.astype(np.int64) * int(share) for z, share in zip(logits, self.share_q, strict=True))
        z: NDArray[np.int32] = np.clip((total + (1 << (_POINT - 1))) >> _POINT, LOGIT.low, LOGIT.high).astype(np.int32)
        return z

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, [net.walk(lanes) for net in self._nets])


class _Walk:
    """All members side by side."""

    def __init__(self, net: Ensemble, walks: list[Walk]) -> None:
        self._net, self._walks = net, walks

    def outputs(self) -> NDArray[np.int32]:
        return self._net.mixed([walk.outputs() for walk in self._walks])

    def observe(self, x: NDArray[np.int32]) -> None:
        for walk in self._walks:
            walk.observe(x)
