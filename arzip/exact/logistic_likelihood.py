"""Mixtures of discretised logistics as training reads them: in float, what `arzip.exact.logistic` says exactly."""

from __future__ import annotations

import torch
from torch import Tensor

from arzip.exact.logistic import FLOOR_BITS, SCALE_HIGH, SCALE_LOW

__all__ = ["log2_likelihood"]


def log2_likelihood(logits: Tensor, means: Tensor, scales: Tensor, x: Tensor, levels: int) -> Tensor:
    """log2 P(x), with gradients; logits, means, log2 scales [N, K] in real units, x [N] in 0..levels-1 -> [N]."""
    scales = scales.clamp(SCALE_LOW / 32, SCALE_HIGH / 32)
    reciprocal = torch.exp2(-scales)
    centred = x[:, None] - means
    above = (centred + 0.5) * reciprocal
    below = (centred - 0.5) * reciprocal
    # F(a) - F(b) = F(a) F(-b) (1 - exp(b - a)), which keeps its gradient however far the sample lies.
    inner = (
        torch.nn.functional.logsigmoid(above)
        + torch.nn.functional.logsigmoid(-below)
        + torch.log(-torch.expm1(-reciprocal))
    )
    first = torch.nn.functional.logsigmoid(above)
    last = torch.nn.functional.logsigmoid(-below)
    edge = x[:, None]
    log_p = torch.where(edge <= 0, first, torch.where(edge >= levels - 1, last, inner))
    log_w = torch.log_softmax(logits * 0.6931471805599453, dim=1)
    mixed = torch.logsumexp(log_w + log_p, dim=1) * 1.4426950408889634
    return torch.logaddexp2(mixed, torch.full_like(mixed, FLOOR_BITS - 30))
