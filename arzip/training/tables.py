"""Batches of examples from a table with the parts train, valid and test: packed bits, or digits in levels of gray.

`train` is drawn from, `valid` chooses, `test` is never touched here. A picture may be moved by a pixel now and then,
which gives a net more of the digits it will meet. Binarised digits may be drawn anew from their levels of gray, and
bent before, see `binarising`. What is drawn is what a net sees; what it is to predict may then be the gray itself: the
loss is its mean over all draws of that pixel, with as much noise less. The last batches see the examples as they are.
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
from arzip.nets.token_net import BENDS
from arzip.training.binarising import bent, training_grays

__all__ = ["HeldOutSampler", "LabelledSampler", "TableSampler", "read_labelled", "read_table"]

_VALIDATION, _LABEL_BITS = 10000, 4
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
    files = (folder / f"{name}-images-idx3-ubyte.gz" for name in ("train", "t10k"))
    train, test = ((_idx(path) >> 4).astype(np.uint8) for path in files)
    return _split(train, test)


def read_labelled(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """MNIST as bits, ink where a pixel is above 127, each picture behind its label of four bits: [N, 4 + 784].

    Raises UnsupportedInput.
    """
    tables = []
    for name in ("train", "t10k"):
        pixels, label = (_idx(folder / f"{name}-{part}-ubyte.gz") for part in ("images-idx3", "labels-idx1"))
        bits = np.unpackbits(label, axis=1)[:, -_LABEL_BITS:]
        tables.append(np.concatenate([bits, pixels > 127], axis=1))
    return _split(*tables)


def _split(train: NDArray[np.uint8], test: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    return {"train": train[:-_VALIDATION], "valid": train[-_VALIDATION:], "test": test}


def _idx(path: Path) -> NDArray[np.uint8]:
    """A file in the IDX format as a table, uint8 [N, D]."""
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise UnsupportedInput(f"{path}: cannot be read ({error})") from error
    dimensions, count = data[3], int.from_bytes(data[4:8], "big")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(count, -1)


@dataclass(frozen=True)
class _Settings:
    file: str  # in the corpus' folder
    rows: int  # of an example that is a picture; 1 for a table
    moved: float  # share of examples moved by up to a pixel in each direction
    settle: int  # batch from which none is moved or bent
    grays: str | None = None  # MNIST's training images in the corpus' folder: examples are binarised anew
    anew: int = 0  # batch from which they are
    bent: float = 0.0  # share of those that are bent before
    told: bool = False  # how
    expected: int | None = None  # batch from which the loss is its mean over all draws of what is predicted


class TableSampler:
    """Examples float32 [count, D], as the array lies."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        self.settings = _Settings(**settings)
        parts = self._read(folder / self.settings.file)
        missing = {"train", "valid"} - set(parts)
        if missing:
            raise UnsupportedInput(f"{folder / self.settings.file}: has no part {missing.pop()!r} to train with")
        self.train, self._valid = parts["train"], parts["valid"]
        self._grays: NDArray[np.float32] | None = None
        if self.settings.grays is not None:
            images = folder / self.settings.grays
            self._grays = training_grays(_idx(images), self._valid, images)
        self.random = np.random.default_rng(seed)
        self.drawn = 0

    def _read(self, path: Path) -> dict[str, NDArray[np.uint8]]:
        return read_table(path)

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """Examples drawn with replacement; where the loss is an expected one, also the chance of each pixel to be 1.

        Where a net is told how examples were bent, both, and how, see `bent`.
        """
        drawn, self.drawn = self.drawn, self.drawn + 1
        still = drawn >= self.settings.settle
        how = np.zeros((count, BENDS), np.float32)
        if self._grays is not None and drawn >= self.settings.anew:
            gray = self._grays[self.random.integers(0, len(self._grays), count)]
            if self.settings.bent and not still:
                some = self.random.random(count) < self.settings.bent
                if some.any():
                    gray[some], how[some] = bent(gray[some], self.settings.rows, self.random)
            tables = [(self.random.random(gray.shape, np.float32) < gray).astype(np.float32)]
            if self.settings.expected is not None and drawn >= self.settings.expected:
                tables.append(gray)
        else:
            tables = [self.train[self.random.integers(0, len(self.train), count)].astype(np.float32)]
        if self.settings.moved and not still:
            tables = self._moved(tables)
        if self.settings.told:
            tables = [tables[0], tables[-1], how]
        return tuple(torch.from_numpy(table) for table in tables)

    def _moved(self, tables: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Each example of all tables [count, D] by the same pixel."""
        count, rows = len(tables[0]), self.settings.rows
        y, x = self.random.integers(0, 3, (2, count))
        y, x = (np.where(self.random.random(count) < self.settings.moved, at, 1) for at in (y, x))
        moved = []
        for table in tables:
            padded = np.pad(table.reshape(count, rows, -1), ((0, 0), (1, 1), (1, 1)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, padded.shape[2] - 2), axis=(1, 2))
            moved.append(np.ascontiguousarray(windows[np.arange(count), y, x]).reshape(count, -1))
        return moved

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


class LabelledSampler(TableSampler):
    """Digits behind their labels; they cannot be moved."""

    def _read(self, path: Path) -> dict[str, NDArray[np.uint8]]:
        return read_labelled(path)


class HeldOutSampler(TableSampler):
    """For what is fitted on trained nets: half of the validation part to learn from, the other half to choose."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        super().__init__(folder, seed, settings)
        self.train, self._valid = self._valid[::2], self._valid[1::2]
