"""What a block may go through, one class each: stored, the byte engine, a net alone, engines for pictures and sound.

    encode(block) -> Coded              decode(payload, shape) -> block, or CorruptArchive
    code_lengths(block)                 bits of every symbol, float64, the shape of the block
    predictions(block)                  what the coder is given: probabilities and symbols, in coding order

A way's number stands in every frame and never changes its meaning. Ways import what they need when they are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from arzip import store
from arzip.causal import Prediction
from arzip.container import Fields, pack
from arzip.errors import CorruptArchive
from arzip.given import Given
from arzip.levels import Levels, pack_levels, ranked, restored, sparse_levels, unpack_levels

if TYPE_CHECKING:
    from arzip.mixing.byte_road import EngineModel

__all__ = ["Coded", "Drawing", "Engine", "Mixed", "Net", "Photograph", "Ranked", "Sound", "Stored", "Way"]

Decisions = Iterator[tuple[Prediction, NDArray[np.int32]]]
_ENGINE = {Given.NOTHING: 1, Given.PRIMER: 6, Given.NET: 7, Given.LEARNING_NET: 10}
_OWN_NET = {Given.NET: 9, Given.LEARNING_NET: 11}


@dataclass(frozen=True)
class Coded:
    """One block's payload, the road it took, the label for people, and the model's own code length."""

    road: int
    payload: bytes
    label: str
    ideal_bits: float


class Way(Protocol):
    """See the module's docstring."""

    @property
    def number(self) -> int: ...
    def encode(self, block: NDArray[Any]) -> Coded: ...
    def decode(self, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]: ...
    def code_lengths(self, block: NDArray[Any]) -> NDArray[np.float64]: ...
    def predictions(self, block: NDArray[Any]) -> Decisions: ...


@dataclass(frozen=True)
class Stored:
    """Samples as they are."""

    dtype: np.dtype[Any]
    number = 0

    def encode(self, block: NDArray[Any]) -> Coded:
        plain = _plain(block)
        return Coded(self.number, plain.tobytes(), "stored", 8.0 * plain.nbytes)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        return _shaped(payload, shape, self.dtype)

    def code_lengths(self, block: NDArray[Any]) -> NDArray[np.float64]:
        return np.full(block.shape, 8.0 * block.dtype.itemsize)

    def predictions(self, block: NDArray[Any]) -> Decisions:
        return iter(())


@dataclass(frozen=True)
class Engine:
    """The byte engine, over the bytes of all samples: from nothing, from a primer, beside a net, or one that learns.

    A net that the caller named takes the published one's place.
    """

    dtype: np.dtype[Any]
    lanes: int | None
    given: Given = Given.NOTHING
    own: store.Loaded | None = None

    @property
    def number(self) -> int:
        return _OWN_NET[self.given] if self.own is not None else _ENGINE[self.given]

    def encode(self, block: NDArray[Any]) -> Coded:
        if self.given is not Given.NOTHING:
            from arzip.primed import encode_primed

            payload, ideal, label = encode_primed(_plain(block), self.given, lanes=self.lanes, own=self.own)
            return Coded(self.number, payload, label, ideal)
        from arzip.mixing.byte_road import encode_bytes

        payload, ideal = encode_bytes(_plain(block), lanes=self.lanes)
        return Coded(self.number, payload, "bytes", ideal)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        size = int(np.prod(shape, dtype=np.int64)) * self.dtype.itemsize
        if self.given is not Given.NOTHING:
            from arzip.primed import decode_primed

            return _shaped(decode_primed(payload, size, self.given, own=self.own), shape, self.dtype)
        from arzip.mixing.byte_road import decode_bytes

        return _shaped(decode_bytes(payload, size), shape, self.dtype)

    def code_lengths(self, block: NDArray[Any]) -> NDArray[np.float64]:
        plain = _plain(block)
        by_byte = self._model(plain).code_lengths(plain)
        return np.asarray(by_byte.reshape(*block.shape, -1).sum(axis=-1))

    def predictions(self, block: NDArray[Any]) -> Decisions:
        plain = _plain(block)
        return self._model(plain).predictions(plain)

    def _model(self, plain: NDArray[np.uint8]) -> EngineModel:
        from arzip.mixing.byte_road import engine_of
        from arzip.primed import primed_engine

        if self.given is Given.NOTHING:
            return engine_of(plain, self.lanes)
        return primed_engine(plain, self.given, self.lanes, self.own)


@dataclass(frozen=True)
class Net:
    """A frozen net alone."""

    model: store.Loaded
    number = 2

    def encode(self, block: NDArray[Any]) -> Coded:
        from arzip.coding.drive import encode_symbols

        _one_torch_thread()
        coded = encode_symbols(self.model.causal, block)
        return Coded(self.number, coded.words, self.model.id, coded.ideal_bits)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        from arzip.coding.coder import Decoder
        from arzip.coding.drive import decode_symbols

        _one_torch_thread()
        return decode_symbols(self.model.causal, shape, Decoder(payload))

    def code_lengths(self, block: NDArray[Any]) -> NDArray[np.float64]:
        _one_torch_thread()
        return np.asarray(self.model.causal.code_lengths(block))

    def predictions(self, block: NDArray[Any]) -> Decisions:
        _one_torch_thread()
        yield from self.model.causal.predictions(block)


@dataclass(frozen=True)
class Mixed(Net):
    """A mixture of frozen nets over whole examples."""

    number = 13  # 12 had the first examples' words apart; no release has written it

    def encode(self, block: NDArray[Any]) -> Coded:
        from arzip.coding.bits_back import encode_mixture

        _one_torch_thread()
        first, coded = encode_mixture(self.model.causal, block)
        return Coded(self.number, pack(first) + coded.words, self.model.id, coded.ideal_bits)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        from arzip.coding.bits_back import decode_mixture

        _one_torch_thread()
        fields = Fields(payload)
        return decode_mixture(self.model.causal, shape, fields.number(), fields.rest())


@dataclass(frozen=True)
class Photograph:
    """Guides, counts, and a net where there is one, which may go on learning at a pace (see `PictureEngine`)."""

    dtype: np.dtype[Any]
    depth: int
    profile: int
    model: store.Loaded | None
    pace: int
    number = 3

    @property
    def _net(self) -> Any:
        return self.model.small if self.model is not None else None

    def encode(self, block: NDArray[Any]) -> Coded:
        from arzip.pictures import encode_picture

        payload, ideal = encode_picture(block, self.depth, profile=self.profile, net=self._net, pace=self.pace)
        return Coded(self.number, payload, self.model.id if self.model is not None else "picture", ideal)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        from arzip.pictures import decode_picture

        return decode_picture(payload, _picture(shape), self.depth, self._net).astype(self.dtype)

    def code_lengths(self, block: NDArray[Any]) -> NDArray[np.float64]:
        from arzip.pictures import picture_code_lengths

        return picture_code_lengths(block, self.depth, profile=self.profile, net=self._net, pace=self.pace)

    def predictions(self, block: NDArray[Any]) -> Decisions:
        from arzip.pictures import picture_predictions

        return picture_predictions(block, self.depth, profile=self.profile, net=self._net, pace=self.pace)


@dataclass(frozen=True)
class Ranked:
    """A photograph whose planes leave out many values: the ranks of those that occur go the photograph's way."""

    photograph: Photograph
    levels: Levels | None = None  # those of the whole block that a sample to be encoded is from
    number = 8

    def _ranks(self, block: NDArray[Any]) -> tuple[Levels, NDArray[Any]]:
        levels = sparse_levels(block) if self.levels is None else self.levels
        return levels, ranked(block, levels)

    def encode(self, block: NDArray[Any]) -> Coded:
        levels, ranks = self._ranks(block)
        coded = self.photograph.encode(ranks)
        return Coded(self.number, pack_levels(levels) + coded.payload, f"{coded.label} ranks", coded.ideal_bits)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        fields = Fields(payload)
        levels = unpack_levels(fields, _picture(shape)[2], self.photograph.depth)
        return restored(self.photograph.decode(fields.rest(), shape), levels)

    def code_lengths(self, block: NDArray[Any]) -> NDArray[np.float64]:
        return self.photograph.code_lengths(self._ranks(block)[1])

    def predictions(self, block: NDArray[Any]) -> Decisions:
        return self.photograph.predictions(self._ranks(block)[1])


@dataclass(frozen=True)
class Drawing:
    """Whole pixels in the contexts of their neighbours."""

    dtype: np.dtype[Any]
    depth: int
    number = 4

    def encode(self, block: NDArray[Any]) -> Coded:
        from arzip.mixing.drawing_road import encode_drawing

        payload, ideal = encode_drawing(block, self.depth)
        return Coded(self.number, payload, "drawing", ideal)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        from arzip.mixing.drawing_road import decode_drawing

        return decode_drawing(payload, _picture(shape), self.depth).astype(self.dtype)

    def code_lengths(self, block: NDArray[Any]) -> NDArray[np.float64]:
        from arzip.mixing.drawing_road import drawing_code_lengths

        return drawing_code_lengths(block, self.depth)

    def predictions(self, block: NDArray[Any]) -> Decisions:
        from arzip.mixing.drawing_road import drawing_predictions

        return drawing_predictions(block, self.depth)


@dataclass(frozen=True)
class Sound:
    """Adaptive predictors over the samples of all channels."""

    dtype: np.dtype[Any]
    level: int
    number = 5

    def encode(self, block: NDArray[Any]) -> Coded:
        from arzip.audio.road import encode_audio

        payload, ideal = encode_audio(block, level=self.level)
        return Coded(self.number, payload, "audio", ideal)

    def decode(self, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        from arzip.audio.road import decode_audio

        if len(shape) != 2:
            raise CorruptArchive("a frame of sound belongs to no sound: the archive is damaged")
        return decode_audio(payload, shape, 8 * self.dtype.itemsize).astype(self.dtype)

    def code_lengths(self, block: NDArray[Any]) -> NDArray[np.float64]:
        from arzip.audio.road import audio_code_lengths

        return audio_code_lengths(block, level=self.level)

    def predictions(self, block: NDArray[Any]) -> Decisions:
        from arzip.audio.road import audio_predictions

        return audio_predictions(block, level=self.level)


def _plain(block: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(block).reshape(-1).view(np.uint8)


def _shaped(plain: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    if len(plain) != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
        raise CorruptArchive("a frame's length does not match its size: the archive is damaged")
    return np.frombuffer(plain, dtype).reshape(shape)


def _picture(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) != 3:
        raise CorruptArchive("a frame of a picture belongs to no picture: the archive is damaged")
    return shape


def _one_torch_thread() -> None:
    """One torch thread for the calling thread: blocks run side by side, and fronts are too small to be split."""
    import torch

    torch.set_num_threads(1)
