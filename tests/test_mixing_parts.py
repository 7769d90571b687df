"""The shared parts of the adaptive engines, each alone."""

import hashlib

import numpy as np
import pytest

from arzip.mixing.adaptive_maps import (
    KNOTS,
    cell_learn,
    cell_probability,
    new_cells,
    new_refining_map,
    refine,
    refine_learn,
)
from arzip.mixing.bit_histories import HISTORY_COUNTS, HISTORY_NEXT
from arzip.mixing.mixer import INPUT_LIMIT, WEIGHT_LIMIT, mix, mix_learn
from arzip.mixing.nonlinear import SQUASH, STRETCH, squash, stretch
from arzip.mixing.slots import NODES, find_slot, hash_pair, new_slots


def digest(array: np.ndarray) -> str:
    """A short fingerprint of an array's values."""
    return hashlib.sha256(array.astype("<i4").tobytes()).hexdigest()[:16]


def test_tables_are_pinned() -> None:
    """A changed table would make every archive unreadable."""
    assert digest(SQUASH) == "6fa22b9d27b04319"
    assert digest(STRETCH) == "3cde83e6c336252a"
    assert digest(HISTORY_NEXT) == "dd4e339d5e556618"


def test_tables_agree_with_the_formula() -> None:
    """Half a unit of rounding is all that separates the tables from the logistic function."""
    x = np.arange(-3071, 3072)
    exact = 65536 / (1 + np.exp(-x / 256))
    assert np.abs(SQUASH[1:] - np.clip(exact, 1, 65535)).max() < 0.51
    p = (2 * np.arange(4096) + 1) / 8192
    assert np.abs(STRETCH - 256 * np.log(p / (1 - p))).max() < 0.51


def test_squash_and_stretch_are_monotone_inverses() -> None:
    """Nothing leaves (0, 1), whatever goes in."""
    assert (np.diff(SQUASH) >= 0).all() and (np.diff(STRETCH) >= 0).all()
    assert squash(10**9) == 65535 and squash(-(10**9)) == 1
    for p in range(0, 4096, 37):
        assert abs((squash(stretch(p)) >> 4) - p) <= 2


def test_history_machine_is_closed_and_ages() -> None:
    """Every state leads to states; the same bit again never makes the other likelier."""
    states = np.unique(HISTORY_NEXT)
    assert states.max() + 1 == len(states) <= 256
    for state in range(len(states)):
        for bit in (0, 1):
            after = HISTORY_NEXT[2 * state + bit]
            assert HISTORY_COUNTS[after, bit] >= 1
            assert HISTORY_COUNTS[after, 1 - bit] <= HISTORY_COUNTS[state, 1 - bit]


def test_cells_learn_the_frequency_and_stay_inside() -> None:
    """A cell averages its bits; no run of bits drives it to 0 or 1."""
    cells = new_cells(2)
    for n in range(4000):
        cell_learn(cells, 0, int(n % 4 == 0), 1023)
    assert abs(cell_probability(cells, 0) / (1 << 22) - 0.25) < 0.02
    for bit in (0, 1):
        for _ in range(5000):
            cell_learn(cells, 1, bit, 1023)
            assert 0 <= cell_probability(cells, 1) < 1 << 22
        assert abs(cell_probability(cells, 1) / (1 << 22) - bit) < 0.01


def test_refining_map_begins_as_identity_and_corrects() -> None:
    """At first what goes in comes out; then the map learns that its input is wrong."""
    knots = new_refining_map(3)
    for x in range(-1900, 1900, 50):
        refined, place = refine(knots, 1, x)
        assert abs(refined - squash(x)) < 400
        assert KNOTS <= place < 2 * KNOTS
    for _ in range(400):
        _, place = refine(knots, 1, 64)
        refine_learn(knots, place, 0, 5)
    assert refine(knots, 1, 64)[0] < 3000
    assert refine(knots, 2, 64)[0] > 32768


def test_mixer_at_its_bounds() -> None:
    """The largest weights and inputs stay within 32 bits, and the sum is the exact one."""
    inputs = np.full((1, 64), INPUT_LIMIT, np.int32)
    weights = np.full((2, 64), WEIGHT_LIMIT, np.int32)
    weights[1, ::2] = -WEIGHT_LIMIT
    assert mix(weights, 0, inputs, 0, 64) == (64 * ((WEIGHT_LIMIT * INPUT_LIMIT) >> 8)) >> 8
    expected = 32 * ((WEIGHT_LIMIT * INPUT_LIMIT) >> 8) + 32 * ((-WEIGHT_LIMIT * INPUT_LIMIT) >> 8)
    assert mix(weights, 1, inputs, 0, 64) == expected >> 8
    mix_learn(weights, 0, inputs, 0, 64, 900_000)
    assert (weights[0] == WEIGHT_LIMIT).all()


@pytest.mark.parametrize("count", [1, 7, 8, 56, 63])
def test_mixer_matches_a_slow_reading(count: int) -> None:
    """Vectorised or not, the sums are those of plain integers."""
    rng = np.random.default_rng(count)
    weights = rng.integers(-WEIGHT_LIMIT, WEIGHT_LIMIT, (3, 64)).astype(np.int32)
    inputs = rng.integers(-INPUT_LIMIT, INPUT_LIMIT, (2, 64)).astype(np.int32)
    slow = sum((int(w) * int(x)) >> 8 for w, x in zip(weights[2, :count], inputs[1, :count], strict=True)) >> 8
    assert mix(weights, 2, inputs, 1, count) == slow
    moved = [
        min(max(int(w) + ((int(x) * -4321 + (1 << 17)) >> 18), -WEIGHT_LIMIT), WEIGHT_LIMIT)
        for w, x in zip(weights[2, :count], inputs[1, :count], strict=True)
    ]
    mix_learn(weights, 2, inputs, 1, count, -4321)
    assert weights[2, :count].tolist() == moved


def test_mixer_learns_which_input_to_trust() -> None:
    """Of a truthful and a random input, the first gains the weight."""
    rng = np.random.default_rng(3)
    weights, inputs = np.zeros((1, 8), np.int32), np.zeros((1, 8), np.int32)
    for bit in rng.integers(0, 2, 3000):
        inputs[0, 0] = 500 if bit else -500
        inputs[0, 1] = 500 if rng.integers(2) else -500
        mix_learn(weights, 0, inputs, 0, 8, ((int(bit) << 16) - squash(mix(weights, 0, inputs, 0, 8))) * 2)
    assert weights[0, 0] > 3 * abs(weights[0, 1])


def test_slots_are_found_again_and_evict_the_youngest() -> None:
    """A slot keeps its histories; in a full bucket the least established goes."""
    slots = new_slots(0)
    assert slots.ctypes.data % 64 == 0 and slots.shape == (64,)
    hashes = [hash_pair(1, k) for k in range(4)]
    bases = []
    for age, hashed in zip((9, 3, 5), hashes, strict=False):
        base = find_slot(slots, hashed)
        slots[base + NODES + 1] = age
        bases.append(base)
    assert len(set(bases)) == 3
    assert [find_slot(slots, h) for h in hashes[:3]] == bases
    assert find_slot(slots, hashes[3]) == bases[1]
    assert slots[bases[1] + NODES + 1] == 0
    assert find_slot(slots, hashes[0]) == bases[0] and slots[bases[0] + NODES + 1] == 9
