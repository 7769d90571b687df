"""What intrinsics on vectors share: the arrays they were given, and the instructions of the processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils as untyped_cgutils
from numba.core import types

__all__ = ["cgutils", "instruction", "loaded", "neighbours", "opened", "pairs", "repeated", "stored", "widest"]

cgutils: Any = untyped_cgutils
Found = TypeVar("Found")


def opened(context: Any, builder: Any, signature: Any, arguments: Any) -> tuple[list[Any], Any]:
    """The arrays among an intrinsic's arguments, and the length of the first."""
    given = zip(signature.args, arguments, strict=True)
    views = [
        context.make_array(kind)(context, builder, value) for kind, value in given if isinstance(kind, types.Array)
    ]
    return views, cgutils.unpack_tuple(builder, views[0].shape)[0]


def widest(context: Any, known: Mapping[str, Found], otherwise: Found) -> Found:
    """What is known by the name of a feature that the processor has, the widest first."""
    features = context.codegen().magic_tuple()[2].split(",")
    return next((known[name] for name in known if f"+{name}" in features), otherwise)


def loaded(builder: Any, data: Any, at: Any, kind: Any) -> Any:
    """A value of some kind from a place of an array on, whatever its alignment."""
    return builder.load(builder.bitcast(builder.gep(data, [at]), kind.as_pointer()), align=1)


def stored(builder: Any, data: Any, at: Any, value: Any) -> None:
    """The inverse of `loaded`."""
    builder.store(value, builder.bitcast(builder.gep(data, [at]), value.type.as_pointer()), align=1)


def repeated(builder: Any, value: Any, count: int) -> Any:
    """A vector of a value, over and over."""
    vector = ir.VectorType(value.type, count)
    alone = builder.insert_element(vector(ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(alone, vector(ir.Undefined), ir.VectorType(ir.IntType(32), count)(None))


def instruction(builder: Any, name: str, kind: Any, arguments: Sequence[Any]) -> Any:
    """What an instruction of the processor, by LLVM's name for it, makes of its arguments: a value of that kind."""
    signature = ir.FunctionType(kind, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


def pairs(builder: Any, x: Any, y: Any, name: str) -> Any:
    """The product of vectors of shorts, summed over every two neighbours in 32 bits; `name`: the instruction for it."""
    word = ir.IntType(32)
    if name:
        return instruction(builder, name, ir.VectorType(word, x.type.count // 2), [x, y])
    wide = ir.VectorType(word, x.type.count)
    return neighbours(builder, builder.mul(builder.sext(x, wide), builder.sext(y, wide)), 2)


def neighbours(builder: Any, products: Any, together: int) -> Any:
    """Sums of a vector of 32-bit integers over every so many neighbours."""
    width, word = products.type.count, ir.IntType(32)
    places = (ir.VectorType(word, width // together)(list(range(i, width, together))) for i in range(together))
    total, *others = (builder.shuffle_vector(products, products, place) for place in places)
    for other in others:
        total = builder.add(total, other)
    return total
