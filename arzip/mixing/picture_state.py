"""The picture engine's memory: plain arrays, their layout, and how they begin.

An expert is whoever gives a distribution of the next sample: the guides, and a net if there is one. Their blend is the
*centre* around which samples are binarised; its own errors are tracked like an expert's, since they say how wide the
tree of decisions has to be.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.mixing.adaptive_maps import new_refining_map
from arzip.mixing.guide import AFTER, BEFORE, UP, Guide
from arzip.mixing.prefetch import aligned_zeros

__all__ = ["CONTEXTS", "ENERGIES", "NODES", "SELECTORS", "PictureState", "new_picture_state"]

CONTEXTS = 14  # of counts
SELECTORS = 4  # weight rows that speak for each decision
ENERGIES = 64  # classes of local error, two an octave
NODES = 64  # places in the tree of a sample's decisions
LINE = 16  # cells, or weights, of a cache line
PLACES = 8  # the same, coarse
BIASES = 1024  # contexts of an expert's mean error
REFINERS = 2
REFINER_CONTEXTS = 1 << 16

# weights, int32 [rows, inputs]: by node and plane; by energy, width and place; by phase, plane, fraction of the centre
# and place; by the errors of planes and neighbours
BY_NODE = 0
BY_ENERGY = BY_NODE + NODES * 4
BY_PHASE = BY_ENERGY + (ENERGIES // 2) * 8 * PLACES
BY_ERRORS = BY_PHASE + 4 * 4 * 16 * PLACES
ROWS = BY_ERRORS + 16 * 16 * 4 * 4
# final, int32 [rows, SELECTORS]: by node and plane; by energy and place
FINAL_BY_ENERGY = NODES * 4
FINAL_ROWS = FINAL_BY_ENERGY + (ENERGIES // 2) * PLACES

# expected: mean in 1/32; how fast the argument of the logistic function rises (see picture_experts), for the centre its
# mean |error| in 1/64; class of energy; context of the mean error
MEAN, STEEPNESS, CLASS, BIAS = range(4)

# sample, of each row of a front: what is known about the sample that is being coded
THRESHOLD, WIDTH_BITS, ENERGY, PHASE_ROW, ERRORS_ROW, SAMPLE_FIELDS = range(6)

_ONE = 65536


class PictureState(NamedTuple):
    """All arrays of one engine for planes coded together: E experts, net included, of which S are guides.

    A front has F rows at most, of which all that is known before they are coded is laid down at once.
    """

    plane: np.ndarray  # int32: the guide's
    guided: np.ndarray  # int32 [H + UP, W + BEFORE + AFTER, C, S]: the guide's errors, in 1/32
    levels: np.ndarray  # int64 [2]: number of values, fractional bits of the floor under every value
    errors: np.ndarray  # int32 [H + UP, W + BEFORE + AFTER, C]: |error| of the centre, in 1/64
    misses: np.ndarray  # int32, the same shape: value minus threshold, in levels
    scales: np.ndarray  # int64 [S + 1, C, ENERGIES, 2]: sum and count of |error|, in 1/64; the centre's last
    biases: np.ndarray  # int64 [S, C, BIASES, 2]: sum and count of errors, in 1/32
    expected: np.ndarray  # int64 [F, S + 1, 4]: MEAN, STEEPNESS, CLASS, BIAS; the centre's last
    mixture: np.ndarray  # int64 [F, 3, K]: the net's means, weights, reciprocal scales
    ends: np.ndarray  # int64 [3, E]: each expert's mass below the interval's low end, its high end, the threshold
    contexts: np.ndarray  # int64 [F, CONTEXTS]: hashes
    cells: np.ndarray  # uint32, in lines of 16: probability (from one half) 16, experience 6, check 10 bits
    places: np.ndarray  # int64 [CONTEXTS]: the cells that spoke
    inputs: np.ndarray  # int32 [1, I]
    weights: np.ndarray  # int32 [ROWS, I]
    final: np.ndarray  # int32 [FINAL_ROWS, SELECTORS]
    blends: np.ndarray  # int64 [3, SELECTORS]: weight rows, stretched opinions, probabilities
    knots: np.ndarray  # uint16: refining maps
    sample: np.ndarray  # int64 [F, SAMPLE_FIELDS]
    seen: np.ndarray  # int64 [1]: samples


def new_picture_state(guide: Guide, *, depth: int, components: int, most: int) -> PictureState:
    """An engine that has seen nothing, beside a guide and a net of `components` logistics or 0, for `most` rows."""
    rows, columns, planes, guides = guide.errors.shape
    experts = guides + (components > 0)
    inputs = -(-(experts + 2 * CONTEXTS + 1) // 8) * 8
    weights = np.zeros((ROWS, inputs), np.int32)
    weights[:, :experts] = _ONE * 4 // 10 // max(guides, 1)
    if components:
        weights[:, :guides] = _ONE // 10
        weights[:, guides] = _ONE * 7 // 10
    scales = np.zeros((guides + 1, planes, ENERGIES, 2), np.int64)
    octaves = np.arange(ENERGIES) // 2
    scales[..., 0] = 8 * (np.int64(1) << octaves) * np.where(np.arange(ENERGIES) % 2, 3, 2) // 2
    scales[..., 1] = 8
    cell_bits = min(max(((rows - UP) * (columns - BEFORE - AFTER) * planes).bit_length() + 3, 12), 23)
    return PictureState(
        plane=guide.plane,
        guided=guide.errors,
        levels=np.array([1 << depth, max(16 - depth, 0)], np.int64),
        errors=np.zeros((rows, columns, planes), np.int32),
        misses=np.zeros((rows, columns, planes), np.int32),
        scales=scales,
        biases=np.zeros((guides, planes, BIASES, 2), np.int64),
        expected=np.zeros((most, guides + 1, 4), np.int64),
        mixture=np.zeros((most, 3, components), np.int64),
        ends=np.zeros((3, experts), np.int64),
        contexts=np.zeros((most, CONTEXTS), np.int64),
        cells=aligned_zeros(1 << cell_bits, np.uint32),
        places=np.zeros(CONTEXTS, np.int64),
        inputs=np.zeros((1, inputs), np.int32),
        weights=weights,
        final=np.full((FINAL_ROWS, SELECTORS), _ONE // SELECTORS, np.int32),
        blends=np.zeros((3, SELECTORS), np.int64),
        knots=new_refining_map(REFINERS * REFINER_CONTEXTS),
        sample=np.zeros((most, SAMPLE_FIELDS), np.int64),
        seen=np.zeros(1, np.int64),
    )
