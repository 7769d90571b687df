"""Subframes of FLAC (RFC 9639, section 9.2), read and written by functions that face each other.

Reading gives the samples of one channel and fields: what an encoder chose. Fields go to four streams, for each has its
own statistics: frame headers, kinds of subframes, coefficients, Rice parameters (as differences from the parameter that
the residuals suggest, which is what most encoders take). Writing computes the residuals again from the samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from arzip.compiled import Integer, compiled
from arzip.formats.flac.bits import get, get_signed, put, put_unary, unary

__all__ = ["COEFFICIENTS", "HEADERS", "KINDS", "PARAMETERS", "STREAMS", "read_subframe", "take", "write_subframe"]

HEADERS, KINDS, COEFFICIENTS, PARAMETERS, STREAMS = 0, 1, 2, 3, 4
_CONSTANT, _VERBATIM, _FIXED, _LPC = 0, 1, 8, 32
_FAILED = -1


@compiled
def _note(fields: Any, counts: Any, stream: Integer, value: Integer) -> None:
    """Append a field; what does not fit is dropped, and the proof of the file will find out."""
    if counts[stream] < fields.shape[1]:
        fields[stream, counts[stream]] = value
        counts[stream] += 1


@compiled
def take(fields: Any, counts: Any, stream: Integer) -> Integer:
    """The next field of a stream; 0 when damaged data ask for too many."""
    value = np.int64(0)
    if counts[stream] < fields.shape[1]:
        value = np.int64(fields[stream, counts[stream]])
        counts[stream] += 1
    return value


@compiled
def _fixed_weights(order: Integer, weights: Any) -> None:
    """The fixed predictors are those of polynomials: binomial coefficients with changing signs."""
    value = np.int64(1)
    for i in range(order):
        value = value * (order - i) // (i + 1)
        weights[i] = value if i % 2 == 0 else -value


@compiled
def _predicted(x: Any, t: Integer, weights: Any, order: Integer, shift: Integer) -> Integer:
    total = np.int64(0)
    for i in range(order):
        total += weights[i] * x[t - 1 - i]
    return total >> shift


@compiled
def _suggested(total: Integer, count: Integer) -> Integer:
    """The Rice parameter for `count` residuals whose absolute values sum to `total`."""
    k = np.int64(0)
    while k < 30 and count << k < total:
        k += 1
    return k


@compiled
def _read_residual(
    data: Any, at: Integer, end: Integer, x: Any, size: Integer, order: Integer, weights: Any, shift: Integer,
    fields: Any, counts: Any,
) -> Integer:  # fmt: skip
    method, parts_log = get(data, at, 2), get(data, at + 2, 4)
    at += 6
    _note(fields, counts, KINDS, method << 4 | parts_log)
    length = size >> parts_log
    if method > 1 or length << parts_log != size or length < order:
        return np.int64(_FAILED)
    wide = 4 + method
    escape = (1 << wide) - 1
    t = order
    for part in range(1 << parts_log):
        if at > end:
            return np.int64(_FAILED)
        k = get(data, at, wide)
        at += wide
        raw = np.int64(0)
        if k == escape:
            raw = get(data, at, 5)
            at += 5
        first, total = t, np.int64(0)
        while t < (part + 1) * length:
            if k == escape:
                residual = get_signed(data, at, raw)
                at += raw
            else:
                high = unary(data, at, end)
                at += high + 1
                if at + k > end:
                    return np.int64(_FAILED)
                folded = high << k | get(data, at, k)
                at += k
                residual = folded >> 1 if folded & 1 == 0 else -(folded >> 1) - 1
            if at > end:
                return np.int64(_FAILED)
            total += abs(residual)
            x[t] = residual + _predicted(x, t, weights, order, shift)
            t += 1
        if k == escape:
            _note(fields, counts, PARAMETERS, 1000 + raw)
        else:
            _note(fields, counts, PARAMETERS, k - _suggested(total, t - first))
    return at


@compiled
def _write_residual(
    out: Any, at: Integer, x: Any, size: Integer, order: Integer, weights: Any, shift: Integer,
    fields: Any, counts: Any, residuals: Any,
) -> Integer:  # fmt: skip
    kind = take(fields, counts, KINDS)
    method, parts_log = kind >> 4 & 1, kind & 15
    at = put(out, at, kind, 6)
    length = size >> parts_log
    wide = 4 + method
    t = order
    for part in range(1 << parts_log):
        first, total = t, np.int64(0)
        while t < (part + 1) * length:
            residuals[t] = x[t] - _predicted(x, t, weights, order, shift)
            total += abs(residuals[t])
            t += 1
        k = take(fields, counts, PARAMETERS)
        if k >= 1000:
            raw = min(k - 1000, 31)
            at = put(out, put(out, at, (1 << wide) - 1, wide), raw, 5)
            for i in range(first, t):
                at = put(out, at, residuals[i], raw)
            continue
        k = min(max(k + _suggested(total, t - first), 0), 30)
        at = put(out, at, k, wide)
        for i in range(first, t):
            folded = residuals[i] << 1 if residuals[i] >= 0 else (-residuals[i] << 1) - 1
            if at + (folded >> k) + 64 > out.shape[0] << 3:
                return np.int64(_FAILED)
            at = put(out, put_unary(out, at, folded >> k), folded, k)
    return at


@compiled
def read_subframe(
    data: Any, at: Integer, end: Integer, x: Any, size: Integer, bits: Integer, weights: Any, fields: Any, counts: Any
) -> Integer:
    """Samples x [size] of `bits` bits from a position on; the position after them, or -1."""
    kind = get(data, at, 8)
    at += 8
    wasted = np.int64(0)
    if kind & 1:
        wasted = unary(data, at, end) + 1
        at += wasted
    kind >>= 1
    bits -= wasted
    _note(fields, counts, KINDS, kind)
    _note(fields, counts, KINDS, wasted)
    if bits < 1 or kind >= 64 or at > end:
        return np.int64(_FAILED)
    if kind == _CONSTANT:
        x[0] = get_signed(data, at, bits)
        at += bits
        for t in range(1, size):
            x[t] = x[0]
    elif kind == _VERBATIM:
        if at + size * bits > end:
            return np.int64(_FAILED)
        for t in range(size):
            x[t] = get_signed(data, at, bits)
            at += bits
    elif _FIXED <= kind <= _FIXED + 4 or kind >= _LPC:
        order = kind - _FIXED if kind < _LPC else kind - _LPC + 1
        if order > size or at + order * bits > end:
            return np.int64(_FAILED)
        for t in range(order):
            x[t] = get_signed(data, at, bits)
            at += bits
        shift = np.int64(0)
        if kind < _LPC:
            _fixed_weights(order, weights)
        else:
            precision, shift = get(data, at, 4) + 1, get_signed(data, at + 4, 5)
            at += 9
            _note(fields, counts, KINDS, precision)
            _note(fields, counts, KINDS, shift)
            if shift < 0 or at + order * precision > end:
                return np.int64(_FAILED)
            for i in range(order):
                weights[i] = get_signed(data, at, precision)
                at += precision
                _note(fields, counts, COEFFICIENTS, weights[i])
        at = _read_residual(data, at, end, x, size, order, weights, shift, fields, counts)
    else:
        return np.int64(_FAILED)
    for t in range(size):
        x[t] <<= wasted
    return at


@compiled
def write_subframe(
    out: Any, at: Integer, x: Any, size: Integer, bits: Integer, weights: Any, fields: Any, counts: Any, residuals: Any
) -> Integer:
    """The inverse of `read_subframe`; x is shifted in place. The position after it, or -1 where `out` is too small."""
    kind, wasted = take(fields, counts, KINDS) & 63, take(fields, counts, KINDS)
    if (size + 64) * 40 + at > out.shape[0] << 3 or not 0 <= wasted < bits:
        return np.int64(_FAILED)
    at = put(out, at, kind << 1 | (1 if wasted > 0 else 0), 8)
    if wasted > 0:
        at = put_unary(out, at, wasted - 1)
    bits -= wasted
    for t in range(size):
        x[t] >>= wasted
    if kind == _CONSTANT:
        return put(out, at, x[0], bits)
    if kind == _VERBATIM:
        for t in range(size):
            at = put(out, at, x[t], bits)
        return at
    order = kind - _FIXED if kind < _LPC else kind - _LPC + 1
    if not 0 <= order <= size:
        return np.int64(_FAILED)
    for t in range(order):
        at = put(out, at, x[t], bits)
    shift = np.int64(0)
    if kind < _LPC:
        _fixed_weights(order, weights)
    else:
        precision, shift = take(fields, counts, KINDS), take(fields, counts, KINDS)
        if not 1 <= precision <= 16 or not 0 <= shift <= 15:
            return np.int64(_FAILED)
        at = put(out, put(out, at, precision - 1, 4), shift, 5)
        for i in range(order):
            weights[i] = take(fields, counts, COEFFICIENTS)
            at = put(out, at, weights[i], precision)
    return _write_residual(out, at, x, size, order, weights, shift, fields, counts, residuals)
