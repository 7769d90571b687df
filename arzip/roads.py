"""Which way a block goes: every way that is open to its kind at this level, the smallest of them taken.

Every frame names its way (`arzip.ways`): pictures choose between the engines for photographs (of samples, or of their
ranks), drawings and bytes by measuring, texts between an engine that knows nothing, a primed one and one beside a net,
and a block that cannot shrink is stored. `plan` picks the model of a part and how it is cut.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip import store
from arzip.blocks import Grid, block_grid
from arzip.causal import Prediction
from arzip.container import Fields, pack
from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.given import Given
from arzip.levels import sparse_levels
from arzip.settings import Settings
from arzip.symbols import Symbols
from arzip.ways import Coded, Drawing, Engine, Mixed, Net, Photograph, Ranked, Sound, Stored, Way

__all__ = [
    "BLOCK_LIMIT",
    "Bytes",
    "Road",
    "asked_kind",
    "choose",
    "dtype_of",
    "named",
    "pack_side",
    "plan",
    "unpack_side",
]

BLOCK_LIMIT = 1 << 26  # symbols
_PURE_MODEL, _GUIDED_MODEL = "photo-1", "photo-4"
_PRIMER_LEVEL = 2  # levels below do without a primer
_GUIDES_LEVEL = 2  # and with a single guide
_NET_LEVEL = 4  # levels below do without a net
_LEARNING_LEVEL = 7  # from here on a picture's net learns from all that is coded
_BROAD_LEVEL = 8  # levels from here on have more and broader guides, and all of a net learns however long the text
_LEARNED = 1 << 21  # pixels; of a larger picture the net learns at the highest levels only
_SMALL = 1 << 16  # bytes; ways are compared on all of a smaller block
_TRIED = 1 << 14  # bytes of a larger block that ways are compared on, from its middle
_SAMPLE = 48, 256  # rows and columns of a picture's tile
_LONG = 1 << 18  # bytes; at most levels all of a net learns in shorter texts only, for that takes three times as long
_BYTES = Engine(np.dtype(np.uint8), None).number
_WITH_NET = [Engine(np.dtype(np.uint8), None, given).number for given in Given if given.reads]
_NET_WORTH = 0.99  # what a net must bring long texts to: it takes five times as long
_BYTES_WORTH = 0.97  # and bytes a picture's sample
_PIECE = 1 << 16  # bytes looked at together by `_hopeless`
_SMALLEST_SIDE = 48  # bytes; shorter side data is stored
_SIDE_LIMIT = 1 << 28


@dataclass(frozen=True)
class Road:
    """Codes the blocks of one part of a kind and depth: the open way that is smallest, and storing below all."""

    kind: str
    depth: int
    model: store.Loaded | None
    settings: Settings
    pace: int = 0  # at which a picture's net goes on learning, see `PictureEngine`
    taken: Way | None = None  # what all blocks take, where it was chosen for the whole part

    @property
    def dtype(self) -> np.dtype[Any]:
        """How the samples of a block are held."""
        return dtype_of(self.kind, self.depth)

    def encode(self, block: NDArray[Any]) -> Coded:
        """The smallest of the ways that are open to this block."""
        coded = self._smallest(block) if self.taken is None else self.taken.encode(block)
        if coded is None or len(coded.payload) >= block.nbytes:
            return Stored(self.dtype).encode(block)
        return coded

    def decode(self, road: int, payload: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
        """The block of a shape; raises CorruptArchive."""
        return self._way(road).decode(payload, shape)

    def costs(self, road: int, block: NDArray[Any]) -> NDArray[np.float64]:
        """Bits of every symbol of a block that took a road; float64, the shape of the block.

        What the payload has beyond them counts as the coder's.
        """
        return self._way(road).code_lengths(block)

    def stages(self, road: int, block: NDArray[Any], total: float) -> dict[str, float]:
        """A block's code length in bits after each stage of a road, in order; the last is `total`, the sum of `costs`.

        A net that is read in floating point first, then exactly, then mixed has a stage for each, so that their
        differences tell what each of them costs or gains.
        """
        way = self._way(road)
        if isinstance(way, Stored):
            return {"stored": total}
        if self.model is None or not isinstance(way, Net | Photograph):
            return {"adaptive engine": total}
        from arzip.nets.real_readings import real_bits

        stages = real_bits(self.model.family, self.model.net, block)
        if isinstance(way, Net):
            return {**stages, "frequency rows": total} if stages else {"exact net": total}
        return {**stages, "adaptive mixer": total} if stages else {"adaptive engine": total}

    def predictions(self, road: int, block: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """What the coder was given for a block: probabilities and symbols, in coding order; nothing when stored."""
        return self._way(road).predictions(block)

    def _ways(self) -> list[Way]:
        """All ways that this part's frames may have gone."""
        level = self.settings.level
        ways: list[Way] = [Stored(self.dtype), *(Engine(self.dtype, self.settings.lanes, given) for given in Given)]
        if self.model is not None:
            ways.append(self._alone(self.model))
        if self.model is not None and self.model.gru is not None:
            ways += [self._engine(given) for given in Given if given.reads]
        if self.kind == "image":
            photograph = self._photograph()
            ways += [photograph, Ranked(photograph), Drawing(self.dtype, self.depth)]
        if self.kind == "audio":
            ways.append(Sound(self.dtype, level))
        return ways

    def _way(self, number: int) -> Way:
        for way in self._ways() if self.taken is None else [self.taken, *self._ways()]:
            if way.number == number:
                return way
        raise CorruptArchive(f"a frame took road {number}, which this version of arzip does not know for {self.kind}")

    def _open(self, block: NDArray[Any]) -> list[Way]:
        """The ways that are open to a block, the one to fall back on first; none if it is to be stored."""
        level = self.settings.level
        if self.model is not None and not (self.model.joins and self.settings.adapt):
            return [self._alone(self.model)]
        if self.model is not None and self.model.gru is not None:
            return [self._engine(given) for given in self._reading(block.size)] if block.size else []
        if not self.settings.adapt or not block.size:
            return []
        if self.kind == "image":
            photograph = self._photograph()
            ways: list[Way] = [photograph, Drawing(self.dtype, self.depth), self._engine(Given.NOTHING)]
            levels = sparse_levels(block)
            return ways if all(used is None for used in levels) else [*ways, Ranked(photograph, levels)]
        if self.kind == "audio":
            return [Sound(self.dtype, level)]
        if _hopeless(np.ascontiguousarray(block).reshape(-1).view(np.uint8)):
            return []
        given = [Given.NOTHING, *([Given.PRIMER] if level >= _PRIMER_LEVEL else [])]
        return [self._engine(each) for each in (*given, *(self._reading(block.size) if level >= _NET_LEVEL else []))]

    def _alone(self, model: store.Loaded) -> Net:
        return Mixed(model) if model.family == "mixture" else Net(model)

    def _photograph(self) -> Photograph:
        """The picture engine at this level."""
        return Photograph(self.dtype, self.depth, _profile(self.settings.level), self.model, self.pace)

    def _engine(self, given: Given) -> Engine:
        """The byte engine; beside the caller's net, where one is to read."""
        return Engine(self.dtype, self.settings.lanes, given, self.model if given.reads else None)

    def _reading(self, size: int) -> list[Given]:
        """How a net may read a block: both ways are tried on a small one, and samples are too short to tell."""
        learns = self.settings.lanes in (None, 1) and (size <= _LONG or self.settings.level >= _BROAD_LEVEL)
        if not learns:
            return [Given.NET]
        return [Given.NET, Given.LEARNING_NET] if size <= _SMALL else [Given.LEARNING_NET]

    def _smallest(self, block: NDArray[Any]) -> Coded | None:
        """What the best way makes of a block; None where none is open."""
        ways, sample = self._open(block), self._sample(block)
        if len(ways) <= 1:
            return ways[0].encode(block) if ways else None
        coded = self._tried(ways, sample)
        if sample.shape == block.shape:
            return min(coded, key=lambda each: len(each.payload))
        return self._best(ways, coded).encode(block)

    def best(self, block: NDArray[Any]) -> Way | None:
        """The way that makes least of a sample from a block's middle; None where none is open."""
        ways, sample = self._open(block), self._sample(block)
        if len(ways) <= 1:
            return ways[0] if ways else None
        return self._best(ways, self._tried(ways, sample))

    def _tried(self, ways: list[Way], sample: NDArray[Any]) -> list[Coded]:
        """What each way makes of a sample, side by side: most files are one block, which leaves cores without work."""
        with ThreadPoolExecutor(min(len(ways), self.settings.threads)) as pool:
            return list(pool.map(lambda way: way.encode(sample), ways))

    def _best(self, ways: list[Way], coded: list[Coded]) -> Way:
        """By what they made of a sample. Bytes learn a picture faster than drawings do, but less of it."""
        worth = dict.fromkeys(_WITH_NET, _NET_WORTH) | ({_BYTES: _BYTES_WORTH} if self.kind == "image" else {})
        costs = [len(each.payload) / worth.get(each.road, 1) for each in coded]
        return ways[min(range(len(ways)), key=costs.__getitem__)]

    def _sample(self, block: NDArray[Any]) -> NDArray[Any]:
        return _middle(block) if self.kind == "image" else _middle_bytes(block)


def Bytes(settings: Settings) -> Road:  # noqa: N802
    """The road of plain bytes."""
    return Road("bytes", 8, None, settings)


def _profile(level: int) -> int:
    """The picture engine's profile of a level."""
    if level < _GUIDES_LEVEL:
        return 0
    return 1 if level < _BROAD_LEVEL else 2


def _pace(symbols: Symbols, level: int) -> int:
    """From what part of a picture its net learns: two fifths more time, or four, for 1 to 2 % of the bytes."""
    if symbols.kind != "image" or level >= _LEARNING_LEVEL:
        return 1
    return 2 if symbols.array.shape[0] * symbols.array.shape[1] <= _LEARNED else 0


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
    return Road(symbols.kind, symbols.depth, model, settings, _pace(symbols, settings.level))


def plan(symbols: Symbols, settings: Settings) -> tuple[Road, Grid]:
    """The road of a part and its cut.

    A drawing repeats itself: a cut in two costs it up to 8 %, so only memory asks for one. A picture that is cut in
    two for the sake of two cores alone takes one way.
    """
    road, grid = choose(symbols, settings), block_grid(symbols, settings)
    tiles = sum(1 for _ in grid.slices())
    if symbols.kind != "image" or tiles < 2:
        return road, grid
    way = road.best(symbols.array)
    if isinstance(way, Drawing):
        grid = block_grid(symbols, settings, uncut=True)
    if tiles == 2:
        road = replace(road, taken=way)
    return road, grid


def _middle(array: NDArray[Any]) -> NDArray[Any]:
    rows, columns = _SAMPLE
    top, left = max(0, (array.shape[0] - rows) // 2), max(0, (array.shape[1] - columns) // 2)
    return np.ascontiguousarray(array[top : top + rows, left : left + columns])


def _middle_bytes(array: NDArray[Any]) -> NDArray[Any]:
    if array.nbytes <= _SMALL:
        return array
    rows = max(1, _TRIED * len(array) // array.nbytes)
    return array[max(0, (len(array) - rows) // 2) :][:rows]


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
        return pack(len(side), Stored.number) + side
    return pack(len(side), coded.road) + coded.payload


def unpack_side(packed: bytes, settings: Settings) -> bytes:
    """The inverse of `pack_side`."""
    fields = Fields(packed)
    size, road = fields.number(_SIDE_LIMIT), fields.number(255)
    return Bytes(settings).decode(road, fields.rest(), (size,)).tobytes()
