"""Muon (Jordan et al. 2024 [1]): matrices of hidden layers move along orthogonal directions.

torch.optim.Muon makes its directions in bfloat16 always, which on processors without instructions for it takes several
times as long as the rest of a step. Here the precision is that of the schedule; all else is the same, the length of a
step included, which is that of Adam (Liu et al. 2025 [2], eq. 4). Matrices of one shape are moved together: many small
products one by one leave a processor waiting for half of its time.

[1] https://kellerjordan.github.io/posts/muon  [2] https://arxiv.org/abs/2502.16982
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Muon", "orthogonal"]

_MOMENTUM = 0.95
_QUINTIC = 3.4445, -4.775, 2.0315  # brings all singular values to about 1 in five steps [1]
_STEPS = 5


class Muon(torch.optim.Optimizer):
    """Moves matrices [outputs, inputs] with Nesterov's momentum; `precision` is that of its products."""

    def __init__(self, matrices: Iterable[nn.Parameter], *, lr: float, decay: float, precision: torch.dtype) -> None:
        super().__init__(matrices, {"lr": lr, "decay": decay})
        self._precision = precision

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step; there is no closure."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for matrix in group["params"]:
                alike[matrix.shape].append(matrix)
            for shape, matrices in alike.items():
                directions = orthogonal(torch.stack([self._wanted(m) for m in matrices]), self._precision)
                for matrix, direction in zip(matrices, directions, strict=True):
                    matrix.mul_(1 - group["lr"] * group["decay"])
                    matrix.add_(direction, alpha=-0.2 * max(shape) ** 0.5 * group["lr"])

    def _wanted(self, matrix: nn.Parameter) -> Tensor:
        """Where momentum leads."""
        assert matrix.grad is not None
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        state["momentum"].lerp_(matrix.grad, 1 - _MOMENTUM)
        return matrix.grad.lerp(state["momentum"], _MOMENTUM)


def orthogonal(matrices: Tensor, precision: torch.dtype) -> Tensor:
    """About the nearest matrices whose singular values are all 1, [K, m, n], by Newton's and Schulz's iteration [1]."""
    wide = matrices.shape[1] <= matrices.shape[2]
    x = (matrices if wide else matrices.mT).to(precision).contiguous()
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-7)
    a, b, c = _QUINTIC
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.mT
