"""An archive's bytes on disk; knows nothing of models and never imports torch.

    archive  = magic b"\\x89arz"  version u8  section*
    section  = tag u8  length varint  body  crc32 u32 of tag, length and body
    tags     H head, F frame, E end; what they hold is for `archive.py` to say

The last section, E, ends with the lengths of all sections and its own distance from the end of the file, so that a
reader finds every frame even when one of them, or its length, is damaged; that distance is a varint written
backwards, so that it can be read from the end. Integers are little-endian; a varint holds
seven bits a byte, low bits first.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from arzip.errors import CorruptArchive, LimitExceeded

__all__ = ["MAGIC", "VERSION", "Fields", "Section", "SectionWriter", "pack", "read_sections", "recover_sections"]

MAGIC = b"\x89arz"
VERSION = 1
TAGS = b"HFE"
_BODY_LIMIT = 1 << 31


@dataclass(frozen=True)
class Section:
    """One section; `body` is None where it is lost (only `recover_sections` returns such)."""

    tag: str
    body: bytes | None


def pack(*values: int | bytes) -> bytes:
    """Non-negative integers as varints, byte strings with their length before them."""
    out = bytearray()
    for value in values:
        number = len(value) if isinstance(value, bytes) else value
        while number >= 0x80:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
        if isinstance(value, bytes):
            out += value
    return bytes(out)


class Fields:
    """Reads what `pack` wrote, from a body that may be damaged."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def number(self, limit: int = 1 << 62) -> int:
        """A varint of at most `limit`; raises LimitExceeded or CorruptArchive."""
        value, shift = 0, 0
        while True:
            if self._at >= len(self._body) or shift > 63:
                raise CorruptArchive("a header ends too early: the archive is damaged")
            byte = self._body[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if value > limit:
            raise LimitExceeded(f"the archive declares a size of {value}, more than the limit of {limit}")
        return value

    def text(self) -> bytes:
        """A byte string with its length."""
        return self.raw(self.number())

    def raw(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self._body) - self._at:
            raise CorruptArchive("a header ends too early: the archive is damaged")
        self._at += count
        return self._body[self._at - count : self._at]

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.raw(len(self._body) - self._at)


class SectionWriter:
    """Writes an archive section by section to a stream that need not be seekable."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lengths: list[int] = []
        self.written = 0
        self._put(MAGIC + bytes([VERSION]))

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self.written += len(data)

    def section(self, tag: str, body: bytes) -> None:
        """Appends one section."""
        head = tag.encode() + pack(len(body))
        self._put(head + body + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))))
        self._lengths.append(len(head) + len(body) + 4)

    def end(self, body: bytes) -> None:
        """Appends the end section: `body`, the lengths of all sections before it, and the way back to it."""
        index = pack(body, len(self._lengths), *self._lengths)
        for width in range(1, 10):
            size = len(index) + width
            back = pack(1 + len(pack(size)) + size + 4)
            if len(back) == width:
                break
        self.section("E", index + back[::-1])


def read_sections(stream: BinaryIO) -> Iterator[Section]:
    """Sections in order, each checked; raises CorruptArchive at the first damage and at a missing end.

    The body of E comes as `end` was given it. Bytes after the end are damage too.
    """
    _check_magic(stream.read(len(MAGIC) + 1))
    while True:
        tag = stream.read(1)
        if not tag:
            raise CorruptArchive("the archive is truncated: its end is missing (try --recover)")
        if tag not in TAGS:
            raise CorruptArchive("the archive is damaged: no section where one should begin (try --recover)")
        length, head = _length(stream, tag)
        body = stream.read(length)
        check = stream.read(4)
        if len(body) < length or len(check) < 4:
            raise CorruptArchive("the archive is truncated (try --recover)")
        if struct.unpack("<I", check)[0] != zlib.crc32(body, zlib.crc32(head)):
            raise CorruptArchive("the archive is damaged: a checksum does not match (try --recover)")
        if tag == b"E":
            if stream.read(1):
                raise CorruptArchive("there is data after the archive's end (is it more than one archive?)")
            yield Section("E", Fields(body).text())
            return
        yield Section(tag.decode(), body)


def _length(stream: BinaryIO, tag: bytes) -> tuple[int, bytes]:
    head = tag
    value, shift = 0, 0
    while True:
        byte = stream.read(1)
        if not byte:
            raise CorruptArchive("the archive is truncated (try --recover)")
        head += byte
        value |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
        if shift > 35:
            raise CorruptArchive("the archive is damaged: an impossible section length (try --recover)")
    if value > _BODY_LIMIT:
        raise LimitExceeded(f"a section declares {value} bytes, more than the limit of {_BODY_LIMIT}")
    return value, head


def _check_magic(start: bytes) -> None:
    if start[: len(MAGIC)] != MAGIC:
        raise CorruptArchive("this is no arzip archive")
    if len(start) <= len(MAGIC):
        raise CorruptArchive("the archive is truncated after its first bytes")
    if start[len(MAGIC)] != VERSION:
        raise CorruptArchive(f"this archive has format version {start[-1]}; this arzip reads version {VERSION}")


def recover_sections(data: bytes) -> Iterator[Section]:
    """What can be read of a damaged archive: sections in order, body None where one is lost.

    The lengths come from the end section when it survives, else from the sections themselves as far as they go.
    """
    _check_magic(data[: len(MAGIC) + 1])
    at = len(MAGIC) + 1
    lengths = _surviving_lengths(data)
    while at < len(data) and (lengths is None or lengths):
        found = _section_at(data, at)
        if lengths is None and found is None:
            yield Section("F", None)
            return
        size = lengths.pop(0) if lengths is not None else found[1]  # type: ignore[index]
        tag = chr(data[at])
        yield Section(found[0].tag if found else tag if tag in "HF" else "F", found[0].body if found else None)
        at += size
    end = _section_at(data, at) if at < len(data) else None
    if end is not None and end[0].tag == "E" and end[0].body is not None:
        yield Section("E", Fields(end[0].body).text())


def _section_at(data: bytes, at: int) -> tuple[Section, int] | None:
    """The undamaged section at an offset and its whole length, or None."""
    fields = Fields(data[at + 1 : at + 8])
    try:
        length = fields.number(_BODY_LIMIT)
    except (CorruptArchive, LimitExceeded):
        return None
    head = 1 + len(pack(length))
    end = at + head + length
    if end + 4 > len(data) or data[at] not in TAGS:
        return None
    if struct.unpack_from("<I", data, end)[0] != zlib.crc32(data[at:end]):
        return None
    return Section(chr(data[at]), data[at + head : end]), head + length + 4


def _surviving_lengths(data: bytes) -> list[int] | None:
    if len(data) < 16:
        return None
    try:
        back = Fields(data[-5:-15:-1]).number(len(data))
    except (CorruptArchive, LimitExceeded):
        return None
    if not back:
        return None
    end = _section_at(data, len(data) - back)
    if end is None or end[0].body is None or end[0].tag != "E":
        return None
    fields = Fields(end[0].body)
    fields.text()
    return [fields.number() for _ in range(fields.number(len(data)))]
