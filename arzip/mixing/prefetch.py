"""Cache lines: arrays that begin with one, and asking for one ahead of its use, a hint without effect on results."""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["LINE_BYTES", "aligned_zeros", "prefetch"]

LINE_BYTES = 64


def aligned_zeros(count: int, kind: type[np.generic]) -> np.ndarray:
    """Return [count] zeros that begin with a cache line; their pages are touched only as they are used."""
    size = count * np.dtype(kind).itemsize
    raw = np.zeros(size + LINE_BYTES, np.uint8)
    first = -raw.ctypes.data % LINE_BYTES
    return raw[first : first + size].view(kind)


def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Fetch the cache line of `array.flat[index]` (index unsigned or never negative)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        line = builder.bitcast(builder.gep(view.data, [arguments[1]]), cgutils.voidptr_t)
        word = ir.IntType(32)
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", [cgutils.voidptr_t], ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, word, word, word])
        )
        builder.call(hint, [line, word(1), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate


prefetch: Any = intrinsic(_prefetch)
