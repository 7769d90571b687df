"""Drawn pictures (screens, charts, pixel art, palette indices, scans) through an adaptive engine, and back.

    payload = the coder's words

Pixels are coded whole, in raster order: first as one of a few candidates (`drawing_colours`), and when none is right,
sample by sample (`drawing_samples`). Encoding and decoding are one walk, in one compiled loop; the decoder reads its
bits where the encoder notes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.coding.coder import Encoder
from arzip.coding.compiled_coder import BROKEN, FIELDS, closed, start, words_of
from arzip.coding.length import ideal_bits
from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.mixing import drawing_state as at
from arzip.mixing.drawing_state import DrawingState, new_drawing_state, packed
from arzip.mixing.drawing_walk import walk

__all__ = ["decode_drawing", "drawing_code_lengths", "drawing_predictions", "encode_drawing"]

_PIECE = 1 << 19  # decisions held at once, or pixels read between two looks at the coder
_NARROW = 32
_MOST_PIXELS = 1 << 28
_NO_CODER, _NO_WORDS = np.zeros(FIELDS, np.uint64), np.zeros(0, np.uint32)


def encode_drawing(block: NDArray[Any], depth: int) -> tuple[bytes, float]:
    """The payload of a picture and its ideal length in bits.

    Args:
        block: uint8 or uint16 [H, W, C] with C from 1 to 4, all samples below 2^depth.
        depth: bits of a sample, 1 to 16.

    Raises UnsupportedInput when that is not so.
    """
    encoder, total = Encoder(), 0.0
    for p, bits in drawing_predictions(block, depth):
        encoder.write(p, bits)
        total += float(ideal_bits(p, bits).sum())
    return encoder.finish(), total


def drawing_predictions(block: NDArray[Any], depth: int) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """What `encode_drawing` hands to the coder, piece by piece."""
    height, width, state, most = _known(block, depth)
    out, taken = np.zeros(_PIECE, np.int32), np.zeros(_PIECE, np.int32)
    for first in range(0, height * width, _PIECE // most):
        made = _walked(min(first + _PIECE // most, height * width), out, taken, state)
        yield out[:made], taken[:made]


def drawing_code_lengths(block: NDArray[Any], depth: int) -> NDArray[np.float64]:
    """What each pixel costs in bits, shared equally by its samples, for it is coded whole; [H, W, C]."""
    height, width, state, most = _known(block, depth)
    out, taken = np.zeros(_PIECE, np.int32), np.zeros(_PIECE, np.int32)
    lengths = np.zeros(height * width)
    for first in range(0, height * width, _PIECE // most):
        last, ends = min(first + _PIECE // most, height * width), [0]
        for place in range(first, last):
            ends.append(ends[-1] + _walked(place + 1, out[ends[-1] :], taken[ends[-1] :], state))
        so_far = np.concatenate([np.zeros(1), np.cumsum(ideal_bits(out[: ends[-1]], taken[: ends[-1]]))])
        lengths[first:last] = np.diff(so_far[ends])
    pixels = lengths.reshape(height, width)
    spread = (pixels.T if _turned(block.shape) else pixels)[..., None] / block.shape[2]
    return np.array(np.broadcast_to(spread, block.shape))


def _known(block: NDArray[Any], depth: int) -> tuple[int, int, DrawingState, int]:
    """Height and width as coded, the state with the whole picture in it, and the decisions a pixel takes at most."""
    _check(block.shape, depth)
    if block.dtype not in (np.uint8, np.uint16) or (block.size and int(block.max()) >> depth):
        raise UnsupportedInput(f"samples of {block.dtype} do not fit {depth} bits")
    if _turned(block.shape):
        block = block.transpose(1, 0, 2)
    height, width, channels = block.shape
    state = new_drawing_state(height, width, channels, depth=depth)
    stride = width + at.LEFT + at.RIGHT
    rows = state.canvas[: (at.TOP + height) * stride].reshape(-1, stride)
    rows[at.TOP :, at.LEFT : at.LEFT + width] = packed(block, depth)
    return height, width, state, at.CANDIDATES + channels * depth


def _walked(until: int, out: NDArray[np.int32], taken: NDArray[np.int32], state: DrawingState) -> int:
    """Codes known pixels up to the one numbered `until`; the number of decisions that are noted."""
    walk(until, out, taken, _NO_CODER, _NO_WORDS, *state)
    return int(state.work[at.DECISIONS])


def decode_drawing(payload: bytes, shape: tuple[int, ...], depth: int) -> NDArray[Any]:
    """The picture of a shape [H, W, C], uint8, or uint16 where depth is above 8; raises CorruptArchive."""
    _check(shape, depth)
    if len(payload) % 4:
        raise CorruptArchive("a coded stream is not a whole number of words: the archive is damaged")
    turned = _turned(shape)
    height, width, channels = (shape[1], shape[0], shape[2]) if turned else shape
    state = new_drawing_state(height, width, channels, depth=depth)
    state.work[at.READING] = 1
    words = words_of(payload)
    coder = start(words)
    nothing = np.zeros(0, np.int32)
    for until in range(_PIECE, height * width + _PIECE, _PIECE):
        walk(min(until, height * width), nothing, nothing, coder, words, *state)
        if coder[BROKEN]:
            break
    if not closed(coder, words):
        raise CorruptArchive("a coded stream contradicts its model: the archive is damaged")
    stride = width + at.LEFT + at.RIGHT
    rows = state.canvas[: (at.TOP + height) * stride].reshape(-1, stride)
    pixels = rows[at.TOP :, at.LEFT : at.LEFT + width].view(np.uint64)
    mask = np.uint64((1 << depth) - 1)
    samples = [(pixels >> np.uint64(channel * depth)) & mask for channel in range(channels)]
    block = np.stack(samples, axis=2).astype(np.uint8 if depth <= 8 else np.uint16)
    return np.ascontiguousarray(block.transpose(1, 0, 2)) if turned else block


def _turned(shape: tuple[int, ...]) -> bool:
    """Whether a picture is so narrow that it is coded column by column, lest the canvas be mostly margin."""
    return shape[1] < min(_NARROW, shape[0])


def _check(shape: tuple[int, ...], depth: int) -> None:
    if len(shape) != 3 or not 1 <= shape[2] <= 4 or not 1 <= depth <= 16:
        raise UnsupportedInput(f"expected a picture [H, W, 1 to 4] of 1 to 16 bits, got {list(shape)} of {depth}")
    if shape[0] * shape[1] > _MOST_PIXELS:
        raise UnsupportedInput(f"a picture of {shape[1]} x {shape[0]} pixels is beyond the limit of {_MOST_PIXELS}")
