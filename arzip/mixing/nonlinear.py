"""The logistic pair of the adaptive engines as integer tables: stretch(p) = ln(p / (1 - p)) and its inverse squash.

Units: a stretched value is an int in 1/256 (so 256 means odds of e to 1); probabilities are 16-bit ints, P(bit = 1) in
2^-16. Both tables are made at import by integer arithmetic alone (powers of e^(1/512) held with 160 fractional bits),
so they are the same on every machine.
"""

from functools import cache

import numpy as np

from arzip.compiled import Integer, inlined

__all__ = ["PROBABILITY_LIMIT", "SQUASH", "SQUASH_FINE", "STRETCH", "STRETCH_LIMIT", "squash", "squash_fine", "stretch"]

STRETCH_LIMIT = 3071  # squash is flat beyond: 1 / (1 + e^12) is less than half a unit of 2^-16
PROBABILITY_LIMIT = 65535  # the largest 16-bit probability; the smallest is 1

_FRACTION_BITS = 160


@cache
def _exponentials() -> list[int]:
    """Return e^(k / 512) in units of 2^-160 for k = 0 .. 2 * 3072, by repeated multiplication."""
    one = 1 << _FRACTION_BITS
    step = term = one
    for n in range(1, 40):
        term //= 512 * n
        step += term
    powers = [one]
    for _ in range(2 * (STRETCH_LIMIT + 1)):
        powers.append(powers[-1] * step >> _FRACTION_BITS)
    return powers


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Return (STRETCH int16 [4096], SQUASH int32 [6144]), both symmetric about their middle."""
    powers = _exponentials()
    one = 1 << _FRACTION_BITS
    squash_table = np.empty(2 * (STRETCH_LIMIT + 1), np.int32)
    for x in range(STRETCH_LIMIT + 1):
        odds = powers[2 * x]
        value = min((65536 * odds + (one + odds) // 2) // (one + odds), PROBABILITY_LIMIT)
        squash_table[STRETCH_LIMIT + 1 + x] = value
        squash_table[STRETCH_LIMIT + 1 - x] = 65536 - value
    squash_table[0] = 1
    stretch_table = np.empty(4096, np.int16)
    x = 0
    for k in range(2048, 4096):  # p = (2k + 1) / 8192, the middle of its cell; odds never fall as k rises
        odds = ((2 * k + 1) << _FRACTION_BITS) // (8191 - 2 * k)
        while x < STRETCH_LIMIT and powers[2 * x + 1] <= odds:
            x += 1
        stretch_table[k] = x
        stretch_table[4095 - k] = -x
    return stretch_table, squash_table


def _fine_squash() -> np.ndarray:
    """Return int32 [6144], as SQUASH but in 2^-24, for engines whose coder is fed more than 16 bits."""
    powers = _exponentials()
    one = 1 << _FRACTION_BITS
    table = np.empty(2 * (STRETCH_LIMIT + 1), np.int32)
    for x in range(STRETCH_LIMIT + 1):
        odds = powers[2 * x]
        value = ((odds << 24) + (one + odds) // 2) // (one + odds)
        table[STRETCH_LIMIT + 1 + x] = value
        table[STRETCH_LIMIT + 1 - x] = (1 << 24) - value
    table[0] = table[1]
    return table


STRETCH, SQUASH = _tables()
SQUASH_FINE = _fine_squash()


@inlined
def stretch(probability: Integer) -> Integer:
    """Stretched value in 1/256 of a 12-bit probability 0 .. 4095."""
    return np.int64(STRETCH[np.uintp(probability)])


@inlined
def squash(stretched: Integer) -> Integer:
    """Probability in 2^-16, within 1 .. 65535, of a stretched value of any size."""
    clipped = min(max(stretched, np.int64(-STRETCH_LIMIT)), np.int64(STRETCH_LIMIT))
    return np.int64(SQUASH[np.uintp(clipped + (STRETCH_LIMIT + 1))])


@inlined
def squash_fine(stretched: Integer) -> Integer:
    """Probability in 2^-24, within 103 .. 2^24 - 103, of a stretched value of any size."""
    clipped = min(max(stretched, np.int64(-STRETCH_LIMIT)), np.int64(STRETCH_LIMIT))
    return np.int64(SQUASH_FINE[np.uintp(clipped + (STRETCH_LIMIT + 1))])
