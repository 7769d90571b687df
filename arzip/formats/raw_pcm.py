"""Samples without a header, for files of which the caller says how they lie; never chosen by sniffing.

A layout is the encoding and the channels: "s16le,2". Encodings: s8, u8, and s16, s24, s32 followed by le or be.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from arzip.errors import UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.pcm import Pcm, pcm_pieces, pcm_symbols

__all__ = ["NAME", "build", "parse", "parse_as", "pieces", "sniff"]

NAME = "raw PCM"
_LAYOUT = re.compile(r"(?:([su])8|s(16|24|32)(le|be)),(\d{1,2})")
_SIDE = struct.Struct("<BBBB")


def sniff(data: bytes) -> bool:
    """Never: nothing in the file says that it is sound."""
    return False


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput always: the layout is not in the file."""
    raise UnsupportedInput("raw samples need their layout")


def parse_as(data: bytes, layout: str) -> Parsed:
    """The samples of a layout; an incomplete last one is kept aside. Raises UnsupportedInput for unknown layouts."""
    found = _LAYOUT.fullmatch(layout)
    if found is None:
        raise UnsupportedInput(f"{layout!r} is no layout of samples; say for example s16le,2")
    short, bits, order, channels = found.groups()
    pcm = Pcm(int(channels), 1 if short else int(bits) // 8, big=order == "be", unsigned=short == "u")
    symbols, stop = pcm_symbols(data, 0, len(data), pcm)
    return Parsed((symbols,), _SIDE.pack(pcm.channels, pcm.width, pcm.big, pcm.unsigned) + data[stop:])


def pieces(parsed: Parsed) -> Iterator[bytes]:
    """The file again, piece by piece."""
    channels, width, big, unsigned = parsed.head(_SIDE)
    yield from pcm_pieces(parsed.parts[0].array, Pcm(channels, width, bool(big), bool(unsigned)))
    yield parsed.side[_SIDE.size :]


def build(parsed: Parsed) -> bytes:
    """The file again."""
    return b"".join(pieces(parsed))
