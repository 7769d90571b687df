"""gzip: the contents of every member as bytes, headers and deflate recipes as side data.

Any number of members, then whatever follows the last of them. A member's trailer (CRC-32 and length) is kept only if
wrong.

[1] P. Deutsch, "GZIP file format specification version 4.3", RFC 1952.
"""

from __future__ import annotations

import numpy as np

from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.checksums import crc32
from arzip.formats.deflate import put_together, take_apart
from arzip.formats.deflate.fields import FieldReader, FieldWriter
from arzip.formats.limits import room_for
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "gzip"
MAGIC = b"\x1f\x8b\x08"
HEADER_CRC, EXTRA, FILE_NAME, COMMENT, RESERVED = 2, 4, 8, 16, 0xE0  # bits of the flags


def sniff(data: bytes) -> bool:
    """Whether the file starts like a gzip member."""
    return data[:3] == MAGIC


def parse(data: bytes) -> Parsed:
    """One bytes part a member. Raises UnsupportedInput if the first member is damaged or holds too much."""
    parts: list[Symbols] = []
    writer, position, room, like = FieldWriter(), 0, room_for(len(data)), None
    while (start := _header_end(data, position)) is not None:
        try:
            opened = take_apart(memoryview(data)[start:], limit=room, prove=False, like=like)
        except (UnsupportedInput, LimitExceeded):
            if not parts:
                raise
            break  # the rest stays as it is
        like, end = opened.settings, start + opened.consumed
        trailer = data[end : end + 8]
        right = trailer == _trailer(opened.plain)
        parts.append(Symbols("bytes", np.frombuffer(opened.plain, np.uint8)))
        writer.number(2 - right).blob(data[position:start]).blob(opened.recipe)
        if not right:
            writer.blob(trailer)
        room -= len(opened.plain)
        position = end + len(trailer)
    if not parts:
        raise UnsupportedInput("not a gzip file")
    return Parsed(tuple(parts), writer.number(0).raw(data[position:]).done())


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive on damaged side data."""
    reader, out = FieldReader(parsed.side), []
    for part in parsed.parts:
        kind = reader.number()
        if kind not in (1, 2):
            raise CorruptArchive("the members of a gzip file are damaged")
        header, recipe, plain = reader.blob(), reader.blob(), part.array.astype(np.uint8).tobytes()
        out += [header, put_together(plain, recipe), _trailer(plain) if kind == 1 else reader.blob()]
    if reader.number() != 0:
        raise CorruptArchive("a gzip file has more members than contents")
    out.append(reader.raw(reader.left))
    return b"".join(out)


def _trailer(plain: bytes) -> bytes:
    return crc32(plain).to_bytes(4, "little") + (len(plain) & 0xFFFFFFFF).to_bytes(4, "little")


def _header_end(data: bytes, position: int) -> int | None:
    """Where the deflate stream of the member at `position` starts, or None if there is no member."""
    if data[position : position + 3] != MAGIC or position + 10 > len(data) or data[position + 3] & RESERVED:
        return None
    flags, position = data[position + 3], position + 10
    if flags & EXTRA:
        position += 2 + int.from_bytes(data[position : position + 2], "little")
    for flag in (FILE_NAME, COMMENT):
        if flags & flag:
            position = data.find(b"\0", position) + 1
            if position == 0:
                return None
    if flags & HEADER_CRC:
        position += 2
    return position if position < len(data) else None
