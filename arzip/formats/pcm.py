"""Integer PCM: interleaved samples of 1 to 4 bytes to arrays [T, C] and back, without copying where none is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arzip.errors import UnsupportedInput
from arzip.symbols import Symbols

__all__ = ["MOST_CHANNELS", "Pcm", "pcm_pieces", "pcm_symbols"]

MOST_CHANNELS = 64
_PIECE = 1 << 20  # samples of all channels


@dataclass(frozen=True)
class Pcm:
    """How samples lie: channels, bytes of one sample, byte order, and whether silence is 128 (unsigned, one byte)."""

    channels: int
    width: int
    big: bool = False
    unsigned: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.channels <= MOST_CHANNELS or not 1 <= self.width <= 4:
            raise UnsupportedInput(f"{self.channels} channels of {self.width} bytes a sample are not taken apart")


def pcm_symbols(data: bytes, begin: int, end: int, pcm: Pcm) -> tuple[Symbols, int]:
    """The whole samples of data[begin:end] as one audio part int16 or int32 [T, C], and where they end."""
    length = (end - begin) // (pcm.channels * pcm.width)
    stop = begin + length * pcm.channels * pcm.width
    raw = np.frombuffer(data, np.uint8, stop - begin, begin)
    return Symbols("audio", _numbers(raw, pcm).reshape(length, pcm.channels), 8 * pcm.width), stop


def _numbers(raw: NDArray[np.uint8], pcm: Pcm) -> NDArray[np.int16] | NDArray[np.int32]:
    order = ">" if pcm.big else "<"
    if pcm.width == 1:
        return raw.astype(np.int16) - np.int16(128) if pcm.unsigned else raw.view(np.int8).astype(np.int16)
    if pcm.width == 2:
        return raw.view(order + "i2").astype("<i2", copy=False)
    if pcm.width == 4:
        return raw.view(order + "i4").astype("<i4", copy=False)
    out = np.zeros((len(raw) // 3, 4), np.uint8)
    out[:, 1:] = raw.reshape(-1, 3)[:, :: -1 if pcm.big else 1]
    return out.reshape(-1).view("<i4") >> 8


def pcm_pieces(array: NDArray[np.int16] | NDArray[np.int32], pcm: Pcm) -> Iterator[bytes]:
    """The bytes of samples [T, C], piece by piece."""
    flat = array.reshape(-1)
    order = ">" if pcm.big else "<"
    for at in range(0, len(flat), _PIECE):
        part = flat[at : at + _PIECE]
        if pcm.width == 1:
            yield (part + (128 if pcm.unsigned else 0)).astype(np.uint8).tobytes()
        elif pcm.width == 3:
            low = part.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3]
            yield low[:, :: -1 if pcm.big else 1].tobytes()
        else:
            yield part.astype(f"{order}i{pcm.width}").tobytes()
