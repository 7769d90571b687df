"""Code lengths in integers: a decoder may decide by them, where floats could differ from machine to machine.

    length = -log2 prod_d f_d / 2**24,   f_d: the frequency that was given to what happened, of 2**24

The product is kept as a mantissa of 31 bits and an exponent, rounded down after every factor; each squaring of the
mantissa brings one bit of its logarithm. A length says how likely an example is, to 1/32 bit: it never codes anything
by itself, so that it need not be better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.coding.coder import PRECISION
from arzip.compiled import compiled

__all__ = ["LENGTH_POINT", "ExactLengths"]

LENGTH_POINT = 5  # fractional bits of a length
_BITS = 30
_ONE = 1 << _BITS


class ExactLengths:
    """What so many examples have cost so far."""

    def __init__(self, lanes: int) -> None:
        self._mantissa = np.full(lanes, _ONE, np.int64)
        self._exponent = np.zeros(lanes, np.int64)

    def add(self, frequencies: NDArray[np.int32]) -> None:
        """One more symbol of every example: the frequencies that these had, 1 .. 2**24, [N]."""
        _multiply(frequencies, self._mantissa, self._exponent)

    def bits(self) -> NDArray[np.int64]:
        """Bits at LENGTH_POINT, [N]."""
        bits = np.empty_like(self._exponent)
        _logarithms(self._mantissa, self._exponent, bits)
        return bits


@compiled
def _multiply(frequencies: NDArray[Any], mantissa: NDArray[Any], exponent: NDArray[Any]) -> None:
    """mantissa / 2**(30 + exponent), mantissa in 2**30 .. 2**31 - 1, times frequencies / 2**24; all [N]."""
    for n in range(mantissa.shape[0]):
        product = mantissa[n] * np.int64(frequencies[n]) >> PRECISION
        while product < _ONE:
            product <<= 1
            exponent[n] += 1
        mantissa[n] = product


@compiled
def _logarithms(mantissa: NDArray[Any], exponent: NDArray[Any], bits: NDArray[Any]) -> None:
    """-log2 of mantissa / 2**(30 + exponent) at LENGTH_POINT, rounded up, all int64 [N]."""
    for n in range(mantissa.shape[0]):
        square, fraction = mantissa[n], 0
        for _ in range(LENGTH_POINT):
            square = square * square >> _BITS
            fraction <<= 1
            if square >= 2 * _ONE:
                square >>= 1
                fraction += 1
        bits[n] = (exponent[n] << LENGTH_POINT) - fraction
