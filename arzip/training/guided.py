"""Samples of random crops of a folder of pictures with what a guided net sees of them.

Guides are run over every crop as the encoder runs them, so the net learns what guides are wrong about, at their
beginnings too. A pool of crops is renewed bit by bit; batches are drawn from all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.compiled import Integer, allocating
from arzip.mixing.guide import PROFILES, SLOPE, Guide, front_rows, learn_plane, new_guide, predict_plane
from arzip.mixing.guided_features import FEATURES, look_at_plane
from arzip.nets.guided_net import PROFILE
from arzip.training.pictures import Crops

__all__ = ["GuidedSampler"]

_VALIDATION_SIZE = 224


@dataclass(frozen=True)
class _Settings:
    pool: int  # crops in memory
    renew_every: int  # batches between two new crops
    crops: dict[str, Any]  # see `Crops`


class GuidedSampler:
    """Batches for `GuidedNet.log2_likelihood`: features [3, N, I], base, value, weight [3, N]."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        crops = dict(settings)
        pool, renew = crops.pop("pool"), crops.pop("renew_every")
        self.settings = _Settings(pool, renew, crops)
        self.crops = Crops(folder, seed, crops)
        size = self.crops.settings.crop
        self.features = np.zeros((pool, 3, size * size, FEATURES), np.int8)
        self.base = np.zeros((pool, 3, size * size), np.int32)
        self.value = np.zeros((pool, 3, size * size), np.uint8)
        self.gray = np.zeros(pool, bool)
        self.drawn, self.oldest = 0, 0
        for slot in range(pool):
            self._renew(slot)

    def _renew(self, slot: int) -> None:
        crop, self.gray[slot] = self.crops.draw()
        _examine(crop, self.features[slot], self.base[slot], self.value[slot])

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """`count` samples of every plane."""
        self.drawn += 1
        if self.drawn % self.settings.renew_every == 0:
            self._renew(self.oldest)
            self.oldest = (self.oldest + 1) % self.settings.pool
        random = self.crops.random
        slots = random.integers(0, self.settings.pool, count)
        places = random.integers(0, self.base.shape[2], count)
        weight = np.ones((3, count), np.float32)
        weight[1:, self.gray[slots]] = 0.0
        return (
            torch.from_numpy(self.features[slots, :, places].transpose(1, 0, 2).astype(np.float32)),
            torch.from_numpy(self.base[slots, :, places].T.astype(np.float32) / 32),
            torch.from_numpy(self.value[slots, :, places].T.astype(np.float32)),
            torch.from_numpy(weight),
        )

    def validation(self) -> list[tuple[Tensor, ...]]:
        """The middles of the held-out pictures, whole."""
        batches: list[tuple[Tensor, ...]] = []
        for picture in self.crops.held_out:
            gray = picture.ndim == 2
            top, left = (max(0, (n - _VALIDATION_SIZE) // 2) for n in picture.shape[:2])
            middle = picture[top : top + _VALIDATION_SIZE, left : left + _VALIDATION_SIZE]
            pixels = np.repeat(middle[..., None], 3, axis=2) if gray else middle[..., [1, 0, 2]]
            count = pixels.shape[0] * pixels.shape[1]
            features = np.zeros((3, count, FEATURES), np.int8)
            base, value = np.zeros((3, count), np.int32), np.zeros((3, count), np.uint8)
            _examine(np.ascontiguousarray(pixels), features, base, value)
            weight = np.ones((3, count), np.float32)
            weight[1:] *= not gray
            batches.append(
                (
                    torch.from_numpy(features.astype(np.float32)),
                    torch.from_numpy(base.astype(np.float32) / 32),
                    torch.from_numpy(value.astype(np.float32)),
                    torch.from_numpy(weight),
                )
            )
        return batches

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on drawing where it stopped (the pool is drawn anew)."""
        return {"random": self.crops.random.bit_generator.state, "drawn": self.drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.crops.random.bit_generator.state = state["random"]
        self.drawn = state["drawn"]


def _examine(
    pixels: NDArray[np.uint8], features: NDArray[np.int8], base: NDArray[np.int32], value: NDArray[np.uint8]
) -> None:
    """Runs the guides over a crop uint8 [H, W, 3] in coding order: features [3, N, I], base and value [3, N]."""
    height, width, planes = pixels.shape
    profile = PROFILES[PROFILE]
    guide = new_guide(height, width, planes, depth=8, profile=profile)
    symbols = pixels.astype(np.int32)
    means = np.zeros((height, len(profile.first)), np.int32)
    seen = np.zeros((height, features.shape[2]), np.float32)
    middle = np.zeros(height, np.int32)
    _run(guide, symbols, means, seen, middle, features, base, value)


@allocating
def _run(
    guide: Guide,
    symbols: NDArray[Any],
    means: NDArray[Any],
    seen: NDArray[Any],
    middle: NDArray[Any],
    features: NDArray[Any],
    base: NDArray[Any],
    value: NDArray[Any],
) -> None:
    height, width, planes = symbols.shape
    done: Integer = 0
    for front in range(width + SLOPE * (height - 1)):
        first, last = front_rows(front, height, width)
        for c in range(planes):
            predict_plane(guide, c, front, means)
            look_at_plane(guide, c, front, means, seen, middle)
            for y in range(first, last):
                at = done + y - first
                for k in range(seen.shape[1]):
                    features[c, at, k] = np.int8(seen[y - first, k])
                base[c, at] = middle[y - first]
                value[c, at] = symbols[y, front - SLOPE * y, c]
            learn_plane(guide, c, front, means, symbols)
        done += max(last - first, 0)
