"""Files inside files: every part of an opened file is tried as a file of its own, down to a fixed depth.

    opened(number, parsed, size, formats) -> Parsed          Nested(formats).build(parsed) -> the outermost file

A node of the tree is a file that a format took apart; a leaf is a run of bytes or symbols of another kind. All bytes
leaves are laid end to end into one part, so that the adaptive engine learns from one member for the next; so are
pictures too small for a model of their own. All other leaves stay parts, in order, behind that one. Side data:

    blob of numbers, nodes before their children     0, length | 1 | 2, rows, columns, channels, depth | 3 + format,
                                                     number of children
    the side data of every node as a blob, in the same order

The caller proves that the outermost file comes back. Depth, parts and bytes of all nodes together are limited.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.base import Format, Parsed
from arzip.formats.deflate.fields import FieldReader, FieldWriter, pack_numbers, unpack_numbers
from arzip.formats.limits import room_for
from arzip.symbols import Symbols

__all__ = ["Nested", "opened"]

NAME = "nested"
DEEPEST = 5  # files inside one another
MOST_PARTS = 1 << 16  # in all files together; what is beyond stays closed
SMALLEST_PICTURE = 2048  # samples; smaller ones go with the bytes
RUN, PART, SMALL, NODE = 0, 1, 2, 3

Formats = Mapping[int, Format]


@dataclass(frozen=True)
class Node:
    """A file taken apart: its format and what stands for each of its parts."""

    number: int
    side: bytes
    children: tuple[Node | Symbols, ...]


@dataclass
class _Room:
    """What may still be opened."""

    bytes: int
    parts: int = MOST_PARTS

    def holds(self, parsed: Parsed) -> bool:
        return len(parsed.parts) <= self.parts and sum(part.array.nbytes for part in parsed.parts) <= self.bytes

    def take(self, parsed: Parsed) -> None:
        self.parts -= len(parsed.parts)
        self.bytes -= sum(part.array.nbytes for part in parsed.parts)


def opened(number: int, parsed: Parsed, size: int, formats: Formats) -> Parsed:
    """The file of `size` bytes and format `number` with all files inside it opened, for `Nested(formats).build`."""
    room = _Room(2 * room_for(size))  # what an archive holds counts once more where it is opened
    room.take(parsed)
    numbers: list[int] = []
    sides: list[bytes] = []
    runs: list[npt.NDArray[Any]] = []
    parts: list[Symbols] = []
    _flatten(_grown(number, parsed, formats, room, DEEPEST - 1), numbers, sides, runs, parts)
    writer = FieldWriter().blob(pack_numbers(np.array(numbers, np.int64)))
    for side in sides:
        writer.blob(side)
    together = np.concatenate(runs) if runs else np.zeros(0, np.uint8)
    return Parsed((Symbols("bytes", together), *parts), writer.done())


def _grown(number: int, parsed: Parsed, formats: Formats, room: _Room, depth: int) -> Node:
    children: list[Node | Symbols] = []
    for part in parsed.parts:
        inside = _inside(part, formats, room) if depth and part.kind == "bytes" else None
        if inside is None:
            children.append(part)
        else:
            room.take(inside[1])
            children.append(_grown(*inside, formats, room, depth - 1))
    return Node(number, parsed.side, tuple(children))


def _inside(part: Symbols, formats: Formats, room: _Room) -> tuple[int, Parsed] | None:
    """The first format that takes a part and gives it back, or None."""
    data = part.array.tobytes()
    for number, format_ in formats.items():
        if not format_.sniff(data):
            continue
        try:
            parsed = format_.parse(data)
            if room.holds(parsed) and format_.build(parsed) == data:
                return number, parsed
        except (UnsupportedInput, LimitExceeded):
            continue
    return None


def _flatten(
    node: Node, numbers: list[int], sides: list[bytes], runs: list[npt.NDArray[Any]], parts: list[Symbols]
) -> None:
    numbers += [NODE + node.number, len(node.children)]
    sides.append(node.side)
    for child in node.children:
        if isinstance(child, Node):
            _flatten(child, numbers, sides, runs, parts)
        elif child.kind == "bytes":
            numbers += [RUN, len(child.array)]
            runs.append(child.array)
        elif child.kind == "image" and child.depth <= 8 and child.dims < SMALLEST_PICTURE:
            numbers += [SMALL, *child.array.shape, child.depth]
            runs.append(child.array.reshape(-1))
        else:
            numbers.append(PART)
            parts.append(child)


@dataclass
class _Reading:
    """What is left of the flat form while the tree is built again."""

    numbers: list[int]
    sides: FieldReader
    run: npt.NDArray[np.uint8]
    parts: Iterator[Symbols]
    place: int = 0
    done: int = field(default=0)

    def number(self) -> int:
        if self.place >= len(self.numbers):
            raise CorruptArchive("the tree of a nested file is cut off")
        self.place += 1
        return self.numbers[self.place - 1]

    def bytes(self, size: int) -> npt.NDArray[np.uint8]:
        if size > len(self.run) - self.done:
            raise CorruptArchive("the tree of a nested file speaks of more bytes than there are")
        self.done += size
        return self.run[self.done - size : self.done]


class Nested:
    """The format of a file with other files inside, over the table of all formats; never chosen by sniffing."""

    NAME = NAME

    def __init__(self, formats: Formats) -> None:
        self._formats = formats

    def sniff(self, data: bytes) -> bool:
        """Never: `opened` makes it out of another format's file."""
        return False

    def parse(self, data: bytes) -> Parsed:
        """Raises UnsupportedInput."""
        raise UnsupportedInput("a nested file has a format of its own")

    def build(self, parsed: Parsed) -> bytes:
        """The outermost file. Raises CorruptArchive if the tree is damaged or belongs to other parts."""
        if not parsed.parts or parsed.parts[0].kind != "bytes":
            raise CorruptArchive("a nested file has no bytes")
        sides = FieldReader(parsed.side)
        numbers = [int(number) for number in unpack_numbers(sides.blob())]
        reading = _Reading(numbers, sides, parsed.parts[0].array, iter(parsed.parts[1:]))
        if reading.number() < NODE:
            raise CorruptArchive("a nested file has no format")
        reading.place = 0
        data = self._child(reading, DEEPEST).array.tobytes()
        sides.end()
        if reading.place != len(numbers) or reading.done != len(reading.run) or next(reading.parts, None) is not None:
            raise CorruptArchive("a nested file has parts to spare")
        return data

    def _child(self, reading: _Reading, depth: int) -> Symbols:
        kind = reading.number()
        if kind == RUN:
            return Symbols("bytes", reading.bytes(reading.number()))
        if kind == PART:
            part = next(reading.parts, None)
            if part is None:
                raise CorruptArchive("a nested file has fewer parts than its tree")
            return part
        if kind == SMALL:
            shape = tuple(reading.number() for _ in range(3))
            bits = reading.number()
            if bits > 8:
                raise CorruptArchive("a small picture of a nested file is damaged")
            return Symbols("image", reading.bytes(prod(shape)).reshape(shape), bits)
        return Symbols("bytes", np.frombuffer(self._node(kind - NODE, reading, depth), np.uint8))

    def _node(self, number: int, reading: _Reading, depth: int) -> bytes:
        if number not in self._formats or number == 0 or self._formats[number] is self or depth == 0:
            raise CorruptArchive("the tree of a nested file is damaged")
        count, side = reading.number(), reading.sides.blob()
        if count > len(reading.numbers):
            raise CorruptArchive("the tree of a nested file is damaged")
        children = tuple(self._child(reading, depth - 1) for _ in range(count))
        try:
            return self._formats[number].build(Parsed(children, side))
        except (UnsupportedInput, ValueError, IndexError, struct.error) as error:
            raise CorruptArchive("a file inside a nested file is damaged") from error
