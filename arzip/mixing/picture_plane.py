"""The known part of a picture with a margin, so that every neighbour of every sample has a value.

A plane is int32 [TOP + H, LEFT + W + RIGHT, C]: sample (y, x, c) lies at [TOP + y, LEFT + x, c]. The margin repeats
what is known: left of a row the first sample of the row above, right of it its own last one; above the first row it is
half of the range. No cell of it changes once it may be read, so encoding may fill a plane ahead of what is being coded.
"""

from __future__ import annotations

import numpy as np

from arzip.compiled import Integer, inlined

__all__ = ["LEFT", "RIGHT", "TOP", "new_plane", "set_sample"]

TOP, LEFT, RIGHT = 3, 4, 4


def new_plane(height: int, width: int, planes: int, depth: int) -> np.ndarray:
    """A plane of which nothing is known: all samples at half of their range."""
    return np.full((TOP + height, LEFT + width + RIGHT, planes), 1 << (depth - 1), dtype=np.int32)


@inlined
def set_sample(plane: np.ndarray, y: Integer, x: Integer, c: Integer, value: Integer) -> None:
    """Writes a sample and the margin that follows from it."""
    row, column = y + TOP, x + LEFT
    plane[row, column, c] = value
    if x == 0 and row + 1 < plane.shape[0]:
        for i in range(LEFT):
            plane[row + 1, i, c] = value
    if column + RIGHT + 1 == plane.shape[1]:
        for i in range(1, RIGHT + 1):
            plane[row, column + i, c] = value
