"""What surrounds the next byte: the contexts that the byte engine looks up, one 64-bit hash each.

Orders 0 to 6 and 8, words, sparse and indirect contexts, classes of characters, columns and fields of text lines, and
records of a width that is detected while coding (tables, spreadsheets, bitmaps). All of it is read from the lane's own
past, except the record width and the indirect table, which all lanes teach together.
"""

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.mixing.slots import hash_pair

__all__ = [
    "ABOVE",
    "BIT",
    "CLASSES",
    "CONTEXTS",
    "FIELDS",
    "FRONT",
    "LANE_FIELDS",
    "LANE_LENGTH",
    "LINE",
    "LINE_ABOVE",
    "PAIRS",
    "PARTIAL",
    "SEEN",
    "SHARED_FIELDS",
    "START",
    "TAIL",
    "WORD",
    "WORD_BEFORE",
    "WORD_OLDER",
    "direct_contexts",
    "hash_contexts",
    "in_word",
    "remember_follower",
    "track_symbol",
    "vote_width",
]

CONTEXTS = 18
PAIRS = 1024  # hashed pairs of bytes whose recurrence is watched, a lane
MOST_FIELDS = 64  # of a line of a table whose fields are set apart by commas, semicolons, bars or tabs
WIDEST = 2048  # record widths below this are looked for

# The lane's fields, int64: block position of its first byte; the bits of the current byte behind a leading 1; the
# last eight bytes; hashes of the current word and the two before it; where the line and the one above it began; the
# byte above; the three bytes around that place in each of the two records above (see `direct_contexts`); the classes of
# the last 16 bytes; the number of the current field of the line, and where the fields began of this line and of the one
# above.
START, PARTIAL, TAIL, WORD, WORD_BEFORE, WORD_OLDER, LINE, LINE_ABOVE, ABOVE, TEMPLATE = range(10)
CLASSES, FIELD, FIELDS, FIELDS_ABOVE = 12, 13, 14, 14 + MOST_FIELDS
LANE_FIELDS = FIELDS_ABOVE + MOST_FIELDS

# What all lanes share, int64: the front, the bit within its bytes, bytes learned, the lanes' length; then the record
# width in force (0 for none), bytes since the last decision on it, and a vote a width.
FRONT, BIT, SEEN, LANE_LENGTH, WIDTH, VOTED, VOTES = range(7)
SHARED_FIELDS = VOTES + WIDEST

_VOTING_BYTES = 1024  # between two decisions
_VOTE = 64
_ENOUGH_VOTES = 20 * _VOTE


@inlined
def _decide_width(shared: np.ndarray) -> None:
    """Choose the width that has most of the votes (those of its double included), if there are enough; age them."""
    best = np.int64(0)
    total = np.int64(0)
    for width in range(2, WIDEST):
        total += shared[VOTES + width]
        if shared[VOTES + width] > shared[VOTES + best]:
            best = np.int64(width)
    support = shared[VOTES + best]
    if 2 * best < WIDEST:
        support += shared[VOTES + 2 * best]
    shared[WIDTH] = best if support * 2 > total and support > _ENOUGH_VOTES else 0
    for width in range(2, WIDEST):
        shared[VOTES + width] -= shared[VOTES + width] >> 3


@inlined
def vote_width(shared: np.ndarray, pairs: np.ndarray, lane: Integer, tail: Integer, place: Integer) -> None:
    """Vote for the distance of a pair of unlike bytes that came back at that distance twice running.

    `pairs` is int32 [L, 2, PAIRS]: where each hashed pair came last, and at what distance from the time before.
    """
    if tail & 255 != (tail >> 8) & 255:
        pair = np.uintp((((tail & 65535) * 40503) >> 6) & (PAIRS - 1))
        distance = place - np.int64(pairs[lane, 0, pair])
        if distance == np.int64(pairs[lane, 1, pair]) and distance < WIDEST:
            shared[VOTES + distance] += _VOTE
        pairs[lane, 0, pair] = np.int32(place)
        pairs[lane, 1, pair] = np.int32(distance)
    shared[VOTED] += 1
    if shared[VOTED] >= _VOTING_BYTES:
        shared[VOTED] = 0
        _decide_width(shared)


@inlined
def remember_follower(indirect: np.ndarray, tail: Integer, symbol: Integer) -> None:
    """Note in `indirect` (uint16 [65536]: each byte pair's last two followers) that `symbol` follows `tail`."""
    pair = np.uintp(tail & 65535)
    indirect[pair] = np.uint16(((np.int64(indirect[pair]) << 8) | symbol) & 65535)


@inlined
def _class_of(symbol: Integer) -> Integer:
    """Classes of bytes, 0 .. 15: small and capital letters, digits, blanks, ends of lines, beyond ASCII, the rest."""
    if symbol >= 97 and symbol <= 122:
        return np.int64(1)
    if symbol >= 65 and symbol <= 90:
        return np.int64(2)
    if symbol >= 48 and symbol <= 57:
        return np.int64(3)
    if symbol == 32 or symbol == 9:
        return np.int64(4)
    if symbol == 10:
        return np.int64(5)
    return np.int64(6) if symbol >= 128 else 8 + (symbol & 7)


@inlined
def in_word(symbol: Integer) -> Integer:
    """Whether a byte is a letter, or part of one beyond ASCII."""
    letter = symbol | 32
    return (letter >= 97 and letter <= 122) or symbol >= 128


@inlined
def track_symbol(rows: np.ndarray, lane: Integer, symbol: Integer, place: Integer) -> None:
    """Move the lane's words, lines and tail past `symbol`, which lies at block position `place`."""
    rows[lane, TAIL] = (rows[lane, TAIL] << 8) | symbol
    rows[lane, CLASSES] = (rows[lane, CLASSES] << 4) | _class_of(symbol)
    if in_word(symbol):
        rows[lane, WORD] = hash_pair(rows[lane, WORD], symbol | 32 if symbol < 128 else symbol)
    elif rows[lane, WORD] != 0:
        rows[lane, WORD_OLDER] = rows[lane, WORD_BEFORE]
        rows[lane, WORD_BEFORE] = rows[lane, WORD]
        rows[lane, WORD] = 0
    if symbol == 44 or symbol == 9 or symbol == 59 or symbol == 124:
        rows[lane, FIELD] = min(rows[lane, FIELD] + 1, np.int64(MOST_FIELDS - 1))
        rows[lane, FIELDS + rows[lane, FIELD]] = place + 1
    elif symbol == 10:
        for field in range(MOST_FIELDS):
            rows[lane, FIELDS_ABOVE + field] = rows[lane, FIELDS + field]
        rows[lane, FIELD] = 0
        rows[lane, FIELDS] = place + 1
    if symbol == 10:
        rows[lane, LINE_ABOVE] = rows[lane, LINE]
        rows[lane, LINE] = place + 1


@inlined
def _byte_at(block: np.ndarray, place: Integer, start: Integer) -> Integer:
    """The byte at a block position, or 0 before the lane's first."""
    return np.int64(block[np.uintp(place)]) if place >= start else np.int64(0)


@inlined
def _around(block: np.ndarray, place: Integer, start: Integer) -> Integer:
    """The three bytes around a block position as one 24-bit number."""
    before = _byte_at(block, place - 1, start)
    return before << 16 | _byte_at(block, place, start) << 8 | _byte_at(block, place + 1, start)


@inlined
def _hash_records(
    block: np.ndarray, width: Integer, rows: np.ndarray, lane: Integer, here: Integer, at: Integer
) -> None:
    """Four contexts of the records above, when there is a record width."""
    start = rows[lane, START]
    c1 = rows[lane, TAIL] & 255
    column = (here - start) % width
    first = _around(block, here - width, start)
    second = _around(block, here - 2 * width, start)
    above = (first >> 8) & 255
    above2 = (second >> 8) & 255
    above3 = _byte_at(block, here - 3 * width, start)
    rows[lane, ABOVE] = above
    rows[lane, TEMPLATE] = first
    rows[lane, TEMPLATE + 1] = second
    rows[lane, at] = hash_pair(14, above << 32 | column)
    rows[lane, at + 1] = hash_pair(
        15, above << 32 | above2 << 24 | c1 << 16 | ((first >> 6) & 3) << 8 | ((first >> 16) & 3)
    )
    rows[lane, at + 2] = hash_pair(16, above << 32 | above2 << 24 | above3 << 16 | (c1 & 15))
    rows[lane, at + 3] = hash_pair(17, above << 32 | (rows[lane, TAIL] & 65535))


@inlined
def _hash_field(block: np.ndarray, rows: np.ndarray, lane: Integer, here: Integer) -> Integer:
    """A context of tables as text: the number of the field, the place in it, and what stood there in the line above."""
    field = rows[lane, FIELD]
    within = here - rows[lane, FIELDS + field]
    above = rows[lane, FIELDS_ABOVE + field] + within
    two = np.int64(0)
    if above < rows[lane, LINE]:
        two = np.int64(block[np.uintp(above)]) << 8 | np.int64(block[np.uintp(above + 1)])
    return hash_pair(38, field << 40 | two << 16 | min(within, np.int64(255)))


@inlined
def direct_contexts(
    shared: np.ndarray, rows: np.ndarray, lane: Integer, partial: Integer, bit: Integer
) -> tuple[Integer, Integer]:
    """Two numbers of 16 and up to 26 bits that stand for the bits around the next one.

    In records they are bitmap templates, as in bilevel picture coding: pixels to the left and in the two rows above.
    Otherwise they are orders 1 and 2.
    """
    tail = rows[lane, TAIL]
    if shared[WIDTH] == 0:
        return (tail & 0xFF) << 8 | partial, (tail & 0xFFFF) << 8 | partial
    left = (tail & 255) << bit | (partial & ((1 << bit) - 1))
    first = rows[lane, TEMPLATE]
    second = rows[lane, TEMPLATE + 1]
    narrow = (left & 31) | ((first >> (13 - bit)) & 63) << 5 | ((second >> (13 - bit)) & 31) << 11
    wide = (left & 1023) | ((first >> (11 - bit)) & 511) << 10 | ((second >> (12 - bit)) & 127) << 19
    return narrow, wide


@inlined
def hash_contexts(
    block: np.ndarray,
    shared: np.ndarray,
    indirect: np.ndarray,
    rows: np.ndarray,
    lane: Integer,
    here: Integer,
    at: Integer,
) -> None:
    """Write CONTEXTS hashes to rows[lane, at ..] for the byte at block position `here`."""
    tail = rows[lane, TAIL]
    c1 = tail & 255
    word = rows[lane, WORD]
    before = rows[lane, WORD_BEFORE]
    older = rows[lane, WORD_OLDER]
    rows[lane, at] = np.int64(0)
    rows[lane, at + 1] = hash_pair(1, c1)
    rows[lane, at + 2] = hash_pair(2, tail & 0xFFFF)
    rows[lane, at + 3] = hash_pair(3, tail & 0xFFFFFF)
    rows[lane, at + 4] = hash_pair(4, tail & 0xFFFFFFFF)
    rows[lane, at + 5] = hash_pair(5, tail & 0xFFFFFFFFFF)
    rows[lane, at + 6] = hash_pair(6, tail & 0xFFFFFFFFFFFF)
    rows[lane, at + 7] = hash_pair(7, tail)
    rows[lane, at + 8] = hash_pair(8 + (c1 << 8), word)
    rows[lane, at + 9] = hash_pair(before, word + c1)
    rows[lane, at + 10] = hash_pair(10, (tail >> 8) & 0xFFFF)
    rows[lane, at + 11] = hash_pair(12, tail & 0xFF00FF)
    rows[lane, at + 12] = hash_pair(22, np.int64(indirect[np.uintp(tail & 65535)]) << 8 | c1)
    rows[lane, at + 17] = _hash_field(block, rows, lane, here)
    if shared[WIDTH] > 0:
        _hash_records(block, shared[WIDTH], rows, lane, here, at + 13)
        return
    column = here - rows[lane, LINE]
    above = np.int64(0)
    above_next = np.int64(0)
    if rows[lane, LINE_ABOVE] + column < rows[lane, LINE]:
        above = np.int64(block[np.uintp(rows[lane, LINE_ABOVE] + column)])
        above_next = np.int64(block[np.uintp(rows[lane, LINE_ABOVE] + column + 1)])
    rows[lane, ABOVE] = above
    rows[lane, at + 13] = hash_pair(18, above << 32 | min(column, np.int64(255)))
    rows[lane, at + 14] = hash_pair(19, above << 32 | above_next << 24 | c1 << 8)
    rows[lane, at + 15] = hash_pair(34 + (c1 << 8), rows[lane, CLASSES] & 0xFFFFFFFF)
    rows[lane, at + 16] = hash_pair(older + 2, word)
