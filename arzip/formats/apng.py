"""Animated PNG: every frame as an image, everything else as side data, byte for byte.

The file is a sequence of pictures, each a run of IDAT or fdAT chunks, with other chunks around them. Side data: for
each picture the chunks before it (IHDR or the picture's own fcTL among them, which say its size), whether it is of
fdAT chunks and then its first sequence number, the sizes of its chunks, its filters and zlib stream as for `png`; at
the end the last chunks and the bytes behind IEND. Files with surprises are refused and go the way of still pictures.

[1] PNG Specification, third edition, section 11.3.7, https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.deflate.fields import FieldReader, FieldWriter
from arzip.formats.limits import room_for
from arzip.formats.png_chunks import (
    SIGNATURE,
    Chunk,
    chunk_bytes,
    read_back_chunks,
    read_chunks,
    read_sizes,
    spread,
    write_chunks,
    write_sizes,
)
from arzip.formats.png_picture import Described, close_picture, layout_of, open_picture
from arzip.formats.png_rows import Layout
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "APNG"
CONTROL = 26  # bytes of an fcTL chunk
HEAD = 1 << 16  # bytes in which an animation says that it is one


def sniff(data: bytes) -> bool:
    """Whether the file starts like a PNG that is animated."""
    return data[:8] == SIGNATURE and data[12:16] == b"IHDR" and data.find(b"acTL", 0, HEAD) > 0


def parse(data: bytes) -> Parsed:
    """One image part a frame. Raises UnsupportedInput for a file that is not an orderly animation."""
    chunks, end = read_chunks(data)
    writer, parts, place, layout, header = FieldWriter(), [], 0, None, chunks[0].content
    room, like = room_for(len(data)), None
    while (run := _next_run(chunks, place)) is not None:
        start, stop = run
        between = chunks[place:start]
        layout = _layout(header, between, layout)
        moving = chunks[start].name == b"fdAT"
        pieces = chunks[start:stop]
        writer.number(1)
        write_chunks(writer, between)
        if moving:
            pieces, first = _unnumbered(pieces)
            writer.number(1 + first)
        else:
            writer.number(0)
        picture, described = open_picture(b"".join(piece.content for piece in pieces), layout, like=like)
        like, room = described.settings, room - picture.dims
        if room < 0:
            raise UnsupportedInput("the frames of this animation are too many for its size")
        write_sizes(writer, pieces)
        writer.blob(described.filters).blob(described.rest).blob(described.recipe)
        parts.append(picture)
        place = stop
    if not parts:
        raise UnsupportedInput("this animation has no pictures")
    writer.number(0)
    write_chunks(writer, chunks[place:])
    return Parsed(tuple(parts), writer.raw(data[end:]).done())


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive on damaged side data."""
    reader, out, layout, header = FieldReader(parsed.side), [SIGNATURE], None, b""
    for part in parsed.parts:
        if reader.number() != 1:
            raise CorruptArchive("an animation has more frames than its side data")
        between = read_back_chunks(reader)
        header = header or (between[0].content if between else b"")
        try:
            layout = _layout(header, between, layout)
        except UnsupportedInput as error:
            raise CorruptArchive("a frame of an animation is damaged") from error
        out += [chunk_bytes(chunk) for chunk in between]
        out += _picture_chunks(reader, part, layout)
    if reader.number() != 0:
        raise CorruptArchive("an animation has fewer frames than its side data")
    out += [chunk_bytes(chunk) for chunk in read_back_chunks(reader)]
    return b"".join(out) + reader.raw(reader.left)


def _picture_chunks(reader: FieldReader, part: Symbols, layout: Layout) -> list[bytes]:
    """The IDAT or fdAT chunks of one frame."""
    first = reader.number()
    sizes, checksums = read_sizes(reader)
    stream = close_picture(part, Described(reader.blob(), reader.blob(), reader.blob(), None), layout)
    out, start = [], 0
    for index, size in enumerate(spread(sizes, len(stream))):
        content = stream[start : start + size]
        start += size
        if first:
            number = (first - 1 + index) & 0xFFFFFFFF
            out.append(chunk_bytes(Chunk(b"fdAT", number.to_bytes(4, "big") + content, checksums.get(index))))
        else:
            out.append(chunk_bytes(Chunk(b"IDAT", content, checksums.get(index))))
    return out


def _next_run(chunks: list[Chunk], place: int) -> tuple[int, int] | None:
    """The next run of IDAT or of fdAT chunks from `place` on: (start, stop)."""
    while place < len(chunks) and chunks[place].name not in (b"IDAT", b"fdAT"):
        place += 1
    if place == len(chunks):
        return None
    stop = place
    while stop < len(chunks) and chunks[stop].name == chunks[place].name:
        stop += 1
    return place, stop


def _layout(header: bytes, between: list[Chunk], before: Layout | None) -> Layout:
    """The layout of the frame behind these chunks: the first is the whole picture, the others say their sizes."""
    whole = layout_of(header)
    if before is None:
        return whole
    controls = [chunk.content for chunk in between if chunk.name == b"fcTL"]
    if len(controls) != 1 or len(controls[0]) != CONTROL:
        raise UnsupportedInput("a frame of this animation does not say its size")
    return layout_of(controls[0][4:12] + header[8:])


def _unnumbered(pieces: list[Chunk]) -> tuple[list[Chunk], int]:
    """fdAT chunks without their sequence numbers, and the first of these, which the others follow."""
    first = int.from_bytes(pieces[0].content[:4], "big")
    for index, piece in enumerate(pieces):
        if piece.content[:4] != ((first + index) & 0xFFFFFFFF).to_bytes(4, "big"):
            raise UnsupportedInput("the frames of this animation are out of order")
    return [piece._replace(content=piece.content[4:]) for piece in pieces], first
