"""Integer tables for exp2, the logistic function and reciprocal scales, computed without any float.

Library routines for exp differ between machines in the last bit, so the tables come from integer arithmetic alone:
Python's integers at 160 fractional bits, rounded once at the end. `tests/test_exact_lookup.py` pins their digests.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXP2_BITS", "EXP2_STEPS", "SIGMOID_BITS", "SIGMOID_LIMIT", "SIGMOID_STEPS", "exp2_table", "sigmoid_table"]

_BITS = 160
_ONE = 1 << _BITS

EXP2_STEPS = 32  # entries per octave
EXP2_BITS = 30  # 2**0 is 1 << 30
SIGMOID_STEPS = 32  # entries per unit of z; readers interpolate between them
SIGMOID_LIMIT = 24  # |z| at the ends of the table
SIGMOID_BITS = 30  # 1.0 is 1 << 30


def _exp_fraction(numerator: int, denominator: int) -> int:
    """exp(numerator / denominator) * 2**160 for a ratio in [-1, 1], by its Taylor series."""
    term, total, n = _ONE, _ONE, 1
    while term:
        # Truncation towards zero keeps the series symmetric and lets the loop end for negative ratios too.
        product = term * numerator
        term = abs(product) // (denominator * n) * (1 if product >= 0 else -1)
        total += term
        n += 1
    return total


def _nth_root_of_two(n: int) -> int:
    """2**(1/n) * 2**160 by integer bisection."""
    low, high = _ONE, 2 * _ONE
    target = 2 << (_BITS * n)
    while high - low > 1:
        middle = (low + high) >> 1
        if middle**n <= target:
            low = middle
        else:
            high = middle
    return low


def _rounded(value: int, bits: int) -> int:
    shift = _BITS - bits
    return (value + (1 << (shift - 1))) >> shift


@cache
def exp2_table(lowest: int, highest: int, bits: int = EXP2_BITS) -> NDArray[np.int64]:
    """2**(i / 32) * 2**bits for i = lowest..highest, rounded; int64 [highest - lowest + 1]."""
    root = _nth_root_of_two(EXP2_STEPS)
    fractions = [_ONE]
    for _ in range(EXP2_STEPS - 1):
        fractions.append(fractions[-1] * root >> _BITS)
    values = []
    for i in range(lowest, highest + 1):
        octave, step = divmod(i, EXP2_STEPS)
        value = fractions[step]
        values.append(_rounded(value << octave if octave >= 0 else value >> -octave, bits))
    return np.array(values, dtype=np.int64)


@cache
def sigmoid_table() -> NDArray[np.int64]:
    """1 / (1 + exp(-z)) * 2**30 at z = -24, -24 + 1/32, ..., 24 + 1/32; strictly rising where it can be."""
    step = _exp_fraction(-1, SIGMOID_STEPS)
    half = []  # z >= 0
    power = _ONE  # exp(-z)
    for _ in range(SIGMOID_LIMIT * SIGMOID_STEPS + 2):
        half.append(_rounded((_ONE << _BITS) // (_ONE + power), SIGMOID_BITS))
        power = power * step >> _BITS
    one = 1 << SIGMOID_BITS
    negative = [one - v for v in reversed(half[1:-1])]
    return np.array(negative + half, dtype=np.int64)
