"""One bit of one lane: gather the inputs, mix them, refine the mix; then learn what the bit was.

P(bit) = mean of the final mix and its refinements,  final mix = squash(sum_s v_s stretch(p_s)), the mean of two,
p_s = squash(w_s . x),  x = stretched and plain probabilities from bit histories, runs, matches, cells, priors
"""

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.mixing import byte_state as at
from arzip.mixing.adaptive_maps import KNOTS, cell_learn, cell_probability, refine, refine_learn
from arzip.mixing.bit_histories import HISTORY_NEXT
from arzip.mixing.byte_contexts import ABOVE, BIT, CLASSES, CONTEXTS, PARTIAL, TAIL, direct_contexts
from arzip.mixing.byte_state import ByteState
from arzip.mixing.mixer import mix, mix_learn
from arzip.mixing.nonlinear import squash, stretch
from arzip.mixing.prefetch import prefetch
from arzip.mixing.slots import NODES, hash_pair
from arzip.mixing.text_contexts import ALL_CONTEXTS, MARKS, TEXT_CONTEXTS

__all__ = ["learn_lane", "looked_up", "predict_lane", "prior_of", "speakers"]

SILENT = np.int64(at.SILENT)
LAST_BLEND = 2303  # a blend may say e^-9 before the final mixer,
LAST_MIX = 2815  # which may say e^-11
HISTORY_LIMIT = 255
GUESS_LIMIT = 1023
REFINE_RATE = 5
FINAL_SHIFT = 17
SETTLED = 2000  # a blend within 3 % of the bit is left alone: nothing to learn, and much time saved


@inlined
def looked_up(s: ByteState) -> Integer:
    """How many contexts an engine looks up: with a primer those of texts, too."""
    return np.int64(ALL_CONTEXTS) if s.primer.shape[0] > 0 else np.int64(CONTEXTS)


@inlined
def _node(partial: Integer, bit: Integer) -> Integer:
    """Where in a slot the history of the next bit lies."""
    mask = (1 << (bit & 3)) - 1
    return NODES + ((partial & mask) | (mask + 1))


@inlined
def _guess(
    cells: np.ndarray,
    work: np.ndarray,
    lane: Integer,
    symbol: Integer,
    first_cell: Integer,
    partial: Integer,
    bit: Integer,
) -> tuple[Integer, Integer]:
    """Return (cell, guessed bit) of a guessed byte; the silent cell where the byte is already refuted."""
    symbol = np.int64(work[lane, symbol])
    cell = np.int64(work[lane, first_cell]) if (symbol >> (8 - bit)) == partial else SILENT
    return cell, (symbol >> (7 - bit)) & 1


@inlined
def _toward(value: Integer, guess: Integer) -> Integer:
    """The value if the guessed bit is 1, else its negative."""
    return (value ^ (guess - 1)) - (guess - 1)


@inlined
def _certainty(probability: Integer) -> Integer:
    """A 22-bit probability as a plain input: its distance from one half, within +-1024."""
    return (probability - (1 << 21)) >> 11


@inlined
def _wide_cell(cells: np.ndarray, wide: Integer, bit: Integer) -> Integer:
    """The cell of a wide direct context."""
    return at.WIDE_CELLS + ((hash_pair(wide, bit) >> 20) & np.int64(cells.shape[0] - at.WIDE_CELLS - 1))


@inlined
def _refiners(tail: Integer, partial: Integer) -> tuple[Integer, Integer, Integer]:
    """Which contexts of the three refining maps speak: orders 1, 2 and 3."""
    mask = at.REFINER_CONTEXTS - 1
    second = at.REFINER_CONTEXTS + ((hash_pair(tail & 0xFFFF, partial) >> 30) & mask)
    third = 2 * at.REFINER_CONTEXTS + ((hash_pair(tail & 0xFFFFFF, partial) >> 30) & mask)
    return (tail & 255) << 8 | partial, second, third


@inlined
def _ask_for_next(s: ByteState, lane: Integer, partial: Integer) -> None:
    """Prefetch what the next bit of this byte may need, whichever way this one falls: learning hides the wait."""
    bit = s.shared[BIT] + 1
    if bit < 8:
        for outcome in range(2):
            longer = partial << 1 | np.int64(outcome)
            _, wide = direct_contexts(s.shared, s.rows, lane, longer, bit)
            prefetch(s.cells, np.uintp(_wide_cell(s.cells, wide, bit)))
            _, second, third = _refiners(s.rows[lane, TAIL], longer)
            prefetch(s.knots, np.uintp(second * KNOTS + KNOTS // 2))
            prefetch(s.knots, np.uintp(third * KNOTS + KNOTS // 2))


@inlined
def _gather(s: ByteState, lane: Integer, partial: Integer, bit: Integer) -> None:
    """Fill the lane's inputs and choose its weight rows."""
    work, inputs, cells = s.work, s.inputs, s.cells
    narrow, wide = direct_contexts(s.shared, s.rows, lane, partial, bit)
    narrow = at.NARROW_CELLS + narrow
    wide = _wide_cell(cells, wide, bit)
    work[lane, at.DIRECT_CELLS_USED] = narrow
    work[lane, at.DIRECT_CELLS_USED + 1] = wide
    node = _node(partial, bit)
    known = np.int64(0)
    for i in range(CONTEXTS):
        state = np.int64(s.slots[np.uintp(np.int64(work[lane, at.BASES + i]) + node)])
        cell = (i << 8) + state
        work[lane, at.HISTORY_CELLS + i] = cell
        probability = cell_probability(cells, cell)
        inputs[lane, i] = stretch(probability >> 10)
        inputs[lane, at.CERTAINTY_INPUTS + i] = _certainty(probability)
        if i >= 1 and i < 8:
            known += state != 0
    if looked_up(s) > CONTEXTS:
        for i in range(TEXT_CONTEXTS):
            state = np.int64(s.slots[np.uintp(np.int64(work[lane, at.BASES + CONTEXTS + i]) + node)])
            cell = ((CONTEXTS + i) << 8) + state
            work[lane, at.HISTORY_CELLS + CONTEXTS + i] = cell
            inputs[lane, at.TEXT_INPUTS + i] = stretch(cell_probability(cells, cell) >> 10)
    for i in range(at.RUNNERS):
        cell, guess = _guess(cells, work, lane, at.RUN_SYMBOLS + i, at.RUN_FIRST + i, partial, bit)
        if cell != SILENT:
            cell += bit
        work[lane, at.RUN_CELLS_USED + i] = cell * 2 + guess
        inputs[lane, at.RUN_INPUTS + i] = _toward(stretch(cell_probability(cells, cell) >> 10), guess)
    matched = np.int64(0)
    for i in range(at.MATCHES):
        cell, guess = _guess(cells, work, lane, at.MATCH_SYMBOLS + i, at.MATCH_FIRST + i, partial, bit)
        matched |= cell != SILENT
        work[lane, at.MATCH_CELLS_USED + i] = cell * 2 + guess
        probability = cell_probability(cells, cell)
        inputs[lane, at.MATCH_INPUTS + 2 * i] = _toward(stretch(probability >> 10), guess)
        inputs[lane, at.MATCH_INPUTS + 2 * i + 1] = _toward(_certainty(probability), guess)
    for i in range(at.DIRECT):
        probability = cell_probability(cells, np.int64(work[lane, at.DIRECT_CELLS_USED + i]))
        inputs[lane, at.DIRECT_INPUTS + 2 * i] = stretch(probability >> 10)
        inputs[lane, at.DIRECT_INPUTS + 2 * i + 1] = _certainty(probability)
    inputs[lane, at.BIAS_INPUT] = 256
    word_known = np.int64(work[lane, at.HISTORY_CELLS + 8]) & 255 != 0
    tail = s.rows[lane, TAIL]
    work[lane, at.CHOSEN] = at.BY_MATCH + np.int64(work[lane, at.MATCH_CLASS]) * matched * 8 + known
    work[lane, at.CHOSEN + 1] = at.BY_PARTIAL + partial
    work[lane, at.CHOSEN + 2] = at.BY_LAST + (tail & 255)
    work[lane, at.CHOSEN + 3] = at.BY_KNOWN + (bit << 5) + known * 4 + word_known
    work[lane, at.CHOSEN + 4] = at.BY_ABOVE + s.rows[lane, ABOVE]
    work[lane, at.CHOSEN + 5] = at.BY_SECOND + ((tail >> 8) & 255)


@inlined
def prior_of(tree: np.ndarray, lane: Integer, partial: Integer) -> tuple[Integer, Integer]:
    """What a net's tree of masses, int64 [L, 512], says of the next bit: P(bit = 1) in 2^-16, and a certainty class."""
    one, both = tree[lane, np.uintp(2 * partial + 1)], tree[lane, np.uintp(partial)]
    probability = min(max((one << 16) // both, np.int64(1)), np.int64(65535))
    return probability, probability >> 10


@inlined
def _take_priors(s: ByteState, lane: Integer, priors: np.ndarray, place: Integer) -> None:
    """Fill the inputs of the priors, and choose the weight row of each by its certainty class."""
    for q in range(priors.shape[0]):
        probability = np.int64(priors[q, 0, place])
        s.inputs[lane, np.uintp(at.PRIOR_INPUTS + 2 * q)] = stretch(probability >> 4)
        s.inputs[lane, np.uintp(at.PRIOR_INPUTS + 2 * q + 1)] = (probability - 32768) >> 5
        row = at.BY_PRIOR + q * at.PRIOR_CLASSES + np.int64(priors[q, 1, place])
        s.work[lane, np.uintp(at.CHOSEN + at.SELECTORS + q)] = row


@inlined
def speakers(s: ByteState, priors: np.ndarray) -> Integer:
    """How many weight rows speak for a bit: the engine's own, then one a prior, then those of texts."""
    own = np.int64(at.SELECTORS + priors.shape[0])
    return own + at.TEXT_SELECTORS if looked_up(s) > CONTEXTS else own


@inlined
def _choose_text_rows(s: ByteState, lane: Integer, first: Integer) -> None:
    """Choose the weight rows of texts, which stand from `first` on among those that speak."""
    s.work[lane, np.uintp(first)] = at.BY_CLASSES + (s.rows[lane, CLASSES] & 255)
    s.work[lane, np.uintp(first + 1)] = at.BY_MARK + (s.rows[lane, MARKS] & 255)


@inlined
def predict_lane(s: ByteState, lane: Integer, priors: np.ndarray, place: Integer) -> Integer:
    """Return P(bit = 1) of a lane's next bit in 2^-16, and note what spoke."""
    work, inputs, weights = s.work, s.inputs, s.weights
    partial = s.rows[lane, PARTIAL]
    first, second, third = _refiners(s.rows[lane, TAIL], partial)
    _gather(s, lane, partial, s.shared[BIT])
    _take_priors(s, lane, priors, place)
    if looked_up(s) > CONTEXTS:
        _choose_text_rows(s, lane, at.CHOSEN + at.SELECTORS + priors.shape[0])
    first_final = np.uintp(weights.shape[0] - at.FINAL_ROWS + partial)
    second_final = np.uintp(weights.shape[0] - at.FINAL_ROWS + 256 + np.int64(work[lane, at.CHOSEN]) - at.BY_MATCH)
    first_total = np.int64(0)
    second_total = np.int64(0)
    for i in range(np.uintp(speakers(s, priors))):
        blend = mix(weights, work[lane, np.uintp(at.CHOSEN) + i], inputs, lane, inputs.shape[1])
        blend = min(max(blend, np.int64(-LAST_BLEND)), np.int64(LAST_BLEND))
        work[lane, np.uintp(at.BLENDS) + i] = blend
        work[lane, np.uintp(at.OPINIONS) + i] = squash(blend)
        first_total += blend * np.int64(weights[first_final, i])
        second_total += blend * np.int64(weights[second_final, i])
    first_total = min(max(first_total >> 16, np.int64(-LAST_MIX)), np.int64(LAST_MIX))
    second_total = min(max(second_total >> 16, np.int64(-LAST_MIX)), np.int64(LAST_MIX))
    work[lane, at.MIXED] = squash(first_total)
    work[lane, at.MIXED + 1] = squash(second_total)
    mixed = (first_total + second_total) >> 1
    probability = squash(mixed)
    refined, work[lane, at.REFINED] = refine(s.knots, first, mixed)
    probability += refined
    refined, work[lane, at.REFINED + 1] = refine(s.knots, second, mixed)
    probability += refined
    refined, work[lane, at.REFINED + 2] = refine(s.knots, third, mixed)
    probability += refined
    _ask_for_next(s, lane, partial)
    return min(max((probability + 2) >> 2, np.int64(1)), np.int64(65535))


@inlined
def _learn_final(
    weights: np.ndarray, work: np.ndarray, lane: Integer, row: Integer, error: Integer, selectors: Integer
) -> None:
    """Move one row of the final mixer's weights."""
    for i in range(np.uintp(selectors)):
        step = (np.int64(work[lane, np.uintp(at.BLENDS) + i]) * error + (1 << (FINAL_SHIFT - 1))) >> FINAL_SHIFT
        moved = np.int64(weights[row, i]) + step
        weights[row, i] = min(max(moved, np.int64(-(1 << 19))), np.int64(1 << 19))


@inlined
def learn_lane(s: ByteState, lane: Integer, bit_value: Integer, rate: Integer, selectors: Integer) -> None:
    """Move everything that spoke towards the bit that came."""
    work, cells, weights = s.work, s.cells, s.weights
    partial = s.rows[lane, PARTIAL]
    node = _node(partial, s.shared[BIT])
    target = bit_value << 16
    row = weights.shape[0] - at.FINAL_ROWS
    _learn_final(weights, work, lane, np.uintp(row + partial), target - np.int64(work[lane, at.MIXED]), selectors)
    row += 256 + np.int64(work[lane, at.CHOSEN]) - at.BY_MATCH
    _learn_final(weights, work, lane, np.uintp(row), target - np.int64(work[lane, at.MIXED + 1]), selectors)
    for i in range(np.uintp(selectors)):
        error = target - np.int64(work[lane, np.uintp(at.OPINIONS) + i])
        if abs(error) > SETTLED:
            chosen = work[lane, np.uintp(at.CHOSEN) + i]
            mix_learn(weights, chosen, s.inputs, lane, s.inputs.shape[1], (error * rate) >> 6)
    for i in range(at.REFINERS):
        refine_learn(s.knots, np.int64(work[lane, at.REFINED + i]), bit_value, REFINE_RATE)
    for i in range(looked_up(s)):
        history = np.uintp(np.int64(work[lane, at.BASES + i]) + node)
        cell = np.int64(work[lane, at.HISTORY_CELLS + i])
        cell_learn(cells, cell, bit_value, HISTORY_LIMIT)
        s.slots[history] = HISTORY_NEXT[np.uintp(((cell & 255) << 1) + bit_value)]
        cells[np.uintp(i << 8)] = np.uint32(1 << 31)  # the empty history goes on saying nothing
    for i in range(at.RUNNERS):
        used = np.int64(work[lane, at.RUN_CELLS_USED + i])
        cell_learn(cells, used >> 1, 1 - ((used & 1) ^ bit_value), GUESS_LIMIT)
    for i in range(at.MATCHES):
        used = np.int64(work[lane, at.MATCH_CELLS_USED + i])
        cell_learn(cells, used >> 1, 1 - ((used & 1) ^ bit_value), GUESS_LIMIT)
    for i in range(at.DIRECT):
        cell_learn(cells, np.int64(work[lane, at.DIRECT_CELLS_USED + i]), bit_value, HISTORY_LIMIT)
    cells[np.uintp(SILENT)] = np.uint32(1 << 31)
    s.rows[lane, PARTIAL] = partial << 1 | bit_value
