"""The range decoder as a function of compiled code, for models that cannot leave it at every bit.

    state = start(words)                    uint64 [4]: offset, range, position, broken
    bit   = read_bit(state, words, p)       P(bit = 1) = p / 2**24
    closed(state, words)                    whether the words are used up and were never impossible

It reads what constriction's RangeEncoder writes (words of 32 bits, range of 64 [1]); the library stays the definition
of the stream, and tests hold this reading against it bit for bit. Only the difference of the coder's point and its
lower end is kept, since nothing else is ever asked for. A decision needs no division: the bit is 1 when the offset has
passed the share of 0.

[1] G. N. N. Martin, "Range encoding", 1979; https://docs.rs/constriction, module stream::queue.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled, inlined

__all__ = ["closed", "read_bit", "read_bits", "start", "words_of"]

OFFSET, RANGE, POSITION, BROKEN, FIELDS = 0, 1, 2, 3, 4
_TOTAL = np.uint64(1 << 24)
_FREE = np.uint64((1 << 24) - 2)  # the library keeps one unit for either bit
_ONE = np.uint64(1)
_BITS = np.uint64(24)
_WORD = np.uint64(32)
_LEAST = np.uint64(1 << 32)
_SLACK = np.uint64(1 << 33)


def words_of(data: bytes) -> NDArray[np.uint32]:
    """Words as `Encoder.finish` wrote them; the length must be a multiple of four."""
    return np.frombuffer(data, dtype="<u4").astype(np.uint32)


def start(words: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The state before the first bit."""
    state = np.zeros(FIELDS, dtype=np.uint64)
    first = [int(w) for w in words[:2]] + [0, 0]
    state[OFFSET] = first[0] << 32 | first[1]
    state[RANGE] = (1 << 64) - 1
    state[POSITION] = 2
    return state


@inlined
def read_bit(state: NDArray[Any], words: NDArray[Any], p: Integer) -> Integer:
    """The next bit; after impossible words it is 0 and the state is broken."""
    offset = state[OFFSET]
    scale = state[RANGE] >> _BITS
    zero = ((_TOTAL - np.uint64(p)) * _FREE >> _BITS) + _ONE
    if offset >= scale << _BITS:
        state[BROKEN] = _ONE
        return np.int64(0)
    passed = scale * zero
    if offset >= passed:
        bit = np.int64(1)
        offset -= passed
        span = scale * (_TOTAL - zero)
    else:
        bit = np.int64(0)
        span = passed
    if span < _LEAST:
        span <<= _WORD
        offset <<= _WORD
        position = np.int64(state[POSITION])
        if position < words.shape[0]:
            offset |= np.uint64(words[position])
        state[POSITION] = np.uint64(position + 1)
    state[OFFSET] = offset
    state[RANGE] = span
    return bit


@compiled
def read_bits(state: NDArray[Any], words: NDArray[Any], p: NDArray[Any], bits: NDArray[Any]) -> None:
    """Several bits int32 [N] with probabilities int32 [N]; for tests."""
    for i in range(p.shape[0]):
        bits[i] = read_bit(state, words, np.int64(p[i]))


def closed(state: NDArray[np.uint64], words: NDArray[np.uint32]) -> bool:
    """Whether all words were read and none was impossible."""
    return not state[BROKEN] and int(state[POSITION]) >= len(words) and state[OFFSET] < _SLACK
