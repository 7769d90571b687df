"""Counting models: laws, and counts checked against a plain reading of the formula."""

from __future__ import annotations

import numpy as np
import pytest

import arzip
from arzip.nets.counting import Counting
from tests.laws import check_causality, check_parity, check_road, concatenated

TEXT = np.frombuffer(b"counting cannot generalise; counting can count. " * 20, np.uint8)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("size", [0, 1, 5, 16, 17, 333])
def test_laws(order: int, size: int) -> None:
    model = Counting(order)
    if size:
        rows = check_parity(model, TEXT[:size])
        assert (rows >= 1).all() and (rows.sum(axis=1, dtype=np.int64) == 1 << 24).all()
    check_road(model, TEXT[:size])


def test_causality() -> None:
    changed = TEXT.copy()
    changed[30::60] ^= 1  # front 30 of every lane, and nothing before it
    check_causality(Counting(1), TEXT, changed, 31 * 16)


def test_rows_are_the_formula() -> None:
    rows, x = concatenated(Counting(0), TEXT)
    seen = np.bincount(x[:320], minlength=256)
    wanted = (seen + 0.5) / (320 + 128)
    np.testing.assert_allclose(rows[320] / 2**24, wanted, atol=2e-5)


@pytest.mark.parametrize("name", ["histogram", "order-1", "order-2"])
def test_they_compress_by_name(name: str) -> None:
    data = TEXT.tobytes()
    archive = arzip.compress(data, model=name)
    assert arzip.decompress(archive) == data
    model = arzip.load(name)
    bits = model.bits(TEXT)
    assert abs(len(archive) - bits.sum() / 8) < 76
    np.testing.assert_allclose(-np.log2(model.rows(TEXT)[np.arange(len(TEXT)), TEXT]), bits)
