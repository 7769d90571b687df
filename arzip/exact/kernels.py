"""What surrounds an exact product on the CPU, one pass over memory each: bias, scale, rounding, clamp, cast.

The numbers are integers below 2**24 held in fp32 and the scales powers of two, so every intermediate value is exact:
neither the order of operations nor a fused multiply-add can change a bit. Integer shifts would say the same and run
ten times slower, for lack of vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import allocating

__all__ = ["add", "finish", "requantise"]


@allocating
def finish(
    product: NDArray[Any], bias: NDArray[Any], scale: NDArray[Any], low: int, high: int, y: NDArray[Any]
) -> None:
    """y = clamp(floor((product + bias) * scale + 1/2)); product at least [N, C], bias and scale fp32 [C], y [N, C]."""
    rows, columns = y.shape
    half, floor, ceiling = np.float32(0.5), np.float32(low), np.float32(high)
    for i in range(rows):
        source = product[i]
        out = y[i]
        for j in range(columns):
            v = np.floor((np.float32(source[j]) + bias[j]) * scale[j] + half)
            out[j] = min(max(v, floor), ceiling)


@allocating
def requantise(x: NDArray[Any], scale: float, low: int, high: int, y: NDArray[Any]) -> None:
    """y = clamp(floor(x * scale + 1/2)); x [N, C] below 2**24, scale a power of two."""
    rows, columns = y.shape
    half, floor, ceiling, factor = np.float32(0.5), np.float32(low), np.float32(high), np.float32(scale)
    for i in range(rows):
        source = x[i]
        out = y[i]
        for j in range(columns):
            v = np.floor(np.float32(source[j]) * factor + half)
            out[j] = min(max(v, floor), ceiling)


@allocating
def add(a: NDArray[Any], b: NDArray[Any], low: int, high: int, y: NDArray[Any]) -> None:
    """y = clamp(a + b); int32 [N, C] below 2**23."""
    rows, columns = y.shape
    floor, ceiling = np.float32(low), np.float32(high)
    for i in range(rows):
        left = a[i]
        right = b[i]
        out = y[i]
        for j in range(columns):
            out[j] = min(max(np.float32(left[j]) + np.float32(right[j]), floor), ceiling)
