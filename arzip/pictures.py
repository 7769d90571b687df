"""Pictures through the adaptive engine, with a net's opinion where there is one: encode and decode side by side.

    payload = engine u8, then for every group of planes its words; all but the last with their length before them
    engine  = profile, plus 128 with a net, plus 32 times the pace at which it goes on learning

Colours are coded together, green first, then alpha as a gray picture of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.coding.coder import Encoder
from arzip.coding.length import ideal_bits
from arzip.container import Fields, pack
from arzip.errors import CorruptArchive
from arzip.exact.small_net import SmallNet
from arzip.fronts import PLANES
from arzip.mixing.guide import PROFILES
from arzip.mixing.picture_engine import PictureEngine

__all__ = ["decode_picture", "encode_picture", "picture_code_lengths", "picture_predictions"]

_WITH_NET, _PACE, _PACES = 128, 5, 3


def encode_picture(
    block: NDArray[Any], depth: int, *, profile: int, net: SmallNet | None, pace: int = 0
) -> tuple[bytes, float]:
    """The payload of a tile uint8 or uint16 [H, W, C] and the engine's own code length in bits.

    `net` takes 8 bits only, and goes on learning from one part in `pace` of the picture; None does without.
    """
    with_net = 0 if net is None else _WITH_NET | pace << _PACE
    payload, bits = bytes([profile | with_net]), 0.0
    groups = PLANES[block.shape[2]]
    for planes in groups:
        symbols = np.ascontiguousarray(block[..., planes], dtype=np.int32)
        encoder = Encoder()
        for p, x in _decisions(symbols, depth, profile, net, pace):
            encoder.write(p, x)
            bits += float(ideal_bits(p, x).sum())
        words = encoder.finish()
        payload += words if planes is groups[-1] else pack(words)
    return payload, bits


def decode_picture(payload: bytes, shape: tuple[int, ...], depth: int, net: SmallNet | None) -> NDArray[np.int32]:
    """The tile int32 [H, W, C] of a payload; raises CorruptArchive."""
    code = payload[0] if payload else 255
    profile, with_net, pace = code & ((1 << _PACE) - 1), bool(code & _WITH_NET), code >> _PACE & _PACES
    if profile >= len(PROFILES) or (with_net and net is None) or (pace and not with_net):
        raise CorruptArchive("a frame names an engine that this version of arzip does not have")
    fields = Fields(payload[1:])
    tile = np.zeros(shape, np.int32)
    groups = PLANES[shape[2]]
    for planes in groups:
        words = fields.rest() if planes is groups[-1] else fields.text()
        if len(words) % 4:
            raise CorruptArchive("a coded stream is not a whole number of words: the archive is damaged")
        group = shape[0], shape[1], len(planes)
        tile[..., planes] = _read(group, depth, profile, net if with_net else None, pace, words)
    return tile


def picture_code_lengths(
    block: NDArray[Any], depth: int, *, profile: int, net: SmallNet | None, pace: int = 0
) -> NDArray[np.float64]:
    """What each sample of `encode_picture` costs in bits, [H, W, C]."""
    lengths = np.zeros(block.shape)
    for planes in PLANES[block.shape[2]]:
        symbols = np.ascontiguousarray(block[..., planes], dtype=np.int32)
        ends = np.zeros(symbols.shape, np.int64)
        group = np.zeros(symbols.shape)
        for p, x in _decisions(symbols, depth, profile, net, pace, ends):
            # A run's samples are those that were told a count just now; every sample takes a decision at least.
            here = np.nonzero(ends)
            order = np.argsort(ends[here])
            so_far = np.concatenate([np.zeros(1), np.cumsum(ideal_bits(p, x))])[ends[here][order]]
            group[tuple(axis[order] for axis in here)] = np.diff(so_far, prepend=0.0)
            ends[here] = 0
        lengths[..., planes] = group
    return lengths


def picture_predictions(
    block: NDArray[Any], depth: int, *, profile: int, net: SmallNet | None, pace: int = 0
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """What `encode_picture` hands to the coder."""
    for planes in PLANES[block.shape[2]]:
        yield from _decisions(np.ascontiguousarray(block[..., planes], dtype=np.int32), depth, profile, net, pace)


def _decisions(
    symbols: NDArray[np.int32],
    depth: int,
    profile: int,
    net: SmallNet | None,
    pace: int,
    ends: NDArray[np.int64] | None = None,
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Every decision of planes [H, W, C] coded together, in order, piece by piece; `ends` as the engine's."""
    height, width, planes = symbols.shape
    engine = PictureEngine((height, width, planes), depth=depth, profile=PROFILES[profile], net=net, pace=pace)
    yield from engine.write(symbols, ends)


def _read(
    shape: tuple[int, int, int], depth: int, profile: int, net: SmallNet | None, pace: int, words: bytes
) -> NDArray[np.int32]:
    """The planes [H, W, C] that `_decisions` made the words of."""
    engine = PictureEngine(shape, depth=depth, profile=PROFILES[profile], net=net, pace=pace, words=words)
    symbols = engine.read()
    if not engine.closed():
        raise CorruptArchive("a coded stream contradicts its model: the archive is damaged")
    return symbols
