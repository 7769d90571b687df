"""Exact recurrent cells: LSTM and GRU with the state on a fixed-point grid and gates from integer tables.

    LSTM   i, f, o = s(p_i), s(p_f), s(p_o);  c' = f c + i tanh(p_g);  h' = o tanh(c')
    GRU    r, z = s(p_r), s(p_z);  n = tanh(x_n + r q_n);  h' = z h + (1 - z) n

    p = x + q,  q = U h + b     (Graves 2013 [1], equations 7 to 11; Cho et al. 2014 [2], equations 5 to 8)

The GRU resets after the product, as cuDNN does, so that one product a step is enough. What enters a product is h
rounded to 8 bits; the state itself is kept with 14 fractional bits (c with 12), for a gate close to 1 moves it by less
than 8 bits can say. Gates have 15 fractional bits.

Like all layers these have a training reading (`forward`, float, the rounding of h passed straight through) and an exact
one (`step`); `whole` is `step` repeated, for a recurrent net has no other way.

[1] https://arxiv.org/abs/1308.0850  [2] https://arxiv.org/abs/1406.1078
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.exact.fixed import signed8, straight_through, wide
from arzip.exact.gates import STATE_POINT, SUM_POINT, gru, lstm
from arzip.exact.layers import Dense, Layer

__all__ = ["GRU", "HIDDEN", "LSTM", "SUMS", "Recurrent"]

HIDDEN = signed8(7)
SUMS = wide(SUM_POINT)  # before the gates


class Recurrent(Layer):
    """What both cells share: the product q = U h + b and the walk over time.

    Inputs x are float [T, L, gates * units] to train and int32 [L, gates * units] at SUMS' point to code.
    """

    gates: int

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units
        self.inner = Dense(units, self.gates * units, source=HIDDEN, target=SUMS)

    def forward(self, x: Tensor) -> Tensor:
        """h of every step in real units, [T, L, units]; starts from zeros."""
        now = tuple(torch.zeros(x.shape[1], self.units) for _ in self._state_of())
        weight, bias, _ = self.inner._rounded()
        hidden = []
        for row in x:
            q = torch.addmm(bias, straight_through(now[0], HIDDEN), weight.t())
            now = self._float_step(now, row, q)
            hidden.append(straight_through(now[0], HIDDEN))
        return torch.stack(hidden)

    def start(self, *shape: int) -> tuple[NDArray[np.int32], ...]:
        return tuple(np.zeros((shape[0], self.units), dtype=np.int32) for _ in self._state_of())

    def whole(self, x: Tensor) -> Tensor:
        """Integers [T, L, gates * units] -> small integers [T, L, units]."""
        state: Any = self.start(x.shape[1])
        hidden = []
        for row in x:
            state, h = self.step(state, row)
            hidden.append(h)
        return torch.stack(hidden)

    def step(self, state: Any, x: Tensor) -> tuple[Any, Tensor]:
        q = self.inner.whole(self._small(state[0]))
        after = tuple(np.empty_like(part) for part in state)
        self._exact_step(x.cpu().numpy(), q.cpu().numpy(), state, after)
        return after, self._small(after[0])

    def _small(self, h: NDArray[np.int32]) -> Tensor:
        rounded = np.clip(
            (h + (1 << (STATE_POINT - HIDDEN.point - 1))) >> (STATE_POINT - HIDDEN.point), HIDDEN.low, HIDDEN.high
        )
        return torch.from_numpy(rounded).to(self.engine.device, self.engine.small)

    def _state_of(self) -> tuple[str, ...]:
        raise NotImplementedError

    def _float_step(self, state: tuple[Tensor, ...], x: Tensor, q: Tensor) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _exact_step(self, x: NDArray[Any], q: NDArray[Any], state: Any, after: Any) -> None:
        raise NotImplementedError


class GRU(Recurrent):
    """`units` gated recurrent units; gates in the order r, z, n."""

    gates = 3

    def _state_of(self) -> tuple[str, ...]:
        return ("h",)

    def _float_step(self, state: tuple[Tensor, ...], x: Tensor, q: Tensor) -> tuple[Tensor, ...]:
        (h,) = state
        n = self.units
        r, z = torch.sigmoid(x[:, : 2 * n] + q[:, : 2 * n]).chunk(2, dim=1)
        candidate = torch.tanh(x[:, 2 * n :] + r * q[:, 2 * n :])
        return (candidate + z * (h - candidate),)

    def _exact_step(self, x: NDArray[Any], q: NDArray[Any], state: Any, after: Any) -> None:
        gru(x, q, state[0], after[0])


class LSTM(Recurrent):
    """`units` long short-term memory cells; gates in the order i, f, o, g."""

    gates = 4

    def _state_of(self) -> tuple[str, ...]:
        return "h", "c"

    def _float_step(self, state: tuple[Tensor, ...], x: Tensor, q: Tensor) -> tuple[Tensor, ...]:
        p, n = x + q, self.units
        i, f, o = torch.sigmoid(p[:, : 3 * n]).chunk(3, dim=1)
        c = (f * state[1] + i * torch.tanh(p[:, 3 * n :])).clamp(-16, 16)
        return o * torch.tanh(c), c

    def _exact_step(self, x: NDArray[Any], q: NDArray[Any], state: Any, after: Any) -> None:
        lstm(x, q, state[1], after[0], after[1])
