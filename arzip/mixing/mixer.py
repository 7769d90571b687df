"""Gated logistic mixing: one of many weight rows, picked by a small context, blends stretched predictions.

p = squash(sum_i w_i x_i), and after the bit each weight moves along the gradient of the code length,
w_i += rate * x_i * (bit - p). Inputs are int32 stretched values within +-2307 in 1/256; weights are int32 in 2^-16,
kept within +-8, so that every product fits 31 bits and every sum 32, in whatever order it is taken.
"""

import numpy as np

from arzip.compiled import Integer, inlined

__all__ = ["INPUT_LIMIT", "WEIGHT_LIMIT", "mix", "mix_learn"]

WEIGHT_LIMIT = (1 << 19) - 1
INPUT_LIMIT = 2307


@inlined
def mix(weights: np.ndarray, chosen: Integer, inputs: np.ndarray, lane: Integer, count: Integer) -> Integer:
    """Return the stretched blend of inputs[lane, :count] under weights[chosen, :count]."""
    w = np.uintp(chosen)
    x = np.uintp(lane)
    total = np.int32(0)
    for i in range(np.uintp(count)):
        total = np.int32(total + np.int32(np.int32(weights[w, i] * inputs[x, i]) >> 8))
    return np.int64(total) >> 8


@inlined
def mix_learn(
    weights: np.ndarray, chosen: Integer, inputs: np.ndarray, lane: Integer, count: Integer, error: Integer
) -> None:
    """Move weights[chosen, :count] by inputs * error / 2^18; |error| at most 900,000."""
    w = np.uintp(chosen)
    x = np.uintp(lane)
    scaled = np.int32(error)
    for i in range(np.uintp(count)):
        step = np.int32(np.int32(np.int32(inputs[x, i] * scaled) + np.int32(1 << 17)) >> 18)
        moved = np.int32(weights[w, i] + step)
        weights[w, i] = min(max(moved, np.int32(-WEIGHT_LIMIT)), np.int32(WEIGHT_LIMIT))
