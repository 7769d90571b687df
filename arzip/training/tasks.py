"""What each family learns from: its sampler of batches and its loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.bernoulli import bits_of
from arzip.training.guided import GuidedSampler
from arzip.training.loop import Loss, Sampler
from arzip.training.pictures import PictureSampler
from arzip.training.samples import RealSampler
from arzip.training.small_pictures import SmallPictureSampler
from arzip.training.sounds import SoundSampler
from arzip.training.streams import StreamSampler
from arzip.training.tables import HeldOutSampler, LabelledSampler, TableSampler
from arzip.training.texts import TextSampler

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


def _binary_loss(net: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    if len(batch) > 2:
        raise ModelError(f"{type(net).__name__} cannot be told how examples are bent: leave `told` out of its recipe")
    x, wanted = batch[0][:, net.order], batch[-1][:, net.order]  # type: ignore[index]
    return bits_of(net(x), wanted), torch.tensor(float(x.numel()))


def _token_loss(net: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    ordered = [table[:, net.order] for table in batch[:2]]  # type: ignore[index]
    bits = net.expected_bits(ordered[0], ordered[-1], *batch[2:])  # type: ignore[operator]
    return bits, torch.tensor(float(ordered[0].numel()))


def _own_loss(net: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Of nets that say themselves what a batch costs."""
    return net.bits(batch[0]), torch.tensor(float(batch[0].numel()))  # type: ignore[operator]


def _stream_loss(net: nn.Module, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    x, fresh = batch
    return net.bits(x, fresh), torch.tensor(float(x.numel()))  # type: ignore[operator]


TASKS = {
    "char_rnn": Task(TextSampler, _own_loss),
    "char_transformer": Task(TextSampler, _own_loss),
    "diagonal_bilstm": Task(TableSampler, _token_loss),
    "ensemble": Task(HeldOutSampler, _binary_loss),
    "fvsbn": Task(TableSampler, _binary_loss),
    "gated_colour": Task(SmallPictureSampler, _own_loss),
    "gated_pixelcnn": Task(TableSampler, _token_loss),
    "guided_net": Task(GuidedSampler, _guided_loss),
    "labelled_pixelcnn": Task(LabelledSampler, _binary_loss),
    "local_pixelcnn": Task(PictureSampler, _picture_loss),
    "made": Task(TableSampler, _binary_loss),
    "mixture": Task(HeldOutSampler, _own_loss),
    "multiscale": Task(TableSampler, _binary_loss),
    "nade": Task(TableSampler, _binary_loss),
    "pixelcnn": Task(TableSampler, _token_loss),
    "pixelsnail": Task(TableSampler, _token_loss),
    "rnade": Task(RealSampler, _own_loss),
    "row_lstm": Task(TableSampler, _token_loss),
    "text_net": Task(StreamSampler, _stream_loss),
    "transformer": Task(TableSampler, _token_loss),
    "wavenet": Task(SoundSampler, _own_loss),
}
