"""Products of a matrix of small integers, packed so that x86 takes 16 to 64 of them at once and sums nothing across.

Four bytes of 16 outputs lie side by side, or two shorts: 64 bytes. `pmaddubsw` multiplies unsigned by signed bytes and
adds neighbours in 16 bits; weights of 7 bits cannot overflow them (2 * 255 * 64 < 2**15). It takes bytes as they lie in
memory, where `arzip.exact.dot` widens them first: a recurrent net reads all of its matrix for every byte, a net beside
the picture engine its own for every sample. Weights of 16 bits, which go on learning, take `pmaddwd`. Integers sum to
the same in any order, so other processors give the same bits.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from arzip.compiled import inlined
from arzip.exact.vectors import cgutils, instruction, loaded, neighbours, opened, pairs, repeated, stored, widest

__all__ = [
    "MIDDLE",
    "POSITIONS",
    "made_up",
    "packed",
    "products",
    "products_at",
    "products_of_block",
    "room",
    "unpacked",
]

MIDDLE = 128  # what makes a signed operand unsigned; sums are then too large by this times the row's sum
_OUTPUTS, _STEP = 16, 64  # outputs and bytes of a step
POSITIONS = 4  # that share what is read of a matrix
Packable = TypeVar("Packable", np.int8, np.int16)
_STEPS = 4  # that go on side by side
_BYTE, _SHORT, _WORD = ir.IntType(8), ir.IntType(16), ir.IntType(32)
_WIDTHS = {
    "avx512bw": (64, "llvm.x86.avx512.pmaddubs.w.512", "llvm.x86.avx512.pmaddw.d.512"),
    "avx2": (32, "llvm.x86.avx2.pmadd.ub.sw", "llvm.x86.avx2.pmadd.wd"),
    "ssse3": (16, "llvm.x86.ssse3.pmadd.ub.sw.128", "llvm.x86.sse2.pmadd.wd"),
}
_FOURS = {"avx512vnni": "llvm.x86.avx512.vpdpbusd.512"}  # of 64 bytes: multiplies, sums over four and adds at once


def room(size: int) -> int:
    """The next size that whole steps make up: of operands and of sums."""
    return -(-size // _OUTPUTS) * _OUTPUTS


def packed(weights: NDArray[Packable]) -> NDArray[Packable]:
    """Weights [O, I], bytes in -64..63 as [O / 16, I / 4, 16, 4] or shorts as [O / 16, I / 2, 16, 2], zeros behind."""
    outputs, inputs = (room(size) for size in weights.shape)
    whole = np.zeros((outputs, inputs), weights.dtype)
    whole[: weights.shape[0], : weights.shape[1]] = weights
    together = _STEP // _OUTPUTS // weights.itemsize
    blocks = whole.reshape(outputs // _OUTPUTS, _OUTPUTS, inputs // together, together)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3))


def made_up(bias: NDArray[np.int32], weights: NDArray[Packable]) -> NDArray[np.int32]:
    """The bias [O] that goes with weights [O, I] where MIDDLE was added to their operands."""
    made: NDArray[np.int32] = bias - MIDDLE * weights.sum(axis=1, dtype=np.int32)
    return made


def unpacked(
    weights: NDArray[Packable], made: NDArray[np.int32], shape: tuple[int, int]
) -> tuple[NDArray[Packable], NDArray[np.int32]]:
    """The inverse of `packed` and `made_up`, for weights of a shape [O, I]."""
    blocks, steps = weights.shape[:2]
    whole = weights.transpose(0, 2, 1, 3).reshape(blocks * _OUTPUTS, steps * weights.shape[3])[: shape[0], : shape[1]]
    bias: NDArray[np.int32] = made + MIDDLE * whole.sum(axis=1, dtype=np.int32)
    return whole, bias


def _sums_of_block(typing_context: Any, weights: Any, x: Any, out: Any) -> Any:
    """out int32 [16] = weights int8 [I / 4, 16, 4] times x uint8 [I], or int16 [I / 2, 16, 2] times x int16 [I]."""
    kind, multiply = (_BYTE, _fours) if weights.dtype == types.int8 else (_SHORT, _twos)
    inputs = _WORD.width // kind.width

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        views, count = opened(context, builder, signature, arguments)
        width, *names = widest(context, _WIDTHS, (16, "", ""))
        vector, taken = ir.VectorType(_WORD, width // 4), ir.VectorType(kind, inputs * width // 4)
        sums = [
            [cgutils.alloca_once_value(builder, vector(None)) for _ in range(_STEP // width)] for _ in range(_STEPS)
        ]
        with cgutils.for_range(builder, builder.udiv(count, count.type(_STEPS))) as loop:
            for i, parts in enumerate(sums):
                k = builder.add(builder.mul(loop.index, count.type(_STEPS)), count.type(i))
                operand = _spread(builder, views[1].data, builder.mul(k, count.type(inputs)), vector, taken)
                for part, into in enumerate(parts):
                    at = builder.add(builder.mul(k, count.type(_OUTPUTS * inputs)), count.type(part * taken.count))
                    read = loaded(builder, views[0].data, at, taken)
                    builder.store(builder.add(builder.load(into), multiply(builder, operand, read, names)), into)
        for part, columns in enumerate(zip(*sums, strict=True)):
            first, *others = (builder.load(column) for column in columns)
            for other in others:
                first = builder.add(first, other)
            stored(builder, views[2].data, count.type(part * vector.count), first)
        return context.get_dummy_value()

    return types.none(weights, x, out), generate


def _sums_at_positions(typing_context: Any, weights: Any, x: Any, out: Any, first: Any) -> Any:
    """The same of POSITIONS rows of x [POSITIONS, I] at once: out int32 [POSITIONS, O] from column `first` on."""
    kind, multiply = (_BYTE, _fours) if weights.dtype == types.int8 else (_SHORT, _twos)
    inputs = _WORD.width // kind.width

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        views, count = opened(context, builder, signature, arguments)
        width, *names = widest(context, _WIDTHS, (16, "", ""))
        at_once = widest(context, _FOURS, "") if width == _STEP and kind is _BYTE else ""
        vector, taken = ir.VectorType(_WORD, width // 4), ir.VectorType(kind, inputs * width // 4)
        parts = range(_STEP // width)
        sums = [[cgutils.alloca_once_value(builder, vector(None)) for _ in parts] for _ in range(POSITIONS)]
        wide, broad = (cgutils.unpack_tuple(builder, view.shape)[1] for view in views[1:])
        with cgutils.for_range(builder, count) as loop:
            start = builder.mul(loop.index, count.type(_OUTPUTS * inputs))
            places = [builder.add(start, count.type(part * taken.count)) for part in parts]
            read = [loaded(builder, views[0].data, place, taken) for place in places]
            for position, totals in enumerate(sums):
                at = builder.add(builder.mul(wide, count.type(position)), builder.mul(loop.index, count.type(inputs)))
                operand = _spread(builder, views[1].data, at, vector, taken)
                for part, into in enumerate(totals):
                    total = builder.load(into)
                    if at_once:
                        operands = [total, *(builder.bitcast(each, vector) for each in (operand, read[part]))]
                        builder.store(instruction(builder, at_once, vector, operands), into)
                    else:
                        builder.store(builder.add(total, multiply(builder, operand, read[part], names)), into)
        column = context.cast(builder, arguments[3], signature.args[3], types.intp)
        for position, totals in enumerate(sums):
            row = builder.add(column, builder.mul(broad, count.type(position)))
            for part, into in enumerate(totals):
                place = builder.add(row, count.type(part * vector.count))
                stored(builder, views[2].data, place, builder.load(into))
        return context.get_dummy_value()

    return types.none(weights, x, out, first), generate


def _spread(builder: Any, data: Any, at: Any, vector: Any, kind: Any) -> Any:
    """Four bytes from a place on, over and over, as a vector of some kind."""
    return builder.bitcast(repeated(builder, loaded(builder, data, at, _WORD), vector.count), kind)


def _fours(builder: Any, unsigned: Any, signed: Any, names: list[str]) -> Any:
    """The product of bytes, summed over every four neighbours in 32 bits."""
    width = signed.type.count
    if all(names):
        halves = ir.VectorType(_SHORT, width // 2)
        return _twos(
            builder, instruction(builder, names[0], halves, [unsigned, signed]), halves([1] * (width // 2)), names
        )
    wide = ir.VectorType(_WORD, width)
    products = builder.mul(builder.zext(unsigned, wide), builder.sext(signed, wide))
    return neighbours(builder, products, 4)


def _twos(builder: Any, x: Any, y: Any, names: list[str]) -> Any:
    """The product of shorts, summed over every two neighbours in 32 bits."""
    return pairs(builder, x, y, names[1])


products_of_block: Any = intrinsic(_sums_of_block)
_products_of_block_at: Any = intrinsic(_sums_at_positions)


@inlined
def products(weights: NDArray[Any], x: NDArray[Any], out: NDArray[Any]) -> None:
    """out int32 [O] = weights, packed, times x uint8 [I], or int16 for shorts; both have the room of whole steps."""
    for o in range(np.uintp(weights.shape[0])):
        products_of_block(weights[o], x, out[o * np.uintp(_OUTPUTS) :])


@inlined
def products_at(weights: NDArray[Any], x: NDArray[Any], out: NDArray[Any]) -> None:
    """The same of POSITIONS rows: out int32 [POSITIONS, O] = weights, packed, times x [POSITIONS, I]."""
    for o in range(np.uintp(weights.shape[0])):
        _products_of_block_at(weights[o], x, out, o * np.uintp(_OUTPUTS))
