"""Batches of examples from a table with the parts train, valid and test: packed bits, or digits in levels of gray.

`train` is drawn from, `valid` chooses, `test` is never touched here. A picture may be moved by a pixel now and then,
which gives a net more of the digits it will meet; the last batches of a run see the examples as they are.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.errors import UnsupportedInput

__all__ = ["HeldOutSampler", "TableSampler", "read_table"]

_VALIDATION_BATCH = 250  # what nets keep of more would leave the cache


def read_table(path: Path) -> dict[str, NDArray[np.uint8]]:
    """The parts of a table, uint8 [N, D]; `path` is an .npz of packed bits or a folder of MNIST's own files.

    Raises UnsupportedInput.
    """
    if path.is_dir():
        return _read_digits(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            width = int(file["width"])
            packed = {name: np.unpackbits(file[name], axis=1)[:, :width] for name in file.files if name != "width"}
    except (OSError, KeyError, ValueError) as error:
        raise UnsupportedInput(f"{path}: not an .npz of bit-packed parts and their `width` ({error})") from error
    return {name: np.ascontiguousarray(x) for name, x in packed.items()}


def _read_digits(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """MNIST in 16 levels of gray [1]; the last 10,000 of the training images are the validation part.

    [1] The IDX format: four bytes of type and rank, then the sizes as big-endian integers, then the pixels.
    """
    found: list[NDArray[np.uint8]] = []
    for name in ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"):
        try:
            data = gzip.decompress((folder / name).read_bytes())
        except (OSError, EOFError) as error:
            raise UnsupportedInput(f"{folder / name}: cannot be read ({error})") from error
        count = int.from_bytes(data[4:8], "big")
        found.append((np.frombuffer(data, np.uint8, offset=16).reshape(count, -1) >> 4).astype(np.uint8))
    return {"train": found[0][:-10000], "valid": found[0][-10000:], "test": found[1]}


@dataclass(frozen=True)
class _Settings:
    file: str  # in the corpus' folder
    rows: int  # of an example that is a picture; 1 for a table
    moved: float  # share of examples moved by up to a pixel in each direction
    settle: int  # batch from which none is moved


class TableSampler:
    """Examples float32 [count, D], as the array lies."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        self.settings = _Settings(**settings)
        parts = read_table(folder / self.settings.file)
        missing = {"train", "valid"} - set(parts)
        if missing:
            raise UnsupportedInput(f"{folder / self.settings.file}: has no part {missing.pop()!r} to train with")
        self.train, self._valid = parts["train"], parts["valid"]
        self.random = np.random.default_rng(seed)
        self.drawn = 0

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """Examples drawn with replacement."""
        x = self.train[self.random.integers(0, len(self.train), count)]
        if self.settings.moved and self.drawn < self.settings.settle:
            x = self._moved(x.reshape(count, self.settings.rows, -1)).reshape(count, -1)
        self.drawn += 1
        return (torch.from_numpy(x).float(),)

    def _moved(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        count, rows, columns = pictures.shape
        y, x = self.random.integers(0, 3, (2, count))
        y, x = (np.where(self.random.random(count) < self.settings.moved, at, 1) for at in (y, x))
        padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(1, 2))
        return np.ascontiguousarray(windows[np.arange(count), y, x])

    def validation(self) -> list[tuple[Tensor, ...]]:
        """All of the validation part."""
        whole = torch.from_numpy(self._valid).float()
        return [(whole[at : at + _VALIDATION_BATCH],) for at in range(0, len(whole), _VALIDATION_BATCH)]

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on drawing where it stopped."""
        return {"random": self.random.bit_generator.state, "drawn": self.drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.random.bit_generator.state = state["random"]
        self.drawn = state["drawn"]


class HeldOutSampler(TableSampler):
    """For what is fitted on trained nets: half of the validation part to learn from, the other half to choose."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        super().__init__(folder, seed, settings)
        self.train, self._valid = self._valid[::2], self._valid[1::2]
