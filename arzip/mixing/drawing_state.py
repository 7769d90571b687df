"""The drawing engine's memory: plain arrays, their layout, and how they begin.

A picture is held as whole pixels, all samples of one packed into an int64, on a canvas with margins, so that every
neighbour of a pixel is a fixed distance away in memory.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arzip.mixing.adaptive_maps import new_cells
from arzip.mixing.bit_histories import HISTORY_COUNTS
from arzip.mixing.nonlinear import SQUASH_FINE, STRETCH_LIMIT
from arzip.mixing.slots import new_slots

__all__ = ["DrawingState", "new_drawing_state"]

LEFT, RIGHT, TOP = 6, 6, 4  # margins of the canvas
# (dx, dy) of the neighbours, nearest first
NEIGHBOURS = (
    *((-1, 0), (0, -1), (1, -1), (-1, -1), (-2, 0), (0, -2), (2, -1), (-2, -1), (1, -2), (-1, -2)),
    *((-3, 0), (0, -3), (3, -1), (-3, -1), (2, -2), (-2, -2), (-4, 0), (1, -3), (-1, -3), (0, -4)),
    *((4, -1), (-4, -1), (3, -2), (-3, -2), (2, -3), (-2, -3), (-5, 0), (5, -1), (-5, -1), (4, -2)),
)
NEAR = len(NEIGHBOURS)

# Decisions of colours: "is the pixel other than this candidate?"
CANDIDATES = 7  # tried at most
NESTED = 11  # contexts of the first 0, 1, 2, ... neighbours; how many, by the pixel's width
SPARSE = 3  # contexts of a few neighbours that are no such prefix
CONTEXTS = NESTED + SPARSE
COLOUR_SLOTS = 4  # contexts that remember the last colours seen in them
MATCHES = 2
SHAPES = 3  # contexts of which neighbours equal which
SETS = 6  # weight rows that speak for each decision, in either family
CUTS_BITMAP = (3, 5, 7, 9, 11, 13, 16, 20, 24, 27, 30)
CUTS_COLOUR = (0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 20)
SLOT_CUTS = (2, 4, 8, 16)  # neighbours in the contexts of colour slots

HISTORY_INPUTS = 0
SLOT_INPUTS = HISTORY_INPUTS + CONTEXTS
MATCH_INPUTS = SLOT_INPUTS + COLOUR_SLOTS
SHAPE_INPUTS = MATCH_INPUTS + MATCHES
COLOUR_BIAS = SHAPE_INPUTS + SHAPES
COLOUR_CERTAINTIES = COLOUR_BIAS + 1  # histories again, as plain probabilities
COLOUR_INPUTS = 40

# Decisions of samples: the bits of one sample from the top, when no candidate was right
SAMPLE_CONTEXTS = 18
GUESSES = 11  # predicted values whose distance is a context
SAMPLE_GUESS_INPUTS = SAMPLE_CONTEXTS
SAMPLE_BIAS = SAMPLE_GUESS_INPUTS + GUESSES
SAMPLE_CERTAINTIES = SAMPLE_BIAS + 1
SAMPLE_INPUTS = 48

# cells, uint32
HISTORY_CELLS = 0
SLOT_CELLS = HISTORY_CELLS + CONTEXTS * 256
MATCH_CELLS = SLOT_CELLS + COLOUR_SLOTS * 256
SHAPE_CELLS = MATCH_CELLS + MATCHES * 1024
SAMPLE_CELLS = SHAPE_CELLS + SHAPES * 65536
GUESS_CELLS = SAMPLE_CELLS + SAMPLE_CONTEXTS * 256
FLAT_CELLS = GUESS_CELLS + GUESSES * 65536
CELLS = FLAT_CELLS + 64

# weights of colours, int32 [rows, COLOUR_INPUTS]
BY_RANK = 0  # candidate's rank, match class, outcomes around
BY_EQUAL = BY_RANK + 2048  # which neighbours equal the candidate
BY_KNOWN = BY_EQUAL + 512  # how many contexts are known, rank
BY_SLOTS = BY_KNOWN + 256  # where the slots have the candidate
BY_PAIRS = BY_SLOTS + 512  # which neighbours equal each other
BY_OUTCOME = BY_PAIRS + 512
FINAL = BY_OUTCOME + 512
COLOUR_ROWS = FINAL + 512

# weights of samples, int32 [rows, SAMPLE_INPUTS]
BY_LEVEL = 0
BY_ACTIVITY = BY_LEVEL + 128
BY_FAILED = BY_ACTIVITY + 512
BY_PARTIAL = BY_FAILED + 512
BY_AGREEMENT = BY_PARTIAL + 1024
BY_AROUND = BY_AGREEMENT + 512
SAMPLE_FINAL = BY_AROUND + 512
SAMPLE_ROWS = SAMPLE_FINAL + 128

# The mixers' rate falls from its first to its last value with the decisions made. Most pictures are short: it begins as
# fast as the mixer's bound on errors allows, 65536 * rate / 64 < 900,000.
MOST_RATE, BITMAP_RATE, LAST_RATE, RATE_DECISIONS = 870, 200, 100, 1 << 20

KNOTS = 49  # of a final map, each 128 / 256 of a stretched value, over -12 .. 12
COLOUR_MAPS, SAMPLE_MAPS = 3, 2
MAP_CONTEXTS = 4096

# work, int64
CHOSEN, BLENDS, OPINIONS = 0, SETS, 2 * SETS
MIXED = 3 * SETS
FINAL_ROW = MIXED + 1
MAP_CONTEXT = FINAL_ROW + 1
MAP_PLACE = MAP_CONTEXT + 4
PLACE, DECISIONS, SEEN, FIRST_RATE = range(MAP_PLACE + 4, MAP_PLACE + 8)  # progress
WIDTH, HEIGHT, CHANNELS, DEPTH, STRIDE, READING, MATCH_CUT, CUTS = range(FIRST_RATE + 1, FIRST_RATE + 9)
PREFIXES = CUTS + 1 + NESTED  # sums over the first n neighbours
HASHES = PREFIXES + NEAR + 1
SPOKEN = HASHES + CONTEXTS  # cells that spoke
PLACES = SPOKEN + COLOUR_INPUTS  # histories that spoke, and beside them the slots of samples
NEAR_PIXELS = PLACES + 2 * SAMPLE_CONTEXTS
SLOT_PLACES = NEAR_PIXELS + NEAR
TRIED = SLOT_PLACES + COLOUR_SLOTS  # candidates that were wrong
TRIES = TRIED + CANDIDATES
MATCH_PLACE = TRIES + 1
MATCH_LENGTH = MATCH_PLACE + MATCHES
MATCH_MISSES = MATCH_LENGTH + MATCHES
GUESSED = MATCH_MISSES + MATCHES
PAIRS = GUESSED + GUESSES  # which neighbours equal each other
SAMPLE_HASHES = PAIRS + 1
BLENDED = SAMPLE_HASHES + SAMPLE_CONTEXTS  # the other colour near by, and the pattern of the two
WORK = BLENDED + 2


class DrawingState(NamedTuple):
    """All arrays of one engine; their order is the kernels' argument order."""

    canvas: np.ndarray  # int64 [(TOP + H) * stride]
    offsets: np.ndarray  # int64 [NEAR]: distance to each neighbour on the canvas
    outcomes: np.ndarray  # uint8 [stride]: how each pixel of the last `width` was coded
    pointers: np.ndarray  # int64 [2, stride]: the last match in each column, and its length
    slots: np.ndarray  # int64 [n, 4]: three colours and a tag, by context
    partners: np.ndarray  # int64 [1024]: the last new colour beside a colour, by its hash
    found: np.ndarray  # int32 [2^k]: where a hashed neighbourhood was seen last
    histories: np.ndarray  # uint16: check and bit history, by context and candidate
    sample_slots: np.ndarray  # uint8: `slots`, for samples
    cells: np.ndarray  # uint32
    knots: np.ndarray  # uint32: final maps
    colour_inputs: np.ndarray  # int32 [1, COLOUR_INPUTS]
    colour_weights: np.ndarray
    sample_inputs: np.ndarray  # int32 [1, SAMPLE_INPUTS]
    sample_weights: np.ndarray
    work: np.ndarray  # int64 [WORK]


def _first_cells() -> np.ndarray:
    """Cells as they begin: histories by their counts."""
    cells = new_cells(CELLS)
    zeros, ones = HISTORY_COUNTS[:, 0].astype(np.int64), HISTORY_COUNTS[:, 1].astype(np.int64)
    probability = ((5 * ones + 2) << 22) // (5 * (zeros + ones) + 4)
    first = (probability << 10).astype(np.uint32)
    cells[:SLOT_CELLS] = np.tile(first, CONTEXTS)
    cells[SAMPLE_CELLS:GUESS_CELLS] = np.tile(first, SAMPLE_CONTEXTS)
    return cells


def _first_knots() -> np.ndarray:
    """Final maps at the identity, uint32 cells with some experience."""
    knots = SQUASH_FINE[np.minimum(np.arange(-3072, 3073, 128) + STRETCH_LIMIT + 1, 6143)].astype(np.int64)
    cell = (np.minimum(knots >> 2, (1 << 22) - 1) << 10 | 6).astype(np.uint32)
    return np.tile(cell, (COLOUR_MAPS + SAMPLE_MAPS) * MAP_CONTEXTS + 1)


def _first_weights(rows: int, final: int, inputs: int, used: int) -> np.ndarray:
    """Every input speaks a little; the final mixer takes the mean."""
    weights = np.zeros((rows, inputs), np.int32)
    weights[:final, :used] = 65536 // 9
    weights[final:, :SETS] = 65536 // SETS
    return weights


def new_drawing_state(height: int, width: int, channels: int, *, depth: int) -> DrawingState:
    """Return the arrays of an engine that has seen nothing, for a picture [height, width, channels]."""
    stride = width + LEFT + RIGHT
    size_bits = max((height * width).bit_length(), 8)
    work = np.zeros(WORK, np.int64)
    work[WIDTH : READING + 1] = width, height, channels, depth, stride, 0
    work[CUTS : CUTS + NESTED] = CUTS_BITMAP if channels * depth <= 2 else CUTS_COLOUR
    work[FIRST_RATE] = BITMAP_RATE if channels * depth <= 2 else MOST_RATE
    work[MATCH_CUT] = 30 if channels * depth <= 2 else 20
    return DrawingState(
        canvas=np.zeros((TOP + height) * stride + RIGHT, np.int64),
        offsets=np.array([dx + dy * stride for dx, dy in NEIGHBOURS], np.int64),
        outcomes=np.zeros(stride, np.uint8),
        pointers=np.zeros((2, stride), np.int64),
        slots=np.zeros((1 << min(max(size_bits - 1, 10), 20), 4), np.int64),
        partners=np.zeros(1024, np.int64),
        found=np.zeros(1 << min(size_bits, 22), np.int32),
        histories=np.zeros(1 << min(max(size_bits + 2, 14), 23), np.uint16),
        sample_slots=new_slots(min(max(size_bits - 3, 8), 18)),
        cells=_first_cells(),
        knots=_first_knots(),
        colour_inputs=np.zeros((1, COLOUR_INPUTS), np.int32),
        colour_weights=_first_weights(COLOUR_ROWS, FINAL, COLOUR_INPUTS, COLOUR_BIAS),
        sample_inputs=np.zeros((1, SAMPLE_INPUTS), np.int32),
        sample_weights=_first_weights(SAMPLE_ROWS, SAMPLE_FINAL, SAMPLE_INPUTS, SAMPLE_BIAS),
        work=work,
    )


def packed(block: NDArray[np.uint8 | np.uint16], depth: int) -> NDArray[np.int64]:
    """Pixels int64 [H, W] of a block [H, W, C], the first sample in the lowest bits."""
    pixels = np.zeros(block.shape[:2], np.uint64)
    for channel in range(block.shape[2]):
        pixels |= block[:, :, channel].astype(np.uint64) << np.uint64(channel * depth)
    return pixels.view(np.int64)
