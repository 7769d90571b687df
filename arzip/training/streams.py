"""Texts read piece by piece, many side by side: what a net that hands its state on is trained with.

Each lane goes through one document, or a stretch of a long one, and then begins another. Collections are drawn by
weight, documents half the time evenly and half the time by their length.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.errors import UnsupportedInput
from arzip.training.texts import is_held_out, read_documents

__all__ = ["StreamSampler"]

_VALIDATED = 32  # windows of each collection, of
_VALIDATION_WINDOW = 512  # bytes
_MIDDLE_SHARE = 0.6  # of long documents that are entered somewhere inside
_LONG = 4096  # bytes


@dataclass(frozen=True)
class _Settings:
    window: int  # bytes of a piece
    longest: int  # bytes read of a document
    weights: dict[str, float]  # of the collections, files in the corpus' folder


class StreamSampler:
    """Pieces int64 [T, count] of `count` texts, time first, and which of them begin, bool [count]."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        self.settings = _Settings(**settings)
        self._names = list(self.settings.weights)
        weights = np.array([self.settings.weights[name] for name in self._names])
        self._shares = weights / weights.sum()
        self._train: list[list[NDArray[np.uint8]]] = []
        self._valid: list[list[NDArray[np.uint8]]] = []
        for name in self._names:
            documents = read_documents(folder / name)
            for kept, held_out in ((self._train, False), (self._valid, True)):
                least = _VALIDATION_WINDOW if held_out else self.settings.window
                found = [np.frombuffer(d, np.uint8) for d in documents if is_held_out(d) == held_out]
                kept.append([d for d in found if len(d) > least])
                if not kept[-1]:
                    raise UnsupportedInput(f"{folder / name}: too few documents to train on and to validate with")
        lengths = [np.array([len(d) for d in documents], np.float64) for documents in self._train]
        self._by_length = [each / each.sum() for each in lengths]
        self.random = np.random.default_rng(seed)
        self._lanes: list[NDArray[np.uint8]] = []  # what is left of each text

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """The next piece of each of `count` texts, and which of them are new."""
        window = self.settings.window
        self._lanes = self._lanes if len(self._lanes) == count else [np.zeros(0, np.uint8)] * count
        fresh = np.zeros(count, bool)
        for i, left in enumerate(self._lanes):
            if len(left) < window:
                self._lanes[i], fresh[i] = self._text(), True
        x = np.stack([text[:window] for text in self._lanes], axis=1).astype(np.int64)
        self._lanes = [text[window:] for text in self._lanes]
        return torch.from_numpy(x), torch.from_numpy(fresh)

    def _text(self) -> NDArray[np.uint8]:
        collection = self.random.choice(len(self._names), p=self._shares)
        documents = self._train[collection]
        shares = self._by_length[collection] if self.random.random() < 0.5 else None
        text = documents[self.random.choice(len(documents), p=shares)]
        first = 0
        if len(text) > _LONG and self.random.random() < _MIDDLE_SHARE:
            first = int(self.random.integers(0, len(text) - _LONG // 2))
        return text[first : first + self.settings.longest]

    def validation(self) -> list[tuple[Tensor, ...]]:
        """The same windows of held-out documents every time, as many of each collection, half of them beginnings."""
        random = np.random.default_rng(0)
        batches: list[tuple[Tensor, ...]] = []
        for documents in self._valid:
            windows = []
            for i in range(_VALIDATED):
                text = documents[i % len(documents)]
                first = int(random.integers(0, len(text) - _VALIDATION_WINDOW)) if i % 2 else 0
                windows.append(text[first : first + _VALIDATION_WINDOW].astype(np.int64))
            fresh = torch.ones(_VALIDATED, dtype=torch.bool)
            batches.append((torch.from_numpy(np.stack(windows, axis=1)), fresh))
        return batches

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on drawing; its lanes begin new texts."""
        return {"random": self.random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.random.bit_generator.state = state["random"]
