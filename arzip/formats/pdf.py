"""PDF: its zlib streams (FlateDecode) opened, the rest kept as it stands.

A stream is looked for behind every `stream` keyword whose data start like zlib; the file's structure is not read.

[1] ISO 32000-1, sections 7.3.8 and 7.4.4.
"""

from __future__ import annotations

import re

from arzip.formats.base import Parsed
from arzip.formats.embedded import cut, join
from arzip.formats.zlib_stream import close_stream, open_stream

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "PDF"
STREAM = re.compile(rb"stream\r?\n(?=[\x08-\x78])")


def sniff(data: bytes) -> bool:
    """Whether the file starts like a PDF."""
    return data[:5] == b"%PDF-"


def parse(data: bytes) -> Parsed:
    """What is outside of zlib streams, then every stream. Raises UnsupportedInput if none can be opened."""
    return cut(data, (match.end() for match in STREAM.finditer(data)), open_stream, "PDF")


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive on damaged side data."""
    return join(parsed, close_stream)
