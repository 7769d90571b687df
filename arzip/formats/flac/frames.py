"""Frames of FLAC (RFC 9639, section 9): all of a file to samples and fields, and back.

A frame's number is not a field: it must be one more than the last frame's, or the first sample's index where blocks
vary. Checksums are computed again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from arzip.compiled import Integer, compiled
from arzip.formats.flac.bits import frame_check, get, header_check, put
from arzip.formats.flac.subframes import HEADERS, STREAMS, read_subframe, take, write_subframe

__all__ = ["MOST_BLOCK", "read_frames", "write_frames"]

MOST_BLOCK = 65536  # samples of a channel in a frame
_SYNC = 0x3FFE
_LEFT_SIDE, _RIGHT_SIDE, _MID_SIDE = 8, 9, 10
_FAILED = -1


@compiled
def _block_size(code: Integer, extra: Integer) -> Integer:
    """Samples of a channel; 0 for the reserved code."""
    if code == 1:
        return np.int64(192)
    if 2 <= code <= 5:
        return np.int64(576) << (code - 2)
    if code >= 8:
        return np.int64(256) << (code - 8)
    return extra + 1 if code >= 6 else np.int64(0)


@compiled
def _number_bytes(number: Integer) -> Integer:
    """Bytes of the extended UTF-8 form of a number below 2^36."""
    if number < 0x80:
        return np.int64(1)
    count = np.int64(2)
    while number >> (5 * count + 1) > 0:
        count += 1
    return count


@compiled
def _put_number(out: Any, at: Integer, number: Integer) -> Integer:
    count = _number_bytes(number)
    if count == 1:
        return put(out, at, number, 8)
    at = put(out, at, (0xFF00 >> count & 0xFF) | number >> (6 * (count - 1)), 8)
    for i in range(count - 2, -1, -1):
        at = put(out, at, 0x80 | (number >> (6 * i) & 0x3F), 8)
    return at


@compiled
def _get_number(data: Any, at: Integer) -> Integer:
    """The number, or -1 where its first byte is impossible."""
    first = get(data, at, 8)
    if first < 0x80:
        return first
    count = np.int64(0)
    while count < 8 and first << count & 0x80:
        count += 1
    if not 2 <= count <= 7:
        return np.int64(_FAILED)
    value = first & (0x7F >> count)
    for i in range(1, count):
        value = value << 6 | (get(data, at + 8 * i, 8) & 0x3F)
    return value


@compiled
def _extra_bits(code: Integer, rate: Integer) -> tuple[Integer, Integer]:
    """Bits of the block size and of the rate that follow the number."""
    wide = 8 if code == 6 else 16 if code == 7 else 0
    return np.int64(wide), np.int64(8 if rate == 12 else 16 if rate in (13, 14) else 0)


@compiled
def _channel_bits(layout: Integer, c: Integer, bits: Integer) -> Integer:
    """A difference of channels has one bit more."""
    side = (layout == _LEFT_SIDE and c == 1) or (layout == _RIGHT_SIDE and c == 0) or (layout == _MID_SIDE and c == 1)
    return bits + 1 if side else bits


@compiled
def _read_frame(
    data: Any, first: Integer, end: Integer, numbers: Any, samples: Any, done: Integer, bits: Integer, work: Any,
    weights: Any, fields: Any, counts: Any,
) -> tuple[Integer, Integer]:  # fmt: skip
    """One frame from byte `first` on; (byte after it, its samples), or (-1, 0)."""
    failed = np.int64(_FAILED), np.int64(0)
    at = first * 8
    if first >= end or get(data, at, 14) != _SYNC:
        return failed
    head = get(data, at + 14, 18)
    varying, code, rate, layout = head >> 16 & 1, head >> 12 & 15, head >> 8 & 15, head >> 4 & 15
    number = _get_number(data, at + 32)
    if numbers[0] < 0:
        numbers[0] = number
        numbers[1] = number
    if number < 0 or number != (numbers[0] + done if varying else numbers[1]):
        return failed
    at += 32 + 8 * _number_bytes(number)
    wide, rate_wide = _extra_bits(code, rate)
    extra = get(data, at, wide)
    extra_rate = get(data, at + wide, rate_wide)
    size = _block_size(code, extra)
    at += wide + rate_wide + 8
    channels = samples.shape[1]
    if size == 0 or size > MOST_BLOCK or done + size > samples.shape[0]:
        return failed
    if layout > _MID_SIDE or (layout < 8 and layout + 1 != channels) or (layout >= 8 and channels != 2):
        return failed
    for value in (head >> 9, head & 511, extra, extra_rate):
        if counts[HEADERS] < fields.shape[1]:
            fields[HEADERS, counts[HEADERS]] = value - 65536 if value > 32767 else value
            counts[HEADERS] += 1
    for c in range(channels):
        at = read_subframe(data, at, end * 8, work[c], size, _channel_bits(layout, c, bits), weights, fields, counts)
        if at < 0:
            return failed
    _from_layout(work, size, layout)
    for c in range(channels):
        for t in range(size):
            samples[done + t, c] = work[c, t]
    numbers[1] += 1
    return (at + 7 >> 3) + 2, size


@compiled
def _from_layout(work: Any, size: Integer, layout: Integer) -> None:
    """Differences and means of two channels to the channels."""
    for t in range(size if layout >= 8 else 0):
        a, b = work[0, t], work[1, t]
        if layout == _LEFT_SIDE:
            work[1, t] = a - b
        elif layout == _RIGHT_SIDE:
            work[0, t] = a + b
        else:
            middle = a << 1 | (b & 1)
            work[0, t] = (middle + b) >> 1
            work[1, t] = (middle - b) >> 1


@compiled
def _to_layout(work: Any, size: Integer, layout: Integer) -> None:
    """The inverse of `_from_layout`."""
    for t in range(size if layout >= 8 else 0):
        a, b = work[0, t], work[1, t]
        if layout == _LEFT_SIDE:
            work[1, t] = a - b
        elif layout == _RIGHT_SIDE:
            work[0, t] = a - b
        else:
            work[0, t] = (a + b) >> 1
            work[1, t] = a - b


@compiled
def read_frames(
    data: Any, first: Integer, end: Integer, numbers: Any, samples: Any, bits: Integer, work: Any, weights: Any,
    fields: Any, counts: Any,
) -> tuple[Integer, Integer, Integer]:  # fmt: skip
    """All frames that can be read; (byte after the last, samples of a channel, frames).

    numbers int64 [2] begins as -1 and holds the first frame's number; samples int32 [T, C]; work int64 [C, MOST_BLOCK];
    weights int64 [32]; fields int16 [STREAMS, n] with their counts.
    """
    done = np.int64(0)
    frames = np.int64(0)
    while done < samples.shape[0]:
        a, b, c, d = counts[0], counts[1], counts[2], counts[3]
        following, size = _read_frame(data, first, end, numbers, samples, done, bits, work, weights, fields, counts)
        if following < 0 or following > end:
            counts[0] = a
            counts[1] = b
            counts[2] = c
            counts[3] = d
            break
        first = following
        done += size
        frames += 1
    return first, done, frames


@compiled
def write_frames(
    out: Any, frames: Integer, number: Integer, samples: Any, bits: Integer, work: Any, weights: Any, fields: Any,
    residuals: Any,
) -> Integer:  # fmt: skip
    """The inverse of `read_frames`; bytes written, or -1 where fields are damaged or `out` is too small."""
    counts_place = residuals[:STREAMS]
    values = residuals[STREAMS:]
    for i in range(STREAMS):
        counts_place[i] = 0
    at = np.int64(0)
    done = np.int64(0)
    channels = samples.shape[1]
    for frame in range(frames):
        first = at
        high, low = take(fields, counts_place, HEADERS), take(fields, counts_place, HEADERS)
        extra, extra_rate = take(fields, counts_place, HEADERS), take(fields, counts_place, HEADERS)
        head = (high & 511) << 9 | (low & 511)
        varying, code, rate, layout = head >> 16 & 1, head >> 12 & 15, head >> 8 & 15, head >> 4 & 15
        size = _block_size(code, extra & 0xFFFF)
        if size == 0 or size > MOST_BLOCK or done + size > samples.shape[0] or first + 64 > out.shape[0]:
            return np.int64(_FAILED)
        spot = put(out, put(out, at * 8, _SYNC, 14), head, 18)
        spot = _put_number(out, spot, number + (done if varying else frame))
        wide, rate_wide = _extra_bits(code, rate)
        spot = put(out, put(out, spot, extra & 0xFFFF, wide), extra_rate & 0xFFFF, rate_wide)
        spot = put(out, spot, header_check(out, first, spot >> 3), 8)
        for c in range(channels):
            for t in range(size):
                work[c, t] = samples[done + t, c]
        _to_layout(work, size, layout)
        for c in range(channels):
            wide_bits = _channel_bits(layout, c, bits)
            spot = write_subframe(out, spot, work[c], size, wide_bits, weights, fields, counts_place, values)
            if spot < 0:
                return np.int64(_FAILED)
        at = spot + 7 >> 3
        at = put(out, at * 8, frame_check(out, first, at), 16) >> 3
        done += size
    return at
