"""A small residual net that goes on learning while a picture is coded: dynamic evaluation, in exact arithmetic.

    read(net, plane, ...)    what it says of the positions of a front
    learn(net, plane, ...)   once their samples are known: errors go back through all layers, all weights move

It begins as the net of `arzip.exact.small_net`; how its layers move is told in `arzip.exact.learning_layers`. Dynamic
evaluation is by Krause et al. 2018 [1].

[1] https://arxiv.org/abs/1709.07432
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.learning_layers import FINER, TINY, WINDOW, Layers, Room, go_back, move, new_layers, new_room, summed
from arzip.exact.packed import POSITIONS, room, unpacked
from arzip.exact.small_net import HIGH, LIMIT, STREAM_TO_OPERAND, SmallNet, rectified

__all__ = ["LearningNet", "learn", "new_learning_net", "read"]

_INPUT_POINT, _OPERAND_POINT, _STREAM_POINT, _OUTPUT_POINT = 5, 4, 8, 5  # as in `arzip.nets.guided_net`
_SLOPE = np.float32(2.0**-STREAM_TO_OPERAND)  # of operands by the stream


class LearningNet(NamedTuple):
    """One net for each of P planes, D blocks each, and what it keeps of a front of F positions."""

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
    room: Room


def new_learning_net(net: SmallNet, most: int) -> LearningNet:
    """A net that has seen nothing, for fronts of at most so many positions; of `no_net`, what stands for none."""
    planes, depth, units = len(net.first), net.blocks.shape[1], net.sums.shape[3]
    none, first, first_sums = np.zeros(max(units, net.outputs), np.int32), [], []
    for weights, sums in zip(net.first, net.sums, strict=True):
        matrix, bias = unpacked(weights, sums[0, 0], (units, net.inputs))
        first.append(matrix)
        first_sums.append(np.stack([bias, sums[0, 1]]))
    blocks = [unpacked(weights, none[:units], (units, units))[0] for each in net.blocks for weights in each]
    last = [unpacked(weights, none[: net.outputs], (net.outputs, units))[0] for weights in net.last]
    rows = (-(-most // POSITIONS) + 1) * POSITIONS  # windows of odd size look one further
    outputs = room(net.outputs)
    return LearningNet(
        new_layers((units, net.inputs), first, first_sums, _INPUT_POINT, _STREAM_POINT),
        new_layers((units, units), blocks, [s for each in net.sums for s in each[1:]], _OPERAND_POINT, _STREAM_POINT),
        new_layers((net.outputs, units), last, list(net.last_sums), _OPERAND_POINT, _OUTPUT_POINT),
        np.zeros(planes, np.int64),
        np.zeros((rows, net.inputs), np.int16),
        np.zeros((depth + 1, rows, units), np.int16),
        np.zeros((rows, max(units, outputs)), np.int32),
        np.zeros((rows, units), np.int32),
        np.zeros((rows, outputs), np.float32),
        np.zeros((2, WINDOW, max(units, outputs)), np.float32),
        new_room(max(units, outputs), max(units, net.inputs)),
    )


@inlined
def _scaled(total: np.ndarray, sums: np.ndarray, o: Integer) -> Integer:
    """A sum, rounded to the layer's output within 16 bits."""
    value = np.int32(np.int32(np.int32(total[o] >> np.int32(FINER)) + sums[0, o]) >> sums[1, o])
    return min(max(value, np.int32(-LIMIT)), np.int32(LIMIT))


@inlined
def _to_operands(stream: np.ndarray, count: Integer, operands: np.ndarray) -> None:
    """Rounds the stream to what enters a product."""
    for at in range(np.uintp(count)):
        here, into = stream[at], operands[at]
        for o in range(np.uintp(here.shape[0])):
            into[o] = np.int16(rectified(here[o]))


@compiled
def read(net: LearningNet, plane: Integer, features: np.ndarray, count: Integer, out: np.ndarray) -> None:
    """out int32 [F, O] of features int8 [F, I] at the first `count` positions of a front; notes what layers hear."""
    depth, heard, total, stream = net.operands.shape[0] - 1, net.features, net.total, net.stream
    for at in range(np.uintp(count)):
        for k in range(np.uintp(features.shape[1])):
            heard[at, k] = features[at, k]
    summed(net.first, plane, heard, count, total)
    for at in range(np.uintp(count)):
        here, sums, said = stream[at], net.first.sums[plane], total[at]
        for o in range(np.uintp(here.shape[0])):
            here[o] = _scaled(said, sums, o)
    for k in range(depth):
        _to_operands(stream, count, net.operands[k])
        summed(net.blocks, plane * depth + k, net.operands[k], count, total)
        for at in range(np.uintp(count)):
            here, sums, said = stream[at], net.blocks.sums[plane * depth + k], total[at]
            for o in range(np.uintp(here.shape[0])):
                moved = np.int32(here[o] + _scaled(said, sums, o))
                here[o] = min(max(moved, np.int32(-LIMIT)), np.int32(LIMIT))
    _to_operands(stream, count, net.operands[depth])
    summed(net.last, plane, net.operands[depth], count, total)
    for at in range(np.uintp(count)):
        for o in range(np.uintp(out.shape[1])):
            out[at, o] = _scaled(total[at], net.last.sums[plane], o)


@inlined
def _into_stream(stream: np.ndarray, said: np.ndarray, operands: np.ndarray, taken: Integer) -> None:
    """Adds to the stream's errors what its operands' say, where these were not at either bound."""
    for t in range(np.uintp(taken)):
        into, back, x = stream[t], said[t], operands[t]
        for o in range(np.uintp(x.shape[0])):
            passed = np.float32(np.int32(x[o] > 0) & np.int32(x[o] < HIGH))
            into[o] = np.float32(into[o] + np.float32(back[o] * np.float32(passed * _SLOPE)))


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
                slope = net.slopes[begin + t, o]
                errors[t, o] = slope if abs(slope) >= TINY else np.float32(0.0)
        go_back(net.last, plane, net.room, errors, said)
        move(net.last, plane, net.room, errors, net.operands[depth, begin:], taken, steps)
        errors[:] = np.float32(0.0)
        _into_stream(errors, said, net.operands[depth, begin:], taken)
        for k in range(depth - 1, -1, -1):
            go_back(net.blocks, plane * depth + k, net.room, errors, said)
            move(net.blocks, plane * depth + k, net.room, errors, net.operands[k, begin:], taken, steps)
            _into_stream(errors, said, net.operands[k, begin:], taken)
        move(net.first, plane, net.room, errors, net.features[begin:], taken, steps)
