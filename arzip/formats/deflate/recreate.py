"""Take a raw deflate stream apart into its plain bytes and a recipe, and put it together again, bit for bit.

    take_apart(stream, limit=...) -> Opened(plain, recipe, consumed)
    put_together(plain, recipe) -> stream[:consumed]

The recipe holds the settings of a predicted encoder and what that encoder would have done differently. No deflate
library takes part: a recipe gives the same bytes on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats.deflate import Opened, Settings
from arzip.formats.deflate import recipe as recipes
from arzip.formats.deflate.dynamic import describe, restore, told_lengths
from arzip.formats.deflate.estimate import estimate
from arzip.formats.deflate.matcher import MODE, TOLD
from arzip.formats.deflate.tokens import PADDING, TABLE, Stream, parse, write
from arzip.formats.deflate.walk import NOTE_FIELDS, SIZE_COLUMNS, walk

__all__ = ["put_together", "take_apart"]


SELDOM = 200  # tokens for every surprise that an encoder tried first may cause


def take_apart(stream: bytes | memoryview, *, limit: int, prove: bool = True, like: Settings | None = None) -> Opened:
    """Open the raw deflate stream at the start of `stream`; prove: make it again and compare, if no caller will do so;
    like: the encoder of a stream that was probably written by the same program, tried first.

    Raises UnsupportedInput if it is not valid or cannot be recreated, LimitExceeded if it holds more than `limit`
    bytes.
    """
    parsed = parse(stream, limit=limit)
    settings, walked, told = like, None, None
    if like is not None:
        walked, told = _walked(parsed, like, len(parsed.lengths) // SELDOM)
    if settings is None or walked is None or told is None:
        settings = estimate(parsed)
        walked, told = _walked(parsed, settings, len(parsed.lengths))
    assert walked is not None
    lengths, distances, blocks, sizes, notes = walked
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
    return Opened(plain, recipe, parsed.consumed, settings)


def _walked(parsed: Stream, settings: Settings, patience: int) -> tuple[tuple[Any, ...] | None, npt.NDArray[np.uint8]]:
    """What `walk` makes of a stream, or None after more than `patience` notes; the code lengths told."""
    sizes = np.zeros((len(parsed.blocks), SIZE_COLUMNS), np.int64)
    sizes[:, :4] = parsed.blocks[:, :4]
    nothing = np.zeros((0, NOTE_FIELDS), np.int64)
    told = told_lengths(parsed.blocks if settings[MODE] == TOLD else parsed.blocks[:0], parsed.tables)
    status, *walked = walk(parsed.plain, settings, 1, parsed.lengths, parsed.distances, sizes, nothing, patience, told)
    return (tuple(walked) if status == 0 else None), told


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
