"""Many rows of short integers times a matrix of them: the sums that fp32 gives for them, sooner.

    y [N, O] = x [N, I] W

`pmaddwd` multiplies shorts and adds neighbours in 32 bits, twice as many at once as a multiply-add of fp32 takes; where
the processor has VNNI, one instruction adds them to a sum as well. As many rows go on side by side as there are
registers for their sums: what is read of the matrix serves them all. Sums of integers do not depend on their order, so
a processor that takes another way, as those of other makers do, gets the same.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled
from arzip.exact.vectors import cgutils, instruction, loaded, opened, pairs, repeated, stored, widest

__all__ = ["LEAST_ROWS", "OUTPUTS", "QUICK", "multiply"]

QUICK = platform.machine().lower() in {"x86_64", "amd64"}  # others take fp32
OUTPUTS = 16  # of a block; their weights for a pair of inputs are 64 bytes
LEAST_ROWS = 8  # that go on side by side anywhere
_TILE = 128  # rows that stay in the cache while blocks of outputs go by
_SHORT, _WORD = ir.IntType(16), ir.IntType(32)
_WIDTHS = {  # bytes of a register, rows side by side, and what multiplies, or what multiplies and adds
    "avx512vnni": (64, 8, "", "llvm.x86.avx512.vpdpwssd.512"),
    "avx512bw": (64, 8, "llvm.x86.avx512.pmaddw.d.512", ""),
    "avx2": (32, 4, "llvm.x86.avx2.pmadd.wd", ""),
    "sse2": (16, 2, "llvm.x86.sse2.pmadd.wd", ""),
}


def _width(context: Any) -> tuple[int, int, str, str]:
    return widest(context, _WIDTHS, (16, 2, "", ""))


def _rows(typing_context: Any) -> Any:
    """How many rows `_sums_of_rows` takes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.intp, _width(context)[1])

    return types.intp(), generate


def _sums_of_rows(typing_context: Any, weights: Any, x: Any, out: Any, first: Any, column: Any) -> Any:
    """Of out fp32 [N, O] some rows from `first` on, 16 columns: x int16 [N, I] times weights int16 [I / 2, 16, 2]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        views, count = opened(context, builder, signature, arguments)
        width, rows, multiply_, both = _width(context)
        vector, taken = ir.VectorType(_WORD, width // 4), ir.VectorType(_SHORT, width // 2)
        parts = range(4 * OUTPUTS // width)
        sums = [[cgutils.alloca_once_value(builder, vector(None)) for _ in parts] for _ in range(rows)]
        long, broad = (cgutils.unpack_tuple(builder, view.shape)[1] for view in views[1:])
        top, left = (
            context.cast(builder, given, kind, types.intp)
            for given, kind in zip(arguments[3:], signature.args[3:], strict=True)
        )
        seen, made = (
            [builder.mul(stride, builder.add(top, count.type(row))) for row in range(rows)] for stride in (long, broad)
        )
        with cgutils.for_range(builder, count) as loop:
            pair = builder.mul(loop.index, count.type(2))
            block = builder.mul(pair, count.type(OUTPUTS))
            read = [
                loaded(builder, views[0].data, builder.add(block, count.type(k * taken.count)), taken) for k in parts
            ]
            for start, totals in zip(seen, sums, strict=True):
                at = builder.add(start, pair)
                operand = repeated(builder, loaded(builder, views[1].data, at, _WORD), vector.count)
                for known, into in zip(read, totals, strict=True):
                    total = builder.load(into)
                    if both:
                        operands = [total, operand, builder.bitcast(known, vector)]
                        builder.store(instruction(builder, both, vector, operands), into)
                    else:
                        products = pairs(builder, builder.bitcast(operand, taken), known, multiply_)
                        builder.store(builder.add(total, products), into)
        for start, totals in zip(made, sums, strict=True):
            at = builder.add(start, left)
            for part, into in enumerate(totals):
                value = builder.sitofp(builder.load(into), ir.VectorType(ir.FloatType(), vector.count))
                stored(builder, views[2].data, builder.add(at, count.type(part * vector.count)), value)
        return context.get_dummy_value()

    return types.none(weights, x, out, first, column), generate


_rows_at_once: Any = intrinsic(_rows)
_sums: Any = intrinsic(_sums_of_rows)


@compiled
def multiply(x: NDArray[Any], weights: NDArray[Any], first: Integer, shorts: NDArray[Any], y: NDArray[Any]) -> None:
    """y fp32 [N, O] = x W: x [N, I] short integers in fp32, N at least LEAST_ROWS, and all sums below 2**24.

    weights int16 [O / 16, .., 16, 2] by `packed.packed`, from pair `first` on; shorts int16 [N, I], or an even I + 1,
    is room for x. All are contiguous.
    """
    count, inputs = x.shape
    for n in range(count):
        source, into = x[n], shorts[n]
        for i in range(inputs):
            into[i] = np.int16(source[i])
        for i in range(inputs, into.shape[0]):
            into[i] = 0
    start, steps, rows = np.uintp(first), np.uintp(shorts.shape[1] // 2), _rows_at_once()
    for tile in range(0, count, _TILE):
        for block in range(np.uintp(weights.shape[0])):
            known = weights[block, start : start + steps]
            for row in range(tile, min(tile + _TILE, count), rows):
                _sums(known, shorts, y, min(row, count - rows), block * np.uintp(OUTPUTS))  # the last overlap
