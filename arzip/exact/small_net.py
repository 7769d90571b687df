"""A small residual net of 1x1 layers, compiled: its exact reading for a few positions at a time, without torch.

    Dense -> D x Residual(Round -> Dense) -> Round -> Dense        one such net for each of P planes

The integers are those of `arzip.exact.layers`, held in fp32: sums below 2**24 are exact in whatever order they are
taken, so this reading gives the bits of every engine. A front of a hundred positions is too little for torch, which
takes longer to be called than to multiply.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.compiled import Integer, compiled, inlined
from arzip.errors import ModelError

__all__ = ["INPUTS_AT_ONCE", "SmallNet", "check_dense", "forward", "no_net", "padded", "small_net", "work_space"]

INPUTS_AT_ONCE = 4  # inputs that a pass over the outputs takes
LANES = 32  # fp32 numbers of a vector; sizes are padded to it
PAIR = 2  # positions that go through the net together
SUM_LIMIT = 1 << 24
_ROUND = np.float32(1 / 16)  # from the residual stream's point to the products' operands
_HALF, _NONE, _HIGH = np.float32(0.5), np.float32(0), np.float32(127)
_LIMIT = np.float32(32767)  # of 16-bit streams and outputs


class SmallNet(NamedTuple):
    """Integer layers in fp32: I inputs, W units, D blocks, O outputs; matrices are padded with zeros."""

    first: np.ndarray  # float32 [P, I, W]
    blocks: np.ndarray  # float32 [P, D, W, W]
    last: np.ndarray  # float32 [P, W, O]
    sums: np.ndarray  # float32 [P, D + 1, 2, W]: bias and 2^-shift of the first layer and the blocks
    last_sums: np.ndarray  # float32 [P, 2, O]

    @property
    def outputs(self) -> int:
        """Numbers that the net says of a position; 0 for `no_net`."""
        return int(self.last_sums.shape[2])


def padded(size: int) -> int:
    """The next size that whole vectors make up."""
    return -(-size // LANES) * LANES


def no_net() -> SmallNet:
    """What stands for a net where there is none."""
    zeros = [np.zeros(shape, np.float32) for shape in ((0, 0, 0), (0, 0, 0, 0), (0, 0, 0), (0, 0, 0, 0), (0, 0, 0))]
    return SmallNet(*zeros)


def small_net(tensors: dict[str, np.ndarray], *, planes: int, depth: int) -> SmallNet:
    """The net of a model's integer tensors, named as its file names them; raises ModelError.

    Every bound is proved here, as placing the layers on an engine does.
    """
    try:
        inputs, width = tensors["planes.0.layers.0.weight_q"].shape[::-1]
        outputs = tensors[f"planes.0.layers.{depth + 2}.weight_q"].shape[0]
        units = padded(width)
        net = SmallNet(
            np.zeros((planes, padded(inputs), units), np.float32),
            np.zeros((planes, depth, units, units), np.float32),
            np.zeros((planes, units, padded(outputs)), np.float32),
            np.zeros((planes, depth + 1, 2, units), np.float32),
            np.zeros((planes, 2, outputs), np.float32),
        )
        for c in range(planes):
            names = [f"planes.{c}.layers.0"] + [f"planes.{c}.layers.{k + 1}.inner.layers.1" for k in range(depth)]
            for k, name in enumerate(names):
                _fill(tensors, name, net.first[c] if k == 0 else net.blocks[c, k - 1], net.sums[c, k])
            _fill(tensors, f"planes.{c}.layers.{depth + 2}", net.last[c], net.last_sums[c])
    except (KeyError, ValueError) as error:
        raise ModelError(f"the weights do not belong to a guided net of {depth} blocks ({error})") from error
    return net


def _fill(tensors: dict[str, np.ndarray], name: str, weights: np.ndarray, sums: np.ndarray) -> None:
    """One dense layer into weights [I, O] and sums [2, O]."""
    weight, bias, shift = (tensors[f"{name}.{part}_q"] for part in ("weight", "bias", "shift"))
    check_dense(weight, bias, shift, 127)
    outputs, inputs = weight.shape
    weights[:inputs, :outputs] = weight.T
    sums[0, :outputs], sums[1, :outputs] = bias, np.ldexp(np.float32(1), -shift)


def check_dense(weight: np.ndarray, bias: np.ndarray, shift: np.ndarray, magnitude: int) -> None:
    """Proves, row by row, that no partial sum can reach 2**24; raises ModelError. Integers, weight [O, I]."""
    wide = weight.astype(np.int64)
    if wide.min() < -64 or wide.max() > 63 or shift.min() < 0 or shift.max() > 23:
        raise ModelError("a weight lies outside 7 bits (-64..63) or a rounding shift outside 0..23")
    half = (np.int64(1) << shift.astype(np.int64)) >> 1
    worst = np.abs(wide).sum(axis=1) * magnitude + np.abs(bias.astype(np.int64)) + half
    if worst.max() >= SUM_LIMIT:
        raise ModelError(f"an output may sum to {worst.max()}, beyond 2**24: use fewer inputs or smaller weights")


def work_space(net: SmallNet) -> np.ndarray:
    """What `forward` works in, float32 [3, PAIR, N]; one for each thread."""
    return np.zeros((3, PAIR, max(net.first.shape[2], net.last.shape[2])), np.float32)


@inlined
def _product(weights: np.ndarray, x: np.ndarray, y: np.ndarray, total: np.ndarray) -> None:
    """total [PAIR, O] = the two rows x, y [I] times weights [I, O]: every weight is fetched once for both."""
    outputs = np.uintp(weights.shape[1])
    first, second = total[0], total[1]
    for o in range(outputs):
        first[o] = _NONE
        second[o] = _NONE
    for k in range(0, weights.shape[0], INPUTS_AT_ONCE):
        a, b, c, d = np.uintp(k), np.uintp(k + 1), np.uintp(k + 2), np.uintp(k + 3)
        x0, x1, x2, x3 = x[a], x[b], x[c], x[d]
        y0, y1, y2, y3 = y[a], y[b], y[c], y[d]
        for o in range(outputs):
            w0, w1, w2, w3 = weights[a, o], weights[b, o], weights[c, o], weights[d, o]
            first[o] += (x0 * w0 + x1 * w1) + (x2 * w2 + x3 * w3)
            second[o] += (y0 * w0 + y1 * w1) + (y2 * w2 + y3 * w3)


@inlined
def _bounded(value: Integer, low: Integer, high: Integer) -> Integer:
    return min(max(value, low), high)


@inlined
def _to_operands(stream: np.ndarray, hidden: np.ndarray, width: Integer) -> None:
    """Rounds the stream of both rows to what enters a product."""
    for row in range(PAIR):
        for o in range(width):
            hidden[row, o] = _bounded(np.floor(stream[row, o] * _ROUND + _HALF), _NONE, _HIGH)


@compiled
def forward(
    net: SmallNet, plane: Integer, features: np.ndarray, count: Integer, work: np.ndarray, out: np.ndarray
) -> None:
    """out int32 [F, O] of features float32 [F, I] (small integers) at the first `count` positions of a front."""
    stream, hidden, total = work[0], work[1], work[2]
    width, outputs = np.uintp(net.first.shape[2]), np.uintp(net.last_sums.shape[2])
    for at in range(0, count, PAIR):
        _product(net.first[plane], features[at], features[min(at + 1, count - 1)], total)
        bias, scale = net.sums[plane, 0, 0], net.sums[plane, 0, 1]
        for row in range(PAIR):
            for o in range(width):
                stream[row, o] = _bounded(np.floor((total[row, o] + bias[o]) * scale[o] + _HALF), -_LIMIT, _LIMIT)
        for k in range(net.blocks.shape[1]):
            _to_operands(stream, hidden, width)
            _product(net.blocks[plane, k], hidden[0], hidden[1], total)
            bias, scale = net.sums[plane, k + 1, 0], net.sums[plane, k + 1, 1]
            for row in range(PAIR):
                for o in range(width):
                    moved = _bounded(np.floor((total[row, o] + bias[o]) * scale[o] + _HALF), -_LIMIT, _LIMIT)
                    stream[row, o] = _bounded(stream[row, o] + moved, -_LIMIT, _LIMIT)
        _to_operands(stream, hidden, width)
        _product(net.last[plane], hidden[0], hidden[1], total)
        bias, scale = net.last_sums[plane, 0], net.last_sums[plane, 1]
        for row in range(min(PAIR, count - at)):
            for o in range(outputs):
                value = np.floor((total[row, o] + bias[o]) * scale[o] + _HALF)
                out[at + row, o] = np.int32(_bounded(value, -_LIMIT, _LIMIT))
