"""What a deflate encoder with hash chains would do at a position, given everything before it.

The prediction always starts from the tokens that were really written, so one surprise does not spoil the next
prediction. `settings` is an int64 vector, see the names below; zlib's ten levels, its window and memory sizes and its
strategies are points in that space. `heads` and `links` are the chains of `chains`, filled with -1 at the start.

    GREEDY   take the longest match, enter positions inside a match only if it is short
    LAZY     take a match only if the next position has no longer one; every position is entered
    WEIGHED  like LAZY, for zero, one or two positions on, but weighing longer matches against longer distances
    EAGER    like GREEDY for matches of four and more; of a long match only the last position is entered
    MEDIUM   the same, but the next match may take bytes from the present one: see `medium`
    OPTIMAL  the cheapest tokens of the block: see `optimal`; not predicted here but by the walk
    TOLD     the same, with the code lengths of every block told beforehand
    LITERAL  no matches          RUNS     matches at distance 1 only          IDLE     stored data, nothing is predicted

[1] RFC 1951, section 4.   [2] zlib, documentation of deflateInit2 and deflateTune: good, lazy, nice, chain.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import allocating, compiled
from arzip.formats.deflate.chains import enter, enter_exact, find_longest, follow_chain, match_length
from arzip.formats.deflate.medium import MARGIN, take_over

__all__ = [
    "CHAIN",
    "EAGER",
    "FIELDS",
    "FIXED_ONLY",
    "FLOOR",
    "FORGETFUL",
    "GOOD",
    "GREEDY",
    "HASH_BITS",
    "HASH_BYTES",
    "IDLE",
    "LAZY",
    "LAZY_BELOW",
    "LITERAL",
    "MEDIUM",
    "MODE",
    "NICE",
    "OPTIMAL",
    "REACH",
    "RUNS",
    "SHORTEST",
    "TOKEN_LIMIT",
    "TOLD",
    "TOO_FAR",
    "WEIGHED",
    "WINDOW_BITS",
    "accept",
    "begin_block",
    "predict",
    "start_cursor",
]

# Fields of `settings`.
MODE = 0  # one of the modes below
HASH_BYTES = 1  # 3: zlib's shifted exclusive or; 4: zlib-ng's, no matches of three; 5, 6: libdeflate's, pair and single
HASH_BITS = 2  # 1..16
WINDOW_BITS = 3  # 8..15
REACH = 4  # the longest distance looked at, in chains one less
GOOD = 5  # a match this long makes the next search four times shorter; optimal: rounds of planning
LAZY_BELOW = 6  # lazy: no second search behind a match this long; greedy: longer ones are not entered; weighed: 0, 1, 2
NICE = 7  # a match this long ends the search
CHAIN = 8  # candidates looked at
SHORTEST = 9  # lazy: shorter matches are dropped; optimal: 1 takes the shorter of equals
TOO_FAR = 10  # lazy: matches of three beyond this distance are dropped
FLOOR = 11  # 0: the first byte is never matched (zlib takes position 0 for none), -1: it may be
TOKEN_LIMIT = 12  # tokens that fill a block
FIXED_ONLY = 13  # 1: no block has dynamic codes
FORGETFUL = 14  # 1: an empty stored block clears the chains, as zlib's full flush does
FIELDS = 15

IDLE, LITERAL, RUNS, GREEDY, LAZY, WEIGHED, EAGER, MEDIUM, OPTIMAL, TOLD = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9

# Fields of `cursor`, the state that is not in the chains.
ENTERED = 0  # positions below are in the chains, or were left out for good
AHEAD = 1  # the position whose match is already known (lazy), or -1
AHEAD_LENGTH = 2
AHEAD_START = 3
SHARP = 4  # 1: the chains are those of `enter_exact`
PASSED = 5  # a position that will be a literal because of the match AHEAD (weighed)
BLOCK_START = 6
RECOUNT = 7  # from here on LEAST is to be found anew (weighed)
LEAST = 8  # shorter matches are not looked for (weighed)
COUNTS = 9  # of the literals of the block, 256 of them (weighed)
FILLED = COUNTS + 256  # where the window of the encoder ends (medium)
CURSOR_FIELDS = FILLED + 1

# Few different literals are cheap ones, beside which short matches do not pay: the shortest match for each number.
LEAST_FOR = np.array([9] * 6 + [8] * 2 + [7] * 2 + [6] * 6 + [5] * 29 + [4] * 35, np.int64)
FIRST_RECOUNT = 10_000  # bytes from the start of a block


@allocating
def start_cursor(settings):
    """The cursor at the start of the data."""
    cursor = np.zeros(CURSOR_FIELDS, np.int64)
    cursor[AHEAD] = cursor[PASSED] = -1
    cursor[FILLED] = np.int64(2) << settings[WINDOW_BITS]
    if settings[MODE] == LAZY and settings[CHAIN] >= 64 and settings[NICE] >= 6 and settings[HASH_BYTES] == 3:
        cursor[SHARP] = 1
    return cursor


@compiled
def _enter(plain, until, settings, heads, links, cursor):
    """Enter all positions up to and with `until` that have enough bytes behind them."""
    window_mask = (np.int64(1) << settings[WINDOW_BITS]) - 1
    if cursor[SHARP]:
        cursor[ENTERED] = enter_exact(plain, cursor[ENTERED], until, settings[HASH_BITS], window_mask, heads, links)
    else:
        cursor[ENTERED] = enter(
            plain, cursor[ENTERED], until, settings[HASH_BYTES], settings[HASH_BITS], window_mask, heads, links
        )


@compiled
def _search(plain, position, previous, settings, heads, links, cursor):
    """The longest match at `position` that beats the length `previous`: (length, start), or (previous, -1)."""
    if plain.shape[0] - position < min(settings[HASH_BYTES], 5):
        return previous, np.int64(-1)
    _enter(plain, position, settings, heads, links, cursor)
    window_mask = (np.int64(1) << settings[WINDOW_BITS]) - 1
    reach, floor, chain, nice = settings[REACH], settings[FLOOR], settings[CHAIN], settings[NICE]
    if previous >= settings[GOOD]:
        chain >>= 2
    if cursor[SHARP]:
        return find_longest(plain, position, previous, reach, floor, chain, nice, window_mask, links)
    return follow_chain(plain, position, previous, reach, floor, chain, nice, window_mask, links)


@compiled
def _lazy_search(plain, position, previous, settings, heads, links, cursor):
    length, start = _search(plain, position, previous, settings, heads, links, cursor)
    if start >= 0 and (length < settings[SHORTEST] or (length == 3 and position - start > settings[TOO_FAR])):
        return np.int64(2), np.int64(-1)
    return length, start


@compiled
def _pair_search(plain, position, previous, chain, settings, heads, links, cursor):
    """The longest match of four bytes and more along the chain, else the last one of three if `previous` is shorter."""
    if plain.shape[0] - position < 5:
        return previous, np.int64(-1)
    _enter(plain, position, settings, heads, links, cursor)
    window_mask = (np.int64(1) << settings[WINDOW_BITS]) - 1
    reach, floor, nice = settings[REACH], settings[FLOOR], settings[NICE]
    at_least = max(previous, np.int64(3))
    length, start = follow_chain(plain, position, at_least, reach, floor, chain, nice, window_mask, links)
    if start < 0 and previous < 3:
        candidate = np.int64(links[1, position & window_mask])
        if candidate > floor and position - candidate < reach and match_length(plain, candidate, position, 3) == 3:
            return np.int64(3), candidate
    return length, start


@compiled
def _magnitude(value):
    """The number of bits of a positive integer."""
    bits = np.int64(0)
    while value:
        value >>= 1
        bits += 1
    return bits


@compiled
def _least(different, chain):
    """The shortest match worth looking for, given the number of different literals."""
    if different >= LEAST_FOR.shape[0]:
        return np.int64(3)
    most = 9 if chain >= 16 else 7 if chain >= 10 else 5 if chain >= 5 else 4
    return min(LEAST_FOR[different], np.int64(most))


@compiled
def begin_block(plain, position, settings, cursor):
    """Take note that a block starts at `position`."""
    if settings[MODE] != WEIGHED:
        return
    ahead = plain.shape[0] - position
    cursor[AHEAD] = cursor[PASSED] = -1
    cursor[BLOCK_START] = position
    cursor[RECOUNT] = position + FIRST_RECOUNT if settings[LAZY_BELOW] else plain.shape[0]
    cursor[LEAST] = 3
    cursor[COUNTS:] = 0
    if ahead >= 512:
        for index in range(min(ahead, 4096)):
            cursor[COUNTS + plain[position + index]] = 1
        different = np.int64(0)
        for value in range(256):
            different += cursor[COUNTS + value]
            cursor[COUNTS + value] = 0
        cursor[LEAST] = _least(different, settings[CHAIN])


@compiled
def _recount(position, settings, cursor):
    """Find the shortest match anew from the literals of the block so far, rare ones left out."""
    total, different = np.int64(0), np.int64(0)
    for value in range(256):
        total += cursor[COUNTS + value]
    for value in range(256):
        if cursor[COUNTS + value] > total >> 10:
            different += 1
    cursor[LEAST] = _least(different, settings[CHAIN])
    cursor[RECOUNT] += position - cursor[BLOCK_START]


@compiled
def _predict_weighed(plain, position, settings, heads, links, cursor):
    """`predict` for WEIGHED."""
    if cursor[PASSED] == position and cursor[AHEAD] == position + 1:
        return np.int64(1), np.int64(0)
    if cursor[AHEAD] == position:
        length, start = cursor[AHEAD_LENGTH], cursor[AHEAD_START]
    else:
        if position >= cursor[RECOUNT]:
            _recount(position, settings, cursor)
        shortest, chain = cursor[LEAST], settings[CHAIN]
        length, start = _pair_search(plain, position, shortest - 1, chain, settings, heads, links, cursor)
        if start < 0 or length < shortest or (length == 3 and position - start > settings[TOO_FAR]):
            return np.int64(1), np.int64(0)
    if length < min(settings[NICE], plain.shape[0] - position):
        for step in range(1, min(settings[LAZY_BELOW], 2) + 1):
            there, chain = position + step, max(settings[CHAIN] >> step, 1)
            later, later_start = _pair_search(plain, there, length - 1, chain, settings, heads, links, cursor)
            if later_start >= 0 and later >= length:
                gain = 4 * (later - length) + _magnitude(position - start) - _magnitude(there - later_start)
                if gain > 4 * step - 2:
                    cursor[AHEAD], cursor[AHEAD_LENGTH], cursor[AHEAD_START] = there, later, later_start
                    cursor[PASSED] = position + 1 if step == 2 else np.int64(-1)
                    return np.int64(1), np.int64(0)
    return length, position - start


@compiled
def _enter_match(plain, position, length, settings, heads, links, cursor):
    """Enter the positions of a match as zlib-ng does: all, or only the last one of a long match."""
    if length > settings[LAZY_BELOW]:
        cursor[ENTERED] = max(cursor[ENTERED], position + length - 1)
    _enter(plain, position + length - 1, settings, heads, links, cursor)


@compiled
def _search_four(plain, position, settings, heads, links, cursor):
    """The longest match of four and more, or (1, -1)."""
    length, start = _search(plain, position, np.int64(2), settings, heads, links, cursor)
    return (np.int64(1), np.int64(-1)) if start < 0 or length < 4 else (length, start)


@compiled
def _predict_medium(plain, position, settings, heads, links, cursor):
    """`predict` for MEDIUM."""
    ahead = min(cursor[FILLED], plain.shape[0]) - position
    known = cursor[AHEAD] == position
    if ahead < MARGIN:
        if cursor[FILLED] < plain.shape[0]:
            cursor[FILLED] += np.int64(1) << settings[WINDOW_BITS]
            ahead = min(cursor[FILLED], plain.shape[0]) - position
        if known:  # forgotten, and a position that is entered already finds nothing but itself
            length, start, known = np.int64(1), np.int64(-1), False
        else:
            length, start = _search_four(plain, position, settings, heads, links, cursor)
    elif known:
        length, start = cursor[AHEAD_LENGTH], cursor[AHEAD_START]
    else:
        length, start = _search_four(plain, position, settings, heads, links, cursor)
    while True:
        cursor[AHEAD] = -1
        if ahead > length + 4:
            _enter_match(plain, position, length, settings, heads, links, cursor)
        if ahead <= MARGIN:
            break
        place = position + length
        following, following_start = _search_four(plain, place, settings, heads, links, cursor)
        taken = np.int64(0)
        if length > 1 and following_start >= 0:
            taken = take_over(plain, position, length, following, following_start, settings[REACH])
        cursor[AHEAD], cursor[AHEAD_LENGTH] = place - taken, following + taken
        cursor[AHEAD_START] = following_start - taken if following_start >= 0 else np.int64(-1)
        if not taken:
            break
        if taken < length:
            return np.int64(1), np.int64(0)
        length, start = following + taken, following_start - taken
    return (np.int64(1), np.int64(0)) if start < 0 else (length, position - start)


@compiled
def predict(plain, position, settings, heads, links, cursor):
    """The token expected at `position`: (1, 0) or (length, distance)."""
    mode = settings[MODE]
    if mode == WEIGHED:
        return _predict_weighed(plain, position, settings, heads, links, cursor)
    if mode == MEDIUM:
        return _predict_medium(plain, position, settings, heads, links, cursor)
    if mode == EAGER:
        length, start = _search_four(plain, position, settings, heads, links, cursor)
        return (np.int64(1), np.int64(0)) if start < 0 else (length, position - start)
    if mode == LAZY:
        if cursor[AHEAD] == position:
            length, start = cursor[AHEAD_LENGTH], cursor[AHEAD_START]
        else:
            length, start = _lazy_search(plain, position, np.int64(2), settings, heads, links, cursor)
        if start < 0 or length < 3:
            return np.int64(1), np.int64(0)
        if length < settings[LAZY_BELOW]:
            later, later_start = _lazy_search(plain, position + 1, length, settings, heads, links, cursor)
            if later > length:
                cursor[AHEAD], cursor[AHEAD_LENGTH], cursor[AHEAD_START] = position + 1, later, later_start
                return np.int64(1), np.int64(0)
        return length, position - start
    if mode == GREEDY:
        length, start = _search(plain, position, np.int64(2), settings, heads, links, cursor)
        if start >= 0:
            return length, position - start
    if mode == RUNS and position > 0:
        most = min(plain.shape[0] - position, 258)
        length = match_length(plain, position - 1, position, most)
        if length >= 3:
            return length, np.int64(1)
    return np.int64(1), np.int64(0)


@compiled
def accept(plain, position, length, settings, heads, links, cursor):
    """Take note of the token that really stands at `position`."""
    if settings[MODE] == EAGER and length > 1:
        _enter_match(plain, position, length, settings, heads, links, cursor)
    if settings[MODE] == WEIGHED and length == 1:
        cursor[COUNTS + plain[position]] += 1
    if settings[MODE] == GREEDY and length > 1:
        _enter(plain, position, settings, heads, links, cursor)
        following = position + length
        if length <= settings[LAZY_BELOW] and plain.shape[0] - following >= 3:
            _enter(plain, following - 1, settings, heads, links, cursor)
        cursor[ENTERED] = max(cursor[ENTERED], following)
