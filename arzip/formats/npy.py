"""NumPy's .npy files: the header as side data; arrays that look like pictures to the image models, others as bytes.

`npy_table` reads the same files as tables, N examples of D variables, when the caller named a model of tables.
"""

from __future__ import annotations

import ast
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.formats.base import Parsed
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "opened", "parse", "sniff"]

NAME = "NPY"
_MAGIC = b"\x93NUMPY"
_LONGEST = 10_000  # bytes of a header, as in NumPy itself
_Order = Literal["C", "F"]


def sniff(data: bytes) -> bool:
    """Whether the data begins as a .npy file."""
    return data[:6] == _MAGIC


def _header(data: bytes) -> tuple[int, tuple[int, ...], _Order, np.dtype[Any]]:
    """Where the array starts, its shape, the order in which it lies, C's or Fortran's, and its type."""
    wide = data[6:7] in (b"\2", b"\3")
    begin = 12 if wide else 10
    end = begin + int.from_bytes(data[8:begin], "little")
    if data[6:8] not in (b"\1\0", b"\2\0", b"\3\0") or end - begin > _LONGEST or end > len(data):
        raise UnsupportedInput("the header is damaged")
    if b"\\" in data[begin:end]:  # no type needs it, and Python warns of odd ones
        raise UnsupportedInput("the header is damaged")
    try:
        fields = ast.literal_eval(data[begin:end].decode("utf-8" if data[6:7] == b"\3" else "latin-1").strip())
        shape, fortran, dtype = fields["shape"], fields["fortran_order"], np.dtype(fields["descr"])
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
        raise UnsupportedInput("the header is damaged") from error
    if not isinstance(shape, tuple) or any(type(size) is not int or not 0 <= size < 1 << 40 for size in shape):
        raise UnsupportedInput("the header is damaged")
    return end, shape, "F" if fortran else "C", dtype


def opened(data: bytes) -> tuple[NDArray[np.uint8], bytes, np.dtype[Any], tuple[int, ...], _Order]:
    """The numbers as bytes, the header, the type, the shape and the order.

    Raises UnsupportedInput for object arrays, and files whose length does not match the header.
    """
    begin, shape, order, dtype = _header(data)
    if dtype.hasobject or prod(shape) * dtype.itemsize != len(data) - begin:
        raise UnsupportedInput("only whole arrays of plain numbers are taken apart")
    return np.frombuffer(data, np.uint8, offset=begin), data[:begin], dtype, shape, order


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput; see `opened`."""
    raw, header, dtype, shape, order = opened(data)
    if dtype in (np.uint8, np.dtype("<u2")) and len(raw) and (len(shape) == 2 or (len(shape) == 3 and shape[2] <= 4)):
        pixels = np.ascontiguousarray(raw.view(dtype).reshape(shape, order=order))
        return Parsed((Symbols("image", pixels.reshape(*shape[:2], -1), 8 * dtype.itemsize),), header)
    return Parsed((Symbols("bytes", raw),), header)


def build(parsed: Parsed) -> bytes:
    """The file again; raises CorruptArchive."""
    array = parsed.parts[0].array
    if parsed.parts[0].kind == "bytes":
        return parsed.side + array.tobytes()
    try:
        _, shape, order, _ = _header(parsed.side)
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        return parsed.side + little.reshape(shape).tobytes(order)
    except (UnsupportedInput, ValueError) as error:
        raise CorruptArchive(f"the header of an array is damaged ({error})") from error
