"""Layers of small integers that go on learning, a window of positions at a time: exact products, normalised steps.

    W -= rate * sum_t (e_t / |e|) (x_t / |x|)^T            over the positions t of a window

Errors e of each output and operands x of each input are divided by their own root mean squares, as in
`arzip.exact.learning_matrix`, which has bytes come one by one: that comes within 0.2 % of Adam (Kingma and Ba 2015 [1])
and needs no memory of every weight. Weights keep eight more bits than they were trained with, for steps are small;
products of shorts sum in 32 bits whatever they become. Errors go back through the weights as they were trained, in 8
bits.

Errors and root mean squares are IEEE single precision in one fixed order, all else are sums of integers. None fades to
a denormal number, which some processors are told to take for zero.

[1] https://arxiv.org/abs/1412.6980
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, Real, inlined
from arzip.exact.packed import MIDDLE, POSITIONS, made_up, packed, products_at, room
from arzip.exact.small_net import LIMIT

__all__ = ["FINER", "TINY", "WINDOW", "Layers", "Room", "go_back", "move", "new_layers", "new_room", "summed"]

WINDOW = 32  # positions between two steps, at most
FINER = 8  # more fractional bits of weights
_FINEST = 20  # and of biases: their steps are shifted up, whatever the points
_RATE = 14  # a weight moves by 2^-14 of the sum over a window
_MEMORY = 64  # windows that mean squares remember: what is hard to foresee in one part of a picture is easy in another
_ERROR_POINT, _MOST_ERROR = 8, 4095  # of normalised errors: +-16
_NORMAL_POINT, _MOST_NORMAL = 7, 4095  # of normalised operands: +-32
_LEAST_ERROR, _LEAST_OPERAND = np.float32(2.0**-24), np.float32(2.0**-4)  # added to root mean squares
_LARGEST_BIAS = 1 << 48
TINY, _TINY_BITS = np.float32(2.0**-40), 0x2B800000  # smaller errors are none
_FADED = np.float32(2.0**-90)  # added to squares
_OUTPUTS = 16  # that products take together


class Layers(NamedTuple):
    """N layers of one shape, O x I in whole steps."""

    weights: np.ndarray  # int16 [N, O / 16, I / 2, 16, 2]: packed
    pairs: np.ndarray  # uint32 [N, O / 16, 8 I]: the same memory, two by two
    bias: np.ndarray  # int64 [N, O], with the half that rounds
    sums: np.ndarray  # int32 [N, 2, O]: bias as sums of whole weights take it, shift
    across: np.ndarray  # int8 [N, I / 16, O / 4, 16, 4]: the transposed matrix as it was trained, packed
    offsets: np.ndarray  # int32 [N, I]: what operands that were made unsigned add to its products
    units: np.ndarray  # float32 [N, 2, O]: what a weight counts in the output; its share of the finest step
    wrong: np.ndarray  # float32 [N, O]: mean squares of errors
    heard: np.ndarray  # float32 [N, I]: mean squares of operands
    shifts: np.ndarray  # int64 [2]: from products of normalised numbers to steps of weights; back to those of biases


class Room(NamedTuple):
    """What steps of layers of at most O x I are made in."""

    unsigned: np.ndarray  # uint8 [POSITIONS, O]: errors in 8 bits
    back: np.ndarray  # int32 [POSITIONS, I]
    parts: np.ndarray  # float32 [POSITIONS]: what one of those bits is worth
    scales: np.ndarray  # float32 [O or I, and one]
    bits: np.ndarray  # int32: the same memory
    row: np.ndarray  # uint32 [O or I]
    normal: np.ndarray  # int16 [2, I / 2, WINDOW]: normalised operands, the even ones and the odd ones
    halves: np.ndarray  # uint32 [2, I / 2, WINDOW / 2]: the same memory
    wanted: np.ndarray  # int16 [O / 16, WINDOW / 2, 16, 2]: normalised errors
    twins: np.ndarray  # uint32 [O / 16, WINDOW / 2, 16]: the same memory
    turns: np.ndarray  # int32 [O]: sums of them
    moves: np.ndarray  # int32 [2, I / 2, 16]


def new_layers(
    shape: tuple[int, int], weights: list[NDArray[np.int8]], sums: list[NDArray[np.int32]], source: int, target: int
) -> Layers:
    """Of matrices int8 [O, I], with int32 [2, O]: bias with the half that rounds, and shift, between two points."""
    count, (outputs, inputs) = len(weights), (room(size) for size in shape)
    whole = np.zeros((count, outputs, inputs), np.int8)
    filled = np.zeros((count, 2, outputs), np.int32)
    for n in range(count):
        whole[n, : shape[0], : shape[1]] = weights[n]
        filled[n, :, : sums[n].shape[1]] = sums[n]
    shift = filled[:, 1].astype(np.int64)
    down = _RATE + _ERROR_POINT + _NORMAL_POINT + source - target - FINER
    most = min(
        int(shift.max(initial=0)), down - 1
    )  # as in `learning_matrix`: a step is shifted down by one bit at least
    fine = np.zeros((count, outputs // _OUTPUTS, inputs // 2, _OUTPUTS, 2), np.int16)
    across = np.zeros((count, inputs // _OUTPUTS, outputs // 4, _OUTPUTS, 4), np.int8)
    offsets = np.zeros((count, inputs), np.int32)
    for n, matrix in enumerate(whole):
        fine[n] = packed(matrix.astype(np.int16) << FINER)
        across[n], offsets[n] = packed(matrix.T), made_up(offsets[n], matrix.T)
    return Layers(
        fine,
        fine.view(np.uint32).reshape(count, outputs // _OUTPUTS, inputs // 2 * _OUTPUTS),
        filled[:, 0].astype(np.int64) << _FINEST,
        filled,
        across,
        offsets,
        np.ldexp(np.float32(1), np.stack([-shift, shift - most], axis=1)).astype(np.float32),
        np.zeros((count, outputs), np.float32),
        np.zeros((count, inputs), np.float32),
        np.array([down - most, most + target + _FINEST - _ERROR_POINT - _RATE]),
    )


def new_room(outputs: int, inputs: int) -> Room:
    """For layers of at most so many outputs, and inputs, in whole steps."""
    scales = np.zeros(max(outputs, inputs) + 1, np.float32)
    normal = np.zeros((2, inputs // 2, WINDOW), np.int16)
    wanted = np.zeros((outputs // _OUTPUTS, WINDOW // 2, _OUTPUTS, 2), np.int16)
    return Room(
        np.zeros((POSITIONS, outputs), np.uint8),
        np.zeros((POSITIONS, inputs), np.int32),
        np.zeros(POSITIONS, np.float32),
        scales,
        scales.view(np.int32),
        np.zeros(max(outputs, inputs), np.uint32),
        normal,
        normal.view(np.uint32),
        wanted,
        wanted.view(np.uint32)[..., 0],
        np.zeros(outputs, np.int32),
        np.zeros((2, inputs // 2, _OUTPUTS), np.int32),
    )


@inlined
def summed(layers: Layers, n: Integer, operands: np.ndarray, count: Integer, total: np.ndarray) -> None:
    """Sums int32 [F, O] of a layer over operands int16 [F, I], with FINER more fractional bits and without bias."""
    for at in range(np.uintp(0), np.uintp(count), np.uintp(POSITIONS)):
        products_at(layers.weights[n], operands[at : at + np.uintp(POSITIONS)], total[at : at + np.uintp(POSITIONS)])


@inlined
def go_back(layers: Layers, n: Integer, into: Room, errors: np.ndarray, out: np.ndarray) -> None:
    """out float32 [WINDOW, I]: what errors float32 [WINDOW, O] of a layer say of its operands."""
    units, offsets, outputs = layers.units[n, 0], layers.offsets[n], np.uintp(layers.units.shape[2])
    scales, bits = into.scales, into.bits  # floats that are not negative are ordered as their bits are
    for first in range(np.uintp(0), np.uintp(WINDOW), np.uintp(POSITIONS)):
        for at in range(np.uintp(POSITIONS)):
            wrong, operand = errors[first + at], into.unsigned[at]
            for o in range(outputs):
                scales[o] = np.float32(wrong[o] * units[o])
            most = np.int32(_TINY_BITS)
            for o in range(outputs):
                most = max(most, np.int32(bits[o] & np.int32(0x7FFFFFFF)))
            bits[outputs] = most
            largest = scales[outputs]
            scale = np.divide(np.float32(127.0), largest)
            for o in range(outputs):
                whole = np.floor(np.float32(np.float32(scales[o] * scale) + np.float32(0.5)))
                operand[o] = np.uint8(np.int32(whole) + np.int32(MIDDLE))
            into.parts[at] = np.float32(largest * np.float32(1.0 / 127.0))
        products_at(layers.across[n], into.unsigned, into.back)
        for at in range(np.uintp(POSITIONS)):
            said, row, part = into.back[at], out[first + at], into.parts[at]
            for i in range(np.uintp(offsets.shape[0])):
                row[i] = np.float32(np.float32(np.int32(said[i] + offsets[i])) * part)


@inlined
def _bounded(value: Real, most: Integer) -> Integer:
    """A float32, rounded, within bounds: int32."""
    whole = np.floor(np.float32(value + np.float32(0.5)))
    return np.int32(min(max(whole, np.float32(-most)), np.float32(most)))


@inlined
def _scale(squares: np.ndarray, found: np.ndarray, part: Real, share: Real, least: Real) -> None:
    """Counts sums of squares among the mean ones, and leaves one over their roots in their place."""
    for o in range(np.uintp(squares.shape[0])):
        new = np.float32(np.float32(found[o] * part) + _FADED)
        squares[o] = np.float32(squares[o] + np.float32(np.float32(new - squares[o]) * share))
        found[o] = np.divide(np.float32(1.0), np.float32(np.sqrt(squares[o]) + least))


@inlined
def _weigh_errors(layers: Layers, n: Integer, into: Room, errors: np.ndarray, part: Real, share: Real) -> None:
    """Errors float32 [WINDOW, O] over their root mean squares, two positions by two, into `twins`."""
    outputs = np.uintp(layers.units.shape[2])
    scales, finest, turns, row = into.scales[:outputs], layers.units[n, 1], into.turns, into.row
    scales[:], turns[:] = np.float32(0.0), np.int32(0)
    for t in range(WINDOW):
        wrong = errors[t]
        for o in range(outputs):
            scales[o] = np.float32(scales[o] + np.float32(wrong[o] * wrong[o]))
    _scale(layers.wrong[n], scales, part, share, _LEAST_ERROR)
    for o in range(outputs):
        scales[o] = np.float32(np.float32(scales[o] * finest[o]) * np.float32(1 << _ERROR_POINT))
    for pair in range(WINDOW // 2):
        one, two = errors[2 * pair], errors[2 * pair + 1]
        for o in range(outputs):
            low = _bounded(np.float32(one[o] * scales[o]), _MOST_ERROR)
            high = _bounded(np.float32(two[o] * scales[o]), _MOST_ERROR)
            turns[o] = np.int32(turns[o] + np.int32(low + high))
            row[o] = (np.uint32(low) & np.uint32(0xFFFF)) | (np.uint32(high) << np.uint32(16))
        for block in range(outputs >> np.uintp(4)):
            here, there = row[block * np.uintp(_OUTPUTS) :], into.twins[block, pair]
            for o in range(np.uintp(_OUTPUTS)):
                there[o] = here[o]


@inlined
def _weigh_operands(
    layers: Layers, n: Integer, into: Room, heard: np.ndarray, taken: Integer, part: Real, share: Real
) -> None:
    """Operands int16 [taken, I] over their root mean squares, into `halves`; what is beyond them meets no error."""
    inputs = np.uintp(layers.heard.shape[1])
    scales, row = into.scales[:inputs], into.row
    scales[:] = np.float32(0.0)
    for t in range(np.uintp(taken)):
        x = heard[t]
        for i in range(inputs):
            scales[i] = np.float32(scales[i] + np.float32(np.int32(np.int32(x[i]) * np.int32(x[i]))))
    _scale(layers.heard[n], scales, part, share, _LEAST_OPERAND)
    for i in range(inputs):
        scales[i] = np.float32(scales[i] * np.float32(1 << _NORMAL_POINT))
    for pair in range((np.uintp(taken) + np.uintp(1)) >> np.uintp(1)):
        one, two = heard[np.uintp(2) * pair], heard[np.uintp(2) * pair + np.uintp(1)]
        for i in range(inputs):
            low = np.uint32(_bounded(np.float32(np.float32(one[i]) * scales[i]), _MOST_NORMAL)) & np.uint32(0xFFFF)
            high = np.uint32(_bounded(np.float32(np.float32(two[i]) * scales[i]), _MOST_NORMAL)) << np.uint32(16)
            row[i] = low | high
        for i in range(inputs >> np.uintp(1)):
            into.halves[0, i, pair] = row[np.uintp(2) * i]
            into.halves[1, i, pair] = row[np.uintp(2) * i + np.uintp(1)]


@inlined
def _moved(weight: Integer, step: Integer, half: Integer, shift: Integer) -> Integer:
    """A weight after a step, within 16 bits; all int32."""
    moved = np.int32(weight - np.int32(np.int32(step + half) >> shift))
    return min(max(moved, np.int32(-LIMIT)), np.int32(LIMIT))


@inlined
def move(
    layers: Layers, n: Integer, into: Room, errors: np.ndarray, heard: np.ndarray, taken: Integer, steps: Integer
) -> None:
    """Step number `steps` of a layer, against errors float32 [WINDOW, O] of operands int16 [taken, I]."""
    part = np.divide(np.float32(1.0), np.float32(taken))
    share = np.divide(np.float32(1.0), np.float32(min(steps, np.int64(_MEMORY))))
    _weigh_errors(layers, n, into, errors, part, share)
    _weigh_operands(layers, n, into, heard, taken, part, share)
    shift, up = np.int32(layers.shifts[0] & 31), layers.shifts[1]
    half, pairs = np.int32(np.int32(1) << np.int32(shift - 1)), np.uintp(layers.heard.shape[1] // 2)
    bias, sums = layers.bias[n], layers.sums[n, 0]
    for o in range(np.uintp(bias.shape[0])):
        moved = bias[o] - (np.int64(into.turns[o]) << up)
        bias[o] = min(max(moved, np.int64(-_LARGEST_BIAS)), np.int64(_LARGEST_BIAS))
        sums[o] = np.int32(bias[o] >> _FINEST)
    for block in range(np.uintp(layers.pairs.shape[1])):
        wanted = into.wanted[block : block + np.uintp(1)]
        for side in range(2):
            for i in range(np.uintp(0), pairs, np.uintp(POSITIONS)):
                products_at(wanted, into.normal[side, i:], into.moves[side, i:])
        ones, twos, weights = into.moves[0].reshape(-1), into.moves[1].reshape(-1), layers.pairs[n, block]
        for k in range(np.uintp(weights.shape[0])):
            both = np.int32(weights[k])
            low = _moved(np.int32(np.int32(both << np.int32(16)) >> np.int32(16)), ones[k], half, shift)
            high = _moved(np.int32(both >> np.int32(16)), twos[k], half, shift)
            weights[k] = (np.uint32(low) & np.uint32(0xFFFF)) | (np.uint32(high) << np.uint32(16))
