"""The recipe of a stream as bytes: settings, then every kind of surprise as a byte-aligned stream of its own.

    version, settings (zigzag varints), padding of the last byte, then eleven streams, each behind its length,
    in mode TOLD a twelfth: the code lengths of all dynamic blocks, less those of the one before, modulo 256

Numbers are little-endian base-128 varints. Nothing here is entropy-coded: the recipe is meant to be compressed by a
model, which does better with bytes that mean one thing each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arzip.errors import CorruptArchive
from arzip.formats.deflate.fields import FieldReader, FieldWriter, pack_numbers, unpack_numbers
from arzip.formats.deflate.matcher import (
    CHAIN,
    FIELDS,
    FLOOR,
    GOOD,
    HASH_BITS,
    HASH_BYTES,
    LAZY_BELOW,
    MODE,
    NICE,
    REACH,
    SHORTEST,
    TOKEN_LIMIT,
    TOLD,
    TOO_FAR,
    WINDOW_BITS,
)
from arzip.formats.deflate.optimal import DISTANCE_SYMBOLS, LITERAL_SYMBOLS
from arzip.formats.deflate.tables import FIXED_DISTANCES, FIXED_LITERALS
from arzip.formats.deflate.tokens import BYTES, FINAL, KIND
from arzip.formats.deflate.walk import EXPLICIT, NOTE_FIELDS, SIZE_COLUMNS

__all__ = ["Recipe", "pack", "unpack"]

VERSION = 1
TOLD_SYMBOLS = LITERAL_SYMBOLS + DISTANCE_SYMBOLS
EXTREMES = {
    MODE: (0, 9),
    HASH_BYTES: (3, 6),
    HASH_BITS: (1, 16),
    WINDOW_BITS: (8, 15),
    REACH: (1, 1 << 15),
    GOOD: (1, 32),
    LAZY_BELOW: (0, 258),
    NICE: (0, 258),
    CHAIN: (1, 4096),
    SHORTEST: (0, 258),
    TOO_FAR: (0, 1 << 15),
    FLOOR: (-1, 0),
    TOKEN_LIMIT: (1, 1 << 40),
}

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """What the plain bytes do not say about a stream; the fields are those of `walk` and `dynamic`."""

    settings: Integers  # [FIELDS]
    padding: int
    notes: Integers  # [K, NOTE_FIELDS]
    surprises: Bytes  # [B], rows behind the last surprise may be missing
    sizes: Integers  # [B, SIZE_COLUMNS]
    paddings: Integers  # [B], of stored blocks
    styles: Bytes
    lengths: Bytes
    spelled: Bytes
    told: Bytes  # [B, 316], without rows if not in mode TOLD; those of stored and fixed blocks need not be set


def pack(recipe: Recipe) -> bytes:
    """The bytes of a recipe."""
    index = np.flatnonzero(recipe.surprises)
    sizes, paddings = recipe.sizes[index], recipe.paddings[index]
    flags = sizes[:, KIND] | sizes[:, FINAL] << 2 | sizes[:, EXPLICIT] << 3
    flags |= (recipe.surprises[index].astype(np.int64) >> 1) << 4 | (paddings > 0).astype(np.int64) << 5
    streams = [
        pack_numbers(np.diff(index, prepend=-1) - 1),
        flags.astype(np.uint8).tobytes(),
        pack_numbers(sizes[sizes[:, EXPLICIT] == 1, BYTES]),
        pack_numbers(paddings[paddings > 0]),
        *(pack_numbers(recipe.notes[:, field]) for field in range(NOTE_FIELDS)),
        recipe.styles.tobytes(),
        recipe.lengths.tobytes(),
        recipe.spelled.tobytes(),
    ]
    if recipe.settings[MODE] == TOLD:
        rows = recipe.told[recipe.sizes[:, KIND] == 2]
        streams.append(np.diff(rows, axis=0, prepend=np.zeros((1, rows.shape[1]), np.uint8)).tobytes())
    writer = FieldWriter().number(VERSION)
    for value in recipe.settings:
        writer.number(int(value) + 1)  # -1 is the only negative setting
    writer.number(recipe.padding)
    for stream in streams:
        writer.blob(stream)
    return writer.done()


def unpack(data: bytes, size: int) -> Recipe:
    """The inverse, for `size` plain bytes; raises CorruptArchive on anything that cannot be."""
    reader = FieldReader(data)
    if reader.number() != VERSION:
        raise CorruptArchive("a deflate recipe of unknown version")
    settings = np.array([reader.number() - 1 for _ in range(FIELDS)], np.int64)
    if any(not low <= settings[field] <= high for field, (low, high) in EXTREMES.items()):
        raise CorruptArchive("a deflate recipe asks for an impossible encoder")
    padding = reader.number()
    streams = [reader.blob() for _ in range(7 + NOTE_FIELDS)]
    changes = np.frombuffer(reader.blob() if settings[MODE] == TOLD else b"", np.uint8)
    reader.end()
    if padding > 127:
        raise CorruptArchive("the padding of a deflate recipe is too large")
    gaps, flags = unpack_numbers(streams[0]), np.frombuffer(streams[1], np.uint8).astype(np.int64)
    count = int(np.sum(gaps)) + len(gaps)
    if len(gaps) != len(flags) or count > size // int(settings[TOKEN_LIMIT]) + len(gaps) + 1:
        raise CorruptArchive("a deflate recipe names blocks that cannot be")
    index = np.cumsum(gaps + 1) - 1
    sizes, paddings = np.full((count, SIZE_COLUMNS), -1, np.int64), np.zeros(count, np.int64)
    sizes[:, EXPLICIT] = sizes[:, BYTES] = 0
    sizes[index, KIND], sizes[index, FINAL], sizes[index, EXPLICIT] = flags & 3, flags >> 2 & 1, flags >> 3 & 1
    surprises = np.zeros(count, np.uint8)
    surprises[index] = 1 | (flags >> 4 & 1) << 1
    explicit, padded = unpack_numbers(streams[2]), unpack_numbers(streams[3])
    if len(explicit) != np.sum(flags >> 3 & 1) or len(padded) != np.sum(flags >> 5 & 1) or np.any(flags & 3 == 3):
        raise CorruptArchive("the block records of a deflate recipe contradict one another")
    sizes[index[flags >> 3 & 1 == 1], BYTES] = explicit
    paddings[index[flags >> 5 & 1 == 1]] = padded
    fields = [unpack_numbers(stream) for stream in streams[4 : 4 + NOTE_FIELDS]]
    if any(len(field) != len(fields[0]) for field in fields) or np.any(padded > 127) or flags.max(initial=0) > 63:
        raise CorruptArchive("the notes of a deflate recipe contradict one another")
    notes = np.stack(fields, axis=1)
    styles, lengths, spelled = (np.frombuffer(stream, np.uint8) for stream in streams[4 + NOTE_FIELDS :])
    told = _told(changes, sizes[:, KIND]) if settings[MODE] == TOLD else np.zeros((0, TOLD_SYMBOLS), np.uint8)
    return Recipe(settings, padding, notes, surprises, sizes, paddings, styles, lengths, spelled, told)


def _told(changes: Bytes, kinds: Integers) -> Bytes:
    """The code lengths of all blocks from the changes between dynamic ones."""
    dynamic = kinds == 2
    if len(changes) != TOLD_SYMBOLS * np.sum(dynamic):
        raise CorruptArchive("the code lengths of a deflate recipe are incomplete")
    told = np.zeros((len(kinds), TOLD_SYMBOLS), np.uint8)
    told[dynamic] = np.cumsum(changes.reshape(-1, TOLD_SYMBOLS), axis=0, dtype=np.uint8)
    told[kinds == 1] = np.concatenate([FIXED_LITERALS[:LITERAL_SYMBOLS], FIXED_DISTANCES[:DISTANCE_SYMBOLS]])
    if told.max(initial=0) > 15:
        raise CorruptArchive("the code lengths of a deflate recipe are impossible")
    return told
