"""Random pixels of random crops of a folder of pictures: what a local image net is trained on.

Pictures are split into training and validation by the hash of their names, so that adding a picture never moves
another. A pool of crops in memory is renewed bit by bit; each crop is turned, mirrored, sometimes scaled down, and
sometimes given the chroma of a picture that was once stored at half the colour resolution.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from arzip.errors import UnsupportedInput
from arzip.nets.window import COLOURS, colour_features, seen

__all__ = ["Crops", "PictureSampler"]

_VALIDATION_SHARE = 16  # one picture in 16
_VALIDATION_PIXELS = 1 << 16
_CODING_ORDER = [1, 0, 2]  # green, red, blue
_POOL, _RENEW_EVERY, _RENEWED = 96, 24, 8


@dataclass(frozen=True)
class _Settings:
    include: list[str]  # prefixes of file names
    exclude: list[str]
    crop: int  # pixels
    scale_down: float  # share of crops scaled down by up to two
    half_chroma: float  # share of crops with interpolated chroma


class Crops:
    """Random crops of a folder of pictures, and the pictures that are held out."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        self.settings = _Settings(**settings)
        self.random = np.random.default_rng(seed)
        train: list[NDArray[np.uint8]] = []
        self.held_out: list[NDArray[np.uint8]] = []
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(tuple(self.settings.include)):
                continue
            if path.name.startswith(tuple(self.settings.exclude)) or path.suffix not in (".png", ".webp"):
                continue
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("L" if picture.mode == "L" else "RGB"))
            held_out = hashlib.sha256(path.name.encode()).digest()[0] % _VALIDATION_SHARE == 0
            (self.held_out if held_out else train).append(pixels)
        if not train or not self.held_out:
            raise UnsupportedInput(f"{folder}: no pictures to train on and to validate with; check `include`")
        self.train = train
        self.weights = np.sqrt([p.shape[0] * p.shape[1] for p in train])
        self.weights /= self.weights.sum()

    def photograph(self) -> NDArray[np.uint8]:
        """A whole picture, uint8 [H, W] or [H, W, 3]; large ones more often, as the root of their size."""
        return self.train[self.random.choice(len(self.train), p=self.weights)]

    def draw(self) -> tuple[NDArray[np.uint8], bool]:
        """A crop uint8 [size, size, 3] in coding order, and whether it is gray."""
        random, size = self.random, self.settings.crop
        pixels = self.photograph()
        gray = pixels.ndim == 2
        if random.random() < self.settings.scale_down:
            factor = random.uniform(1.0, 2.0)
            height, width = (max(size, int(n / factor)) for n in pixels.shape[:2])
            pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
        height, width = pixels.shape[:2]
        y, x = random.integers(0, max(1, height - size + 1)), random.integers(0, max(1, width - size + 1))
        crop = pixels[y : y + size, x : x + size]
        crop = np.pad(crop, [(0, size - crop.shape[0]), (0, size - crop.shape[1])] + [(0, 0)] * (crop.ndim - 2), "edge")
        crop = np.rot90(crop, int(random.integers(0, 4)))
        if random.random() < 0.5:
            crop = crop[:, ::-1]
        if crop.ndim == 2:
            crop = np.repeat(crop[..., None], COLOURS, axis=2)
        elif random.random() < self.settings.half_chroma:
            crop = _half_chroma(np.ascontiguousarray(crop))
        return np.ascontiguousarray(crop[..., _CODING_ORDER]), gray


class PictureSampler:
    """Batches for `LocalPixelCNN.log2_likelihood` from a folder of pictures."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        self.crops = Crops(folder, seed, settings)
        self.random = self.crops.random
        size = self.crops.settings.crop
        self.pool = np.zeros((_POOL, size, size, COLOURS), dtype=np.uint8)
        self.gray = np.zeros(_POOL, dtype=bool)
        self.drawn = 0
        for slot in range(_POOL):
            self._renew(slot)

    def _renew(self, slot: int) -> None:
        self.pool[slot], self.gray[slot] = self.crops.draw()

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """features, residual, colour, prediction (see `LocalPixelCNN.log2_likelihood`) and weights [count, 3]."""
        self.drawn += 1
        if self.drawn % _RENEW_EVERY == 0:
            for slot in self.random.integers(0, _POOL, _RENEWED):
                self._renew(int(slot))
        size = self.pool.shape[1]
        at = self.random.integers(0, (_POOL, size, size), (count, 3)).astype(np.int32)
        return _examples(self.pool, at, self.gray[at[:, 0]])

    def validation(self) -> list[tuple[Tensor, ...]]:
        """The same pixels every time, drawn from whole held-out pictures."""
        random = np.random.default_rng(0)
        count = _VALIDATION_PIXELS // len(self.crops.held_out)
        batches = []
        for picture in self.crops.held_out:
            gray = picture.ndim == 2
            pixels = np.ascontiguousarray(picture[..., None] if gray else picture[..., _CODING_ORDER])[None]
            at = random.integers(0, (1, *picture.shape[:2]), (count, 3)).astype(np.int32)
            batches.append(_examples(pixels, at, np.full(count, gray)))
        return batches

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on drawing where it stopped (the pool is drawn anew)."""
        return {"random": self.random.bit_generator.state, "drawn": self.drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.random.bit_generator.state = state["random"]
        self.drawn = state["drawn"]


def _examples(pixels: NDArray[np.uint8], at: NDArray[np.int32], gray: NDArray[np.bool_]) -> tuple[Tensor, ...]:
    count = len(at)
    features, prediction = seen(pixels, at)
    samples = pixels[at[:, 0], at[:, 1], at[:, 2]].astype(np.int32)
    residual = samples - prediction
    colour = np.empty((count, 2 * (COLOURS - 1)), dtype=np.float32)
    colour_features(residual, COLOURS - 1, colour)
    weights = np.ones((count, COLOURS), dtype=np.float32)
    weights[gray, 1:] = 0.0
    return (
        torch.from_numpy(features),
        torch.from_numpy(residual).float(),
        torch.from_numpy(colour),
        torch.from_numpy(prediction).float(),
        torch.from_numpy(weights),
    )


def _half_chroma(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Halves the resolution of the colour differences and interpolates them back, as cameras and JPEG do."""
    height, width = crop.shape[:2]
    luma, blue, red = Image.fromarray(crop).convert("YCbCr").split()
    half = ((width + 1) // 2, (height + 1) // 2)
    chroma = [
        c.resize(half, Image.Resampling.BOX).resize((width, height), Image.Resampling.BILINEAR) for c in (blue, red)
    ]
    return np.asarray(Image.merge("YCbCr", (luma, *chroma)).convert("RGB"))
