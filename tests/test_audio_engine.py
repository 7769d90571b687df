"""The audio engine: its parts against plain readings, both directions the same, the same bits on every processor."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from arzip.audio import filters, tables
from arzip.audio.lattice import Lattice, lattices_of, read_lattice, write_lattice
from arzip.audio.presets import PRESETS, preset_of
from arzip.audio.road import decode_audio, encode_audio
from arzip.container import Fields
from arzip.errors import CorruptArchive, LimitExceeded
from arzip.settings import LEVELS
from tests.sounds import tones


def test_tables_are_what_they_say() -> None:
    for p in (0.0003, 0.1, 0.5, 0.77, 0.9995):
        assert tables.logit(p) == pytest.approx(math.log(p / (1 - p)), abs=0.05 if p in (0.0003, 0.9995) else 1e-4)
    for x in (-11.0, -2.3, 0.0, 0.01, 5.5):
        assert tables.logistic(x) == pytest.approx(1 / (1 + math.exp(-x)), rel=1e-4)
    for z in (0.0, 0.7, 3.3, 20.0):
        assert tables.tail(tables.LAPLACE, z) == pytest.approx(math.exp(-z) / 2, rel=2e-4)
        assert tables.tail(tables.ROUND, z) == pytest.approx(1 / (1 + 4**z), rel=4e-4)
    for odd in (math.nan, math.inf, 1e300):
        assert tables.tail(tables.ROUND, odd) == 0.0
        assert 0.0 < tables.logistic(odd) < 1.0 and math.isfinite(tables.logit(odd))
    assert tables.OCTANTS[4] == pytest.approx(math.log(2))


def test_sums_are_those_of_numpy() -> None:
    random = np.random.default_rng(1)
    w, x = random.normal(size=48), random.normal(size=80)
    assert filters.dot(w, x, 5, 48) == pytest.approx(w @ x[5:53])
    assert filters.power(w, x, 3, 44) == pytest.approx(w[:44] @ x[3:47] ** 2)
    before = w.copy()
    filters.add_scaled(w, x, 7, 40, 0.5)
    np.testing.assert_allclose(w[:40], before[:40] + 0.5 * x[7:47])


def test_least_squares_find_the_weights_of_a_line() -> None:
    random = np.random.default_rng(1)
    truth, moments, work, w = random.normal(size=6), np.zeros((6, 7)), np.zeros((6, 7)), np.zeros(6)
    for _ in range(200):
        x = random.normal(size=6)
        filters.learn_squares(moments, x, 6, float(truth @ x), 0.99, 1.0)
    filters.solve_squares(moments, work, w, 6)
    np.testing.assert_allclose(w, truth, atol=1e-3)
    untouched = np.ones(6)
    filters.solve_squares(np.full((6, 7), -1.0), work, untouched, 6)
    assert untouched.tolist() == [1.0] * 6


@pytest.mark.parametrize("step", [1, 2, 256, 7])
def test_lattices_come_back(step: int) -> None:
    x = (tones(4000, 2)[:, :1] >> 9) * step + 3
    (lattice,) = lattices_of(x)
    assert lattice.step == step
    np.testing.assert_array_equal(lattice.to_samples(lattice.to_ranks(x[:, 0])), x[:, 0])
    again = read_lattice(Fields(write_lattice(lattice)), 32)
    np.testing.assert_array_equal(again.to_samples(lattice.to_ranks(x[:, 0])), x[:, 0])


def listed(length: int) -> NDArray[np.int64]:
    """Sound of few values, with gaps of 7 and 8 between them."""
    return (tones(length, 1) >> 5) * 29 // 4


def test_few_values_are_listed() -> None:
    x = listed(6000)
    (lattice,) = lattices_of(x)
    assert lattice.listed is not None and lattice.ranks == len(np.unique(x))
    again = read_lattice(Fields(write_lattice(lattice)), 32)
    np.testing.assert_array_equal(again.listed, lattice.listed)
    assert lattices_of(tones(6000, 1) >> 4)[0].listed is None


def test_channels_that_differ_have_lattices_of_their_own() -> None:
    x = tones(500, 3)
    assert len(lattices_of(x)) == 1
    x[:, 1] *= 4
    x[:, 2] = 9
    assert [a.step for a in lattices_of(x)] == [1, 4, 1]


@pytest.mark.parametrize("lattice", [Lattice(0, 1, -32769, 2), Lattice(0, 1, 32767, 2), Lattice(3, 2, 0, 1)])
def test_impossible_lattices_are_refused(lattice: Lattice) -> None:
    with pytest.raises((CorruptArchive, LimitExceeded)):
        read_lattice(Fields(write_lattice(lattice)), 16)


def square(length: int) -> NDArray[np.int64]:
    return np.where(np.arange(length) // 37 % 2, 32767, -32768)[:, None]


SIGNALS: dict[str, tuple[NDArray[Any], int]] = {
    "stereo": (tones(3000), 16),
    "mono": (tones(2000, 1), 16),
    "8 channels": (tones(300, 8), 16),
    "24 bits": (tones(800, 2, 24) + np.random.default_rng(1).integers(0, 200, (800, 2)), 24),
    "32 bits": (tones(400, 2, 32) + np.random.default_rng(1).integers(0, 60000, (400, 2)), 32),
    "8 bits": (tones(900, 1, 8), 8),
    "silence, then all extremes": (np.concatenate([np.zeros((500, 1), np.int64), square(700)]), 16),
    "one channel silent": (tones(900) * np.array([1, 0]), 16),
    "constant": (np.full((600, 2), -5), 16),
    "full-scale noise": (np.random.default_rng(1).integers(-32768, 32768, (900, 2)), 16),
    "listed": (listed(2500), 32),
    "one sample": (np.array([[1234, -7]]), 16),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_sound_comes_back(name: str) -> None:
    x, depth = SIGNALS[name]
    payload, ideal = encode_audio(x, level=5)
    np.testing.assert_array_equal(decode_audio(payload, x.shape, depth), x)
    assert 8 * len(payload) <= ideal * 1.0005 + 0.1 * x.size + 96


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_comes_back(preset: int) -> None:
    level = next(level for level in LEVELS if preset_of(level) == preset)
    x = tones(400)
    payload, _ = encode_audio(x, level=level)
    assert payload[0] == preset
    np.testing.assert_array_equal(decode_audio(payload, x.shape, 16), x)


def test_resonances_cost_little_more_than_the_noise_that_drives_them() -> None:
    x = tones(20000, 1)
    payload, _ = encode_audio(x, level=5)
    assert 8 * len(payload) / x.size < math.log2(1801) * 1.04  # its noise: 1,801 values at most
    silent = encode_audio(np.zeros((50000, 2), np.int64), level=5)[0]
    assert len(silent) < 20


def test_a_histogram_with_gaps_is_learned() -> None:
    x = tones(8000, 1) >> 6
    doubled = x + (x >> 1)  # two of three values never occur next to each other
    assert len(encode_audio(doubled, level=5)[0]) < 1.15 * len(encode_audio(x, level=5)[0])


def test_damaged_sound_is_refused() -> None:
    x = tones(300)
    payload, _ = encode_audio(x, level=1)
    with pytest.raises(CorruptArchive):
        decode_audio(b"\x77" + payload[1:], x.shape, 16)
    with pytest.raises(CorruptArchive):
        decode_audio(payload[:-1], x.shape, 16)
    with pytest.raises(CorruptArchive):
        decode_audio(payload[:1] + b"\x05" + payload[2:], x.shape, 16)
    for at in range(2, len(payload), 7):
        broken = payload[:at] + bytes([payload[at] ^ 16]) + payload[at + 1 :]
        try:
            assert not np.array_equal(decode_audio(broken, x.shape, 16), x)
        except (CorruptArchive, LimitExceeded):
            continue


PINNED = {1: 2680805792, 5: 176006426}


def digest(level: int) -> int:
    return zlib.crc32(encode_audio(tones(3000), level=level)[0])


@pytest.mark.parametrize("level", PINNED)
def test_payloads_are_pinned(level: int) -> None:
    assert digest(level) == PINNED[level]


@pytest.mark.slow
def test_any_processor_computes_the_same() -> None:
    code = "from tests.test_audio_engine import digest; print(digest(1), digest(5), digest(9))"
    found = set()
    for name in (None, "generic", "core2"):
        chosen = {} if name is None else {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ""}
        environment = {**os.environ, **chosen}
        found.add(subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout)
    assert len(found) == 1
