"""Two ways to multiply small integers exactly, behind one small interface, on CPU and CUDA.

    int8   torch._int_mm: int8 x int8 -> int32. The fastest where the processor has VNNI (or is a GPU).
    fp32   the same integers held in fp32: exact while every partial sum stays below 2**24, which freezing proves.

Exact sums do not depend on their order, so neither engine, thread count, tiling nor TF32 can change a bit, and the
choice is made by speed alone. (Products of wider integers, see `product`, do need all bits of fp32.) Without VNNI
`_int_mm` adds pairs of products in saturating 16-bit registers: 7-bit weights (-64..63) keep 2 * 127 * 64 below 2**15,
so it stays right there too, only slow.

An engine also finishes a product: bias, power-of-two scale, rounding and clamp, by `arzip.exact.kernels` on the CPU and
by torch's elementwise operations elsewhere, on numbers that fp32 holds without error.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from arzip.errors import ModelError
from arzip.exact import kernels
from arzip.exact.fixed import Range

__all__ = ["Engine", "Weight", "best_engine"]

_ROWS = 16  # _int_mm wants more than 16 rows on CUDA, and is slow on odd counts on the CPU
_COLUMNS = 8  # inner and outer sizes that CUDA asks for


@dataclass(frozen=True)
class Weight:
    """A matrix prepared for one engine: `matrix` [in, out] (padded for int8); bias and 2**-shift as fp32 [out]."""

    matrix: Tensor
    bias: Tensor
    scale: Tensor


@dataclass(frozen=True)
class Engine:
    """How and where exact products run. `kind` is "int8" or "fp32"; `device` a torch device name."""

    kind: str
    device: str

    def __post_init__(self) -> None:
        if self.kind not in ("int8", "fp32"):
            raise ModelError(f"unknown engine {self.kind!r}; use int8 or fp32")

    def demand_all_bits(self) -> None:
        """Wants fp32 products of wider integers than int8 whole; raises ModelError where a program let torch cut them.

        With `torch.set_float32_matmul_precision("medium")`, processors with AMX multiply bfloat16, GPUs TF32 or less.
        """
        backend = torch.backends.mkldnn if self.device == "cpu" else torch.backends.cuda
        if backend.matmul.fp32_precision not in ("none", "ieee"):
            raise ModelError(
                f"this program lets torch multiply in {backend.matmul.fp32_precision}, which is not exact: call "
                'torch.set_float32_matmul_precision("highest") before coding'
            )

    @property
    def small(self) -> torch.dtype:
        """The type that holds integers which enter products."""
        return torch.int8 if self.kind == "int8" else torch.float32

    def dtype(self, range_: Range) -> torch.dtype:
        """The type that holds integers of a range."""
        return self.small if range_.is_small else torch.int32

    def weight(self, matrix: Tensor, bias: Tensor, shift: Tensor) -> Weight:
        """Prepares int8 [out, in], int32 [out], int32 [out] as they lie in a model's file."""
        outputs, inputs = matrix.shape
        if self.kind == "fp32":
            prepared = matrix.to(self.device, torch.float32).t().contiguous()
        else:
            prepared = torch.zeros(_padded(inputs), _padded(outputs), dtype=torch.int8, device=self.device)
            prepared[:inputs, :outputs] = matrix.t()
        scale = torch.ldexp(torch.ones(outputs), -shift)
        return Weight(prepared, bias.to(self.device, torch.float32), scale.to(self.device))

    def dense(self, x: Tensor, weight: Weight, target: Range) -> Tensor:
        """clamp(round((x @ matrix + bias) / 2**shift)); x small [N, in] -> [N, out] in the target's type."""
        outputs = weight.bias.shape[0]
        product = x @ weight.matrix if self.kind == "fp32" else self._int8_product(x, weight.matrix)
        if product.device.type == "cpu":
            y = torch.empty(x.shape[0], outputs, dtype=self.dtype(target))
            kernels.finish(
                product.numpy(), weight.bias.numpy(), weight.scale.numpy(), target.low, target.high, y.numpy()
            )
            return y
        summed = product[: x.shape[0], :outputs] + weight.bias
        return _rounded(summed * weight.scale, target).to(self.dtype(target))

    def _int8_product(self, x: Tensor, matrix: Tensor) -> Tensor:
        rows, inputs = x.shape
        # At least 32: CUDA refuses 16.
        padded = max(2 * _ROWS, -(-rows // _ROWS) * _ROWS)
        if padded != rows or inputs != matrix.shape[0]:
            full = torch.zeros(padded, matrix.shape[0], dtype=torch.int8, device=x.device)
            full[:rows, :inputs] = x
            x = full
        return torch._int_mm(x, matrix)

    def requantise(self, x: Tensor, shift: int, target: Range) -> Tensor:
        """Rounds int32 [N, C] to a coarser point: clamp(round(x / 2**shift)) in the target's type."""
        if x.device.type == "cpu":
            y = torch.empty(x.shape, dtype=self.dtype(target))
            kernels.requantise(x.numpy(), 2.0**-shift, target.low, target.high, y.numpy())
            return y
        return _rounded(x * 2.0**-shift, target).to(self.dtype(target))

    def add(self, a: Tensor, b: Tensor, target: Range) -> Tensor:
        """clamp(a + b) of two int32 [N, C] at the same point."""
        if a.device.type == "cpu":
            y = torch.empty(a.shape, dtype=torch.int32)
            kernels.add(a.numpy(), b.numpy(), target.low, target.high, y.numpy())
            return y
        return (a + b).clamp(target.low, target.high)


def _rounded(x: Tensor, target: Range) -> Tensor:
    return (x + 0.5).floor_().clamp_(target.low, target.high)


def _padded(size: int) -> int:
    return -(-size // _COLUMNS) * _COLUMNS


def best_engine(device: str = "cpu") -> Engine:
    """The faster engine of a device: int8 on CUDA and on CPUs with VNNI, fp32 elsewhere. Both give the same bits."""
    vnni = getattr(torch.cpu, "_is_vnni_supported", lambda: False)
    return Engine("int8" if device != "cpu" or vnni() else "fp32", device)
