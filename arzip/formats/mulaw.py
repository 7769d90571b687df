"""Mu-law codes of 8 bits, as telephony uses them (ITU-T G.711), and WAV files that hold them.

A code's rank -128..127 rises with the loudness that it stands for: -128 is the most negative, -1 and 0 are the two
smallest. The format is taken only for a model of sound that was asked for by name; without one the codes are bytes to
the byte engine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.errors import UnsupportedInput
from arzip.formats import wav
from arzip.formats.base import Parsed
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "compressed", "expanded", "mulaw_wav", "parse", "pieces", "sniff"]

NAME = "mu-law WAV"
_TAG = 7
_BIAS, _LOUDEST = 33, 8158  # of 14-bit samples
_LENGTH = struct.Struct("<I")  # of the header, at the beginning of the side data
sniff = wav.sniff


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput for WAV files with other samples."""
    begin, size, pcm = wav.layout(data, _TAG)
    if pcm.width != 1:
        raise UnsupportedInput(f"mu-law codes of {pcm.width} bytes cannot be")
    end = len(data) if size is None else min(begin + size, len(data))
    length = (end - begin) // pcm.channels
    stop = begin + length * pcm.channels
    codes = np.frombuffer(data, np.uint8, stop - begin, begin).reshape(length, pcm.channels)
    return Parsed((Symbols("audio", _ranks(codes), 8),), _LENGTH.pack(begin) + data[:begin] + data[stop:])


def pieces(parsed: Parsed) -> Iterator[bytes]:
    """The file again, piece by piece."""
    (size,) = parsed.head(_LENGTH)
    yield parsed.side[_LENGTH.size : _LENGTH.size + size]
    yield _codes(parsed.parts[0].array).tobytes()
    yield parsed.side[_LENGTH.size + size :]


def build(parsed: Parsed) -> bytes:
    """The file again."""
    return b"".join(pieces(parsed))


def _ranks(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Ranks of codes; a code's upper bit says that the sample is positive, its lower ones are inverted."""
    wide = codes.astype(np.int16)
    ranks: NDArray[np.int16] = np.where(wide < 128, wide - 128, 255 - wide).astype(np.int16)
    return ranks


def _codes(ranks: NDArray[Any]) -> NDArray[np.uint8]:
    codes: NDArray[np.uint8] = np.where(ranks < 0, ranks + 128, 255 - ranks).astype(np.uint8)
    return codes


def compressed(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Ranks of samples of 16 bits; of their size the upper 13 bits count."""
    size = np.minimum(np.abs(samples.astype(np.int32)) >> 2, _LOUDEST) + _BIAS
    segment = np.frexp(size.astype(np.float64))[1] - 6  # frexp is exact: 33 .. 8191 lie in segments 0 .. 7
    rank = 16 * segment + ((size >> (segment + 1)) & 15)
    ranks: NDArray[np.int16] = np.where(samples < 0, ~rank, rank).astype(np.int16)
    return ranks


def expanded(ranks: NDArray[Any]) -> NDArray[np.int16]:
    """The samples of 16 bits that ranks stand for: the middles of their steps."""
    rank = np.where(ranks < 0, ~ranks, ranks).astype(np.int32)
    segment, step = rank >> 4, rank & 15
    size = ((2 * step + _BIAS) << segment) - _BIAS
    samples: NDArray[np.int16] = (4 * np.where(ranks < 0, -size, size)).astype(np.int16)
    return samples


def mulaw_wav(ranks: NDArray[Any], rate: int) -> bytes:
    """A WAV file of ranks [T, C]."""
    body, channels = _codes(ranks).tobytes(), ranks.shape[1]
    form = struct.pack("<4sIHHIIHHH", b"fmt ", 18, _TAG, channels, rate, rate * channels, channels, 8, 0)
    inside = b"WAVE" + form + struct.pack("<4sI", b"data", len(body)) + body + b"\0" * (len(body) & 1)
    return struct.pack("<4sI", b"RIFF", len(inside)) + inside
