"""A gated recurrent net over bytes that goes on learning while it reads, far beyond its output layer.

It begins as the net of `arzip.exact.small_gru`. After every WINDOW bytes errors go back through all of them in time,
and what makes candidates learns (their rows of U, and the rows P and W of contexts), with V and the biases: dynamic
evaluation (Krause et al. 2018 [1]), in exact arithmetic. The gates stay as they were trained: moving them as well cost
twice the time and brought prose nothing, programs 0.3 %. How matrices move is told in `arzip.exact.learning_matrix`.

Gradients through gates are doubles in one fixed order, all else are sums of integers.

[1] https://arxiv.org/abs/1709.07432
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.exact.gates import GATE_POINT, STATE_POINT, SUM_POINT, gru_gates, gru_state
from arzip.exact.learning_matrix import (
    LEAST_ERROR,
    WINDOW,
    Matrix,
    Room,
    back,
    halvings,
    move,
    new_matrix,
    new_room,
    normalise,
    summed,
)
from arzip.exact.packed import MIDDLE, made_up, packed, products, room, unpacked
from arzip.exact.small_gru import (
    ALPHABET,
    HIDDEN_POINT,
    LEARNING,
    ROW_POINT,
    GRUState,
    SmallGRU,
    grow,
    next_rows,
    operand_of,
    scaled,
)

__all__ = ["LearningGRU", "learn_and_read", "new_learning_gru"]

_FINER = 8  # more fractional bits of rows
_ROW_RATE = 2.0  # in their finest units, of a normalised error
_LARGEST_ROW, _LARGEST_STEP = 32767, 128


class LearningGRU(NamedTuple):
    """The net of one lane, its state, and what it keeps of the bytes since the last step."""

    inner: Matrix  # what makes candidates, [H, H]
    output: Matrix  # V, [256, H]
    pairs: np.ndarray  # int16 [P, H], at ROW_POINT + _FINER
    words: np.ndarray  # int16 [W, H]
    inner_back: np.ndarray  # int8, [H, 3 H] packed: U transposed
    output_back: np.ndarray  # int8, [H, 256] packed
    offsets: np.ndarray  # int32 [2, H]: those of both
    units: np.ndarray  # float64 [3 H]: what weights of U count in
    hidden: np.ndarray  # int32 [H], at STATE_POINT
    operand: np.ndarray  # int16 [H], the same rounded to 8 bits
    unsigned: np.ndarray  # uint8 [H], that plus 128
    squares: np.ndarray  # float64 [H]: mean squares of the operand
    context: np.ndarray  # int64 [2], as GRUState's
    past: np.ndarray  # int64 [2]: bytes since the last step, steps so far
    heard: np.ndarray  # int16 [H, WINDOW]: operands
    normal: np.ndarray  # int16 [H, WINDOW]: the same, normalised
    rows: np.ndarray  # int64 [WINDOW, 2]: of pairs and words
    wrong: np.ndarray  # float64 [WINDOW, 256]: p - [x = byte]
    slopes: np.ndarray  # float64 [WINDOW, H]: dL/dh that the outputs want
    gates: np.ndarray  # float64 [WINDOW, 5, H]: r, z, candidate, h before, what r lets through
    errors: np.ndarray  # float64 [WINDOW, 3 H]: dL/dU h
    added: np.ndarray  # float64 [WINDOW, H]: dL/d what is added to the candidate
    carried: np.ndarray  # float64 [H]
    sums: np.ndarray  # int32, scratch for 3 H or 256
    room: Room


def new_learning_gru(net: SmallGRU) -> LearningGRU:
    """A net that has read nothing, or what stands for it where there is none."""
    units = net.pairs.shape[1]
    most, outputs = max(3 * units, ALPHABET), ALPHABET if units else 0
    (inner, bias), shift = unpacked(net.inner, net.inner_sums[0], (3 * units, units)), net.inner_sums[1]
    output, output_bias = unpacked(net.output, net.output_sums[0], (outputs, units))
    both = [np.ascontiguousarray(weights.T) for weights in (inner, output)]
    return LearningGRU(
        new_matrix(inner[2 * units :], bias[2 * units :], shift[2 * units :], SUM_POINT),
        new_matrix(output, output_bias, net.output_sums[1], ROW_POINT),
        net.pairs.astype(np.int16) << _FINER,
        net.words.astype(np.int16) << _FINER,
        packed(both[0]),
        packed(both[1]),
        np.stack([made_up(np.zeros(units, np.int32), weights) for weights in both]),
        np.ldexp(1.0, HIDDEN_POINT - SUM_POINT - shift),
        np.zeros(units, np.int32),
        np.zeros(units, np.int16),
        np.full(room(units), MIDDLE, np.uint8),
        np.zeros(units),
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
        np.zeros((units, WINDOW), np.int16),
        np.zeros((room(units), WINDOW), np.int16),
        np.zeros((WINDOW, 2), np.int64),
        np.zeros((WINDOW, ALPHABET)),
        np.zeros((WINDOW, units)),
        np.zeros((WINDOW, 5, units)),
        np.zeros((WINDOW, 3 * units)),
        np.zeros((WINDOW, units)),
        np.zeros(units),
        np.zeros(room(most) + room(units), np.int32),
        new_room(most, units),
    )


@inlined
def _hear(net: LearningGRU, tree: np.ndarray, byte: Integer) -> None:
    """Note the operand, and what was wrong with the opinion that it gave of the byte that came."""
    t = np.uintp(net.past[0])
    for j in range(np.uintp(net.hidden.shape[0])):
        net.heard[j, t] = net.operand[j]
    wrong, scale = net.wrong[t], np.divide(1.0, np.float64(tree[np.uintp(1)]))
    for x in range(np.uintp(ALPHABET)):
        wrong[x] = np.float64(tree[np.uintp(ALPHABET) + x]) * scale
    wrong[np.uintp(byte)] -= 1.0
    back(net.output_back, net.offsets[1], net.output.points[0], wrong, net.room, net.slopes[t])


@inlined
def _read(net: LearningGRU, trained: SmallGRU, byte: Integer) -> None:
    """Move the state past a byte, and note its gates."""
    t, units = np.uintp(net.past[0]), np.uintp(net.hidden.shape[0])
    net.rows[t, 0], net.rows[t, 1] = next_rows(net.context, byte, net.pairs.shape[0], net.words.shape[0])
    pair, spelled = net.pairs[np.uintp(net.rows[t, 0])], net.words[np.uintp(net.rows[t, 1])]
    sums, hidden, operand, gates, embedded = net.sums, net.hidden, net.operand, net.gates[t], trained.embedding[byte]
    bias, shift, finer = trained.inner_sums[0], trained.inner_sums[1], ROW_POINT + _FINER - SUM_POINT
    products(trained.inner, net.unsigned, sums)
    for o in range(units + units):
        sums[o] = scaled(np.int64(sums[o]), np.int64(bias[o]), np.int64(shift[o]))
    summed(net.inner, net.unsigned, net.room, sums[units + units :])
    for j in range(units):
        k, m = units + j, units + units + j
        h, through = np.int64(hidden[j]), np.int64(sums[m])
        rows = (np.int64(pair[j]) + np.int64(spelled[j]) + (1 << (finer - 1))) >> finer
        r, z, candidate = gru_gates(
            np.int64(embedded[j]) + np.int64(sums[j]),
            np.int64(embedded[k]) + np.int64(sums[k]),
            np.int64(embedded[m]) + rows,
            through,
        )
        gates[0, j], gates[1, j] = np.float64(r) * 2.0**-GATE_POINT, np.float64(z) * 2.0**-GATE_POINT
        gates[2, j], gates[3, j] = np.float64(candidate) * 2.0**-STATE_POINT, np.float64(h) * 2.0**-STATE_POINT
        gates[4, j] = np.float64(through) * 2.0**-SUM_POINT
        h = gru_state(z, candidate, h)
        hidden[j] = h
        operand[j] = operand_of(h)
        net.unsigned[j] = operand[j] + MIDDLE
    net.past[0] += 1


@inlined
def _go_back(net: LearningGRU) -> None:
    """dL/d(U h) of every byte of the window but the last, whose consequences are not known yet."""
    units, carried = np.uintp(net.hidden.shape[0]), net.carried
    net.errors[WINDOW - 1, :] = 0.0
    net.added[WINDOW - 1, :] = 0.0
    carried[:] = 0.0
    for later in range(1, WINDOW):
        t = np.uintp(WINDOW - 1 - later)
        gates, errors, added, slope = net.gates[t], net.errors[t], net.added[t], net.slopes[t + np.uintp(1)]
        r, z, candidate, before, through = gates[0], gates[1], gates[2], gates[3], gates[4]
        to_r, to_z, to_n = errors[:units], errors[units : units + units], errors[units + units :]
        for j in range(units):
            wanted = carried[j] + slope[j]
            kept = z[j] * wanted
            to_candidate = (1.0 - candidate[j] * candidate[j]) * (wanted - kept)
            added[j] = to_candidate
            to_n[j] = to_candidate * r[j]
            to_r[j] = to_candidate * through[j] * r[j] * (1.0 - r[j])
            to_z[j] = (before[j] - candidate[j]) * kept * (1.0 - z[j])
            carried[j] = kept
        if t > 0:
            # The slope is not needed any more: what goes back to the byte before takes its place.
            back(net.inner_back, net.offsets[0], net.units, errors, net.room, slope)
            for j in range(units):
                carried[j] += slope[j]


@inlined
def _move_rows(net: LearningGRU) -> None:
    """Move the rows that were looked up against errors over the root mean square of those of their candidates."""
    units, rate = np.uintp(net.hidden.shape[0]), np.divide(_ROW_RATE, np.float64(1 << halvings(net.past[1])))
    for j in range(units):
        net.carried[j] = np.divide(rate, np.sqrt(net.inner.squares[j]) + LEAST_ERROR)
    for t in range(WINDOW):
        pair, word, added = net.pairs[np.uintp(net.rows[t, 0])], net.words[np.uintp(net.rows[t, 1])], net.added[t]
        for j in range(units):
            step = np.int32(np.floor(added[j] * net.carried[j] + 0.5))
            step = min(max(step, np.int32(-_LARGEST_STEP)), np.int32(_LARGEST_STEP))
            pair[j] = np.int16(min(max(np.int32(pair[j] - step), np.int32(-_LARGEST_ROW)), np.int32(_LARGEST_ROW)))
            word[j] = np.int16(min(max(np.int32(word[j] - step), np.int32(-_LARGEST_ROW)), np.int32(_LARGEST_ROW)))


@inlined
def _step(net: LearningGRU) -> None:
    """Learn what the window says."""
    net.past[0] = 0
    net.past[1] += 1
    _go_back(net)
    normalise(net.heard, net.squares, net.past[1], net.normal)
    move(net.inner, net.errors[:, 2 * net.hidden.shape[0] :], net.normal, net.past[1], net.room)
    _move_rows(net)
    move(net.output, net.wrong, net.normal, net.past[1], net.room)


@inlined
def learn_and_read(net: LearningGRU, trained: SmallGRU, state: GRUState, byte: Integer) -> None:
    """Read a byte, learn from it, and say in the state's second tree what may come next."""
    tree = state.tree[LEARNING, 0]
    _hear(net, tree, byte)
    _read(net, trained, byte)
    if net.past[0] == WINDOW:
        _step(net)
    products(trained.output, net.unsigned, net.sums)
    summed(net.output, net.unsigned, net.room, net.sums)
    for x in range(np.uintp(ALPHABET)):
        tree[np.uintp(ALPHABET) + x] = np.int64(net.sums[x])
    grow(tree)
