"""tar: the contents of every member as bytes, headers and padding as one part; the blocks' structure as side data.

Only the sizes in the headers are read, octal or base-256, so every dialect with `ustar` at its place is taken: what a
header says beyond that stays as it is. The archive ends at two empty blocks, or where a header makes no sense; what
follows is kept.

[1] IEEE Std 1003.1, pax, "ustar Interchange Format".
"""

from __future__ import annotations

from arzip.errors import UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.embedded import cut_spans, join

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "tar"
BLOCK = 512


def sniff(data: bytes) -> bool:
    """Whether the file starts with a header whose checksum is right."""
    return _size(data, 0) is not None


def parse(data: bytes) -> Parsed:
    """Everything but the members' contents, then each of those. Raises UnsupportedInput if there are none."""
    spans, position = [], 0
    while (size := _size(data, position)) is not None:
        start = position + BLOCK
        if size > len(data) - start:
            break
        if size:
            spans.append((start, start + size))
        position = start + -(-size // BLOCK) * BLOCK
    if not spans:
        raise UnsupportedInput("no file of this tar archive can be read")
    return cut_spans(data, spans)


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive on damaged side data."""
    return join(parsed, lambda plain, _: plain)


def _size(data: bytes, position: int) -> int | None:
    """How many bytes follow the header at `position`, or None if there is no header."""
    header = data[position : position + BLOCK]
    if len(header) < BLOCK or header[257:262] != b"ustar":
        return None
    total = sum(header) - sum(header[148:156]) + 8 * 32
    try:
        if int(header[148:156].strip(b" \0") or b"0", 8) != total:
            return None
        # Directories, links and devices have no contents, whatever their size says.
        if header[156:157] in (b"1", b"2", b"3", b"4", b"5", b"6"):
            return 0
        if header[124] == 0x80:
            return int.from_bytes(header[125:136], "big")
        return int(header[124:136].strip(b" \0") or b"0", 8)
    except ValueError:
        return None
