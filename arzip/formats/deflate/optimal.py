"""The predictor for encoders that look for the cheapest tokens of a block: zopfli, libdeflate's last levels.

The cheapest way through a block depends on the code, and the code on the way. Such encoders repeat both until they
settle, and so does this one: a plan for the block is made with the costs that the plan before it caused. A plan says
for every position of the block how to go on from there, so it is of use behind a surprise, too.

    cost(p) = min over tokens at p of cost(token) + cost(p + its length),  from the end of the block to its start

Of all distances for a length only the shortest is considered. Costs are in 1/16 bit, with integer logarithms.

Where the code lengths of a block are told beforehand (they stand in its table anyway), the last plan is made with them
at once: that is what an encoder came to in its last round if it had settled, and many times faster.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import allocating
from arzip.formats.deflate.bits import grown
from arzip.formats.deflate.chains import MULTIPLIER, match_length, may_be_longer
from arzip.formats.deflate.tables import DISTANCE_EXTRA, LENGTH_EXTRA, LENGTH_SYMBOL, distance_symbol

__all__ = ["DISTANCE_SYMBOLS", "LITERAL_SYMBOLS", "link_all", "plan_block", "plan_told"]

LITERAL_START, LENGTH_START, DISTANCE_START = 6 * 16 + 8, 8 * 16, 5 * 16  # costs of the first round
LITERAL_SYMBOLS, DISTANCE_SYMBOLS = 286, 30
NO_LITERAL, NO_DISTANCE = 13 * 16, 10 * 16  # costs of symbols without a code, as libdeflate sets them


@allocating
def link_all(plain, links):
    """links[k, p] (int32), k = 0..3: the nearest earlier position with the same hash of 3 + k bytes, or -1."""
    heads = np.full(1 << 16, -1, np.int32)
    for row in range(4):
        heads[:] = -1
        for at in range(plain.shape[0]):
            links[row, at] = -1
            if at + row + 3 > plain.shape[0]:
                continue
            value = np.uint64(0)
            for index in range(row + 3):
                value = value << np.uint64(8) | np.uint64(plain[at + index])
            slot = (value * MULTIPLIER) >> np.uint64(48)
            links[row, at] = heads[slot]
            heads[slot] = at


@allocating
def _sixteenths(value):
    """About 16 log2(value) for value >= 1: the magnitude, and the mantissa taken as straight."""
    bits = np.int64(0)
    while value >> (bits + 1):
        bits += 1
    mantissa = (value << 20) >> bits  # 2^20 .. 2^21 - 1
    return 16 * bits + ((mantissa - (1 << 20)) >> 16)


@allocating
def _set_costs(counts, first, symbols, costs):
    """costs[first:] of symbols from their counts, a seldom one for those that do not occur."""
    total = np.int64(0)
    for symbol in range(first, first + symbols):
        total += counts[symbol]
    whole = _sixteenths(max(total, np.int64(1)))
    for symbol in range(first, first + symbols):
        costs[symbol] = max(whole - _sixteenths(max(counts[symbol], np.int64(1))), np.int64(1))


@allocating
def _find_matches(plain, start, end, links, chain, nice, passed):
    """length << 16 | shortest distance, for every position and ever longer, and where each position's start.

    Matches may reach beyond the end. Nothing is looked for in front of passed[0] and behind a match of `nice` bytes
    until its end, which is left in passed[0].
    """
    starts = np.zeros(end - start + 1, np.int64)
    matches = np.zeros(2 * (end - start) + 64, np.int64)
    found = np.int64(0)
    for at in range(start, end):
        starts[at - start] = found
        most = min(plain.shape[0] - at, 258)
        if most < 3 or at < passed[0]:
            continue
        matches = grown(matches, found + 256)
        best = np.int64(2)
        for row in range(4):
            # Of the sharper and sharper chains all but the last one have done their work with the first true match.
            candidate = np.int64(links[row, at]) if best < row + 3 or row == 3 else np.int64(-1)
            for _ in range(chain):
                if candidate < 0 or at - candidate > 32768 or best >= most:
                    break
                if may_be_longer(plain, candidate, at, best):
                    length = match_length(plain, candidate, at, most)
                    if length > best:
                        matches[found] = length << 16 | (at - candidate)
                        found += 1
                        best = length
                        if row < 3:
                            break
                candidate = np.int64(links[row, candidate])
        if nice <= 258 and best >= min(nice, most):
            passed[0] = at + best
    starts[end - start] = found
    return matches, starts


@allocating
def _plan(plain, start, end, matches, starts, shorter, costs, total, lengths, distances):
    """One plan with the given costs [286 + 30]."""
    by_length = np.zeros(259, np.int64)
    for length in range(3, 259):
        symbol = np.int64(LENGTH_SYMBOL[length])
        by_length[length] = costs[257 + symbol] + 16 * LENGTH_EXTRA[symbol]
    total[end - start] = 0
    for here in range(end - start - 1, -1, -1):
        cheapest = total[here + 1] + costs[plain[start + here]]
        chosen, far, reached = np.int64(1), np.int64(0), np.int64(3)
        for index in range(starts[here], starts[here + 1]):
            length, distance = matches[index] >> 16, matches[index] & 0xFFFF
            symbol = distance_symbol(distance)
            distance_cost = costs[LITERAL_SYMBOLS + symbol] + 16 * DISTANCE_EXTRA[symbol]
            while reached <= min(length, end - start - here):
                cost = total[here + reached] + by_length[reached] + distance_cost
                if cost < cheapest or (cost == cheapest and not shorter):
                    cheapest, chosen, far = cost, reached, distance
                reached += 1
        total[here], lengths[here], distances[here] = cheapest, chosen, far


@allocating
def plan_block(plain, start, end, links, chain, rounds, shorter, lengths, distances):
    """Fill lengths and distances [end - start] (int64) with the token to expect at each place of plain[start:end].

    shorter: 1 if the shorter of equally cheap tokens is taken, 0 if the longer.
    """
    costs = np.zeros(LITERAL_SYMBOLS + DISTANCE_SYMBOLS, np.int64)
    counts = np.zeros(LITERAL_SYMBOLS + DISTANCE_SYMBOLS, np.int64)
    total = np.zeros(end - start + 1, np.int64)
    matches, starts = _find_matches(plain, start, end, links, chain, np.int64(1 << 30), np.zeros(1, np.int64))
    for symbol in range(costs.shape[0]):
        costs[symbol] = DISTANCE_START if symbol >= LITERAL_SYMBOLS else LENGTH_START if symbol > 256 else LITERAL_START
    for remaining in range(rounds, 0, -1):
        _plan(plain, start, end, matches, starts, shorter, costs, total, lengths, distances)
        if remaining == 1:
            break
        counts[:] = 0
        at = start
        while at < end:
            length = lengths[at - start]
            if length == 1:
                counts[plain[at]] += 1
            else:
                counts[257 + np.int64(LENGTH_SYMBOL[length])] += 1
                counts[LITERAL_SYMBOLS + distance_symbol(distances[at - start])] += 1
            at += length
        _set_costs(counts, 0, LITERAL_SYMBOLS, costs)
        _set_costs(counts, LITERAL_SYMBOLS, DISTANCE_SYMBOLS, costs)


@allocating
def plan_told(plain, start, end, links, settings, told, lengths, distances):
    """The same with the code lengths told [286 + 30] (0 for symbols without a code), in a single round.

    settings: [chain, nice, shorter, where a long match of the block before ends].
    """
    costs = np.zeros(LITERAL_SYMBOLS + DISTANCE_SYMBOLS, np.int64)
    total = np.zeros(end - start + 1, np.int64)
    for symbol in range(costs.shape[0]):
        seldom = NO_LITERAL if symbol < LITERAL_SYMBOLS else NO_DISTANCE
        costs[symbol] = 16 * np.int64(told[symbol]) if told[symbol] else seldom
    matches, starts = _find_matches(plain, start, end, links, settings[0], settings[1], settings[3:])
    _plan(plain, start, end, matches, starts, settings[2], costs, total, lengths, distances)
