"""Whole pixels: candidates one after the other, each a decision "is it another colour than this one?".

Candidates come from where the neighbourhood was seen before (two matches, slots that remember the last colours of a
context) and from the neighbours. What speaks for each: histories of the candidate in hashed neighbourhoods of many
sizes, its place in the slots, the matches, and shapes (which neighbours equal it, and each other), blind to colours.
"""

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.mixing import drawing_state as at
from arzip.mixing.adaptive_maps import cell_learn, cell_probability
from arzip.mixing.bit_histories import HISTORY_NEXT
from arzip.mixing.drawing_mixing import certainty, code_bit, decide, learn_decision
from arzip.mixing.drawing_state import DrawingState
from arzip.mixing.magnitudes import bit_length
from arzip.mixing.nonlinear import stretch
from arzip.mixing.prefetch import prefetch
from arzip.mixing.slots import hash_pair

__all__ = ["code_candidates", "come_down", "follow_matches", "learn_colour", "look_around"]

_PRIMES = np.array(
    [(0x9E3779B97F4A7C15 * (2 * i + 1) ** 5 ^ 0xD6E8FEB86659FD93 * i**3 | 1) % (1 << 63) for i in range(at.NEAR)],
    np.int64,
)
_SOURCES = 18
HISTORY_LIMIT, SHAPE_LIMIT = 127, 1023
HIT, LATE, ESCAPED = 0, 1, 2


@inlined
def _find_history(table: np.ndarray, hashed: Integer) -> Integer:
    """Place of the history of a hash in a table of (check, history) pairs; the younger of two makes room."""
    place = np.uintp((hashed >> 12) & np.int64(table.shape[0] - 1))
    check = np.int64((hashed >> 48) & 255)
    if np.int64(table[place]) >> 8 == check:
        return np.int64(place)
    other = place ^ np.uintp(1)
    if np.int64(table[other]) >> 8 == check:
        return np.int64(other)
    if (table[other] & 255) < (table[place] & 255):
        place = other
    table[place] = np.uint16(check << 8)
    return np.int64(place)


@inlined
def _agreement(s: DrawingState, place: Integer) -> Integer:
    """Whether the nearest 12 neighbours of a place are those of the pixel."""
    for i in range(12):
        if s.canvas[np.uintp(place + s.offsets[i])] != s.work[at.NEAR_PIXELS + i]:
            return np.int64(0)
    return np.int64(1)


@inlined
def come_down(s: DrawingState, column: Integer) -> None:
    """Move the second match to the pixel below the one it last stood at in this column."""
    above = s.pointers[0, np.uintp(column)]
    s.work[at.MATCH_PLACE + 1] = above + s.work[at.STRIDE] if above > 0 else np.int64(0)
    s.work[at.MATCH_LENGTH + 1] = s.pointers[1, np.uintp(column)]


@inlined
def _find_matches(s: DrawingState, here: Integer, x: Integer) -> None:
    """Move both matches to this pixel: one goes on to the right, one comes down from the row above."""
    work = s.work
    column = np.uintp(x + at.LEFT)
    place = work[at.MATCH_PLACE]
    hashed = hash_pair(work[at.PREFIXES + work[at.MATCH_CUT]], np.int64(99))
    bucket = np.uintp((hashed >> 20) & np.int64(s.found.shape[0] - 1))
    if x == 0:
        place = np.int64(0)
        work[at.MATCH_LENGTH] = 0
    if place > 0:
        place += 1
    if work[at.MATCH_LENGTH] == 0:
        candidate = np.int64(s.found[bucket])
        if candidate > 0 and _agreement(s, candidate):
            place = candidate
            work[at.MATCH_LENGTH] = 1
            work[at.MATCH_MISSES] = 0
    s.found[bucket] = np.int32(here)
    work[at.MATCH_PLACE] = place
    come_down(s, column)


@inlined
def look_around(s: DrawingState, here: Integer, x: Integer) -> None:
    """Note the neighbours of the pixel at canvas place `here`, and everything that depends on them alone."""
    work = s.work
    near = at.NEAR_PIXELS
    total = np.int64(0)
    for i in range(at.NEAR):
        pixel = s.canvas[np.uintp(here + s.offsets[i])]
        work[near + i] = pixel
        total += (pixel + 1) * _PRIMES[i]
        work[at.PREFIXES + 1 + i] = total
    for i in range(at.NESTED):
        work[at.HASHES + i] = hash_pair(work[at.PREFIXES + work[at.CUTS + i]], i)
    sparse = at.HASHES + at.NESTED
    work[sparse] = hash_pair(hash_pair(work[near + 1], work[near + 2]), work[near + 6] * 3)
    work[sparse + 1] = hash_pair(hash_pair(work[near], work[near + 4]), work[near + 10] * 3 + 1)
    work[sparse + 2] = hash_pair(hash_pair(work[near + 1], work[near + 5]), work[near + 11] * 3 + 2)
    for k in range(at.COLOUR_SLOTS):
        hashed = hash_pair(work[at.PREFIXES + _slot_cut(k)], 50 + k)
        slot = np.uintp((hashed >> 8) & np.int64(s.slots.shape[0] - 1))
        tag = (hashed >> 34) & 0x3FFFFFFF
        if s.slots[slot, 3] >> 16 != tag:
            s.slots[slot, 3] = tag << 16
        work[at.SLOT_PLACES + k] = np.int64(slot)
    _find_matches(s, here, x)
    west, north, east, corner = work[near], work[near + 1], work[near + 2], work[near + 3]
    pairs = np.int64(west == corner) | np.int64(corner == north) << 1 | np.int64(north == east) << 2
    pairs |= np.int64(west == work[near + 4]) << 3 | np.int64(north == work[near + 5]) << 4
    pairs |= np.int64(east == work[near + 6]) << 5 | np.int64(west == north) << 6
    work[at.PAIRS] = pairs | np.int64(corner == work[near + 7]) << 7


@inlined
def _slot_cut(k: Integer) -> Integer:
    """How many neighbours colour slot k looks at."""
    return np.int64(2) << k


@inlined
def _source(s: DrawingState, source: Integer) -> tuple[Integer, Integer]:
    """(whether it has one, colour) of the sources of candidates, in order."""
    work = s.work
    near = at.NEAR_PIXELS
    if source == 0 or source == 3:
        model = np.int64(source == 3)
        place = work[at.MATCH_PLACE + model]
        return np.int64(place > 0), s.canvas[np.uintp(place)]
    slot, rank = np.int64(-1), np.int64(0)
    if source == 1 or source == 2:
        slot = np.int64(4) - source
    elif source == 4 or source == 5:
        slot = np.int64(5) - source
    elif source == 8:
        slot, rank = np.int64(1), np.int64(1)
    elif source == 11:
        slot, rank = np.int64(2), np.int64(1)
    elif source == 12:
        slot, rank = np.int64(0), np.int64(1)
    elif source == 13:
        slot, rank = np.int64(1), np.int64(2)
    elif source == 14:
        slot, rank = np.int64(0), np.int64(2)
    if slot >= 0:
        place = np.uintp(work[at.SLOT_PLACES + slot])
        return np.int64((s.slots[place, 3] >> 8) & 3 > rank), s.slots[place, rank]
    if source == 6 or source == 7:
        return np.int64(1), work[near + source - 6]
    if source == 9 or source == 10:
        return np.int64(1), work[near + source - 7]
    return np.int64(1), work[near + source - 11]  # 15 .. 17: 4, 5, 6


@inlined
def _slot_inputs(s: DrawingState, colour: Integer) -> Integer:
    """Let the slots speak; returns where each has the colour."""
    work = s.work
    ranks = np.int64(0)
    for k in range(at.COLOUR_SLOTS):
        place = np.uintp(work[at.SLOT_PLACES + k])
        control = s.slots[place, 3]
        held = (control >> 8) & 3
        rank = np.int64(3)
        for r in range(held):
            if s.slots[place, r] == colour:
                rank = np.int64(r)
        ranks = ranks << 2 | rank
        cell = at.SLOT_CELLS + k * 256 + (rank << 6 | held << 4 | min(control & 255, np.int64(15)))
        work[at.SPOKEN + at.SLOT_INPUTS + k] = cell
        s.colour_inputs[0, at.SLOT_INPUTS + k] = stretch(cell_probability(s.cells, cell) >> 10)
    return ranks


@inlined
def _match_inputs(s: DrawingState, colour: Integer) -> Integer:
    """Let the matches speak; returns a class of both below 36."""
    work = s.work
    both = np.int64(0)
    for m in range(at.MATCHES):
        place = work[at.MATCH_PLACE + m]
        length = work[at.MATCH_LENGTH + m]
        step = min(bit_length(max(length - 1, np.int64(0))), np.int64(15))
        agrees = np.int64(place > 0 and s.canvas[np.uintp(place)] == colour)
        heard = np.int64(place > 0) * (1 + agrees)
        cell = at.MATCH_CELLS + m * 1024 + (heard << 8 | step << 4 | (work[at.MATCH_MISSES + m] & 15))
        work[at.SPOKEN + at.MATCH_INPUTS + m] = cell
        s.colour_inputs[0, at.MATCH_INPUTS + m] = stretch(cell_probability(s.cells, cell) >> 10)
        both = both * 3 + heard if m else heard * 4 + min(step >> 1, np.int64(3))
    return both


@inlined
def _equal_to(work: np.ndarray, colour: Integer) -> Integer:
    """Mask of the nearest 12 neighbours that have a colour."""
    mask = np.int64(0)
    for i in range(12):
        mask |= np.int64(work[at.NEAR_PIXELS + i] == colour) << i
    return mask


@inlined
def _prepare(s: DrawingState, colour: Integer, rank: Integer, source: Integer, around: Integer) -> None:
    """Fill inputs and choose rows and maps for one candidate."""
    work, inputs = s.work, s.colour_inputs
    for i in range(at.CONTEXTS):
        hashed = hash_pair(work[at.HASHES + i], colour)
        work[at.PLACES + i] = hashed
        prefetch(s.histories, np.uintp((hashed >> 12) & np.int64(s.histories.shape[0] - 1)))
    ranks = _slot_inputs(s, colour)
    matched = _match_inputs(s, colour)
    mask = _equal_to(work, colour)
    pairs = work[at.PAIRS]
    later = np.int64(rank > 0)
    cell = at.SHAPE_CELLS + (min(rank, np.int64(3)) << 12 | mask)
    work[at.SPOKEN + at.SHAPE_INPUTS] = cell
    cell = at.SHAPE_CELLS + 65536 + (later << 15 | pairs << 7 | (mask & 127))
    work[at.SPOKEN + at.SHAPE_INPUTS + 1] = cell
    cell = at.SHAPE_CELLS + 131072 + (around * 32 + source) * 8 + min(rank, np.int64(7))
    work[at.SPOKEN + at.SHAPE_INPUTS + 2] = cell
    for i in range(at.SHAPES):
        probability = cell_probability(s.cells, work[at.SPOKEN + at.SHAPE_INPUTS + i])
        inputs[0, at.SHAPE_INPUTS + i] = stretch(probability >> 10)
    known = np.int64(0)
    for i in range(at.CONTEXTS):
        place = _find_history(s.histories, work[at.PLACES + i])
        work[at.PLACES + i] = place
        state = np.int64(s.histories[np.uintp(place)]) & 255
        cell = at.HISTORY_CELLS + (i << 8) + state
        work[at.SPOKEN + i] = cell
        probability = cell_probability(s.cells, cell)
        inputs[0, i] = stretch(probability >> 10)
        inputs[0, at.COLOUR_CERTAINTIES + i] = certainty(probability)
        known += np.int64(state != 0)
    inputs[0, at.COLOUR_BIAS] = 256
    work[at.CHOSEN] = at.BY_RANK + matched * 8 + min(rank, np.int64(7))
    work[at.CHOSEN + 1] = at.BY_EQUAL + (mask & 511)
    work[at.CHOSEN + 2] = at.BY_KNOWN + known * 8 + min(rank, np.int64(7))
    work[at.CHOSEN + 3] = at.BY_SLOTS + (later << 8 | ranks)
    work[at.CHOSEN + 4] = at.BY_PAIRS + (later << 8 | pairs)
    work[at.CHOSEN + 5] = at.BY_OUTCOME + (later * 256 + around)
    work[at.FINAL_ROW] = at.FINAL + min(rank, np.int64(7)) * 64 + (mask & 63)
    work[at.MAP_CONTEXT] = min(rank, np.int64(7)) << 9 | (mask & 511)
    hashed = hash_pair(work[at.NEAR_PIXELS], colour)
    work[at.MAP_CONTEXT + 1] = at.MAP_CONTEXTS + ((hash_pair(hashed, work[at.NEAR_PIXELS + 1]) >> 30) & 4095)
    work[at.MAP_CONTEXT + 2] = 2 * at.MAP_CONTEXTS + (matched << 3 | min(rank, np.int64(7))) * 4 + (ranks & 3)


@inlined
def _learn_candidate(s: DrawingState, missed: Integer) -> None:
    """Move everything that spoke about a candidate towards what came."""
    work = s.work
    learn_decision(s.colour_weights, s.colour_inputs, s.knots, work, np.int64(at.COLOUR_MAPS), missed)
    for i in range(at.CONTEXTS):
        cell = work[at.SPOKEN + i]
        cell_learn(s.cells, cell, missed, HISTORY_LIMIT)
        s.cells[np.uintp(i << 8)] = np.uint32(1 << 31)  # the empty history goes on saying nothing
        place = np.uintp(work[at.PLACES + i])
        following = HISTORY_NEXT[np.uintp(((cell & 255) << 1) + missed)]
        s.histories[place] = np.uint16((s.histories[place] & 0xFF00) | following)
    for i in range(at.SLOT_INPUTS, at.COLOUR_BIAS):
        cell_learn(s.cells, work[at.SPOKEN + i], missed, SHAPE_LIMIT)


@inlined
def code_candidates(
    s: DrawingState,
    here: Integer,
    around: Integer,
    most: Integer,
    out: np.ndarray,
    taken: np.ndarray,
    coder: np.ndarray,
    words: np.ndarray,
) -> Integer:
    """Code which candidate the pixel is; it then stands on the canvas. Returns the outcome."""
    work = s.work
    source = np.int64(0)
    target = s.canvas[np.uintp(here)]
    while source < _SOURCES and work[at.TRIES] < most:
        there, colour = _source(s, source)
        for i in range(work[at.TRIES]):
            if work[at.TRIED + i] == colour:
                there = np.int64(0)
        if there:
            rank = work[at.TRIES]
            _prepare(s, colour, rank, source, around)
            p = decide(s.colour_weights, s.colour_inputs, s.knots, work, np.int64(at.COLOUR_MAPS))
            missed = code_bit(np.int64(target != colour), p, out, taken, coder, words, work)
            _learn_candidate(s, missed)
            if not missed:
                s.canvas[np.uintp(here)] = colour
                return np.int64(HIT) if rank == 0 else np.int64(LATE)
            work[at.TRIED + rank] = colour
            work[at.TRIES] += 1
        source += 1
    return np.int64(ESCAPED)


@inlined
def learn_colour(s: DrawingState, here: Integer) -> None:
    """Tell the slots which colour came."""
    work = s.work
    colour = s.canvas[np.uintp(here)]
    for k in range(at.COLOUR_SLOTS):
        place = np.uintp(work[at.SLOT_PLACES + k])
        control = s.slots[place, 3]
        held = (control >> 8) & 3
        run = control & 255
        if held > 0 and s.slots[place, 0] == colour:
            run = min(run + 1, np.int64(255))
        else:
            if held > 1 and s.slots[place, 1] != colour:
                s.slots[place, 2] = s.slots[place, 1]
                held = np.int64(3)
            elif held <= 1:
                held += 1
            s.slots[place, 1] = s.slots[place, 0]
            s.slots[place, 0] = colour
            run = np.int64(0)
        s.slots[place, 3] = (control >> 16) << 16 | held << 8 | run


@inlined
def follow_matches(s: DrawingState, here: Integer, column: Integer) -> None:
    """Tell the matches which colour came."""
    work = s.work
    colour = s.canvas[np.uintp(here)]
    column = np.uintp(column)
    s.pointers[0, column] = work[at.MATCH_PLACE + 1]
    s.pointers[1, column] = 0
    for m in range(at.MATCHES):
        place = work[at.MATCH_PLACE + m]
        wrong = np.int64(place == 0 or s.canvas[np.uintp(place)] != colour)
        work[at.MATCH_MISSES + m] = (work[at.MATCH_MISSES + m] << 1 | wrong) & 255
        length = work[at.MATCH_LENGTH + m]
        if not wrong:
            s.pointers[0, column] = place
            s.pointers[1, column] = work[at.MATCH_LENGTH + 1] + 1 if m or place == work[at.MATCH_PLACE + 1] else 1
            length += 1
        else:
            length = np.int64(0)
        work[at.MATCH_LENGTH + m] = length
    if work[at.MATCH_LENGTH] == 0 and (work[at.MATCH_MISSES] & 255) == 255:
        work[at.MATCH_PLACE] = 0
