"""Hash chains of a deflate encoder, and the longest match that a walk along them would find.

Two searches give the same answer. `follow_chain` goes from candidate to candidate as encoders do. `find_longest` knows
the place of every position in its chain, so that it may look for candidates in sharper chains, of four, five and six
equal bytes, and still tell which of them the walk would have come to; with long chains it is many times faster. It
needs every position entered, which lazy encoders do.

    heads [5, 2^16], links [5, 2^15] int32; row 0 the encoder's own chain; 1, 2, 3 exact chains of 4, 5, 6 bytes;
    or row 1 the last position with the same hash of 3 bytes where the encoder's own chain is of 4;
    row 4: entries made in a slot of row 0 / the number of a position among them

[1] RFC 1951, section 4, on chained hash tables and lazy matching.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import compiled, inlined
from arzip.formats.deflate.words import eight_bytes

__all__ = ["enter", "enter_exact", "find_longest", "follow_chain", "match_length"]

PATIENCE = 32  # candidates of a sharp chain between two looks at how far the walk would have gone
MULTIPLIER = np.uint64(0x9E3779B185EBCA87)  # 2^64 / golden ratio, odd


@inlined
def match_length(plain, first, second, most):
    """How many of at most `most` bytes agree behind two positions; `most` stays inside the data."""
    length = np.int64(0)
    while length + 8 <= most:
        if eight_bytes(plain, np.uint64(first + length)) != eight_bytes(plain, np.uint64(second + length)):
            break
        length += 8
    while length < most and plain[np.uint64(first + length)] == plain[np.uint64(second + length)]:
        length += 1
    return length


@inlined
def may_be_longer(plain, candidate, position, best):
    """False if a match at `candidate` cannot be longer than `best` bytes, by a look at its end."""
    if best >= 7:
        return eight_bytes(plain, np.uint64(candidate + best - 7)) == eight_bytes(plain, np.uint64(position + best - 7))
    return plain[np.uint64(candidate + best)] == plain[np.uint64(position + best)]


@compiled
def enter(plain, start, until, hash_bytes, bits, window_mask, heads, links):
    """Enter positions start..until that have `hash_bytes` bytes into the encoder's chain; the first one not entered."""
    until = min(until, plain.shape[0] - min(hash_bytes, 5))
    if hash_bytes == 5:
        for at in range(start, until + 1):
            value = np.int64(plain[at]) | np.int64(plain[at + 1]) << 8 | np.int64(plain[at + 2]) << 16
            slot = (value * 0x1E35A7BD & 0xFFFFFFFF) >> 17
            links[1, at & window_mask] = heads[1, slot]
            heads[1, slot] = at
            value |= np.int64(plain[at + 3]) << 24
            slot = (value * 0x1E35A7BD & 0xFFFFFFFF) >> 16
            links[0, at & window_mask] = heads[0, slot]
            heads[0, slot] = at
    elif hash_bytes == 3:
        shift = (bits + 2) // 3
        mask = (np.int64(1) << bits) - 1
        for at in range(start, until + 1):
            value = np.int64(plain[at]) << (2 * shift) ^ np.int64(plain[at + 1]) << shift ^ np.int64(plain[at + 2])
            slot = value & mask
            links[0, at & window_mask] = heads[0, slot]
            heads[0, slot] = at
    else:
        multiplier = 2654435761 if hash_bytes == 4 else 0x1E35A7BD
        for at in range(start, until + 1):
            value = np.int64(plain[at]) | np.int64(plain[at + 1]) << 8 | np.int64(plain[at + 2]) << 16
            value |= np.int64(plain[at + 3]) << 24
            slot = ((value * multiplier) & 0xFFFFFFFF) >> (32 - bits)
            links[0, at & window_mask] = heads[0, slot]
            heads[0, slot] = at
    return max(start, until + 1)


@compiled
def enter_exact(plain, start, until, bits, window_mask, heads, links):
    """Enter positions start..until into zlib's chain and, where six bytes follow, into the sharper ones."""
    until = min(until, plain.shape[0] - 3)
    shift = np.uint64((bits + 2) // 3)
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    window = np.uint64(window_mask)
    for at in range(start, until + 1):
        place = np.uint64(at)
        here = place & window
        first, second = np.uint64(plain[place]), np.uint64(plain[place + np.uint64(1)])
        third = np.uint64(plain[place + np.uint64(2)])
        slot = (first << (shift + shift) ^ second << shift ^ third) & mask
        links[0, here] = heads[0, slot]
        heads[0, slot] = at
        heads[4, slot] += 1
        links[4, here] = heads[4, slot]
        if at + 6 <= plain.shape[0]:
            value = first << np.uint64(40) | second << np.uint64(32) | third << np.uint64(24)
            value |= np.uint64(plain[place + np.uint64(3)]) << np.uint64(16)
            value |= np.uint64(plain[place + np.uint64(4)]) << np.uint64(8)
            value |= np.uint64(plain[place + np.uint64(5)])
            for row in range(1, 4):
                slot = ((value >> np.uint64(24 - 8 * row)) * MULTIPLIER) >> np.uint64(48)
                links[row, here] = heads[row, slot]
                heads[row, slot] = at
    return max(start, until + 1)


@compiled
def follow_chain(plain, position, previous, reach, floor, chain, nice, window_mask, links):
    """The longest match at an entered `position`, if longer than `previous`: (length, start), else (previous, -1).

    Looks at `chain` candidates above `floor`, the first within `reach`, the others nearer than that; ends at length
    `nice`.
    """
    ahead = plain.shape[0] - position
    candidate = np.int64(links[0, position & window_mask])
    most = min(ahead, 258)
    best, start = previous, np.int64(-1)
    if candidate <= floor or position - candidate > reach or best >= most:
        return previous, start
    lowest = max(position - reach, floor)
    nice = min(nice, most)
    while True:
        if may_be_longer(plain, candidate, position, best):
            length = match_length(plain, candidate, position, most)
            if length > best:
                best, start = length, candidate
                if length >= nice:
                    break
        following = np.int64(links[0, np.uint64(candidate & window_mask)])
        chain -= 1
        if following <= lowest or following >= candidate or chain == 0:
            break
        candidate = following
    return best, start


@compiled
def find_longest(plain, position, previous, reach, floor, chain, nice, window_mask, links):
    """The same as `follow_chain` on the chains of `enter_exact`; needs nice >= 6."""
    ahead = plain.shape[0] - position
    nearest = np.int64(links[0, position & window_mask])
    best, start = previous, np.int64(-1)
    if nearest <= floor or position - nearest > reach:
        return previous, start
    if ahead < 16:
        return follow_chain(plain, position, previous, reach, floor, chain, nice, window_mask, links)
    most = min(ahead, 258)
    if best >= most:
        return previous, start
    nice = min(nice, most)
    lowest = max(position - reach, floor)
    oldest = np.int64(links[4, position & window_mask]) - chain
    # Six bytes and more: the walk ends where the encoder's own would.
    candidate = np.int64(links[3, position & window_mask])
    last = position
    patience = PATIENCE
    while (candidate > lowest or candidate == nearest) and candidate < last:
        patience -= 1
        if patience <= 0 and match_length(plain, candidate, position, 3) == 3:
            # No longer match yet, and perhaps none within the walk.
            if links[4, np.uint64(candidate & window_mask)] < oldest:
                break
            patience = PATIENCE
        if may_be_longer(plain, candidate, position, best):
            length = match_length(plain, candidate, position, most)
            if length > best and length >= 6:  # shorter ones are collisions here
                if links[4, np.uint64(candidate & window_mask)] < oldest:
                    break
                best, start = length, candidate
                if length >= nice:
                    return best, start
        last = candidate
        candidate = np.int64(links[3, np.uint64(candidate & window_mask)])
    if best >= 5:
        return best, start
    # Exactly five, exactly four: the nearest one is all that counts.
    for row in range(2, 0, -1):
        candidate = np.int64(links[row, position & window_mask])
        last = position
        while (candidate > lowest or candidate == nearest) and candidate < last:
            if match_length(plain, candidate, position, row + 3) == row + 3:
                if links[4, np.uint64(candidate & window_mask)] >= oldest:
                    return np.int64(row + 3), candidate
                break
            last = candidate
            candidate = np.int64(links[row, np.uint64(candidate & window_mask)])
        if best >= row + 2:
            return best, start
    candidate = nearest
    while True:
        if match_length(plain, candidate, position, 3) == 3:
            return np.int64(3), candidate
        following = np.int64(links[0, np.uint64(candidate & window_mask)])
        chain -= 1
        if following <= lowest or following >= candidate or chain == 0:
            return best, start
        candidate = following
