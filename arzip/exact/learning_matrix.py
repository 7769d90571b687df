"""A matrix of small integers that goes on learning: W' = W + drift, in exact products and normalised steps.

    drift -= rate sum_t (e_t / |e|) (x_t / |x|)^T      after every WINDOW inputs x_t with errors e_t

Adam (Kingma and Ba 2015 [1]) would divide the gradient, a sum of outer products, by its size weight by weight. Here the
errors of each output and the values of each input are divided by their own root mean square instead, of all windows so
far: the square of an outer product is one, too. That comes within 0.2 % of Adam, needs no memory, and makes the step
itself a product of small integers: errors have 14 bits, inputs 13, and WINDOW products stay within 31.

W stays, so products with it are shared with whoever reads it as it was trained, and errors go back through it (and not
through the drift) in 8 bits. Root mean squares are doubles in one fixed order; all else are sums of integers.

[1] https://arxiv.org/abs/1412.6980
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, inlined
from arzip.exact.packed import MIDDLE, made_up, packed, products, products_of_block, room
from arzip.exact.small_gru import HIDDEN_POINT, scaled

__all__ = [
    "LEAST_ERROR",
    "WINDOW",
    "Matrix",
    "Room",
    "back",
    "halvings",
    "move",
    "new_matrix",
    "new_room",
    "normalise",
    "summed",
]

WINDOW = 32  # inputs between two steps
_FINER = 2  # more fractional bits of drifts that enter products, which have 7
_LEFT = 6  # and of what they are rounded from
_FINEST = 16  # of biases
_LARGEST, _LARGEST_BIAS = 63 << _LEFT, 1 << 52
_RATE, _FIRST = 13, 256  # weights move by 2^-13 of a normalised gradient in so many windows, then see `halvings`
_ERROR_POINT, _MOST_ERROR = 8, 8191  # of normalised errors: +-32
_NORMAL_POINT, _MOST_NORMAL = 7, 4095  # of normalised inputs, likewise
LEAST_ERROR, _LEAST_INPUT = 2.0**-14, 2.0**-10  # added to root mean squares
_SHIFT = _RATE + _ERROR_POINT + _NORMAL_POINT - _FINER - _LEFT  # from products of them to steps of whole weights
_BIAS_SHIFT = HIDDEN_POINT + _FINEST - _RATE - _ERROR_POINT
_BLOCK, _TOGETHER = 16, 4  # outputs and inputs that products take together


class Matrix(NamedTuple):
    """How far a matrix O x I has drifted, and what its steps need."""

    drift: np.ndarray  # int8 [O, I] packed, with _FINER more fractional bits than W has
    fours: np.ndarray  # uint32 [O / 16, 4 I]: the same memory, four by four
    finest: np.ndarray  # int16 [O / 16, 4, 4 I]: with eight more; firsts of fours, seconds, thirds, fourths
    offsets: np.ndarray  # int32 [O]: what operands that were made unsigned add to products of drifts
    bias: np.ndarray  # int64 [O]: b, made up for unsigned operands, with sixteen more
    shift: np.ndarray  # int64 [O]: what rounds a sum of products with W
    points: np.ndarray  # float64 [3, O]: the unit of W's weights; its share of the finest's; what scales errors
    squares: np.ndarray  # float64 [O]: mean squares of errors
    point: np.ndarray  # int64 [1]: most fractional bits that a weight of W has


class Room(NamedTuple):
    """What steps are made in."""

    steps: np.ndarray  # int16 [O, WINDOW] packed: normalised errors
    twins: np.ndarray  # uint32 [O / 16, WINDOW / 2, 16]: the same memory, two by two
    moves: np.ndarray  # int32 [4, 4 I]: those of 16 outputs' weights
    middle: np.ndarray  # uint8 [I]: what made operands unsigned
    sums: np.ndarray  # int32 [O]
    operand: np.ndarray  # uint8 [O]: of products back


def new_matrix(weights: NDArray[np.int8], bias: NDArray[np.int32], shift: NDArray[np.int32], point: int) -> Matrix:
    """Of weights int8 [O, I], with the bias and shift [O] that bring their sums to some point."""
    points = shift.astype(np.int64) + point - HIDDEN_POINT
    most = min(points.max(initial=0), _SHIFT - 1)
    drift = packed(np.zeros_like(weights))
    fours = len(drift), drift.shape[1] * _BLOCK
    filled = np.zeros((2, room(len(weights))), np.int64)  # of whole blocks, as products are
    filled[:, : len(weights)] = made_up(bias, weights), shift
    return Matrix(
        drift,
        drift.view(np.uint32).reshape(fours),
        np.zeros((fours[0], _TOGETHER, fours[1]), np.int16),
        np.zeros(filled.shape[1], np.int32),
        filled[0] << _FINEST,
        filled[1],
        np.ldexp(1.0, [-points, points - most, points - points]),
        np.zeros(len(weights)),
        np.array([most]),
    )


def new_room(outputs: int, inputs: int) -> Room:
    """For matrices of at most so many outputs, and inputs."""
    steps = packed(np.zeros((outputs, WINDOW), np.int16))
    return Room(
        steps,
        steps.view(np.uint32)[..., 0],
        np.zeros((_TOGETHER, room(inputs) // _TOGETHER * _BLOCK), np.int32),
        np.full(room(inputs), MIDDLE, np.uint8),
        np.zeros(room(outputs), np.int32),
        np.zeros(room(outputs), np.uint8),
    )


@inlined
def summed(matrix: Matrix, operand: np.ndarray, into: Room, sums: np.ndarray) -> None:
    """W' x + b, rounded, int32 [O], where sums hold W times an operand that was made unsigned."""
    products(matrix.drift, operand, into.sums)
    bias, shift, offsets = matrix.bias, matrix.shift, matrix.offsets
    for o in range(np.uintp(bias.shape[0])):
        total = (np.int64(sums[o]) << _FINER) + np.int64(into.sums[o]) - np.int64(offsets[o])
        sums[o] = scaled(total, bias[o] >> (_FINEST - _FINER), shift[o] + _FINER)


@inlined
def back(
    across: np.ndarray, offsets: np.ndarray, units: np.ndarray, errors: np.ndarray, into: Room, out: np.ndarray
) -> None:
    """out float64 [I] = W^T, packed, times errors float64 [O] in 8 bits; W's weights count in units [O].

    The offsets, int32 [I], are those of operands that were made unsigned.
    """
    outputs, operand = np.uintp(errors.shape[0]), into.operand
    largest = 2.0**-60
    for o in range(outputs):
        largest = max(largest, abs(errors[o]) * units[o])
    scale = np.divide(127.0, largest)
    for o in range(outputs):
        operand[o] = np.uint8(np.int32(np.floor(errors[o] * units[o] * scale + 0.5)) + np.int32(MIDDLE))
    products(across, operand, into.sums)
    for i in range(np.uintp(out.shape[0])):
        out[i] = np.divide(np.float64(np.int32(into.sums[i] + offsets[i])), scale)


@inlined
def _bounded(value: Any, most: Integer) -> Any:
    """Rounded, within bounds, int32."""
    return np.int32(min(max(np.floor(value + 0.5), -float(most)), float(most)))


@inlined
def normalise(heard: np.ndarray, squares: np.ndarray, count: Integer, out: np.ndarray) -> None:
    """The first rows of out, int16 [I, WINDOW]: inputs int16 [I, WINDOW] over their root mean squares.

    They are counted among those first; `count` is the number of windows so far, this one included.
    """
    share, unit = np.divide(1.0, np.float64(count)), 2.0**-HIDDEN_POINT
    for i in range(np.uintp(heard.shape[0])):
        row, normal, total = heard[i], out[i], np.int32(0)
        for t in range(np.uintp(row.shape[0])):
            total = np.int32(total + np.int32(row[t]) * np.int32(row[t]))
        squares[i] += (np.float64(total) * (unit * unit / WINDOW) - squares[i]) * share
        scale = np.divide(unit * (1 << _NORMAL_POINT), np.sqrt(squares[i]) + _LEAST_INPUT)
        for t in range(np.uintp(row.shape[0])):
            normal[t] = np.int16(_bounded(np.float64(row[t]) * scale, _MOST_NORMAL))


@inlined
def halvings(count: Integer) -> Integer:
    """How often the rate has been halved after so many windows: whenever they have grown eightfold."""
    halved, until = np.int64(0), np.int64(_FIRST)
    while count > until:
        halved, until = halved + 1, until * 8
    return halved


@inlined
def _count(values: np.ndarray, matrix: Matrix, count: Integer) -> None:
    """Count errors float64 [WINDOW, O] among the mean squares, and renew what scales them."""
    share, squares, scales = np.divide(1.0, np.float64(count)), matrix.squares, matrix.points[2]
    outputs = np.uintp(squares.shape[0])
    scales[:] = 0.0
    for t in range(WINDOW):
        row = values[t]
        for o in range(outputs):
            scales[o] += row[o] * row[o]
    for o in range(outputs):
        squares[o] += (scales[o] * (1.0 / WINDOW) - squares[o]) * share
        scales[o] = np.divide(matrix.points[1, o] * (1 << _ERROR_POINT), np.sqrt(squares[o]) + LEAST_ERROR)


@inlined
def _pack(values: np.ndarray, scales: np.ndarray, out: np.ndarray) -> None:
    """Errors float64 [WINDOW, O] times their scales, as shorts two by two, uint32 [O / 16, WINDOW / 2, 16]."""
    for pair in range(WINDOW // 2):
        for block in range((np.uintp(scales.shape[0]) + np.uintp(15)) >> np.uintp(4)):
            start = block * np.uintp(_BLOCK)
            end = min(start + np.uintp(_BLOCK), np.uintp(scales.shape[0]))
            one, two = values[2 * pair, start:end], values[2 * pair + 1, start:end]
            into, scale = out[block, pair], scales[start:end]
            for o in range(np.uintp(scale.shape[0])):
                low = np.uint32(_bounded(one[o] * scale[o], _MOST_ERROR)) & np.uint32(0xFFFF)
                into[o] = low | np.uint32(_bounded(two[o] * scale[o], _MOST_ERROR)) << np.uint32(16)


@inlined
def _drift(finest: np.ndarray, moves: np.ndarray, shift: Integer) -> None:
    """Move drifts int16 [n] by steps int32 [n], in whose place is left what of them enters products."""
    half = np.int32(np.int32(1) << np.int32(shift - 1))
    for k in range(np.uintp(finest.shape[0])):
        moved = np.int32(np.int32(finest[k]) - np.int32(np.int32(moves[k] + half) >> shift))
        moved = min(max(moved, np.int32(-_LARGEST)), np.int32(_LARGEST))
        finest[k] = np.int16(moved)
        moves[k] = np.int32(np.int32(moved + np.int32(1 << (_LEFT - 1))) >> np.int32(_LEFT)) & np.int32(0xFF)


@inlined
def move(matrix: Matrix, values: np.ndarray, normal: np.ndarray, count: Integer, into: Room) -> None:
    """One step against errors float64 [WINDOW, O] of normalised inputs, after `count` windows."""
    _count(values, matrix, count)
    _pack(values, matrix.points[2], into.twins)
    halved, moves = halvings(count), into.moves
    shift = np.int32(_SHIFT - matrix.point[0] + halved)
    for block in range(np.uintp(matrix.drift.shape[0])):
        steps = into.steps[block]
        for i in range(np.uintp(normal.shape[0])):
            products_of_block(steps, normal[i], moves[i & np.uintp(3), (i >> np.uintp(2)) * np.uintp(_BLOCK) :])
        for i in range(_TOGETHER):
            _drift(matrix.finest[block, i], moves[i], shift)
        fours, one, two, three, four = matrix.fours[block], moves[0], moves[1], moves[2], moves[3]
        for k in range(np.uintp(fours.shape[0])):
            low, high = one[k] | np.int32(two[k] << np.int32(8)), three[k] | np.int32(four[k] << np.int32(8))
            fours[k] = np.uint32(low | np.int32(high << np.int32(16)))
        biases = matrix.bias[block * np.uintp(_BLOCK) :]
        for o in range(np.uintp(_BLOCK)):
            total = np.int64(0)
            for pair in range(np.uintp(steps.shape[0])):
                total += np.int64(steps[pair, o, 0]) + np.int64(steps[pair, o, 1])
            moved = np.int64(biases[o]) - ((total << (matrix.point[0] + _BIAS_SHIFT)) >> halved)
            biases[o] = min(max(moved, np.int64(-_LARGEST_BIAS)), np.int64(_LARGEST_BIAS))
    products(matrix.drift, into.middle, matrix.offsets)
