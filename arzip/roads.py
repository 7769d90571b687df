"""The roads a block may take, behind one class: stored, an adaptive engine with or without a net, or a net alone.

Every frame names its road: a picture's tiles choose between the engines for photographs, drawings and bytes by
measuring, and a block that cannot shrink is stored. `choose` picks the model of a part.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arzip import store
from arzip.causal import Prediction
from arzip.container import Fields, pack
from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.settings import Settings
from arzip.symbols import Symbols

if TYPE_CHECKING:
    from arzip.exact.small_net import SmallNet
    from arzip.mixing.byte_road import EngineModel

__all__ = [
    "BLOCK_LIMIT",
    "Bytes",
    "Coded",
    "Road",
    "asked_kind",
    "choose",
    "dtype_of",
    "named",
    "pack_side",
    "unpack_side",
]

STORED, ENGINE, MODEL, PICTURE, DRAWING, AUDIO, PRIMED = 0, 1, 2, 3, 4, 5, 6  # for ever
BLOCK_LIMIT = 1 << 26  # symbols
_PURE_MODEL, _GUIDED_MODEL = "photo-1", "photo-2"
_PRIMER_LEVEL = 2  # levels below do without a primer
_TRIED = 1 << 14  # bytes of a block that a primer is tried on
_NET_LEVEL = 4  # levels below do without a net
_BROAD_LEVEL = 8  # levels from here on have more and broader guides
_SAMPLE = 48, 256  # rows and columns that roads for pictures are compared on
_PIECE = 1 << 16  # bytes looked at together by `_hopeless`
_SMALLEST_SIDE = 48  # bytes; shorter side data is stored
_SIDE_LIMIT = 1 << 28


@dataclass(frozen=True)
class Coded:
    """One block's payload, the road it took, the label for people, and the model's own code length."""

    road: int
    payload: bytes
    label: str
    ideal_bits: float


@dataclass(frozen=True)
class Road:
    """Codes the blocks of one part of a kind and depth: the open road that is smallest, and storing below all."""

    kind: str
    depth: int
    model: store.Loaded | None
    settings: Settings

    @property
    def dtype(self) -> np.dtype[Any]:
        """How the samples of a block are held."""
        return dtype_of(self.kind, self.depth)

    def encode(self, block: NDArray[Any]) -> Coded:
        """The smallest of the roads that are open to this block."""
        plain = np.ascontiguousarray(block).reshape(-1).view(np.uint8)
        coded = None
        if self._is_adaptive_picture and block.size:
            coded = self._picture(block)
        elif self.model is not None:
            coded = self._modelled(self.model, block)
        elif self.settings.adapt and self.kind == "audio":
            coded = self._sound(block)
        elif self.settings.adapt and not _hopeless(plain):
            coded = self._adaptive(plain)
        if coded is None or len(coded.payload) >= plain.nbytes:
            return Coded(STORED, plain.tobytes(), "stored", 8.0 * plain.nbytes)
        return coded

    def decode(self, road: int, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        """The block of a shape; raises CorruptArchive."""
        if road == MODEL and self.model is not None:
            from arzip.coding.coder import Decoder
            from arzip.coding.drive import decode_symbols

            _one_torch_thread()
            return decode_symbols(self.model.causal, shape, Decoder(payload))
        if road in (PICTURE, DRAWING) and self.kind == "image" and len(shape) == 3:
            return self._painted(road, payload, shape)
        size = int(np.prod(shape, dtype=np.int64)) * self.dtype.itemsize
        if road == AUDIO and self.kind == "audio" and len(shape) == 2:
            from arzip.audio.road import decode_audio

            return decode_audio(payload, shape, 8 * self.dtype.itemsize).astype(self.dtype)
        if road == ENGINE:
            from arzip.mixing.byte_road import decode_bytes

            plain = decode_bytes(payload, size)
        elif road == PRIMED:
            from arzip.primed import decode_primed

            plain = decode_primed(payload, size)
        elif road == STORED:
            plain = payload
        else:
            raise CorruptArchive(f"a frame took road {road}, which this version of arzip does not know")
        if len(plain) != size:
            raise CorruptArchive("a frame's length does not match its size: the archive is damaged")
        return np.frombuffer(plain, self.dtype).reshape(shape)

    def costs(self, road: int, block: NDArray[Any]) -> NDArray[np.float64]:
        """Bits of every symbol of a block that took a road; float64, the shape of the block.

        What the payload has beyond them counts as the coder's. Raises UnsupportedInput for a road that cannot tell.
        """
        if road == MODEL and self.model is not None:
            _one_torch_thread()
            return np.asarray(self.model.causal.code_lengths(block))
        if road in (ENGINE, PRIMED):
            plain = np.ascontiguousarray(block).reshape(-1).view(np.uint8)
            by_byte = self._engine(plain, road).code_lengths(plain)
            return np.asarray(by_byte.reshape(*block.shape, -1).sum(axis=-1))
        if road == PICTURE:
            from arzip.pictures import picture_code_lengths

            return picture_code_lengths(block, self.depth, profile=_profile(self.settings.level), net=self._net)
        if road == DRAWING:
            from arzip.mixing.drawing_road import drawing_code_lengths

            return drawing_code_lengths(block, self.depth)
        if road == AUDIO:
            from arzip.audio.road import audio_code_lengths

            return audio_code_lengths(block, level=self.settings.level)
        if road != STORED:
            raise UnsupportedInput(f"road {road} cannot tell what its symbols cost")
        return np.full(block.shape, 8.0 * block.dtype.itemsize)

    def stages(self, road: int, block: NDArray[Any], total: float) -> dict[str, float]:
        """A block's code length in bits after each stage of a road, in order; the last is `total`, the sum of `costs`.

        A net that is read in floating point first, then exactly, then mixed has a stage for each, so that their
        differences tell what each of them costs or gains.
        """
        if road == STORED or self.model is None or road not in (MODEL, PICTURE):
            return {"stored" if road == STORED else "adaptive engine": total}
        from arzip.nets.real_readings import real_bits

        stages = real_bits(self.model.family, self.model.net, block)
        if road == MODEL:
            return {**stages, "frequency rows": total} if stages else {"exact net": total}
        return {**stages, "adaptive mixer": total} if stages else {"adaptive engine": total}

    def predictions(self, road: int, block: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """What the coder was given for a block: probabilities and symbols, in coding order; nothing when stored."""
        if road == MODEL and self.model is not None:
            _one_torch_thread()
            yield from self.model.causal.predictions(block)
        elif road in (ENGINE, PRIMED):
            plain = np.ascontiguousarray(block).reshape(-1).view(np.uint8)
            yield from self._engine(plain, road).predictions(plain)
        elif road == PICTURE:
            from arzip.pictures import picture_predictions

            yield from picture_predictions(block, self.depth, profile=_profile(self.settings.level), net=self._net)
        elif road == DRAWING:
            from arzip.mixing.drawing_road import drawing_predictions

            yield from drawing_predictions(block, self.depth)
        elif road == AUDIO:
            from arzip.audio.road import audio_predictions

            yield from audio_predictions(block, level=self.settings.level)

    def _engine(self, plain: NDArray[np.uint8], road: int) -> EngineModel:
        from arzip.mixing.byte_road import engine_of
        from arzip.primed import latest

        return engine_of(plain, self.settings.lanes, latest().primer if road == PRIMED else None)

    def _modelled(self, model: store.Loaded, block: NDArray[Any]) -> Coded:
        from arzip.coding.drive import encode_symbols

        _one_torch_thread()
        coded = encode_symbols(model.causal, block)
        return Coded(MODEL, coded.words, model.id, coded.ideal_bits)

    def _adaptive(self, plain: NDArray[np.uint8]) -> Coded:
        """The engine for bytes, primed where that pays on a part of the block."""
        tried = plain[max(0, (len(plain) - _TRIED) // 2) :][:_TRIED]
        roads = (self._unread, self._primed) if self.settings.level >= _PRIMER_LEVEL else (self._unread,)
        if len(tried) == len(plain):
            return min((road(plain) for road in roads), key=lambda coded: len(coded.payload))
        return min(roads, key=lambda road: len(road(tried).payload) if len(roads) > 1 else 0)(plain)

    def _unread(self, plain: NDArray[np.uint8]) -> Coded:
        from arzip.mixing.byte_road import encode_bytes

        payload, ideal = encode_bytes(plain, lanes=self.settings.lanes)
        return Coded(ENGINE, payload, "bytes", ideal)

    def _primed(self, plain: NDArray[np.uint8]) -> Coded:
        from arzip.primed import encode_primed

        payload, ideal, label = encode_primed(plain, lanes=self.settings.lanes)
        return Coded(PRIMED, payload, label, ideal)

    @property
    def _is_adaptive_picture(self) -> bool:
        return self.kind == "image" and self.settings.adapt and (self.model is None or self.model.small is not None)

    @property
    def _net(self) -> SmallNet | None:
        return self.model.small if self.model is not None else None

    def _picture(self, block: NDArray[Any]) -> Coded:
        """The best of the roads for pictures, by what they make of the middle of the block."""
        roads = (self._photograph, self._drawing, self._bytes)
        sample = _middle(block)
        return min(roads, key=lambda road: len(road(sample).payload))(block)

    def _bytes(self, block: NDArray[Any]) -> Coded:
        return self._unread(np.ascontiguousarray(block).reshape(-1).view(np.uint8))

    def _photograph(self, block: NDArray[Any]) -> Coded:
        from arzip.pictures import encode_picture

        payload, ideal = encode_picture(block, self.depth, profile=_profile(self.settings.level), net=self._net)
        label = self.model.id if self.model is not None else "picture"
        return Coded(PICTURE, payload, label, ideal)

    def _drawing(self, block: NDArray[Any]) -> Coded:
        from arzip.mixing.drawing_road import encode_drawing

        payload, ideal = encode_drawing(block, self.depth)
        return Coded(DRAWING, payload, "drawing", ideal)

    def _painted(self, road: int, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        if road == PICTURE:
            from arzip.pictures import decode_picture

            return decode_picture(payload, shape, self.depth, self._net).astype(self.dtype)
        from arzip.mixing.drawing_road import decode_drawing

        return decode_drawing(payload, shape, self.depth).astype(self.dtype)

    def _sound(self, block: NDArray[Any]) -> Coded:
        from arzip.audio.road import encode_audio

        payload, ideal = encode_audio(block, level=self.settings.level)
        return Coded(AUDIO, payload, "audio", ideal)


def Bytes(settings: Settings) -> Road:  # noqa: N802
    """The road of plain bytes."""
    return Road("bytes", 8, None, settings)


def _profile(level: int) -> int:
    """The picture engine's profile of a level."""
    if level < _NET_LEVEL:
        return 0
    return 1 if level < _BROAD_LEVEL else 2


def _hopeless(plain: NDArray[np.uint8]) -> bool:
    """Whether data looks encrypted or already compressed: flat counts, and nothing for Lempel-Ziv to find."""
    if len(plain) < 1 << 12:
        return False
    # Piece by piece: bincount makes eight bytes of every one it is given.
    starts = range(0, len(plain), _PIECE)
    counts = np.sum([np.bincount(plain[at : at + _PIECE], minlength=256) for at in starts], axis=0)
    share = counts[counts > 0] / len(plain)
    if float(-(share * np.log2(share)).sum()) < 7.9:
        return False
    samples = [plain[at : at + _PIECE] for at in range(0, len(plain), max(_PIECE, len(plain) // 4))]
    return all(len(zlib.compress(sample.tobytes(), 1)) >= len(sample) for sample in samples)


def _one_torch_thread() -> None:
    """One torch thread for the calling thread: blocks run side by side, and fronts are too small to be split."""
    import torch

    torch.set_num_threads(1)


def dtype_of(kind: str, depth: int) -> np.dtype[Any]:
    """How samples of a kind and depth are held, little-endian."""
    if kind == "audio":
        return np.dtype("<i2" if depth <= 16 else "<i4")
    if depth > 16:
        raise CorruptArchive(f"samples of {depth} bits are not known: the archive is damaged")
    return np.dtype(np.uint8 if depth <= 8 else "<u2")


def asked_kind(settings: Settings) -> str | None:
    """The kind of symbols that the model takes which the caller named; raises ModelError."""
    return None if settings.model is None else store.load(settings.model, device=settings.device).kind


def choose(symbols: Symbols, settings: Settings) -> Road:
    """The road of a part: the model asked for, or the one that suits its kind at this level."""
    name = settings.model
    if name is None and symbols.kind == "image" and symbols.depth == 8 and symbols.dims:
        name = _GUIDED_MODEL if settings.adapt else _PURE_MODEL
        if settings.adapt and settings.level < _NET_LEVEL:
            name = None
    if name is None:
        return Road(symbols.kind, symbols.depth, None, settings)
    model = store.load(name, device=settings.device)
    depth = 8 if model.small is not None else getattr(model.causal, "depth", 8)
    fits = symbols.depth <= depth if model.kind == "table" else symbols.depth == depth
    if model.kind != symbols.kind or not fits:
        raise UnsupportedInput(
            f"model {model.id} takes {model.kind} of {depth} bits, this is {symbols.kind} of {symbols.depth} bits"
        )
    return Road(symbols.kind, symbols.depth, model, settings)


def _middle(array: NDArray[Any]) -> NDArray[Any]:
    rows, columns = _SAMPLE
    top, left = max(0, (array.shape[0] - rows) // 2), max(0, (array.shape[1] - columns) // 2)
    return np.ascontiguousarray(array[top : top + rows, left : left + columns])


def named(symbols: Symbols, name: str, mark: bytes, settings: Settings) -> Road:
    """The road of a part that was read from an archive; raises ModelError for an unknown or different model."""
    model = None
    if name:
        model = store.load(settings.model or name, device=settings.device, expected=mark)
    return Road(symbols.kind, symbols.depth, model, settings)


def pack_side(side: bytes, settings: Settings) -> bytes:
    """Side data: its length, its road, and the payload."""
    coded = Bytes(settings).encode(np.frombuffer(side, np.uint8)) if len(side) >= _SMALLEST_SIDE else None
    if coded is None:
        return pack(len(side), STORED) + side
    return pack(len(side), coded.road) + coded.payload


def unpack_side(packed: bytes, settings: Settings) -> bytes:
    """The inverse of `pack_side`."""
    fields = Fields(packed)
    size, road = fields.number(_SIDE_LIMIT), fields.number(255)
    return Bytes(settings).decode(road, fields.rest(), (size,)).tobytes()
