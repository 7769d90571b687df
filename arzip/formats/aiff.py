"""AIFF and AIFC without compression (NONE, twos, sowt, in24, in32): samples to the audio engine, the rest aside."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from arzip.errors import UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.pcm import Pcm, pcm_pieces, pcm_symbols

__all__ = ["NAME", "build", "parse", "pieces", "sniff"]

NAME = "AIFF"
_BIG = (b"NONE", b"twos", b"in24", b"in32")
_MOST_HEADER = 1 << 24
_LENGTH = struct.Struct("<I")  # of the header, at the beginning of the side data


def sniff(data: bytes) -> bool:
    """Whether the data begins as an AIFF or AIFC file."""
    return data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC")


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput for compressed samples and for files that describe their samples after them."""
    begin, size, pcm = _layout(data)
    symbols, stop = pcm_symbols(data, begin, min(begin + size, len(data)), pcm)
    return Parsed((symbols,), _LENGTH.pack(begin) + data[:begin] + data[stop:])


def pieces(parsed: Parsed) -> Iterator[bytes]:
    """The file again, piece by piece."""
    (size,) = parsed.head(_LENGTH)
    header, trailer = parsed.side[_LENGTH.size : _LENGTH.size + size], parsed.side[_LENGTH.size + size :]
    yield header
    yield from pcm_pieces(parsed.parts[0].array, _layout(header)[2])
    yield trailer


def build(parsed: Parsed) -> bytes:
    """The file again."""
    return b"".join(pieces(parsed))


def _layout(data: bytes) -> tuple[int, int, Pcm]:
    """Where the samples begin, how many bytes the header says they take, and how they lie."""
    at, pcm = 12, None
    while at + 8 <= min(len(data), _MOST_HEADER):
        name, size = struct.unpack_from(">4sI", data, at)
        at += 8
        if name == b"SSND" and pcm is not None and at + 8 <= len(data):
            (offset,) = struct.unpack_from(">I", data, at)
            begin = at + 8 + offset
            if begin > len(data) or size < 8 + offset:
                break
            return begin, size - 8 - offset, pcm
        if name == b"COMM":
            pcm = _common(data[at : at + size], data[8:12] == b"AIFC")
        at += size + (size & 1)
    raise UnsupportedInput("no samples with a description before them")


def _common(body: bytes, compressed: bool) -> Pcm:
    if len(body) < (22 if compressed else 18):
        raise UnsupportedInput("the description of the samples is truncated")
    channels, _, bits = struct.unpack_from(">hIh", body)
    packed = body[18:22] if compressed else b"NONE"
    if packed not in (*_BIG, b"sowt"):
        raise UnsupportedInput("compressed or floating-point samples are not taken apart")
    return Pcm(channels, (bits + 7) // 8, big=packed != b"sowt")
