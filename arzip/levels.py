"""Values that a picture leaves out: what a stretched scale or a scanner's table does to a picture, undone.

A plane whose samples take few of the values between their least and their largest is coded by rank among those that
occur, so that neighbours differ by little again. Other planes stay as they are.

    packed = for every plane the width of its range as a varint, 0 for a plane that stays; its least value; and a bit
             for every value in the range, through the byte engine where they are many
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from arzip.container import Fields, pack
from arzip.errors import CorruptArchive
from arzip.mixing.byte_road import decode_bytes, encode_bytes

__all__ = ["Levels", "pack_levels", "ranked", "restored", "sparse_levels", "unpack_levels"]

Levels: TypeAlias = list[NDArray[np.int64] | None]  # of every plane the values that occur, in order; None: it stays

_SPARSE = 0.9  # of the values in its range a plane must leave out a tenth
_PLAIN = 32  # bytes of bits that are written as they are


def sparse_levels(block: NDArray[Any]) -> Levels:
    """Of samples uint8 or uint16 [H, W, C] the values of every plane that leaves out many."""
    levels: Levels = []
    for c in range(block.shape[2]):
        used = np.flatnonzero(np.bincount(block[..., c].reshape(-1)))
        sparse = len(used) and len(used) < _SPARSE * (used[-1] - used[0] + 1)
        levels.append(used if sparse else None)
    return levels


def ranked(block: NDArray[Any], levels: Levels) -> NDArray[Any]:
    """Samples [H, W, C] as ranks, of the same type; every value must be among the levels."""
    ranks = block.copy()
    for c, used in enumerate(levels):
        if used is not None:
            ranks[..., c] = np.searchsorted(used, block[..., c])
    return ranks


def restored(ranks: NDArray[Any], levels: Levels) -> NDArray[Any]:
    """The inverse; raises CorruptArchive for a rank that there is not."""
    block = ranks.copy()
    for c, used in enumerate(levels):
        if used is not None:
            if ranks[..., c].max(initial=0) >= len(used):
                raise CorruptArchive("a sample has a rank that its plane lacks: the archive is damaged")
            block[..., c] = used[ranks[..., c]]
    return block


def pack_levels(levels: Levels) -> bytes:
    """See the module's docstring."""
    packed = b""
    for used in levels:
        if used is None:
            packed += pack(0)
            continue
        width = int(used[-1] - used[0]) + 1
        occurs = np.zeros(width, np.uint8)
        occurs[used - used[0]] = 1
        bits = np.packbits(occurs)
        packed += pack(width, int(used[0]))
        packed += bits.tobytes() if len(bits) <= _PLAIN else pack(encode_bytes(bits, lanes=1)[0])
    return packed


def unpack_levels(fields: Fields, planes: int, depth: int) -> Levels:
    """The inverse, for samples of `depth` bits; raises CorruptArchive, LimitExceeded."""
    levels: Levels = []
    for _ in range(planes):
        width = fields.number(1 << depth)
        if not width:
            levels.append(None)
            continue
        least = fields.number((1 << depth) - width)
        size = -(-width // 8)
        bits = fields.raw(size) if size <= _PLAIN else decode_bytes(fields.text(), size)
        used = np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8), count=width))
        if not len(used):
            raise CorruptArchive("a plane has no values: the archive is damaged")
        levels.append(used + least)
    return levels
