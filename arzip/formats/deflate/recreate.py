"""Take a raw deflate stream apart into its plain bytes and a recipe, and put it together again, bit for bit.

    take_apart(stream, limit=...) -> Opened(plain, recipe, consumed)
    put_together(plain, recipe) -> stream[:consumed]

The recipe holds the settings of a predicted encoder and what that encoder would have done differently. No deflate
library takes part: a recipe gives the same bytes on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats.deflate import recipe as recipes
from arzip.formats.deflate.dynamic import describe, restore, told_lengths
from arzip.formats.deflate.estimate import estimate
from arzip.formats.deflate.matcher import MODE, TOLD
from arzip.formats.deflate.tokens import PADDING, TABLE, Stream, parse, write
from arzip.formats.deflate.walk import NOTE_FIELDS, SIZE_COLUMNS, walk

__all__ = ["Opened", "put_together", "take_apart"]


@dataclass(frozen=True)
class Opened:
    """A stream taken apart: its plain bytes, how to make it again, and how many bytes it was long."""

    plain: bytes
    recipe: bytes
    consumed: int


def take_apart(stream: bytes | memoryview, *, limit: int, prove: bool = True) -> Opened:
    """Open the raw deflate stream at the start of `stream`; prove: make it again and compare, if no caller will do so.

    Raises UnsupportedInput if it is not valid or cannot be recreated, LimitExceeded if it holds more than `limit`
    bytes.
    """
    parsed = parse(stream, limit=limit)
    settings = estimate(parsed)
    sizes = np.zeros((len(parsed.blocks), SIZE_COLUMNS), np.int64)
    sizes[:, :4] = parsed.blocks[:, :4]
    nothing = np.zeros((0, NOTE_FIELDS), np.int64)
    told = told_lengths(parsed.blocks if settings[MODE] == TOLD else parsed.blocks[:0], parsed.tables)
    _, lengths, distances, blocks, sizes, notes = walk(
        parsed.plain, settings, 1, parsed.lengths, parsed.distances, sizes, nothing, len(parsed.lengths), told
    )
    blocks[:, PADDING], blocks[:, TABLE] = parsed.blocks[:, PADDING], parsed.blocks[:, TABLE]
    surprises, styles, table_lengths, spelled = describe(
        parsed.plain, settings, lengths, distances, sizes, blocks, parsed.tables, told
    )
    recipe = recipes.pack(
        recipes.Recipe(
            settings, parsed.padding, notes, surprises, sizes, blocks[:, PADDING], styles, table_lengths, spelled, told
        )
    )
    plain = parsed.plain.tobytes()
    if prove and put_together(plain, recipe) != bytes(stream[: parsed.consumed]):
        raise UnsupportedInput("a deflate stream cannot be recreated from its recipe")
    return Opened(plain, recipe, parsed.consumed)


def put_together(plain: bytes, recipe: bytes) -> bytes:
    """Make the stream again. Raises CorruptArchive if the recipe is damaged or does not belong to `plain`."""
    data = np.frombuffer(plain, np.uint8)
    known = recipes.unpack(recipe, len(plain))
    nothing = np.zeros(0, np.uint16)
    status, lengths, distances, blocks, _, _ = walk(
        data, known.settings, 0, nothing, nothing, known.sizes, known.notes, 0, known.told
    )
    if status != 0 or len(known.surprises) > len(blocks):
        raise CorruptArchive("a deflate recipe does not fit its data")
    blocks[: len(known.paddings), PADDING] = known.paddings
    tables, fits = restore(
        data,
        known.settings,
        lengths,
        distances,
        known.surprises,
        known.sizes,
        blocks,
        known.styles,
        known.lengths,
        known.spelled,
        known.told,
    )
    if not fits:
        raise CorruptArchive("the tables of a deflate recipe are damaged")
    return write(Stream(data, lengths, distances, blocks, tables, padding=known.padding, consumed=0))
