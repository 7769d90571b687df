"""The ideal code length: what a perfect coder would need, to set beside the size of the file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arzip.coding.coder import PRECISION

__all__ = ["frequencies", "ideal_bits"]


def frequencies(prediction: NDArray[np.int32], x: NDArray[np.int32]) -> NDArray[np.int32]:
    """What a prediction [N] or [N, A] (see `coder`) gave to each bit or symbol [N], of 2**24."""
    if prediction.ndim == 1:
        return np.where(x == 1, prediction, (1 << PRECISION) - prediction).astype(np.int32)
    given: NDArray[np.int32] = np.take_along_axis(prediction, x[:, None].astype(np.int64), axis=1)[:, 0]
    return given


def ideal_bits(prediction: NDArray[np.int32], x: NDArray[np.int32]) -> NDArray[np.float64]:
    """-log2 of the probability that a prediction [N] or [N, A] gave to each bit or symbol [N]."""
    bits: NDArray[np.float64] = PRECISION - np.log2(frequencies(prediction, x))
    return bits
