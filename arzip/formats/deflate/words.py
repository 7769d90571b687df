"""Eight bytes of an array at once, for comparing: only whether two words are equal may matter, never their value."""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

__all__ = ["eight_bytes"]


def _eight_bytes(typing_context: Any, array: Any, index: Any) -> Any:
    """array[index : index + 8] (uint8) as a word in the machine's byte order; `index` unsigned, inside the array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(view.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(array, index), generate


eight_bytes: Any = intrinsic(_eight_bytes)
