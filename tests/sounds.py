"""Sound files made on the spot: WAV and AIFF with every oddity, and signals that are the same on every machine."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["aiff", "chunk", "packed", "tones", "wav"]


def tones(length: int, channels: int = 2, bits: int = 16, seed: int = 3) -> NDArray[np.int64]:
    """Damped resonances driven by noise, in integers alone: int64 [length, channels]."""
    random = np.random.default_rng(seed)
    noise = random.integers(-600, 601, (length, channels)).tolist()
    out = np.zeros((length, channels), np.int64)
    top = (1 << 15) - 1
    for c in range(channels):
        a = b = 0
        for t in range(length):
            a, b = (noise[t][c] + (noise[t][0] >> 1) + ((a * 126113 - b * 64000) >> 16)), a
            out[t, c] = max(-top, min(top, a))
    return out << (bits - 16) if bits >= 16 else out >> (16 - bits)


def packed(x: NDArray[Any], width: int, *, big: bool = False, unsigned: bool = False) -> bytes:
    """Samples [T, C] as PCM."""
    flat = x.reshape(-1) + (128 if unsigned else 0)
    order = "big" if big else "little"
    return b"".join(int(v).to_bytes(width, order, signed=not unsigned) for v in flat)


def chunk(name: bytes, body: bytes, *, big: bool = False, size: int | None = None) -> bytes:
    """A chunk, padded to an even length; `size` is what it claims."""
    head = struct.pack(">4sI" if big else "<4sI", name, len(body) if size is None else size)
    return head + body + (b"\0" if len(body) & 1 else b"")


def wav(
    x: NDArray[Any],
    width: int = 2,
    *,
    tag: int = 1,
    magic: bytes = b"RIFF",
    before: bytes = b"",
    after: bytes = b"",
    size: int | None = None,
    extensible: bool = False,
    cut: int = 0,
) -> bytes:
    """A WAV file of samples [T, C]; `size` is what the data chunk claims, `cut` bytes are missing at the end."""
    channels = x.shape[1]
    body = packed(x, width, unsigned=width == 1)
    first = struct.pack(
        "<HHIIHH", 0xFFFE if extensible else tag, channels, 44100, 44100 * channels * width, channels * width, 8 * width
    )
    if extensible:
        first += struct.pack("<HHIH", 22, 8 * width, 3, tag) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    inside = b"WAVE" + before + chunk(b"fmt ", first) + chunk(b"data", body, size=size) + after
    return chunk(magic, inside)[: -cut or None]


def aiff(
    x: NDArray[Any], width: int = 2, *, packing: bytes | None = None, after: bytes = b"", offset: int = 0
) -> bytes:
    """An AIFF file, or AIFC where a packing is named."""
    common = struct.pack(">hIh", x.shape[1], len(x), 8 * width) + b"\x40\x0e\xac\x44" + bytes(6)
    if packing is not None:
        common += packing + b"\0\0"
    body = struct.pack(">II", offset, 0) + bytes(offset) + packed(x, width, big=packing != b"sowt")
    form = b"AIFC" if packing is not None else b"AIFF"
    inside = form + chunk(b"COMM", common, big=True) + chunk(b"SSND", body, big=True) + after
    return chunk(b"FORM", inside, big=True)
