"""All file formats, by their number in the archive, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterator

from arzip.errors import LimitExceeded, UnsupportedInput
from arzip.formats import (
    aiff,
    apng,
    bmp,
    flac,
    gif,
    gzip,
    mulaw,
    npy,
    npy_table,
    pdf,
    png,
    pnm,
    raw,
    raw_pcm,
    tar,
    tga,
    tiff,
    wav,
    x86,
    zip,
)
from arzip.formats.base import Format, Parsed, PiecewiseFormat
from arzip.formats.nested import Nested, opened

__all__ = ["FORMATS", "PIECEWISE", "RAW", "rebuild", "recognised", "take_apart"]

RAW = 0  # plain bytes: one part, no side data
RAW_PCM = 8
# Numbers are for ever; the order is that of preference.
FORMATS: dict[int, Format] = {
    RAW: raw,
    1: pnm,
    2: bmp,
    3: npy,
    4: npy_table,
    5: wav,
    6: aiff,
    7: flac,
    9: mulaw,
    RAW_PCM: raw_pcm,
    26: apng,
    16: png,
    17: gzip,
    18: zip,
    19: pdf,
    21: gif,
    22: tiff,
    25: tar,
    27: x86,
    20: tga,  # what has no magic number comes last
}
PIECEWISE: dict[int, PiecewiseFormat] = {5: wav, 6: aiff, 9: mulaw, RAW_PCM: raw_pcm}
_ASKED_FOR = {4: "table", 9: "audio"}  # taken only for a model of this kind
NESTED = 24
_INNER = {number: format_ for number, format_ in FORMATS.items() if number not in _ASKED_FOR}
FORMATS[NESTED] = Nested(_INNER)
CONTAINERS = {17, 18, 19, 25}  # formats whose bytes may be files


def recognised(head: bytes) -> bool:
    """Whether any format wants to see the whole of a file that begins like this."""
    return any(format_.sniff(head) for format_ in FORMATS.values())


def take_apart(
    data: bytes, *, kind: str | None = None, layout: str | None = None, nested: bool = True
) -> tuple[int, Parsed | None, str | None]:
    """The first format that takes the file and gives back the same bytes.

    Args:
        kind: of the symbols that a model was asked for; formats that serve it alone come before all others.
        layout: of raw samples, when the caller says that the file is nothing else (see `raw_pcm`).
        nested: whether files inside the file are taken apart, too.

    Returns:
        Its number, the parts, and None; or RAW, None, and one line that says why a recognised file goes as bytes
        (None when no format knows the file).
    """
    if layout is not None:
        return RAW_PCM, raw_pcm.parse_as(data, layout), None
    note = None
    open_to = sorted((n for n in FORMATS if _ASKED_FOR.get(n, kind) == kind), key=lambda n: n not in _ASKED_FOR)
    for number in open_to:
        format_ = FORMATS[number]
        if not format_.sniff(data):
            continue
        try:
            parsed = format_.parse(data)
            if nested and number in CONTAINERS:
                number, parsed = NESTED, opened(number, parsed, len(data), _INNER)
            if _same(rebuild(number, parsed), data):
                return number, parsed, None
            note = note or f"{format_.NAME}: taking it apart does not give the same bytes; kept as bytes"
        except (UnsupportedInput, LimitExceeded) as error:
            note = note or f"{format_.NAME}: {error}; kept as bytes"
    return RAW, None, note


def rebuild(number: int, parsed: Parsed) -> Iterator[bytes]:
    """The file again, in one or more pieces."""
    if number in PIECEWISE:
        yield from PIECEWISE[number].pieces(parsed)
    else:
        yield FORMATS[number].build(parsed)


def _same(pieces: Iterator[bytes], data: bytes) -> bool:
    at = 0
    for piece in pieces:
        if data[at : at + len(piece)] != piece:
            return False
        at += len(piece)
    return at == len(data)
