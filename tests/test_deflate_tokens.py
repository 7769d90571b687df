"""Parsing of deflate streams and writing them back."""

from __future__ import annotations

import random
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arzip.errors import LimitExceeded, UnsupportedInput
from arzip.formats.deflate import tables
from arzip.formats.deflate.huffman import optimal_lengths
from arzip.formats.deflate.tokens import parse, write
from tests.deflate_streams import random_stream


def test_length_and_distance_symbols_cover_their_ranges() -> None:
    for length in range(3, 258):
        symbol = tables.LENGTH_SYMBOL[length]
        assert 0 <= length - tables.LENGTH_BASE[symbol] < 1 << tables.LENGTH_EXTRA[symbol]
    for distance in range(1, 32769):
        symbol = tables.distance_symbol(distance)
        assert 0 <= distance - tables.DISTANCE_BASE[symbol] < 1 << tables.DISTANCE_EXTRA[symbol]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 30), size=st.sampled_from([0, 1, 300, 5000, 50000]))
def test_any_stream_is_written_back(seed: int, size: int) -> None:
    stream, plain = random_stream(seed, size)
    assert zlib.decompress(stream, -15) == plain
    parsed = parse(stream + b"what follows", limit=len(plain))
    assert bytes(parsed.plain) == plain
    assert parsed.consumed == len(stream)
    assert write(parsed) == stream


def test_limit_and_damage() -> None:
    data = random.Random(1).randbytes(3000) + bytes(3000)
    stream = zlib.compress(data, 6, -15)
    with pytest.raises(LimitExceeded):
        parse(stream, limit=5999)
    for end in range(0, len(stream), 101):
        with pytest.raises(UnsupportedInput):
            parse(stream[:end], limit=6000)
    with pytest.raises(UnsupportedInput):
        parse(b"\x07\x00\x00\x00", limit=100)  # block kind 3
    with pytest.raises(UnsupportedInput):
        parse(b"\x03\x02\x00", limit=100)  # a match before any byte


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_noise_parses_like_zlib_or_is_refused(noise: bytes) -> None:
    try:
        parsed = parse(noise, limit=1 << 20)
    except (UnsupportedInput, LimitExceeded):
        return
    assert write(parsed) == noise[: parsed.consumed]


@pytest.mark.parametrize("longest", [7, 15])
def test_optimal_lengths_make_a_complete_code(longest: int) -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < 19:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    for counts in (fibonacci, [1] * 19, [5, 0, 0, 9], [0, 0, 7], [0]):
        lengths = np.zeros(len(counts) + 4, np.uint8)
        padded = np.array([*counts, 0, 0, 0, 0], np.int64)
        optimal_lengths(padded, len(padded), longest, lengths)
        used = lengths[lengths > 0].astype(int)
        assert used.max() <= longest
        assert np.sum(2.0**-used) == 1
        assert np.all(lengths[padded > 0] > 0)
