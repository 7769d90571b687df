"""The chunks of PNG files, in the file and in side data; checksums are kept only where they are wrong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats.checksums import crc32
from arzip.formats.deflate.fields import FieldReader, FieldWriter, pack_numbers, unpack_numbers

__all__ = [
    "SIGNATURE",
    "Chunk",
    "chunk_bytes",
    "read_back_chunks",
    "read_chunks",
    "read_sizes",
    "spread",
    "write_chunks",
    "write_sizes",
]

SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Chunk(NamedTuple):
    """A chunk of the file; `checksum` is None where it is right."""

    name: bytes
    content: bytes
    checksum: bytes | None


def chunk_bytes(chunk: Chunk) -> bytes:
    """A chunk as it stands in the file."""
    checksum = crc32(chunk.name + chunk.content).to_bytes(4, "big") if chunk.checksum is None else chunk.checksum
    return len(chunk.content).to_bytes(4, "big") + chunk.name + chunk.content + checksum


def read_chunks(data: bytes) -> tuple[list[Chunk], int]:
    """All chunks up to IEND, and where it ends."""
    chunks: list[Chunk] = []
    position = 8
    while not chunks or chunks[-1].name != b"IEND":
        size = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + size
        if end > len(data):
            raise UnsupportedInput("this PNG file is cut off")
        name, content, checksum = data[position + 4 : position + 8], data[position + 8 : end - 4], data[end - 4 : end]
        right = crc32(name + content).to_bytes(4, "big") == checksum
        chunks.append(Chunk(name, content, None if right else checksum))
        position = end
    return chunks, position


def write_chunks(writer: FieldWriter, chunks: list[Chunk]) -> None:
    """Chunks whole; see `read_back_chunks`."""
    writer.number(len(chunks))
    for chunk in chunks:
        writer.raw(chunk.name).number(2 * len(chunk.content) + (chunk.checksum is not None)).raw(chunk.content)
        writer.raw(chunk.checksum or b"")


def read_back_chunks(reader: FieldReader) -> list[Chunk]:
    """The inverse of `write_chunks`."""
    chunks = []
    for _ in range(reader.number()):
        name = reader.raw(4)
        size, wrong = divmod(reader.number(), 2)
        chunks.append(Chunk(name, reader.raw(size), reader.raw(4) if wrong else None))
    return chunks


def write_sizes(writer: FieldWriter, chunks: list[Chunk]) -> None:
    """Sizes of the IDAT chunks, one number if only the last may be smaller than the others; wrong checksums."""
    sizes = [len(chunk.content) for chunk in chunks]
    regular = sizes[0] > 0 and spread(sizes[:1], sum(sizes)) == sizes
    writer.blob(pack_numbers(np.array(sizes[:1] if regular else sizes, np.int64)))
    wrong = [(index, chunk.checksum) for index, chunk in enumerate(chunks) if chunk.checksum is not None]
    writer.number(len(wrong))
    for index, checksum in wrong:
        writer.number(index).raw(checksum)


def read_sizes(reader: FieldReader) -> tuple[list[int], dict[int, bytes]]:
    """The inverse of `write_sizes`: sizes for `spread`, wrong checksums by index."""
    sizes = [int(size) for size in unpack_numbers(reader.blob())]
    checksums = {}
    for _ in range(reader.number()):
        index = reader.number()
        checksums[index] = reader.raw(4)
    return sizes, checksums


def spread(sizes: list[int], total: int) -> list[int]:
    """The sizes themselves, or as many of a single one as make up the total."""
    if len(sizes) != 1:
        if sum(sizes) != total:
            raise CorruptArchive("the sizes of the picture chunks of a PNG file are damaged")
        return sizes
    size = sizes[0]
    if size == 0:
        if total:
            raise CorruptArchive("the sizes of the picture chunks of a PNG file are damaged")
        return sizes
    return [size] * (total // size) + ([total % size] if total % size else [])
