"""The roads a block may take, behind one class: stored, the adaptive engine for bytes, or a trained model.

Every frame names its road, so a part whose model is chosen may still store a block that cannot shrink. `choose` picks
the model of a part by measuring a sample of it both ways.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip import store
from arzip.container import Fields, pack
from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.settings import Settings
from arzip.symbols import Symbols

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

STORED, ENGINE, MODEL = 0, 1, 2  # for ever
BLOCK_LIMIT = 1 << 26  # symbols
_IMAGE_MODEL = "photo-1"
_SAMPLE = 48, 256  # rows and columns measured by `choose`
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
    """Codes the blocks of one part: `model` where one was chosen, else the engine, and storing below both."""

    kind: str
    dtype: np.dtype[Any]
    model: store.Loaded | None
    settings: Settings

    def encode(self, block: NDArray[Any]) -> Coded:
        """The smallest of the roads that are open to this block."""
        plain = np.ascontiguousarray(block).reshape(-1).view(np.uint8)
        coded = None
        if self.model is not None:
            coded = self._modelled(self.model, block)
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
        size = int(np.prod(shape, dtype=np.int64)) * self.dtype.itemsize
        if road == ENGINE:
            from arzip.mixing.byte_road import decode_bytes

            plain = decode_bytes(payload, size)
        elif road == STORED:
            plain = payload
        else:
            raise CorruptArchive(f"a frame took road {road}, which this version of arzip does not know")
        if len(plain) != size:
            raise CorruptArchive("a frame's length does not match its size: the archive is damaged")
        return np.frombuffer(plain, self.dtype).reshape(shape)

    def _modelled(self, model: store.Loaded, block: NDArray[Any]) -> Coded:
        from arzip.coding.drive import encode_symbols

        _one_torch_thread()
        coded = encode_symbols(model.causal, block)
        return Coded(MODEL, coded.words, model.id, coded.ideal_bits)

    def _adaptive(self, plain: NDArray[np.uint8]) -> Coded:
        from arzip.mixing.byte_road import encode_bytes

        payload, ideal = encode_bytes(plain, lanes=self.settings.lanes)
        return Coded(ENGINE, payload, "bytes", ideal)


def Bytes(settings: Settings) -> Road:  # noqa: N802
    """The road of plain bytes."""
    return Road("bytes", np.dtype(np.uint8), None, settings)


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
    """The road of a part: the model asked for, or the better of model and engine on a sample of it."""
    dtype = dtype_of(symbols.kind, symbols.depth)
    adaptive = Road(symbols.kind, dtype, None, settings)
    if settings.model is not None:
        model = store.load(settings.model, device=settings.device)
        depth = getattr(model.causal, "depth", 8)
        fits = symbols.depth <= depth if model.kind == "table" else symbols.depth == depth
        if model.kind != symbols.kind or not fits:
            raise UnsupportedInput(
                f"model {model.id} takes {model.kind} of {depth} bits, this is {symbols.kind} of {symbols.depth} bits"
            )
        return Road(symbols.kind, dtype, model, settings)
    if symbols.kind != "image" or symbols.depth != 8 or symbols.dims == 0:
        return adaptive
    modelled = Road(symbols.kind, dtype, store.load(_IMAGE_MODEL, device=settings.device), settings)
    if not settings.adapt:
        return modelled
    sample = _middle(symbols.array)
    return min((modelled, adaptive), key=lambda road: len(road.encode(sample).payload))


def _middle(array: NDArray[Any]) -> NDArray[Any]:
    rows, columns = _SAMPLE
    top, left = max(0, (array.shape[0] - rows) // 2), max(0, (array.shape[1] - columns) // 2)
    return np.ascontiguousarray(array[top : top + rows, left : left + columns])


def named(symbols: Symbols, name: str, mark: bytes, settings: Settings) -> Road:
    """The road of a part that was read from an archive; raises ModelError for an unknown or different model."""
    model = None
    if name:
        model = store.load(settings.model or name, device=settings.device, expected=mark)
    return Road(symbols.kind, symbols.array.dtype, model, settings)


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
