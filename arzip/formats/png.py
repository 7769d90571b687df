"""PNG: the pixels as an image, the rest of the file as side data, byte for byte.

Side data, in this order: the 13 bytes of IHDR, the chunks before and after the picture, the bytes behind IEND, the
sizes of the IDAT chunks, the filter types and the zlib stream, each as its difference from what was to be expected.
Checksums are kept only where they are wrong. Files with anything out of order are refused and go another road: a
missing or cut chunk, pictures that do not fill their zlib stream, filter types that do not exist, set bits behind the
last sample of a row.

Sub-byte samples get a byte each, 16-bit samples are uint16, palette pictures are their indices [H, W, 1], interlaced
pictures are whole. Frames of animations stay bytes of their chunks, see `apng`.

[1] PNG Specification, third edition, https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.deflate.fields import FieldReader, FieldWriter
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

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "PNG"


def sniff(data: bytes) -> bool:
    """Whether the file starts like a PNG."""
    return data[:8] == SIGNATURE and data[12:16] == b"IHDR"


def parse(data: bytes) -> Parsed:
    """One image part. Raises UnsupportedInput for a file that is not an orderly PNG."""
    if not sniff(data):
        raise UnsupportedInput("not a PNG file")
    chunks, end = read_chunks(data)
    places = [index for index, chunk in enumerate(chunks) if chunk.name == b"IDAT"]
    if not places or places[-1] - places[0] != len(places) - 1:
        raise UnsupportedInput("the picture of this PNG file is missing or scattered")
    header = chunks[0].content
    layout = layout_of(header)
    stream = b"".join(chunks[index].content for index in places)
    picture, described = open_picture(stream, layout)
    writer = FieldWriter().raw(header)
    write_chunks(writer, [chunks[0]._replace(content=b""), *chunks[1 : places[0]]])
    write_chunks(writer, chunks[places[-1] + 1 :])
    writer.blob(data[end:])
    write_sizes(writer, [chunks[index] for index in places])
    writer.blob(described.filters).blob(described.rest).raw(described.recipe)
    return Parsed((picture,), writer.done())


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive if the side data are damaged or belong to another picture."""
    reader = FieldReader(parsed.side)
    header = reader.raw(13)
    try:
        layout = layout_of(header)
    except UnsupportedInput as error:
        raise CorruptArchive("the header of a PNG picture is damaged") from error
    if len(parsed.parts) != 1:
        raise CorruptArchive("a PNG file has another number of pictures than one")
    before, after = read_back_chunks(reader), read_back_chunks(reader)
    tail = reader.blob()
    sizes, checksums = read_sizes(reader)
    described = Described(reader.blob(), reader.blob(), reader.raw(reader.left), None)
    stream = close_picture(parsed.parts[0], described, layout)
    if not before or before[0].name != b"IHDR":
        raise CorruptArchive("the chunks of a PNG file are damaged")
    before[0] = before[0]._replace(content=header)
    picture, start = [], 0
    for index, size in enumerate(spread(sizes, len(stream))):
        picture.append(Chunk(b"IDAT", stream[start : start + size], checksums.get(index)))
        start += size
    return SIGNATURE + b"".join(chunk_bytes(chunk) for chunk in [*before, *picture, *after]) + tail
