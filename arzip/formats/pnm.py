"""PBM, PGM, PPM (binary, P4 to P6) and PAM (P7): the header as it stands, pixels, and whatever follows them.

Pixels of more than 8 bits are big-endian pairs of bytes, as the netpbm manuals say. P4's bits are unpacked to one
sample per pixel when its padding bits are zero.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "PNM"
_GAP = rb"(?:[ \t\r\n\v\f]|#[^\r\n]*[\r\n])+"
_NUMBER = _GAP + rb"(\d{1,9})"
_BITMAP = re.compile(rb"P4" + _NUMBER + _NUMBER + rb"[ \t\r\n\v\f]")
_PIXMAP = re.compile(rb"P[56]" + _NUMBER + _NUMBER + _NUMBER + rb"[ \t\r\n\v\f]")
_PAM_END = re.compile(rb"\nENDHDR[^\n]*\n")
_HEADER_LIMIT = 4096


def sniff(data: bytes) -> bool:
    """Whether the data begins as a binary PNM file."""
    return data[:2] in (b"P4", b"P5", b"P6", b"P7")


def _header(data: bytes) -> tuple[int, tuple[int, int, int], int]:
    """Length of the header, shape [H, W, C], and the largest sample (0 for a bitmap of packed bits)."""
    start = data[:_HEADER_LIMIT]
    if data[:2] == b"P7":
        end = _PAM_END.search(start)
        if end is None:
            raise UnsupportedInput("the PAM header has no end")
        values = dict(re.findall(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)[ \t]+(\d{1,9})", start[: end.end()], re.MULTILINE))
        if len(values) != 4:
            raise UnsupportedInput("the PAM header is incomplete")
        height, width, depth, largest = (int(values[k]) for k in (b"HEIGHT", b"WIDTH", b"DEPTH", b"MAXVAL"))
        return end.end(), (height, width, depth), largest
    if data[:2] == b"P4":
        match = _BITMAP.match(start)
        if match is None:
            raise UnsupportedInput("the PBM header is damaged")
        return match.end(), (int(match[2]), int(match[1]), 1), 0
    match = _PIXMAP.match(start)
    if match is None:
        raise UnsupportedInput("the PNM header is damaged")
    return match.end(), (int(match[2]), int(match[1]), 3 if data[:2] == b"P6" else 1), int(match[3])


def _stored_size(shape: tuple[int, int, int], largest: int) -> int:
    height, width, _ = shape
    return height * ((width + 7) // 8) if largest == 0 else prod(shape) * (2 if largest > 255 else 1)


def parse(data: bytes) -> Parsed:
    """Header and trailer become side data; raises UnsupportedInput for ASCII, empty or truncated pictures."""
    begin, shape, largest = _header(data)
    size = _stored_size(shape, largest)
    if not 1 <= prod(shape) <= 1 << 40 or not 1 <= shape[2] <= 4 or largest > 65535 or len(data) < begin + size:
        raise UnsupportedInput("the picture is empty, truncated, or has more than four channels")
    raw = data[begin : begin + size]
    pixels: NDArray[Any]
    if largest == 0:
        packed = np.frombuffer(raw, np.uint8).reshape(shape[0], -1)
        pixels = np.unpackbits(packed, axis=1)[:, : shape[1], None]
        depth = 1
    elif largest > 255:
        pixels, depth = np.frombuffer(raw, ">u2").astype(np.uint16).reshape(shape), 16
    else:
        pixels, depth = np.frombuffer(raw, np.uint8).reshape(shape), 8
    side = begin.to_bytes(2, "little") + data[:begin] + data[begin + size :]
    return Parsed((Symbols("image", pixels, depth),), side)


def build(parsed: Parsed) -> bytes:
    """The file again. Raises CorruptArchive if the header is damaged or belongs to another picture."""
    begin = int.from_bytes(parsed.side[:2], "little")
    header, trailer = parsed.side[2 : 2 + begin], parsed.side[2 + begin :]
    try:
        _, shape, largest = _header(header)
    except UnsupportedInput as error:
        raise CorruptArchive("the header of a PNM picture is damaged") from error
    if len(parsed.parts) != 1 or parsed.parts[0].array.shape != shape:
        raise CorruptArchive(f"the header of a PNM picture speaks of {shape}, which its pixels are not")
    pixels = parsed.parts[0].array
    if largest == 0:
        raw = np.packbits(pixels[:, :, 0], axis=1).tobytes()
    else:
        raw = pixels.astype(">u2" if largest > 255 else np.uint8).tobytes()
    return header + raw + trailer
