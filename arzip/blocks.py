"""How a part is cut into blocks that are coded independently: runs of bytes, tiles of pictures, segments of sound.

The cut is written in the archive, so it belongs to the stream and never to the machine that reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.errors import CorruptArchive
from arzip.settings import Settings
from arzip.symbols import Symbols

__all__ = ["Grid", "block_grid"]

_BYTES = 10 << 20  # bytes of a block of a large file: two cores, 150 MiB of tables each
_UNCUT = 6 << 20  # files up to here are one block, for every cut loses what was learned
_TILE_PIXELS = 1 << 20  # of pictures: large tiles learn more, and bound memory
_NARROWEST, _TILE_COLUMNS = 256, 2048  # columns of a tile where there are several side by side; of any
_ONE_TILE = 450_000  # samples; larger pictures keep two cores busy
_SMALLEST_LEVEL = 8  # levels from here on give size more than speed
_SAMPLES = 1 << 20  # of every channel in a frame of sound, 24 seconds at 44.1 kHz: adapting takes seconds
_FASTEST_LEVEL = 2  # levels up to here give speed more than size: more frames for more cores
_BLOCKS_LIMIT = 1 << 24


@dataclass(frozen=True)
class Grid:
    """An array's shape and the shape of its blocks; the last blocks of a row or column may be smaller."""

    shape: tuple[int, ...]
    block: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.block) or any(b < 1 <= n for n, b in zip(self.shape, self.block, strict=True)):
            raise CorruptArchive("a part declares empty blocks: the archive is damaged")
        count = 1
        for n, b in zip(self.shape, self.block, strict=True):
            count *= -(-n // max(b, 1))
        if count > _BLOCKS_LIMIT:
            raise CorruptArchive(f"a part declares {count} blocks, more than the limit of {_BLOCKS_LIMIT}")

    def slices(self) -> Iterator[tuple[slice, ...]]:
        """Where the blocks lie, in order: rows of blocks from the top."""
        ranges = [
            [slice(at, min(at + b, n)) for at in range(0, n, max(b, 1))]
            for n, b in zip(self.shape, self.block, strict=True)
        ]
        return product(*ranges)

    def shapes(self) -> Iterator[tuple[int, ...]]:
        """The shapes of the blocks, in order."""
        return (tuple(s.stop - s.start for s in place) for place in self.slices())

    def blocks(self, array: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """The blocks of an array, in order."""
        return (np.ascontiguousarray(array[place]) for place in self.slices())

    def fill(self, array: NDArray[Any], blocks: Iterable[NDArray[Any]]) -> None:
        """The inverse of `blocks`: writes them into an array of the grid's shape."""
        places = list(self.slices())
        count = 0
        for count, block in enumerate(blocks, 1):
            if count > len(places):
                raise CorruptArchive("a part has more frames than blocks: the archive is damaged")
            array[places[count - 1]] = block
        if count != len(places):
            raise CorruptArchive(f"a part has {count} of its {len(places)} frames: the archive is damaged")


def block_grid(symbols: Symbols, settings: Settings, *, uncut: bool = False) -> Grid:
    """The cut of a part; `uncut` leaves a picture whole where memory allows it, though one core be idle."""
    shape = symbols.array.shape
    if symbols.kind == "image":
        level = _SMALLEST_LEVEL if uncut else settings.level
        return Grid(shape, (*_tile(shape[0], shape[1], shape[2], level), max(1, shape[2])))
    rows = max(1, shape[0])
    if symbols.kind == "audio":
        most = 2 * _SAMPLES // max(2, shape[1])  # many channels share the memory of two
        most = most if settings.level > _FASTEST_LEVEL else most // 2
        return Grid(shape, (-(-rows // -(-rows // most)), max(1, shape[1])))
    if symbols.array.nbytes > _UNCUT:
        # An even number of equal blocks keeps two cores busy to the end.
        pairs = -(-symbols.array.nbytes // (2 * _BYTES))
        rows = -(-rows // (2 * pairs))
    return Grid(shape, (rows, *(max(1, n) for n in shape[1:])))


def _tile(height: int, width: int, planes: int, level: int) -> tuple[int, int]:
    """Rows and columns of the tiles of a picture: equal ones, an even number where there are several.

    They stand side by side while they are wide enough: a tile's first row knows nothing of what is above it, its first
    column hardly less than any other.
    """
    pixels = height * width
    if level >= _SMALLEST_LEVEL:
        tiles = -(-pixels // (4 * _TILE_PIXELS))
    else:
        tiles = 2 * -(-pixels // (2 * _TILE_PIXELS)) if pixels * planes > _ONE_TILE else 1
    beside = [n for n in range(1, tiles + 1) if tiles % n == 0 and width >= n * _NARROWEST]
    across = max([1, -(-width // _TILE_COLUMNS), *beside])
    down = max(1, -(-tiles // across))
    return max(1, -(-height // down)), max(1, -(-width // across))
