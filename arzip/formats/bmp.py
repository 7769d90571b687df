"""BMP, uncompressed 8-bit gray or palette, 24-bit and 32-bit: header and padding as side data, pixels to the models.

Rows are padded to four bytes, lie bottom-up unless the height is negative, and hold blue, green, red.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "BMP"
_FIXED = 34  # bytes up to the compression field's end


def sniff(data: bytes) -> bool:
    """Whether the data begins as a BMP file with a header this module knows."""
    return data[:2] == b"BM" and len(data) > _FIXED


def _layout(data: bytes) -> tuple[int, int, int, int, bool]:
    """Offset of the pixels, height, width, channels, and whether rows lie bottom-up."""
    (begin,) = struct.unpack_from("<I", data, 10)
    header, width, height, planes, bits, packed = struct.unpack_from("<IiiHHI", data, 14)
    if header < 40 or planes != 1 or packed != 0 or bits not in (8, 24, 32) or width <= 0 or height == 0:
        raise UnsupportedInput("this kind of BMP is not taken apart (compressed, or of an unusual depth)")
    return begin, abs(height), width, bits // 8, height > 0


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput for compressed, truncated or unusual files."""
    if len(data) <= _FIXED:
        raise UnsupportedInput("the BMP header is truncated")
    begin, height, width, channels, bottom_up = _layout(data)
    stride = (width * channels + 3) // 4 * 4
    size = height * stride
    if begin < _FIXED or len(data) < begin + size:
        raise UnsupportedInput("the BMP file is truncated")
    rows = np.frombuffer(data, np.uint8, size, begin).reshape(height, stride)
    pixels = rows[:, : width * channels].reshape(height, width, channels)
    padding = rows[:, width * channels :].tobytes()
    side = struct.pack("<I", begin) + data[:begin]
    side += (b"\1" + padding if any(padding) else b"\0") + data[begin + size :]
    return Parsed((Symbols("image", np.ascontiguousarray(_upright(pixels, bottom_up))),), side)


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive if the side data are damaged or belong to another picture."""
    try:
        (begin,) = struct.unpack_from("<I", parsed.side)
        head, rest = parsed.side[4 : 4 + begin], parsed.side[4 + begin :]
        _, height, width, channels, bottom_up = _layout(head)
    except (struct.error, UnsupportedInput) as error:
        raise CorruptArchive("the header of a BMP picture is damaged") from error
    if len(parsed.parts) != 1 or parsed.parts[0].array.shape != (height, width, channels):
        raise CorruptArchive("a BMP picture does not have the size that its header says")
    stride = (width * channels + 3) // 4 * 4
    rows = np.zeros((height, stride), dtype=np.uint8)
    rows[:, : width * channels] = _upright(parsed.parts[0].array, bottom_up).reshape(height, -1)
    trailer = rest[1:]
    if rest[:1] == b"\1":
        gap = stride - width * channels
        if len(trailer) < height * gap:
            raise CorruptArchive("the padding of a BMP picture is cut off")
        rows[:, width * channels :] = np.frombuffer(trailer, np.uint8, height * gap).reshape(height, gap)
        trailer = trailer[height * gap :]
    return head + rows.tobytes() + trailer


def _upright(pixels: NDArray[np.uint8], bottom_up: bool) -> NDArray[np.uint8]:
    """Between the file's order and top-down RGB; its own inverse."""
    if bottom_up:
        pixels = pixels[::-1]
    if pixels.shape[2] >= 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return pixels
