"""Where tokens are cut: a net may read a picture several times, its tokens each time cut some columns later.

    columns     4 5 6 7 8 9 . .
    phase 0    |a a a a|b b b b|        the pixel in column 8 begins a token, and the net reads all before it,
    phase 2   a a|b b b b|c c c c|      or is the third of one, and only the tree of the token knows the two before

    z_d = mean over phases k of z_k,d

Every reading is a prediction of its own by the same weights, and what they do not agree upon is mostly their errors:
the mean is better than any of them. Tables of what lies where are a phase's own. A reading works on its frame, the
picture moved to the left by the phase's columns (to the right where they are negative): what leaves the frame is white.
Where a column has a trunk in some phases, only these count.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.errors import ModelError

__all__ = ["Phases", "rounded_mean"]

_WHOLE = 12  # a mean of up to four logits has whole shares


class Phases:
    """The readings of pictures [rows, columns] by tokens of `span` pixels, each cut `offsets` columns later.

    `trunk` is the first column with a trunk and the one after the last, of a picture that is not moved. Raises
    ModelError for offsets without 0, which shows every column, more than four, or two that cut alike.
    """

    def __init__(self, offsets: list[int], *, rows: int, columns: int, span: int, trunk: tuple[int, int]) -> None:
        if len({offset % span for offset in offsets}) < len(offsets) or max(map(abs, offsets)) >= span:
            raise ModelError(f"tokens of {span} pixels cannot be cut {offsets} columns later: phases would be alike")
        if 0 not in offsets:
            raise ModelError(f"phases {offsets} lack 0, the only one that shows every column")
        if len(offsets) > 4:
            raise ModelError(f"{len(offsets)} phases are more than four")
        self.offsets, self.rows, self.columns = offsets, rows, columns
        self.count = len(offsets)
        at = np.arange(columns)[None] - np.array(offsets)[:, None]  # of every column in each frame, [K, columns]
        framed = (at >= 0) & (at < columns)
        covered = (at >= trunk[0]) & (at < trunk[1])
        counted = np.where(covered.any(axis=0), covered, framed)
        self.shares: NDArray[np.int32] = counted * (_WHOLE // counted.sum(axis=0, dtype=np.int32))
        self.alone = offsets == [0]  # a picture is its frame, and logits are what they are
        self._edge = max(map(abs, offsets))
        self._frames = np.arange(columns) + np.array(offsets)[:, None] + self._edge

    def framed(self, x: Tensor, phase: Tensor) -> Tensor:
        """Pictures [N, rows * columns] as their frames, each in its own phase, int64 [N]."""
        if self.alone:
            return x
        wide = torch.nn.functional.pad(x.view(len(x), self.rows, self.columns), (self._edge, self._edge))
        places = torch.from_numpy(self._frames).to(x.device)[phase][:, None].expand(-1, self.rows, -1)
        return wide.gather(2, places).flatten(1)

    def mean(self, logits: list[Tensor]) -> Tensor:
        """Logits [N, rows * columns] of the frames of all phases, floats or int32, as those of the pictures."""
        if self.alone:
            return logits[0]
        total = torch.zeros((), dtype=logits[0].dtype, device=logits[0].device)
        for z, share, offset in zip(logits, self.shares, self.offsets, strict=True):
            first, end = max(0, offset), self.columns + min(0, offset)
            framed = z.view(len(z), self.rows, self.columns)[:, :, first - offset : end - offset]
            part = torch.from_numpy(share[first:end]).to(z) * framed
            total = total + torch.nn.functional.pad(part, (first, self.columns - end))
        if total.is_floating_point():
            return (total / _WHOLE).flatten(1)
        return torch.from_numpy(rounded_mean(total.numpy())).flatten(1)


def rounded_mean(total: NDArray[np.int32]) -> NDArray[np.int32]:
    """Exact reading of a sum of shares of logits: their mean."""
    return (total + _WHOLE // 2) // _WHOLE
