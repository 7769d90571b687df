"""The walk over a picture that encoder and decoder share: what one notes, the other reads.

Most of a drawing is ground of one colour. Where all neighbours are the same and experience says that nothing happens
there, a pixel is one decision from one cell (the fast way); everywhere else all models speak.
"""

import numpy as np

from arzip.compiled import Integer, compiled, inlined
from arzip.mixing import drawing_state as at
from arzip.mixing.adaptive_maps import cell_learn, cell_probability
from arzip.mixing.drawing_colours import code_candidates, come_down, follow_matches, learn_colour, look_around
from arzip.mixing.drawing_mixing import LEAST, code_bit
from arzip.mixing.drawing_samples import code_samples
from arzip.mixing.drawing_state import DrawingState

__all__ = ["walk"]

FLAT_LIMIT = 1023
CERTAIN = (1 << 22) // 1024  # ground changes more rarely than this on the fast way
FLAT_NEIGHBOURS = 20


@inlined
def _open_row(s: DrawingState, row: Integer) -> None:
    """Fill the margins that the row is going to look at with the nearest pixels."""
    width, stride = s.work[at.WIDTH], s.work[at.STRIDE]
    first = (at.TOP + row) * stride + at.LEFT
    if row == 0:
        return
    last = s.canvas[np.uintp(first - stride + width - 1)]
    for k in range(at.RIGHT):
        s.canvas[np.uintp(first - stride + width + k)] = last
    for k in range(at.LEFT):
        s.canvas[np.uintp(first - 1 - k)] = s.canvas[np.uintp(first - stride)]


@inlined
def _flat_cell(s: DrawingState, here: Integer, column: Integer) -> Integer:
    """The cell of a pixel among equal neighbours, by what the matches expect; -1 elsewhere."""
    work = s.work
    ground = s.canvas[np.uintp(here - 1)]
    for i in range(1, FLAT_NEIGHBOURS):
        if s.canvas[np.uintp(here + s.offsets[i])] != ground:
            return np.int64(-1)
    wider = np.int64(1)
    for i in range(FLAT_NEIGHBOURS, at.NEAR):
        wider &= np.int64(s.canvas[np.uintp(here + s.offsets[i])] == ground)
    right = work[at.MATCH_PLACE] + 1
    down = s.pointers[0, column] + work[at.STRIDE]
    heard = np.int64(0)
    if right > 1:
        heard = 1 + np.int64(s.canvas[np.uintp(right)] == ground)
    if s.pointers[0, column] > 0:
        heard += 3 + 3 * np.int64(s.canvas[np.uintp(down)] == ground)
    return at.FLAT_CELLS + heard * 2 + wider


@compiled
def walk(
    until: Integer,
    out: np.ndarray,
    taken: np.ndarray,
    coder: np.ndarray,
    words: np.ndarray,
    canvas: np.ndarray,
    offsets: np.ndarray,
    outcomes: np.ndarray,
    pointers: np.ndarray,
    slots: np.ndarray,
    partners: np.ndarray,
    found: np.ndarray,
    histories: np.ndarray,
    sample_slots: np.ndarray,
    cells: np.ndarray,
    knots: np.ndarray,
    colour_inputs: np.ndarray,
    colour_weights: np.ndarray,
    sample_inputs: np.ndarray,
    sample_weights: np.ndarray,
    work: np.ndarray,
) -> None:
    """Code pixels up to the one numbered `until`, in raster order."""
    s = DrawingState(
        canvas, offsets, outcomes, pointers, slots, partners, found, histories, sample_slots, cells, knots,
        colour_inputs, colour_weights, sample_inputs, sample_weights, work,
    )  # fmt: skip
    work[at.DECISIONS] = 0
    width = work[at.WIDTH]
    colours = np.int64(at.CANDIDATES)
    if work[at.CHANNELS] * work[at.DEPTH] < 3:
        colours = (np.int64(1) << (work[at.CHANNELS] * work[at.DEPTH])) - 1
    for place in range(work[at.PLACE], until):
        x = place % width
        if x == 0:
            _open_row(s, place // width)
        here = (at.TOP + place // width) * work[at.STRIDE] + at.LEFT + x
        column = x + at.LEFT
        around = ((np.int64(outcomes[column - 1]) * 3 + outcomes[column]) * 3 + outcomes[column + 1]) * 3
        around += outcomes[column - 2]
        flat = _flat_cell(s, here, column) if around == 0 and x > 0 else np.int64(-1)
        ground = canvas[np.uintp(here - 1)]
        refuted = np.int64(0)
        if flat >= 0 and cell_probability(cells, flat) < CERTAIN:
            p = max(cell_probability(cells, flat) << 2, np.int64(LEAST))
            refuted = code_bit(np.int64(canvas[np.uintp(here)] != ground), p, out, taken, coder, words, work)
            if not refuted:
                cell_learn(cells, flat, np.int64(0), FLAT_LIMIT)
                canvas[np.uintp(here)] = ground
                work[at.MATCH_PLACE] += np.int64(work[at.MATCH_PLACE] > 0)
                come_down(s, column)
                follow_matches(s, here, column)
                outcomes[column] = 0
                continue
        look_around(s, here, x)
        work[at.TRIES] = refuted
        work[at.TRIED] = ground
        most = min(np.int64(2), colours) if around == 80 else colours
        outcome = code_candidates(s, here, around, most, out, taken, coder, words)
        if outcome == 2:
            code_samples(s, here, out, taken, coder, words)
        if flat >= 0:
            cell_learn(cells, flat, np.int64(canvas[np.uintp(here)] != ground), FLAT_LIMIT)
        outcomes[column] = np.uint8(outcome)
        learn_colour(s, here)
        follow_matches(s, here, column)
    work[at.PLACE] = until
