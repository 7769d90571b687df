"""A small residual net that goes on learning while a picture is coded: dynamic evaluation, in exact arithmetic.

    read(net, plane, ...)    what it says of the positions of a front
    learn(net, plane, ...)   once their samples are known: errors go back through all layers, all weights move

It begins as the net of `arzip.exact.small_net`. Weights keep eight more bits than they were trained with, for steps are
small; products of shorts sum in 32 bits whatever they become. As in `arzip.exact.learning_matrix`, errors go back
through the weights as they were trained, in 8 bits, and a step is a product of small integers: errors and operands over
their root mean squares, which comes within 0.2 % of Adam (Kingma and Ba 2015 [1]) and needs no memory of every weight.

    W -= rate * sum_t (e_t / |e|) (x_t / |x|)^T            over the positions t of a window

Dynamic evaluation is by Krause et al. 2018 [2]. Errors and root mean squares are IEEE single precision in one fixed
order, all else are sums of integers.

[1] https://arxiv.org/abs/1412.6980  [2] https://arxiv.org/abs/1709.07432
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.packed import MIDDLE, POSITIONS, made_up, packed, products_at, room, unpacked
from arzip.exact.small_net import HALF, HIGH, LIMIT, STREAM_TO_OPERAND, SmallNet

__all__ = ["LearningNet", "learn", "new_learning_net", "read"]

WINDOW = 32  # positions between two steps, at most
_MEMORY = 64  # windows that mean squares remember
_FINER = 8  # more fractional bits of weights
_FINEST = 16  # and of biases
_RATE = 14  # a weight moves by 2^-14 of the sum over a window
_ERROR_POINT, _MOST_ERROR = 8, 4095  # of normalised errors: +-16
_NORMAL_POINT, _MOST_NORMAL = 7, 4095  # of normalised operands, likewise
_LEAST_ERROR, _LEAST_OPERAND = np.float32(2.0**-24), np.float32(2.0**-4)  # added to root mean squares
_INPUT_POINT, _OPERAND_POINT, _STREAM_POINT, _OUTPUT_POINT = 5, 4, 8, 5
_LARGEST_BIAS = 1 << 44
_TINY = 0x21800000  # the bits of 2^-60
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


class LearningNet(NamedTuple):
    """One net for each of P planes, D blocks each, and what they keep of a front of F positions, four by four."""

    first: Layers  # N = P
    blocks: Layers  # N = P D
    last: Layers  # N = P
    steps: np.ndarray  # int64 [P]: so far
    features: np.ndarray  # int16 [F, I]
    operands: np.ndarray  # int16 [D + 1, F, W]
    total: np.ndarray  # int32 [F, W or O]
    stream: np.ndarray  # int32 [F, W]
    slopes: np.ndarray  # float32 [F, O]: of the code length, by what the net says
    errors: np.ndarray  # float32 [2, WINDOW, W or O]: of what a layer adds to the stream, of its operands
    unsigned: np.ndarray  # uint8 [POSITIONS, W or O]
    back: np.ndarray  # int32 [POSITIONS, W]
    scales: np.ndarray  # float32 [I or O, and one]
    bits: np.ndarray  # int32: the same memory
    parts: np.ndarray  # float32 [POSITIONS]
    normal: np.ndarray  # int16 [2, I / 2, WINDOW]: even operands, odd ones
    halves: np.ndarray  # uint32 [2, I / 2, WINDOW / 2]: the same memory
    wanted: np.ndarray  # int16 [O / 16, WINDOW / 2, 16, 2]: normalised errors
    twins: np.ndarray  # uint32 [O / 16, WINDOW / 2, 16]: the same memory
    moves: np.ndarray  # int32 [2, I / 2, 16]
    turns: np.ndarray  # int32 [O]: sums of them
    row: np.ndarray  # uint32 [I or O]


def _layers(
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
    most = int(shift.max(initial=0))
    fine = np.zeros((count, outputs // _OUTPUTS, inputs // 2, _OUTPUTS, 2), np.int16)
    across = np.zeros((count, inputs // _OUTPUTS, outputs // 4, _OUTPUTS, 4), np.int8)
    offsets = np.zeros((count, inputs), np.int32)
    for n, matrix in enumerate(whole):
        fine[n] = packed(matrix.astype(np.int16) << _FINER)
        across[n], offsets[n] = packed(matrix.T), made_up(offsets[n], matrix.T)
    points = _ERROR_POINT + _NORMAL_POINT
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
        np.array([_RATE + points + source - target - most - _FINER, most + target + _FINEST - _ERROR_POINT - _RATE]),
    )


def new_learning_net(net: SmallNet, most: int) -> LearningNet:
    """A net that has seen nothing, for fronts of at most so many positions; of `no_net`, what stands for none."""
    planes, depth, units, inputs, outputs = (
        len(net.first),
        net.blocks.shape[1],
        net.sums.shape[3],
        net.inputs,
        net.outputs,
    )
    first, first_sums = [], []
    for p in range(planes):
        matrix, bias = unpacked(net.first[p], net.sums[p, 0, 0], (units, inputs))
        first.append(matrix)
        first_sums.append(np.stack([bias, net.sums[p, 0, 1]]))
    none = np.zeros(units, np.int32)
    blocks = [unpacked(w, none, (units, units))[0] for each in net.blocks for w in each]
    last = [unpacked(w, np.zeros(outputs, np.int32), (outputs, units))[0] for w in net.last]
    rows = (-(-most // POSITIONS) + 1) * POSITIONS  # windows of odd size look one further
    wide, broad = max(units, room(outputs)), max(inputs, units)
    scales = np.zeros(max(broad, wide) + 1, np.float32)
    normal = np.zeros((2, broad // 2, WINDOW), np.int16)
    wanted = np.zeros((wide // _OUTPUTS, WINDOW // 2, _OUTPUTS, 2), np.int16)
    return LearningNet(
        _layers((units, inputs), first, first_sums, _INPUT_POINT, _STREAM_POINT),
        _layers((units, units), blocks, [s for each in net.sums for s in each[1:]], _OPERAND_POINT, _STREAM_POINT),
        _layers((outputs, units), last, list(net.last_sums), _OPERAND_POINT, _OUTPUT_POINT),
        np.zeros(planes, np.int64),
        np.zeros((rows, inputs), np.int16),
        np.zeros((depth + 1, rows, units), np.int16),
        np.zeros((rows, wide), np.int32),
        np.zeros((rows, units), np.int32),
        np.zeros((rows, room(outputs)), np.float32),
        np.zeros((2, WINDOW, wide), np.float32),
        np.zeros((POSITIONS, wide), np.uint8),
        np.zeros((POSITIONS, units), np.int32),
        scales,
        scales.view(np.int32),
        np.zeros(POSITIONS, np.float32),
        normal,
        normal.view(np.uint32),
        wanted,
        wanted.view(np.uint32)[..., 0],
        np.zeros((2, broad // 2, _OUTPUTS), np.int32),
        np.zeros(wide, np.int32),
        np.zeros(max(broad, wide), np.uint32),
    )


@inlined
def _sums(layers: Layers, n: Integer, operands: np.ndarray, count: Integer, total: np.ndarray) -> None:
    """Sums int32 [F, O] of a layer over operands int16 [F, I], in the units of finer weights."""
    for at in range(np.uintp(0), np.uintp(count), np.uintp(POSITIONS)):
        products_at(layers.weights[n], operands[at : at + np.uintp(POSITIONS)], total[at : at + np.uintp(POSITIONS)])


@inlined
def _scaled(total: np.ndarray, sums: np.ndarray, o: Integer) -> Integer:
    """A sum, rounded to the layer's output within 16 bits."""
    value = np.int32(np.int32(np.int32(total[o] >> np.int32(_FINER)) + sums[0, o]) >> sums[1, o])
    return min(max(value, np.int32(-LIMIT)), np.int32(LIMIT))


@inlined
def _to_operand(stream: np.ndarray, count: Integer, operands: np.ndarray) -> None:
    """Rounds the stream to what enters a product."""
    for at in range(np.uintp(count)):
        here, into = stream[at], operands[at]
        for o in range(np.uintp(here.shape[0])):
            value = np.int32(np.int32(here[o] + np.int32(HALF)) >> np.int32(STREAM_TO_OPERAND))
            into[o] = np.int16(min(max(value, np.int32(0)), np.int32(HIGH)))


@compiled
def read(net: LearningNet, plane: Integer, features: np.ndarray, count: Integer, out: np.ndarray) -> None:
    """out int32 [F, O] of features int8 [F, I] at the first `count` positions of a front; notes what layers hear."""
    depth, heard, total, stream = net.operands.shape[0] - 1, net.features, net.total, net.stream
    for at in range(np.uintp(count)):
        for k in range(np.uintp(features.shape[1])):
            heard[at, k] = features[at, k]
    _sums(net.first, plane, heard, count, total)
    for at in range(np.uintp(count)):
        here, sums, said = stream[at], net.first.sums[plane], total[at]
        for o in range(np.uintp(here.shape[0])):
            here[o] = _scaled(said, sums, o)
    for k in range(depth):
        _to_operand(stream, count, net.operands[k])
        _sums(net.blocks, plane * depth + k, net.operands[k], count, total)
        for at in range(np.uintp(count)):
            here, sums, said = stream[at], net.blocks.sums[plane * depth + k], total[at]
            for o in range(np.uintp(here.shape[0])):
                moved = np.int32(here[o] + _scaled(said, sums, o))
                here[o] = min(max(moved, np.int32(-LIMIT)), np.int32(LIMIT))
    _to_operand(stream, count, net.operands[depth])
    _sums(net.last, plane, net.operands[depth], count, total)
    for at in range(np.uintp(count)):
        for o in range(np.uintp(out.shape[1])):
            out[at, o] = _scaled(total[at], net.last.sums[plane], o)


@inlined
def _go_back(layers: Layers, n: Integer, net: LearningNet, errors: np.ndarray, out: np.ndarray) -> None:
    """out float32 [WINDOW, I]: what errors float32 [WINDOW, O] of a layer say of its operands."""
    units, offsets, outputs = layers.units[n, 0], layers.offsets[n], np.uintp(layers.units.shape[2])
    scales, bits = net.scales, net.bits  # floats that are not negative are ordered as their bits are
    for first in range(np.uintp(0), np.uintp(WINDOW), np.uintp(POSITIONS)):
        for at in range(np.uintp(POSITIONS)):
            wrong, into = errors[first + at], net.unsigned[at]
            for o in range(outputs):
                scales[o] = np.float32(wrong[o] * units[o])
            most = np.int32(_TINY)
            for o in range(outputs):
                most = max(most, np.int32(bits[o] & np.int32(0x7FFFFFFF)))
            bits[outputs] = most
            largest = scales[outputs]
            scale = np.divide(np.float32(127.0), largest)
            for o in range(outputs):
                whole = np.floor(np.float32(np.float32(scales[o] * scale) + np.float32(0.5)))
                into[o] = np.uint8(np.int32(whole) + np.int32(MIDDLE))
            net.parts[at] = np.float32(largest * np.float32(1.0 / 127.0))
        products_at(layers.across[n], net.unsigned, net.back)
        for at in range(np.uintp(POSITIONS)):
            said, into, scale = net.back[at], out[first + at], net.parts[at]
            for i in range(np.uintp(offsets.shape[0])):
                into[i] = np.float32(np.float32(np.int32(said[i] + offsets[i])) * scale)


@inlined
def _bounded(value: np.float32, most: Integer) -> Integer:
    """Rounded, within bounds, int32."""
    whole = np.floor(np.float32(value + np.float32(0.5)))
    return np.int32(min(max(whole, np.float32(-most)), np.float32(most)))


@inlined
def _scale(squares: np.ndarray, found: np.ndarray, part: np.float32, share: np.float32, least: np.float32) -> None:
    """Counts sums of squares among the mean ones, and leaves one over their roots in their place."""
    for o in range(np.uintp(squares.shape[0])):
        squares[o] = np.float32(squares[o] + np.float32(np.float32(np.float32(found[o] * part) - squares[o]) * share))
        found[o] = np.divide(np.float32(1.0), np.float32(np.sqrt(squares[o]) + least))


@inlined
def _weigh_errors(
    layers: Layers, n: Integer, net: LearningNet, errors: np.ndarray, part: np.float32, share: np.float32
) -> None:
    """Errors float32 [WINDOW, O] over their root mean squares, two positions by two, into `twins`."""
    outputs = np.uintp(layers.units.shape[2])
    scales, finest, row = net.scales[:outputs], layers.units[n, 1], net.row
    turns = net.turns
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
            into, here = net.twins[block, pair], row[block * np.uintp(_OUTPUTS) :]
            for o in range(np.uintp(_OUTPUTS)):
                into[o] = here[o]


@inlined
def _weigh_operands(
    layers: Layers, n: Integer, net: LearningNet, heard: np.ndarray, taken: Integer, part: np.float32, share: np.float32
) -> None:
    """Operands int16 [taken, I] over their root mean squares, into `halves`; what is beyond them meets no error."""
    inputs = np.uintp(layers.heard.shape[1])
    scales, row = net.scales[:inputs], net.row
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
            net.halves[0, i, pair] = row[np.uintp(2) * i]
            net.halves[1, i, pair] = row[np.uintp(2) * i + np.uintp(1)]


@inlined
def _move(
    layers: Layers, n: Integer, net: LearningNet, errors: np.ndarray, heard: np.ndarray, taken: Integer, steps: Integer
) -> None:
    """One step of a layer against errors float32 [WINDOW, O] of operands int16 [taken, I]."""
    part = np.divide(np.float32(1.0), np.float32(taken))
    share = np.divide(np.float32(1.0), np.float32(min(steps, np.int64(_MEMORY))))
    _weigh_errors(layers, n, net, errors, part, share)
    _weigh_operands(layers, n, net, heard, taken, part, share)
    shift, up = np.int32(layers.shifts[0] & 31), layers.shifts[1]
    half, pairs = np.int32(np.int32(1) << np.int32(shift - 1)), np.uintp(layers.heard.shape[1] // 2)
    bias, sums = layers.bias[n], layers.sums[n, 0]
    for o in range(np.uintp(bias.shape[0])):
        moved = bias[o] - (np.int64(net.turns[o]) << up)
        bias[o] = min(max(moved, np.int64(-_LARGEST_BIAS)), np.int64(_LARGEST_BIAS))
        sums[o] = np.int32(bias[o] >> _FINEST)
    for block in range(np.uintp(layers.pairs.shape[1])):
        steps_of = net.wanted[block : block + np.uintp(1)]
        for side in range(2):
            for i in range(np.uintp(0), pairs, np.uintp(POSITIONS)):
                products_at(steps_of, net.normal[side, i:], net.moves[side, i:])
        ones, twos, weights = net.moves[0].reshape(-1), net.moves[1].reshape(-1), layers.pairs[n, block]
        for k in range(np.uintp(weights.shape[0])):
            both = np.int32(weights[k])
            low = np.int32(np.int32(both << np.int32(16)) >> np.int32(16))
            high = np.int32(both >> np.int32(16))
            low = np.int32(low - np.int32(np.int32(ones[k] + half) >> shift))
            high = np.int32(high - np.int32(np.int32(twos[k] + half) >> shift))
            low = min(max(low, np.int32(-LIMIT)), np.int32(LIMIT))
            high = min(max(high, np.int32(-LIMIT)), np.int32(LIMIT))
            weights[k] = (np.uint32(low) & np.uint32(0xFFFF)) | (np.uint32(high) << np.uint32(16))


@inlined
def _into_stream(stream: np.ndarray, said: np.ndarray, operands: np.ndarray, taken: Integer) -> None:
    """Adds to the stream's errors what its operands' say, where these were not at either bound."""
    for t in range(np.uintp(taken)):
        into, back, x = stream[t], said[t], operands[t]
        for o in range(np.uintp(x.shape[0])):
            passed = np.float32(np.int32(x[o] > 0) & np.int32(x[o] < HIGH))
            into[o] = np.float32(into[o] + np.float32(back[o] * np.float32(passed * np.float32(1.0 / 16))))


@compiled
def learn(net: LearningNet, plane: Integer, count: Integer) -> None:
    """Steps against `slopes` of the first `count` positions of a front, which were just read."""
    depth, windows = net.operands.shape[0] - 1, (count + WINDOW - 1) // WINDOW
    errors, said = net.errors[0], net.errors[1]
    for window in range(windows):
        begin, end = np.uintp(count * window // windows), np.uintp(count * (window + 1) // windows)
        taken = np.int64(end - begin)
        net.steps[plane] += 1
        steps = net.steps[plane]
        errors[:] = np.float32(0.0)
        for t in range(np.uintp(taken)):
            for o in range(np.uintp(net.slopes.shape[1])):
                errors[t, o] = net.slopes[begin + t, o]
        _go_back(net.last, plane, net, errors, said)
        _move(net.last, plane, net, errors, net.operands[depth, begin:], taken, steps)
        errors[:] = np.float32(0.0)
        _into_stream(errors, said, net.operands[depth, begin:], taken)
        for k in range(depth - 1, -1, -1):
            _go_back(net.blocks, plane * depth + k, net, errors, said)
            _move(net.blocks, plane * depth + k, net, errors, net.operands[k, begin:], taken, steps)
            _into_stream(errors, said, net.operands[k, begin:], taken)
        _move(net.first, plane, net, errors, net.features[begin:], taken, steps)
