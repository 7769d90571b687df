"""Discrete variables: from a net's integer logits to the probabilities that the coder takes.

    P(x = 1) = 1 / (1 + exp(-z)),   z = logit / 2**11, within +-16

The logistic function is the integer table of `lookup`, read with linear interpolation; a probability is an integer in
units of 2**-24, never 0 or 1, so that nothing is impossible.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from arzip.compiled import compiled
from arzip.exact.fixed import wide
from arzip.exact.lookup import SIGMOID_LIMIT, SIGMOID_STEPS, sigmoid_table

__all__ = ["LOGIT", "bits_of", "probabilities"]

LOGIT = wide(11)  # nats
_STEP_BITS = LOGIT.point - 5  # between two entries of the table, which has 32 to the unit
_MIDDLE = SIGMOID_LIMIT * SIGMOID_STEPS << _STEP_BITS
_DROPPED = 30 - 24
_LARGEST = (1 << 24) - 1
_SIGMOID = sigmoid_table()


@compiled
def probabilities(logits: NDArray[Any], p: NDArray[Any]) -> None:
    """P(x = 1) in units of 2**-24, int32 [N], from logits int32 [N] at LOGIT's point, within its range."""
    for n in range(p.shape[0]):
        z = logits[n] + _MIDDLE
        i = z >> _STEP_BITS
        left = _SIGMOID[i]
        q = left + ((_SIGMOID[i + 1] - left) * (z & ((1 << _STEP_BITS) - 1)) >> _STEP_BITS)
        p[n] = min(max((q + (1 << (_DROPPED - 1))) >> _DROPPED, 1), _LARGEST)


def bits_of(logits: Tensor, x: Tensor, weight: Tensor | None = None) -> Tensor:
    """Training reading: the code length in bits of all of x [N, D], under logits in nats [N, D] or [N, D, K].

    Of two symbols, x may also be the probability of 1: the code length is then its mean; `weight`, of the shape of the
    logits, says how much each counts.
    """
    if logits.ndim == 3:
        nats = cross_entropy(logits.flatten(0, 1), x.flatten().long(), reduction="sum")
    else:
        nats = binary_cross_entropy_with_logits(logits, x, weight, reduction="sum")
    return nats * 1.4426950408889634
