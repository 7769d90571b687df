"""What a WaveNet says about the next sample: rows of 256, one plane after the other.

planes     samples of 16 bits: a softmax over the coarse byte, then one over the fine byte given it (as in WaveRNN,
           Kalchbrenner et al. 2018 [1])
logistics  samples of 16 bits by the same planes, both from a mixture of logistics around a linear prediction whose taps
           the net gives (see `exact.planes`): fewer things to learn
mulaw      8-bit codes by a softmax, as in the paper

[1] https://arxiv.org/abs/1802.08435
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.exact.fixed import Range, wide
from arzip.exact.layers import Embedding, Layer
from arzip.exact.logistic import POINT
from arzip.exact.planes import BYTE, LOWEST, TAP_POINT, log2_planes, mixtures, plane_rows
from arzip.exact.product import Product
from arzip.exact.rows import softmax_rows

__all__ = ["HEADS", "HIDDEN", "Head"]

HIDDEN = Range(8, 0, 4095)  # what a head is given
_LOGITS = wide(5)  # octaves, as `softmax_rows` takes them
_FIRST_SCALE = 7.0  # log2 of the scale that training begins with
_LOG2 = float(np.log(2))


class Head(Layer):
    """`planes` rows a sample of `depth` bits; `taps` + 1 of the last samples are asked for."""

    depth = 16
    planes = 2
    taps = 0

    def lengths(self, h: Tensor, x: Tensor) -> Tensor:
        """Training reading: bits of each of samples x [L, T], h [L, T, hidden]."""
        raise NotImplementedError

    def said(self, h: NDArray[np.int16], past: NDArray[np.int32]) -> Any:
        """Exact reading: what the rows of N samples come from; h [N, hidden], past [N, taps + 1], the last first."""
        raise NotImplementedError

    def rows(self, said: Any, known: NDArray[np.int32], plane: int) -> NDArray[np.int32]:
        """Rows int32 [N, 256] of a plane; known [N]: what the planes before say, the smallest sample still possible.

        Samples are counted from the lowest.
        """
        raise NotImplementedError

    def _operand(self, h: NDArray[np.int16]) -> Tensor:
        return torch.from_numpy(h).to(self.engine.device, torch.float32)


class Logistics(Head):
    """A mixture of `components` logistics around a linear prediction with `taps` taps."""

    def __init__(self, hidden: int, *, components: int, taps: int) -> None:
        super().__init__()
        self.taps = taps
        self.mixture = Product(hidden, 1 + 3 * components, source=HIDDEN, target=wide(POINT), gain=0.1)
        self.linear = Product(hidden, taps, source=HIDDEN, target=wide(TAP_POINT), gain=0.02)
        with torch.no_grad():
            self.mixture.bias[0] = _FIRST_SCALE
            self.mixture.bias[1 + 2 * components :] = torch.linspace(-1.5, 1.5, components)

    def lengths(self, h: Tensor, x: Tensor) -> Tensor:
        sound = x.to(torch.float32)
        padded = nn.functional.pad(sound, (self.taps + 1, 0))
        change = (padded[:, 1:] - padded[:, :-1]).unfold(1, self.taps, 1)[:, :-1]
        base = padded[:, self.taps : -1] + (self.linear(h) * change.flip(2)).sum(dim=2)
        return -log2_planes(self.mixture(h).flatten(0, 1), base.flatten(), sound.flatten()).view_as(x)

    def said(self, h: NDArray[np.int16], past: NDArray[np.int32]) -> NDArray[np.int64]:
        operand = self._operand(h)
        outputs, taps = (product.whole(operand).cpu().numpy() for product in (self.mixture, self.linear))
        mixed = np.empty((len(h), 3, outputs.shape[1] // 3), dtype=np.int64)
        mixtures(outputs, taps, past, mixed)
        return mixed

    def rows(self, said: NDArray[np.int64], known: NDArray[np.int32], plane: int) -> NDArray[np.int32]:
        rows = np.empty((len(said), BYTE), dtype=np.int32)
        plane_rows(said, known, plane, np.empty(BYTE + 1, np.int64), rows)
        return rows


class Planes(Head):
    """Two softmaxes; a layer of `units` before the second also sees the coarse byte."""

    def __init__(self, hidden: int, *, units: int) -> None:
        super().__init__()
        self.coarse = Product(hidden, BYTE, source=HIDDEN, target=_LOGITS, gain=0.3)
        self.given = Embedding(BYTE, units, target=HIDDEN)
        self.middle = Product(hidden, units, source=HIDDEN, target=Range(HIDDEN.point, -HIDDEN.high, HIDDEN.high))
        self.fine = Product(units, BYTE, source=HIDDEN, target=_LOGITS, gain=0.3)

    def lengths(self, h: Tensor, x: Tensor) -> Tensor:
        u = x.long() - LOWEST
        top = HIDDEN.high / (1 << HIDDEN.point)
        middle = (self.middle(h) + self.given.table.clamp(0, top)[u >> 8]).clamp(0, top)
        return _softmax_lengths(self.coarse(h), u >> 8) + _softmax_lengths(self.fine(middle), u & (BYTE - 1))

    def said(self, h: NDArray[np.int16], past: NDArray[np.int32]) -> NDArray[np.int16]:
        return h

    def rows(self, said: NDArray[np.int16], known: NDArray[np.int32], plane: int) -> NDArray[np.int32]:
        if plane == 0:
            return _softmax_rows(self.coarse.whole(self._operand(said)))
        given = self.given.whole(torch.from_numpy(known >> 8).to(self.engine.device))
        middle = (self.middle.whole(self._operand(said)) + given).clamp_(HIDDEN.low, HIDDEN.high)
        return _softmax_rows(self.fine.whole(middle))


class MuLaw(Head):
    """A softmax over 256 codes."""

    depth, planes = 8, 1

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.codes = Product(hidden, BYTE, source=HIDDEN, target=_LOGITS, gain=0.3)

    def lengths(self, h: Tensor, x: Tensor) -> Tensor:
        return _softmax_lengths(self.codes(h), x.long() + BYTE // 2)

    def said(self, h: NDArray[np.int16], past: NDArray[np.int32]) -> NDArray[np.int16]:
        return h

    def rows(self, said: NDArray[np.int16], known: NDArray[np.int32], plane: int) -> NDArray[np.int32]:
        return _softmax_rows(self.codes.whole(self._operand(said)))


def _softmax_lengths(octaves: Tensor, x: Tensor) -> Tensor:
    """Bits of x [L, T] under logits [L, T, A]."""
    nats = nn.functional.cross_entropy(octaves.flatten(0, 1) * _LOG2, x.flatten(), reduction="none")
    return nats.view_as(x) / _LOG2


def _softmax_rows(logits: Tensor) -> NDArray[np.int32]:
    rows = np.empty(logits.shape, dtype=np.int32)
    softmax_rows(logits.to(torch.int32).cpu().numpy(), rows)
    return rows


HEADS: dict[str, Callable[..., Head]] = {"logistics": Logistics, "mulaw": MuLaw, "planes": Planes}
