"""Fully visible sigmoid belief network: every variable is a logistic regression on those before it.

    p(x_d = 1 | x_<d) = sigmoid(b_d + sum_{i<d} W_di x_i)

(Frey 1998 [1], section 3.2; Bengio & Bengio 2000.) No hidden units: D (D - 1) / 2 weights, a convex problem. Weights
are integers of 16 bits at the binary point of the logits, so a prediction is a bias plus a sum of integers: exact
without any rounding. Decoding adds the column of a variable to all later sums when the variable is 1.

[1] B. J. Frey, Graphical Models for Machine Learning and Digital Communication, MIT Press 1998.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.compiled import compiled
from arzip.errors import ModelError
from arzip.exact.bernoulli import LOGIT
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range, straight_through
from arzip.exact.layers import SUM_LIMIT
from arzip.nets.table_model import OrderedNet

__all__ = ["FVSBN"]

_WEIGHT = Range(LOGIT.point, -32767, 32767)


class FVSBN(OrderedNet):
    """`variables` binary variables, coded in an `order` (see `ordering`)."""

    weight_q: Tensor
    bias_q: Tensor

    def __init__(self, *, variables: int, rows: int, order: str) -> None:
        super().__init__(variables, rows, order)
        self.weight = nn.Parameter(torch.zeros(variables, variables))
        self.bias = nn.Parameter(torch.zeros(variables))
        # The lower triangle, row by row: row d predicts variable d.
        self.register_buffer("weight_q", torch.zeros(variables * (variables - 1) // 2, dtype=torch.int16))
        self.register_buffer("bias_q", torch.zeros(variables, dtype=torch.int16))

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D] in coding order."""
        weight = straight_through(torch.tril(self.weight, -1), _WEIGHT)
        logits = nn.functional.linear(x, weight, straight_through(self.bias, _WEIGHT))
        return logits.clamp(LOGIT.low / (1 << LOGIT.point), LOGIT.high / (1 << LOGIT.point))

    def unrounded(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, torch.tril(self.weight, -1), self.bias)

    def freeze(self) -> None:
        with torch.no_grad():
            scale = 1 << _WEIGHT.point
            whole = (straight_through(self.weight, _WEIGHT) * scale).to(torch.int16)
            self.weight_q = whole[_lower(self.variables)]
            self.bias_q = (straight_through(self.bias, _WEIGHT) * scale).to(torch.int16)
        self.check()

    def check(self) -> None:
        """Proves that no sum can reach 2**24; raises ModelError."""
        whole = self._square().to(torch.int64)
        worst = int((whole.abs().sum(dim=1) + self.bias_q.to(torch.int64).abs()).max())
        if worst >= SUM_LIMIT:
            raise ModelError(f"a logit may sum to {worst}, beyond 2**24: train with more weight decay")

    def place(self, engine: Engine) -> None:
        super().place(engine)
        square = self._square()
        self._matrix = square.to(engine.device, torch.float32).t().contiguous()
        self._columns: NDArray[np.int32] = np.ascontiguousarray(square.numpy().T.astype(np.int32))
        self._bias = self.bias_q.to(engine.device, torch.float32)

    def _square(self) -> Tensor:
        whole = torch.zeros(self.variables, self.variables, dtype=torch.int16)
        whole[_lower(self.variables)] = self.weight_q
        return whole

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        seen = torch.from_numpy(x).to(self.engine.device, torch.float32)
        # Integers below 2**24 in fp32: exact whatever the order of the sum.
        sums = torch.addmm(self._bias, seen, self._matrix).clamp_(LOGIT.low, LOGIT.high)
        outputs: NDArray[np.int32] = sums.to(torch.int32).cpu().numpy()
        return outputs

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


class _Walk:
    """The sums of all variables, as far as earlier variables are known: int32 [D, L]."""

    def __init__(self, net: FVSBN, lanes: int) -> None:
        self._net, self._at = net, 0
        self._sums = np.tile(net.bias_q.numpy().astype(np.int32), (lanes, 1))

    def outputs(self) -> NDArray[np.int32]:
        clamped: NDArray[np.int32] = np.clip(self._sums[:, self._at], LOGIT.low, LOGIT.high)
        return clamped

    def observe(self, x: NDArray[np.int32]) -> None:
        _add_column(self._sums, self._net._columns[self._at], x, self._at + 1)
        self._at += 1


@compiled
def _add_column(sums: NDArray[Any], column: NDArray[Any], x: NDArray[Any], first: int) -> None:
    """sums[l, first:] += column[first:] in every lane whose variable is 1."""
    later = column[first:]
    for lane in range(x.shape[0]):
        if x[lane]:
            row = sums[lane, first:]
            for j in range(row.shape[0]):
                row[j] += later[j]


def _lower(size: int) -> tuple[Tensor, Tensor]:
    rows, columns = torch.tril_indices(size, size, -1).unbind()
    return rows, columns
