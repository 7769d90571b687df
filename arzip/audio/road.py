"""A frame of sound as a payload, and back.

payload = preset u8, number of lattices u8 (one for all channels, or one for each), the lattices, the coder's words
"""

from __future__ import annotations

from collections.abc import Iterator
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

__all__ = ["MOST_CHANNELS", "audio_code_lengths", "audio_predictions", "decode_audio", "encode_audio"]

MOST_CHANNELS = 64


def encode_audio(block: NDArray[Any], *, level: int) -> tuple[bytes, float]:
    """The payload of samples [T, C], T and C at least 1, and its code length in bits."""
    number, (lattices, ranks) = preset_of(level), _ranks(block)
    engine, encoder, ideal = AudioEngine(len(block), block.shape[1], lattices, PRESETS[number]), Encoder(), 0.0
    for p, bits in engine.predictions(ranks):
        encoder.write(p, bits)
        ideal += float(ideal_bits(p, bits).sum())
    head = bytes([number, len(lattices)]) + b"".join(write_lattice(lattice) for lattice in lattices)
    return head + encoder.finish(), ideal + 8 * len(head)


def audio_code_lengths(block: NDArray[Any], *, level: int) -> NDArray[np.float64]:
    """What each sample of `encode_audio` costs in bits, [T, C]; the head of the payload is not in it."""
    lattices, ranks = _ranks(block)
    return AudioEngine(len(block), block.shape[1], lattices, PRESETS[preset_of(level)]).code_lengths(ranks)


def audio_predictions(block: NDArray[Any], *, level: int) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """What `encode_audio` hands to the coder."""
    lattices, ranks = _ranks(block)
    yield from AudioEngine(len(block), block.shape[1], lattices, PRESETS[preset_of(level)]).predictions(ranks)


def _ranks(block: NDArray[Any]) -> tuple[list[Lattice], NDArray[np.int64]]:
    """The lattices of samples [T, C], and the samples' ranks [C, T]."""
    lattices = lattices_of(block)
    each = lattices * block.shape[1] if len(lattices) == 1 else lattices
    return lattices, np.stack([lattice.to_ranks(block[:, c]) for c, lattice in enumerate(each)])


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
    ranks = AudioEngine(shape[0], shape[1], lattices, PRESETS[number]).read(words, coder)
    if not closed(coder, words):
        raise CorruptArchive("a coded stream contradicts its model: the archive is damaged")
    each = lattices * shape[1] if count == 1 else lattices
    return np.stack([lattice.to_samples(row) for lattice, row in zip(each, ranks, strict=True)], axis=1)
