"""Further contexts, of a primed engine alone: how a text is built. For plain files they would not be worth their time.

What a lane knows of its text beside the last bytes: the marks that came between words, how far the line is indented and
what it begins with, the tag that was opened last, and what stood before each bracket that is still open.
"""

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.mixing.byte_contexts import (
    CLASSES,
    CONTEXTS,
    LANE_FIELDS,
    LINE,
    TAIL,
    WORD,
    WORD_BEFORE,
    WORD_OLDER,
    in_word,
)
from arzip.mixing.slots import hash_pair

__all__ = ["ALL_CONTEXTS", "FIRST", "MARKS", "TEXT_CONTEXTS", "TEXT_FIELDS", "hash_text_contexts", "track_text"]

TEXT_CONTEXTS = 11
ALL_CONTEXTS = CONTEXTS + TEXT_CONTEXTS

# The lane's further fields: the last eight bytes that belong to no word or number; the blanks that the line begins
# with, and its first byte that is none; the tag opened last, odd while its name goes on; how many brackets are open,
# and a hash for each.
_DEEPEST = 15
MARKS, INDENT, FIRST, TAG, DEPTH, OPEN = range(LANE_FIELDS, LANE_FIELDS + 6)
TEXT_FIELDS = OPEN + _DEEPEST + 1 - LANE_FIELDS


@inlined
def track_text(rows: np.ndarray, lane: Integer, symbol: Integer) -> None:
    """Move the lane past `symbol`; to be called before the lane's words and tail go on."""
    if not in_word(symbol) and (symbol < 48 or symbol > 57):
        rows[lane, MARKS] = (rows[lane, MARKS] << 8) | symbol
    if symbol == 10:
        rows[lane, INDENT] = 0
        rows[lane, FIRST] = 0
    elif rows[lane, FIRST] == 0:
        if symbol == 32 or symbol == 9:
            rows[lane, INDENT] += 1
        else:
            rows[lane, FIRST] = symbol
    if symbol == 60:
        rows[lane, TAG] = 1
    elif symbol == 62 or symbol == 32:
        rows[lane, TAG] &= -2
    elif rows[lane, TAG] & 1 != 0:
        rows[lane, TAG] = hash_pair(rows[lane, TAG], symbol) | 1
    if symbol == 40 or symbol == 91 or symbol == 123:
        rows[lane, DEPTH] = min(rows[lane, DEPTH] + 1, np.int64(_DEEPEST))
        before = hash_pair(symbol, rows[lane, WORD] + (rows[lane, TAIL] & 255))
        rows[lane, OPEN + rows[lane, DEPTH]] = before
    elif symbol == 41 or symbol == 93 or symbol == 125:
        rows[lane, DEPTH] = max(rows[lane, DEPTH] - 1, np.int64(0))


@inlined
def hash_text_contexts(rows: np.ndarray, lane: Integer, here: Integer, at: Integer) -> None:
    """Write TEXT_CONTEXTS hashes to rows[lane, at ..] for the byte at block position `here`."""
    tail = rows[lane, TAIL]
    c1 = tail & 255
    word = rows[lane, WORD]
    marks = rows[lane, MARKS]
    classes = rows[lane, CLASSES]
    first = rows[lane, FIRST]
    indent = rows[lane, INDENT]
    rows[lane, at] = hash_pair(hash_pair(40, indent), word + c1)
    rows[lane, at + 1] = hash_pair(hash_pair(41, first), word + c1)
    rows[lane, at + 2] = hash_pair(42, indent << 24 | first << 16 | (tail & 0xFFFF))
    rows[lane, at + 3] = hash_pair(rows[lane, TAG] + 43, word)
    rows[lane, at + 4] = hash_pair(hash_pair(44, marks & 0xFFFFFFFF), word)
    rows[lane, at + 5] = hash_pair(45, marks & 0xFFFFFF)
    rows[lane, at + 6] = hash_pair(46, classes)
    rows[lane, at + 7] = hash_pair(47 + (c1 << 8), classes & 0xFFFF)
    rows[lane, at + 8] = hash_pair(48, min(here - rows[lane, LINE], np.int64(255)) << 8 | c1)
    rows[lane, at + 9] = hash_pair(rows[lane, WORD_OLDER] + 49, word + rows[lane, WORD_BEFORE])
    rows[lane, at + 10] = hash_pair(rows[lane, OPEN + rows[lane, DEPTH]] + 50, tail & 0xFFFF)
