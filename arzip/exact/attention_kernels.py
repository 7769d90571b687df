"""Causal attention in integers, compiled; no torch here.

Lanes lie innermost, in blocks that fill vector registers: what runs over a head's few channels would not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.lookup import EXP2_STEPS, exp2_table

__all__ = ["BLOCK", "SCORE_POINT", "attend", "weight_table"]

BLOCK = 64  # lanes of a block
SCORE_POINT = 16  # of products of queries with keys, in octaves
_STEP_BITS = 7  # entries of the table of weights: 128 to the octave
_DROPPED = SCORE_POINT - _STEP_BITS
_HALF = 1 << (_DROPPED - 1)


def weight_table(bits: int) -> NDArray[np.int32]:
    """2**(bits - i / 128), rounded, for i = 0, 1, .. until nothing is left: by interpolation between exact entries."""
    between = (1 << _STEP_BITS) // EXP2_STEPS
    octaves = bits + 2
    coarse = [int(v) for v in exp2_table(-octaves * EXP2_STEPS, 0)[::-1]]
    fine = []
    for i in range(octaves << _STEP_BITS):
        at, rest = divmod(i, between)
        value = coarse[at] * (between - rest) + coarse[at + 1] * rest
        shift = 30 - bits + between.bit_length() - 1
        fine.append((value + (1 << (shift - 1))) >> shift)
    return np.array([*fine, 0], dtype=np.int32)


@inlined
def _stored(new: NDArray[Any], i: Integer, lanes: Integer, row: NDArray[Any]) -> None:
    """row int16 [C, BLOCK] = position i of new [N, t, C]."""
    for n in range(lanes):
        source = new[n, i]
        for c in range(source.shape[0]):
            row[c, n] = np.int16(source[c])


@inlined
def _scores(
    query: NDArray[Any], keys: NDArray[Any], channel: Integer, bias: NDArray[Any], count: Integer, s: NDArray[Any]
) -> None:
    """s int32 [count, BLOCK] = bias + query . keys of one head; query int32 [K, BLOCK], keys int16 [T, C, BLOCK]."""
    for j in range(count):
        row = s[j]
        row[:] = bias[j]
        for c in range(query.shape[0]):
            q, k = query[c], keys[j, channel + c]
            for n in range(row.shape[0]):  # 32 bits on purpose, here and below: `CausalAttention` proves that they hold
                row[n] = np.int32(row[n] + np.int32(q[n] * np.int32(k[n])))


@inlined
def _weights(s: NDArray[Any], count: Integer, table: NDArray[Any], top: NDArray[Any], total: NDArray[Any]) -> None:
    """Scores become weights 2**score, the largest 2**bits; total int32 [BLOCK] is their sum."""
    last = table.shape[0] - 1
    top[:] = -(1 << 31)
    for j in range(count):
        row = s[j]
        for n in range(row.shape[0]):
            top[n] = max(top[n], row[n])
    total[:] = 0
    for j in range(count):
        row = s[j]
        for n in range(row.shape[0]):
            row[n] = min(np.int32(top[n] - row[n] + _HALF) >> np.int32(_DROPPED), last)
        for n in range(row.shape[0]):
            row[n] = table[row[n]]
        for n in range(row.shape[0]):
            total[n] = np.int32(total[n] + row[n])


@inlined
def _means(
    w: NDArray[Any], values: NDArray[Any], channel: Integer, count: Integer, total: NDArray[Any], sums: NDArray[Any]
) -> None:
    """sums int32 [V, BLOCK] = round(w . values / total) of one head."""
    sums[:] = 0
    for j in range(count):
        weight = w[j]
        for c in range(sums.shape[0]):
            into, v = sums[c], values[j, channel + c]
            for n in range(into.shape[0]):
                into[n] = np.int32(into[n] + np.int32(weight[n] * np.int32(v[n])))
    for c in range(sums.shape[0]):
        into = sums[c]
        for n in range(into.shape[0]):
            # In doubles, for those divide side by side. A mean is below 2**15 and, where it is no integer, at least
            # 2**-32 away from the next one, while a quotient is rounded by 2**-38 at most: its floor is right.
            into[n] = np.int32(np.floor((2.0 * into[n] + total[n]) / (2.0 * total[n])))


@compiled
def attend(
    q: NDArray[Any],
    k: NDArray[Any],
    v: NDArray[Any],
    first: Integer,
    bias: NDArray[Any],
    table: NDArray[Any],
    keys: NDArray[Any],
    values: NDArray[Any],
    scratch: tuple[NDArray[Any], ...],
    y: NDArray[Any],
) -> None:
    """Positions first, first + 1, .. of all lanes look at themselves and at all before them.

    q, k [N, t, H K], v and y [N, t, H V]: integers in fp32. bias int32 [H, T, T] at SCORE_POINT. keys int16
    [blocks, T, H K, BLOCK] and values hold the positions before `first` and are filled on. scratch: int32 [K, BLOCK],
    [T, BLOCK], [2, BLOCK], [V, BLOCK].
    """
    query, s, ends, sums = scratch
    heads, key, value = bias.shape[0], query.shape[0], sums.shape[0]
    for block in range(keys.shape[0]):
        n0 = block * BLOCK
        lanes = min(BLOCK, q.shape[0] - n0)
        for i in range(q.shape[1]):
            at = first + i
            _stored(k[n0:], i, lanes, keys[block, at])
            _stored(v[n0:], i, lanes, values[block, at])
            for h in range(heads):
                for n in range(lanes):
                    for c in range(key):
                        query[c, n] = np.int32(q[n0 + n, i, h * key + c])
                _scores(query, keys[block], h * key, bias[h, at], at + 1, s)
                _weights(s, at + 1, table, ends[0], ends[1])
                _means(s, values[block], h * value, at + 1, ends[1], sums)
                for n in range(lanes):
                    for c in range(value):
                        y[n0 + n, i, h * value + c] = sums[c, n]
