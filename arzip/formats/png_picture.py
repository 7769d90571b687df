"""The picture of a PNG stream: pixels from a zlib stream, and the same stream from pixels and what was unexpected.

    open_picture(stream, layout) -> (Symbols, Described)          close_picture(picture, described, layout) -> stream

Pictures that do not fill their stream, filter types that do not exist and set bits behind the last sample of a row are
refused.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.deflate import Settings
from arzip.formats.deflate.fields import FieldReader, FieldWriter, pack_numbers, unpack_numbers
from arzip.formats.limits import room_for
from arzip.formats.png_rows import (
    CHANNELS,
    Layout,
    filter_rows,
    join_passes,
    predict_filters,
    raw_size,
    split_passes,
    unfilter_rows,
)
from arzip.formats.zlib_stream import close_stream, open_stream
from arzip.symbols import Symbols

__all__ = ["DEPTHS", "Described", "close_picture", "layout_of", "open_picture"]

DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type

# Ways to guess filters: the orders in which equal sums are decided; behind them, one constant type for all rows.
ORDERS = ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (1, 2, 3, 4), (0, 2, 1, 4, 3), (0, 1, 2, 4, 3))

Bytes = npt.NDArray[np.uint8]


class Described(NamedTuple):
    """What the pixels do not say about a stream: filters, bytes behind the zlib stream, its recipe; its encoder."""

    filters: bytes
    rest: bytes
    recipe: bytes
    settings: Settings | None


def open_picture(stream: bytes, layout: Layout, *, like: Settings | None = None) -> tuple[Symbols, Described]:
    """Raises UnsupportedInput for a stream that is not orderly. like: see `deflate.take_apart`."""
    size = raw_size(layout)
    if max(size, layout.width * layout.height * layout.channels) > room_for(len(stream)):
        raise UnsupportedInput("this PNG file claims a picture too large for its size")
    try:
        opened = open_stream(stream, limit=size, prove=False, like=like)
    except LimitExceeded as error:
        raise UnsupportedInput("this PNG file holds more than its picture") from error
    rows = unfilter_rows(np.frombuffer(opened.plain, np.uint8), layout) if len(opened.plain) == size else None
    picture = join_passes(rows[0], layout) if rows else None
    if rows is None or picture is None:
        raise UnsupportedInput("the picture data of this PNG file are not regular")
    described = Described(_describe_filters(*rows, layout), stream[opened.consumed :], opened.recipe, opened.settings)
    return Symbols("image", picture, layout.depth), described


def close_picture(picture: Symbols, described: Described, layout: Layout) -> bytes:
    """The stream again. Raises CorruptArchive if what was described belongs to another picture."""
    if picture.array.shape != (layout.height, layout.width, layout.channels):
        raise CorruptArchive("a PNG picture does not have the size that its header says")
    all_rows = split_passes(picture.array, layout)
    filters = _restore_filters(described.filters, all_rows, layout)
    return close_stream(filter_rows(all_rows, filters, layout), described.recipe) + described.rest


def layout_of(header: bytes) -> Layout:
    """The 13 bytes of IHDR, if they are of a kind that exists."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    if len(header) != 13 or not (0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise UnsupportedInput("the header of this PNG file is not valid")
    depth, colour, compression, filtering, interlace = header[8:]
    if depth not in DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise UnsupportedInput("this PNG file is of an unknown kind")
    return Layout(width, height, depth, CHANNELS[colour], bool(interlace))


def _guess_filters(style: int, all_rows: list[Bytes], layout: Layout) -> Bytes:
    """The filters of all rows of all passes as style `style` would choose them."""
    pixel = max(1, layout.channels * layout.depth // 8)
    guesses = [np.full(len(rows), max(0, style - len(ORDERS)), np.uint8) for rows in all_rows]
    if style < len(ORDERS):
        order = np.array(ORDERS[style], np.int64)
        for rows, guess in zip(all_rows, guesses, strict=True):
            predict_filters(rows, pixel, order, guess)
    return np.concatenate(guesses)


def _describe_filters(all_rows: list[Bytes], all_filters: list[Bytes], layout: Layout) -> bytes:
    """The best style, then the rows where it errs: gaps, then types."""
    actual = np.concatenate(all_filters)
    best, wrong = 0, np.zeros(0, np.int64)
    common = len(ORDERS) + int(np.argmax(np.bincount(actual, minlength=5)))
    for style in (common, *range(len(ORDERS))):
        errors = np.flatnonzero(_guess_filters(style, all_rows, layout) != actual)
        if style == common or len(errors) < len(wrong):
            best, wrong = style, errors
        if len(wrong) == 0:
            break
    gaps = np.diff(wrong, prepend=-1) - 1
    return FieldWriter().number(best).blob(pack_numbers(gaps)).raw(actual[wrong].tobytes()).done()


def _restore_filters(described: bytes, all_rows: list[Bytes], layout: Layout) -> list[Bytes]:
    reader = FieldReader(described)
    style = reader.number()
    gaps = unpack_numbers(reader.blob())
    types = np.frombuffer(reader.raw(reader.left), np.uint8)
    if style >= len(ORDERS) + 5 or len(gaps) != len(types) or np.any(types > 4):
        raise CorruptArchive("the filters of a PNG picture are damaged")
    filters = _guess_filters(style, all_rows, layout)
    places = np.cumsum(gaps + 1) - 1
    if len(places) and places[-1] >= len(filters):
        raise CorruptArchive("the filters of a PNG picture are damaged")
    filters[places] = types
    ends = np.cumsum([0] + [len(rows) for rows in all_rows])
    return [filters[start:end] for start, end in pairwise(ends)]
