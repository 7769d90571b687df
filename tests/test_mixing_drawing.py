"""The drawing engine: every picture comes back, damage is met calmly, drawn things cost little."""

from __future__ import annotations

import hashlib
import threading
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.mixing.drawing_road import decode_drawing, encode_drawing

KINDS = ("noise", "flat", "tiles", "lines", "ramp", "few")


def drawn(kind: str, shape: tuple[int, int, int], depth: int, seed: int = 0) -> np.ndarray:
    """A picture of one kind, uint8 or, above 8 bits, uint16 [H, W, C]."""
    height, width, channels = shape
    random = np.random.default_rng(seed)
    most = 1 << depth
    y, x = np.mgrid[0:height, 0:width]
    if kind == "noise":
        block = random.integers(0, most, shape)
    elif kind == "flat":
        block = np.broadcast_to(random.integers(0, most, channels), shape)
    elif kind == "tiles":
        tile = random.integers(0, most, (7, 5, channels))
        block = tile[y % 7, x % 5]
    elif kind == "lines":
        palette = random.integers(0, most, (3, channels))
        block = palette[np.where((x + 2 * y) % 17 == 0, 1, np.where(y % 9 == 4, 2, 0))]
    elif kind == "ramp":
        block = np.stack([(37 * x + (11 + c) * y) % most for c in range(channels)], axis=2)
    else:
        palette = random.integers(0, most, (4, channels))
        block = palette[random.integers(0, 4, (height, width))]
    return block.astype(np.uint8 if depth <= 8 else np.uint16)


def there_and_back(block: np.ndarray, depth: int) -> int:
    """The payload's size, after it was read back and compared; it stays near the ideal length."""
    payload, bits = encode_drawing(block, depth)
    assert 0 <= bits <= 8 * len(payload) < bits * 1.002 + 100
    again = decode_drawing(payload, block.shape, depth)
    assert again.dtype == block.dtype
    np.testing.assert_array_equal(again, block)
    return len(payload)


@given(
    st.sampled_from(KINDS),
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4)),
    st.integers(1, 16),
    st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_every_picture_comes_back(kind: str, shape: tuple[int, int, int], depth: int, seed: int) -> None:
    there_and_back(drawn(kind, shape, depth, seed), depth)


@given(st.binary(min_size=1, max_size=400), st.integers(1, 4), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_any_samples_come_back(data: bytes, channels: int, width: int) -> None:
    rows = -(-len(data) // (channels * width))
    padded = data.ljust(rows * channels * width, b"\0")
    there_and_back(np.frombuffer(padded, np.uint8).reshape(rows, width, channels), 8)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 4), (1, 900, 3), (900, 1, 3), (700, 3, 2), (0, 4, 1), (4, 0, 3)])
@pytest.mark.parametrize("depth", [1, 8, 16])
def test_thin_and_empty_pictures(shape: tuple[int, int, int], depth: int) -> None:
    there_and_back(drawn("few", shape, depth), depth)


def test_views_of_any_order_are_taken() -> None:
    block = drawn("lines", (30, 50, 3), 8)
    there_and_back(block[::-1, ::2].transpose(1, 0, 2), 8)
    wide = block.astype(">u2").astype(np.uint16)
    np.testing.assert_array_equal(decode_drawing(encode_drawing(wide, 8)[0], wide.shape, 8), block)


def test_exact_words() -> None:
    """The stream is fixed: the same words on every machine, and for as long as archives are to be read."""
    payloads = [encode_drawing(drawn(kind, (40, 60, 3), 8, 3), 8)[0] for kind in KINDS]
    payloads += [encode_drawing(drawn(kind, (50, 70, 1), depth, 4), depth)[0] for kind in KINDS for depth in (1, 4, 16)]
    assert hashlib.sha256(b"".join(payloads)).hexdigest()[:16] == "217df838fdd5841e"


def test_threads_do_not_meet() -> None:
    blocks = [drawn(kind, (60, 80, 3), 8, 9) for kind in KINDS]
    alone = [encode_drawing(block, 8) for block in blocks]
    beside: list[tuple[bytes, float] | None] = [None] * len(blocks)

    def encode(number: int) -> None:
        beside[number] = encode_drawing(blocks[number], 8)

    threads = [threading.Thread(target=encode, args=(number,)) for number in range(len(blocks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert beside == alone


@given(st.integers(0, 10**6), st.sampled_from(["flip", "cut", "grow", "random"]))
@settings(max_examples=40, deadline=None)
def test_damage_is_met_calmly(seed: int, how: str) -> None:
    random = np.random.default_rng(seed)
    block = drawn(KINDS[seed % len(KINDS)], (30, 40, 3), 8, seed)
    payload = bytearray(encode_drawing(block, 8)[0])
    if how == "flip":
        payload[random.integers(len(payload))] ^= 1 << random.integers(8)
    elif how == "cut":
        payload = payload[: random.integers(len(payload))]
    elif how == "grow":
        payload += random.bytes(int(random.integers(1, 64)))
    else:
        payload = bytearray(random.bytes(len(payload)))
    try:
        again = decode_drawing(bytes(payload), block.shape, 8)
    except CorruptArchive:
        return
    assert again.shape == block.shape and again.dtype == block.dtype


def test_longer_and_odd_payloads_are_refused() -> None:
    block = drawn("lines", (30, 40, 1), 8)
    payload, _ = encode_drawing(block, 8)
    with pytest.raises(CorruptArchive, match="whole number of words"):
        decode_drawing(payload + b"x", block.shape, 8)
    with pytest.raises(CorruptArchive, match="contradicts"):
        decode_drawing(payload + bytes(64), block.shape, 8)


def test_input_that_does_not_fit_is_refused() -> None:
    for block, depth in [
        (np.zeros((4, 4), np.uint8), 8),
        (np.zeros((4, 4, 5), np.uint8), 8),
        (np.zeros((4, 4, 1), np.int64), 8),
        (np.full((4, 4, 1), 4, np.uint8), 2),
        (np.zeros((4, 4, 1), np.uint8), 0),
        (np.zeros((4, 4, 1), np.uint16), 17),
    ]:
        with pytest.raises(UnsupportedInput):
            encode_drawing(block, depth)


def test_ground_costs_nothing_and_no_time() -> None:
    encode_drawing(drawn("flat", (2, 2, 1), 8), 8)
    began = time.process_time()
    assert there_and_back(drawn("flat", (1000, 1000, 3), 8), 8) <= 16
    assert time.process_time() - began < 5


def test_noise_hardly_grows() -> None:
    for depth, channels in [(1, 1), (4, 1), (8, 1), (8, 3), (16, 1)]:
        block = drawn("noise", (90, 100, channels), depth)
        assert there_and_back(block, depth) < block.size * depth / 8 * 1.02 + 40


def test_drawn_things_cost_less_than_deflate() -> None:
    """Repeats in two directions, in any of three widths of pixel: at most a third of what zlib makes of the rows."""
    for kind, depth, channels in [("tiles", 8, 3), ("lines", 8, 3), ("lines", 4, 1), ("tiles", 16, 1), ("ramp", 8, 1)]:
        block = drawn(kind, (160, 200, channels), depth, 5)
        assert there_and_back(block, depth) < len(zlib.compress(block.tobytes(), 9)) / 3 + 30


def test_letters_are_learned_once() -> None:
    """A page of few shapes, placed at random: the second half is cheaper than the first."""
    random = np.random.default_rng(8)
    shapes = random.integers(0, 2, (12, 9, 7)).astype(np.uint8)
    page = np.zeros((400, 400, 1), np.uint8)
    for y in range(4, 390, 14):
        for x in range(4, 390, 10):
            page[y : y + 9, x : x + 7, 0] = shapes[random.integers(12)]
    whole, half = there_and_back(page, 1), there_and_back(page[:200], 1)
    assert whole - half < 0.8 * half
