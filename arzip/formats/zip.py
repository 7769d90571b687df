"""ZIP and what is built on it (docx, xlsx, odt, epub, jar): deflated members opened, stored ones cut out.

Members are found through the central directory; local headers, directory and gaps are bytes of the first part, so a
file with surprises in any of them comes back the same. Encrypted and oddly compressed members are not touched.

[1] PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 4.3.7, 4.3.12, 4.3.16.
"""

from __future__ import annotations

from arzip.errors import UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.deflate import put_together, take_apart
from arzip.formats.embedded import cut, join

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "ZIP"
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
ENCRYPTED = 1  # bit of the flags
STORED, DEFLATED = 0, 8  # methods


def sniff(data: bytes) -> bool:
    """Whether the file starts like a ZIP file."""
    return data[:4] == LOCAL


def parse(data: bytes) -> Parsed:
    """What is outside of members, then every member. Raises UnsupportedInput if no member can be opened."""
    starts, stored = _members(data)
    return cut(data, starts, take_apart, "ZIP", stored)


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive on damaged side data."""
    return join(parsed, lambda plain, recipe: put_together(plain, recipe) if recipe else plain)


def _number(data: bytes, position: int, size: int) -> int:
    return int.from_bytes(data[position : position + size], "little")


def _members(data: bytes) -> tuple[list[int], dict[int, int]]:
    """Where the members' data start, as far as directory and local headers agree; the sizes of the stored ones."""
    end = data.rfind(END)
    if end < 0:
        raise UnsupportedInput("this ZIP file has no directory")
    position, size = _number(data, end + 16, 4), _number(data, end + 12, 4)
    shift = max(0, end - size - position)  # bytes in front of the archive proper, as self-extractors have
    position += shift
    starts, stored = [], {}
    while data[position : position + 4] == CENTRAL:
        flags, method = _number(data, position + 8, 2), _number(data, position + 10, 2)
        local = shift + _number(data, position + 42, 4)
        if method in (STORED, DEFLATED) and not flags & ENCRYPTED and data[local : local + 4] == LOCAL:
            start = local + 30 + _number(data, local + 26, 2) + _number(data, local + 28, 2)
            size = _number(data, position + 20, 4)
            if method == DEFLATED:
                starts.append(start)
            elif start + size <= end:
                starts.append(start)
                stored[start] = size
        position += 46 + sum(_number(data, position + field, 2) for field in (28, 30, 32))
    return sorted(set(starts)), stored
