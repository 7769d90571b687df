"""A zlib stream (RFC 1950) opened: plain bytes, and side data that make the same stream again.

    open_stream(data, limit=...) -> Opened(plain, side, consumed)           close_stream(plain, side) -> data[:consumed]

Side data: the two header bytes, whether the checksum is right (a wrong or missing one is kept), the recipe.
Streams with a preset dictionary are refused.

[1] P. Deutsch, J-L. Gailly, "ZLIB Compressed Data Format Specification version 3.3", RFC 1950.
"""

from __future__ import annotations

from arzip.errors import UnsupportedInput
from arzip.formats.checksums import adler32
from arzip.formats.deflate import Opened, Settings, put_together, take_apart
from arzip.formats.deflate.fields import FieldReader, FieldWriter

__all__ = ["close_stream", "open_stream", "plausible"]


def plausible(data: bytes | memoryview) -> bool:
    """Whether two bytes look like the header of a zlib stream without dictionary."""
    if len(data) < 2 or (data[0] << 8 | data[1]) % 31:
        return False
    return data[0] & 15 == 8 and data[0] >> 4 <= 7 and not data[1] & 32


def open_stream(data: bytes | memoryview, *, limit: int, prove: bool = True, like: Settings | None = None) -> Opened:
    """Open the zlib stream at the start of `data`; the recipe of the result is what `close_stream` takes. prove, like:
    see `take_apart`.

    Raises UnsupportedInput if there is none, LimitExceeded above `limit` plain bytes.
    """
    if not plausible(data):
        raise UnsupportedInput("no zlib header")
    inner = take_apart(memoryview(data)[2:], limit=limit, prove=prove, like=like)
    end = 2 + inner.consumed
    checksum = bytes(data[end : end + 4])
    right = adler32(inner.plain).to_bytes(4, "big") == checksum
    writer = FieldWriter().raw(bytes(data[:2])).number(0 if right else 1 + len(checksum))
    if not right:
        writer.raw(checksum)
    return Opened(inner.plain, writer.raw(inner.recipe).done(), end + len(checksum), inner.settings)


def close_stream(plain: bytes, side: bytes) -> bytes:
    """Make the stream again; raises CorruptArchive if the side data are damaged."""
    reader = FieldReader(side)
    header = reader.raw(2)
    wrong = reader.number()
    checksum = adler32(plain).to_bytes(4, "big") if wrong == 0 else reader.raw(wrong - 1)
    return header + put_together(plain, reader.raw(reader.left)) + checksum
