"""Bytes through an engine that begins with what it learned from training texts: encode and decode side by side.

    payload = primer u8, the first bytes of its fingerprint, then what `byte_road` makes of the block

A block names its primer by number, which takes a byte where a model's name would take ten: most files that a primer
helps are small.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arzip.errors import CorruptArchive, ModelError
from arzip.mixing.byte_road import decode_bytes, encode_bytes
from arzip.store import Loaded, load

__all__ = ["decode_primed", "encode_primed", "latest"]

_PRIMERS = ("text-1",)  # only ever append
_MARK = 2  # bytes of the fingerprint


def latest() -> Loaded:
    """The model of the primer that blocks are made with."""
    return load(_PRIMERS[-1])


def encode_primed(plain: NDArray[np.uint8], *, lanes: int | None) -> tuple[bytes, float, str]:
    """The payload of a block uint8 [n], the engine's own code length in bits, and the primer's name."""
    model = latest()
    payload, ideal = encode_bytes(plain, lanes=lanes, primer=model.primer)
    return bytes([len(_PRIMERS) - 1]) + model.fingerprint[:_MARK] + payload, ideal, model.id


def decode_primed(payload: bytes, size: int) -> bytes:
    """The block of `size` bytes; raises CorruptArchive, ModelError."""
    if not payload or payload[0] >= len(_PRIMERS):
        raise CorruptArchive("a frame names a primer that this version of arzip does not have")
    model = load(_PRIMERS[payload[0]])
    if payload[1 : 1 + _MARK] != model.fingerprint[:_MARK]:
        raise ModelError(f"the archive was made with other tables than those of {model.id!r} here: install arzip anew")
    return decode_bytes(payload[1 + _MARK :], size, model.primer)
