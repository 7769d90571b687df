"""What each family learns from: its sampler of batches and its loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from arzip.training.guided import GuidedSampler
from arzip.training.loop import Loss, Sampler
from arzip.training.pictures import PictureSampler

__all__ = ["TASKS", "Task"]


@dataclass(frozen=True)
class Task:
    """`sampler(folder, seed, settings)` draws batches; `loss(net, batch)` gives the bits and the number of symbols."""

    sampler: Callable[[Path, int, dict[str, Any]], Sampler]
    loss: Loss


def _picture_loss(net: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    features, residual, colour, prediction, weights = batch
    lengths = -net.log2_likelihood(features, residual, colour, prediction)  # type: ignore[operator]
    return (lengths * weights).sum(), weights.sum()


def _guided_loss(net: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    features, base, value, weight = batch
    total = weight.new_zeros(())
    for c in range(len(features)):
        lengths = -net.log2_likelihood(features[c], base[c], value[c], c)  # type: ignore[operator]
        total = total + (lengths * weight[c]).sum()
    return total, weight.sum()


TASKS = {
    "guided_net": Task(GuidedSampler, _guided_loss),
    "local_pixelcnn": Task(PictureSampler, _picture_loss),
}
