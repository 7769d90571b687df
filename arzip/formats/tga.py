"""TGA: 8-bit gray or palette, 24-bit and 32-bit pictures, plain or run-length coded; the pixels as an image.

Side data: header, identification and palette as they stand, the recipe of the packets (see `packets`; empty for plain
pictures), and whatever follows the pixels. Rows lie bottom-up unless bit 5 of the descriptor is set; they hold blue,
green, red, alpha. TGA has no magic number, so the header must make sense throughout, and the pixels must reach the end
of the file or a footer.

[1] Truevision TGA File Format Specification, version 2.0.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.formats.deflate.fields import FieldReader, FieldWriter
from arzip.formats.limits import room_for
from arzip.formats.packets import Dialect, close_packets, open_packets
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "TGA"
HEAD = 18
FOOTER = b"TRUEVISION-XFILE.\0"
DEPTHS = {1: (8,), 2: (24, 32), 3: (8,), 9: (8,), 10: (24, 32), 11: (8,)}  # by type; 9 to 11 have packets


class Layout(NamedTuple):
    """What the header says; `begin` is where the pixels start."""

    begin: int
    height: int
    width: int
    channels: int
    packed: bool
    bottom_up: bool


def sniff(data: bytes) -> bool:
    """Whether the data begin with a header that makes sense in every field."""
    return _layout(data) is not None


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput for truncated files, and for such as end in something else than a footer."""
    layout = _layout(data)
    if layout is None:
        raise UnsupportedInput("not a TGA header")
    size, recipe = layout.height * layout.width * layout.channels, b""
    pixels, end = data[layout.begin : layout.begin + size], layout.begin + size
    if layout.packed:
        try:
            view = memoryview(data)[layout.begin :]
            opened = open_packets(view, _dialect(layout), items=layout.height * layout.width, limit=room_for(len(data)))
        except LimitExceeded as error:
            raise UnsupportedInput("this TGA file claims a picture too large for its size") from error
        pixels, recipe, end = opened.items, opened.recipe, layout.begin + opened.consumed
    if len(pixels) != size or (end < len(data) and not data.endswith(FOOTER)):
        raise UnsupportedInput("the pixels of this TGA file do not end where they should")
    array = np.frombuffer(pixels, np.uint8).reshape(layout.height, layout.width, layout.channels)
    writer = FieldWriter().blob(data[: layout.begin]).blob(recipe).raw(data[end:])
    return Parsed((Symbols("image", np.ascontiguousarray(_upright(array, layout))),), writer.done())


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive if the side data are damaged or belong to another picture."""
    reader = FieldReader(parsed.side)
    head, recipe = reader.blob(), reader.blob()
    layout = _layout(head)
    if layout is None or layout.begin != len(head) or len(parsed.parts) != 1:
        raise CorruptArchive("the header of a TGA picture is damaged")
    array = parsed.parts[0].array
    if array.shape != (layout.height, layout.width, layout.channels):
        raise CorruptArchive("a TGA picture does not have the size that its header says")
    pixels = _upright(array.astype(np.uint8), layout).tobytes()
    if layout.packed:
        pixels = close_packets(pixels, recipe, _dialect(layout))
    return head + pixels + reader.raw(reader.left)


def _layout(data: bytes) -> Layout | None:
    if len(data) < HEAD:
        return None
    name, has_map, kind, first, count, entry, _, _, width, height, bits, flags = struct.unpack_from(
        "<BBBHHBHHHHBB", data
    )
    if (
        kind not in DEPTHS
        or bits not in DEPTHS[kind]
        or not width
        or not height
        or flags & 0xD0
        or flags & 15 not in (0, 8)
    ):
        return None
    palette = kind in (1, 9)
    if has_map != palette or (not palette and (first or count or entry)) or (palette and entry not in (15, 16, 24, 32)):
        return None
    begin = HEAD + name + count * ((entry + 7) // 8)
    return Layout(begin, height, width, bits // 8, kind > 8, not flags & 0x20)


def _dialect(layout: Layout) -> Dialect:
    return Dialect(layout.channels, layout.width, signed=False)


def _upright(pixels: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Between the file's order and top-down RGB; its own inverse."""
    if layout.bottom_up:
        pixels = pixels[::-1]
    if layout.channels >= 3:
        pixels = pixels[..., [2, 1, 0, 3][: layout.channels]]
    return pixels
