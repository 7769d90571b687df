"""RNADE: NADE over real numbers, every conditional a mixture of Gaussians.

    p(x_d | x_<d) = sum_k a_k N(x_d; m_k, s_k^2),   (a, m, s) = b_d + V_d h_d,   h_d = max(0, c + sum_{i<d} W_i u_i)

(Uria, Murray & Larochelle 2013 [1], equations 5 to 11, with their rectified units.) What is coded are samples of 8
bits, so a density becomes the probability of a step: -log2 P(x) = -log2 p(x) - log2(step), and bits here are the
paper's log-densities with the step of the data put in. Two things differ: inputs are differences u_i = x_i - x_{i-1},
the same information with less to unlearn, and means are relative to a linear prediction x_{d-1} + A_d u that the net
learns beside its hidden units. Weights are integers of 16 bits, hidden units 0..1023, sums integers below 2**31.

[1] https://arxiv.org/abs/1306.0186
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.compiled import compiled
from arzip.errors import ModelError
from arzip.exact.fixed import Range, straight_through
from arzip.exact.gaussian import log2_gaussian
from arzip.exact.logistic import POINT
from arzip.nets.table_model import OrderedNet

__all__ = ["RNADE"]

LEVELS = 256
_SUM_LIMIT = 1 << 31  # sums are int32 or wider, never floats
_MIDDLE = 128  # what comes before the first sample
_INPUT = 6  # binary point of the differences
_FIRST = Range(10, -32767, 32767)
_DIRECT = Range(12, -32767, 32767)
_SECOND = Range(8, -32767, 32767)
_BIAS = Range(POINT, -32767, 32767)
_HIDDEN = Range(6, 0, 1023)
_TO_HIDDEN = _FIRST.point + _INPUT - _HIDDEN.point
_TO_OUTPUT = _SECOND.point + _HIDDEN.point - POINT
_TO_MEAN = _DIRECT.point - POINT


class RNADE(OrderedNet):
    """`hidden` units and `components` Gaussians over `variables` samples of 8 bits, coded in an `order`."""

    alphabet = LEVELS
    first_q: Tensor
    offset_q: Tensor
    second_q: Tensor
    bias_q: Tensor
    direct_q: Tensor

    def __init__(self, *, variables: int, rows: int, order: str, hidden: int, components: int) -> None:
        super().__init__(variables, rows, order)
        self.hidden, self.components = hidden, components
        k = components
        self.first = nn.Parameter(torch.randn(variables, hidden) * variables**-0.5)
        self.offset = nn.Parameter(torch.rand(hidden))
        self.second = nn.Parameter(torch.randn(variables, 3 * k, hidden) * 0.1 * hidden**-0.5)
        start = torch.cat([torch.zeros(k), torch.linspace(-1.0, 1.0, k), torch.linspace(1.0, 5.0, k)])
        self.bias = nn.Parameter(start.repeat(variables, 1))
        self.direct = nn.Parameter(torch.zeros(variables, variables))
        for name, parameter in list(self.named_parameters()):
            self.register_buffer(f"{name}_q", torch.zeros(parameter.shape, dtype=torch.int16))

    def _grids(self) -> dict[str, Range]:
        offset = Range(_FIRST.point, -32767, 32767)
        return {"first": _FIRST, "offset": offset, "second": _SECOND, "bias": _BIAS, "direct": _DIRECT}

    def _on_grids(self) -> dict[str, Tensor]:
        on = {name: straight_through(getattr(self, name), grid) for name, grid in self._grids().items()}
        on["direct"] = torch.tril(on["direct"], -1)
        return on

    def forward(self, x: Tensor) -> Tensor:
        """Logits, means in levels, log2 scales of each mixture: real units [N, D, 3 K] of samples x [N, D]."""
        on, grid = self._on_grids(), Range(POINT, -_SUM_LIMIT, _SUM_LIMIT)
        before = torch.cat([torch.full_like(x[:, :1], _MIDDLE), x[:, :-1]], dim=1)
        u = x - before
        grown = torch.cumsum(u[:, :, None] * 2.0**-_INPUT * on["first"], dim=1)
        grown = torch.cat([torch.zeros_like(grown[:, :1]), grown[:, :-1]], dim=1)
        h = straight_through(on["offset"] + grown, _HIDDEN)
        out = straight_through(torch.einsum("ndh,dkh->ndk", h, on["second"]), grid) + on["bias"]
        base = before + straight_through(u @ on["direct"].t(), grid)
        k = self.components
        return torch.cat([out[..., :k], out[..., k : 2 * k] + base[..., None], out[..., 2 * k :]], dim=2)

    def bits(self, x: Tensor) -> Tensor:
        """Training reading: the code length in bits of samples x [N, D]."""
        logits, means, scales = self(x).flatten(0, 1).split(self.components, dim=1)
        return -log2_gaussian(logits, means, scales, x.flatten(), LEVELS).sum()

    def freeze(self) -> None:
        with torch.no_grad():
            for name, value in self._on_grids().items():
                setattr(self, f"{name}_q", (value * (1 << self._grids()[name].point)).to(torch.int16))
        self.check()

    def check(self) -> None:
        """Proves that predictions see earlier samples alone and no sum can reach 2**31; raises ModelError."""
        size = {name: getattr(self, f"{name}_q").to(torch.int64).abs() for name in self._grids()}
        if bool(torch.triu(size["direct"]).any()):
            raise ModelError("a direct weight looks at a later sample: the net is not autoregressive")
        hidden = size["first"].sum(dim=0) * (LEVELS - 1) + (size["offset"] << _INPUT)
        product = size["second"].sum(dim=2) * _HIDDEN.high
        direct = size["direct"].sum(dim=1) * (LEVELS - 1)
        if max(int(hidden.max()), int(product.max()), int(direct.max())) >= _SUM_LIMIT:
            raise ModelError("a sum may pass 2**31: train with more weight decay")

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        """int32 [N, D, 3 K] at binary point 5, means absolute."""
        walk = self.walk(len(x))
        found = np.empty((len(x), self.variables, 3 * self.components), dtype=np.int32)
        for d in range(self.variables):
            found[:, d] = walk.outputs()
            walk.observe(x[:, d].astype(np.int32))
        return found

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


class _Walk:
    """The hidden units' sums int32 [L, H], the linear predictions of all samples int32 [L, D], and the last sample."""

    def __init__(self, net: RNADE, lanes: int) -> None:
        self._net, self._at = net, 0
        self._sums = np.tile(net.offset_q.numpy().astype(np.int32) << _INPUT, (lanes, 1))
        self._linear = np.zeros((lanes, net.variables), dtype=np.int32)
        self._before = np.full(lanes, _MIDDLE, dtype=np.int32)
        self._columns = np.ascontiguousarray(net.direct_q.numpy().T)

    def outputs(self) -> NDArray[np.int32]:
        net, d = self._net, self._at
        found = np.empty((len(self._sums), 3 * net.components), dtype=np.int32)
        second, bias = net.second_q.numpy()[d], net.bias_q.numpy()[d]
        _outputs(self._sums, np.ascontiguousarray(self._linear[:, d]), self._before, second, bias, found)
        return found

    def observe(self, x: NDArray[np.int32]) -> None:
        u = x - self._before
        _grow(self._sums, u, self._net.first_q.numpy()[self._at])
        _grow(self._linear, u, self._columns[self._at])
        self._before = x.astype(np.int32)
        self._at += 1


@compiled
def _grow(sums: NDArray[Any], u: NDArray[Any], w: NDArray[Any]) -> None:
    """sums[l] += u[l] w in every lane."""
    for n in range(sums.shape[0]):
        for j in range(w.shape[0]):
            sums[n, j] += np.int32(u[n] * np.int32(w[j]))


@compiled
def _outputs(
    sums: NDArray[Any], linear: NDArray[Any], before: NDArray[Any], v: NDArray[Any], b: NDArray[Any], out: NDArray[Any]
) -> None:
    """Outputs int32 [L, 3 K] of one variable: v int16 [3 K, H], b int16 [3 K]."""
    components = b.shape[0] // 3
    for n in range(sums.shape[0]):
        base = (np.int64(before[n]) << POINT) + ((np.int64(linear[n]) + (1 << (_TO_MEAN - 1))) >> _TO_MEAN)
        for k in range(b.shape[0]):
            total = np.int64(0)
            for j in range(sums.shape[1]):
                h = min(max((np.int64(sums[n, j]) + (1 << (_TO_HIDDEN - 1))) >> _TO_HIDDEN, 0), 1023)
                total += h * v[k, j]
            value = ((total + (1 << (_TO_OUTPUT - 1))) >> _TO_OUTPUT) + b[k]
            out[n, k] = value + base if components <= k < 2 * components else value
