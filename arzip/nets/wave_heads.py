"""What a WaveNet says about the next sample: rows of 256, one plane after the other.

logistics  samples of 16 bits as a mixture of logistics around a linear prediction whose taps the net gives, by planes:
           the coarse byte, then the fine one given it (see `exact.planes`)
mulaw      8-bit codes by a softmax, as in the paper
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.exact.fixed import Range, wide
from arzip.exact.layers import Layer
from arzip.exact.logistic import POINT
from arzip.exact.planes import BYTE, TAP_POINT, log2_planes, plane_rows, predicted
from arzip.exact.product import Product
from arzip.exact.rows import softmax_rows

__all__ = ["HEADS", "HIDDEN", "Head"]

HIDDEN = Range(8, 0, 4095)  # what a head is given
_FIRST_SCALE = 7.0  # log2 of the scale that training begins with
_LOG2 = float(np.log(2))


class Head(Layer):
    """`planes` rows a sample; `taps` + 1 of the last samples are asked for."""

    depth: int
    planes: int
    taps: int

    def bits(self, h: Tensor, x: Tensor) -> Tensor:
        """Training reading: the code length in bits of samples x [L, T], h [L, T, hidden]."""
        raise NotImplementedError

    def rows(
        self, h: NDArray[np.int16], past: NDArray[np.int32], known: NDArray[np.int32], plane: int
    ) -> NDArray[np.int32]:
        """Exact reading: int32 [N, 256] from h [N, hidden] and past [N, taps + 1], the last sample first.

        known [N]: what the planes before say, the smallest sample still possible, counted from the lowest.
        """
        raise NotImplementedError

    def _operand(self, h: NDArray[np.int16]) -> Tensor:
        return torch.from_numpy(h).to(self.engine.device, torch.float32)


class Logistics(Head):
    """A mixture of `components` logistics around a linear prediction with `taps` taps."""

    depth, planes = 16, 2

    def __init__(self, hidden: int, *, components: int, taps: int) -> None:
        super().__init__()
        self.taps = taps
        self.mixture = Product(hidden, 1 + 3 * components, source=HIDDEN, target=wide(POINT), gain=0.1)
        self.linear = Product(hidden, taps, source=HIDDEN, target=wide(TAP_POINT), gain=0.02)
        with torch.no_grad():
            self.mixture.bias[0] = _FIRST_SCALE
            self.mixture.bias[1 + 2 * components :] = torch.linspace(-1.5, 1.5, components)

    def bits(self, h: Tensor, x: Tensor) -> Tensor:
        sound = x.to(torch.float32)
        padded = nn.functional.pad(sound, (self.taps + 1, 0))
        change = (padded[:, 1:] - padded[:, :-1]).unfold(1, self.taps, 1)[:, :-1]
        base = padded[:, self.taps : -1] + (self.linear(h) * change.flip(2)).sum(dim=2)
        return -log2_planes(self.mixture(h).flatten(0, 1), base.flatten(), sound.flatten()).sum()

    def rows(
        self, h: NDArray[np.int16], past: NDArray[np.int32], known: NDArray[np.int32], plane: int
    ) -> NDArray[np.int32]:
        operand = self._operand(h)
        outputs = self.mixture.whole(operand).cpu().numpy().astype(np.int32)
        base = np.empty(len(h), dtype=np.int64)
        predicted(self.linear.whole(operand).cpu().numpy().astype(np.int32), past, base)
        rows = np.empty((len(h), BYTE), dtype=np.int32)
        scratch = np.empty((3, (outputs.shape[1] - 1) // 3), np.int64), np.empty(BYTE + 1, np.int64)
        plane_rows(outputs, base, known, plane, scratch, rows)
        return rows


class MuLaw(Head):
    """A softmax over 256 codes."""

    depth, planes, taps = 8, 1, 0

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.codes = Product(hidden, BYTE, source=HIDDEN, target=wide(5), gain=0.3)

    def bits(self, h: Tensor, x: Tensor) -> Tensor:
        octaves = self.codes(h).flatten(0, 1)
        return nn.functional.cross_entropy(octaves * _LOG2, x.flatten().long() + 128, reduction="sum") / _LOG2

    def rows(
        self, h: NDArray[np.int16], past: NDArray[np.int32], known: NDArray[np.int32], plane: int
    ) -> NDArray[np.int32]:
        logits = self.codes.whole(self._operand(h)).cpu().numpy().astype(np.int32)
        rows = np.empty((len(h), BYTE), dtype=np.int32)
        softmax_rows(logits, rows)
        return rows


HEADS: dict[str, Callable[..., Head]] = {"logistics": Logistics, "mulaw": MuLaw}
