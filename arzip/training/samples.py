"""Examples of real numbers, in 8 bits: patches of photographs, and frames of speech.

    patches  8x8 pixels of gray without the last one, 63 numbers, as in the RNADE paper; no noise is added, the step is
             one level of 256
    frames   32 samples of a recording, rounded from 16 to 8 bits: the step is 256 of the 16-bit samples

Pictures are split into train, valid and test by the hash of their names; recordings in time, 90 : 5 : 5.
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

__all__ = ["RealSampler", "read_frames", "read_patches"]

_SIDE = 8
_PATCHES = 500  # from each picture
_FRAME = 32


def read_patches(folder: Path, include: str) -> dict[str, NDArray[np.uint8]]:
    """Patches uint8 [N, 63] of the pictures whose names begin with `include`; raises UnsupportedInput."""
    parts: dict[str, list[NDArray[np.uint8]]] = {"train": [], "valid": [], "test": []}
    for path in sorted(folder.glob(f"{include}*")):
        digest = hashlib.sha256(path.name.encode()).digest()
        with Image.open(path) as picture:
            gray = np.asarray(picture.convert("L"))
        random = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:4], "big")))
        y = random.integers(0, gray.shape[0] - _SIDE + 1, _PATCHES)
        x = random.integers(0, gray.shape[1] - _SIDE + 1, _PATCHES)
        windows = np.lib.stride_tricks.sliding_window_view(gray, (_SIDE, _SIDE))
        part = {0: "valid", 1: "test", 2: "test"}.get(digest[0] % 16, "train")
        parts[part].append(windows[y, x].reshape(_PATCHES, -1)[:, :-1])
    return _joined(folder, parts)


def read_frames(folder: Path, include: str) -> dict[str, NDArray[np.uint8]]:
    """Frames uint8 [N, 32] of the recordings whose names begin with `include`; raises UnsupportedInput."""
    try:
        import soundfile
    except ImportError as error:
        raise UnsupportedInput("frames of recordings need the package soundfile") from error
    parts: dict[str, list[NDArray[np.uint8]]] = {"train": [], "valid": [], "test": []}
    for path in sorted(folder.glob(f"{include}*")):
        samples, _ = soundfile.read(path, dtype="int16", always_2d=True)
        frames = ((samples[: len(samples) // _FRAME * _FRAME, 0] >> 8) + 128).astype(np.uint8).reshape(-1, _FRAME)
        first, second = len(frames) * 90 // 100, len(frames) * 95 // 100
        for part, piece in zip(parts, np.split(frames, [first, second]), strict=True):
            parts[part].append(piece)
    return _joined(folder, parts)


def _joined(folder: Path, parts: dict[str, list[NDArray[np.uint8]]]) -> dict[str, NDArray[np.uint8]]:
    if not all(parts.values()):
        raise UnsupportedInput(f"{folder}: too few files to train on, to validate and to test with; check `include`")
    return {name: np.concatenate(part) for name, part in parts.items()}


@dataclass(frozen=True)
class _Settings:
    kind: str  # patches or frames
    include: str  # how the names of the files begin


class RealSampler:
    """Examples float32 [count, D], samples 0..255."""

    def __init__(self, folder: Path, seed: int, settings: dict[str, Any]) -> None:
        chosen = _Settings(**settings)
        readers = {"patches": read_patches, "frames": read_frames}
        if chosen.kind not in readers:
            raise UnsupportedInput(f"kind {chosen.kind!r} of examples is unknown; use patches or frames")
        parts = readers[chosen.kind](folder, chosen.include)
        self.train, self._valid = parts["train"], parts["valid"]
        self.random = np.random.default_rng(seed)

    def batch(self, count: int) -> tuple[Tensor, ...]:
        """Examples drawn with replacement."""
        return (torch.from_numpy(self.train[self.random.integers(0, len(self.train), count)]).float(),)

    def validation(self) -> list[tuple[Tensor, ...]]:
        """All of the validation part."""
        whole = torch.from_numpy(self._valid).float()
        return [(whole[at : at + 500],) for at in range(0, len(whole), 500)]

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on drawing where it stopped."""
        return {"random": self.random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.random.bit_generator.state = state["random"]
