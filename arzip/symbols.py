"""What formats hand to models: integer arrays with a meaning; coding order is the model's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Symbols"]

KINDS = ("bytes", "image", "audio", "table")  # the position is the code in the archive; only ever append


@dataclass(frozen=True)
class Symbols:
    """One part of a file.

    kind    array
    bytes   uint8 [T]
    image   uint8 or uint16 [H, W, C], samples 0..2**depth - 1
    audio   int16 or int32 [T, C], samples of `depth` bits
    table   uint8 [N, D], symbols 0..2**depth - 1: N examples of D variables
    """

    kind: str
    array: NDArray[Any]
    depth: int = 8

    @property
    def dims(self) -> int:
        """The number of symbols."""
        return int(np.prod(self.array.shape, dtype=np.int64))
