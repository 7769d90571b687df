"""The Huffman tables that zlib would write for given symbol counts, and what each kind of block would cost.

Where several optimal trees exist the choice is a convention, so the construction follows zlib's conventions: a binary
heap in which equal weights are ordered by the depth of the subtree, codes that are too long shortened by lending from
shorter ones, and run-length coding of the lengths that never crosses from the literal to the distance code.

[1] RFC 1951, section 3.2.7.   [2] D. Huffman, "A method for the construction of minimum-redundancy codes", 1952.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import allocating
from arzip.formats.deflate.tables import (
    CODE_LENGTH_ORDER,
    DISTANCE_EXTRA,
    DISTANCES,
    FIXED_LITERALS,
    LENGTH_EXTRA,
    LENGTH_SYMBOL,
    LITERALS,
    distance_symbol,
)

__all__ = ["block_costs", "count_symbols", "optimal_lengths", "predict_head", "run_operations"]


@allocating
def _sift_down(heap, size, at, weight, depth):
    """Restore the order of heap[1..size] below `at`: lighter first, then shallower; equals stay where they are."""
    item = heap[at]
    child = 2 * at
    while child <= size:
        if child < size:
            left, right = heap[child], heap[child + 1]
            if weight[right] < weight[left] or (weight[right] == weight[left] and depth[right] <= depth[left]):
                child += 1
        best = heap[child]
        if weight[item] < weight[best] or (weight[item] == weight[best] and depth[item] <= depth[best]):
            break
        heap[at] = best
        at = child
        child *= 2
    heap[at] = item


@allocating
def optimal_lengths(counts, symbols, longest, lengths):
    """Code lengths (uint8, 0 unused) of at most `longest` bits for counts[:symbols]; the last symbol that has a code.

    At least two symbols get a code, unused ones from the front of the alphabet if need be.
    """
    nodes = 2 * symbols + 1
    weight = np.zeros(nodes, np.int64)
    depth = np.zeros(nodes, np.int64)
    parent = np.zeros(nodes, np.int64)
    heap = np.zeros(nodes + 1, np.int64)
    order = np.zeros(nodes, np.int64)  # nodes as they left the heap, lightest first
    size, last = np.int64(0), np.int64(-1)
    lengths[:symbols] = 0
    for symbol in range(symbols):
        weight[symbol] = counts[symbol]
        if counts[symbol]:
            size += 1
            heap[size] = last = symbol
    while size < 2:
        forced = np.int64(0)
        if last < 2:
            last += 1
            forced = last
        size += 1
        heap[size] = forced
        weight[forced] = 1
    for at in range(size // 2, 0, -1):
        _sift_down(heap, size, at, weight, depth)
    leaves = size
    node, taken = symbols, np.int64(0)
    while size > 1:
        first = heap[1]
        heap[1] = heap[size]
        size -= 1
        _sift_down(heap, size, 1, weight, depth)
        second = heap[1]
        order[taken], order[taken + 1] = first, second
        taken += 2
        weight[node] = weight[first] + weight[second]
        depth[node] = max(depth[first], depth[second]) + 1
        parent[first] = parent[second] = node
        heap[1] = node
        node += 1
        _sift_down(heap, size, 1, weight, depth)
    bits_of = np.zeros(nodes, np.int64)
    number = np.zeros(longest + 2, np.int64)
    overflow = np.int64(0)
    for at in range(taken - 1, -1, -1):  # from the root's children down
        item = order[at]
        bits = bits_of[parent[item]] + 1
        if bits > longest:
            bits = longest
            overflow += 1
        bits_of[item] = bits
        if item < symbols:
            number[bits] += 1
    if overflow > 0:
        while overflow > 0:
            bits = longest - 1
            while number[bits] == 0:
                bits -= 1
            number[bits] -= 1
            number[bits + 1] += 2
            number[longest] -= 1
            overflow -= 2
        at = np.int64(0)
        for bits in range(longest, 0, -1):
            left_over = number[bits]
            while left_over:
                if order[at] < symbols:
                    bits_of[order[at]] = bits
                    left_over -= 1
                at += 1
    if leaves:
        for symbol in range(last + 1):
            if weight[symbol]:
                lengths[symbol] = bits_of[symbol]
    return last


@allocating
def count_symbols(plain, done, lengths, distances, first, tokens, literals, distance_counts):
    """Count a block's symbols, end-of-block included, into literals[288] and distance_counts[32]; its end in bytes."""
    literals[:] = 0
    distance_counts[:] = 0
    literals[256] = 1
    for token in range(first, first + tokens):
        length = np.int64(lengths[token])
        if length == 1:
            literals[plain[done]] += 1
            done += 1
        else:
            literals[257 + np.int64(LENGTH_SYMBOL[length])] += 1
            distance_counts[distance_symbol(np.int64(distances[token]))] += 1
            done += min(length, 258)
    return done


@allocating
def run_operations(lengths, count, table, end):
    """Append zlib's run-length operations for lengths[:count] to the table; the new end."""
    at = np.int64(0)
    previous = np.int64(-1)
    while at < count:
        value = np.int64(lengths[at])
        most = 138 if value == 0 else 6 if value == previous else 7
        run = np.int64(1)
        while at + run < count and lengths[at + run] == value and run < most:
            run += 1
        at += run
        if value == 0:
            if run >= 11:
                table[end], table[end + 1] = 18, run - 11
                end += 2
                run = 0
            elif run >= 3:
                table[end], table[end + 1] = 17, run - 3
                end += 2
                run = 0
        else:
            if value != previous:
                table[end] = value
                end += 1
                run -= 1
            if run >= 3:
                table[end], table[end + 1] = 16, run - 3
                end += 2
                run = 0
        for _ in range(run):
            table[end] = value
            end += 1
        # A run that was cut at its longest starts anew: an equal value behind it counts as seen, a zero never does.
        previous = value if value else np.int64(-1)
    return end


@allocating
def predict_head(table, operations, operations_end, head):
    """zlib's code-length code for the operations in table[operations:operations_end].

    Fills head[0] with the number of lengths sent, minus 4, and head[1:] with the lengths in the order of transmission;
    returns the bits of the operations together with their repeat bits.
    """
    counts = np.zeros(19, np.int64)
    lengths = np.zeros(19, np.uint8)
    bits = np.int64(0)
    at = operations
    while at < operations_end:
        operation = np.int64(table[at])
        counts[operation] += 1
        at += 1
        if operation >= 16:
            bits += 2 if operation == 16 else 3 if operation == 17 else 7
            at += 1
    optimal_lengths(counts, 19, 7, lengths)
    for symbol in range(19):
        bits += counts[symbol] * np.int64(lengths[symbol])
    number = np.int64(19)
    while number > 4 and lengths[CODE_LENGTH_ORDER[number - 1]] == 0:
        number -= 1
    head[0] = number - 4
    for index in range(19):
        head[1 + index] = lengths[CODE_LENGTH_ORDER[index]]
    return bits


@allocating
def block_costs(literals, distances, literal_lengths, distance_lengths):
    """Bits of a block's symbols with the given code lengths, and with the fixed codes; extra bits in both."""
    chosen, fixed = np.int64(0), np.int64(0)
    for symbol in range(LITERALS):
        count = literals[symbol]
        if count:
            extra = LENGTH_EXTRA[symbol - 257] if symbol > 256 else np.int64(0)
            chosen += count * (np.int64(literal_lengths[symbol]) + extra)
            fixed += count * (np.int64(FIXED_LITERALS[symbol]) + extra)
    for symbol in range(DISTANCES):
        count = distances[symbol]
        if count:
            chosen += count * (np.int64(distance_lengths[symbol]) + DISTANCE_EXTRA[symbol])
            fixed += count * (5 + DISTANCE_EXTRA[symbol])
    return chosen, fixed
