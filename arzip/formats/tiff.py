"""TIFF of 8 or 16 bits, plain, LZW, deflate or PackBits, in strips or tiles: pixels as images, the rest as bytes.

The first part is everything that is not inside a segment of an opened picture, in order; one image a picture follows
(one a plane where the planes lie apart). Side data: the plans of the pictures, then for every segment, in the order of
the file, the gap before it, whose it is, and the recipe of its compression. Tiles at the edges are kept whole.

[1] TIFF Revision 6.0, Adobe, 1992.   [2] Adobe Photoshop TIFF Technical Notes, 2002, on compression 8.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
import numpy.typing as npt

from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats import lzw, packets
from arzip.formats.base import Parsed
from arzip.formats.deflate import Settings
from arzip.formats.deflate.fields import FieldReader, FieldWriter
from arzip.formats.limits import room_for
from arzip.formats.tiff_directory import Plan, plans
from arzip.formats.zlib_stream import close_stream, open_stream
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "TIFF"
PLAIN, LZW, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 8, 32946, 32773
KNOWN = (PLAIN, LZW, DEFLATE, OLD_DEFLATE, PACKBITS)
CODES = lzw.Dialect(8, high_first=True, early=True)


def sniff(data: bytes) -> bool:
    """Whether the file starts like a TIFF of 32-bit offsets."""
    return data[:4] in (b"II*\0", b"MM\0*") and len(data) >= 8


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput if there is a picture that cannot be opened, or none at all."""
    if not sniff(data):
        raise UnsupportedInput("not a TIFF file")
    pictures, segments = plans(data)
    total = sum(plan.height * plan.width * plan.channels * plan.planes * plan.depth // 8 for plan in pictures)
    if not pictures or any(plan.compression not in KNOWN for plan in pictures):
        raise UnsupportedInput("the pictures of this TIFF file are of a kind that is not taken apart")
    if total > room_for(len(data)):
        raise UnsupportedInput("this TIFF file claims pictures too large for its size")
    arrays = [np.zeros((p.planes, p.height, p.width, p.channels), _dtype(p)) for p in pictures]
    writer, outside, position, like = FieldWriter().number(len(pictures)), [], 0, None
    for plan in pictures:
        for value in astuple(plan):
            writer.number(int(value))
    writer.number(len(segments))
    for segment in segments:
        plan = pictures[segment.picture]
        view = memoryview(data)[segment.start : segment.end]
        pixels, recipe, consumed, like = _opened(view, plan, segment.index, like)
        _place(arrays[segment.picture], plan, segment.index)[:] = _spread(pixels, plan, segment.index)
        outside.append(data[position : segment.start])
        writer.number(len(outside[-1])).number(segment.picture).number(segment.index).blob(recipe)
        position = segment.start + consumed
    outside.append(data[position:])
    rest = Symbols("bytes", np.frombuffer(b"".join(outside), np.uint8))
    images = [Symbols("image", plane, plan.depth) for plan, a in zip(pictures, arrays, strict=True) for plane in a]
    return Parsed((rest, *images), writer.done())


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive on damaged side data."""
    if not parsed.parts:
        raise CorruptArchive("a TIFF file has no parts")
    reader, out, position = FieldReader(parsed.side), [], 0
    rest, images = parsed.parts[0].array.astype(np.uint8).tobytes(), iter(parsed.parts[1:])
    pictures = [_read_plan(reader) for _ in range(reader.number())]
    arrays = []
    for plan in pictures:
        planes = [part.array for _, part in zip(range(plan.planes), images, strict=False)]
        if len(planes) != plan.planes or any(a.shape != (plan.height, plan.width, plan.channels) for a in planes):
            raise CorruptArchive("a TIFF picture does not have the size that its plan says")
        arrays.append(planes)
    if next(images, None) is not None:
        raise CorruptArchive("a TIFF file has more pictures than plans")
    for _ in range(reader.number()):
        gap, picture, index = reader.number(), reader.number(), reader.number()
        if gap > len(rest) - position or picture >= len(pictures) or index >= pictures[picture].segments:
            raise CorruptArchive("the segments of a TIFF file are damaged")
        plan = pictures[picture]
        pixels = _gathered(_place(arrays[picture], plan, index), plan)
        out += [rest[position : position + gap], _closed(pixels, reader.blob(), plan)]
        position += gap
    reader.end()
    return b"".join([*out, rest[position:]])


def _read_plan(reader: FieldReader) -> Plan:
    values = [reader.number() for _ in range(10)]
    height, width, rows, columns, channels, planes, depth, big, compression, predictor = values
    plan = Plan(height, width, rows, columns, channels, planes, depth, bool(big), compression, predictor)
    if not all(values[:6]) or plan.depth not in (8, 16) or plan.compression not in KNOWN or plan.planes > 8:
        raise CorruptArchive("the plan of a TIFF picture is damaged")
    return plan


def _dtype(plan: Plan) -> Any:
    return np.uint16 if plan.depth == 16 else np.uint8


def _opened(
    view: memoryview, plan: Plan, index: int, like: Settings | None
) -> tuple[bytes, bytes, int, Settings | None]:
    """A segment's pixels as bytes, the recipe, how long it was, and its encoder if it is deflated."""
    size = plan.size_of(index)
    recipe, consumed = b"", size
    try:
        if plan.compression == PLAIN:
            pixels = bytes(view[:size])
        elif plan.compression == LZW:
            codes = lzw.open_codes(view, CODES, limit=size)
            pixels, recipe, consumed = codes.symbols.tobytes(), codes.recipe, codes.consumed
        elif plan.compression == PACKBITS:
            packed = packets.open_packets(view, _packets(plan), items=size, limit=size)
            pixels, recipe, consumed = packed.items, packed.recipe, packed.consumed
        else:
            opened = open_stream(view, limit=size, prove=False, like=like)
            pixels, recipe, consumed, like = opened.plain, opened.recipe, opened.consumed, opened.settings
    except LimitExceeded as error:
        raise UnsupportedInput("a segment of this TIFF file holds more than its pixels") from error
    if len(pixels) != size:
        raise UnsupportedInput("a segment of this TIFF file does not hold its pixels")
    return pixels, recipe, consumed, like


def _closed(pixels: bytes, recipe: bytes, plan: Plan) -> bytes:
    """The inverse of `_opened`."""
    if plan.compression == PLAIN:
        return pixels
    if plan.compression == LZW:
        return lzw.close_codes(np.frombuffer(pixels, np.uint8), recipe, CODES)
    if plan.compression == PACKBITS:
        return packets.close_packets(pixels, recipe, _packets(plan))
    return close_stream(pixels, recipe)


def _packets(plan: Plan) -> packets.Dialect:
    return packets.Dialect(1, plan.columns * plan.channels * plan.depth // 8, signed=True)


def _place(planes: Any, plan: Plan, index: int) -> npt.NDArray[Any]:
    """The view of a segment in its picture: [rows, columns, channels]."""
    across, down = -(-plan.width // plan.columns), -(-plan.height // plan.rows)
    plane, rest = divmod(index, across * down)
    top, left = rest // across * plan.rows, rest % across * plan.columns
    view: npt.NDArray[Any] = planes[plane][top : top + plan.rows, left : left + plan.columns]
    return view


def _spread(pixels: bytes, plan: Plan, index: int) -> npt.NDArray[Any]:
    """Bytes of a segment to samples, predictor undone."""
    stored = np.dtype(np.uint8) if plan.depth == 8 else np.dtype(">u2" if plan.big else "<u2")
    samples = np.frombuffer(pixels, stored).astype(_dtype(plan))
    samples = samples.reshape(plan.rows_of(index), plan.columns, plan.channels)
    return np.cumsum(samples, axis=1, dtype=samples.dtype) if plan.predictor == 2 else samples


def _gathered(samples: npt.NDArray[Any], plan: Plan) -> bytes:
    """The inverse of `_spread`."""
    samples = samples.astype(_dtype(plan))
    if plan.predictor == 2:
        samples = np.diff(samples, axis=1, prepend=np.zeros_like(samples[:, :1]))
    stored = np.dtype(np.uint8) if plan.depth == 8 else np.dtype(">u2" if plan.big else "<u2")
    return samples.astype(stored).tobytes()
