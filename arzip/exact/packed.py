"""Products of a matrix of small integers, packed so that x86 takes 16 to 64 of them at once and sums nothing across.

Four inputs of 16 outputs lie side by side. `pmaddubsw` multiplies unsigned by signed bytes and adds neighbours in 16
bits; weights of 7 bits cannot overflow them (2 * 255 * 64 < 2**15). It takes bytes as they lie in memory, where
`arzip.exact.dot` widens them first: a recurrent net reads all of its matrix for every byte, a net beside the picture
engine its own for every sample. Integers sum to the same in
any order, so other processors give the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from arzip.compiled import inlined
from arzip.exact.vectors import cgutils, instruction, loaded, opened, widest

__all__ = ["MIDDLE", "made_up", "packed", "products", "room"]

MIDDLE = 128  # what makes a signed operand unsigned; sums are then too large by this times the row's sum
_OUTPUTS, _INPUTS = 16, 4  # of a step
_STEPS = 4  # that go on side by side
_BYTE, _SHORT, _WORD = ir.IntType(8), ir.IntType(16), ir.IntType(32)
_WIDTHS = {
    "avx512bw": (64, "llvm.x86.avx512.pmaddubs.w.512", "llvm.x86.avx512.pmaddw.d.512"),
    "avx2": (32, "llvm.x86.avx2.pmadd.ub.sw", "llvm.x86.avx2.pmadd.wd"),
    "ssse3": (16, "llvm.x86.ssse3.pmadd.ub.sw.128", "llvm.x86.sse2.pmadd.wd"),
}


def room(size: int) -> int:
    """The next size that whole steps make up: of operands and of sums."""
    return -(-size // _OUTPUTS) * _OUTPUTS


def packed(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """Weights [O, I] in -64..63 as [O / 16, I / 4, 16, 4], filled up with zeros."""
    outputs, inputs = (room(size) for size in weights.shape)
    whole = np.zeros((outputs, inputs), np.int8)
    whole[: weights.shape[0], : weights.shape[1]] = weights
    blocks = whole.reshape(outputs // _OUTPUTS, _OUTPUTS, inputs // _INPUTS, _INPUTS)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3))


def made_up(bias: NDArray[np.int32], weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """The bias [O] that goes with weights [O, I] where MIDDLE was added to their operands."""
    made: NDArray[np.int32] = bias - MIDDLE * weights.sum(axis=1, dtype=np.int32)
    return made


def _sums_of_block(typing_context: Any, weights: Any, x: Any, out: Any) -> Any:
    """out int32 [16] = weights int8 [I / 4, 16, 4] times x uint8 [I]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        views, count = opened(context, builder, signature, arguments)
        width, *names = widest(context, _WIDTHS, (16, "", ""))
        step = _OUTPUTS * _INPUTS
        vector = ir.VectorType(_WORD, width // _INPUTS)
        sums = [[cgutils.alloca_once_value(builder, vector(None)) for _ in range(step // width)] for _ in range(_STEPS)]
        with cgutils.for_range(builder, builder.udiv(count, count.type(_STEPS))) as loop:
            for i, parts in enumerate(sums):
                k = builder.add(builder.mul(loop.index, count.type(_STEPS)), count.type(i))
                operand = _spread(builder, views[1].data, builder.mul(k, count.type(_INPUTS)), vector)
                for part, into in enumerate(parts):
                    at = builder.add(builder.mul(k, count.type(step)), count.type(part * width))
                    taken = loaded(builder, views[0].data, at, ir.VectorType(_BYTE, width))
                    builder.store(builder.add(builder.load(into), _fours(builder, operand, taken, names)), into)
        for part, columns in enumerate(zip(*sums, strict=True)):
            first, *others = (builder.load(column) for column in columns)
            for other in others:
                first = builder.add(first, other)
            place = builder.gep(views[2].data, [count.type(part * vector.count)])
            builder.store(first, builder.bitcast(place, vector.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.none(weights, x, out), generate


def _spread(builder: Any, data: Any, at: Any, vector: Any) -> Any:
    """Four bytes from a place on, over and over."""
    four = loaded(builder, data, at, _WORD)
    alone = builder.insert_element(vector(ir.Undefined), four, _WORD(0))
    repeated = builder.shuffle_vector(alone, vector(ir.Undefined), vector(None))
    return builder.bitcast(repeated, ir.VectorType(_BYTE, _INPUTS * vector.count))


def _fours(builder: Any, unsigned: Any, signed: Any, names: list[str]) -> Any:
    """Their product, summed over every four neighbours in 32 bits."""
    width = signed.type.count
    if all(names):
        pairs, sums = ir.VectorType(_SHORT, width // 2), ir.VectorType(_WORD, width // 4)
        twos = instruction(builder, names[0], pairs, [unsigned, signed])
        return instruction(builder, names[1], sums, [twos, pairs([1] * (width // 2))])
    wide = ir.VectorType(_WORD, width)
    products = builder.mul(builder.zext(unsigned, wide), builder.sext(signed, wide))
    places = (ir.VectorType(_WORD, width // 4)(list(range(i, width, 4))) for i in range(4))
    parts = [builder.shuffle_vector(products, products, place) for place in places]
    return builder.add(builder.add(parts[0], parts[1]), builder.add(parts[2], parts[3]))


_block: Any = intrinsic(_sums_of_block)


@inlined
def products(weights: NDArray[Any], x: NDArray[Any], out: NDArray[Any]) -> None:
    """out int32 [O] = weights, packed, times x uint8 [I]; both arrays have the room of whole steps."""
    for o in range(np.uintp(weights.shape[0])):
        _block(weights[o], x, out[o * np.uintp(_OUTPUTS) :])
