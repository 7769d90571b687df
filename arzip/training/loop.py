"""The one training loop: draws batches, follows the schedule, validates, writes checkpoints, resumes."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from arzip.errors import ModelError
from arzip.recipe import Recipe, Schedule
from arzip.training.muon import Muon

__all__ = ["Sampler", "train"]

Loss = Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, Tensor]]  # -> (bits summed, dims), both scalars


class Sampler(Protocol):
    """Where batches come from; see `arzip.training.pictures`."""

    def batch(self, count: int) -> tuple[Tensor, ...]: ...
    def validation(self) -> list[tuple[Tensor, ...]]: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...


def _rate(schedule: Schedule, step: int) -> float:
    cycle = 0
    while step >= schedule.cycles[cycle]:
        step -= schedule.cycles[cycle]
        cycle += 1
    peak = schedule.rate * 0.5**cycle
    if step < schedule.warmup:
        return peak * (step + 1) / schedule.warmup
    progress = (step - schedule.warmup) / max(1, schedule.cycles[cycle] - schedule.warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def train(net: nn.Module, loss: Loss, sampler: Sampler, recipe: Recipe, folder: Path, *, device: str) -> float:
    """Trains `net` in place and returns its best validation bits/dim; `folder` holds checkpoint and log.

    A run that finds a checkpoint of the same recipe in `folder` goes on from there, or raises ModelError where the
    version of arzip that wrote it gave the net other parameters. Under `torchrun` every process
    draws its own share of each batch and gradients are averaged.
    """
    schedule = recipe.schedule
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    net.to(device)
    model: nn.Module = net
    if world > 1:
        torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        model = _Averaged(net, loss)
    precision = _precision(schedule, device)
    optimizers = _optimizers(net, schedule, precision)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    first, seconds, bits = 0, 0.0, math.inf
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=False)
        if saved["recipe"] == recipe.digest:
            try:
                net.load_state_dict(saved["net"])
            except RuntimeError as error:
                line = "its net has other parameters than this version of arzip gives it: remove it to start anew"
                raise ModelError(f"{checkpoint}: {line}") from error
            for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
                optimizer.load_state_dict(state)
            sampler.restore(saved["sampler"])
            first, seconds, bits = saved["step"], saved["seconds"], saved["bits"]
    validation = [_moved(b, device) for b in sampler.validation()]
    started = time.monotonic() - seconds
    running = math.nan
    progress = tqdm(range(first, schedule.steps), initial=first, total=schedule.steps, disable=None, unit="step")
    for step in progress:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = _rate(schedule, step)
        batch = _moved(sampler.batch(schedule.batch // world), device)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == torch.bfloat16):
            total, dims = loss(model, batch) if world == 1 else model(batch)
        value = total / dims
        net.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        running = value.item() if math.isnan(running) else 0.99 * running + 0.01 * value.item()
        if (step + 1) % 50 == 0:
            progress.set_postfix_str(f"{running:.4f} bits/dim, valid {bits:.4f}")
        if (step + 1) % schedule.validate_every == 0 or step + 1 == schedule.steps:
            bits = _validate(net, loss, validation)
            if rank == 0:
                seconds = time.monotonic() - started
                _save(checkpoint, net, optimizers, sampler, recipe, step + 1, seconds, bits)
                row = {"step": step + 1, "train": round(running, 5), "valid": round(bits, 5), "seconds": round(seconds)}
                with (folder / "log.jsonl").open("a") as log:
                    log.write(json.dumps(row) + "\n")
    return bits


def _precision(schedule: Schedule, device: str) -> torch.dtype:
    """Of products: processors without instructions for bfloat16 take fifteen times as long for it as for float32."""
    if schedule.precision != "bfloat16":
        return torch.float32
    quick = device != "cpu" or torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if quick else torch.float32


def _optimizers(net: nn.Module, schedule: Schedule, precision: torch.dtype) -> list[torch.optim.Optimizer]:
    """Of all parameters; raises ModelError where Muon is asked for and the net does not name its matrices."""
    matrices: list[nn.Parameter] = []
    if schedule.optimizer == "muon":
        if not hasattr(net, "matrices"):
            raise ModelError(f"{type(net).__name__} does not say which of its matrices Muon may move: train with Adam")
        matrices = net.matrices()  # type: ignore[operator]
    apart = {id(p) for p in matrices}
    rest = [p for p in net.parameters() if id(p) not in apart]
    adam = torch.optim.AdamW(
        rest, lr=schedule.rate, betas=(0.9, 0.99), eps=schedule.epsilon, weight_decay=schedule.decay, fused=True
    )
    if not matrices:
        return [adam]
    return [Muon(matrices, lr=schedule.rate, decay=schedule.decay, precision=precision), adam]


class _Averaged(nn.Module):
    """Wraps net and loss so that torch's distributed engine averages the gradients of all processes."""

    def __init__(self, net: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.inner = nn.parallel.DistributedDataParallel(_Closed(net, loss))

    def forward(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        total, dims = self.inner(batch)
        return total, dims


class _Closed(nn.Module):
    def __init__(self, net: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.net, self.loss = net, loss

    def forward(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        return self.loss(self.net, batch)


def _moved(batch: tuple[Tensor, ...], device: str) -> tuple[Tensor, ...]:
    return tuple(t.to(device) for t in batch)


def _validate(net: nn.Module, loss: Loss, batches: list[tuple[Tensor, ...]]) -> float:
    net.eval()
    with torch.no_grad():
        pairs = [loss(net, batch) for batch in batches]
    net.train()
    return sum(float(t) for t, _ in pairs) / sum(float(d) for _, d in pairs)


def _save(
    path: Path,
    net: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    sampler: Sampler,
    recipe: Recipe,
    step: int,
    seconds: float,
    bits: float,
) -> None:
    saved = {
        "recipe": recipe.digest,
        "net": net.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "sampler": sampler.state(),
        "step": step,
        "seconds": seconds,
        "bits": bits,
    }
    part = path.with_suffix(".part")
    torch.save(saved, part)
    part.replace(path)
