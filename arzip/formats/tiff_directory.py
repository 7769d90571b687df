"""The directories of a TIFF file: which strips or tiles hold which picture.

Only the fields that say how pixels are laid out are read; nothing is judged beyond that.

[1] TIFF Revision 6.0, Adobe, 1992, sections 2 and 15.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["Plan", "Segment", "plans"]

MOST_DIRECTORIES = 1 << 12
MOST_VALUES = 1 << 22
SIZES = {1: 1, 3: 2, 4: 4}  # bytes of the types BYTE, SHORT, LONG
WIDTH, HEIGHT, BITS, COMPRESSION, STRIPS, SAMPLES, ROWS = 256, 257, 258, 259, 273, 277, 278
STRIP_BYTES, PLANAR = 279, 284
PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, FORMAT = 317, 322, 323, 324, 325, 339


@dataclass(frozen=True)
class Plan:
    """How the pixels of one picture lie in its segments.

    height, width: of the picture, whole tiles counted; rows, columns: of a segment (the last strip has fewer rows);
    channels: in a segment; planes: how often the segments cover the picture; depth: 8 or 16; big: byte order.
    """

    height: int
    width: int
    rows: int
    columns: int
    channels: int
    planes: int
    depth: int
    big: bool
    compression: int
    predictor: int

    @property
    def segments(self) -> int:
        """The number of segments."""
        return self.planes * -(-self.height // self.rows) * -(-self.width // self.columns)

    def rows_of(self, index: int) -> int:
        """The rows of a segment."""
        down = index // -(-self.width // self.columns) % -(-self.height // self.rows)
        return min(self.rows, self.height - down * self.rows)

    def size_of(self, index: int) -> int:
        """The bytes of a segment's pixels."""
        return self.rows_of(index) * self.columns * self.channels * self.depth // 8


@dataclass(frozen=True)
class Segment:
    """Segment `index` of picture `picture` lies at data[start:end]."""

    start: int
    end: int
    picture: int
    index: int


def plans(data: bytes) -> tuple[list[Plan], list[Segment]]:
    """All pictures that can be laid out, and their segments in the order of the file, without overlaps."""
    order = "<" if data[:2] == b"II" else ">"
    found: list[Plan] = []
    segments: list[Segment] = []
    seen: set[int] = set()
    (place,) = struct.unpack_from(order + "I", data, 4)
    while 8 <= place <= len(data) - 6 and place not in seen and len(seen) < MOST_DIRECTORIES:
        seen.add(place)
        fields, place = _directory(data, place, order)
        plan = _plan(fields, order == ">")
        if plan is None:
            continue
        starts = fields.get(STRIPS) or fields.get(TILES) or []
        sizes = fields.get(STRIP_BYTES) or fields.get(TILE_BYTES) or []
        if len(starts) != plan.segments or len(sizes) != plan.segments:
            continue
        for index, (start, size) in enumerate(zip(starts, sizes, strict=True)):
            segments.append(Segment(start, start + size, len(found), index))
        found.append(plan)
    segments.sort(key=lambda segment: segment.start)
    position, damaged = 8, set()
    for segment in segments:
        if segment.start < position or segment.end > len(data):
            damaged.add(segment.picture)
        position = max(position, segment.end)
    if damaged:
        # Pictures that share bytes, or lie outside of the file, stay closed.
        kept = [number for number in range(len(found)) if number not in damaged]
        places = {number: place for place, number in enumerate(kept)}
        segments = [Segment(s.start, s.end, places[s.picture], s.index) for s in segments if s.picture in places]
        found = [found[number] for number in kept]
    return found, segments


def _directory(data: bytes, place: int, order: str) -> tuple[dict[int, list[int]], int]:
    """The whole-number fields of a directory, and where the next one is (0: nowhere)."""
    (count,) = struct.unpack_from(order + "H", data, place)
    fields: dict[int, list[int]] = {}
    end = place + 2 + 12 * count
    if end + 4 > len(data):
        return fields, 0
    for entry in range(place + 2, end, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        size = SIZES.get(kind, 0) * number
        at = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        if kind in SIZES and number <= MOST_VALUES and at + size <= len(data):
            fields[tag] = list(struct.unpack_from(f"{order}{number}{'_BBHI'[kind] if kind < 4 else 'I'}", data, at))
    return fields, struct.unpack_from(order + "I", data, end)[0]


def _plan(fields: dict[int, list[int]], big: bool) -> Plan | None:
    """The plan of a directory's picture, if it is of a kind that can be laid out."""

    def one(tag: int, otherwise: int = 0) -> int:
        return (fields.get(tag) or [otherwise])[0]

    height, width, samples = one(HEIGHT), one(WIDTH), one(SAMPLES, 1)
    depths, planar = fields.get(BITS, [1]), one(PLANAR, 1)
    formats = fields.get(FORMAT, [1])
    if not height or not width or not 1 <= samples <= 8 or set(depths) not in ({8}, {16}) or set(formats) != {1}:
        return None
    rows, columns = min(one(ROWS, height) or height, height), width
    if TILES in fields:
        rows, columns = one(TILE_HEIGHT), one(TILE_WIDTH)
        if not rows or not columns:
            return None
        height, width = -(-height // rows) * rows, -(-width // columns) * columns
    channels, planes = (1, samples) if planar == 2 else (samples, 1)
    predictor = one(PREDICTOR, 1)
    if predictor not in (1, 2) or planar not in (1, 2) or (channels > 4 and planes == 1):
        return None
    return Plan(height, width, rows, columns, channels, planes, depths[0], big, one(COMPRESSION, 1), predictor)
