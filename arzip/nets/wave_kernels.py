"""WaveNet one sample at a time: all blocks of all lanes in one compiled pass.

The numbers are the integers of the parallel reading, held in fp32 below 2**24, so that products may be summed in any
order. Lane by lane, because a lane's inputs and sums stay in the nearest cache; inner loops run over outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.gates import unit

__all__ = ["companded", "wave_step"]


@inlined
def _class_of(v: Integer, depth: Integer) -> Integer:
    """0..255 around 128: of 8 bits the values themselves, of 16 bits eight steps to the octave."""
    if depth == 8:
        return min(max(v, -128), 127) + 128
    size = min(abs(v), 65535) + 8
    octave = 0
    while size >> octave > 15:
        octave += 1
    step = 8 * octave + (size >> octave) - 8
    return 128 - step if v < 0 else 128 + step


@compiled
def companded(now: NDArray[Any], before: NDArray[Any], depth: Integer, found: NDArray[Any]) -> None:
    """Classes int64 [N, 2] of samples [N], and of their changes from those before them."""
    for n in range(now.shape[0]):
        found[n, 0] = _class_of(np.int64(now[n]), depth)
        found[n, 1] = _class_of(np.int64(now[n]) - np.int64(before[n]), depth)


@inlined
def _accumulate(x: NDArray[Any], weight: NDArray[Any], sums: NDArray[Any]) -> None:
    """sums [O] += x [I] @ weight [I, O]; four inputs at once, I a multiple of four or not."""
    inputs, outputs = weight.shape
    i = 0
    while i + 4 <= inputs:
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        wa, wb, wc, wd = weight[i], weight[i + 1], weight[i + 2], weight[i + 3]
        for j in range(outputs):
            sums[j] += a * wa[j] + b * wb[j] + (c * wc[j] + d * wd[j])
        i += 4
    while i < inputs:
        a, wa = x[i], weight[i]
        for j in range(outputs):
            sums[j] += a * wa[j]
        i += 1


@inlined
def _round(sums: NDArray[Any], bias: NDArray[Any], scale: NDArray[Any], low: Integer, high: Integer) -> None:
    """sums [O] = clamp(floor((sums + bias) * scale + 1/2))."""
    half, floor, ceiling = np.float32(0.5), np.float32(low), np.float32(high)
    for j in range(sums.shape[0]):
        sums[j] = min(max(np.floor((sums[j] + bias[j]) * scale[j] + half), floor), ceiling)


@compiled
def wave_step(
    front: Integer,
    distances: NDArray[Any],
    entering: NDArray[Any],
    ring: NDArray[Any],
    tables: Any,
    gates: Any,
    out: Any,
    collect: Any,
    middle: Any,
    ranges: NDArray[Any],
    scratch: Any,
    hidden: NDArray[Any],
) -> None:
    """What the head is given for the next sample, int16 [L, hidden].

    entering int64 [L, 2]: classes; ring [L, sum of distances, R]: inputs of each block's last samples, renewed.
    tables: two, [256, R]; the others are matrix, bias and scale of the gates [B, 2 R, 2 U], of what goes on to the next
    block [B - 1, U, R], of the skips [B, U, S] and of the middle layer [S, hidden]. ranges int32 [4, 2]: low and high
    of sums, stream, skips, hidden. scratch: fp32 [R], [2 U], [U], [R], [S], [hidden].
    """
    x, sums, units, more, skips, last = scratch
    size = x.shape[0]
    low, high = np.float32(ranges[1, 0]), np.float32(ranges[1, 1])
    for n in range(entering.shape[0]):
        own, change = tables[0][entering[n, 0]], tables[1][entering[n, 1]]
        for j in range(size):
            x[j] = min(max(own[j] + change[j], low), high)
        at = 0
        skips[:] = 0
        for b in range(distances.shape[0]):
            earlier = ring[n, at + front % distances[b]]
            at += distances[b]
            sums[:] = 0
            _accumulate(earlier, gates[0][b, :size], sums)
            _accumulate(x, gates[0][b, size:], sums)
            _round(sums, gates[1][b], gates[2][b], ranges[0, 0], ranges[0, 1])
            for j in range(units.shape[0]):
                units[j] = unit(np.int64(sums[j]), np.int64(sums[units.shape[0] + j]))
            _accumulate(units, collect[0][b], skips)
            for j in range(size):
                earlier[j] = x[j]
            if b + 1 < distances.shape[0]:
                more[:] = 0
                _accumulate(units, out[0][b], more)
                _round(more, out[1][b], out[2][b], ranges[1, 0], ranges[1, 1])
                for j in range(size):
                    x[j] = min(max(x[j] + more[j], low), high)
        _round(skips, collect[1], collect[2], ranges[2, 0], ranges[2, 1])
        last[:] = 0
        _accumulate(skips, middle[0], last)
        _round(last, middle[1], middle[2], ranges[3, 0], ranges[3, 1])
        for j in range(last.shape[0]):
            hidden[n, j] = np.int16(last[j])
