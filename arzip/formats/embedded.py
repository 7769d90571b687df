"""Deflate streams inside another file: the file cut into opened streams and the bytes between them.

    cut(data, found) -> Parsed          join(parsed) -> data          cut_spans(data, spans) -> Parsed

The first part is everything that is not inside an opened stream, in order; one bytes part for every opened stream
follows. Side data: for every stream the gap before it and its recipe. The formats that use this differ in how they find
streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.deflate import Opened
from arzip.formats.deflate.fields import FieldReader, FieldWriter
from arzip.formats.limits import room_for
from arzip.symbols import Symbols

__all__ = ["cut", "cut_spans", "join"]

WORTH = 64  # shorter streams stay closed: their recipe would cost more than their contents gain


def cut(
    data: bytes,
    starts: Iterable[int],
    open_at: Callable[..., Opened],
    what: str,
    stored: Mapping[int, int] | None = None,
) -> Parsed:
    """Open the streams at `starts` (ascending) with `open_at(data[start:], limit=..., prove=False, like=...)`; those
    that fail stay closed. stored: start and length of runs that need no opening; their recipe is empty. The caller
    proves the whole.

    Raises UnsupportedInput, naming `what`, if none opens.
    """
    outside, parts, writer = [], [], FieldWriter()
    position, room, like = 0, room_for(len(data)), None
    for start in starts:
        if start < position:
            continue  # inside a stream that is open already
        if stored and start in stored:
            opened = Opened(data[start : start + stored[start]], b"", stored[start], like)
        else:
            try:
                opened = open_at(memoryview(data)[start:], limit=room, prove=False, like=like)
            except (UnsupportedInput, LimitExceeded):
                continue
        if opened.consumed < WORTH or len(opened.plain) > room:
            continue
        like = opened.settings
        outside.append(data[position:start])
        parts.append(Symbols("bytes", np.frombuffer(opened.plain, np.uint8)))
        writer.number(start - position).blob(opened.recipe)
        room -= len(opened.plain)
        position = start + opened.consumed
    if not parts:
        raise UnsupportedInput(f"no stream of this {what} file can be opened")
    outside.append(data[position:])
    rest = Symbols("bytes", np.frombuffer(b"".join(outside), np.uint8))
    return Parsed((rest, *parts), writer.done())


def cut_spans(data: bytes, spans: Sequence[tuple[int, int]]) -> Parsed:
    """The same for plain runs of bytes (start, end), ascending, whose recipes are empty."""
    outside, parts, writer, position = [], [], FieldWriter(), 0
    for start, end in spans:
        outside.append(data[position:start])
        parts.append(Symbols("bytes", np.frombuffer(data, np.uint8, end - start, start)))
        writer.number(start - position).blob(b"")
        position = end
    outside.append(data[position:])
    rest = Symbols("bytes", np.frombuffer(b"".join(outside), np.uint8))
    return Parsed((rest, *parts), writer.done())


def join(parsed: Parsed, close: Callable[[bytes, bytes], bytes]) -> bytes:
    """The inverse, with `close(plain, recipe)`; raises CorruptArchive on damaged side data."""
    if not parsed.parts:
        raise CorruptArchive("a file of streams has no parts")
    reader, out = FieldReader(parsed.side), []
    rest, position = parsed.parts[0].array.astype(np.uint8).tobytes(), 0
    for part in parsed.parts[1:]:
        gap = reader.number()
        if gap > len(rest) - position:
            raise CorruptArchive("the gaps of a file of streams are damaged")
        out += [rest[position : position + gap], close(part.array.astype(np.uint8).tobytes(), reader.blob())]
        position += gap
    reader.end()
    return b"".join([*out, rest[position:]])
