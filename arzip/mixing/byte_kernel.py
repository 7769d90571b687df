"""The byte engine's compiled loops over fronts: predict one bit of every live lane, then learn it.

Both directions of coding run these functions: `run_block` knows every bit beforehand, `read_block` reads them, `step`
is told the last bits and answers with the next probabilities. All lanes share all tables, and within a front learn in
the order of lanes.
"""

import numpy as np

from arzip.coding.compiled_coder import read_bit
from arzip.compiled import Integer, compiled, inlined
from arzip.exact.reading_gru import ReadingGRU, read_byte
from arzip.mixing import byte_state as at
from arzip.mixing.byte_contexts import (
    BIT,
    CONTEXTS,
    FRONT,
    LANE_LENGTH,
    PARTIAL,
    SEEN,
    START,
    TAIL,
    hash_contexts,
    remember_follower,
    track_symbol,
    vote_width,
)
from arzip.mixing.byte_lane import learn_lane, looked_up, predict_lane, prior_of, speakers
from arzip.mixing.byte_state import ByteState
from arzip.mixing.match_model import EXPECTED, LENGTH, LENGTH_CLASSES, MATCH_FIELDS, MISSES, follow_match, length_class
from arzip.mixing.prefetch import prefetch
from arzip.mixing.slots import RUN_BYTE, RUN_LENGTH, find_primed_slot, find_slot, hash_pair, slot_bucket
from arzip.mixing.text_contexts import hash_text_contexts, track_text

__all__ = ["live_lanes", "open_front", "read_block", "run_block", "step"]

SHORT_MATCH, LONG_MATCH = 6, 20  # least lengths of the two match models
CODER_SHIFT = 8  # the mixers' 2^-16 to the coder's 2^-24
FIRST_RATE, LAST_RATE, RATE_BYTES = 500, 60, 20000  # the mixers' rate falls with the bytes seen


@inlined
def _ask_for_slot(s: ByteState, context: Integer, hashed: Integer) -> None:
    """Prefetches the bucket of a context's hash, and the one it may have to be begun from."""
    prefetch(s.slots, np.uintp(slot_bucket(s.slots, hashed)))
    if s.primer.shape[0] > 0 and context < CONTEXTS:
        prefetch(s.primer, np.uintp(slot_bucket(s.primer, hashed)))


@inlined
def _slot_of(s: ByteState, context: Integer, hashed: Integer) -> Integer:
    """The slot of a context's hash. Contexts of texts are not primed: they would displace better ones."""
    if context < CONTEXTS:
        return np.int32(find_primed_slot(s.slots, s.primer, hashed))
    return np.int32(find_slot(s.slots, hashed))


@inlined
def _second_nibble(s: ByteState, live: Integer) -> None:
    """Find every context's slot for the low half of the byte; all lines are asked for before the first is needed."""
    contexts = looked_up(s)
    for lane in range(live):
        for i in range(contexts):
            hashed = hash_pair(s.rows[lane, at.HASHES + i], s.rows[lane, PARTIAL])
            s.rows[lane, at.PENDING + i] = hashed
            _ask_for_slot(s, i, hashed)
    for lane in range(live):
        for i in range(contexts):
            s.work[lane, at.BASES + i] = _slot_of(s, i, s.rows[lane, at.PENDING + i])


@compiled
def open_front(s: ByteState, live: Integer) -> None:
    """Find the contexts of each lane's next byte and their slots for its high half."""
    contexts = looked_up(s)
    for lane in range(live):
        here = s.rows[lane, START] + s.shared[FRONT]
        hash_contexts(s.block, s.shared, s.indirect, s.rows, lane, here, at.HASHES)
        if contexts > CONTEXTS:
            hash_text_contexts(s.rows, lane, here, at.HASHES + CONTEXTS)
        for i in range(contexts):
            _ask_for_slot(s, i, s.rows[lane, at.HASHES + i])
    for lane in range(live):
        s.rows[lane, PARTIAL] = 1
        for i in range(contexts):
            s.work[lane, at.BASES + i] = _slot_of(s, i, s.rows[lane, at.HASHES + i])
        for i in range(at.RUNNERS):
            base = np.int64(s.work[lane, at.BASES + at.FIRST_RUNNER + i])
            length = np.int64(s.slots[np.uintp(base + RUN_LENGTH)])
            symbol = np.int64(s.slots[np.uintp(base + RUN_BYTE)])
            s.work[lane, at.RUN_SLOTS + i] = base
            s.work[lane, at.RUN_SYMBOLS + i] = (symbol | 256) if length > 0 else np.int64(0)
            s.work[lane, at.RUN_FIRST + i] = at.RUN_CELLS + i * 128 + min(length, np.int64(15)) * 8


@inlined
def _extend_runs(s: ByteState, lane: Integer, symbol: Integer) -> None:
    """Tell the runners' slots which byte came."""
    for i in range(at.RUNNERS):
        base = np.int64(s.work[lane, at.RUN_SLOTS + i])
        length = np.int64(s.slots[np.uintp(base + RUN_LENGTH)])
        same = np.int64(s.slots[np.uintp(base + RUN_BYTE)]) == symbol
        s.slots[np.uintp(base + RUN_LENGTH)] = np.uint8(min(length + 1, np.int64(255)) if same else np.int64(1))
        s.slots[np.uintp(base + RUN_BYTE)] = np.uint8(symbol)


@inlined
def _follow_matches(s: ByteState, lane: Integer, symbol: Integer, here: Integer, offset: Integer) -> None:
    """Advance both match models and note what they expect."""
    length = s.shared[LANE_LENGTH]
    tail = s.rows[lane, TAIL]
    string = tail
    if offset >= LONG_MATCH:
        for k in range(9, LONG_MATCH + 1):
            string = hash_pair(string, np.int64(s.block[np.uintp(here - k)]))
    short = tail & ((1 << (8 * SHORT_MATCH)) - 1)
    follow_match(s.block, length, s.tables, 0, s.rows, lane, at.MATCH, here, offset, SHORT_MATCH, symbol, short)
    second = at.MATCH + MATCH_FIELDS
    follow_match(s.block, length, s.tables, 1, s.rows, lane, second, here, offset, LONG_MATCH, symbol, string)
    longest = np.int64(0)
    for i in range(at.MATCHES):
        model = at.MATCH + i * MATCH_FIELDS
        expected = s.rows[lane, model + EXPECTED]
        length_of = length_class(s.rows[lane, model + LENGTH])
        longest = max(longest, length_of)
        s.work[lane, at.MATCH_SYMBOLS + i] = (expected | 256) if expected >= 0 else np.int64(0)
        cell = (i * LENGTH_CLASSES + length_of) * 8 + (s.rows[lane, model + MISSES] & 7)
        s.work[lane, at.MATCH_FIRST + i] = at.MATCH_CELLS + cell
    s.work[lane, at.MATCH_CLASS] = longest


@inlined
def _close_front(s: ByteState, reader: ReadingGRU, live: Integer) -> None:
    """Write the front's bytes down and let everything at byte level learn them."""
    offset = s.shared[FRONT] + 1
    for lane in range(live):
        s.block[np.uintp(s.rows[lane, START] + offset - 1)] = np.uint8(s.rows[lane, PARTIAL] & 255)
    for lane in range(live):
        symbol = s.rows[lane, PARTIAL] & 255
        here = s.rows[lane, START] + offset
        _extend_runs(s, lane, symbol)
        remember_follower(s.indirect, s.rows[lane, TAIL], symbol)
        if looked_up(s) > CONTEXTS:
            track_text(s.rows, lane, symbol)
        track_symbol(s.rows, lane, symbol, here - 1)
        vote_width(s.shared, s.pairs, lane, s.rows[lane, TAIL], here - 1)
        _follow_matches(s, lane, symbol, here, offset)
        read_byte(reader, lane, symbol)
    s.shared[FRONT] += 1
    s.shared[SEEN] += live


@inlined
def live_lanes(size: Integer, lanes: Integer, lane_length: Integer, front: Integer) -> Integer:
    """How many lanes have a byte on a front: always the first ones, for the block is cut into equal lengths."""
    if front >= lane_length:
        return np.int64(0)
    return min(np.int64(lanes), (size - front + lane_length - 1) // lane_length)


@inlined
def _predict_front(
    s: ByteState, reader: ReadingGRU, priors: np.ndarray, place: Integer, out: np.ndarray, live: Integer
) -> None:
    """Write P(bit = 1) of every live lane to out[place ..]; priors are read from the same place on, or from the net."""
    for lane in range(np.uintp(live)):
        asked = place + np.int64(lane)
        tree = reader.state.tree
        if tree.shape[1] > 0:
            asked = np.int64(lane)
            for q in range(np.uintp(tree.shape[0])):
                priors[q, 0, lane], priors[q, 1, lane] = prior_of(tree[q], lane, s.rows[lane, PARTIAL])
        out[np.uintp(place) + lane] = predict_lane(s, lane, priors, asked) << CODER_SHIFT


@inlined
def _learn_front(s: ByteState, reader: ReadingGRU, bits: np.ndarray, selectors: Integer, live: Integer) -> Integer:
    """Learn the bits of every live lane and move to the next bit, opening a new front after the eighth."""
    rate = np.int64(LAST_RATE) + FIRST_RATE * RATE_BYTES // (RATE_BYTES + s.shared[SEEN])
    for lane in range(np.uintp(live)):
        learn_lane(s, lane, np.int64(bits[lane]) & 1, rate, selectors)
    s.shared[BIT] += 1
    if s.shared[BIT] == 4:
        _second_nibble(s, live)
    elif s.shared[BIT] == 8:
        s.shared[BIT] = 0
        _close_front(s, reader, live)
        live = live_lanes(s.block.shape[0], s.rows.shape[0], s.shared[LANE_LENGTH], s.shared[FRONT])
        open_front(s, live)
    return live


@compiled
def run_block(
    symbols: np.ndarray,
    until: Integer,
    priors: np.ndarray,
    reader: ReadingGRU,
    out: np.ndarray,
    taken: np.ndarray,
    block: np.ndarray,
    slots: np.ndarray,
    primer: np.ndarray,
    rows: np.ndarray,
    work: np.ndarray,
    inputs: np.ndarray,
    cells: np.ndarray,
    weights: np.ndarray,
    knots: np.ndarray,
    indirect: np.ndarray,
    tables: np.ndarray,
    pairs: np.ndarray,
    shared: np.ndarray,
) -> Integer:
    """Go on through a block whose symbols (uint8 [n]) are known, to the front `until`; return the decisions made.

    Each leaves its probability in `out` (int32, in 2^-24) and its bit in `taken` (int32), in decoding order; priors
    are read from the same places. With a net, priors [2, 2, L] are where its opinions are put.
    """
    s = ByteState(block, slots, primer, rows, work, inputs, cells, weights, knots, indirect, tables, pairs, shared)
    lanes = rows.shape[0]
    length = shared[LANE_LENGTH]
    live = live_lanes(block.shape[0], lanes, length, shared[FRONT])
    place = np.int64(0)
    while live > 0 and shared[FRONT] < until:
        front = shared[FRONT]
        shift = 7 - shared[BIT]
        _predict_front(s, reader, priors, place, out, live)
        bits = taken[place:]
        for lane in range(live):
            bits[lane] = (np.int64(symbols[np.uintp(lane * length + front)]) >> shift) & 1
        place += live
        live = _learn_front(s, reader, bits, speakers(s, priors), live)
    return place


@compiled
def read_block(
    words: np.ndarray,
    coder: np.ndarray,
    bits: np.ndarray,
    priors: np.ndarray,
    reader: ReadingGRU,
    out: np.ndarray,
    block: np.ndarray,
    slots: np.ndarray,
    primer: np.ndarray,
    rows: np.ndarray,
    work: np.ndarray,
    inputs: np.ndarray,
    cells: np.ndarray,
    weights: np.ndarray,
    knots: np.ndarray,
    indirect: np.ndarray,
    tables: np.ndarray,
    pairs: np.ndarray,
    shared: np.ndarray,
) -> None:
    """The mirror of `run_block` with the coder inside: reads a whole block, which then stands in `block`.

    `bits` and `out` are scratch, int32 [L]; `coder` is the state of `compiled_coder` on `words`.
    """
    s = ByteState(block, slots, primer, rows, work, inputs, cells, weights, knots, indirect, tables, pairs, shared)
    live = live_lanes(block.shape[0], rows.shape[0], shared[LANE_LENGTH], np.int64(0))
    while live > 0:
        _predict_front(s, reader, priors, np.int64(0), out, live)
        for lane in range(live):
            bits[lane] = read_bit(coder, words, np.int64(out[lane]))
        live = _learn_front(s, reader, bits, speakers(s, priors), live)


@compiled
def step(
    bits: np.ndarray,
    priors: np.ndarray,
    reader: ReadingGRU,
    out: np.ndarray,
    block: np.ndarray,
    slots: np.ndarray,
    primer: np.ndarray,
    rows: np.ndarray,
    work: np.ndarray,
    inputs: np.ndarray,
    cells: np.ndarray,
    weights: np.ndarray,
    knots: np.ndarray,
    indirect: np.ndarray,
    tables: np.ndarray,
    pairs: np.ndarray,
    shared: np.ndarray,
) -> Integer:
    """Learn `bits` (int32 [live], or empty on the first call) and write the next probabilities.

    They go to `out` in 2^-24. Returns how many lanes are live: 0 at the end of the block.
    """
    s = ByteState(block, slots, primer, rows, work, inputs, cells, weights, knots, indirect, tables, pairs, shared)
    live = live_lanes(block.shape[0], rows.shape[0], shared[LANE_LENGTH], shared[FRONT])
    if bits.shape[0] > 0:
        live = _learn_front(s, reader, bits, speakers(s, priors), live)
    if priors.shape[2] >= live or priors.shape[0] == 0:
        _predict_front(s, reader, priors, np.int64(0), out, live)
    return live
