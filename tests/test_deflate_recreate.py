"""Deflate streams through recipes: exact for any stream, next to nothing for zlib's, and safe when damaged."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import random
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arzip.errors import CorruptArchive
from arzip.formats.deflate import put_together, take_apart
from arzip.formats.deflate.chains import enter_exact, find_longest, follow_chain
from arzip.formats.deflate.matcher import MODE, OPTIMAL
from arzip.formats.deflate.recipe import unpack
from tests.deflate_streams import random_stream


def sample(seed: int, size: int) -> bytes:
    """Text, noise and runs by turns."""
    dice = random.Random(seed)
    words = [dice.randbytes(dice.randint(1, 9)) for _ in range(300)]
    out = bytearray()
    while len(out) < size:
        match dice.randrange(8):
            case 0:
                out += dice.randbytes(dice.randint(1, 3000))
            case 1:
                out += bytes([dice.randrange(256)]) * dice.randint(1, 3000)
            case 2:
                out += bytes(dice.choices(range(4), k=dice.randint(1, 5000)))
            case _:
                out += b" ".join(dice.choices(words, k=dice.randint(10, 2000)))
    return bytes(out[:size])


def deflated(data: bytes, level: int, window: int = 15, memory: int = 8, strategy: int = 0) -> bytes:
    encoder = zlib.compressobj(level, zlib.DEFLATED, -window, memory, strategy)
    return encoder.compress(data) + encoder.flush()


def overhead(stream: bytes, data: bytes) -> int:
    """Bytes of the compressed recipe of a stream, after a round trip."""
    opened = take_apart(stream + b"xyz", limit=len(data))
    assert opened.plain == data
    assert opened.consumed == len(stream)
    assert put_together(opened.plain, opened.recipe) == stream
    return len(zlib.compress(opened.recipe, 9))


@pytest.mark.parametrize("level", range(10))
def test_every_level_of_zlib_is_predicted(level: int) -> None:
    data = sample(level, 200_000)
    stream = deflated(data, level)
    assert overhead(stream, data) <= 80
    if level:
        assert len(unpack(take_apart(stream, limit=len(data)).recipe, len(data)).notes) == 0


@pytest.mark.parametrize("strategy", range(5))
@pytest.mark.parametrize("memory", [1, 5, 9])
def test_strategies_and_memory_levels_are_predicted(strategy: int, memory: int) -> None:
    data = sample(strategy, 120_000)
    assert overhead(deflated(data, 6, memory=memory, strategy=strategy), data) <= 100


@pytest.mark.parametrize("window", [9, 10, 12, 14])
def test_windows_are_predicted(window: int) -> None:
    data = sample(window, 100_000)
    assert overhead(deflated(data, 7, window=window), data) <= 200


@pytest.mark.parametrize("kind", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH])
@pytest.mark.parametrize("level", [1, 6])
def test_flushes_cost_little(level: int, kind: int) -> None:
    data = sample(5, 100_000)
    encoder = zlib.compressobj(level, zlib.DEFLATED, -15)
    stream = b""
    for start in range(0, len(data), 10_000):
        stream += encoder.compress(data[start : start + 10_000]) + encoder.flush(kind)
    assert overhead(stream + encoder.flush(), data) <= 300


@pytest.mark.parametrize("data", [b"", b"a", b"ab" * 2, bytes(300), bytes(range(256))])
@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_tiny_data(data: bytes, level: int) -> None:
    overhead(deflated(data, level), data)


@pytest.mark.parametrize("codec", ["deflate", "zlibng"])
@pytest.mark.parametrize("level", [1, 2, 3, 4, 5, 6, 7, 8, 9, 12])
def test_other_encoders_are_predicted(codec: str, level: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = sample(level, 100_000)
    if codec == "deflate":
        stream = bytes(imagecodecs.deflate_encode(data, level))[2:-4]
        assert overhead(stream, data) <= (1500 if level < 10 else 1800)
    elif level <= 9:
        assert overhead(bytes(imagecodecs.zlibng_encode(data, level))[2:-4], data) <= 500


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1 << 30), size=st.sampled_from([0, 40, 3000, 40000]))
def test_any_stream_comes_back(seed: int, size: int) -> None:
    stream, plain = random_stream(seed, size)
    overhead(stream, plain)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    size=st.integers(0, 20_000),
    level=st.integers(0, 9),
    window=st.integers(9, 15),
    memory=st.integers(1, 9),
    strategy=st.integers(0, 4),
)
def test_zlib_with_any_parameters(seed: int, size: int, level: int, window: int, memory: int, strategy: int) -> None:
    data = sample(seed, size)
    overhead(deflated(data, level, window, memory, strategy), data)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 30), place=st.floats(0, 1), value=st.integers(0, 255), cut=st.booleans())
def test_damaged_recipes_are_refused_or_give_some_stream(seed: int, place: float, value: int, cut: bool) -> None:
    stream, plain = random_stream(seed % 8, 3000)
    recipe = bytearray(take_apart(stream, limit=len(plain)).recipe)
    at = min(int(place * len(recipe)), len(recipe) - 1)
    recipe[at] = value
    damaged = bytes(recipe[:at] if cut else recipe)
    with contextlib.suppress(CorruptArchive):
        assert isinstance(put_together(plain, damaged), bytes)
    shorter = plain[: len(plain) // 2]
    with contextlib.suppress(CorruptArchive):
        assert put_together(shorter, damaged) != stream


@pytest.mark.parametrize("chain", [1, 7, 64, 4096])
def test_sharp_chains_find_what_the_walk_finds(chain: int) -> None:
    plain = np.frombuffer(sample(3, 40_000), np.uint8)
    heads, links = np.full((5, 1 << 16), -1, np.int32), np.full((5, 1 << 15), -1, np.int32)
    mask, reach, found = (1 << 12) - 1, (1 << 12) - 262, 0
    for position in range(len(plain) - 3):
        enter_exact(plain, position, position, 10, mask, heads, links)
        for previous in (2, 3, 5, 9):
            by_walk = follow_chain(plain, position, previous, reach, 0, chain, 128, mask, links)
            assert find_longest(plain, position, previous, reach, 0, chain, 128, mask, links) == by_walk
            found += by_walk[1] >= 0
    assert found > 10_000


# A recipe of 2026 for a stream of zopfli, in a mode that is no longer chosen; zlib, then base 85.
PLANNED = (
    "c-rlgK}*9x5QX2&Zm6v!n~+J&7OG;5U5Xd+2WUX(-%76at_WVe`9nMj-n@GBB%Vd;Rxlv66!GB2@38}qWgoNb4)t{$zr9nKwA3=S"
    "yJ(xH(L_)H)NqjNyYQ;Q1ywr@4K(yo7-@Y&k9<4|;*HH%pB&V;>P0=Pb9&-SexO%%ufil#$T{D#1+2A)Lo3$SXRw@DIYm)gsYNDZ"
    "NC6Qy&YXzp^`%OBBM~W`6O+nfWyTrrqs)}vPgCr{NQ83V`|atB@D1t;$X~*XzWged?y}b+;3v#zWjgyP#`-*7-k?9s{QF-12xhuw"
    "&hbz8C`9vl_fL^Ve$*KHQ|u=%K=1*swjsy"
)


def test_recipes_of_earlier_versions_give_the_same_streams() -> None:
    plain = b" ".join(str(number * number).encode() for number in range(1500))
    recipe = zlib.decompress(base64.b85decode(PLANNED))
    assert unpack(recipe, len(plain)).settings[MODE] == OPTIMAL
    stream = put_together(plain, recipe)
    assert zlib.decompress(stream, -15) == plain
    assert hashlib.blake2b(stream, digest_size=8).hexdigest() == "3ce4a9b3fe8ca5ca"


def test_the_encoder_of_the_stream_before_is_tried_first() -> None:
    first, second = sample(1, 60_000), sample(2, 60_000)
    opened = take_apart(deflated(first, 5), limit=60_000)
    same, other = deflated(second, 5), deflated(second, 2)
    for stream in (same, other):
        again = take_apart(stream, limit=60_000, like=opened.settings)
        assert put_together(second, again.recipe) == stream
        assert len(again.recipe) <= 80
    np.testing.assert_array_equal(take_apart(same, limit=60_000, like=opened.settings).settings, opened.settings)


@pytest.mark.parametrize("iterations", [5, 15])
def test_zopfli_is_planned_with_its_own_costs(iterations: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    data = sample(4, 60_000)
    stream = bytes(imagecodecs.zopfli_encode(data, numiterations=iterations))
    start = 2 if stream[:1] == b"\x78" else 10
    assert overhead(stream[start : -4 if start == 2 else -8], data) <= 1800
