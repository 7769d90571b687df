"""FLAC from any encoder: samples to the audio engine, what the encoder chose as side data, and the same stream again.

The stream is not encoded anew: every choice (predictors, their coefficients, Rice parameters) is a field of the side
data, and everything else follows from the samples. What frames do not explain is kept as it is.
"""

from __future__ import annotations

import struct

import numpy as np

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.flac.bits import SPARE
from arzip.formats.flac.frames import MOST_BLOCK, read_frames, write_frames
from arzip.formats.flac.subframes import STREAMS
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "FLAC"
_MAGIC = b"fLaC"
_HEAD = struct.Struct("<QQQQ4Q")  # header, frames and their number, bytes of the frames, fields of each stream
_MOST_SAMPLES = 1 << 30
_ORDERS = 32


def sniff(data: bytes) -> bool:
    """Whether the data begins as a FLAC file."""
    return data[:4] == _MAGIC


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput for files without frames that can be read, of unknown length, or of 32 bits."""
    begin, channels, bits, total = _stream_info(data)
    if not 4 <= bits <= 24 or not 0 < total * channels <= min(_MOST_SAMPLES, 4096 * len(data)):
        raise UnsupportedInput("a stream of unknown length or unusual depth is not taken apart")
    padded = np.frombuffer(data + bytes(SPARE), np.uint8)
    samples = np.zeros((total, channels), np.int32)
    fields, counts = np.zeros((STREAMS, len(data) // 2 + (1 << 16)), np.int16), np.zeros(STREAMS, np.int64)
    numbers, work = np.full(2, -1, np.int64), np.zeros((channels, MOST_BLOCK), np.int64)
    weights = np.zeros(_ORDERS, np.int64)
    end, done, frames = read_frames(padded, begin, len(data), numbers, samples, bits, work, weights, fields, counts)
    if not done:
        raise UnsupportedInput("its frames cannot be read")
    samples = samples[:done]
    half = 1 << (bits - 1)
    if int(samples.min()) < -half or int(samples.max()) >= half:
        raise UnsupportedInput("samples beyond their depth")
    array = samples.astype("<i2" if bits <= 16 else "<i4")
    head = _HEAD.pack(begin, int(frames), max(int(numbers[0]), 0), int(end) - begin, *counts.tolist())
    streams = b"".join(_planes(fields[i, : counts[i]]) for i in range(STREAMS))
    return Parsed((Symbols("audio", array, bits),), head + streams + data[:begin] + data[end:])


def build(parsed: Parsed) -> bytes:
    """The file again; raises CorruptArchive on damaged side data."""
    begin, frames, number, size, *counts = parsed.head(_HEAD)
    samples, at = parsed.parts[0].array, _HEAD.size
    if 2 * sum(counts) + begin > len(parsed.side) or size > 8 * samples.size + (1 << 20) * (1 + frames):
        raise CorruptArchive("the side data of a FLAC file are damaged")
    fields = np.zeros((STREAMS, max(counts)), np.int16)
    for i, count in enumerate(counts):
        planes = np.frombuffer(parsed.side, np.uint8, 2 * count, at).reshape(2, count)
        fields[i, :count] = np.ascontiguousarray(planes.T).reshape(-1).view("<i2")
        at += 2 * count
    header, trailer = parsed.side[at : at + begin], parsed.side[at + begin :]
    channels = samples.shape[1]
    out, work = np.zeros(size + 6 * MOST_BLOCK + 64, np.uint8), np.zeros((channels, MOST_BLOCK), np.int64)
    scratch, weights = np.zeros(STREAMS + MOST_BLOCK, np.int64), np.zeros(_ORDERS, np.int64)
    bits = parsed.parts[0].depth
    made = write_frames(out, frames, number, samples.astype(np.int32), bits, work, weights, fields, scratch)
    if made != size:
        raise CorruptArchive("the frames of a FLAC file cannot be made again: the side data are damaged")
    return header + out[:size].tobytes() + trailer


def _planes(values: np.ndarray) -> bytes:
    """Numbers of 16 bits as all low bytes, then all high bytes."""
    return np.ascontiguousarray(values.astype("<i2").view(np.uint8).reshape(-1, 2).T).tobytes()


def _stream_info(data: bytes) -> tuple[int, int, int, int]:
    """Where the frames begin, channels, bits of a sample, samples of a channel."""
    at, info = 4, None
    while at + 4 <= len(data):
        head = int.from_bytes(data[at : at + 4], "big")
        kind, size = head >> 24 & 127, head & 0xFFFFFF
        at += 4
        if kind == 0 and size >= 34 and at + 34 <= len(data):
            info = int.from_bytes(data[at + 10 : at + 18], "big")
        at += size
        if head >> 31:
            if info is None or at > len(data):
                break
            return at, (info >> 41 & 7) + 1, (info >> 36 & 31) + 1, info & 0xFFFFFFFFF
    raise UnsupportedInput("the description of the stream is missing or truncated")
