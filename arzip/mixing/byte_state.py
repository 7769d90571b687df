"""The byte engine's memory: plain arrays, their layout, and how they begin.

Everything the engine knows is in these arrays; the kernels of `byte_kernel` carve them by the constants here.
"""

from typing import NamedTuple

import numpy as np

from arzip.mixing.adaptive_maps import new_cells, new_refining_map
from arzip.mixing.bit_histories import HISTORY_COUNTS
from arzip.mixing.byte_contexts import (
    CONTEXTS,
    FIELDS,
    LANE_FIELDS,
    LANE_LENGTH,
    LINE,
    LINE_ABOVE,
    PAIRS,
    SEEN,
    SHARED_FIELDS,
    START,
)
from arzip.mixing.match_model import EXPECTED, LENGTH_CLASSES, MATCH_FIELDS, POINTER
from arzip.mixing.slots import new_slots
from arzip.mixing.text_contexts import ALL_CONTEXTS, TEXT_CONTEXTS, TEXT_FIELDS

__all__ = ["MOST_PRIORS", "PRIOR_CLASSES", "ByteState", "Primer", "new_byte_state"]

MATCHES = 2  # match models: one that takes short matches, one that insists on long ones
RUNNERS = 4  # contexts whose last byte is an input of its own
FIRST_RUNNER = 3
DIRECT = 2  # contexts of bits, looked up in cells without a hash check
SELECTORS = 6  # weight rows that speak for each bit, beside one a prior,
TEXT_SELECTORS = 2  # and those of texts
MOST_PRIORS = 4
MOST_SPEAKERS = SELECTORS + MOST_PRIORS + TEXT_SELECTORS
NET_PRIORS = 2  # what a net says: as it was trained, and as it goes on learning
PRIOR_CLASSES = 64
REFINERS = 3
REFINER_CONTEXTS = 65536  # of each final map

# rows, int64 [L, ROW_FIELDS]: what changes at byte boundaries
MATCH = LANE_FIELDS + TEXT_FIELDS
HASHES = MATCH + MATCHES * MATCH_FIELDS
PENDING = HASHES + ALL_CONTEXTS
ROW_FIELDS = PENDING + ALL_CONTEXTS

# work, int32 [L, WORK_FIELDS]: what every bit touches
BASES = 0  # each context's slot of this nibble
HISTORY_CELLS = BASES + ALL_CONTEXTS  # the cell each context spoke from
RUN_SLOTS = HISTORY_CELLS + ALL_CONTEXTS
RUN_SYMBOLS = RUN_SLOTS + RUNNERS  # guessed bytes behind a leading 1, or 0 for no guess
RUN_FIRST = RUN_SYMBOLS + RUNNERS  # first cell of the guess
RUN_CELLS_USED = RUN_FIRST + RUNNERS  # twice the cell that spoke, plus the guessed bit
MATCH_SYMBOLS = RUN_CELLS_USED + RUNNERS
MATCH_FIRST = MATCH_SYMBOLS + MATCHES
MATCH_CELLS_USED = MATCH_FIRST + MATCHES
MATCH_CLASS = MATCH_CELLS_USED + MATCHES
DIRECT_CELLS_USED = MATCH_CLASS + 1
CHOSEN = DIRECT_CELLS_USED + DIRECT  # the weight rows that spoke
OPINIONS = CHOSEN + MOST_SPEAKERS  # their probabilities
BLENDS = OPINIONS + MOST_SPEAKERS  # and the same stretched
MIXED = BLENDS + MOST_SPEAKERS
REFINED = MIXED + 2  # the knots that spoke
WORK_FIELDS = REFINED + REFINERS

# cells, uint32
SILENT = ALL_CONTEXTS << 8  # always at one half: what has nothing to say points here
RUN_CELLS = SILENT + 8  # a runner, run length 0 .. 15, bit
MATCH_CELLS = RUN_CELLS + RUNNERS * 128  # a model, length class, the last three misses
NARROW_CELLS = MATCH_CELLS + MATCHES * LENGTH_CLASSES * 8
WIDE_CELLS = NARROW_CELLS + 65536  # to the end of the array

# inputs, int32 [L, I]
CERTAINTY_INPUTS = CONTEXTS
RUN_INPUTS = CERTAINTY_INPUTS + CONTEXTS
MATCH_INPUTS = RUN_INPUTS + RUNNERS
DIRECT_INPUTS = MATCH_INPUTS + 2 * MATCHES
BIAS_INPUT = DIRECT_INPUTS + 2 * DIRECT
TEXT_INPUTS = BIAS_INPUT + 1  # of the further contexts of a primed engine, which say nothing of their certainty
PRIOR_INPUTS = TEXT_INPUTS + TEXT_CONTEXTS

# weights, int32 [rows, I]: match class and known orders; the partial byte; the byte before; the bit, known orders and
# word; the byte above; the byte before that; of texts, the classes of the last two bytes and the last mark; each
# prior's class; and last, the weights of the two final mixers
BY_MATCH = 0
BY_PARTIAL = BY_MATCH + LENGTH_CLASSES * 8
BY_LAST = BY_PARTIAL + 256
BY_KNOWN = BY_LAST + 256
BY_ABOVE = BY_KNOWN + 256
BY_SECOND = BY_ABOVE + 256
BY_CLASSES = BY_SECOND + 256
BY_MARK = BY_CLASSES + 256
BY_PRIOR = BY_MARK + 256
FINAL_ROWS = 256 + LENGTH_CLASSES * 8  # by the partial byte, and as BY_MATCH

PRIMED_BYTES = 80000  # what a primed engine is taken to have seen: its mixers move less
_ONE = 65536
_MOST_BITS, _MOST_PRIMED_BITS = 21, 22  # of slot tables


class ByteState(NamedTuple):
    """All arrays of one engine; their order is the kernels' argument order."""

    block: np.ndarray  # uint8 [n]: what is coded so far, in its place
    slots: np.ndarray  # uint8: hashed bit histories
    primer: np.ndarray  # uint8: those that new ones begin as; of no size without a primer
    rows: np.ndarray  # int64 [L, ROW_FIELDS]
    work: np.ndarray  # int32 [L, WORK_FIELDS]
    inputs: np.ndarray  # int32 [L, I]
    cells: np.ndarray  # uint32
    weights: np.ndarray  # int32 [rows, I]
    knots: np.ndarray  # uint16: final maps
    indirect: np.ndarray  # uint16 [65536]
    tables: np.ndarray  # int32 [MATCHES, 2^k]: where hashed strings were seen last
    pairs: np.ndarray  # int32 [L, 2, PAIRS]
    shared: np.ndarray  # int64 [SHARED_FIELDS]


def _first_cells(wide_bits: int) -> np.ndarray:
    """Cells as they begin: histories by their counts, guesses by their length."""
    cells = new_cells(WIDE_CELLS + (1 << wide_bits))
    zeros, ones = HISTORY_COUNTS[:, 0].astype(np.int64), HISTORY_COUNTS[:, 1].astype(np.int64)
    probability = ((5 * ones + 2) << 22) // (5 * (zeros + ones) + 4)
    cells[:SILENT] = np.tile((probability << 10).astype(np.uint32), ALL_CONTEXTS)
    run = np.arange(RUNNERS * 128, dtype=np.int64) // 8 % 16
    cells[RUN_CELLS:MATCH_CELLS] = (((4 * run + 4) << 22) // (4 * run + 5)) << 10
    length = np.arange(MATCHES * LENGTH_CLASSES * 8, dtype=np.int64) // 8 % LENGTH_CLASSES
    cells[MATCH_CELLS:NARROW_CELLS] = (((4 * length + 2) << 22) // (4 * length + 4)) << 10
    return cells


def _first_weights(priors: int, *, texts: bool) -> np.ndarray:
    """Weights as they begin: every stretched input speaks a little, the final mixer takes the mean."""
    final = BY_PRIOR + PRIOR_CLASSES * priors
    inputs = -(-(PRIOR_INPUTS + 2 * priors) // 32) * 32
    weights = np.zeros((final + FINAL_ROWS, inputs), np.int32)
    weights[:final, :CONTEXTS] = _ONE // 5
    weights[:final, MATCH_INPUTS:BIAS_INPUT:2] = _ONE // 5
    weights[:final, TEXT_INPUTS:PRIOR_INPUTS] = _ONE // 10
    weights[:final, PRIOR_INPUTS : PRIOR_INPUTS + 2 * priors : 2] = _ONE * 3 // 10
    speakers = SELECTORS + priors + (TEXT_SELECTORS if texts else 0)
    weights[final:, :speakers] = _ONE // speakers
    return weights


class Primer(NamedTuple):
    """What an engine learned from training texts, for others to begin with."""

    slots: np.ndarray  # uint8, a table of its own, as `new_slots` makes them
    cells: np.ndarray  # uint32 [WIDE_CELLS]
    weights: np.ndarray  # int32 [BY_PRIOR + FINAL_ROWS, PRIOR_INPUTS]
    beside_net: np.ndarray  # int32, the weights of an engine beside a net; of no size for a primer without
    beside_whole: np.ndarray  # int32, beside a net of which all goes on learning, likewise
    indirect: np.ndarray  # uint16 [65536]


def new_byte_state(
    size: int,
    *,
    lanes: int,
    priors: int,
    bucket_bits: int | None,
    primer: Primer | None = None,
    beside: np.ndarray | None = None,
) -> ByteState:
    """Return the arrays of an engine that has seen nothing, for a block of `size` bytes in `lanes` lanes.

    The slots take 64 * 2^bucket_bits bytes; by default enough for every context of the block to have its own, up to
    128 MiB, or 256 with a primer, with which the contexts of texts are looked up, too. `beside` are weights to begin
    with beside a net, of a primer's.
    """
    lane_length = max(-(-size // lanes), 1)
    if bucket_bits is None:
        contexts, most = (CONTEXTS, _MOST_BITS) if primer is None else (ALL_CONTEXTS, _MOST_PRIMED_BITS)
        bucket_bits = min(max((size * contexts).bit_length() - 1, 6), most)
    size_bits = min(max(size.bit_length(), 8), 21)
    rows = np.zeros((lanes, ROW_FIELDS), np.int64)
    rows[:, START] = np.minimum(np.arange(lanes) * lane_length, size)
    rows[:, LINE] = rows[:, LINE_ABOVE] = rows[:, START]
    rows[:, FIELDS:LANE_FIELDS] = rows[:, START, None]
    for model in range(MATCHES):
        rows[:, MATCH + model * MATCH_FIELDS + POINTER] = -1
        rows[:, MATCH + model * MATCH_FIELDS + EXPECTED] = -1
    shared = np.zeros(SHARED_FIELDS, np.int64)
    shared[LANE_LENGTH] = lane_length
    weights = _first_weights(priors, texts=primer is not None)
    cells = _first_cells(min(max(size_bits + 2, 12), 20))
    if primer is not None:
        cells[:WIDE_CELLS] = primer.cells
        if beside is not None and beside.size:
            weights[:, : PRIOR_INPUTS + 2 * NET_PRIORS] = beside
        else:
            weights[:BY_PRIOR, :PRIOR_INPUTS] = primer.weights[:BY_PRIOR]
            own = SELECTORS + priors  # what outside opinions say is not known beforehand
            weights[-FINAL_ROWS:, :SELECTORS] = primer.weights[BY_PRIOR:, :SELECTORS]
            weights[-FINAL_ROWS:, own : own + TEXT_SELECTORS] = primer.weights[
                BY_PRIOR:, SELECTORS : SELECTORS + TEXT_SELECTORS
            ]
        shared[SEEN] = PRIMED_BYTES
    return ByteState(
        block=np.zeros(size, np.uint8),
        slots=new_slots(bucket_bits),
        primer=primer.slots if primer is not None else np.zeros(0, np.uint8),
        rows=rows,
        work=np.zeros((lanes, WORK_FIELDS), np.int32),
        inputs=np.zeros((lanes, weights.shape[1]), np.int32),
        cells=cells,
        weights=weights,
        knots=new_refining_map(REFINERS * REFINER_CONTEXTS),
        indirect=primer.indirect.copy() if primer is not None else np.zeros(65536, np.uint16),
        tables=np.zeros((MATCHES, 1 << size_bits), np.int32),
        pairs=np.zeros((lanes, 2, PAIRS), np.int32),
        shared=shared,
    )
