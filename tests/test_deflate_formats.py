"""gzip, ZIP, PDF and zlib streams: contents opened, files byte-exact, damage refused."""

from __future__ import annotations

import contextlib
import gzip as gzip_library
import io
import random
import zipfile
import zlib

import numpy as np
import pytest

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats import gzip, pdf, zip, zlib_stream
from arzip.formats.base import Parsed

TEXT = b" ".join(str(number * number).encode() for number in range(4000))


def contents(parsed: Parsed) -> list[bytes]:
    return [part.array.tobytes() for part in parsed.parts]


def check_damage(module, parsed: Parsed) -> None:  # type: ignore[no-untyped-def]
    dice = random.Random(2)
    refused = 0
    for _ in range(150):
        side = bytearray(parsed.side)
        side[dice.randrange(len(side))] = dice.randrange(256)
        if dice.random() < 0.3:
            del side[dice.randrange(len(side)) :]
        try:
            module.build(Parsed(parsed.parts, bytes(side)))
        except CorruptArchive:
            refused += 1
    assert refused > 20


def test_gzip_members_headers_and_tails() -> None:
    stream = zlib.compress(TEXT, 6, -15)
    trailer = zlib.crc32(TEXT).to_bytes(4, "little") + len(TEXT).to_bytes(4, "little")
    plain_header = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    rich = b"\x1f\x8b\x08\x1f\1\2\3\4\2\3" + b"\5\0extra" + b"name\0" + b"comment\0" + b"hc"
    for data, members in (
        (gzip_library.compress(TEXT), 1),
        (plain_header + stream + trailer + rich + stream + b"bad sums", 2),
        (plain_header + stream + trailer + b"garbage", 1),
        (plain_header + stream + b"ab", 1),
        (plain_header + stream + trailer + rich[:12], 1),
        (gzip_library.compress(b""), 1),
    ):
        assert gzip.sniff(data)
        parsed = gzip.parse(data)
        assert len(parsed.parts) == members
        assert gzip.build(parsed) == data
    assert contents(parsed) == [b""]
    check_damage(gzip, gzip.parse(rich + stream + trailer))


def test_gzip_refuses_what_it_cannot_open() -> None:
    magic = b"\x1f\x8b\x08"
    for data in (b"", magic, magic + bytes(7) + b"\xff\xff\xff", magic + b"\x08" + bytes(6) + b"name", TEXT):
        with pytest.raises(UnsupportedInput):
            gzip.parse(data)


def test_zip_documents() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", b"application/epub+zip", zipfile.ZIP_STORED)
        for level in (1, 6, 9):
            archive.writestr(f"chapter{level}.xml", TEXT[level:], zipfile.ZIP_DEFLATED, level)
        archive.writestr("tiny", b"tiny", zipfile.ZIP_DEFLATED)
        archive.comment = b"a comment"
    for data in (out.getvalue(), out.getvalue() + b"tail"):
        assert zip.sniff(data)
        parsed = zip.parse(data)
        assert contents(parsed)[1:] == [TEXT[1:], TEXT[6:], TEXT[9:]]
        assert zip.build(parsed) == data
    prefixed = zip.parse(b"#!/bin/sh\n" + out.getvalue())
    assert zip.build(prefixed) == b"#!/bin/sh\n" + out.getvalue()
    check_damage(zip, parsed)
    with pytest.raises(UnsupportedInput):
        zip.parse(out.getvalue()[:200])
    broken = bytearray(out.getvalue())
    for place in range(0, len(broken), 97):
        broken[place] ^= 0x55
    with contextlib.suppress(UnsupportedInput):
        assert zip.build(zip.parse(bytes(broken))) == bytes(broken)


def test_pdf_streams() -> None:
    objects = [b"stream\r\n" + zlib.compress(TEXT, level) + b"\nendstream\n" for level in (1, 9)]
    data = b"%PDF-1.7\n" + objects[0] + b"stream\nnot zlib\nendstream " + objects[1] + b"%%EOF"
    assert pdf.sniff(data)
    parsed = pdf.parse(data)
    assert contents(parsed)[1:] == [TEXT, TEXT]
    assert pdf.build(parsed) == data
    check_damage(pdf, parsed)
    with pytest.raises(UnsupportedInput):
        pdf.parse(b"%PDF-1.7\n%%EOF")


def test_zlib_streams_keep_wrong_checksums() -> None:
    stream = zlib.compress(TEXT)
    for data in (stream + b"behind", stream[:-4] + b"sums", stream[:-2], stream[:-4]):
        opened = zlib_stream.open_stream(data, limit=len(TEXT))
        assert opened.plain == TEXT
        assert zlib_stream.close_stream(opened.plain, opened.recipe) == data[: opened.consumed]
    with pytest.raises(UnsupportedInput):
        zlib_stream.open_stream(b"\x78\x9d" + stream[2:], limit=len(TEXT))
    with pytest.raises(CorruptArchive):
        zlib_stream.close_stream(TEXT, b"\x78")


def test_empty_parts_are_arrays_of_bytes() -> None:
    parsed = gzip.parse(gzip_library.compress(b""))
    assert parsed.parts[0].array.dtype == np.uint8
