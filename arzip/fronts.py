"""The order of coding: which positions form a front, for lanes and for pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["PLANES", "front_starts", "wavefront"]

# Planes that are coded together, in coding order, by number of channels: green, red, blue; then gray or alpha.
PLANES = {1: [[0]], 2: [[0], [1]], 3: [[1, 0, 2]], 4: [[1, 0, 2], [3]]}


def wavefront(shape: tuple[int, ...], slope: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Pixels of pictures of a shape [L, H, W] in wavefront order: pixel (y, x) lies on front x + slope * y.

    A net that looks slope - 1 pixels to the right in the rows above never needs a pixel of its own front or a later
    one. Within a front, pixels are ordered by row, then picture.

    Returns:
        int32 [N, 3] rows (image, y, x), and int64 [fronts + 1] where each front begins.
    """
    images, height, width = shape
    ys, xs, images_ = np.meshgrid(np.arange(height), np.arange(width), np.arange(images), indexing="ij")
    front = (xs + slope * ys).ravel()
    order = np.argsort(front, kind="stable")
    at = np.stack([images_.ravel(), ys.ravel(), xs.ravel()], axis=1).astype(np.int32)[order]
    fronts = width + slope * (height - 1) if height and width and images else 0
    return np.ascontiguousarray(at), np.searchsorted(front[order], np.arange(fronts + 1)).astype(np.int64)


def front_starts(height: int, width: int, slope: int) -> NDArray[np.int64]:
    """Where each front of one picture begins among its pixels, int64 [fronts + 1]: the second result of `wavefront`."""
    fronts = np.arange(width + slope * (height - 1)) if height and width else np.zeros(0, np.int64)
    first = np.maximum(0, (fronts - width + slope) // slope)
    last = np.minimum(height, fronts // slope + 1)
    return np.concatenate([[0], np.cumsum(np.maximum(last - first, 0))]).astype(np.int64)
