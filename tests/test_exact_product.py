"""Products of wide integers: split sums, every engine, bounds that are proved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from arzip.errors import ModelError
from arzip.exact import shorts
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range
from arzip.exact.packed import packed
from arzip.exact.product import Product
from tests.laws import check_compiled_for

SCRIPT = """
import numpy as np
from arzip.exact.packed import packed
from arzip.exact.shorts import multiply
random = np.random.default_rng(0)
for rows, inputs in ((8, 2), (13, 31), (150, 200)):
    weights, x = random.integers(-500, 501, (48, inputs)), random.integers(-127, 128, (rows, inputs))
    y, room = np.empty((rows, 48), np.float32), np.empty((rows, inputs + inputs % 2), np.int16)
    multiply(x.astype(np.float32), packed(weights.astype(np.int16)), 0, room, y)
    assert np.array_equal(y, x @ weights.T)
"""
SOURCE, TARGET = Range(8, -256, 256), Range(10, -32767, 32767)


def frozen(mask: np.ndarray | None = None, gain: float = 1.0, outputs: int = 12) -> Product:
    torch.manual_seed(0)
    product = Product(40, outputs, source=SOURCE, target=TARGET, mask=mask, gain=gain)
    with torch.no_grad():
        product.bias.normal_()
    product.freeze()
    product.place(Engine("fp32", "cpu"))
    return product


def operands(count: int) -> torch.Tensor:
    return torch.randint(SOURCE.low, SOURCE.high + 1, (count, 40), generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize("outputs", [12, 48])
@pytest.mark.parametrize("gain", [0.3, 1.0, 30.0])
def test_exact_reading_is_integer_arithmetic(gain: float, outputs: int) -> None:
    product, x = frozen(gain=gain, outputs=outputs), operands(50)
    sums = x.long() @ product.weight_q.long() + product.bias_q
    shift = product.point_q + SOURCE.point - TARGET.point
    expected = ((sums + ((1 << shift) >> 1)) >> shift).clamp(TARGET.low, TARGET.high)
    torch.testing.assert_close(product.whole(x).long(), expected, rtol=0, atol=0)


@pytest.mark.parametrize("outputs", [12, 48])
@pytest.mark.parametrize("at", [17, 18])
def test_a_sum_may_be_split(at: int, outputs: int) -> None:
    product, x = frozen(outputs=outputs), operands(50)
    split = product.part(x[:, :at]) + product.part(x[:, at:], at)
    torch.testing.assert_close(product.rounded(split), product.whole(x), rtol=0, atol=0)


@pytest.mark.parametrize("rows", [8, 9, 15, 70, 300])
@pytest.mark.parametrize("inputs", [1, 2, 31, 40])
def test_shorts_are_multiplied_as_integers(rows: int, inputs: int) -> None:
    """Whatever rows and inputs are left over, from any pair on, up to the ends of 16 bits and of 24."""
    random, first = np.random.default_rng(0), 3
    weights = random.integers(-500, 501, (2 * first + inputs + 5, 32)).astype(np.int16)
    x = random.integers(-400, 401, (rows, inputs)).astype(np.float32)
    x[0], x[-1] = 0, 0
    x[0, -1], x[-1, 0] = -32767, 32767
    weights[2 * first + inputs - 1, :2], weights[2 * first, :2] = (511, -511), (-511, 511)
    y, room = np.empty((rows, 32), np.float32), np.full((rows, inputs + inputs % 2), 77, np.int16)
    shorts.multiply(x, packed(np.ascontiguousarray(weights.T)), first, room, y)
    wanted = x.astype(np.int64) @ weights[2 * first : 2 * first + inputs].astype(np.int64)
    assert np.abs(wanted).max() < 1 << 24
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("features", ["", "+sse2", "+sse2,+avx,+avx2"])
def test_every_instruction_gives_the_same_products(features: str, tmp_path: Path) -> None:
    check_compiled_for(features, SCRIPT, tmp_path)


@pytest.mark.skipif(not shorts.QUICK, reason="fp32 is taken here")
def test_shorts_and_fp32_are_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    product, x = frozen(outputs=48), operands(50)
    quick = product.part(x)
    monkeypatch.setattr(shorts, "LEAST_ROWS", 51)
    torch.testing.assert_close(product.part(x), quick, rtol=0, atol=0)


def test_freezing_costs_next_to_nothing() -> None:
    product, x = frozen(), operands(200)
    real = product(x / 256).detach()
    assert float((product.whole(x) / 1024 - real).abs().max()) < 3e-3


def test_masks_hold() -> None:
    mask = np.zeros((40, 12), dtype=np.bool_)
    mask[:20] = True
    product, x = frozen(mask), operands(5)
    changed = x.clone()
    changed[:, 20:] = 0
    torch.testing.assert_close(product.whole(changed), product.whole(x), rtol=0, atol=0)
    product.weight_q[30, 3] = 1
    with pytest.raises(ModelError, match="mask"):
        product.check()


def test_bounds_are_proved() -> None:
    product = frozen()
    product.weight_q[:, 5] = 32767
    with pytest.raises(ModelError, match="2\\*\\*24"):
        product.check()
    product = Product(40, 12, source=SOURCE, target=TARGET)
    with torch.no_grad():
        product.weight.mul_(1e5)
    with pytest.raises(ModelError, match="weight decay"):
        product.freeze()


@pytest.mark.parametrize("allowed", ["high", "medium"])
def test_a_program_that_lets_torch_cut_operands_is_refused(allowed: str) -> None:
    product, x = frozen(), operands(3)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(allowed)
        with pytest.raises(ModelError, match="highest"):
            product.whole(x)
    finally:
        torch.set_float32_matmul_precision(before)
    product.whole(x)
