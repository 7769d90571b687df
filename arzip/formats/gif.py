"""GIF: the colour indices of every frame as an image, the rest as bytes; LZW streams re-created from the indices.

The first part is everything that is not inside an opened frame, in order; one image [H, W, 1] a frame follows. Side
data: for every frame the gap before its data, its size, whether its rows are interlaced, the sizes of its sub-blocks
where they are not all full but the last, and the recipe of `lzw`. Frames that do not fill their size stay closed.

[1] GIF89a Specification, CompuServe, 1990.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.deflate.fields import FieldReader, FieldWriter, pack_numbers, unpack_numbers
from arzip.formats.limits import room_for
from arzip.formats.lzw import Dialect, close_codes, open_codes
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "GIF"
BLOCK = 255  # bytes of a full sub-block
EXTENSION, IMAGE = 0x21, 0x2C
PASSES = ((0, 8), (4, 8), (2, 4), (1, 2))  # first row and step of interlaced rows


class Frame(NamedTuple):
    """Where the data of a frame begin (the LZW width, then sub-blocks), its size, and the order of its rows."""

    start: int
    height: int
    width: int
    interlaced: bool


def sniff(data: bytes) -> bool:
    """Whether the file starts like a GIF."""
    return data[:6] in (b"GIF87a", b"GIF89a") and len(data) > 13


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput if no frame can be opened."""
    outside, parts, writer = [], [], FieldWriter()
    position, room = 0, room_for(len(data))
    for frame in _frames(data):
        stream, sizes, _ = _sub_blocks(data, frame.start + 1)
        dialect = Dialect(data[frame.start], high_first=False, early=False)
        size = frame.height * frame.width
        try:
            opened = open_codes(stream, dialect, limit=min(size, room))
        except (UnsupportedInput, LimitExceeded):
            continue
        if len(opened.symbols) != size or opened.consumed != len(stream):
            continue
        order = _order(frame.height, frame.interlaced)
        pixels = np.empty((frame.height, frame.width, 1), np.uint8)
        pixels[order] = opened.symbols.reshape(pixels.shape)
        outside.append(data[position : frame.start + 1])
        writer.number(len(outside[-1])).number(frame.height).number(frame.width).number(int(frame.interlaced))
        regular = sizes == _regular(len(stream))
        writer.blob(b"" if regular else pack_numbers(np.array(sizes, np.int64))).blob(opened.recipe)
        parts.append(Symbols("image", pixels, dialect.bits))
        position = frame.start + 1 + len(stream) + len(sizes)
        room -= size
    if not parts:
        raise UnsupportedInput("no frame of this GIF file can be opened")
    outside.append(data[position:])
    rest = Symbols("bytes", np.frombuffer(b"".join(outside), np.uint8))
    return Parsed((rest, *parts), writer.done())


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive on damaged side data."""
    if not parsed.parts:
        raise CorruptArchive("a GIF file has no parts")
    reader, out, position = FieldReader(parsed.side), [], 0
    rest = parsed.parts[0].array.astype(np.uint8).tobytes()
    for part in parsed.parts[1:]:
        gap, height, width, interlaced = (reader.number() for _ in range(4))
        if not 0 < gap <= len(rest) - position or part.array.shape != (height, width, 1) or not 2 <= part.depth <= 8:
            raise CorruptArchive("the frames of a GIF file are damaged")
        head = rest[position : position + gap]
        position += gap
        sizes, recipe = unpack_numbers(reader.blob()).tolist(), reader.blob()
        symbols = part.array[_order(height, bool(interlaced))].reshape(-1)
        stream = close_codes(symbols, recipe, Dialect(part.depth, high_first=False, early=False))
        sizes = sizes or _regular(len(stream))
        if sum(sizes) != len(stream) or max(sizes, default=0) > BLOCK:
            raise CorruptArchive("the blocks of a GIF file are damaged")
        out.append(head)
        start = 0
        for size in sizes:
            out += [bytes([size]), stream[start : start + size]]
            start += size
    reader.end()
    return b"".join([*out, rest[position:]])


def _frames(data: bytes) -> list[Frame]:
    """The frames of a file, as far as its blocks are in order."""
    frames, position = [], 13 + _palette(data[10])
    while position + 10 < len(data):
        if data[position] == EXTENSION:
            position = _sub_blocks(data, position + 2)[2]
        elif data[position] == IMAGE:
            width, height = (int.from_bytes(data[position + at : position + at + 2], "little") for at in (5, 7))
            flags = data[position + 9]
            position += 10 + _palette(flags)
            if position < len(data) and 2 <= data[position] <= 8 and width and height:
                frames.append(Frame(position, height, width, bool(flags & 64)))
            position = _sub_blocks(data, position + 1)[2]
        else:
            break
    return frames


def _palette(flags: int) -> int:
    """Bytes of the palette that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 128 else 0


def _sub_blocks(data: bytes, position: int) -> tuple[bytes, list[int], int]:
    """The contents of sub-blocks, the sizes without the empty last one, and where that one ends."""
    contents, sizes = [], []
    while position < len(data) and data[position]:
        contents.append(data[position + 1 : position + 1 + data[position]])
        sizes.append(len(contents[-1]))
        position += 1 + data[position]
    return b"".join(contents), sizes, position + 1


def _regular(total: int) -> list[int]:
    """Full sub-blocks and what is left."""
    return [BLOCK] * (total // BLOCK) + ([total % BLOCK] if total % BLOCK else [])


def _order(height: int, interlaced: bool) -> npt.NDArray[np.int64]:
    """The rows in the order of the file."""
    if not interlaced:
        return np.arange(height)
    return np.concatenate([np.arange(first, height, step) for first, step in PASSES])
