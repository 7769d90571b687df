"""A small residual net of 1x1 layers, compiled: its exact reading for the positions of a front, without torch.

    Dense -> D x Residual(Round -> Dense) -> Round -> Dense        one such net for each of P planes

The integers are those of `arzip.exact.layers`; products are those of `arzip.exact.packed`, whose sums are the same in
any order, so this reading gives the bits of every engine. A front of a hundred positions is too little for torch, which
takes longer to be called than to multiply.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.compiled import Integer, compiled, inlined
from arzip.errors import ModelError
from arzip.exact.packed import MIDDLE, POSITIONS, made_up, packed, products_at, room

__all__ = [
    "HIGH",
    "LIMIT",
    "STREAM_TO_OPERAND",
    "SmallNet",
    "WorkSpace",
    "check_dense",
    "forward",
    "no_net",
    "rectified",
    "small_net",
    "work_space",
]

SUM_LIMIT = 1 << 24
STREAM_TO_OPERAND = 4  # bits between the points of the residual stream and of the products' operands
_HALF = 1 << (STREAM_TO_OPERAND - 1)
HIGH = 127
LIMIT = 32767  # of 16-bit streams and outputs


class SmallNet(NamedTuple):
    """Integer layers: I inputs, W units, D blocks, O outputs; matrices are packed, sizes those of whole steps."""

    first: np.ndarray  # int8 [P, W / 16, I / 4, 16, 4]
    blocks: np.ndarray  # int8 [P, D, W / 16, W / 4, 16, 4]
    last: np.ndarray  # int8 [P, O / 16, W / 4, 16, 4]
    sums: np.ndarray  # int32 [P, D + 1, 2, W] of first layer and blocks: bias with the half that rounds, and shift
    last_sums: np.ndarray  # int32 [P, 2, O], likewise; O as it is

    @property
    def inputs(self) -> int:
        """Features of a position, filled up to whole steps."""
        return int(self.first.shape[2] * self.first.shape[4])

    @property
    def outputs(self) -> int:
        """Numbers that the net says of a position; 0 for `no_net`."""
        return int(self.last_sums.shape[2])


class WorkSpace(NamedTuple):
    """What `forward` works in, for POSITIONS at once; one for each thread."""

    operand: np.ndarray  # uint8 [POSITIONS, I or W]
    total: np.ndarray  # int32 [POSITIONS, W or O]
    stream: np.ndarray  # int32 [POSITIONS, W]


def no_net() -> SmallNet:
    """What stands for a net where there is none."""
    none, nothing = np.zeros((0, 0, 0, 16, 4), np.int8), np.zeros((0, 0, 0), np.int32)
    return SmallNet(none, none[:, None], none, nothing[:, None], nothing)


def small_net(tensors: dict[str, np.ndarray], *, planes: int, depth: int) -> SmallNet:
    """The net of a model's integer tensors, named as its file names them; raises ModelError.

    Every bound is proved here, as placing the layers on an engine does.
    """
    try:
        width = tensors["planes.0.layers.0.weight_q"].shape[0]
        layers = [
            [
                _layer(tensors, f"planes.{c}.layers.{name}", fill=room(width), signed=name == "0")
                for name in _names(depth)
            ]
            for c in range(planes)
        ]
        last = [_layer(tensors, f"planes.{c}.layers.{depth + 2}", fill=0, signed=False) for c in range(planes)]
        return SmallNet(
            np.stack([each[0][0] for each in layers]),
            np.stack([_blocks([weights for weights, _ in each[1:]], room(width)) for each in layers]),
            np.stack([weights for weights, _ in last]),
            np.stack([np.stack([sums for _, sums in each]) for each in layers]),
            np.stack([sums for _, sums in last]),
        )
    except (KeyError, ValueError) as error:
        raise ModelError(f"the weights do not belong to a guided net of {depth} blocks ({error})") from error


def _blocks(matrices: list[np.ndarray], units: int) -> np.ndarray:
    """The packed matrices of a plane's blocks, of which there may be none."""
    return np.array(matrices, np.int8).reshape(-1, units // 16, units // 4, 16, 4)


def _names(depth: int) -> list[str]:
    """Of the first layer and the blocks, as a model's file has them."""
    return ["0", *(f"{k + 1}.inner.layers.1" for k in range(depth))]


def _layer(tensors: dict[str, np.ndarray], name: str, *, fill: int, signed: bool) -> tuple[np.ndarray, np.ndarray]:
    """A dense layer's packed matrix, and bias and shift int32 [2, O], filled up with zeros."""
    weight, bias, shift = (tensors[f"{name}.{part}_q"] for part in ("weight", "bias", "shift"))
    check_dense(weight, bias, shift, HIGH)
    sums = np.zeros((2, max(fill, len(bias))), np.int32)
    rounding = bias + ((1 << shift) >> 1)
    sums[:, : len(bias)] = made_up(rounding, weight) if signed else rounding, shift
    return packed(weight), sums


def check_dense(weight: np.ndarray, bias: np.ndarray, shift: np.ndarray, magnitude: int) -> None:
    """Proves, row by row, that no partial sum can reach 2**24; raises ModelError. Integers, weight [O, I]."""
    wide = weight.astype(np.int64)
    if wide.min() < -64 or wide.max() > 63 or shift.min() < 0 or shift.max() > 23:
        raise ModelError("a weight lies outside 7 bits (-64..63) or a rounding shift outside 0..23")
    half = (np.int64(1) << shift.astype(np.int64)) >> 1
    worst = np.abs(wide).sum(axis=1) * magnitude + np.abs(bias.astype(np.int64)) + half
    if worst.max() >= SUM_LIMIT:
        raise ModelError(f"an output may sum to {worst.max()}, beyond 2**24: use fewer inputs or smaller weights")


def work_space(net: SmallNet) -> WorkSpace:
    """Room for the positions that go through a net side by side."""
    units = net.sums.shape[3]
    return WorkSpace(
        np.zeros((POSITIONS, max(net.inputs, units)), np.uint8),
        np.zeros((POSITIONS, max(units, room(net.outputs))), np.int32),
        np.zeros((POSITIONS, units), np.int32),
    )


@inlined
def _scaled(total: np.ndarray, at: Integer, sums: np.ndarray, o: Integer) -> Integer:
    """A sum, rounded to the layer's output within 16 bits."""
    value = np.int32(np.int32(total[at, o] + sums[0, o]) >> sums[1, o])
    return min(max(value, np.int32(-LIMIT)), np.int32(LIMIT))


@inlined
def rectified(value: Integer) -> Integer:
    """What of the stream, int32, enters a product: rounded, 0 .. HIGH."""
    rounded = np.int32(np.int32(value + np.int32(_HALF)) >> np.int32(STREAM_TO_OPERAND))
    return min(max(rounded, np.int32(0)), np.int32(HIGH))


@inlined
def _to_operand(stream: np.ndarray, operand: np.ndarray) -> None:
    """Rounds the stream to what enters a product."""
    for at in range(np.uintp(POSITIONS)):
        for o in range(np.uintp(stream.shape[1])):
            operand[at, o] = rectified(stream[at, o])


@compiled
def forward(
    net: SmallNet, plane: Integer, features: np.ndarray, count: Integer, work: WorkSpace, out: np.ndarray
) -> None:
    """out int32 [F, O] of features int8 [F, I] at the first `count` positions of a front.

    Positions go through the net side by side; in the last step some may be idle.
    """
    operand, total, stream = work.operand, work.total, work.stream
    width, outputs = np.uintp(stream.shape[1]), np.uintp(net.last_sums.shape[2])
    for first in range(np.uintp(0), np.uintp(count), np.uintp(POSITIONS)):
        taken = min(np.uintp(POSITIONS), np.uintp(count) - first)
        for at in range(taken):
            for k in range(np.uintp(features.shape[1])):
                operand[at, k] = np.uint8(np.int32(features[first + at, k]) + np.int32(MIDDLE))
        products_at(net.first[plane], operand, total)
        for at in range(np.uintp(POSITIONS)):
            for o in range(width):
                stream[at, o] = _scaled(total, at, net.sums[plane, 0], o)
        for k in range(net.blocks.shape[1]):
            _to_operand(stream, operand)
            products_at(net.blocks[plane, k], operand, total)
            for at in range(np.uintp(POSITIONS)):
                for o in range(width):
                    moved = np.int32(stream[at, o] + _scaled(total, at, net.sums[plane, k + 1], o))
                    stream[at, o] = min(max(moved, np.int32(-LIMIT)), np.int32(LIMIT))
        _to_operand(stream, operand)
        products_at(net.last[plane], operand, total)
        for at in range(taken):
            for o in range(outputs):
                out[first + at, o] = _scaled(total, at, net.last_sums[plane], o)
