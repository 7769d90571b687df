"""NumPy's .npy files: the header as side data; arrays that look like pictures to the image models, others as bytes.

`npy_table` reads the same files as tables, N examples of D variables, when the caller named a model of tables.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.errors import UnsupportedInput
from arzip.formats.base import Parsed
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "opened", "parse", "sniff"]

NAME = "NPY"
_MAGIC = b"\x93NUMPY"


def sniff(data: bytes) -> bool:
    """Whether the data begins as a .npy file."""
    return data[:6] == _MAGIC


def opened(data: bytes) -> tuple[NDArray[np.uint8], bytes, np.dtype[Any], tuple[int, ...]]:
    """The numbers as bytes, the header, the type and the shape.

    Raises UnsupportedInput for object arrays, Fortran order, and files whose length does not match the header.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except ValueError as error:
        raise UnsupportedInput(f"the header is damaged ({error})") from error
    begin = stream.tell()
    count = int(np.prod(shape, dtype=np.int64))
    if dtype.hasobject or fortran or count * dtype.itemsize != len(data) - begin:
        raise UnsupportedInput("only whole arrays of plain numbers in C order are taken apart")
    return np.frombuffer(data, np.uint8, offset=begin), data[:begin], dtype, shape


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput; see `opened`."""
    raw, header, dtype, shape = opened(data)
    count = int(np.prod(shape, dtype=np.int64))
    if dtype in (np.uint8, np.dtype("<u2")) and count and (len(shape) == 2 or (len(shape) == 3 and shape[2] <= 4)):
        pixels = raw.view(dtype).reshape((*shape, 1) if len(shape) == 2 else shape)
        return Parsed((Symbols("image", pixels, 8 * dtype.itemsize),), header)
    return Parsed((Symbols("bytes", raw),), header)


def build(parsed: Parsed) -> bytes:
    """The file again."""
    array = parsed.parts[0].array
    return parsed.side + array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
