"""Products of packed matrices of small integers: NumPy's, whatever the processor calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arzip.compiled import compiled
from arzip.exact.packed import POSITIONS, made_up, packed, products, products_at, room, unpacked
from tests.laws import check_compiled_for

SCRIPT = """
import numpy as np
from tests.test_exact_packed import multiplied, side_by_side
random = np.random.default_rng(1)
weights, x = random.integers(-64, 64, (50, 300), np.int8), random.integers(0, 256, 300).astype(np.uint8)
assert (multiplied(weights, x) == weights.astype(np.int64) @ x).all()
weights, x = (random.integers(-9999, 9999, size).astype(np.int16) for size in ((50, 20), 20))
assert (multiplied(weights, x) == weights.astype(np.int64) @ x).all()
for kind, most in ((np.int8, 64), (np.int16, 9999)):
    weights, x = random.integers(-most, most, (50, 36)).astype(kind), random.integers(0, 128, (4, 36))
    assert (side_by_side(weights, x) == x @ weights.astype(np.int64).T).all()
"""


@compiled
def _multiply(weights: Any, x: Any, out: Any) -> None:
    products(weights, x, out)


def multiplied(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    operand = np.full(room(len(x)), 77, x.dtype)  # what stands beyond the operand meets zeros
    operand[: len(x)] = x
    out = np.full(room(len(weights)), -1, np.int32)
    _multiply(packed(weights), operand, out)
    return out[: len(weights)]


@compiled
def _multiply_rows(weights: Any, x: Any, out: Any) -> None:
    products_at(weights, x, out)


def side_by_side(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Of rows x [POSITIONS, I], which lie further apart than the matrix is wide."""
    operand = np.full((POSITIONS, room(x.shape[1]) + 32), 77, np.uint8 if weights.dtype == np.int8 else np.int16)
    operand[:, : x.shape[1]] = x
    out = np.full((POSITIONS, room(len(weights)) + 16), -1, np.int32)
    _multiply_rows(packed(weights), operand, out)
    assert (out[:, room(len(weights)) :] == -1).all()
    return out[:, : len(weights)]


@pytest.mark.parametrize("kind", [np.int8, np.int16])
@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (16, 64), (50, 300)])
def test_rows_side_by_side(kind: type[Any], shape: tuple[int, int]) -> None:
    random = np.random.default_rng(shape[1])
    weights, x = random.integers(-64, 64, shape).astype(kind), random.integers(0, 256, (POSITIONS, shape[1]))
    np.testing.assert_array_equal(side_by_side(weights, x), x @ weights.astype(np.int64).T)


@pytest.mark.parametrize("outputs", [0, 1, 16, 50])
@pytest.mark.parametrize("inputs", [0, 1, 4, 16, 17, 300, 512])
def test_products_are_those_of_wide_integers(outputs: int, inputs: int) -> None:
    random = np.random.default_rng(inputs)
    weights = random.integers(-64, 64, (outputs, inputs)).astype(np.int8)
    x = random.integers(0, 256, inputs).astype(np.uint8)
    np.testing.assert_array_equal(multiplied(weights, x), weights.astype(np.int64) @ x.astype(np.int64))


@pytest.mark.parametrize("outputs", [0, 1, 16, 50])
@pytest.mark.parametrize("inputs", [0, 1, 2, 16, 17, 32, 300])
def test_products_of_shorts_too(outputs: int, inputs: int) -> None:
    random = np.random.default_rng(inputs)
    weights, x = (random.integers(-2048, 2048, size).astype(np.int16) for size in ((outputs, inputs), inputs))
    np.testing.assert_array_equal(multiplied(weights, x), weights.astype(np.int64) @ x.astype(np.int64))


@pytest.mark.parametrize("kind", [np.int8, np.int16])
def test_unpacking(kind: type[Any]) -> None:
    weights = np.random.default_rng(2).integers(-64, 64, (37, 21)).astype(kind)
    bias = np.arange(37, dtype=np.int32)
    again, same = unpacked(packed(weights), made_up(bias, weights), weights.shape)
    assert np.array_equal(again, weights) and np.array_equal(same, bias)


@pytest.mark.parametrize("weight", [-64, 63])
def test_the_largest_products_fit(weight: int) -> None:
    weights, x = np.full((3, 1024), weight, np.int8), np.full(1024, 255, np.uint8)
    assert (multiplied(weights, x) == weight * 255 * 1024).all()


@pytest.mark.slow
@pytest.mark.parametrize("features", ["", "+sse2", "+ssse3,+sse2", "+ssse3,+sse2,+avx,+avx2"])
def test_every_instruction_gives_the_same_products(features: str, tmp_path: Path) -> None:
    check_compiled_for(features, SCRIPT, tmp_path)
