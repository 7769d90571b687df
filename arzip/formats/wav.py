"""WAV (RIFF, RF64, BW64): integer samples to the audio engine, everything before and after them as side data.

Chunks are walked up to the samples; sizes that lie (0, all ones, beyond the end of the file) end at the end of the
file, and what is left of an incomplete last sample belongs to the trailer. How samples lie is in the header, which is
all that building needs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from arzip.errors import UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.pcm import Pcm, pcm_pieces, pcm_symbols

__all__ = ["INTEGERS", "NAME", "build", "layout", "parse", "pieces", "sniff"]

NAME = "WAV"
INTEGERS, _EXTENSIBLE = 1, 0xFFFE  # kinds of samples
_UNKNOWN = (0, 0xFFFFFFFF)  # sizes that writers leave when they cannot go back
_MOST_HEADER = 1 << 24
_LENGTH = struct.Struct("<I")  # of the header, at the beginning of the side data


def sniff(data: bytes) -> bool:
    """Whether the data begins as a WAV file."""
    return data[:4] in (b"RIFF", b"RF64", b"BW64") and data[8:12] == b"WAVE"


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput for samples that are not integers and for files without samples."""
    begin, size, pcm = layout(data, INTEGERS)
    end = len(data) if size is None else min(begin + size, len(data))
    symbols, stop = pcm_symbols(data, begin, end, pcm)
    return Parsed((symbols,), _LENGTH.pack(begin) + data[:begin] + data[stop:])


def pieces(parsed: Parsed) -> Iterator[bytes]:
    """The file again, piece by piece."""
    (size,) = parsed.head(_LENGTH)
    header, trailer = parsed.side[_LENGTH.size : _LENGTH.size + size], parsed.side[_LENGTH.size + size :]
    yield header
    yield from pcm_pieces(parsed.parts[0].array, layout(header, INTEGERS)[2])
    yield trailer


def build(parsed: Parsed) -> bytes:
    """The file again."""
    return b"".join(pieces(parsed))


def layout(data: bytes, kind: int) -> tuple[int, int | None, Pcm]:
    """Where the samples begin, how many bytes the header says they take (None: it does not), and how they lie.

    Raises UnsupportedInput for samples of another kind, or none.
    """
    at, pcm, long_size = 12, None, None
    while at + 8 <= min(len(data), _MOST_HEADER):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"data":
            if pcm is None:
                break
            return at, long_size if size in _UNKNOWN else size, pcm
        if name == b"ds64" and at + 16 <= len(data):
            long_size = struct.unpack_from("<Q", data, at + 8)[0]
        if name == b"fmt ":
            pcm = _format(data[at : at + size], kind)
        at += size + (size & 1)
    raise UnsupportedInput("no samples with a description before them")


def _format(body: bytes, kind: int) -> Pcm:
    if len(body) < 16:
        raise UnsupportedInput("the description of the samples is truncated")
    tag, channels, _, _, block, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)
    if tag != kind:
        raise UnsupportedInput(f"samples of kind {tag} (floating point or compressed) are not taken apart")
    if not channels or block % channels or bits > 8 * (block // channels):
        raise UnsupportedInput(f"{bits} bits in {block} bytes for {channels} channels cannot be")
    return Pcm(channels, block // channels, unsigned=block == channels)
