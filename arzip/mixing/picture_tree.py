"""One sample as binary decisions around the centre, each mixed from experts and counts, coded, and learned.

    value > threshold?      then steps away from it, 2^b wide: further? further? ...      then the bits within a step

The threshold is the centre, the width follows the expected error, so a sample takes three or four decisions whatever
its brightness, and one place in the tree means the same distance everywhere. Encoding and decoding are one walk: a
decision is noted with its known bit, or read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.coding.compiled_coder import read_bit
from arzip.compiled import Integer, inlined
from arzip.mixing.adaptive_maps import KNOTS, refine, refine_learn
from arzip.mixing.mixer import mix, mix_learn
from arzip.mixing.nonlinear import squash, stretch
from arzip.mixing.picture_experts import mass_below
from arzip.mixing.picture_state import (
    BY_ENERGY,
    BY_NODE,
    CONTEXTS,
    ENERGY,
    ERRORS_ROW,
    FINAL_BY_ENERGY,
    LINE,
    NODES,
    PHASE_ROW,
    PLACES,
    REFINER_CONTEXTS,
    REFINERS,
    SELECTORS,
    THRESHOLD,
    WIDTH_BITS,
    PictureState,
)
from arzip.mixing.prefetch import prefetch
from arzip.mixing.slots import hash_pair

__all__ = ["DECISIONS", "Bits", "code_value", "fetch"]

DECISIONS = 48  # no sample takes more
_UP, _DOWN, _WITHIN = 1, 17, 33  # first nodes of the tree's parts
_STEPS = 15  # nodes a direction
_EVEN_STEPS = 6  # steps before their width doubles
_CODER_SHIFT = 8
_LAST_BLEND, _LAST_MIX = 2303, 2815
_FINAL_SHIFT = 18
_REFINE_RATE = 5
_FIRST_RATE, _LAST_RATE, _RATE_SAMPLES = 200, 30, 20000
_CHECK = 0x3FF
_NEAR = 5  # nodes of each part of the tree that share the first one's cache line
_EXPERIENCE = 63
_RATES = np.array([int(65536 / (n + 1.5)) for n in range(_EXPERIENCE + 1)], np.int32)


def _slots() -> np.ndarray:
    """Where the cell of a node lies in a context's cache line, or in the line beside it if it is rarely reached."""
    slots = LINE + np.arange(NODES, dtype=np.int64) % LINE
    slots[0] = 0
    for part, first in enumerate((_UP, _DOWN, _WITHIN)):
        slots[first : first + _NEAR] = 1 + part * _NEAR + np.arange(_NEAR)
    return slots


def _followers() -> np.ndarray:
    """The two nodes that come after a node as a rule, int64 [NODES, 2]."""
    nodes = np.arange(NODES, dtype=np.int64)
    within = np.minimum(2 * nodes - (_WITHIN - 1), NODES - 2)
    pairs = np.stack([nodes + 1, np.full(NODES, _WITHIN)], axis=1)
    pairs[0] = _UP, _DOWN
    pairs[_WITHIN:] = np.stack([within, within + 1], axis=1)[_WITHIN:]
    return pairs


_SLOTS, _FOLLOWERS = _slots(), _followers()


class Bits(NamedTuple):
    """Where decisions go or come from; [count, reading] in `state`."""

    words: np.ndarray  # uint32: what is read
    coder: np.ndarray  # uint64: see compiled_coder
    p: np.ndarray  # int32: probabilities noted, in 2^-24
    taken: np.ndarray  # int32: bits noted
    state: np.ndarray  # int64 [2]
    ends: np.ndarray  # int64 [H, W, C], or of no size: the count after each sample, for those who ask what it cost


@inlined
def _take(bits: Bits, probability: Integer, known: Integer) -> Integer:
    """The bit of a decision: read, or the known one, noted."""
    if bits.state[1] != 0:
        return read_bit(bits.coder, bits.words, probability << _CODER_SHIFT)
    at = np.uintp(bits.state[0])
    bits.p[at] = probability << _CODER_SHIFT
    bits.taken[at] = known
    bits.state[0] += 1
    return known


@inlined
def _find_cells(s: PictureState, at: Integer, node: Integer) -> None:
    """Each context's cell for a node, emptied if it was another's; the nodes of a context share two cache lines."""
    mask = s.cells.shape[0] - 1
    slot = _SLOTS[np.uintp(node)]
    for i in range(CONTEXTS):
        hashed = s.contexts[at, i]
        check = (hashed >> 40) & _CHECK
        line = (hashed & mask & -LINE) ^ (slot & LINE)
        place = np.uintp(line | ((slot + (hashed >> 50)) & (LINE - 1)))
        cell = np.int64(s.cells[place])
        cell = cell if cell & _CHECK == check else check
        s.cells[place] = np.uint32(cell)
        s.places[i] = np.int64(place)
        s.inputs[0, np.uintp(s.ends.shape[1] + 2 * i)] = stretch((cell >> 20) ^ 2048)
        s.inputs[0, np.uintp(s.ends.shape[1] + 2 * i + 1)] = ((cell >> 21) ^ 1024) - 1024


@inlined
def _ask(s: PictureState, at: Integer, edge: Integer, node: Integer) -> None:
    """Fills the inputs for "is the value at least `edge`?"."""
    experts = s.ends.shape[1]
    for i in range(np.uintp(experts)):
        mass = mass_below(s, at, np.int64(i), edge)
        s.ends[2, i] = mass
        p = ((s.ends[1, i] - mass) << 12) // max(s.ends[1, i] - s.ends[0, i], np.int64(1))
        s.inputs[0, i] = stretch(min(max(p, np.int64(1)), np.int64(4094)))
    _find_cells(s, at, node)
    s.inputs[0, np.uintp(experts + 2 * CONTEXTS)] = 256


@inlined
def _choose_rows(s: PictureState, at: Integer, node: Integer, c: Integer) -> None:
    """The weight rows of a decision into blends[0]."""
    place = min(node if node < _DOWN - 1 else node - (_DOWN - 1), np.int64(PLACES - 1))
    s.blends[0, 0] = BY_NODE + node * 4 + c
    energy = s.sample[at, ENERGY]
    s.blends[0, 1] = BY_ENERGY + (energy * 8 + min(s.sample[at, WIDTH_BITS], np.int64(7))) * PLACES + place
    s.blends[0, 2] = s.sample[at, PHASE_ROW] + place
    s.blends[0, 3] = s.sample[at, ERRORS_ROW] + min(place, np.int64(3))


@inlined
def _refining_row(s: PictureState, at: Integer, which: Integer, node: Integer) -> Integer:
    """The knots of a decision in one of the two refining maps."""
    hashed = hash_pair(s.contexts[at, 5 * which], node)
    return which * REFINER_CONTEXTS + ((hashed >> 20) & (REFINER_CONTEXTS - 1))


@inlined
def _fetch_knots(s: PictureState, at: Integer, node: Integer) -> None:
    for which in range(REFINERS):
        prefetch(s.knots, np.uintp(_refining_row(s, at, which, node) * KNOTS))


@inlined
def _final(s: PictureState, row: Integer) -> Integer:
    """The final mix of one row, stretched."""
    total = np.int64(0)
    for i in range(SELECTORS):
        total += s.blends[1, i] * np.int64(s.final[row, i])
    return min(max(total >> 16, np.int64(-_LAST_MIX)), np.int64(_LAST_MIX))


@inlined
def _learn_final(s: PictureState, row: Integer, error: Integer) -> None:
    for i in range(SELECTORS):
        s.final[row, i] += (s.blends[1, i] * error + (1 << (_FINAL_SHIFT - 1))) >> _FINAL_SHIFT


@inlined
def _learn_cells(s: PictureState, bit: Integer) -> None:
    """Moves the counts that spoke; their rate falls with their experience."""
    for i in range(CONTEXTS):
        at = np.uintp(s.places[i])
        cell = np.int64(s.cells[at])
        experience = (cell >> 10) & _EXPERIENCE
        p = (cell >> 16) ^ 32768
        p += ((bit * 65535 - p) * np.int64(_RATES[np.uintp(experience)]) + 32768) >> 16
        s.cells[at] = np.uint32((p ^ 32768) << 16 | min(experience + 1, np.int64(_EXPERIENCE)) << 10 | (cell & _CHECK))


@inlined
def _decide(
    s: PictureState, bits: Bits, at: Integer, edge: Integer, node: Integer, c: Integer, known: Integer
) -> Integer:
    """One decision, "is the value at least `edge`?", mixed, taken and learned."""
    width = s.inputs.shape[1]
    one_row, two_row = _refining_row(s, at, 0, node), _refining_row(s, at, 1, node)
    for i in range(2):
        _fetch_knots(s, at, _FOLLOWERS[np.uintp(node), i])
    _choose_rows(s, at, node, c)
    for i in range(1, SELECTORS):
        for k in range(0, width, LINE):
            prefetch(s.weights, np.uintp(s.blends[0, i] * width + k))
    _ask(s, at, edge, node)
    for i in range(SELECTORS):
        blend = mix(s.weights, s.blends[0, i], s.inputs, 0, width)
        blend = min(max(blend, np.int64(-_LAST_BLEND)), np.int64(_LAST_BLEND))
        s.blends[1, i] = blend
        s.blends[2, i] = squash(blend)
    place = min(node if node < _DOWN - 1 else node - (_DOWN - 1), np.int64(PLACES - 1))
    first_row, second_row = node * 4 + c, FINAL_BY_ENERGY + s.sample[at, ENERGY] * PLACES + place
    first, second = _final(s, first_row), _final(s, second_row)
    mixed = (first + second) >> 1
    one, one_at = refine(s.knots, one_row, mixed)
    two, two_at = refine(s.knots, two_row, mixed)
    probability = min(max((2 * squash(mixed) + one + two + 2) >> 2, np.int64(1)), np.int64(65535))
    bit = _take(bits, probability, known)
    target = bit << 16
    rate = np.int64(_LAST_RATE) + _FIRST_RATE * _RATE_SAMPLES // (_RATE_SAMPLES + s.seen[0])
    _learn_final(s, first_row, target - squash(first))
    _learn_final(s, second_row, target - squash(second))
    for i in range(SELECTORS):
        error = target - s.blends[2, i]
        mix_learn(s.weights, s.blends[0, i], s.inputs, 0, width, (error * rate) >> 6)
    _learn_cells(s, bit)
    refine_learn(s.knots, one_at, bit, _REFINE_RATE)
    refine_learn(s.knots, two_at, bit, _REFINE_RATE)
    end = 1 - bit
    for i in range(np.uintp(s.ends.shape[1])):
        s.ends[np.uintp(end), i] = s.ends[2, i]
    return bit


@inlined
def fetch(s: PictureState, at: Integer) -> None:
    """Asks for what the first decisions of row `at` of a front will look at."""
    for i in range(CONTEXTS):
        prefetch(s.cells, np.uintp(s.contexts[at, i] & (s.cells.shape[0] - 1)))
    _fetch_knots(s, at, np.int64(0))


@inlined
def code_value(s: PictureState, bits: Bits, at: Integer, c: Integer, known: Integer) -> Integer:
    """Codes the value of a sample of plane c, opened as row `at`; `known` is not looked at when reading."""
    low, high = np.int64(0), s.levels[0]  # the value lies in low .. high - 1
    for i in range(np.uintp(s.ends.shape[1])):
        s.ends[0, i] = 0
        s.ends[1, i] = (1 << 30) + (high << s.levels[1])
    edge, node = s.sample[at, THRESHOLD] + 1, np.int64(0)
    up, step, width = False, np.int64(-1), np.int64(1) << s.sample[at, WIDTH_BITS]
    within = np.int64(0)  # the bits within a step behind a leading 1; 0 before them
    while high - low > 1:
        bit = _decide(s, bits, at, edge, node, c, np.int64(known >= edge))
        if bit == 1:
            low = edge
        else:
            high = edge
        if within > 0:
            within = within << 1 | bit
        elif step < 0:
            up, step = bit == 1, np.int64(0)
        elif (bit == 1) == up:
            step += 1
            width <<= step >= _EVEN_STEPS
        else:
            within = np.int64(1)
        edge = low + width if up else high - width
        if within == 0 and (edge >= high or edge <= low):
            within = np.int64(1)
        if within > 0:
            edge = (low + high) >> 1
            node = _WITHIN - 1 + min(within, np.int64(NODES - _WITHIN))
        else:
            node = (_UP if up else _DOWN) + min(step, np.int64(_STEPS))
    s.seen[0] += 1
    return low
