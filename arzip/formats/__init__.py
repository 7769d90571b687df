"""All file formats, by their number in the archive, and the choice among them."""

from __future__ import annotations

from arzip.errors import LimitExceeded, UnsupportedInput
from arzip.formats import apng, bmp, gif, gzip, npy, pdf, png, pnm, raw, tar, tga, tiff, zip
from arzip.formats.base import Format, Parsed
from arzip.formats.nested import Nested, opened

__all__ = ["FORMATS", "RAW", "recognised", "take_apart"]

RAW = 0  # plain bytes: one part, no side data
# Numbers are for ever; the order is that of preference.
FORMATS: dict[int, Format] = {RAW: raw, 1: pnm, 2: bmp, 3: npy, 26: apng, 16: png, 17: gzip, 18: zip, 19: pdf}
FORMATS |= {21: gif, 22: tiff, 25: tar, 20: tga}  # what has no magic number comes last
NESTED = 24
FORMATS[NESTED] = Nested(FORMATS)
CONTAINERS = {17, 18, 19, 25}  # formats whose bytes may be files


def recognised(head: bytes) -> bool:
    """Whether any format wants to see the whole of a file that begins like this."""
    return any(format_.sniff(head) for format_ in FORMATS.values())


def take_apart(data: bytes, *, nested: bool = True) -> tuple[int, Parsed | None, str | None]:
    """The first format that takes the file and gives back the same bytes; nested: with all files inside it.

    Returns:
        Its number, the parts, and None; or RAW, None, and one line that says why a recognised file goes as bytes
        (None when no format knows the file).
    """
    note = None
    for number, format_ in FORMATS.items():
        if not format_.sniff(data):
            continue
        try:
            parsed = format_.parse(data)
            if nested and number in CONTAINERS:
                number, parsed = NESTED, opened(number, parsed, len(data), FORMATS)
            if FORMATS[number].build(parsed) == data:
                return number, parsed, None
            note = note or f"{format_.NAME}: taking it apart does not give the same bytes; kept as bytes"
        except (UnsupportedInput, LimitExceeded) as error:
            note = note or f"{format_.NAME}: {error}; kept as bytes"
    return RAW, None, note
