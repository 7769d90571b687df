"""Which settings of the predictor fit a stream: read off what the stream shows, try the rest on its beginning.

The trials walk over a prefix of the tokens and count surprises. As long as several settings do about equally well, a
longer prefix decides; zlib's levels 8 and 9, for example, differ only in rare long chains.

[1] zlib 1.2.x, the levels as documented by deflateTune and deflateInit2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arzip.formats.deflate.dynamic import told_lengths
from arzip.formats.deflate.matcher import (
    CHAIN,
    EAGER,
    FIELDS,
    FIXED_ONLY,
    FLOOR,
    FORGETFUL,
    GOOD,
    GREEDY,
    HASH_BITS,
    HASH_BYTES,
    IDLE,
    LAZY,
    LAZY_BELOW,
    LITERAL,
    MEDIUM,
    MODE,
    NICE,
    REACH,
    RUNS,
    SHORTEST,
    TOKEN_LIMIT,
    TOLD,
    TOO_FAR,
    WEIGHED,
    WINDOW_BITS,
)
from arzip.formats.deflate.tokens import BYTES, FINAL, KIND, TOKENS, Stream
from arzip.formats.deflate.walk import SIZE_COLUMNS, walk

__all__ = ["estimate"]

Integers = npt.NDArray[np.int64]

UNBOUNDED = 1 << 30  # a token limit that no block reaches
PREFIXES = (1 << 14, 1 << 16, 1 << 18)  # plain bytes of the trials

# Levels 6, 9, 1, 5, 8, 7, 4, 3, 2, frequent ones first: mode, good, lazy, nice, chain.
ZLIB_LEVELS = (
    (LAZY, 8, 16, 128, 128),
    (LAZY, 32, 258, 258, 4096),
    (GREEDY, 4, 4, 8, 4),
    (LAZY, 8, 16, 32, 32),
    (LAZY, 32, 128, 258, 1024),
    (LAZY, 8, 32, 128, 256),
    (LAZY, 4, 4, 16, 16),
    (GREEDY, 4, 6, 32, 32),
    (GREEDY, 4, 5, 16, 8),
)

# Levels 6, 5, 4, 3, 2, 1: mode, longest match that is entered, nice, chain. 7 to 9 are like zlib's, with another hash.
ZLIB_NG_LEVELS = (
    (MEDIUM, 256, 128, 128),
    (MEDIUM, 256, 32, 32),
    (EAGER, 192, 32, 24),
    (EAGER, 96, 16, 6),
    (EAGER, 4, 8, 4),
    (GREEDY, 0, 258, 1),
)

# Levels 6, 5, 7, 8, 9, 4, 3, 2: positions looked ahead, farthest match of three, nice, chain.
LIBDEFLATE_LEVELS = (
    (1, 8192, 65, 35),
    (1, 8192, 30, 16),
    (1, 8192, 130, 100),
    (2, 8192, 258, 300),
    (2, 8192, 258, 600),
    (0, 4096, 30, 16),
    (0, 4096, 14, 12),
    (0, 4096, 10, 6),
)


def _settings(mode: int, *, token_limit: int, fixed_only: int) -> Integers:
    """Settings of an encoder like zlib at level 6 with default memory and window."""
    settings = np.zeros(FIELDS, np.int64)
    settings[MODE], settings[TOKEN_LIMIT], settings[FIXED_ONLY] = mode, token_limit, fixed_only
    settings[HASH_BYTES], settings[HASH_BITS], settings[WINDOW_BITS], settings[REACH] = 3, 15, 15, 32768 - 262
    settings[GOOD], settings[LAZY_BELOW], settings[NICE], settings[CHAIN] = 8, 16, 128, 128
    settings[SHORTEST], settings[TOO_FAR], settings[FLOOR] = 3, 4096, 0
    return settings


def _token_limit(blocks: Integers) -> int:
    """The tokens that fill a block of zlib's, one less than a power of two, or UNBOUNDED if it is not zlib's."""
    coded = blocks[(blocks[:, KIND] != 0) & (blocks[:, FINAL] == 0), TOKENS]
    if len(coded) == 0:
        return (1 << 14) - 1
    values, counts = np.unique(coded, return_counts=True)
    common = int(values[np.argmax(counts)])
    if 127 <= common <= 32767 and common & (common + 1) == 0:
        return common
    return UNBOUNDED


def _prefix(stream: Stream, limit: int) -> tuple[npt.NDArray[np.uint8], Integers]:
    """The first blocks of at least `limit` plain bytes in all, the last one cut: (plain, sizes)."""
    ends = np.cumsum(stream.blocks[:, BYTES])
    count = min(int(np.searchsorted(ends, limit)) + 1, len(ends))
    sizes = np.zeros((count, SIZE_COLUMNS), np.int64)
    sizes[:, :4] = stream.blocks[:count, :4]
    last = sizes[-1]
    if ends[count - 1] > limit and last[KIND]:
        before = int(ends[count - 1] - last[BYTES])
        token = int(np.sum(sizes[:-1, TOKENS]))
        lengths = np.minimum(stream.lengths[token : token + last[TOKENS]], 258).astype(np.int64)
        last[TOKENS] = np.searchsorted(np.cumsum(lengths), limit - before) + 1
        last[BYTES] = np.sum(lengths[: last[TOKENS]])
    last[FINAL] = 1
    return stream.plain[: int(np.sum(sizes[:, BYTES]))], sizes


def _best(stream: Stream, candidates: list[Integers], prefixes: tuple[int, ...]) -> tuple[Integers, int]:
    """The candidate with the fewest surprises, the first one of equals; about how many in the whole stream."""
    expected = 0
    nothing = np.zeros((0, 4), np.int64)
    for limit in prefixes:
        plain, sizes = _prefix(stream, limit)
        least, counts = len(plain), []
        for settings in candidates:
            patience = least + least // 16  # whoever does worse is out
            told = told_lengths(stream.blocks if settings[MODE] == TOLD else stream.blocks[:0], stream.tables)
            result = walk(plain, settings, 1, stream.lengths, stream.distances, sizes, nothing, patience, told)
            counts.append(len(result[5]) if result[0] == 0 else 1 << 40)
            least = min(least, counts[-1])
        ordered = sorted(range(len(candidates)), key=lambda index: counts[index])
        candidates = [candidates[index] for index in ordered if counts[index] <= least + least // 16]
        expected = least * max(1, len(stream.plain) // len(plain))
        if limit >= len(stream.plain) or len(candidates) == 1:
            break
    return candidates[0], expected


def estimate(stream: Stream) -> Integers:
    """Settings for a stream, by trial."""
    coded = stream.blocks[:, KIND] != 0
    fixed_only = int(np.any(coded) and not np.any(stream.blocks[:, KIND] == 2) and len(stream.plain) > 200)
    token_limit = _token_limit(stream.blocks)
    if not np.any(coded):
        return _settings(IDLE, token_limit=UNBOUNDED, fixed_only=0)
    matches = stream.lengths > 1
    if not np.any(matches):
        return _settings(LITERAL, token_limit=token_limit, fixed_only=fixed_only)
    distances, lengths = stream.distances[matches], stream.lengths[matches]
    farthest, shortest = int(distances.max()), int(lengths.min())
    candidates = []
    base = _settings(LAZY, token_limit=token_limit, fixed_only=fixed_only)
    memory = token_limit.bit_length() - 6 if token_limit != UNBOUNDED else 8
    base[HASH_BITS] = memory + 7
    if farthest > base[REACH]:
        base[REACH] = 32768
    if np.any((lengths == 3) & (distances > 4096)):
        base[TOO_FAR] = 32768
    spans = np.minimum(stream.lengths, 258).astype(np.int64)
    if np.any(distances == (np.cumsum(spans) - spans)[matches]):  # the first byte is matched
        base[FLOOR] = -1
    if farthest == 1:
        runs = base.copy()
        runs[MODE] = RUNS
        candidates.append(runs)
    threes = np.any(lengths == 3)
    windows = [15]
    smallest = max(9, (farthest + 261).bit_length())
    if smallest < 15 and len(stream.plain) > 1 << smallest:
        windows.append(smallest)
    for window in windows:
        for mode, good, lazy, nice, chain in ZLIB_LEVELS:
            settings = base.copy()
            settings[[MODE, GOOD, LAZY_BELOW, NICE, CHAIN]] = mode, good, lazy, nice, chain
            settings[SHORTEST] = 6 if shortest >= 6 and mode == LAZY else 3
            if window < 15:
                settings[WINDOW_BITS], settings[REACH] = window, (1 << window) - 262
            candidates.append(settings)
            if settings[SHORTEST] == 6:
                settings = settings.copy()
                settings[SHORTEST] = 3
                candidates.append(settings)
            if not threes and window == 15:
                settings = settings.copy()
                settings[HASH_BYTES], settings[HASH_BITS], settings[SHORTEST] = 4, 16, 3
                candidates.append(settings)
    if not threes:
        for mode, longest_entered, nice, chain in ZLIB_NG_LEVELS:
            settings = base.copy()
            settings[[MODE, LAZY_BELOW, NICE, CHAIN]] = mode, longest_entered, nice, chain
            settings[[HASH_BYTES, HASH_BITS]] = 4, 16
            candidates.append(settings)
    if token_limit == UNBOUNDED or len(stream.blocks) == 1:
        for lookahead, too_far, nice, chain in LIBDEFLATE_LEVELS:
            settings = base.copy()
            settings[MODE], settings[LAZY_BELOW], settings[NICE], settings[CHAIN] = WEIGHED, lookahead, nice, chain
            settings[HASH_BYTES], settings[TOO_FAR], settings[REACH], settings[FLOOR] = 5, too_far, 32768, -1
            settings[TOKEN_LIMIT] = UNBOUNDED
            candidates.append(settings)
            if lookahead == 0 and not threes:  # level 1: no chains, two candidates
                settings = settings.copy()
                settings[[MODE, HASH_BYTES, HASH_BITS, LAZY_BELOW, NICE, CHAIN]] = EAGER, 6, 15, 258, 32, 2
                candidates.append(settings)
    if np.any((stream.blocks[:-1, KIND] == 0) & (stream.blocks[:-1, BYTES] == 0)):
        flushing = [settings.copy() for settings in candidates]
        for settings in flushing:
            settings[FORGETFUL] = 1
        candidates += flushing
    best, surprises = _best(stream, candidates, PREFIXES)
    if token_limit == UNBOUNDED or surprises:
        surprises = _best(stream, [best], PREFIXES[-1:])[1]
    if surprises * 200 < len(stream.lengths):
        return best
    plan, with_plan = _best(stream, _plans(base), PREFIXES[1:])
    # The code lengths that a plan needs to be told cost about as much as so many surprises.
    told = 40 * int(np.sum(stream.blocks[:, KIND] == 2))
    return plan if with_plan + told < surprises else best


def _plans(base: Integers) -> list[Integers]:
    """Settings of encoders that look for the cheapest tokens: libdeflate's last levels, zopfli, 7-Zip."""
    plans = []
    for shorter, nice, chain in ((1, 258, 256), (1, 75, 256), (0, 258, 256), (1, 258, 512), (0, 258, 512)):
        settings = base.copy()
        settings[[MODE, SHORTEST, NICE, CHAIN, FLOOR, TOKEN_LIMIT]] = TOLD, shorter, nice, chain, -1, UNBOUNDED
        plans.append(settings)
    return plans
