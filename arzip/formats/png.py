"""PNG: the pixels as an image, the rest of the file as side data, byte for byte.

Side data, in this order: the 13 bytes of IHDR, the chunks before and after the picture, the bytes behind IEND, the
sizes of the IDAT chunks, the filter types and the zlib stream, each as its difference from what was to be expected.
Checksums are kept only where they are wrong. Files with anything out of order are refused and go another road: a
missing or cut chunk, pictures that do not fill their zlib stream, filter types that do not exist, set bits behind the
last sample of a row.

Sub-byte samples get a byte each, 16-bit samples are uint16, palette pictures are their indices [H, W, 1], interlaced
pictures are whole. Frames of animations stay bytes of their chunks.

[1] PNG Specification, third edition, https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.deflate.fields import FieldReader, FieldWriter, pack_numbers, unpack_numbers
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

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "PNG"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST = 1 << 30  # bytes of raw picture data
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
EXPANSION = 1032  # deflate never makes more than so many bytes out of one

# Ways to guess filters: the orders in which equal sums are decided; behind them, one constant type for all rows.
ORDERS = ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (1, 2, 3, 4), (0, 2, 1, 4, 3), (0, 1, 2, 4, 3))

Bytes = npt.NDArray[np.uint8]


class Chunk(NamedTuple):
    """A chunk of the file; `checksum` is None where it is right."""

    name: bytes
    content: bytes
    checksum: bytes | None


def sniff(data: bytes) -> bool:
    """Whether the file starts like a PNG."""
    return data[:8] == SIGNATURE and data[12:16] == b"IHDR"


def parse(data: bytes) -> Parsed:
    """One image part. Raises UnsupportedInput for a file that is not an orderly PNG."""
    if not sniff(data):
        raise UnsupportedInput("not a PNG file")
    chunks, end = _read_chunks(data)
    places = [index for index, chunk in enumerate(chunks) if chunk.name == b"IDAT"]
    if not places or places[-1] - places[0] != len(places) - 1:
        raise UnsupportedInput("the picture of this PNG file is missing or scattered")
    header = chunks[0].content
    layout = _layout(header)
    stream = b"".join(chunks[index].content for index in places)
    size = raw_size(layout)
    if size > MOST or size > EXPANSION * len(stream) + 64:
        raise UnsupportedInput("this PNG file claims a picture that it cannot hold")
    try:
        opened = open_stream(stream, limit=size, prove=False)
    except LimitExceeded as error:
        raise UnsupportedInput("this PNG file holds more than its picture") from error
    rows = unfilter_rows(np.frombuffer(opened.plain, np.uint8), layout) if len(opened.plain) == size else None
    picture = join_passes(rows[0], layout) if rows else None
    if rows is None or picture is None:
        raise UnsupportedInput("the picture data of this PNG file are not regular")
    writer = FieldWriter().raw(header)
    _write_chunks(writer, [chunks[0]._replace(content=b""), *chunks[1 : places[0]]])
    _write_chunks(writer, chunks[places[-1] + 1 :])
    writer.blob(data[end:])
    _write_sizes(writer, [chunks[index] for index in places])
    writer.blob(_describe_filters(*rows, layout))
    writer.blob(stream[opened.consumed :]).raw(opened.recipe)
    return Parsed((Symbols("image", picture, layout.depth),), writer.done())


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive if the side data are damaged or belong to another picture."""
    reader = FieldReader(parsed.side)
    header = reader.raw(13)
    try:
        layout = _layout(header)
    except UnsupportedInput as error:
        raise CorruptArchive("the header of a PNG picture is damaged") from error
    if len(parsed.parts) != 1 or parsed.parts[0].array.shape != (layout.height, layout.width, layout.channels):
        raise CorruptArchive("a PNG picture does not have the size that its header says")
    before, after = _read_back_chunks(reader), _read_back_chunks(reader)
    tail = reader.blob()
    sizes, checksums = _read_sizes(reader)
    all_rows = split_passes(parsed.parts[0].array, layout)
    filters = _restore_filters(reader.blob(), all_rows, layout)
    rest = reader.blob()
    stream = close_stream(filter_rows(all_rows, filters, layout), reader.raw(reader.left)) + rest
    if not before or before[0].name != b"IHDR":
        raise CorruptArchive("the chunks of a PNG file are damaged")
    before[0] = before[0]._replace(content=header)
    picture, start = [], 0
    for index, size in enumerate(_spread(sizes, len(stream))):
        picture.append(Chunk(b"IDAT", stream[start : start + size], checksums.get(index)))
        start += size
    return SIGNATURE + b"".join(_chunk_bytes(chunk) for chunk in [*before, *picture, *after]) + tail


def _layout(header: bytes) -> Layout:
    """The 13 bytes of IHDR, if they are of a kind that exists."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    if len(header) != 13 or not (0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise UnsupportedInput("the header of this PNG file is not valid")
    depth, colour, compression, filtering, interlace = header[8:]
    if depth not in DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise UnsupportedInput("this PNG file is of an unknown kind")
    return Layout(width, height, depth, CHANNELS[colour], bool(interlace))


def _chunk_bytes(chunk: Chunk) -> bytes:
    checksum = crc32(chunk.name + chunk.content).to_bytes(4, "big") if chunk.checksum is None else chunk.checksum
    return len(chunk.content).to_bytes(4, "big") + chunk.name + chunk.content + checksum


def _read_chunks(data: bytes) -> tuple[list[Chunk], int]:
    """All chunks up to IEND, and where it ends."""
    chunks: list[Chunk] = []
    position = 8
    while not chunks or chunks[-1].name != b"IEND":
        size = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + size
        if end > len(data):
            raise UnsupportedInput("this PNG file is cut off")
        name, content, checksum = data[position + 4 : position + 8], data[position + 8 : end - 4], data[end - 4 : end]
        right = crc32(name + content).to_bytes(4, "big") == checksum
        chunks.append(Chunk(name, content, None if right else checksum))
        position = end
    return chunks, position


def _write_chunks(writer: FieldWriter, chunks: list[Chunk]) -> None:
    writer.number(len(chunks))
    for chunk in chunks:
        writer.raw(chunk.name).number(2 * len(chunk.content) + (chunk.checksum is not None)).raw(chunk.content)
        writer.raw(chunk.checksum or b"")


def _read_back_chunks(reader: FieldReader) -> list[Chunk]:
    chunks = []
    for _ in range(reader.number()):
        name = reader.raw(4)
        size, wrong = divmod(reader.number(), 2)
        chunks.append(Chunk(name, reader.raw(size), reader.raw(4) if wrong else None))
    return chunks


def _write_sizes(writer: FieldWriter, chunks: list[Chunk]) -> None:
    """Sizes of the IDAT chunks, one number if only the last may be smaller than the others; wrong checksums."""
    sizes = [len(chunk.content) for chunk in chunks]
    regular = sizes[0] > 0 and _spread(sizes[:1], sum(sizes)) == sizes
    writer.blob(pack_numbers(np.array(sizes[:1] if regular else sizes, np.int64)))
    wrong = [(index, chunk.checksum) for index, chunk in enumerate(chunks) if chunk.checksum is not None]
    writer.number(len(wrong))
    for index, checksum in wrong:
        writer.number(index).raw(checksum)


def _read_sizes(reader: FieldReader) -> tuple[list[int], dict[int, bytes]]:
    sizes = [int(size) for size in unpack_numbers(reader.blob())]
    checksums = {}
    for _ in range(reader.number()):
        index = reader.number()
        checksums[index] = reader.raw(4)
    return sizes, checksums


def _spread(sizes: list[int], total: int) -> list[int]:
    """The sizes themselves, or as many of a single one as make up the total."""
    if len(sizes) != 1:
        if sum(sizes) != total:
            raise CorruptArchive("the sizes of the picture chunks of a PNG file are damaged")
        return sizes
    size = sizes[0]
    if size == 0:
        if total:
            raise CorruptArchive("the sizes of the picture chunks of a PNG file are damaged")
        return sizes
    return [size] * (total // size) + ([total % size] if total % size else [])


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
