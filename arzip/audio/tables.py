"""Tables of the audio engine: tails of two distributions, logit and its inverse, made by integer arithmetic alone.

All tables are float64 arrays whose entries are integers times a power of two, so they are the same on every machine;
between entries the functions interpolate linearly, in doubles.

    tail(shape, z)  P(X > z), z in mean absolute deviations; shapes LAPLACE and ROUND (the logistic distribution)
    logit(p)        ln(p / (1 - p))
    logistic(x)     1 / (1 + e^-x)
    OCTANTS[j]      the Laplace distribution's quantiles of |X| at j / 8, in mean absolute deviations
    OUTER[k]        further limits beyond the last of them, each about halving what is left, later less
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, Real, inlined

__all__ = ["LAPLACE", "OCTANTS", "OUTER", "ROUND", "logistic", "logit", "tail"]

LAPLACE, ROUND = 0, 1
_TAIL_STEPS = 32  # entries per mean absolute deviation
_TAIL_END = 24
_SPAN = 12
_LOGISTIC_STEPS = 64
_BITS = 200
_ONE = 1 << _BITS


def _exp(numerator: int, denominator: int) -> int:
    """e^(-numerator / denominator) * 2^200 for a non-negative ratio, by halving the argument and squaring back."""
    halvings = max(0, (numerator // denominator).bit_length() + 4)
    term = total = _ONE
    n = 0
    while term:
        n += 1
        term = term * numerator // (denominator * n << halvings)
        total += -term if n & 1 else term
    for _ in range(halvings):
        total = total * total >> _BITS
    return total


def _logarithms(highest: int) -> list[int]:
    """ln(n) * 2^200 for n = 0 .. highest (0 stands for ln 0), from ln(n) - ln(n - 1) = 2 atanh(1 / (2n - 1))."""
    values = [0, 0]
    for n in range(2, highest + 1):
        odd = 2 * n - 1
        power, total, k = _ONE // odd, 0, 1
        while power:
            total += power // k
            power //= odd * odd
            k += 2
        values.append(values[-1] + 2 * total)
    return values


def _real(value: int) -> float:
    """A fixed-point number at 2^-200 as a double: its top 60 bits at 2^-100, so that no library rounds it."""
    return (value >> 100) / float(1 << 100)


def _tails() -> NDArray[np.float64]:
    count = _TAIL_END * _TAIL_STEPS + 1
    out = np.empty((2, count))
    ln_two = _logarithms(2)[2]
    for i in range(count):
        out[LAPLACE, i] = _real(_exp(i, _TAIL_STEPS) >> 1)
        # The logistic distribution of scale s has the mean absolute deviation 2 s ln 2.
        odds = _exp(2 * i * ln_two, _TAIL_STEPS << _BITS)
        out[ROUND, i] = _real((odds << _BITS) // (_ONE + odds))
    return out


def _logit() -> NDArray[np.float64]:
    logs = _logarithms(8192)
    doubled = [1, *range(2, 8192, 2), 8191]
    return np.array([_signed(logs[n] - logs[8192 - n]) for n in doubled])


def _signed(value: int) -> float:
    return -_real(-value) if value < 0 else _real(value)


def _logistic() -> NDArray[np.float64]:
    half = []
    for i in range(_SPAN * _LOGISTIC_STEPS + 1):
        odds = _exp(i, _LOGISTIC_STEPS)
        half.append((_ONE << _BITS) // (_ONE + odds))
    return np.array([_real(_ONE - v) for v in half[:0:-1]] + [_real(v) for v in half])


def _octants() -> NDArray[np.float64]:
    logs = _logarithms(8)
    return np.array([_real(logs[8] - logs[8 - j]) for j in range(8)])


def _outer() -> NDArray[np.float64]:
    last = float(_octants()[7])
    limits = [last + 0.6875, last + 1.375]
    step = 1.375
    for _ in range(38):
        step = step * 1.375
        limits.append(last + step)
    return np.array(limits)


OCTANTS = _octants()
OUTER = _outer()
_TAILS = _tails()
_LOGIT = _logit()
_LOGISTIC = _logistic()


@inlined
def tail(shape: Integer, z: Real) -> Real:
    """P(X > z) for z >= 0 mean absolute deviations; 0 from 24 on, and for what is no number."""
    x = z * 32.0
    if not (x < 768.0):
        return 0.0
    i = np.uintp(x)
    here = _TAILS[shape, i]
    return here + (_TAILS[shape, i + np.uintp(1)] - here) * (x - np.float64(i))


@inlined
def logit(p: Real) -> Real:
    """ln(p / (1 - p)), flat within half a cell of 1 / 4096 of the ends."""
    x = p * 4096.0
    if not (x > 0.0):
        x = 0.0
    if x > 4095.99:
        x = 4095.99
    i = np.uintp(x)
    here = _LOGIT[i]
    return here + (_LOGIT[i + np.uintp(1)] - here) * (x - np.float64(i))


@inlined
def logistic(x: Real) -> Real:
    """1 / (1 + e^-x), flat beyond +-11.9."""
    if not (x > -11.9):
        x = -11.9
    if x > 11.9:
        x = 11.9
    y = (x + 12.0) * 64.0
    i = np.uintp(y)
    here = _LOGISTIC[i]
    return here + (_LOGISTIC[i + np.uintp(1)] - here) * (y - np.float64(i))
