"""Plain bytes through the adaptive engine: lanes chosen, bits ordered, coded, and back.

    payload = lanes u8, then the coder's words

Both directions run the engine over the whole block in one compiled loop, the same functions in the same order. Without
a net to batch for, one lane is best: every further one takes context from nearby (docs/bytes.md).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Prediction
from arzip.coding.compiled_coder import closed, start, words_of
from arzip.coding.drive import encode_symbols
from arzip.errors import CorruptArchive
from arzip.mixing.byte_engine import ByteEngine

__all__ = ["EngineModel", "decode_bytes", "encode_bytes"]

_LANES_LIMIT = 64


def encode_bytes(plain: NDArray[np.uint8], *, lanes: int | None) -> tuple[bytes, float]:
    """The payload of a block uint8 [n] and the engine's own code length in bits."""
    chosen = min(lanes or 1, max(1, len(plain)))
    coded = encode_symbols(EngineModel(chosen), plain)
    return bytes([chosen]) + coded.words, coded.ideal_bits


def decode_bytes(payload: bytes, size: int) -> bytes:
    """The block of `size` bytes; raises CorruptArchive."""
    if len(payload) % 4 != 1 or not 1 <= payload[0] <= _LANES_LIMIT:
        raise CorruptArchive("a frame declares an impossible number of lanes: the archive is damaged")
    words = words_of(payload[1:])
    coder = start(words)
    plain = ByteEngine(size, lanes=payload[0]).read(words, coder)
    if not closed(coder, words):
        raise CorruptArchive("a coded stream contradicts its model: the archive is damaged")
    return plain.tobytes()


class EngineModel:
    """The engine as a causal model of uint8 [T], cut into contiguous lanes."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes

    def predictions(self, symbols: NDArray[np.uint8]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """All decisions of the block, front by front, bit by bit, lane by lane."""
        yield from ByteEngine(len(symbols), lanes=self.lanes).predictions(np.ascontiguousarray(symbols))

    def stepper(self, shape: tuple[int, ...]) -> ByteEngine:
        """A walk over a block of shape [T]."""
        return ByteEngine(shape[0], lanes=self.lanes)
