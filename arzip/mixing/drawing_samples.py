"""Pixels of a new colour: their samples one after the other, each as binary decisions from its top bit.

Two kinds of context speak for every bit: histories in hashed neighbourhoods, in slots of one nibble (`slots`), and
the distance of the decision from predicted values, which holds for all values alike. Samples of candidates that were
wrong are known to be excluded; a bit that they leave no choice is not coded.
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
from arzip.mixing.slots import NODES, find_slot, hash_pair

__all__ = ["code_samples"]

HISTORY_LIMIT, GUESS_LIMIT = 127, 500


@inlined
def _sample(pixel: Integer, channel: Integer, depth: Integer) -> Integer:
    """One sample of a packed pixel."""
    return np.int64(np.uint64(pixel) >> np.uint64(channel * depth)) & ((1 << depth) - 1)


@inlined
def _distance_class(distance: Integer) -> Integer:
    """Class 0 .. 255 of a signed distance, exact when small."""
    size = min(abs(distance), np.int64(1 << 16))
    step = size
    if size >= 48:
        bits = bit_length(size)
        step = 48 + (bits - 6) * 8 + ((size >> (bits - 4)) & 7)
    step = min(step, np.int64(127))
    return 128 + step if distance >= 0 else 127 - step


@inlined
def _between(s: DrawingState, first: Integer, second: Integer, known: Integer, channel: Integer) -> Integer:
    """The sample that lies between those of two colours as the known samples do; -1 when they do not say."""
    depth = s.work[at.DEPTH]
    widest, moved = np.int64(0), np.int64(0)
    for before in range(channel):
        start = _sample(first, before, depth)
        span = _sample(second, before, depth) - start
        if abs(span) > abs(widest):
            widest = span
            moved = _sample(known, before, depth) - start
    if widest == 0:
        return np.int64(-1)
    start = _sample(first, channel, depth)
    span = _sample(second, channel, depth) - start
    value = start + (2 * span * moved + widest) // (2 * widest)
    return min(max(value, np.int64(0)), (np.int64(1) << depth) - 1)


@inlined
def _other_colour(work: np.ndarray, colour: Integer) -> Integer:
    """The nearest neighbour of another colour, or the same."""
    for i in range(16):
        if work[at.NEAR_PIXELS + i] != colour:
            return work[at.NEAR_PIXELS + i]
    return colour


@inlined
def _pattern(work: np.ndarray, first: Integer, second: Integer) -> Integer:
    """Which of the nearest 10 neighbours have one of two colours."""
    pattern = np.int64(0)
    for i in range(10):
        pixel = work[at.NEAR_PIXELS + i]
        pattern = pattern * 3 + np.int64(pixel == first) + 2 * np.int64(pixel == second and first != second)
    return pattern


@inlined
def _open_sample(s: DrawingState, channel: Integer, known: Integer, previous: Integer) -> Integer:
    """Find contexts and guesses of one sample; returns the activity around it."""
    work = s.work
    depth = work[at.DEPTH]
    near = at.NEAR_PIXELS
    most = (np.int64(1) << depth) - 1
    w = _sample(work[near], channel, depth)
    n = _sample(work[near + 1], channel, depth)
    ne = _sample(work[near + 2], channel, depth)
    nw = _sample(work[near + 3], channel, depth)
    ww = _sample(work[near + 4], channel, depth)
    nn = _sample(work[near + 5], channel, depth)
    gradient = min(max(w + n - nw, np.int64(0)), most)
    middle = (w + n) >> 1
    median = min(max(gradient, min(w, n)), max(w, n))
    work[at.GUESSED] = w
    work[at.GUESSED + 1] = n
    work[at.GUESSED + 2] = gradient
    work[at.GUESSED + 3] = median
    work[at.GUESSED + 4] = middle
    work[at.GUESSED + 5] = median
    work[at.GUESSED + 6] = w
    work[at.GUESSED + 7] = n
    drift = np.int64(0)
    if channel > 0:
        pw = _sample(work[near], channel - 1, depth)
        pn = _sample(work[near + 1], channel - 1, depth)
        pnw = _sample(work[near + 3], channel - 1, depth)
        pmedian = min(max(pw + pn - pnw, min(pw, pn)), max(pw, pn))
        drift = previous - pmedian
        work[at.GUESSED + 4] = previous
        work[at.GUESSED + 5] = min(max(median + drift, np.int64(0)), most)
        work[at.GUESSED + 6] = min(max(w + previous - pw, np.int64(0)), most)
        work[at.GUESSED + 7] = min(max(n + previous - pn, np.int64(0)), most)
    first, second = work[near], work[at.BLENDED]
    partner = s.partners[np.uintp((hash_pair(first, np.int64(5)) >> 20) & 1023)]
    blended, followed = np.int64(-1), np.int64(-1)
    if channel > 0:
        blended = _between(s, first, second, known, channel)
        followed = _between(s, first, partner, known, channel)
    fallback = work[at.GUESSED + 5]
    work[at.GUESSED + 8] = blended if blended >= 0 else fallback
    work[at.GUESSED + 9] = followed if followed >= 0 else fallback
    work[at.GUESSED + 10] = _sample(second, channel, depth) if channel == 0 else gradient
    h = at.SAMPLE_HASHES
    salt = channel << 8
    coarse = max(depth - 5, np.int64(0))
    work[h] = hash_pair(np.int64(0), salt)
    work[h + 1] = hash_pair(known, salt + 1)
    work[h + 2] = hash_pair(hash_pair(known, work[near]), salt + 2)
    work[h + 3] = hash_pair(hash_pair(known, work[near + 1]), salt + 3)
    work[h + 4] = hash_pair(hash_pair(hash_pair(known, work[near]), work[near + 1]), salt + 4)
    work[h + 5] = hash_pair(hash_pair(w, n), previous << 12 | (salt + 5))
    work[h + 6] = hash_pair(hash_pair(gradient, drift), salt + 6)
    work[h + 7] = hash_pair(hash_pair(work[at.GUESSED + 5], middle >> coarse), salt + 7)
    work[h + 8] = hash_pair(hash_pair(work[at.GUESSED + 6], work[at.GUESSED + 7]), salt + 8)
    work[h + 9] = hash_pair(hash_pair(w, ww), hash_pair(drift >> coarse, salt + 9))
    work[h + 10] = hash_pair(hash_pair(n, nn), hash_pair(drift >> coarse, salt + 10))
    work[h + 11] = hash_pair(hash_pair(n, ne), hash_pair(previous, salt + 11))
    coarser = hash_pair(w >> coarse << 16 | n >> coarse, nw >> coarse << 16 | ne >> coarse)
    work[h + 12] = hash_pair(coarser, hash_pair(previous >> coarse, salt + 12))
    work[h + 13] = hash_pair(hash_pair(hash_pair(known, work[near + 3]), work[near + 2]), salt + 13)
    work[h + 14] = hash_pair(hash_pair(work[at.PREFIXES + 6], known), salt + 14)
    work[h + 15] = hash_pair(hash_pair(hash_pair(first, second), work[at.BLENDED + 1]), hash_pair(known, salt + 15))
    work[h + 16] = hash_pair(hash_pair(blended, followed), hash_pair(np.int64(channel == 0) * n, salt + 16))
    work[h + 17] = hash_pair(hash_pair(work[at.BLENDED + 1], known), salt + 17)
    activity = abs(w - nw) + abs(n - nw) + abs(n - ne) + abs(w - ww)
    return min(bit_length(activity >> max(depth - 8, np.int64(0))), np.int64(9))


@inlined
def _excluded(s: DrawingState, known: Integer, channel: Integer, partial: Integer, level: Integer) -> Integer:
    """How many wrong candidates still agree with what is known and the bits `partial` of this sample, level to go."""
    work = s.work
    depth = work[at.DEPTH]
    mask = (np.int64(1) << (channel * depth)) - 1
    count = np.int64(0)
    for i in range(work[at.TRIES]):
        pixel = work[at.TRIED + i]
        if (pixel & mask) == known and _sample(pixel, channel, depth) >> level == partial:
            count += 1
    return count


@inlined
def _prepare_bit(
    s: DrawingState,
    channel: Integer,
    partial: Integer,
    level: Integer,
    activity: Integer,
    zeros: Integer,
    ones: Integer,
) -> None:
    """Fill inputs and choose rows and maps for the bit after `partial`, with `level` bits below it."""
    work, inputs = s.work, s.sample_inputs
    depth = work[at.DEPTH]
    done = depth - 1 - level
    first = ((depth - 1) & 3) + 1
    in_group = done if done < first else (done - first) & 3
    node = (np.int64(1) << in_group) | (partial & ((np.int64(1) << in_group) - 1))
    if in_group == 0:
        for i in range(at.SAMPLE_CONTEXTS):
            hashed = hash_pair(work[at.SAMPLE_HASHES + i], level << 16 | partial)
            work[at.PLACES + at.SAMPLE_CONTEXTS + i] = np.int64(find_slot(s.sample_slots, hashed))
    known = np.int64(0)
    for i in range(at.SAMPLE_CONTEXTS):
        place = work[at.PLACES + at.SAMPLE_CONTEXTS + i] + NODES + node
        work[at.PLACES + i] = place
        state = np.int64(s.sample_slots[np.uintp(place)])
        cell = at.SAMPLE_CELLS + (i << 8) + state
        work[at.SPOKEN + i] = cell
        probability = cell_probability(s.cells, cell)
        inputs[0, i] = stretch(probability >> 10)
        inputs[0, at.SAMPLE_CERTAINTIES + i] = certainty(probability)
        known += np.int64(state != 0)
    middle = (partial << 1 | 1) << level
    grade = min(activity >> 1, np.int64(3))
    agreement = np.int64(0)
    for i in range(at.GUESSES):
        distance = work[at.GUESSED + i] - middle
        agreement += np.int64(distance >= 0)
        near_level = min(level, np.int64(15))
        cell = at.GUESS_CELLS + i * 65536 + (grade << 14 | np.int64(channel > 0) << 12 | near_level << 8)
        cell += _distance_class(distance)
        work[at.SPOKEN + at.SAMPLE_GUESS_INPUTS + i] = cell
        inputs[0, at.SAMPLE_GUESS_INPUTS + i] = stretch(cell_probability(s.cells, cell) >> 10)
    inputs[0, at.SAMPLE_BIAS] = 256
    zeros = min(zeros, np.int64(3))
    ones = min(ones, np.int64(3))
    level = min(level, np.int64(15))
    shown = partial & 255 if done >= 8 else ((np.int64(1) << done) | partial) & 255
    work[at.CHOSEN] = at.BY_LEVEL + (channel << 4 | level)
    work[at.CHOSEN + 1] = at.BY_ACTIVITY + (activity << 4 | level)
    work[at.CHOSEN + 2] = at.BY_FAILED + (level << 4 | zeros << 2 | ones)
    work[at.CHOSEN + 3] = at.BY_PARTIAL + (channel << 8 | shown)
    work[at.CHOSEN + 4] = at.BY_AGREEMENT + (level << 4 | agreement)
    work[at.CHOSEN + 5] = at.BY_AROUND + (np.int64(channel > 0) << 5 | known) * 4 + grade
    work[at.FINAL_ROW] = at.SAMPLE_FINAL + (channel << 4 | level)
    work[at.MAP_CONTEXT] = at.COLOUR_MAPS * at.MAP_CONTEXTS + (channel << 8 | shown)
    place = (at.COLOUR_MAPS + 1) * at.MAP_CONTEXTS
    work[at.MAP_CONTEXT + 1] = place + ((level << 4 | zeros << 2 | ones) << 2 | min(channel, np.int64(3)))


@inlined
def _learn_bit(s: DrawingState, bit: Integer) -> None:
    """Move everything that spoke about a bit towards what came."""
    work = s.work
    learn_decision(s.sample_weights, s.sample_inputs, s.knots, work, np.int64(at.SAMPLE_MAPS), bit)
    for i in range(at.SAMPLE_CONTEXTS):
        cell = work[at.SPOKEN + i]
        cell_learn(s.cells, cell, bit, HISTORY_LIMIT)
        s.cells[np.uintp(at.SAMPLE_CELLS + (i << 8))] = np.uint32(1 << 31)
        following = HISTORY_NEXT[np.uintp((((cell - at.SAMPLE_CELLS) & 255) << 1) + bit)]
        s.sample_slots[np.uintp(work[at.PLACES + i])] = following
    for i in range(at.SAMPLE_GUESS_INPUTS, at.SAMPLE_BIAS):
        cell_learn(s.cells, work[at.SPOKEN + i], bit, GUESS_LIMIT)


@inlined
def code_samples(
    s: DrawingState, here: Integer, out: np.ndarray, taken: np.ndarray, coder: np.ndarray, words: np.ndarray
) -> None:
    """Code a pixel that is none of the candidates tried; it then stands on the canvas."""
    work = s.work
    depth, channels = work[at.DEPTH], work[at.CHANNELS]
    target = s.canvas[np.uintp(here)]
    known = np.int64(0)
    previous = np.int64(0)
    west = work[at.NEAR_PIXELS]
    work[at.BLENDED] = _other_colour(work, west)
    work[at.BLENDED + 1] = _pattern(work, west, work[at.BLENDED])
    for channel in range(channels):
        wanted = _sample(target, channel, depth)
        activity = _open_sample(s, channel, known, previous)
        value = np.int64(0)
        for done in range(depth):
            level = depth - 1 - done
            zeros = _excluded(s, known, channel, value << 1, level)
            ones = _excluded(s, known, channel, value << 1 | 1, level)
            last = channel == channels - 1 and level < 8
            if last and zeros == np.int64(1) << level:
                bit = np.int64(1)
            elif last and ones == np.int64(1) << level:
                bit = np.int64(0)
            else:
                _prepare_bit(s, channel, value, level, activity, zeros, ones)
                p = decide(s.sample_weights, s.sample_inputs, s.knots, work, np.int64(at.SAMPLE_MAPS))
                bit = code_bit((wanted >> level) & 1, p, out, taken, coder, words, work)
                _learn_bit(s, bit)
            value = value << 1 | bit
        known |= value << (channel * depth)
        previous = value
    s.partners[np.uintp((hash_pair(west, np.int64(5)) >> 20) & 1023)] = known
    s.canvas[np.uintp(here)] = known
