"""WAV, AIFF and FLAC: the same bytes back, whatever their headers say; what is no integer sound goes as bytes."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats import FORMATS, RAW, aiff, flac, mulaw, take_apart, wav
from arzip.formats.base import Parsed
from tests import sounds
from tests.laws import check_format

SHORT = sounds.tones(50)
WAVS = {
    "16 bits": sounds.wav(SHORT),
    "8 bits, mono": sounds.wav(sounds.tones(41, 1, 8), 1),
    "24 bits, 6 channels": sounds.wav(sounds.tones(20, 6, 24), 3),
    "32 bits": sounds.wav(sounds.tones(20, 2, 32), 4),
    "extensible": sounds.wav(SHORT, extensible=True),
    "RF64": sounds.wav(
        SHORT, magic=b"RF64", size=0xFFFFFFFF, before=sounds.chunk(b"ds64", struct.pack("<QQQI", 300, 200, 50, 0))
    ),
    "odd chunks around": sounds.wav(
        SHORT, before=sounds.chunk(b"LIST", b"odd"), after=sounds.chunk(b"id3 ", b"tagged!")
    ),
    "trailing bytes": sounds.wav(SHORT) + b"more",
    "size of zero": sounds.wav(SHORT, size=0),
    "size all ones": sounds.wav(SHORT, size=0xFFFFFFFF),
    "size beyond the end": sounds.wav(SHORT, size=1 << 20),
    "size too small": sounds.wav(SHORT, size=81),
    "truncated in a sample": sounds.wav(SHORT, cut=3),
    "no samples": sounds.wav(SHORT[:0]),
    "one sample": sounds.wav(SHORT[:1, :1]),
}


@pytest.mark.parametrize("name", WAVS)
def test_wav_comes_back(name: str) -> None:
    check_format(wav, WAVS[name])
    number, parsed, note = take_apart(WAVS[name])
    assert FORMATS[number] is wav and parsed is not None and note is None


def test_wav_samples_are_right() -> None:
    for bits, width in ((8, 1), (16, 2), (24, 3), (32, 4)):
        x = sounds.tones(30, 2, bits)
        part = wav.parse(sounds.wav(x, width)).parts[0]
        np.testing.assert_array_equal(part.array, x)
        assert (part.kind, part.depth) == ("audio", bits)
    assert len(wav.parse(WAVS["truncated in a sample"]).parts[0].array) == 49
    assert len(wav.parse(WAVS["size too small"]).parts[0].array) == 20


AIFFS = {
    "AIFF": sounds.aiff(SHORT),
    "24 bits": sounds.aiff(sounds.tones(20, 1, 24), 3),
    "8 bits": sounds.aiff(sounds.tones(21, 1, 8), 1, after=b"junk"),
    "AIFC": sounds.aiff(SHORT, packing=b"NONE"),
    "sowt": sounds.aiff(SHORT, packing=b"sowt", after=sounds.chunk(b"ANNO", b"note", big=True)),
    "offset": sounds.aiff(SHORT, offset=6),
    "truncated": sounds.aiff(SHORT)[:-5],
}


def ulaw(x: np.ndarray) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, x.astype(np.int16), 8000, subtype="ULAW", format="WAV")
    return out.getvalue()


def test_mulaw_codes_are_those_of_libsndfile() -> None:
    x = np.arange(-(1 << 15), 1 << 15, 2).reshape(-1, 2)
    file = ulaw(x)
    ranks = mulaw.parse(file).parts[0].array
    np.testing.assert_array_equal(ranks, mulaw.compressed(x.astype(np.int16)))
    np.testing.assert_array_equal(mulaw.expanded(ranks), soundfile.read(io.BytesIO(file), dtype="int16")[0])
    assert (np.diff(ranks.ravel()) >= 0).all() and set(ranks.ravel()) == set(range(-128, 128))
    written = mulaw.mulaw_wav(ranks, 8000)
    np.testing.assert_array_equal(*(soundfile.read(io.BytesIO(f), dtype="int16")[0] for f in (written, file)))


@pytest.mark.parametrize("odd", [b"", b"trailing", sounds.chunk(b"LIST", b"odd")])
def test_mulaw_files_come_back_where_a_model_asks_for_sound(odd: bytes) -> None:
    file = ulaw(SHORT[:33]) + odd
    check_format(mulaw, file)
    assert take_apart(file, kind="audio")[0] == 9
    assert take_apart(file)[0] == RAW
    assert FORMATS[take_apart(WAVS["16 bits"], kind="audio")[0]] is wav
    with pytest.raises(UnsupportedInput, match="samples of kind 1"):
        mulaw.parse(WAVS["8 bits, mono"])


@pytest.mark.parametrize("name", AIFFS)
def test_aiff_comes_back(name: str) -> None:
    check_format(aiff, AIFFS[name])
    number, parsed, _ = take_apart(AIFFS[name])
    assert FORMATS[number] is aiff and parsed is not None


def test_aiff_samples_are_right() -> None:
    for name, x in (("AIFF", SHORT), ("sowt", SHORT), ("24 bits", sounds.tones(20, 1, 24))):
        np.testing.assert_array_equal(aiff.parse(AIFFS[name]).parts[0].array, x)


@pytest.mark.parametrize(
    "data",
    [
        sounds.wav(SHORT, tag=3),  # floating point
        sounds.wav(SHORT, tag=17),  # compressed
        WAVS["16 bits"][:30],
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff",
        sounds.wav(np.zeros((1, 65), np.int64)),
        sounds.aiff(SHORT, packing=b"fl32"),
        AIFFS["AIFF"][:40],
        b"fLaC",
        b"fLaC\x80\0\0\x22" + bytes(34),
    ],
)
def test_what_is_no_integer_sound_goes_as_bytes_with_one_line(data: bytes) -> None:
    number, parsed, note = take_apart(data)
    assert (number, parsed) == (RAW, None)
    assert note is not None and "kept as bytes" in note and "\n" not in note


@given(st.binary(max_size=120), st.sampled_from(["16 bits", "RF64"]), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_any_header_is_taken_apart_or_refused(noise: bytes, name: str, at: int) -> None:
    data = WAVS[name][:at] + noise + WAVS[name][at + len(noise) :]
    number, parsed, _ = take_apart(data)
    assert (number == RAW) == (parsed is None)


def flac_file(x: np.ndarray, subtype: str = "PCM_16", level: float = 0.6, rate: int = 44100) -> bytes:
    """Samples [T, C] through libFLAC."""
    out = io.BytesIO()
    scaled = (x << (16 if subtype == "PCM_16" else 8 if subtype == "PCM_24" else 24)).astype(np.int32)
    soundfile.write(out, scaled, rate, format="FLAC", subtype=subtype, compression_level=level)
    return out.getvalue()


def noise(length: int, bits: int = 16) -> np.ndarray:
    half = 1 << (bits - 1)
    return np.random.default_rng(2).integers(-half, half, (length, 1))


LONG = sounds.tones(9000)
FLACS = {
    "stereo": flac_file(LONG),
    "fastest": flac_file(LONG, level=0.0),
    "smallest, alike channels": flac_file(np.repeat(LONG[:, :1], 2, axis=1) + (LONG >> 6), level=1.0),
    "24 bits": flac_file(sounds.tones(5000, 2, 24), "PCM_24"),
    "8 bits": flac_file(sounds.tones(5000, 1, 8), "PCM_S8"),
    "noise (verbatim)": flac_file(noise(5000)),
    "silence (constant)": flac_file(np.zeros((5000, 2), np.int64)),
    "wasted bits": flac_file((LONG >> 5) << 3),
    "bursts": flac_file(np.where((np.arange(9000) % 700 < 20)[:, None], LONG, 0)),
    "8 channels": flac_file(sounds.tones(4500, 8)),
    "odd rate": flac_file(LONG, rate=44057),
    "one sample": flac_file(LONG[:1]),
    "trailing bytes": flac_file(LONG) + b"TAG and more",
}


@pytest.mark.parametrize("name", FLACS)
def test_flac_comes_back(name: str) -> None:
    check_format(flac, FLACS[name])
    number, parsed, note = take_apart(FLACS[name])
    assert FORMATS[number] is flac and parsed is not None and note is None
    x, _ = soundfile.read(io.BytesIO(FLACS[name]), dtype="int32", always_2d=True)
    np.testing.assert_array_equal(parsed.parts[0].array.astype(np.int64) << (32 - parsed.parts[0].depth), x)


def test_flac_cut_or_damaged_still_comes_back_or_is_refused() -> None:
    data = FLACS["stereo"]
    check_format(flac, data[: len(data) * 2 // 3])
    random = np.random.default_rng(1)
    for _ in range(60):
        broken = bytearray(data)
        broken[int(random.integers(42, len(data)))] ^= 1 << int(random.integers(8))
        number, parsed, note = take_apart(bytes(broken))
        assert (number == RAW) == (parsed is None) and (parsed is not None or note)


def test_damaged_side_data_of_flac_never_do_worse_than_other_bytes() -> None:
    parsed = flac.parse(FLACS["stereo"])
    random = np.random.default_rng(1)
    refused = changed = 0
    for _ in range(60):
        side = bytearray(parsed.side)
        side[int(random.integers(len(side)))] ^= 1 << int(random.integers(8))
        try:
            changed += flac.build(Parsed(parsed.parts, bytes(side))) != FLACS["stereo"]
        except CorruptArchive:
            refused += 1
    assert refused and changed
    with pytest.raises(CorruptArchive):
        flac.build(Parsed(parsed.parts, parsed.side[:20]))
    with pytest.raises(UnsupportedInput):
        flac.parse(FLACS["stereo"][:60])
