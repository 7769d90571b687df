"""From many opinions on one decision to its probability, and back: mixing, final maps, coding, learning.

P(bit) = mean of the final mix and its refinements,  final mix = squash(sum_s v_s x_s),  x_s = w_s . inputs

Everything certain about a drawing is far beyond 16 bits, so the end is held in 2^-24. Cells move by shifts that round
down: a probability may fall to nothing but never rises to one, so decisions are put such that 0 is what is expected.
"""

import numpy as np

from arzip.coding.compiled_coder import read_bit
from arzip.compiled import Integer, inlined
from arzip.mixing import drawing_state as at
from arzip.mixing.adaptive_maps import cell_learn, cell_probability
from arzip.mixing.mixer import mix, mix_learn
from arzip.mixing.nonlinear import squash, squash_fine

__all__ = ["certainty", "code_bit", "decide", "learn_decision"]

LAST_BLEND = 2815
SETTLED = 200  # a blend this near to the bit, in 2^-16, is left alone
FINAL_SHIFT = 16
LEAST = 8  # probability in 2^-24
MAP_LIMIT = 400


@inlined
def certainty(probability: Integer) -> Integer:
    """A 22-bit probability as a plain input: its distance from one half, within +-1024."""
    return (probability - (1 << 21)) >> 11


@inlined
def code_bit(
    known: Integer,
    p: Integer,
    out: np.ndarray,
    taken: np.ndarray,
    coder: np.ndarray,
    words: np.ndarray,
    work: np.ndarray,
) -> Integer:
    """Note a known bit beside its probability for the coder, or read it from the words."""
    bit = known
    if work[at.READING]:
        bit = read_bit(coder, words, p)
    else:
        place = np.uintp(work[at.DECISIONS])
        out[place] = np.int32(p)
        taken[place] = np.int32(bit)
        work[at.DECISIONS] += 1
    return bit


@inlined
def decide(weights: np.ndarray, inputs: np.ndarray, knots: np.ndarray, work: np.ndarray, maps: Integer) -> Integer:
    """P(bit = 1) in 2^-24, from inputs and the rows and map contexts chosen in `work`."""
    final = np.uintp(work[at.FINAL_ROW])
    total = np.int64(0)
    for i in range(np.uintp(at.SETS)):
        blend = mix(weights, work[np.uintp(at.CHOSEN) + i], inputs, np.int64(0), inputs.shape[1])
        blend = min(max(blend, np.int64(-LAST_BLEND)), np.int64(LAST_BLEND))
        work[np.uintp(at.BLENDS) + i] = blend
        work[np.uintp(at.OPINIONS) + i] = squash(blend)
        total += blend * np.int64(weights[final, i])
    mixed = min(max(total >> 16, np.int64(-3071)), np.int64(3071))
    probability = squash_fine(mixed)
    work[at.MIXED] = probability
    position = mixed + 3072
    low, weight = position >> 7, position & 127
    refined = np.int64(0)
    for i in range(np.uintp(maps)):
        place = work[np.uintp(at.MAP_CONTEXT) + i] * at.KNOTS + low
        refined += cell_probability(knots, place) * (128 - weight) + cell_probability(knots, place + 1) * weight
        work[np.uintp(at.MAP_PLACE) + i] = place + (weight >> 6)
    probability = (probability + (refined >> 5)) // (maps + 1)
    return min(max(probability, np.int64(LEAST)), np.int64((1 << 24) - LEAST))


@inlined
def learn_decision(
    weights: np.ndarray,
    inputs: np.ndarray,
    knots: np.ndarray,
    work: np.ndarray,
    maps: Integer,
    bit: Integer,
) -> None:
    """Move weights and maps towards the bit that came."""
    rate = at.LAST_RATE + (work[at.FIRST_RATE] - at.LAST_RATE) * at.RATE_DECISIONS // (
        at.RATE_DECISIONS + work[at.SEEN]
    )
    work[at.SEEN] += 1
    final = np.uintp(work[at.FINAL_ROW])
    error = ((bit << 24) - work[at.MIXED]) >> 8
    target = bit << 16
    for i in range(np.uintp(at.SETS)):
        step = (work[np.uintp(at.BLENDS) + i] * error + (1 << (FINAL_SHIFT - 1))) >> FINAL_SHIFT
        moved = np.int64(weights[final, i]) + step
        weights[final, i] = np.int32(min(max(moved, np.int64(-(1 << 19))), np.int64(1 << 19)))
    for i in range(np.uintp(at.SETS)):
        error = target - work[np.uintp(at.OPINIONS) + i]
        if abs(error) > SETTLED:
            mix_learn(weights, work[np.uintp(at.CHOSEN) + i], inputs, np.int64(0), inputs.shape[1], (error * rate) >> 6)
    for i in range(np.uintp(maps)):
        cell_learn(knots, work[np.uintp(at.MAP_PLACE) + i], bit, MAP_LIMIT)
