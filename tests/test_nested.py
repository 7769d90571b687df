"""Files inside files: members opened and sent to their models, byte for byte; bombs and damage refused."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import random
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arzip.archive import compress_stream, decompress_stream
from arzip.errors import CorruptArchive
from arzip.formats import FORMATS, RAW, nested, take_apart
from arzip.formats.base import Parsed
from arzip.formats.deflate.fields import FieldWriter, pack_numbers
from arzip.settings import Settings
from arzip.symbols import Symbols
from tests.documents import DOCUMENTS, photograph, zipped

NESTED = 24
TEXT = b" ".join(str(number * number).encode() for number in range(4000))


def opened(data: bytes) -> Parsed:
    number, parsed, note = take_apart(data)
    assert (number, note) == (NESTED, None) and parsed is not None
    assert FORMATS[NESTED].build(parsed) == data
    return parsed


def kinds(parsed: Parsed) -> list[str]:
    return [part.kind for part in parsed.parts]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_come_back_and_are_smaller_than_xz(name: str) -> None:
    data, packed, back = DOCUMENTS[name](), io.BytesIO(), io.BytesIO()
    compress_stream(io.BytesIO(data), packed, Settings(threads=1))
    packed.seek(0)
    decompress_stream(packed, back, Settings(threads=1))
    assert back.getvalue() == data
    assert len(packed.getvalue()) < len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def test_pictures_in_documents_are_pictures() -> None:
    assert kinds(opened(DOCUMENTS["docx"]())) == ["bytes", "image", "image"]
    parsed = opened(DOCUMENTS["tar.gz"]())
    assert kinds(parsed) == ["bytes", "image"]
    assert b"<worksheet" in parsed.parts[0].array.tobytes(), "the ZIP file inside the tar archive is closed"


def test_members_are_laid_together_and_small_pictures_with_them() -> None:
    icon = photograph(3, side=12)
    parsed = opened(zipped([("icon.png", icon, zipfile.ZIP_STORED), ("text", TEXT, zipfile.ZIP_DEFLATED)]))
    assert kinds(parsed) == ["bytes"]
    assert TEXT in parsed.parts[0].array.tobytes() and icon not in parsed.parts[0].array.tobytes()


def test_depth_is_limited() -> None:
    data = TEXT
    for _ in range(nested.DEEPEST + 2):
        data = gzip.compress(data, 6, mtime=0)
    parsed = opened(data)
    remaining = parsed.parts[0].array.tobytes()
    assert remaining[:2] == b"\x1f\x8b" and gzip.decompress(gzip.decompress(remaining)) == TEXT


def test_bombs_stay_closed_with_one_line() -> None:
    empty = gzip.compress(bytes(40 << 20), 9, mtime=0)
    number, parsed, note = take_apart(empty)
    assert (number, parsed) == (RAW, None)
    assert note is not None and "allowed" in note and "\n" not in note
    pair = opened(zipped([(name, bytes(20 << 20), zipfile.ZIP_DEFLATED) for name in "abcd"]))
    assert sum(part.array.nbytes for part in pair.parts) < 34 << 20
    small = opened(gzip.compress(gzip.compress(bytes(20 << 20), 9, mtime=0) * 4, 6, mtime=0))
    assert sum(part.array.nbytes for part in small.parts) < 34 << 20
    header = (60_000).to_bytes(4, "big") * 2 + bytes((8, 2, 0, 0, 0))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 << 20))), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        len(c).to_bytes(4, "big") + n + c + zlib.crc32(n + c).to_bytes(4, "big") for n, c in chunks
    )
    number, _, note = take_apart(data)
    assert number == RAW and note is not None and "too large" in note and "\n" not in note


def test_tar_archives_of_many_kinds() -> None:
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            for name, contents in (("a" * 90 + "/" + "b" * 90, TEXT), ("empty", b""), ("p.png", photograph(1))):
                info = tarfile.TarInfo(name)
                info.size = len(contents)
                archive.addfile(info, io.BytesIO(contents))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "empty"
            archive.addfile(link)
        data = out.getvalue()
        for version in (data, data[:-700], data + b"tail"):
            assert kinds(opened(version)) == ["bytes", "image"]
        number, parsed, note = take_apart(data[:3000])
        assert (number == RAW) == (parsed is None) and (note is None) == (parsed is not None)
    assert take_apart(b"\0" * 2000)[0] == RAW


def test_damaged_trees_are_refused() -> None:
    parsed, dice, refused = opened(DOCUMENTS["docx"]()), random.Random(1), 0
    for _ in range(200):
        side = bytearray(parsed.side)
        side[dice.randrange(60 if dice.random() < 0.5 else len(side))] = dice.randrange(256)
        if dice.random() < 0.2:
            del side[dice.randrange(len(side)) :]
        try:
            FORMATS[NESTED].build(Parsed(parsed.parts, bytes(side)))
        except CorruptArchive:
            refused += 1
    assert refused > 50
    for parts in ((), parsed.parts[:1], parsed.parts[1:], (*parsed.parts, parsed.parts[1])):
        with pytest.raises(CorruptArchive):
            FORMATS[NESTED].build(Parsed(parts, parsed.side))


@pytest.mark.parametrize("number", [number for number in FORMATS if number not in (RAW, NESTED)])
@pytest.mark.parametrize("side", [b"", b"\0", b"RIF"])
def test_nodes_of_any_format_without_their_side_data_are_refused(number: int, side: bytes) -> None:
    tree = [3 + number, 2, 0, 4, 0, 4]  # a node of two runs of four bytes, see the module's docstring
    writer = FieldWriter().blob(pack_numbers(np.array(tree, np.int64))).blob(side)
    with contextlib.suppress(CorruptArchive):
        FORMATS[NESTED].build(Parsed((Symbols("bytes", np.zeros(8, np.uint8)),), writer.done()))


@given(st.binary(max_size=300), st.sampled_from(sorted(DOCUMENTS)), st.floats(0, 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_damaged_documents_come_back(noise: bytes, name: str, place: float, cut: bool) -> None:
    data = bytearray(DOCUMENTS[name]())
    at = int(place * len(data))
    data[at : at + len(noise)] = noise
    if cut:
        del data[at:]
    number, parsed, _ = take_apart(bytes(data))
    assert (number == RAW) == (parsed is None)
    with contextlib.suppress(AttributeError):
        assert parsed is None or FORMATS[number].build(parsed) == data


WITHOUT_ZLIB = """
import binascii, sys, types
import constriction, numba, numpy.random, torch  # these open zlib streams of their own while they are imported
stub = types.ModuleType("zlib")
stub.crc32, stub.error = binascii.crc32, ValueError
def refuse(name):
    raise (AttributeError if name.startswith("__") else AssertionError)("zlib." + name + " was used")
stub.__getattr__ = refuse
sys.modules["zlib"] = stub
import io
from arzip.archive import decompress_stream
from arzip.settings import Settings
source, sink = io.BytesIO(sys.stdin.buffer.read()), io.BytesIO()
decompress_stream(source, sink, Settings(threads=1))
sys.stdout.buffer.write(sink.getvalue())
"""


def test_archives_are_decoded_without_zlib() -> None:
    data, packed = DOCUMENTS["docx"](), io.BytesIO()
    compress_stream(io.BytesIO(data), packed, Settings(threads=1))
    root = Path(__file__).resolve().parents[1]
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_ZLIB], input=packed.getvalue(), capture_output=True, cwd=root, check=False
    )
    assert run.stdout == data, run.stderr.decode()[-2000:]


def test_parts_are_what_the_members_hold() -> None:
    parsed = opened(DOCUMENTS["docx"]())
    from PIL import Image

    for part, seed in zip(parsed.parts[1:], (1, 2), strict=True):
        with Image.open(io.BytesIO(photograph(seed))) as picture:
            np.testing.assert_array_equal(part.array, np.asarray(picture))
