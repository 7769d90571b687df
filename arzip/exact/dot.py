"""The inner product of short integers by the instruction that x86 has for it: 8 to 32 products of 16 bits at once.

Compiled loops find `pmaddwd` too, but at a quarter of its width. A sum of integers is the same in whatever order and
width it is taken, so processors without it, and those of other makers, give the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from arzip.compiled import Integer, inlined
from arzip.exact.vectors import cgutils, loaded, opened, pairs, widest

__all__ = ["dot"]

_PIECE = 128  # products of one pass through the loop; four sums go on side by side
_SHORT, _WORD = ir.IntType(16), ir.IntType(32)
_WIDTHS = {
    "avx512bw": (32, "llvm.x86.avx512.pmaddw.d.512"),
    "avx2": (16, "llvm.x86.avx2.pmadd.wd"),
    "sse2": (8, "llvm.x86.sse2.pmadd.wd"),
}


def _dot_of_pieces(typing_context: Any, a: Any, b: Any) -> Any:
    """int32: the sum of a * b over whole pieces, contiguous arrays of int8 or int16 of one length."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        views, count = opened(context, builder, signature, arguments)
        width, name = widest(context, _WIDTHS, (16, ""))
        vector = ir.VectorType(_WORD, width // 2)
        sums = [cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(4)]
        piece = ir.Constant(count.type, _PIECE)
        with cgutils.for_range(builder, builder.udiv(count, piece)) as loop:
            for i in range(_PIECE // width):
                first = builder.add(builder.mul(loop.index, piece), ir.Constant(count.type, i * width))
                x, y = (_widened(builder, view.data, first, width) for view in views)
                into = sums[i % len(sums)]
                builder.store(builder.add(builder.load(into), pairs(builder, x, y, name)), into)
        total = ir.Constant(_WORD, 0)
        whole = builder.add(*(builder.add(*(builder.load(s) for s in part)) for part in (sums[:2], sums[2:])))
        for i in range(vector.count):
            total = builder.add(total, builder.extract_element(whole, ir.Constant(_WORD, i)))
        return total

    return types.int32(a, b), generate


def _widened(builder: Any, data: Any, first: Any, width: int) -> Any:
    """So many integers from a place on, as 16 bits."""
    stored, wide = (ir.VectorType(kind, width) for kind in (data.type.pointee, _SHORT))
    vector = loaded(builder, data, first, stored)
    return vector if stored == wide else builder.sext(vector, wide)


_of_pieces: Any = intrinsic(_dot_of_pieces)


@inlined
def dot(a: NDArray[Any], b: NDArray[Any]) -> Integer:
    """int32: the sum of a[k] b[k], contiguous int8 or int16 [n]; it must fit."""
    total = _of_pieces(a, b)
    for k in range(np.uintp(a.shape[0]) & ~np.uintp(_PIECE - 1), np.uintp(a.shape[0])):
        total = np.int32(total + np.int32(a[k]) * np.int32(b[k]))
    return total
