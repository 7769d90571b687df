"""Windows of a collection of documents: what a character net is trained on.

The collection is one .xz of documents joined by zero bytes, or plain text. Documents are split into training and
validation by the hash of their contents, so that adding one never moves another.
"""

from __future__ import annotations

import hashlib
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.errors import UnsupportedInput

__all__ = ["TextSampler", "is_held_out", "read_documents"]

_VALIDATION_SHARE = 32  # one document in 32
_VALIDATION_WINDOWS = 64


def read_documents(path: Path) -> list[bytes]:
    """The documents of a collection; raises UnsupportedInput."""
    try:
        data = path.read_bytes()
        data = lzma.decompress(data) if path.suffix == ".xz" else data
    except (OSError, lzma.LZMAError) as error:
        raise UnsupportedInput(f"{path}: cannot be read ({error})") from error
    return [document for document in data.split(b"\0") if document]


def is_held_out(document: bytes) -> bool:
    """Whether a document is kept for validation, by the hash of its contents."""
    return hashlib.sha256(document).digest()[0] % _VALIDATION_SHARE == 0


@dataclass(frozen=True)
class _Settings:
    file: str  # in the corpus' folder
    window: int  # bytes of a training example


class TextSampler:
    """Windows int64 [T, count], time first, drawn from anywhere in the documents."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        self.settings = _Settings(**settings)
        train: list[bytes] = []
        valid: list[bytes] = []
        for document in read_documents(folder / self.settings.file):
            (valid if is_held_out(document) else train).append(document)
        if not train or not valid:
            raise UnsupportedInput(f"{folder}: too few documents to train on and to validate with")
        self.train, self._valid = (np.frombuffer(b"\n".join(part), np.uint8) for part in (train, valid))
        if min(len(self.train), len(self._valid)) <= self.settings.window:
            raise UnsupportedInput(f"{folder}: documents are shorter than the window of {self.settings.window} bytes")
        self.random = np.random.default_rng(seed)

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """`count` windows of training text."""
        return (self._windows(self.train, self.random, count),)

    def validation(self) -> list[tuple[Tensor, ...]]:
        """The same windows of held-out documents every time."""
        random = np.random.default_rng(0)
        return [(self._windows(self._valid, random, _VALIDATION_WINDOWS),) for _ in range(8)]

    def _windows(self, text: NDArray[np.uint8], random: np.random.Generator, count: int) -> Tensor:
        starts = random.integers(0, len(text) - self.settings.window, count)
        places = starts[None] + np.arange(self.settings.window)[:, None]
        return torch.from_numpy(text[places].astype(np.int64))

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on drawing where it stopped."""
        return {"random": self.random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.random.bit_generator.state = state["random"]
