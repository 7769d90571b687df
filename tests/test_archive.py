"""The whole road: any bytes come back, whatever the threads, and every damage is one clear error."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arzip
from arzip import blocks
from arzip.archive import compress_stream, decompress_stream
from arzip.container import SectionWriter, pack
from arzip.errors import ArzipError, CorruptArchive, LimitExceeded, ModelError, UnsupportedInput
from arzip.settings import Settings
from tests.conftest import PHOTO


def road(data: bytes, **chosen: object) -> bytes:
    archive = arzip.compress(data, **chosen)
    assert arzip.decompress(archive) == data
    return archive


@given(st.binary(max_size=400))
@settings(max_examples=25, deadline=None)
def test_any_bytes_come_back(data: bytes) -> None:
    assert len(road(data)) <= len(data) * 1.001 + 64


@pytest.mark.parametrize("data", [b"", b"a", bytes(100_000), b"abc" * 5000, os.urandom(50_000)], ids=len)
def test_extremes_come_back_and_never_grow(data: bytes) -> None:
    assert len(road(data)) <= len(data) * 1.001 + 64


def test_text_shrinks_with_any_number_of_lanes() -> None:
    data = b"".join(b"line %d of a table, value %d\n" % (n, n * n % 97) for n in range(900))
    sizes = {lanes: len(road(data, lanes=lanes)) for lanes in (1, 2, 7, 64)}
    assert all(size < len(data) / 5 for size in sizes.values())


def test_threads_never_change_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_BYTES", 3000)
    monkeypatch.setattr(blocks, "_UNCUT", 100)
    data = b"the same archive from one core and from many, " * 300
    archives = {arzip.compress(data, threads=threads) for threads in (1, 2, 5)}
    assert len(archives) == 1
    assert arzip.decompress(archives.pop()) == data


def picture_file(height: int = 40, width: int = 33, channels: int = 3) -> bytes:
    random = np.random.default_rng(3)
    pixels = np.add.outer(np.arange(height) * 2, np.arange(width) * 3)[..., None] + random.integers(
        0, 9, (height, width, channels)
    )
    size = f"WIDTH {width}\nHEIGHT {height}\nDEPTH {channels}"
    return f"P7\n{size}\nMAXVAL 255\nENDHDR\n".encode() + pixels.astype(np.uint8).tobytes()


@pytest.mark.parametrize("model", ["photo-1", "photo-4"])
def test_pictures_come_back_from_a_net_alone(model: str) -> None:
    data = picture_file()
    archive = arzip.compress(data, model=model, adapt=False)
    assert arzip.decompress(archive) == data


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_come_back_through_the_net(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_ONE_TILE", 100)
    monkeypatch.setattr(blocks, "_TILE_COLUMNS", 20)
    data = picture_file(channels=channels)
    archive = road(data, model=PHOTO)
    assert PHOTO.encode() in archive
    assert arzip.compress(data, model=PHOTO, threads=1) == archive
    assert road(data, adapt=False)


def test_arrays_and_images_come_back() -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype(np.uint8)
    np.testing.assert_array_equal(np.load(io.BytesIO(arzip.decompress(arzip.compress(pixels)))), pixels)
    for mode in ("L", "LA", "RGB", "RGBA"):
        image = Image.fromarray(pixels).convert(mode)
        assert arzip.decompress(arzip.compress(image)).endswith(image.tobytes())
    with pytest.raises(UnsupportedInput, match="convert"):
        arzip.compress(Image.fromarray(pixels).convert("CMYK"))
    with pytest.raises(UnsupportedInput, match="cannot compress"):
        arzip.compress(3.5)


def test_streams_need_no_seeking_and_no_model_is_needed_for_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arzip.archive.PIECE", 5000)
    monkeypatch.setattr(blocks, "_BYTES", 2000)
    monkeypatch.setattr(blocks, "_UNCUT", 100)

    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.data = data

        def read(self, size: int = -1) -> bytes:
            size = len(self.data) if size < 0 else size
            taken, self.data = self.data[:size], self.data[size:]
            return taken

    data = b"0123456789abcdef" * 1000
    out, back = io.BytesIO(), io.BytesIO()
    compress_stream(Pipe(data), out, Settings())
    decompress_stream(Pipe(out.getvalue()), back, Settings())
    assert back.getvalue() == data


def test_a_flipped_bit_anywhere_is_an_error() -> None:
    archive = arzip.compress(b"damage must be noticed, wherever it is. " * 9)
    for at in range(0, len(archive) * 8, 3):
        damaged = bytearray(archive)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(ArzipError):
            arzip.decompress(bytes(damaged))


def test_recovery_loses_one_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_BYTES", 500)
    monkeypatch.setattr(blocks, "_UNCUT", 100)
    data = bytes(np.random.default_rng(0).integers(97, 103, 3000).astype(np.uint8))
    archive = bytearray(arzip.compress(data))
    archive[len(archive) // 2] ^= 1
    with pytest.raises(CorruptArchive):
        arzip.decompress(archive)
    out = io.BytesIO()
    report = decompress_stream(io.BytesIO(archive), out, Settings(), recover=True)
    assert len(report.lost) == 1
    assert out.getvalue()[:1000] == data[:1000] and out.getvalue()[-1000:] == data[-1000:]


def test_another_model_under_the_same_name_is_refused() -> None:
    archive = arzip.compress(picture_file(), model=PHOTO)
    mark = arzip.load(PHOTO).fingerprint
    forged = archive.replace(bytes.fromhex(mark), bytes(4))
    with pytest.raises(CorruptArchive):
        arzip.decompress(forged)
    from arzip import store

    with pytest.raises(ModelError, match="was made with"):
        store.load(PHOTO, expected=bytes(4))


def test_absurd_sizes_are_refused_before_they_are_allocated() -> None:
    out = io.BytesIO()
    writer = SectionWriter(out)
    writer.section("H", pack(1, 1) + pack(1, 8, 3, 1 << 30, 1 << 30, 3, 3, 256, 256, 3) + pack(b"") + pack(0, 0))
    writer.end(pack(0) + bytes(8))
    with pytest.raises(LimitExceeded):
        arzip.decompress(out.getvalue())
    out = io.BytesIO()
    writer = SectionWriter(out)
    writer.section("F", pack(1, 1 << 40) + bytes(4))
    writer.end(pack(0) + bytes(8))
    with pytest.raises(LimitExceeded):
        arzip.decompress(out.getvalue())


@given(st.lists(st.tuples(st.sampled_from("HF"), st.binary(max_size=40)), max_size=4))
@settings(max_examples=150, deadline=None)
def test_nonsense_with_right_checksums_is_an_error(sections: list[tuple[str, bytes]]) -> None:
    out = io.BytesIO()
    writer = SectionWriter(out)
    for tag, body in sections:
        writer.section(tag, body)
    writer.end(pack(3) + bytes(8))
    with pytest.raises(ArzipError):
        arzip.decompress(out.getvalue())


def test_open_reads_and_writes_like_a_file(tmp_path: Path) -> None:
    path = tmp_path / "note.txt.arz"
    with arzip.open(path, "wt") as out:
        out.write("zwölf\n" * 50)
    with arzip.open(path, "rt") as text:
        assert text.read() == "zwölf\n" * 50
    with pytest.raises(FileExistsError):
        arzip.open(path, "xb")
    with pytest.raises(RuntimeError), arzip.open(path, "wb") as out:
        raise RuntimeError("half-way")
    with arzip.open(path) as back:
        assert back.read() == "zwölf\n".encode() * 50
    with pytest.raises(UnsupportedInput):
        arzip.open(path, "ab")


def test_a_loaded_model_tells_bits_and_samples() -> None:
    model = arzip.load(PHOTO)
    pixels = np.full((6, 7, 3), 90, np.uint8)
    assert model.bits(pixels).shape == pixels.shape
    assert model.rows(pixels).shape == (6, 7, 3, 256)
    np.testing.assert_array_equal(model.sample((2, 3, 3), seed=1), model.sample((2, 3, 3), seed=1))
    with pytest.raises(ModelError, match="not installed"):
        arzip.load("no-such-model")
