"""Bytes through an engine that begins with what it learned from training texts, and where it pays beside a net.

    payload = primer u8, the first bytes of its fingerprint; with a published net the same of the net; then what
              `byte_road` makes of the block

Blocks name primer and net by number, which takes a byte where a model's name would take ten: most files that they help
are small. A net of the caller's own is named by the archive, once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arzip.errors import CorruptArchive, ModelError
from arzip.given import Given
from arzip.mixing.byte_road import EngineModel, decode_bytes, encode_bytes, engine_of
from arzip.store import Loaded, load

__all__ = ["decode_primed", "encode_primed", "primed_engine"]

_PRIMERS = ("text-6",)  # only ever append
_NETS = ("text-s-4",)  # only ever append
_MARK = 2  # bytes of a fingerprint


def encode_primed(
    plain: NDArray[np.uint8], given: Given, *, lanes: int | None, own: Loaded | None = None
) -> tuple[bytes, float, str]:
    """The payload of a block uint8 [n], the engine's own code length in bits, and the names of what it was given.

    A net of the caller's own takes the published one's place.
    """
    primer, net = load(_PRIMERS[-1]), _net(given, own)
    payload, ideal = encode_bytes(
        plain, lanes=lanes, primer=primer.primer, net=net.gru if net else None, whole=given is Given.LEARNING_NET
    )
    head = _mark(len(_PRIMERS) - 1, primer)
    if net is not None and own is None:
        head += _mark(len(_NETS) - 1, net)
    names = [primer.id, *([net.id] if net else []), *(["learning"] if given is Given.LEARNING_NET else [])]
    return head + payload, ideal, " ".join(names)


def decode_primed(payload: bytes, size: int, given: Given, *, own: Loaded | None = None) -> bytes:
    """The block of `size` bytes; raises CorruptArchive, ModelError."""
    primer, payload = _marked(payload, _PRIMERS)
    net = own
    if net is None and given.reads:
        net, payload = _marked(payload, _NETS)
    gru = net.gru if net is not None else None
    return decode_bytes(payload, size, primer.primer, gru, given is Given.LEARNING_NET)


def primed_engine(plain: NDArray[np.uint8], given: Given, lanes: int | None, own: Loaded | None = None) -> EngineModel:
    """The engine that `encode_primed` takes for a block."""
    net = _net(given, own)
    return engine_of(plain, lanes, load(_PRIMERS[-1]).primer, net.gru if net else None, given is Given.LEARNING_NET)


def _net(given: Given, own: Loaded | None) -> Loaded | None:
    if not given.reads:
        return None
    return load(_NETS[-1]) if own is None else own


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
