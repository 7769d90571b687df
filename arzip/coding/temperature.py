"""Predictions sharpened or flattened before a dice is thrown: p**(1/T), scaled back to a whole, in integers alone.

T below 1 prefers what is likely, T above 1 what is not; T = 1 leaves predictions as they are. Logarithms come from
repeated squaring and powers from the table of `exact.lookup`, so that a sample is the same on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arzip.errors import UnsupportedInput
from arzip.exact.lookup import EXP2_STEPS, exp2_table

__all__ = ["TEMPERATURES", "tempered"]

TEMPERATURES = 0.05, 20.0  # sensible ends
_PRECISION = 24
_FRACTION = 16  # bits of a logarithm's fraction
_SCALE = 10  # bits of 1 / T
_SPAN = 24  # octaves kept below the likeliest symbol


def tempered(prediction: NDArray[np.int32], temperature: float) -> NDArray[np.int32]:
    """Decisions [N] or rows [N, A] in units of 2**-24, of the same shape; raises UnsupportedInput."""
    if not TEMPERATURES[0] <= temperature <= TEMPERATURES[1]:
        raise UnsupportedInput(f"a temperature of {temperature} is not possible; use {TEMPERATURES[0]} to 20")
    inverse = round((1 << _SCALE) / temperature)
    if prediction.ndim == 1:
        both = np.stack([(1 << _PRECISION) - prediction, prediction], axis=1)
        return np.ascontiguousarray(tempered(both, temperature)[:, 1])
    logs = _log2(prediction.astype(np.int64)) * inverse >> _SCALE
    logs -= logs.max(axis=1, keepdims=True)
    steps = np.maximum(logs, -_SPAN << _FRACTION) * EXP2_STEPS >> _FRACTION
    weights = exp2_table(-_SPAN * EXP2_STEPS, 0)[steps + _SPAN * EXP2_STEPS]
    size = prediction.shape[1]
    free = (1 << _PRECISION) - size
    rows = 1 + weights * free // weights.sum(axis=1, keepdims=True)
    rows[np.arange(len(rows)), rows.argmax(axis=1)] += (1 << _PRECISION) - rows.sum(axis=1)
    made: NDArray[np.int32] = rows.astype(np.int32)
    return made


def _log2(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """log2 of integers 1..2**24 in units of 2**-16, rounded down."""
    whole = np.zeros_like(x)
    for bits in (16, 8, 4, 2, 1):
        larger = (x >> whole) >= (1 << bits)
        whole += np.where(larger, bits, 0)
    mantissa = x << (30 - whole)  # 1 .. 2 in units of 2**-30
    log = whole
    for _ in range(_FRACTION):
        mantissa = mantissa * mantissa >> 30
        carried = mantissa >> 31
        mantissa >>= carried
        log = log << 1 | carried
    return log
