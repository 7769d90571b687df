"""Windows of recordings: what a WaveNet is trained on.

Recordings are chosen by how their names begin, each beginning with a weight: the mix of rates and speakers. The last
tenth of every recording is held out. A window begins like a lane, with silence before it; it may be made louder or
softer, so that a net does not hold on to how loud a few speakers were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.errors import UnsupportedInput
from arzip.formats.mulaw import compressed

__all__ = ["SoundSampler", "read_recordings"]

_VALIDATION_WINDOWS = 6  # of each beginning
_LOBES = 16  # of the sinc that thins out, on either side
_TRAINED = 0.9  # of a recording, in time
_LIMITS = -(1 << 15), (1 << 15) - 1


def read_recordings(folder: Path, include: str, thinned: int = 1) -> list[NDArray[np.int16]]:
    """Channels int16 [T] of the recordings whose names begin with `include`, their rates divided by `thinned`.

    Raises UnsupportedInput.
    """
    try:
        import soundfile
    except ImportError as error:
        raise UnsupportedInput("recordings need the package soundfile") from error
    found: list[NDArray[np.int16]] = []
    for path in sorted(folder.glob(f"{include}*")):
        samples, _ = soundfile.read(path, dtype="int16", always_2d=True)
        found.extend(_thinned(channel, thinned) for channel in samples.T)
    if not found:
        raise UnsupportedInput(f"{folder}: no recordings that begin with {include!r}")
    return found


def _thinned(samples: NDArray[np.int16], factor: int) -> NDArray[np.int16]:
    """Every `factor`-th sample of what a windowed sinc leaves below the new half rate."""
    if factor == 1:
        return np.ascontiguousarray(samples)
    size = 2 * _LOBES * factor + 1
    taps = np.sinc((np.arange(size) - size // 2) / factor) * np.blackman(size)
    return _rounded(np.convolve(samples.astype(np.float64), taps / taps.sum(), mode="same")[::factor])


def _rounded(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples), *_LIMITS).astype(np.int16)


@dataclass(frozen=True)
class _Settings:
    window: int  # samples of a training example
    louder: float  # octaves by which a window may be made louder or softer
    weights: dict[str, float]  # by how names of recordings begin
    thinned: dict[str, int] = field(default_factory=dict)  # what their rates are divided by
    mulaw: bool = False  # ranks of 8-bit codes in place of samples


class SoundSampler:
    """Windows int16 [count, T]."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        self.settings = _Settings(**settings)
        weights = np.array(list(self.settings.weights.values()))
        self._shares = weights / weights.sum()
        self._train: list[list[NDArray[np.int16]]] = []
        self._valid: list[list[NDArray[np.int16]]] = []
        for include in self.settings.weights:
            recordings = read_recordings(folder, include, self.settings.thinned.get(include, 1))
            ends = [int(len(r) * _TRAINED) for r in recordings]
            self._train.append([r[:end] for r, end in zip(recordings, ends, strict=True)])
            self._valid.append([r[end:] for r, end in zip(recordings, ends, strict=True)])
            if min(len(r) for r in (*self._train[-1], *self._valid[-1])) <= self.settings.window:
                raise UnsupportedInput(f"{folder}: recordings {include!r} are too short for windows of these lengths")
        self.random = np.random.default_rng(seed)

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """`count` windows, their loudness changed."""
        kinds = self.random.choice(len(self._shares), count, p=self._shares)
        windows = np.stack([self._window(self._train[kind], self.random) for kind in kinds]).astype(np.float64)
        gains = 2.0 ** self.random.uniform(-self.settings.louder, self.settings.louder, (count, 1))
        return (self._tensor(_rounded(windows * gains)),)

    def _tensor(self, windows: NDArray[np.int16]) -> Tensor:
        return torch.from_numpy(compressed(windows) if self.settings.mulaw else windows)

    def _window(self, recordings: list[NDArray[np.int16]], random: np.random.Generator) -> NDArray[np.int16]:
        lengths = np.array([len(r) for r in recordings], np.float64)
        recording = recordings[random.choice(len(recordings), p=lengths / lengths.sum())]
        first = random.integers(0, len(recording) - self.settings.window)
        return recording[first : first + self.settings.window]

    def validation(self) -> list[tuple[Tensor, ...]]:
        """The same windows of the held-out ends every time, as many of each beginning."""
        random = np.random.default_rng(0)
        batches: list[tuple[Tensor, ...]] = []
        for recordings in self._valid:
            windows = np.stack([self._window(recordings, random) for _ in range(_VALIDATION_WINDOWS)])
            batches.append((self._tensor(windows),))
        return batches

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on drawing where it stopped."""
        return {"random": self.random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.random.bit_generator.state = state["random"]
