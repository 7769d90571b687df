"""Tables pinned by digest; the exact mixture against its float reading."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from arzip.exact import logistic
from arzip.exact.logistic_likelihood import log2_likelihood
from arzip.exact.lookup import exp2_table, sigmoid_table
from arzip.exact.rows import row_of, softmax_rows


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.astype("<i8").tobytes()).hexdigest()[:16]


def test_tables_never_change() -> None:
    assert digest(sigmoid_table()) == "a4c251cc9eb4034e"
    assert digest(exp2_table(-512, 0, 16)) == "fe6c5cd0dc55df45"
    assert digest(exp2_table(-224, 128, 16)) == "86932b02fcac2d6a"


def test_tables_are_right() -> None:
    z = np.arange(len(sigmoid_table())) / 32 - 24
    np.testing.assert_allclose(sigmoid_table() / 2**30, 1 / (1 + np.exp(-z)), atol=1e-9)
    np.testing.assert_allclose(exp2_table(-320, 320), 2.0**30 * 2 ** (np.arange(-320, 321) / 32), rtol=1e-9, atol=0.51)
    assert (np.diff(sigmoid_table()) >= 0).all()


@pytest.mark.parametrize("seed", range(6))
def test_exact_probabilities_match_the_float_reading(seed: int) -> None:
    random = np.random.default_rng(seed)
    k = 4
    out = np.concatenate([random.integers(-200, 200, k), random.integers(-300, 8400, k), random.integers(-140, 230, k)])
    weight, reciprocal = np.zeros(k, np.int64), np.zeros(k, np.int64)
    logistic.mixture(out, 0, k, weight, reciprocal)
    c = np.array([logistic.cumulative(e, 256, out[k : 2 * k], weight, reciprocal) for e in range(257)])
    assert (np.diff(c) >= 1 << 8).all()
    real = torch.from_numpy(out / 32)
    logits, means, scales = (part.expand(256, k) for part in real.split(k))
    float_bits = -log2_likelihood(logits, means, scales, torch.arange(256.0, dtype=torch.float64), 256)
    exact = np.diff(c) / c[-1]
    assert abs((exact * (-np.log2(exact) - float_bits.numpy())).sum()) < 3e-4


def test_rows_are_positive_and_sum_to_the_total() -> None:
    row = np.zeros(3, np.int32)
    for edges in ([0, 0, 0, 1 << 30], [5, 5, 5, 5], [0, 1, 2, 3], [0, 1 << 37, 1 << 37, (1 << 37) + 1]):
        row_of(np.array(edges), row)
        assert row.min() >= 1 and row.sum() == 1 << 24
    rows = np.zeros((4, 5), np.int32)
    logits = np.random.default_rng(0).integers(-32767, 32767, (4, 5)).astype(np.int32)
    logits[0] = np.arange(0, -160, -32)
    softmax_rows(logits, rows)
    assert rows.min() >= 1 and (rows.sum(axis=1) == 1 << 24).all()
    np.testing.assert_allclose(rows[0] / (1 << 24), np.array([16, 8, 4, 2, 1]) / 31, atol=1e-6)
