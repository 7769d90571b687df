"""The inner product of short integers: NumPy's sums, whatever the processor calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arzip.compiled import compiled
from arzip.exact.dot import dot
from tests.laws import check_compiled_for

SCRIPT = """
import numpy as np
from tests.test_exact_dot import sums
random = np.random.default_rng(1)
a, b = random.integers(-128, 128, (50, 300), np.int8), random.integers(-2048, 2048, 300).astype(np.int16)
assert (sums(a, b) == a.astype(np.int64) @ b).all()
"""


@compiled
def _fill(a: Any, b: Any, out: Any) -> None:
    for row in range(a.shape[0]):
        out[row] = dot(a[row], b)


def sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = np.zeros(len(a), np.int32)
    _fill(a, b, out)
    return out


@pytest.mark.parametrize("kind", [np.int8, np.int16])
@pytest.mark.parametrize("length", [0, 1, 63, 127, 128, 129, 300, 512])
def test_sums_are_those_of_wide_integers(kind: type[np.signedinteger], length: int) -> None:
    random = np.random.default_rng(length)
    a = random.integers(-128, 128, (9, length)).astype(kind)
    b = random.integers(-2048, 2048, length).astype(np.int16)
    np.testing.assert_array_equal(sums(a, b), a.astype(np.int64) @ b.astype(np.int64))


def test_the_largest_sums_of_a_net_fit() -> None:
    for sign in (-1, 1):
        a, b = np.full((1, 1024), -64, np.int8), np.full(1024, sign * 127, np.int16)
        assert sums(a, b)[0] == -sign * 64 * 127 * 1024


@pytest.mark.slow
@pytest.mark.parametrize("features", ["", "+sse2", "+ssse3,+sse2,+avx,+avx2"])
def test_every_instruction_gives_the_same_sums(features: str, tmp_path: Path) -> None:
    check_compiled_for(features, SCRIPT, tmp_path)
