"""Deflate streams opened up and made again, bit for bit, without any deflate library.

What does the work is imported when there is a stream: most files hold none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Opened", "Settings", "put_together", "take_apart"]

Settings = npt.NDArray[np.int64]  # of a predicted encoder, see `matcher`


@dataclass(frozen=True)
class Opened:
    """A stream taken apart: its plain bytes, how to make it again, how many bytes it was long, and its encoder."""

    plain: bytes
    recipe: bytes
    consumed: int
    settings: Settings | None


def take_apart(stream: bytes | memoryview, *, limit: int, prove: bool = True, like: Settings | None = None) -> Opened:
    """The raw deflate stream at the start of `stream`; see `recreate.take_apart`."""
    from arzip.formats.deflate import recreate

    return recreate.take_apart(stream, limit=limit, prove=prove, like=like)


def put_together(plain: bytes, recipe: bytes) -> bytes:
    """The stream again; see `recreate.put_together`."""
    from arzip.formats.deflate import recreate

    return recreate.put_together(plain, recipe)
