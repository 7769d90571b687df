"""NumPy's .npy files as tables: uint8 or bool [N, ...] becomes N examples of D variables, the header is side data.

Taken only when a model of tables was asked for: without one the same file may be a picture.
"""

from __future__ import annotations

import numpy as np

from arzip.errors import UnsupportedInput
from arzip.formats import npy
from arzip.formats.base import Parsed
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "NPY table"
sniff = npy.sniff
build = npy.build


def parse(data: bytes) -> Parsed:
    """Raises UnsupportedInput for what `npy` refuses, other types, and arrays of fewer than two dimensions."""
    raw, header, dtype, shape, order = npy.opened(data)
    if dtype not in (np.uint8, np.bool_) or len(shape) < 2:
        raise UnsupportedInput(f"a table is uint8 or bool [N, ...], not {dtype} of shape {shape}")
    if 0 in shape:
        raise UnsupportedInput("an empty array is no table")
    table = np.ascontiguousarray(raw.reshape(shape, order=order)).reshape(shape[0], -1)
    depth = max(1, int(raw.max()).bit_length())
    return Parsed((Symbols("table", table, depth),), header)
