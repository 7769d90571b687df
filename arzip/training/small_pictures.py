"""Batches of small pictures: CIFAR-10 as far as it is at hand, and photographs scaled down to the same size.

The corpus' folder holds `cifar10_train/`, either with the original data_batch_1.bin .. data_batch_5.bin [1], which give
all 50,000 images, or with sheets of 40 x 25 images; and `train/`, the photographs.

[1] https://www.cs.toronto.edu/~kriz/cifar.html, the binary version: a label, then 1,024 red, green and blue samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from arzip.errors import UnsupportedInput
from arzip.training.pictures import Crops

__all__ = ["SmallPictureSampler", "read_cifar", "read_images"]

_SIDE = 32
_TILES, _SHEET_ROWS = 40, 25
_HELD_OUT, _AT_ONCE = 500, 50


def read_cifar(folder: Path) -> NDArray[np.uint8]:
    """The training images, uint8 [N, 32, 32, 3]; raises UnsupportedInput."""
    batches = sorted(folder.glob("data_batch_*.bin"))
    if batches:
        records = np.concatenate([np.fromfile(path, np.uint8) for path in batches]).reshape(-1, 1 + 3 * _SIDE**2)
        return np.ascontiguousarray(records[:, 1:].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1))
    sheets = sorted(folder.glob("sheet_*.webp"))
    if not sheets:
        raise UnsupportedInput(f"{folder}: neither data_batch_1.bin .. data_batch_5.bin nor sheets of CIFAR-10")
    tiles = [_tiles(path) for path in sheets]
    images = np.concatenate(tiles)
    used = np.flatnonzero(images.reshape(len(images), -1).max(axis=1))  # the last sheet ends in black tiles
    return images[: int(used[-1]) + 1]


def read_images(path: Path) -> NDArray[np.uint8]:
    """The images of an .npz with the key `images` as a table, uint8 [N, 3072]; raises UnsupportedInput."""
    try:
        with np.load(path, allow_pickle=False) as file:
            images: NDArray[np.uint8] = file["images"]
    except (OSError, KeyError, ValueError) as error:
        raise UnsupportedInput(f"{path}: not an .npz of images ({error})") from error
    return images.reshape(len(images), -1)


def _tiles(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    grid = pixels.reshape(_SHEET_ROWS, _SIDE, _TILES, _SIDE, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(-1, _SIDE, _SIDE, 3)


@dataclass(frozen=True)
class _Settings:
    photographs: float  # share of pictures that are photographs scaled down
    smallest: float  # least and largest factor that they are scaled down by
    largest: float
    crops: dict[str, Any]  # which photographs, see `Crops`


class SmallPictureSampler:
    """Batches for `GatedColour.bits`; pictures are mirrored half of the time."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        self.settings = _Settings(**settings)
        images = read_cifar(folder / "cifar10_train")
        self.images, self._held_out = images[:-_HELD_OUT], images[-_HELD_OUT:]
        self.crops = Crops(folder / "train", seed, self.settings.crops)
        self.random = self.crops.random

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """Pictures as a table, float32 [count, 3072]."""
        pictures = [
            self._photograph() if self.random.random() < self.settings.photographs else self._image()
            for _ in range(count)
        ]
        return (_table(np.stack(pictures)),)

    def _image(self) -> NDArray[np.uint8]:
        image: NDArray[np.uint8] = self.images[self.random.integers(len(self.images))]
        return image[:, ::-1] if self.random.random() < 0.5 else image

    def _photograph(self) -> NDArray[np.uint8]:
        """A square of a photograph, scaled down."""
        pixels = self.crops.photograph()
        least = min(pixels.shape[:2])
        factor = np.exp(self.random.uniform(np.log(self.settings.smallest), np.log(self.settings.largest)))
        size = min(least, int(_SIDE * factor))
        y, x = (int(self.random.integers(0, n - size + 1)) for n in pixels.shape[:2])
        square = Image.fromarray(pixels[y : y + size, x : x + size])
        small: NDArray[np.uint8] = np.asarray(square.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS))
        return small[:, ::-1] if self.random.random() < 0.5 else small

    def validation(self) -> list[tuple[Tensor, ...]]:
        """The held-out images."""
        return [(_table(self._held_out[at : at + _AT_ONCE]),) for at in range(0, len(self._held_out), _AT_ONCE)]

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on drawing where it stopped."""
        return {"random": self.random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.random.bit_generator.state = state["random"]


def _table(pictures: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures).reshape(len(pictures), -1)).float()
