"""Plain bytes through the adaptive engine: lanes chosen, bits ordered, coded, and back.

    payload = lanes u8, then the coder's words

Both directions run the engine, and the net that may read along, over the whole block in one compiled loop, the same
functions in the same order. One lane is best: every further one takes context from nearby (docs/bytes.md).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Prediction
from arzip.coding.compiled_coder import closed, start, words_of
from arzip.coding.drive import encode_symbols
from arzip.coding.length import ideal_bits
from arzip.errors import CorruptArchive
from arzip.exact.small_gru import SmallGRU
from arzip.mixing.byte_engine import ByteEngine
from arzip.mixing.byte_state import Primer

__all__ = ["EngineModel", "decode_bytes", "encode_bytes", "engine_of"]

_LANES_LIMIT = 64


def encode_bytes(
    plain: NDArray[np.uint8],
    *,
    lanes: int | None,
    primer: Primer | None = None,
    net: SmallGRU | None = None,
    whole: bool = False,
) -> tuple[bytes, float]:
    """The payload of a block uint8 [n] and the engine's own code length in bits."""
    model = engine_of(plain, lanes, primer, net, whole)
    coded = encode_symbols(model, plain)
    return bytes([model.lanes]) + coded.words, coded.ideal_bits


def engine_of(
    plain: NDArray[np.uint8],
    lanes: int | None,
    primer: Primer | None = None,
    net: SmallGRU | None = None,
    whole: bool = False,
) -> EngineModel:
    """The engine that `encode_bytes` takes for a block."""
    return EngineModel(min(lanes or 1, max(1, len(plain))), primer, net, whole)


def decode_bytes(
    payload: bytes, size: int, primer: Primer | None = None, net: SmallGRU | None = None, whole: bool = False
) -> bytes:
    """The block of `size` bytes; raises CorruptArchive."""
    if len(payload) % 4 != 1 or not 1 <= payload[0] <= (1 if whole else _LANES_LIMIT):
        raise CorruptArchive("a frame declares an impossible number of lanes: the archive is damaged")
    words = words_of(payload[1:])
    coder = start(words)
    plain = ByteEngine(size, lanes=payload[0], primer=primer, net=net, whole=whole).read(words, coder)
    if not closed(coder, words):
        raise CorruptArchive("a coded stream contradicts its model: the archive is damaged")
    return plain.tobytes()


class EngineModel:
    """The engine as a causal model of uint8 [T], cut into contiguous lanes."""

    def __init__(
        self, lanes: int, primer: Primer | None = None, net: SmallGRU | None = None, whole: bool = False
    ) -> None:
        self.lanes, self.primer, self.net, self.whole = lanes, primer, net, whole

    def _engine(self, size: int) -> ByteEngine:
        return ByteEngine(size, lanes=self.lanes, primer=self.primer, net=self.net, whole=self.whole)

    def predictions(self, symbols: NDArray[np.uint8]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """All decisions of the block, front by front, bit by bit, lane by lane."""
        engine = self._engine(len(symbols))
        yield from engine.predictions(np.ascontiguousarray(symbols))

    def code_lengths(self, symbols: NDArray[np.uint8]) -> NDArray[np.float64]:
        """What each byte costs in bits, [T]."""
        size, length = len(symbols), -(-len(symbols) // self.lanes)
        lengths, front = np.zeros(size), 0
        for p, bits in self.predictions(symbols):
            costs = ideal_bits(p, bits)
            while len(costs):
                # Decisions come front by front, bit by bit, lane by lane; the last lanes may end before the others.
                live = min(self.lanes, -(-(size - front) // length))
                fronts = min(length, size - (live - 1) * length, front + len(costs) // (8 * live)) - front
                here, costs = np.split(costs, [8 * live * fronts])
                place = np.arange(live) * length + np.arange(front, front + fronts)[:, None]
                lengths[place] = here.reshape(fronts, 8, live).sum(axis=1)
                front += fronts
        return lengths

    def stepper(self, shape: tuple[int, ...]) -> ByteEngine:
        """A walk over a block of shape [T]."""
        return self._engine(shape[0])
