"""A frame of sound as a payload, and back.

payload = preset u8, number of lattices u8 (one for all channels, or one for each), the lattices, the coder's words
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.audio.engine import AudioEngine
from arzip.audio.lattice import Lattice, lattices_of, read_lattice, write_lattice
from arzip.audio.presets import PRESETS, preset_of
from arzip.coding.coder import Encoder
from arzip.coding.compiled_coder import closed, start, words_of
from arzip.coding.length import ideal_bits
from arzip.container import Fields
from arzip.errors import CorruptArchive

__all__ = ["MOST_CHANNELS", "decode_audio", "encode_audio"]

MOST_CHANNELS = 64


def encode_audio(block: NDArray[Any], *, level: int) -> tuple[bytes, float]:
    """The payload of samples [T, C], T and C at least 1, and its code length in bits."""
    number = preset_of(level)
    channels = block.shape[1]
    lattices = lattices_of(block)
    each = lattices * channels if len(lattices) == 1 else lattices
    ranks = np.stack([lattice.to_ranks(block[:, c]) for c, lattice in enumerate(each)])
    encoder, ideal = Encoder(), 0.0
    if not _silent(lattices):
        for p, bits in AudioEngine(len(block), channels, lattices, PRESETS[number]).predictions(ranks):
            encoder.write(p, bits)
            ideal += float(ideal_bits(p, bits).sum())
    head = bytes([number, len(lattices)]) + b"".join(write_lattice(lattice) for lattice in lattices)
    return head + encoder.finish(), ideal + 8 * len(head)


def decode_audio(payload: bytes, shape: tuple[int, ...], depth: int) -> NDArray[np.int64]:
    """Samples [T, C] of `depth` bits; raises CorruptArchive or LimitExceeded."""
    fields = Fields(payload)
    number, count = fields.raw(2)
    if number not in PRESETS:
        raise CorruptArchive(f"a frame was made with preset {number}, which this version of arzip does not know")
    if not shape[0] or not 1 <= shape[1] <= MOST_CHANNELS or count not in (1, shape[1]):
        raise CorruptArchive(f"a frame of sound declares {shape[1]} channels and {count} lattices")
    lattices = [read_lattice(fields, depth) for _ in range(count)]
    rest = fields.rest()
    if len(rest) % 4:
        raise CorruptArchive("a coded stream is not a whole number of words: the archive is damaged")
    words = words_of(rest)
    coder = start(words)
    if _silent(lattices):
        ranks = np.zeros(shape[::-1], np.int64)
    else:
        ranks = AudioEngine(shape[0], shape[1], lattices, PRESETS[number]).read(words, coder)
    if not closed(coder, words):
        raise CorruptArchive("a coded stream contradicts its model: the archive is damaged")
    each = lattices * shape[1] if count == 1 else lattices
    return np.stack([lattice.to_samples(row) for lattice, row in zip(each, ranks, strict=True)], axis=1)


def _silent(lattices: list[Lattice]) -> bool:
    """Whether every sample of a frame is known without a decision."""
    return all(lattice.ranks == 1 for lattice in lattices)
