"""Causal attention and normalisation in integers: against slow integers, floats, extremes; one reading for all."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from arzip.errors import ModelError
from arzip.exact.attention import CausalAttention
from arzip.exact.attention_kernels import BLOCK, SCORE_POINT, weight_table
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range
from arzip.exact.norm import RMSNorm, integer_root

OPERAND = Range(8, -2300, 2300)
GRID = (4, 3)
T = 12
HEADS, KEY, VALUE = 2, 5, 3


def placed(seed: int = 0, grid: tuple[int, int] = GRID, operand: Range = OPERAND) -> CausalAttention:
    torch.manual_seed(seed)
    layer = CausalAttention(heads=HEADS, key=KEY, value=VALUE, grid=grid, operand=operand)
    with torch.no_grad():
        layer.offsets.normal_()
    layer.freeze()
    layer.place(Engine("fp32", "cpu"))
    return layer


def operands(lanes: int, spread: int, positions: int = T, seed: int = 1) -> tuple[torch.Tensor, ...]:
    random = torch.Generator().manual_seed(seed)
    sizes = HEADS * KEY, HEADS * KEY, HEADS * VALUE
    return tuple(torch.randint(-spread, spread + 1, (lanes, positions, c), generator=random).float() for c in sizes)


def slow(layer: CausalAttention, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, lane: int) -> np.ndarray:
    """One lane in Python's integers, straight from the definition."""
    table = [int(w) for w in weight_table(layer._bits)]
    columns, positions = GRID[1], q.shape[1]
    y = np.zeros((positions, HEADS * VALUE), dtype=np.int64)
    q, k, v = (t[lane].long().tolist() for t in (q, k, v))
    for t in range(positions):
        for h in range(HEADS):
            scores = []
            for j in range(t + 1):
                down, right = t // columns - j // columns, t % columns - j % columns
                bias = int(layer.offsets_q[h, down * (2 * columns - 1) + right + columns - 1])
                scores.append(bias + sum(q[t][h * KEY + c] * k[j][h * KEY + c] for c in range(KEY)))
            steps = [(max(scores) - s + (1 << SCORE_POINT - 8)) >> SCORE_POINT - 7 for s in scores]
            w = [table[min(step, len(table) - 1)] for step in steps]
            for c in range(VALUE):
                total = sum(a * v[j][h * VALUE + c] for j, a in enumerate(w))
                y[t, h * VALUE + c] = (2 * total + sum(w)) // (2 * sum(w))
    return y


@pytest.mark.parametrize("spread", [0, 1, 200, 2300])
def test_attention_is_integer_arithmetic(spread: int) -> None:
    layer, (q, k, v) = placed(), operands(BLOCK + 3, spread)
    y = layer.advance(layer.start(len(q)), q, k, v, 0).numpy()
    for lane in (0, 17, BLOCK - 1, BLOCK, BLOCK + 2):
        np.testing.assert_array_equal(y[lane], slow(layer, q, k, v, lane))


@pytest.mark.parametrize("lanes", [0, 1, 63, 64, 65])
def test_one_reading_for_all_positions_and_for_some(lanes: int) -> None:
    layer, new = placed(), operands(lanes, 300)
    whole = layer.advance(layer.start(lanes), *new, 0)
    for cuts in (range(T + 1), (0, 5, 6, T)):
        cache, parts = layer.start(lanes), []
        for first, last in pairwise(cuts):
            parts.append(layer.advance(cache, *(t[:, first:last] for t in new), first))
        assert torch.equal(torch.cat(parts, dim=1), whole)


def test_nothing_later_is_seen() -> None:
    layer, new = placed(), operands(3, 300)
    before = layer.advance(layer.start(3), *new, 0)
    for t in range(T):
        changed = [x.clone() for x in new]
        for x in changed:
            x[:, t] += 40
        after = layer.advance(layer.start(3), *changed, 0)
        assert torch.equal(after[:, :t], before[:, :t]) and not torch.equal(after[:, t:], before[:, t:])


def test_the_float_reading_is_close() -> None:
    layer, new = placed(), operands(50, 400)
    exact = layer.advance(layer.start(50), *new, 0)
    with torch.no_grad():
        real = layer(*(t / 256 for t in new)) * 256
    assert float((exact - real).abs().max()) < 4  # of values up to 400: weights have steps of half a per cent


def test_the_float_reading_is_softmax() -> None:
    layer, (q, k, v) = placed(), (t / 256 for t in operands(4, 300))
    scores = torch.einsum("nthc,njhc->nhtj", *(t.unflatten(2, (HEADS, KEY)) for t in (q, k)))
    place = torch.arange(T)
    down, right = (place[:, None] // 3 - place // 3).clamp(min=0), place[:, None] % 3 - place % 3
    scores = (scores + layer.offsets[:, down * 5 + right + 2]) * math.log(2)
    weights = scores.masked_fill(place > place[:, None], -math.inf).softmax(dim=3)
    wanted = torch.einsum("nhtj,njhc->nthc", weights, v.unflatten(2, (HEADS, VALUE))).flatten(2)
    torch.testing.assert_close(layer(q, k, v), wanted)


def test_the_largest_numbers_fit() -> None:
    """All scores equal and all values at the end of their range: every sum is as large as it can be."""
    layer = placed(grid=(50, 20))
    for sign in (-1, 1):
        q, k, v = (torch.full_like(t, sign * OPERAND.high) for t in operands(2, 1, positions=1000))
        with torch.no_grad():
            layer._bias[:] = 64 << SCORE_POINT
        y = layer.advance(layer.start(2), q, k, v, 0)
        assert float(y.min()) == float(y.max()) == sign * OPERAND.high


def test_what_might_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="smaller heads"):
        CausalAttention(heads=1, key=250, value=3, grid=GRID, operand=OPERAND)
    with pytest.raises(ModelError, match="not 8"):
        CausalAttention(heads=1, key=4, value=3, grid=(100, 100), operand=OPERAND)
    with pytest.raises(ModelError, match="point 8"):
        CausalAttention(heads=1, key=4, value=3, grid=GRID, operand=Range(7, -127, 127))
    layer = placed()
    layer.offsets_q[0, 0] = (64 << SCORE_POINT) + 1
    with pytest.raises(ModelError, match="outside"):
        layer.check()


def test_weights_are_powers_of_two() -> None:
    for bits in (8, 12):
        table = weight_table(bits)
        wanted = 2.0 ** (bits - np.arange(len(table)) / 128)
        assert np.abs(table - wanted).max() < 0.75 and table[0] == 1 << bits and table[-1] == 0
    assert hashlib.sha256(weight_table(12).astype("<i4").tobytes()).hexdigest()[:16] == "d5f5b2fa5f93f03a"


NORM = RMSNorm(48, source=Range(10, -(1 << 22), 1 << 22), target=OPERAND)


@pytest.mark.parametrize("spread", [0, 1, 50, 3000, 1 << 22])
def test_the_norm_is_the_root_mean_square(spread: int) -> None:
    x = torch.randint(-spread, spread + 1, (200, 48), generator=torch.Generator().manual_seed(0)).float()
    y = NORM.whole(x).long().tolist()
    for row, out in zip(x.long().tolist(), y, strict=True):
        total = 48 + sum(v * v for v in row)
        for v, rounded in zip(row, out, strict=True):
            # y = v * 256 * sqrt(48 / total), to a 2**-15 of itself and half a unit.
            wanted = v * 256 * math.sqrt(48 / total)
            assert abs(rounded - wanted) <= 0.5 + abs(wanted) * 2.0**-15
    with torch.no_grad():
        real = NORM(x / 1024) * 256
    assert float((torch.tensor(y) - real).abs().max()) <= 0.6


def test_the_norm_never_leaves_its_range() -> None:
    x = torch.zeros(96, 48)
    x[:48].fill_diagonal_(1 << 22)
    x[48:].fill_diagonal_(-(1 << 22))
    y = NORM.whole(x)
    assert float(y.max()) == round(256 * math.sqrt(48)) and float(y.min()) == -float(y.max())
    with pytest.raises(ModelError, match="beyond"):
        RMSNorm(96, source=Range(10, -1000, 1000), target=OPERAND)


def test_integer_roots() -> None:
    for n in (1, 2, 3, 4, 8, 9, 2**60, 2**61 - 1, 2**61 + 12345, (2**31 - 1) ** 2 - 1, (2**31 - 1) ** 2, 2**62 - 1):
        assert integer_root(n) == math.isqrt(n)
