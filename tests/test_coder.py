"""The coder: exact words pinned, both shapes of predictions, damage, the dice."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arzip.coding.coder import Decoder, Dice, Encoder
from arzip.coding.compiled_coder import closed, read_bits, start, words_of
from arzip.coding.length import ideal_bits
from arzip.errors import CorruptArchive


def random_rows(random: np.random.Generator, count: int, alphabet: int) -> np.ndarray:
    weights = random.integers(1, 1 << 10, (count, alphabet)) ** 2
    rows = 1 + weights * ((1 << 24) - 2 * alphabet) // weights.sum(axis=1, keepdims=True)
    rows[:, 0] += (1 << 24) - rows.sum(axis=1)
    return rows.astype(np.int32)


@given(st.integers(0, 10**6), st.sampled_from([2, 3, 16, 256]), st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_symbols_and_decisions_come_back(seed: int, alphabet: int, count: int) -> None:
    random = np.random.default_rng(seed)
    rows = random_rows(random, count, alphabet)
    x = random.integers(0, alphabet, count).astype(np.int32)
    p = np.where(random.random(count) < 0.1, [1, (1 << 24) - 1][seed % 2], random.integers(1, 1 << 24, count))
    bits = random.integers(0, 2, count).astype(np.int32)
    encoder = Encoder()
    encoder.write(rows, x)
    encoder.write(p.astype(np.int32), bits)
    words = encoder.finish()
    decoder = Decoder(words)
    np.testing.assert_array_equal(decoder.read(rows), x)
    np.testing.assert_array_equal(decoder.read(p.astype(np.int32)), bits)
    decoder.close()
    ideal = ideal_bits(rows, x).sum() + ideal_bits(p.astype(np.int32), bits).sum()
    assert 8 * len(words) <= ideal * 1.0001 + count * 1e-3 + 64


def test_words_never_change() -> None:
    random = np.random.default_rng(1)
    rows = random_rows(random, 500, 16)
    p = random.integers(1, 1 << 24, 500).astype(np.int32)
    encoder = Encoder()
    encoder.write(rows, random.integers(0, 16, 500).astype(np.int32))
    encoder.write(p, random.integers(0, 2, 500).astype(np.int32))
    assert hashlib.sha256(encoder.finish()).hexdigest()[:16] == "2a020ec72c222fef"


def test_damage_is_noticed() -> None:
    with pytest.raises(CorruptArchive, match="whole number of words"):
        Decoder(b"abc")
    encoder = Encoder()
    encoder.write(np.full(1000, 1 << 23, np.int32), np.ones(1000, np.int32))
    decoder = Decoder(encoder.finish())
    decoder.read(np.full(10, 1 << 23, np.int32))
    with pytest.raises(CorruptArchive, match="longer than its contents"):
        decoder.close()


def test_dice_follow_the_prediction_and_the_seed() -> None:
    rows = np.tile(np.array([[1 << 23, 1 << 22, 1 << 22]], np.int32), (20000, 1))
    first, again, other = Dice(1).read(rows), Dice(1).read(rows), Dice(2).read(rows)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_allclose(np.bincount(first) / 20000, [0.5, 0.25, 0.25], atol=0.02)
    assert abs(Dice(3).read(np.full(20000, 1 << 22, np.int32)).mean() - 0.25) < 0.02


def test_the_compiled_decoder_is_the_librarys() -> None:
    random = np.random.default_rng(5)
    for trial in range(40):
        count = int(random.integers(1, 3000))
        p = random.integers(1, 1 << 24, count).astype(np.int32)
        if trial % 3 == 0:
            p = np.where(p & 1, p >> 18, (1 << 24) - 1 - (p >> 18)).clip(1, (1 << 24) - 1).astype(np.int32)
        bits = (random.integers(0, 1 << 24, count) < p).astype(np.int32)
        if trial % 4 == 0:
            bits[:: count // 7 + 1] ^= 1
        encoder = Encoder()
        encoder.write(p, bits)
        words = words_of(encoder.finish())
        state, read = start(words), np.zeros(count, np.int32)
        read_bits(state, words, p, read)
        np.testing.assert_array_equal(read, bits)
        assert closed(state, words)
        assert not closed(start(words), np.append(words, words))
        nonsense = random.integers(0, 1 << 32, 4000, dtype=np.uint64).astype(np.uint32)
        state = start(nonsense)
        read_bits(state, nonsense, p, read)
        try:
            np.testing.assert_array_equal(read, Decoder(nonsense.astype("<u4").tobytes()).read(p))
        except CorruptArchive:
            assert not closed(state, nonsense)


def test_impossible_words_break_the_compiled_decoder() -> None:
    words = np.full(4, (1 << 32) - 1, np.uint32)
    state, read = start(words), np.ones(3, np.int32)
    read_bits(state, words, np.full(3, 5, np.int32), read)
    assert read.tolist() == [0, 0, 0] and not closed(state, words)
    with pytest.raises(CorruptArchive, match="contradicts"):
        Decoder(words.tobytes()).read(np.full(3, 5, np.int32))
