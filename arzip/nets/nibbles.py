"""Samples as two symbols of four bits under mixtures of logistics: the exact kernels between a net and the coder.

A sample of 8 bits is coded as its high nibble, then its low nibble, each by a row of 16 frequencies that sum to 2**24.
Two rows cost the coder a fifth of what eight binary decisions would, and full rows of 256 eight times the work.
`predict_all` (encoding, every sample known) and `open_samples`, `next_rows`, `take` (decoding) call the same functions.

A net's outputs are int32 [F, first + 3 K] at binary point 5: from `first` on K logits, K means relative to the sample's
base, K log2 scales; bases are int32 [F] at the same point.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from arzip.compiled import allocating
from arzip.exact.logistic import cumulative, mixture
from arzip.exact.rows import TOTAL, row_of

__all__ = ["HALVES", "LEVELS", "SYMBOLS", "distribution", "next_rows", "open_samples", "predict_all", "take"]

HALVES = 2  # symbols of a sample
SYMBOLS = 16  # values of each
LEVELS = SYMBOLS**HALVES


@allocating
def _open(outputs: NDArray[Any], first: int, base: int, mix: NDArray[Any]) -> None:
    """The mixture of one sample: mix int64 [3, K] = means, weights, reciprocal scales."""
    components = mix.shape[1]
    mixture(outputs, first, components, mix[1], mix[2])
    for k in range(components):
        mix[0, k] = base + outputs[first + components + k]


@allocating
def _row(mix: NDArray[Any], low: int, half: int, edges: NDArray[Any], row: NDArray[Any]) -> None:
    """The row of a nibble: `low` is the smallest sample still possible, `half` 0 for the high nibble."""
    step = SYMBOLS if half == 0 else 1
    for i in range(SYMBOLS + 1):
        edges[i] = cumulative(low + i * step, LEVELS, mix[0], mix[1], mix[2])
    row_of(edges, row)


@allocating
def predict_all(
    outputs: NDArray[Any],
    first: int,
    base: NDArray[Any],
    samples: NDArray[Any],
    colour: int,
    starts: NDArray[Any],
    colours: int,
    scratch: tuple[NDArray[Any], NDArray[Any]],
    rows: NDArray[Any],
    x: NDArray[Any],
) -> None:
    """Every row of one colour of consecutive whole fronts, written where decoding will ask for it.

    starts [fronts + 1] delimits the fronts among the N pixels; rows int32 [N * colours * 2, 16] and x int32 [...] are
    ordered by front, colour, half, pixel. samples int32 [N] are the true values of this colour. scratch is int64 [3, K]
    and int64 [17].
    """
    mix, edges = scratch
    for f in range(starts.shape[0] - 1):
        begin, size = starts[f], starts[f + 1] - starts[f]
        place = begin * colours * HALVES + size * colour * HALVES
        for i in range(size):
            n = begin + i
            _open(outputs[n], first, base[n], mix)
            high = samples[n] // SYMBOLS
            _row(mix, 0, 0, edges, rows[place + i])
            _row(mix, high * SYMBOLS, 1, edges, rows[place + size + i])
            x[place + i] = high
            x[place + size + i] = samples[n] % SYMBOLS


@allocating
def open_samples(outputs: NDArray[Any], first: int, base: NDArray[Any], mixes: NDArray[Any]) -> None:
    """Starts one colour of a front: mixes int64 [F, 3, K]."""
    for i in range(outputs.shape[0]):
        _open(outputs[i], first, base[i], mixes[i])


@allocating
def next_rows(mixes: NDArray[Any], low: NDArray[Any], half: int, edges: NDArray[Any], rows: NDArray[Any]) -> None:
    """The rows int32 [F, 16] of the front's next nibbles; low int32 [F] is what is known of the samples."""
    for i in range(rows.shape[0]):
        _row(mixes[i], low[i], half, edges, rows[i])


@allocating
def take(low: NDArray[Any], x: NDArray[Any], half: int) -> None:
    """Adds the nibbles that were read to what is known of the samples."""
    for i in range(x.shape[0]):
        low[i] += x[i] * SYMBOLS if half == 0 else x[i]


@allocating
def distribution(
    outputs: NDArray[Any],
    first: int,
    base: NDArray[Any],
    scratch: tuple[NDArray[Any], NDArray[Any]],
    high: NDArray[Any],
    low: NDArray[Any],
    full: NDArray[Any],
) -> None:
    """The probabilities of all 256 values that the two rows amount to, float64 [F, 256]: for study, not for coding.

    high and low are int32 [16] to work in.
    """
    mix, edges = scratch
    for n in range(outputs.shape[0]):
        _open(outputs[n], first, base[n], mix)
        _row(mix, 0, 0, edges, high)
        for i in range(SYMBOLS):
            _row(mix, i * SYMBOLS, 1, edges, low)
            for j in range(SYMBOLS):
                full[n, i * SYMBOLS + j] = high[i] / TOTAL * (low[j] / TOTAL)
