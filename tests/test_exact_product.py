"""Products of wide integers: split sums, every engine, bounds that are proved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arzip.errors import ModelError
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range
from arzip.exact.product import Product

SOURCE, TARGET = Range(8, -256, 256), Range(10, -32767, 32767)


def frozen(mask: np.ndarray | None = None, gain: float = 1.0) -> Product:
    torch.manual_seed(0)
    product = Product(40, 12, source=SOURCE, target=TARGET, mask=mask, gain=gain)
    with torch.no_grad():
        product.bias.normal_()
    product.freeze()
    product.place(Engine("fp32", "cpu"))
    return product


def operands(count: int) -> torch.Tensor:
    return torch.randint(SOURCE.low, SOURCE.high + 1, (count, 40), generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize("gain", [0.3, 1.0, 30.0])
def test_exact_reading_is_integer_arithmetic(gain: float) -> None:
    product, x = frozen(gain=gain), operands(50)
    sums = x.long() @ product.weight_q.long() + product.bias_q
    shift = product.point_q + SOURCE.point - TARGET.point
    expected = ((sums + ((1 << shift) >> 1)) >> shift).clamp(TARGET.low, TARGET.high)
    torch.testing.assert_close(product.whole(x).long(), expected, rtol=0, atol=0)


def test_a_sum_may_be_split() -> None:
    product, x = frozen(), operands(50)
    split = product.part(x[:, :17]) + product.part(x[:, 17:], 17)
    torch.testing.assert_close(product.rounded(split), product.whole(x), rtol=0, atol=0)


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
