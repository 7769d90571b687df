"""From a recipe to a model's folder: train, freeze, prove the laws on real batches, write the integers."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch

from arzip.errors import ModelError
from arzip.nets import NETS
from arzip.recipe import Recipe, read_recipe
from arzip.store import adopt_members, begin, load, save
from arzip.training.corpora import corpus_folder
from arzip.training.loop import train
from arzip.training.priming import publish_primer
from arzip.training.tasks import TASKS

__all__ = ["train_and_publish"]


def train_and_publish(
    path: Path, *, output: Path | None, runs: Path, device: str = "auto", threads: int | None = None
) -> str:
    """Trains what a recipe describes and writes its folder (the recipe's own by default); returns a line about it.

    A folder that already holds weights is refused: a published id never changes its weights.
    """
    recipe = read_recipe(path)
    folder = output or path.parent
    if (folder / "weights.safetensors").exists():
        raise ModelError(f"{folder}: holds weights already, and a published model never changes; use a new id")
    if recipe.net == "primer":
        return publish_primer(recipe, path, corpus_folder(recipe.corpus, path.parent), folder)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    net = NETS[recipe.net].net(**recipe.architecture)
    if hasattr(net, "adopt"):
        adopt_members(net, "fp32", "cpu", fresh=True)
    if recipe.begin is not None:
        begin(net, recipe.begin)
    task = TASKS[recipe.net]
    rank = int(os.environ.get("RANK", "0"))
    sampler = task.sampler(corpus_folder(recipe.corpus, path.parent), recipe.seed + rank, recipe.data)
    run = runs / recipe.id
    bits = train(net, task.loss, sampler, recipe, run, device=device)
    return _publish(net, recipe, path, folder, run, bits) if rank == 0 else ""


def _publish(net: torch.nn.Module, recipe: Recipe, path: Path, folder: Path, run: Path, bits: float) -> str:
    net.cpu()
    net.freeze()  # type: ignore[operator]
    save(net, folder)
    if path.resolve() != (folder / "recipe.toml").resolve():
        shutil.copy(path, folder / "recipe.toml")
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    (folder / "learning.json").write_text(json.dumps(log) + "\n")
    model = load(str(folder))
    return f"{recipe.id}: {bits:.4f} bits/dim on held-out data, fingerprint {model.fingerprint.hex()}, in {folder}"
