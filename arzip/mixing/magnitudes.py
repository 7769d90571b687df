"""Sizes as logarithms: classes of differences and errors, a few instructions each.

No loop that halves a value until it is small: errors of neighbours differ, so a processor guesses wrongly where such a
loop ends. Those guesses once took a sixth of the picture engine's time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.cpython.unsafe import numbers as untyped_numbers

from arzip.compiled import Integer, inlined

__all__ = ["bit_length", "half_octaves", "signed_class"]

_leading_zeros: Any = untyped_numbers.leading_zeros


@inlined
def bit_length(value: Integer) -> Integer:
    """Bits of an int64 that is not negative: 0 of 0, 1 of 1, 2 of 2 and 3, and so on."""
    return np.int64(64) - np.int64(_leading_zeros(np.int64(value)))


@inlined
def half_octaves(value: Integer) -> Integer:
    """2 log2(value), rounded down in halves; 0 for values below 2."""
    octave = max(bit_length(max(value, np.int64(1))) - 1, np.int64(0))
    return 2 * octave + ((value >> max(octave - 1, np.int64(0))) & (octave > 0))


@inlined
def signed_class(value: Integer) -> Integer:
    """Sixteen classes of a difference: sign, and size up to 0, 1, 2, 4, 8, 16, 32, more."""
    size = abs(value)
    found = min(1 + bit_length(max(size - 1, np.int64(0))), np.int64(7)) * (size > 0)
    return found if value >= 0 else 15 - found
