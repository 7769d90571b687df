"""Lanes: 32 floats side by side, as one value of compiled code.

    rest = load(table, i, 0)                         table float32 [N, W]: table[i, 0:32]
    for k in range(i):
        rest = rest - load(table, k, 0) * load(table, i + k, 0)
    store(table, i, 0, rest)

A loop over lanes inside one over terms goes through memory for every term, and its compiler has to test whether rows
overlap; lanes stay in registers. Operations are those of IEEE single precision, one by one, never fused: a lane's
result is the same on every machine, however wide its registers are.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic, models, overload, register_model

from arzip.exact.vectors import cgutils, loaded, repeated, stored

__all__ = ["LANES", "larger", "load", "spread", "store"]

LANES = 32
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_OPERATIONS = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv"}


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes")


_lanes = _Lanes()


@register_model(_Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> tuple[Any, Any]:
    """Where a table's floats begin, and which of them lies in a row and a column: the first three arguments."""
    table = context.make_array(signature.args[0])(context, builder, arguments[0])
    pairs = zip(arguments[1:3], signature.args[1:3], strict=True)
    row, column = (context.cast(builder, value, kind, types.intp) for value, kind in pairs)
    width = cgutils.unpack_tuple(builder, table.shape)[1]
    return table.data, builder.add(builder.mul(row, width), column)


def _load(typing_context: Any, table: Any, row: Any, column: Any) -> Any:
    """LANES floats of a table float32 [N, W], contiguous, from a column of a row on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, at = _place(context, builder, signature, arguments)
        return loaded(builder, data, at, _VECTOR)

    return _lanes(table, row, column), generate


def _store(typing_context: Any, table: Any, row: Any, column: Any, value: Any) -> Any:
    """Writes them."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, at = _place(context, builder, signature, arguments)
        stored(builder, data, at, arguments[3])
        return context.get_dummy_value()

    return types.none(table, row, column, value), generate


def _spread(typing_context: Any, value: Any) -> Any:
    """A float, in all lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return repeated(builder, context.cast(builder, arguments[0], signature.args[0], types.float32), LANES)

    return _lanes(value), generate


def _larger(typing_context: Any, a: Any, b: Any) -> Any:
    """Lane by lane a where a > b, else b."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)

    return _lanes(a, b), generate


def _operation(name: str) -> Any:
    def typed(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments)

        return _lanes(a, b), generate

    return intrinsic(typed)


def _teach(sign: Any, name: str) -> None:
    """Makes a sign of Python an operation on lanes."""
    made = _operation(name)

    def chosen(a: Any, b: Any) -> Any:
        return (lambda a, b: made(a, b)) if a is _lanes and b is _lanes else None

    overload(sign, strict=False)(chosen)


load: Any = intrinsic(_load)
store: Any = intrinsic(_store)
spread: Any = intrinsic(_spread)
larger: Any = intrinsic(_larger)
for _sign, _name in _OPERATIONS.items():
    _teach(_sign, _name)
