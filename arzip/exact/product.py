"""Products of wider integers than int8: floats while training, frozen afterwards with the most bits that stay exact.

    y = x W + b        x: integers of any range; y: integers at a point; W, b: at one power of two per output

A net that is trained in floats and frozen once loses by rounding what its operands drop. With 8 fractional bits in the
operands and, per output, as many in the weights as keep every partial sum below 2**24, nothing of that can be measured,
and training needs no rounding at all. The price is the engine: the products are fp32's, or, with enough rows on x86,
those of `shorts`, which are faster. Sums of integers below 2**24 do not depend on their order, so a sum may be split
(what is known of a row of pixels before it is decoded, and what comes pixel by pixel) as long as it is rounded once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact import kernels, shorts
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range
from arzip.exact.layers import SUM_LIMIT, Layer
from arzip.exact.packed import packed

__all__ = ["Product"]

_MOST = 12  # fractional bits of a weight
_WIDE = 32767
_ROOM = SUM_LIMIT - SUM_LIMIT // 64  # what rounding the weights may add is left over


class Product(Layer):
    """[.., inputs] -> [.., outputs].

    Args:
        source: range of the inputs, at most 16 bits.
        target: range of the outputs.
        mask: which weights exist, [inputs, outputs]; all of them by default.
        length: the largest Euclidean length of an input, in units of `source`, where more is known than its range
            tells; behind a norm it leaves several times as much room to the weights (Cauchy's inequality).
        gain: standard deviation of the first weights, in units of 1 / sqrt(inputs).
    """

    weight_q: Tensor
    bias_q: Tensor
    point_q: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        source: Range,
        target: Range,
        mask: NDArray[np.bool_] | None = None,
        length: int | None = None,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.source, self.target, self.length = source, target, length
        seen = inputs if mask is None else max(1.0, float(mask.sum(axis=0).mean()))
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * gain * seen**-0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self._mask = mask  # no buffer: a model's file does not hold it
        self.register_buffer("weight_q", torch.zeros(inputs, outputs, dtype=torch.int16))
        self.register_buffer("bias_q", torch.zeros(outputs, dtype=torch.int32))
        self.register_buffer("point_q", torch.zeros(outputs, dtype=torch.int32))

    def masked(self) -> Tensor:
        """The weights that exist, in real units."""
        return self.weight if self._mask is None else self.weight * torch.from_numpy(self._mask).to(self.weight.device)

    def forward(self, x: Tensor) -> Tensor:
        """Training reading, in floats, without rounding or clamping."""
        return nn.functional.linear(x, self.masked().t(), self.bias)

    def freeze(self) -> None:
        """Per output, the largest power of two at which its sums stay below 2**24; raises ModelError if none does."""
        weight, bias = self.masked().detach(), self.bias.detach()
        scale = float(1 << self.source.point)
        reach = self._reach(weight) + bias.abs() * scale
        # frexp, unlike log2, is exact: the bound is below 2**exponent.
        _, exponent = torch.frexp(_ROOM / reach.clamp(min=1e-6))
        _, size = torch.frexp(weight.abs().amax(dim=0).clamp(min=1e-6))
        lowest = max(0, self.target.point - self.source.point)
        point = torch.minimum(exponent - 1, 15 - size).clamp(max=_MOST)
        if int(point.min()) < lowest:
            worst = int(point.argmin())
            raise ModelError(f"output {worst} sums to {float(reach[worst]):.0f} units: train with more weight decay")
        unit = torch.ldexp(torch.ones(len(bias)), point)
        self.weight_q = (weight * unit + 0.5).floor().clamp(-_WIDE, _WIDE).to(torch.int16)
        self.bias_q = (bias * unit * scale + 0.5).floor().to(torch.int32)
        self.point_q = point.to(torch.int32)
        self.check()

    def thaw(self) -> None:
        with torch.no_grad():
            self.weight.copy_(torch.ldexp(self.weight_q.float(), -self.point_q))
            self.bias.copy_(torch.ldexp(self.bias_q.float(), -self.point_q - self.source.point))

    def _reach(self, weight: Tensor) -> Tensor:
        """What no sum of weighted inputs exceeds, whole or in part, per output."""
        positive, negative = weight.clamp(min=0).sum(dim=0), weight.clamp(max=0).sum(dim=0)
        low, high = self.source.low, self.source.high
        reach = torch.maximum(positive * high + negative * low, -(positive * low + negative * high))
        if self.length is None:
            return reach
        return torch.minimum(reach, torch.linalg.vector_norm(weight, dim=0) * self.length * (1 + 1e-6))

    def check(self) -> None:
        """Proves mask and bound; raises ModelError naming the worst output."""
        weight = self.weight_q.to(torch.int64)
        if self._mask is not None and bool((weight.bool() & ~torch.from_numpy(self._mask)).any()):
            raise ModelError("a weight breaks its mask: the net is not autoregressive")
        shift = self.point_q + self.source.point - self.target.point
        if int(shift.min()) < 0 or int(shift.max()) > 23:
            raise ModelError("a rounding shift lies outside 0..23; train or freeze the net again")
        half = torch.bitwise_left_shift(torch.ones_like(shift), shift).to(torch.int64) >> 1
        worst = self._reach(weight.double()).ceil().to(torch.int64) + self.bias_q.to(torch.int64).abs() + half
        if int(worst.max()) >= SUM_LIMIT:
            output = int(worst.argmax())
            raise ModelError(f"output {output} may sum to {int(worst[output])}, beyond 2**24: use smaller weights")

    def place(self, engine: Engine) -> None:
        super().place(engine)
        self.matrix = self.weight_q.to(engine.device, torch.float32)
        quick = shorts.QUICK and engine.device == "cpu" and self.source.magnitude <= _WIDE
        quick = quick and len(self.bias_q) % shorts.OUTPUTS == 0
        self._shorts = packed(np.ascontiguousarray(self.weight_q.t().numpy())) if quick else None
        self._bias = self.bias_q.to(engine.device, torch.float32)
        shift = self.point_q + self.source.point - self.target.point
        self._scale = torch.ldexp(torch.ones(len(shift)), -shift).to(engine.device)

    def operands(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Matrix [inputs, outputs], bias and scale [outputs] as fp32, for kernels: clamp(floor((x W + b) s + 1/2))."""
        return self.matrix.cpu().numpy(), self._bias.cpu().numpy(), self._scale.cpu().numpy()

    def part(self, x: Tensor, first: int = 0) -> Tensor:
        """What inputs `first`, `first + 1`, .. add to the sums: integers in fp32, [N, C] -> [N, outputs]."""
        if self._shorts is not None and len(x) >= shorts.LEAST_ROWS and first % 2 == 0:
            y = torch.empty(len(x), len(self.bias_q))
            room = np.empty((len(x), x.shape[1] + x.shape[1] % 2), np.int16)
            shorts.multiply(x.contiguous().numpy(), self._shorts, first // 2, room, y.numpy())
            return y
        self.engine.demand_all_bits()
        return x @ self.matrix[first : first + x.shape[1]]

    def rounded(self, sums: Tensor) -> Tensor:
        """Sums of all parts [N, outputs] with bias, at the target's point and in its range; integers in fp32."""
        if sums.device.type == "cpu":
            y = torch.empty_like(sums)
            low, high = self.target.low, self.target.high
            kernels.finish(sums.numpy(), self._bias.numpy(), self._scale.numpy(), low, high, y.numpy())
            return y
        return ((sums + self._bias) * self._scale + 0.5).floor_().clamp_(self.target.low, self.target.high)

    def whole(self, x: Tensor) -> Tensor:
        """Exact reading: integers in fp32, [N, inputs] -> [N, outputs]."""
        return self.rounded(self.part(x))
