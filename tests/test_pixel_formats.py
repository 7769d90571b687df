"""GIF, TGA and TIFF: pixels right, files byte-exact, LZW and packets of any encoder re-created, damage refused."""

from __future__ import annotations

import io
import random
import struct
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats import gif, lzw, packets, take_apart, tga, tiff
from arzip.formats.base import Parsed

GIF_CODES, TIFF_CODES = lzw.Dialect(8, high_first=False, early=False), lzw.Dialect(8, high_first=True, early=True)


def sample(size: int, seed: int = 0) -> bytes:
    """Runs, repeats and noise."""
    dice, out = random.Random(seed), bytearray()
    while len(out) < size:
        match dice.randrange(3):
            case 0:
                out += bytes([dice.randrange(256)]) * dice.randint(1, 300)
            case 1:
                out += dice.randbytes(dice.randint(1, 200))
            case _:
                start = dice.randrange(len(out) + 1)
                out += out[start : start + dice.randint(1, 400)]
    return bytes(out[:size])


def drawing(channels: int, height: int = 40, width: int = 57) -> np.ndarray:
    y, x, c = np.indices((height, width, channels))
    return ((x // 7 * 16 + y // 5 * 9 + c * 30) % 251).astype(np.uint8)


def saved(array: np.ndarray, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(out, kind, **options)
    return out.getvalue()


def check(module: ModuleType, data: bytes, pictures: list[np.ndarray], most: int) -> Parsed:
    assert module.sniff(data)
    parsed = module.parse(data)
    assert module.build(parsed) == data
    found = [part.array for part in parsed.parts if part.kind == "image"]
    for array, picture in zip(found, pictures, strict=True):
        np.testing.assert_array_equal(array, picture)
    assert len(parsed.side) <= most
    number, same, note = take_apart(data)
    assert note is None and same is not None and same.side == parsed.side, number
    return parsed


def check_damage(module: ModuleType, parsed: Parsed) -> None:
    dice, refused = random.Random(2), 0
    for _ in range(200):
        side = bytearray(parsed.side)
        side[dice.randrange(len(side))] = dice.randrange(256)
        if dice.random() < 0.3:
            del side[dice.randrange(len(side)) :]
        try:
            module.build(Parsed(parsed.parts, bytes(side)))
        except CorruptArchive:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("size", [0, 1, 2, 500, 60_000])
@pytest.mark.parametrize("dialect", [GIF_CODES, TIFF_CODES])
def test_regular_codes_cost_next_to_nothing(dialect: lzw.Dialect, size: int) -> None:
    data = np.frombuffer(sample(size), np.uint8)
    stream = lzw.close_codes(data, b"\xfe\x1d\0\0", dialect)  # a clear code after 3,838 codes, no surprises
    opened = lzw.open_codes(stream + b"xyz", dialect, limit=size)
    np.testing.assert_array_equal(opened.symbols, data)
    assert opened.consumed == len(stream) and len(opened.recipe) <= 12
    assert lzw.close_codes(data, opened.recipe, dialect) == stream


@given(
    seed=st.integers(0, 1 << 30),
    size=st.integers(1, 3000),
    bits=st.integers(2, 8),
    tiff_like=st.booleans(),
    cut=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_codes_come_back(seed: int, size: int, bits: int, tiff_like: bool, cut: bool) -> None:
    """Streams of arbitrary valid codes: no greed, clear codes anywhere, perhaps no end code."""
    dice, dialect = random.Random(seed), lzw.Dialect(bits, high_first=tiff_like, early=tiff_like)
    codes, since = [], 0
    for _ in range(size):
        entries = min((1 << bits) + 2 + since, 4096)
        code = dice.randrange(entries) if since and dice.random() < 0.7 else dice.randrange(1 << bits)
        code = 1 << bits if code == (1 << bits) + 1 or dice.random() < 0.01 else code
        since = 0 if code == 1 << bits else since + 1
        codes.append(code)
    codes += [] if cut else [(1 << bits) + 1]
    array = np.array(codes, np.int64)
    stream = bytes(lzw._write(array, bits, int(tiff_like), int(tiff_like), 0))
    opened = lzw.open_codes(stream, dialect, limit=1 << 24)
    assert lzw.close_codes(opened.symbols, opened.recipe, dialect) == stream[: opened.consumed]


@given(st.binary(max_size=300), st.integers(2, 8), st.booleans())
@settings(max_examples=200, deadline=None)
def test_noise_is_a_stream_of_codes_or_refused(noise: bytes, bits: int, tiff_like: bool) -> None:
    dialect = lzw.Dialect(bits, high_first=tiff_like, early=tiff_like)
    try:
        opened = lzw.open_codes(noise, dialect, limit=1 << 20)
    except UnsupportedInput:
        return
    assert lzw.close_codes(opened.symbols, opened.recipe, dialect) == noise[: opened.consumed]


@given(st.integers(0, 1 << 30), st.integers(1, 4), st.integers(1, 90), st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_packets_come_back(seed: int, item: int, row: int, signed: bool) -> None:
    dice, stream, count = random.Random(seed), bytearray(), 0
    for _ in range(dice.randrange(60)):
        size = dice.randint(2 if signed else 1, dice.choice((3, 128)))
        if dice.random() < 0.5:
            stream += bytes([257 - size if signed else 127 + size]) + bytes(dice.choices(b"ab", k=item))
        else:
            stream += bytes([size - 1]) + bytes(dice.choices(b"ab", k=item * size))
        count += size
    dialect = packets.Dialect(item, row, signed)
    opened = packets.open_packets(bytes(stream) + b"xy", dialect, items=count, limit=1 << 20)
    assert opened.consumed == len(stream)
    assert packets.close_packets(opened.items, opened.recipe, dialect) == stream


@pytest.mark.parametrize("interlace", [0, 1])
def test_gif_saved_by_pillow(interlace: int) -> None:
    array = drawing(1)
    data = saved(array, "gif", interlace=interlace, comment=b"a comment")
    parsed = gif.parse(data)
    with Image.open(io.BytesIO(data)) as picture:
        check(gif, data, [np.asarray(picture)[..., None]], 40)
    check_damage(gif, parsed)


def test_gif_animations() -> None:
    frames = [Image.fromarray(np.roll(drawing(1)[..., 0], shift, 1)) for shift in (0, 5, 9)]
    out = io.BytesIO()
    frames[0].save(out, "gif", save_all=True, append_images=frames[1:], duration=80, loop=0)
    data = out.getvalue()
    parsed = gif.parse(data)
    assert [part.kind for part in parsed.parts] == ["bytes", "image", "image", "image"]
    for version in (data, data + b"tail", data[:-1]):
        assert gif.build(gif.parse(version)) == version
    with pytest.raises(UnsupportedInput):
        gif.parse(data[:60])


def test_gif_sub_blocks_of_odd_sizes() -> None:
    array = drawing(1, 20, 20)
    stream = lzw.close_codes(array.reshape(-1), b"\xfe\x1d\0\0", GIF_CODES)
    blocks, at = b"", 0
    while at < len(stream):
        part = stream[at : at + 1 + at % 7]
        blocks += bytes([len(part)]) + part
        at += len(part)
    head = b"GIF89a" + struct.pack("<HHBBB", 20, 20, 0xF7, 0, 0) + bytes(768)
    data = head + b"," + struct.pack("<HHHHB", 0, 0, 20, 20, 0) + b"\x08" + blocks + b"\0;"
    check(gif, data, [array], 1000)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("compression", [None, "tga_rle"])
@pytest.mark.parametrize("orientation", [-1, 1])
def test_tga_saved_by_pillow(channels: int, compression: str | None, orientation: int) -> None:
    array = drawing(channels)
    data = saved(array, "tga", compression=compression, orientation=orientation)
    parsed = check(tga, data, [array], 120)
    check_damage(tga, parsed)


def test_tga_palettes_and_what_is_no_tga() -> None:
    out = io.BytesIO()
    Image.fromarray(drawing(3)).quantize(40).save(out, "tga")
    assert tga.build(tga.parse(out.getvalue())) == out.getvalue()
    data = saved(drawing(3), "tga")
    for wrong in (data[:-60], data[:17], data[:2] + b"\x07" + data[3:], data + b"more than a footer"):
        with pytest.raises(UnsupportedInput):
            tga.parse(wrong)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_saved_by_pillow(channels: int, compression: str) -> None:
    array = drawing(channels, 90, 300)
    parsed = check(tiff, saved(array, "tiff", compression=compression), [array], 900)
    check_damage(tiff, parsed)


@pytest.mark.parametrize("options", [{}, {"tile": (16, 32)}, {"planarconfig": "separate"}, {"bigtiff": True}])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_layouts(options: dict[str, object], order: str, dtype: type, compression: str | None) -> None:
    tifffile = pytest.importorskip("tifffile")
    pixels, out = drawing(3, 45, 70).astype(dtype) * (1 if dtype is np.uint8 else 257), io.BytesIO()
    array = np.moveaxis(pixels, 2, 0) if "planarconfig" in options else pixels
    predictor = 2 if compression else None
    tifffile.imwrite(
        out, array, byteorder=order, compression=compression, predictor=predictor, photometric="rgb", **options
    )
    data = out.getvalue()
    if "bigtiff" in options:
        assert take_apart(data)[0] == 0
        return
    parsed = tiff.parse(data)
    assert tiff.build(parsed) == data
    found = np.concatenate([part.array for part in parsed.parts[1:]], axis=2)
    np.testing.assert_array_equal(found[:45, :70], pixels)


def test_tiff_with_several_pictures_and_broken_ones() -> None:
    out = io.BytesIO()
    pages = [Image.fromarray(drawing(3, 20 + n, 30)) for n in range(3)]
    pages[0].save(out, "tiff", save_all=True, append_images=pages[1:])
    data = out.getvalue()
    assert [part.array.shape for part in tiff.parse(data).parts[1:]] == [(20, 30, 3), (21, 30, 3), (22, 30, 3)]
    assert tiff.build(tiff.parse(data)) == data
    dice = random.Random(3)
    for _ in range(300):
        broken = bytearray(data)
        broken[dice.randrange(300)] = dice.randrange(256)
        broken[dice.randrange(len(data))] = dice.randrange(256)
        number, parsed, note = take_apart(bytes(broken))
        assert (number == 0) == (parsed is None)
        assert note is None or "\n" not in note
    for cut in (b"II*\0", b"II*\0\x08\0\0\0", data[:200], data[:1000]):
        with pytest.raises(UnsupportedInput):
            tiff.parse(cut)
