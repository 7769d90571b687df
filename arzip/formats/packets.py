"""Run-length packets of TGA and TIFF (PackBits) opened, and made again from their items.

    open_packets(data, dialect, limit=...) -> OpenedPackets          close_packets(items, recipe, dialect) -> same bytes

A packet is a header byte and either one item to be repeated or as many items as it says; an item is a pixel or a byte.
The encoder is predicted from where the packet before it ended: equal items as long as there are at least `least` of
them, else all items up to the next such run, never more than 128, perhaps never beyond the end of a row. The recipe
holds the best of these ways and every header that differs (right packets before it, and the header).

[1] Truevision TGA File Format Specification, version 2.0.   [2] TIFF 6.0, section 9, PackBits compression.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arzip.compiled import allocating
from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.deflate.bits import grown, grown_rows
from arzip.formats.deflate.fields import FieldReader, FieldWriter, pack_numbers, unpack_numbers

__all__ = ["Dialect", "OpenedPackets", "close_packets", "open_packets"]

MOST = 128  # items of a packet
# least run, least run inside of other items, whether rows end packets, whether two runs of two end other items as well
WAYS = ((2, 2, 1, 0), (2, 2, 0, 0), (3, 3, 1, 0), (3, 3, 0, 0), (2, 3, 1, 0), (2, 3, 0, 0), (2, 3, 1, 1))
TRUNCATED, TOO_LONG = 1, 2


@dataclass(frozen=True)
class Dialect:
    """item: bytes of one; row: items of a row; signed: PackBits' headers (TIFF), else TGA's."""

    item: int
    row: int
    signed: bool


@dataclass(frozen=True)
class OpenedPackets:
    """Items [N, item] as bytes, how to make the packets again, and how many bytes they were long."""

    items: bytes
    recipe: bytes
    consumed: int


@allocating
def _header(run, count, signed):
    """The header byte of a packet."""
    if signed:
        return 257 - count if run else count - 1
    return 128 | (count - 1) if run else count - 1


@allocating
def _read(data, item, signed, wanted):
    """Packets until `wanted` items: (status, items as bytes, headers, bytes read)."""
    items, headers = np.zeros(wanted * item, np.uint8), np.zeros(64, np.uint8)
    done, position, packet = np.int64(0), np.int64(0), np.int64(0)
    while done < wanted:
        if position >= data.shape[0]:
            return TRUNCATED, items, headers[:packet], position
        header = np.int64(data[position])
        headers = grown(headers, packet + 1)
        headers[packet] = header
        packet += 1
        position += 1
        if signed and header == 128:  # does nothing
            continue
        run = header >= 128
        count = (257 - header if run else header + 1) if signed else (header & 127) + 1
        size = item if run else item * count
        if done + count > wanted:
            return TOO_LONG, items, headers[:packet], position
        if position + size > data.shape[0]:
            return TRUNCATED, items, headers[:packet], position
        for index in range(count * item):
            items[done * item + index] = data[position + (index % item if run else index)]
        done += count
        position += size
    return 0, items, headers[:packet], position


@allocating
def _equal(items, item, at, end):
    """How many items from `at` on are equal, at most MOST and not beyond `end`."""
    count = np.int64(1)
    while at + count < end and count < MOST:
        for byte in range(item):
            if items[(at + count) * item + byte] != items[at * item + byte]:
                return count
        count += 1
    return count


@allocating
def _walk(items, item, row, signed, way, headers, given, encoding):
    """Headers to notes [K, 2], or notes to the stream: (status, stream, notes); see `lzw` for the same idea."""
    total = items.shape[0] // item
    out, notes = np.zeros(0 if encoding else 2 * items.shape[0] + 64, np.uint8), np.zeros((64, 2), np.int64)
    done, position, packet, right, note = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    while done < total:
        end = min(total, (done // row + 1) * row) if way[2] else total
        count = _equal(items, item, done, end)
        run = count >= way[0]
        if not run:
            while count < MOST and done + count < end:
                following = _equal(items, item, done + count, end)
                if following >= way[1]:
                    break
                after = done + count + 2
                if way[3] and following == 2 and after < end and _equal(items, item, after, end) >= 2:
                    break
                count += 1
        header = _header(run, count, signed)
        if encoding:
            if headers[packet] != header:
                notes = grown_rows(notes, note + 1)
                notes[note, 0], notes[note, 1] = right, headers[packet]
                header = np.int64(headers[packet])
                right = np.int64(0)
                note += 1
            else:
                right += 1
            packet += 1
        else:
            if note < given.shape[0] and given[note, 0] == right:
                header, right = given[note, 1], np.int64(0)
                note += 1
            else:
                right += 1
            out = grown(out, position + 1 + MOST * item)
            out[position] = header
            position += 1
        if signed and header == 128:
            continue
        run = header >= 128
        count = (257 - header if run else header + 1) if signed else (header & 127) + 1
        if done + count > total:
            return TRUNCATED, out[:0], notes[:0]
        if not encoding:
            size = item if run else item * count
            for index in range(size):
                out[position + index] = items[done * item + index]
            position += size
        done += count
    return 0, out[:position], notes[:note]


def open_packets(data: bytes | memoryview, dialect: Dialect, *, items: int, limit: int) -> OpenedPackets:
    """Open packets for so many items at the start of `data`. Raises UnsupportedInput if they are not there, or end
    inside a packet; LimitExceeded for more than `limit` bytes."""
    if items * dialect.item > limit or items > MOST * len(data):
        raise LimitExceeded(f"run-length packets claim more than the {limit} bytes allowed, or than they can hold")
    source = np.frombuffer(data, np.uint8)
    status, plain, headers, consumed = _read(source, dialect.item, int(dialect.signed), items)
    if status:
        raise UnsupportedInput("run-length packets do not fill their picture")
    nothing, best = np.zeros((0, 2), np.int64), None
    for index, way in enumerate(WAYS):
        notes = _walk(
            plain, dialect.item, dialect.row, int(dialect.signed), np.array(way, np.int64), headers, nothing, 1
        )[2]
        if best is None or len(notes) < len(best[1]):
            best = index, notes
    assert best is not None
    writer = FieldWriter().number(best[0]).blob(pack_numbers(best[1][:, 0]))
    return OpenedPackets(plain.tobytes(), writer.raw(pack_numbers(best[1][:, 1])).done(), int(consumed))


def close_packets(items: bytes, recipe: bytes, dialect: Dialect) -> bytes:
    """The packets again. Raises CorruptArchive if the recipe is damaged or does not belong to the items."""
    reader = FieldReader(recipe)
    way, gaps = reader.number(), unpack_numbers(reader.blob())
    headers = unpack_numbers(reader.raw(reader.left))
    if way >= len(WAYS) or len(gaps) != len(headers) or np.any(headers > 255):
        raise CorruptArchive("the recipe of run-length packets is damaged")
    plain: npt.NDArray[np.uint8] = np.frombuffer(items, np.uint8).copy()
    nothing, notes = np.zeros(0, np.uint8), np.stack([gaps, headers], axis=1)
    status, out, _ = _walk(
        plain, dialect.item, dialect.row, int(dialect.signed), np.array(WAYS[way], np.int64), nothing, notes, 0
    )
    if status:
        raise CorruptArchive("the recipe of run-length packets does not fit its items")
    return bytes(out.data)
