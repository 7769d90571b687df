"""Sound in archives: frames that stand alone, samples by time, odd files, an hour."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import arzip
from arzip import blocks
from arzip.archive import compress_stream, decompress_stream
from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.settings import Settings
from tests import sounds
from tests.test_sound_formats import AIFFS, FLACS, WAVS

SOUND = sounds.tones(3000)


@pytest.fixture
def framed(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An archive of a WAV file in four frames of 750 samples."""
    monkeypatch.setattr(blocks, "_SAMPLES", 1600)
    return arzip.compress(sounds.wav(SOUND, after=b"end"), level=1)


@pytest.mark.parametrize("data", [*WAVS.values(), *AIFFS.values(), *FLACS.values()])
def test_sound_files_come_back(data: bytes) -> None:
    archive = arzip.compress(data, level=1)
    assert arzip.decompress(archive) == data
    assert len(archive) <= len(data) + 64


@pytest.mark.parametrize(
    "data",
    [
        sounds.wav(SOUND[:80], tag=3),
        WAVS["16 bits"][:43],
        b"RIFF\0\0\0\0WAVEdata\xff\0\0\0 without a format",
        FLACS["stereo"][:90],
    ],
)
def test_what_cannot_be_taken_apart_comes_back_with_one_line(data: bytes) -> None:
    out, back = io.BytesIO(), io.BytesIO()
    report = compress_stream(io.BytesIO(data), out, Settings())
    assert len(report.notes) == 1 and "kept as bytes" in report.notes[0]
    out.seek(0)
    decompress_stream(out, back, Settings())
    assert back.getvalue() == data


@pytest.mark.parametrize("layout", ["s8,2", "u8,1", "s16le,2", "s16be,3", "s24le,2", "s24be,1", "s32le,2", "s32be,1"])
def test_raw_samples_of_a_known_layout_come_back(layout: str) -> None:
    data = sounds.packed(SOUND[:700], 2) + b"odd"
    out, back = io.BytesIO(), io.BytesIO()
    report = compress_stream(io.BytesIO(data), out, Settings(level=1, pcm=layout))
    assert set(report.roads) <= {"audio", "stored"}
    out.seek(0)
    decompress_stream(out, back, Settings())
    assert back.getvalue() == data


@pytest.mark.parametrize("layout", ["s16", "u16le,2", "s16le,0", "s16le,99", "s24,1", ""])
def test_unknown_layouts_are_refused(layout: str) -> None:
    with pytest.raises(UnsupportedInput):
        compress_stream(io.BytesIO(b"samples"), io.BytesIO(), Settings(pcm=layout))


def test_threads_never_change_the_bytes(framed: bytes) -> None:
    data = sounds.wav(SOUND, after=b"end")
    assert arzip.compress(data, level=1, threads=1) == framed == arzip.compress(data, level=1, threads=3)


def test_samples_of_any_time(framed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav.arz"
    path.write_bytes(framed)
    with arzip.open(path) as sound:
        for start, stop in ((0, 3000), (740, 760), (1500, 1500), (2999, 9999), (0, 1), (4000, 5000)):
            part = sound.read_samples(start, stop)
            assert part.dtype == np.int16
            np.testing.assert_array_equal(part, SOUND[start:stop])
        assert sound.read(4) == b"RIFF"
        assert sound.seek(-4, io.SEEK_END) and sound.read() == b"end\0"
        with pytest.raises(UnsupportedInput):
            sound.read_samples(5, 4)


def test_only_the_frames_around_are_decoded(framed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav.arz"
    broken = bytearray(framed)
    broken[len(framed) - 100] ^= 1  # in the last frame
    path.write_bytes(broken)
    with arzip.open(path) as sound:
        np.testing.assert_array_equal(sound.read_samples(100, 1400), SOUND[100:1400])
        with pytest.raises(CorruptArchive):
            sound.read_samples(2900, 3000)


def test_damage_costs_one_frame(framed: bytes) -> None:
    broken, back = bytearray(framed), io.BytesIO()
    broken[len(framed) - 100] ^= 1
    report = decompress_stream(io.BytesIO(broken), back, Settings(), recover=True)
    assert len(report.lost) == 1
    expected = SOUND.copy()
    expected[2250:] = 0
    assert back.getvalue() == sounds.wav(expected, after=b"end")


def test_no_samples_where_there_is_no_sound(tmp_path: Path) -> None:
    numbers = io.BytesIO()
    np.save(numbers, np.arange(40.0))
    for name, data in (("text", b"words " * 40), ("numbers", numbers.getvalue())):
        path = tmp_path / name
        path.write_bytes(arzip.compress(data))
        with arzip.open(path) as opened, pytest.raises(UnsupportedInput):
            opened.read_samples(0, 1)


HOUR = """
import io, resource, sys
import numpy as np
from arzip.archive import compress_stream, decompress_stream
from arzip.settings import Settings
path = sys.argv[1]
with open(path, "rb") as source, open(path + ".arz", "w+b") as out:
    print(compress_stream(source, out, Settings(level=1)).bytes_out)
    out.seek(0)
    with open(path + ".back", "w+b") as back:
        print(decompress_stream(out, back, Settings()).bytes_out)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_an_hour_of_stereo_in_less_than_a_gigabyte(tmp_path: Path) -> None:
    """Mostly digital silence, so that it takes minutes: memory depends on the length alone."""
    path, length = tmp_path / "hour.wav", 3600 * 44100
    head = sounds.wav(SOUND[:0])[:-4] + (4 * length).to_bytes(4, "little")
    with path.open("wb") as out:
        out.write(head)
        piece = np.zeros((44100 * 60, 2), "<i2")
        for minute in range(60):
            piece[:] = 0
            if minute % 20 == 3:
                piece[:30000] = sounds.tones(30000, seed=minute)
            out.write(piece.tobytes())
    done = subprocess.run([sys.executable, "-c", HOUR, str(path)], check=True, capture_output=True, text=True)
    _, restored, peak = map(int, done.stdout.split())
    assert restored == path.stat().st_size and peak < 1_000_000
    with path.open("rb") as first, path.with_suffix(".wav.back").open("rb") as second:
        while chunk := first.read(1 << 24):
            assert chunk == second.read(1 << 24)
