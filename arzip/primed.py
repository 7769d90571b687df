"""Bytes through an engine that begins with what it learned from training texts, and where it pays beside a net.

    payload = primer u8, the first bytes of its fingerprint; with a net the same of the net; then what `byte_road`
              makes of the block

Blocks name primer and net by number, which takes a byte where a model's name would take ten: most files that they help
are small. A net of the caller's own is named by the archive, once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arzip.errors import CorruptArchive, ModelError
from arzip.mixing.byte_road import EngineModel, decode_bytes, encode_bytes, engine_of
from arzip.store import Loaded, load

__all__ = ["beside_engine", "decode_beside", "decode_primed", "encode_beside", "encode_primed", "primed_engine"]

_PRIMERS = ("text-4",)  # only ever append
_NETS = ("text-s-4",)  # only ever append
_MARK = 2  # bytes of a fingerprint


def encode_primed(plain: NDArray[np.uint8], *, lanes: int | None, net: bool) -> tuple[bytes, float, str]:
    """The payload of a block uint8 [n], the engine's own code length in bits, and the names of what it was given."""
    primer = load(_PRIMERS[-1])
    beside = load(_NETS[-1]) if net else None
    payload, ideal = encode_bytes(plain, lanes=lanes, primer=primer.primer, net=beside.gru if beside else None)
    head = _mark(len(_PRIMERS) - 1, primer)
    if beside is None:
        return head + payload, ideal, primer.id
    return head + _mark(len(_NETS) - 1, beside) + payload, ideal, f"{primer.id} {beside.id}"


def decode_primed(payload: bytes, size: int, *, net: bool) -> bytes:
    """The block of `size` bytes; raises CorruptArchive, ModelError."""
    primer, payload = _marked(payload, _PRIMERS)
    if not net:
        return decode_bytes(payload, size, primer.primer)
    beside, payload = _marked(payload, _NETS)
    return decode_bytes(payload, size, primer.primer, beside.gru)


def encode_beside(plain: NDArray[np.uint8], *, lanes: int | None, net: Loaded) -> tuple[bytes, float, str]:
    """As `encode_primed`, beside a net that the archive names."""
    primer = load(_PRIMERS[-1])
    payload, ideal = encode_bytes(plain, lanes=lanes, primer=primer.primer, net=net.gru)
    return _mark(len(_PRIMERS) - 1, primer) + payload, ideal, f"{primer.id} {net.id}"


def decode_beside(payload: bytes, size: int, net: Loaded) -> bytes:
    """The block of `size` bytes; raises CorruptArchive, ModelError."""
    primer, payload = _marked(payload, _PRIMERS)
    return decode_bytes(payload, size, primer.primer, net.gru)


def beside_engine(plain: NDArray[np.uint8], lanes: int | None, net: Loaded) -> EngineModel:
    """The engine that `encode_beside` takes for a block."""
    return engine_of(plain, lanes, load(_PRIMERS[-1]).primer, net.gru)


def primed_engine(plain: NDArray[np.uint8], lanes: int | None, *, net: bool) -> EngineModel:
    """The engine that `encode_primed` takes for a block."""
    return engine_of(plain, lanes, load(_PRIMERS[-1]).primer, load(_NETS[-1]).gru if net else None)


def _mark(number: int, model: Loaded) -> bytes:
    return bytes([number]) + model.fingerprint[:_MARK]


def _marked(payload: bytes, names: tuple[str, ...]) -> tuple[Loaded, bytes]:
    """The model that a payload names, and the rest of it."""
    if not payload or payload[0] >= len(names):
        raise CorruptArchive("a frame names a model that this version of arzip does not have")
    model = load(names[payload[0]])
    if payload[1 : 1 + _MARK] != model.fingerprint[:_MARK]:
        raise ModelError(f"the archive was made with other weights than those of {model.id!r} here: install arzip anew")
    return model, payload[1 + _MARK :]
