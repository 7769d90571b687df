"""PNG files of every kind: pixels right, file byte-exact, oddities kept or refused."""

from __future__ import annotations

import io
import random
import zlib

import numpy as np
import pytest
from PIL import Image

from arzip.errors import ArzipError, CorruptArchive, UnsupportedInput
from arzip.formats import apng, png, take_apart
from arzip.formats.base import Parsed
from arzip.formats.png_picture import DEPTHS
from arzip.formats.png_rows import CHANNELS, Layout, filter_rows, split_passes
from arzip.symbols import Symbols

KINDS = [(colour, depth) for colour, depths in DEPTHS.items() for depth in depths]


def chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def picture(layout: Layout, seed: int) -> np.ndarray:
    """A gradient with noise, within the depth."""
    dice = np.random.default_rng(seed)
    y, x, c = np.indices((layout.height, layout.width, layout.channels))
    values = (3 * x + 5 * y + 40 * c + dice.integers(0, 3, x.shape)) * (1 << layout.depth) // 256
    return (values & ((1 << layout.depth) - 1)).astype(np.uint16 if layout.depth == 16 else np.uint8)


def header_of(layout: Layout, colour: int) -> bytes:
    fields = (layout.depth, colour, 0, 0, int(layout.interlaced))
    return layout.width.to_bytes(4, "big") + layout.height.to_bytes(4, "big") + bytes(fields)


def make(
    colour: int,
    depth: int,
    *,
    size: tuple[int, int] = (19, 23),
    interlaced: bool = False,
    filters: str = "mixed",
    pieces: int = 0,
    extra: bytes = b"",
    tail: bytes = b"",
) -> tuple[bytes, np.ndarray]:
    """A PNG file and its samples."""
    layout = Layout(size[1], size[0], depth, CHANNELS[colour], interlaced)
    samples = picture(layout, colour * 17 + depth)
    rows = split_passes(samples, layout)
    dice = random.Random(depth)
    kinds = [
        np.array([dice.randrange(5) if filters == "mixed" else int(filters) for _ in part], np.uint8) for part in rows
    ]
    stream = zlib.compress(filter_rows(rows, kinds, layout), 9)
    size_of = pieces or len(stream)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header_of(layout, colour))
    if colour == 3:
        data += chunk(b"PLTE", bytes(3 << depth))
    data += extra
    data += b"".join(chunk(b"IDAT", stream[at : at + size_of]) for at in range(0, len(stream), size_of))
    return data + chunk(b"IEND", b"") + tail, samples


def check(data: bytes, samples: np.ndarray | None = None) -> Parsed:
    assert png.sniff(data)
    parsed = png.parse(data)
    assert png.build(parsed) == data
    array = parsed.parts[0].array
    if samples is not None:
        assert array.dtype == samples.dtype
        np.testing.assert_array_equal(array, samples)
    return parsed


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_every_kind_of_picture(colour: int, depth: int, interlaced: bool) -> None:
    data, samples = make(colour, depth, interlaced=interlaced)
    check(data, samples)


@pytest.mark.parametrize(("colour", "depth"), [(0, 8), (2, 8), (0, 1), (0, 16)])
def test_pixels_agree_with_pillow(colour: int, depth: int) -> None:
    data, _ = make(colour, depth)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image)
    array = png.parse(data).parts[0].array
    np.testing.assert_array_equal(array if colour == 2 else array[:, :, 0], expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3), (5, 5), (8, 8), (9, 7)])
def test_small_interlaced_pictures(size: tuple[int, int]) -> None:
    for colour, depth in ((0, 1), (2, 8), (6, 16)):
        check(*make(colour, depth, size=size, interlaced=True))


@pytest.mark.parametrize("filters", ["0", "1", "2", "3", "4"])
def test_one_filter_for_all_rows(filters: str) -> None:
    parsed = check(*make(2, 8, filters=filters, size=(60, 60)))
    assert len(parsed.side) < 110


@pytest.mark.parametrize("pieces", [1, 7, 100, 8192])
def test_sizes_of_picture_chunks(pieces: int) -> None:
    check(*make(2, 8, pieces=pieces))


def test_other_chunks_tails_and_wrong_checksums() -> None:
    extra = chunk(b"gAMA", b"\0\1\x86\xa0") + chunk(b"tEXt", b"Title\0hello") + chunk(b"zzZz", b"")[:-4] + b"oops"
    data, samples = make(6, 8, extra=extra, tail=b"behind the end")
    check(data, samples)
    at = data.index(b"IDAT")
    size = int.from_bytes(data[at - 4 : at], "big")
    wrong = data[: at + 4 + size] + b"abcd" + data[at + 8 + size :]
    check(wrong, samples)


def test_adler_and_idat_surprises() -> None:
    layout = Layout(5, 4, 8, 1, False)
    raw = b"".join(b"\0" + bytes(range(5)) for _ in range(4))
    stream = zlib.compress(raw)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header_of(layout, 0))
    for idat in (
        chunk(b"IDAT", stream[:-4] + b"nope"),
        chunk(b"IDAT", stream[:-4]),
        chunk(b"IDAT", stream + b"more"),
        chunk(b"IDAT", b"") + chunk(b"IDAT", stream) + chunk(b"IDAT", b""),
    ):
        check(start + idat + chunk(b"IEND", b""))


def test_saved_by_pillow() -> None:
    dice = np.random.default_rng(1)
    smooth = np.cumsum(dice.integers(-2, 3, (90, 120, 3)), axis=1).astype(np.uint8)
    for options in ({}, {"optimize": True}, {"compress_level": 1}, {"compress_level": 0}):
        out = io.BytesIO()
        Image.fromarray(smooth).save(out, "png", **options)
        check(out.getvalue(), smooth)


def test_disorder_is_refused() -> None:
    layout = Layout(5, 4, 8, 1, False)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header_of(layout, 0))
    end = chunk(b"IEND", b"")
    rows = b"".join(b"\0" + bytes(range(5)) for _ in range(4))
    good = chunk(b"IDAT", zlib.compress(rows))
    check(start + good + end)
    one_bit = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header_of(Layout(5, 1, 1, 1, False), 0))
    for data in (
        b"GIF89a",
        start + end,
        start + good,
        start + good[:-6],
        start + good + chunk(b"tEXt", b"a\0b") + good + end,
        start + chunk(b"IDAT", zlib.compress(rows + b"x")) + end,
        start + chunk(b"IDAT", zlib.compress(rows[:-1])) + end,
        start + chunk(b"IDAT", zlib.compress(b"\5" + rows[1:])) + end,
        start + chunk(b"IDAT", b"no zlib stream") + end,
        one_bit + chunk(b"IDAT", zlib.compress(b"\0\xff")) + end,
        start[:8] + chunk(b"IHDR", header_of(Layout(0, 4, 8, 1, False), 0)) + good + end,
        start[:8] + chunk(b"IHDR", header_of(Layout(5, 4, 8, 1, False), 5)) + good + end,
        start[:8] + chunk(b"IHDR", header_of(Layout(50_000, 50_000, 16, 4, False), 6)) + good + end,
    ):
        with pytest.raises(UnsupportedInput):
            png.parse(data)


def test_damaged_side_data_are_refused() -> None:
    parsed = check(*make(2, 8, extra=chunk(b"tEXt", b"Title\0hello"), pieces=50))
    dice = random.Random(4)
    refused = 0
    for _ in range(300):
        side = bytearray(parsed.side)
        side[dice.randrange(len(side))] = dice.randrange(256)
        if dice.random() < 0.2:
            del side[dice.randrange(len(side)) :]
        try:
            png.build(Parsed(parsed.parts, bytes(side)))
        except CorruptArchive:
            refused += 1
        except ArzipError as error:
            raise AssertionError("only CorruptArchive is allowed here") from error
    assert refused > 50
    with pytest.raises(CorruptArchive):
        png.build(Parsed((Symbols("image", np.zeros((3, 3, 3), np.uint8)),), parsed.side))


def animated(colour: int, depth: int, *, interlaced: bool = False, pieces: int = 40, tail: bytes = b"") -> bytes:
    """An animation of three frames, the second and third smaller; text between them."""
    data, sequence = b"\x89PNG\r\n\x1a\n", 0
    dice = random.Random(colour)
    for frame, (width, height) in enumerate(((23, 19), (11, 7), (23, 1))):
        layout = Layout(width, height, depth, CHANNELS[colour], interlaced)
        rows = split_passes(picture(layout, frame), layout)
        kinds = [np.array([dice.randrange(5) for _ in part], np.uint8) for part in rows]
        stream = zlib.compress(filter_rows(rows, kinds, layout), 6)
        if frame == 0:
            data += chunk(b"IHDR", header_of(layout, colour)) + chunk(b"acTL", (3).to_bytes(4, "big") + bytes(4))
            data += chunk(b"PLTE", bytes(3 << depth)) if colour == 3 else b""
        control = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes(8) + b"\0\1\0\x0a\0\0"
        data += chunk(b"fcTL", sequence.to_bytes(4, "big") + control)
        sequence += 1
        for at in range(0, len(stream), pieces):
            if frame == 0:
                data += chunk(b"IDAT", stream[at : at + pieces])
            else:
                data += chunk(b"fdAT", sequence.to_bytes(4, "big") + stream[at : at + pieces])
                sequence += 1
        data += chunk(b"tEXt", b"Comment\0between frames")
    return data + chunk(b"IEND", b"") + tail


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_frames_of_animations_are_pictures(colour: int, depth: int, interlaced: bool) -> None:
    data = animated(colour, depth, interlaced=interlaced, tail=b"tail")
    number, parsed, note = take_apart(data)
    assert (number, note) == (26, None) and parsed is not None
    assert apng.build(parsed) == data
    layouts = [Layout(w, h, depth, CHANNELS[colour], interlaced) for w, h in ((23, 19), (11, 7), (23, 1))]
    for frame, (part, layout) in enumerate(zip(parsed.parts, layouts, strict=True)):
        np.testing.assert_array_equal(part.array, picture(layout, frame))


def test_disorderly_animations_are_still_pictures() -> None:
    data = bytearray(animated(2, 8))
    at = data.index(b"fdAT") + 4
    data[at : at + 4] = b"\0\0\0\x63"
    number, parsed, _ = take_apart(bytes(data))
    assert number == 16 and parsed is not None and png.build(parsed) == bytes(data)


def test_damaged_animations_are_refused() -> None:
    parsed, refused = apng.parse(animated(2, 8)), 0
    dice = random.Random(5)
    for _ in range(300):
        side = bytearray(parsed.side)
        side[dice.randrange(len(side))] = dice.randrange(256)
        if dice.random() < 0.2:
            del side[dice.randrange(len(side)) :]
        try:
            apng.build(Parsed(parsed.parts, bytes(side)))
        except CorruptArchive:
            refused += 1
    assert refused > 50
    with pytest.raises(CorruptArchive):
        apng.build(Parsed(parsed.parts[:2], parsed.side))
