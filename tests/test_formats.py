"""Every format: the same bytes back, odd headers and trailers kept, what it cannot take refused."""

from __future__ import annotations

import io
import struct
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats import FORMATS, RAW, bmp, npy, npy_table, pnm, take_apart
from arzip.formats.base import Parsed
from tests.laws import check_format

PICTURES = {
    "P5": b"P5\n# a comment\n3 2\n255\n" + bytes(range(6)),
    "P6": b"P6 3\t2 255\n" + bytes(range(18)) + b"trailing bytes",
    "P6 of 16 bits": b"P6\n2 2\n65535\n" + bytes(range(24)),
    "P5 of 10 bits": b"P5\n2 1\n1023\n\x03\xff\x00\x01",
    "P4": b"P4\n10 2\n\xff\xc0\x01\x40",
    "P7": b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(range(8)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pnm_comes_back(name: str) -> None:
    check_format(pnm, PICTURES[name])
    number, parsed, note = take_apart(PICTURES[name])
    assert number != RAW and parsed is not None and note is None


def test_pnm_pixels_are_right() -> None:
    assert pnm.parse(PICTURES["P6"]).parts[0].array[1, 2].tolist() == [15, 16, 17]
    assert pnm.parse(PICTURES["P5 of 10 bits"]).parts[0].array[0, 0, 0] == 1023
    assert pnm.parse(PICTURES["P4"]).parts[0].array[1, :, 0].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    "data",
    [
        b"P6\n3 2\n255\n" + bytes(17),
        b"P6\n99999 99999\n255\n",
        b"P5\n0 2\n255\n",
        b"P6\n3 2\n70000\n" + bytes(99),
        b"P7\nWIDTH 2\nENDHDR\n",
        b"P4\n",
        b"BM" + bytes(40),
    ],
)
def test_broken_pictures_go_as_bytes_with_one_line(data: bytes) -> None:
    number, parsed, note = take_apart(data)
    assert (number, parsed) == (RAW, None)
    assert note is not None and "kept as bytes" in note and "\n" not in note


def test_a_bitmap_with_dirty_padding_goes_as_bytes() -> None:
    number, _, note = take_apart(b"P4\n10 1\n\xff\xff")
    assert number == RAW and note is not None and "same bytes" in note


def bitmap(width: int, height: int, bits: int, *, pad: int = 0, tail: bytes = b"") -> bytes:
    stride = (width * bits // 8 + 3) // 4 * 4
    rows = np.random.default_rng(1).integers(0, 256, (abs(height), stride)).astype(np.uint8)
    rows[:, width * bits // 8 :] = pad
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 2835, 2835, 0, 0)
    palette = bytes(range(256)) * 4 if bits == 8 else b""
    begin = 14 + len(head) + len(palette)
    size = begin + rows.size
    return b"BM" + struct.pack("<IHHI", size, 0, 0, begin) + head + palette + rows.tobytes() + tail


@pytest.mark.parametrize("bits", [8, 24, 32])
@pytest.mark.parametrize("height", [5, -5])
@pytest.mark.parametrize("pad", [0, 7])
def test_bmp_comes_back(bits: int, height: int, pad: int) -> None:
    data = bitmap(7, height, bits, pad=pad, tail=b"profile")
    check_format(bmp, data)


def test_bmp_pixels_are_right() -> None:
    from PIL import Image

    data = bitmap(7, 5, 24)
    with Image.open(io.BytesIO(data)) as picture:
        np.testing.assert_array_equal(bmp.parse(data).parts[0].array, np.asarray(picture))


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3), (2, 3, 4, 5), (0, 3), ()])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<f8", "?"])
def test_npy_comes_back(shape: tuple[int, ...], dtype: str) -> None:
    array = (np.arange(prod(shape)) % 2).astype(dtype).reshape(shape)
    for lies in (array, np.asfortranarray(array)):
        out = io.BytesIO()
        np.save(out, lies)
        check_format(npy, out.getvalue())
        if dtype in ("u1", "?") and len(shape) > 1 and array.size:
            check_format(npy_table, out.getvalue())
            np.testing.assert_array_equal(npy_table.parse(out.getvalue()).parts[0].array, array.reshape(shape[0], -1))


def test_npy_refuses_what_it_cannot_rebuild() -> None:
    for array in (np.ones((3, 4)), np.array([None])):
        out = io.BytesIO()
        np.save(out, array)
        with pytest.raises(UnsupportedInput):
            npy.parse(out.getvalue()[:-1])
        with pytest.raises(UnsupportedInput):
            npy.parse(out.getvalue()[:40])
    with pytest.raises(UnsupportedInput):
        npy.parse(out.getvalue())


@given(st.binary(max_size=200), st.sampled_from([b"P4", b"P5", b"P6", b"P7\n", b"BM", b"\x93NUMPY\x01\x00", b""]))
@settings(max_examples=300, deadline=None)
def test_anything_is_taken_apart_or_refused(data: bytes, start: bytes) -> None:
    number, parsed, _ = take_apart(start + data)
    assert (number == RAW) == (parsed is None)


@pytest.mark.parametrize("data", [*PICTURES.values(), bitmap(7, 5, 24), bitmap(7, -5, 8, pad=7)])
def test_damaged_headers_are_refused_or_give_some_file(data: bytes) -> None:
    """Found by fuzzing: a BMP header that claims another size raised ValueError."""
    number, parsed, _ = take_apart(data)
    assert parsed is not None
    refused = 0
    for place in range(min(60, len(parsed.side))):
        for value in (0, 9, 0x31, 0xFF):
            side = bytearray(parsed.side)
            side[place] = value
            try:
                FORMATS[number].build(Parsed(parsed.parts, bytes(side)))
            except CorruptArchive:
                refused += 1
    assert refused > 10
    with pytest.raises(CorruptArchive):
        FORMATS[number].build(Parsed((), parsed.side))


NO_PYTHON = [
    b"{'a': (1,\n" * 8,
    b"(" * 3000,
    b"{'descr': 7, 'shape': (), 'fortran_order': 0}",
    b"{'\\d': 1}",
    b"\xff",
]


@pytest.mark.parametrize("header", NO_PYTHON)
@pytest.mark.parametrize("version", [b"\1\0", b"\2\0", b"\3\0", b"\7\7"])
def test_npy_headers_that_are_no_python(header: bytes, version: bytes) -> None:
    """Found by fuzzing: a header cut inside of brackets raised TokenError."""
    size = len(header).to_bytes(2 if version == b"\1\0" else 4, "little")
    number, _, note = take_apart(b"\x93NUMPY" + version + size + header)
    assert number == RAW and note is not None and "\n" not in note
