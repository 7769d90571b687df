"""What a primed engine knows of how a text is built: marks, indentation, tags, brackets."""

import numpy as np
import pytest

from arzip.compiled import compiled
from arzip.mixing.byte_contexts import LANE_FIELDS, track_symbol
from arzip.mixing.text_contexts import (
    FIRST,
    MARKS,
    TEXT_CONTEXTS,
    TEXT_FIELDS,
    hash_text_contexts,
    track_text,
)

INDENT_FIRST, WORDS_AFTER_TAGS, LAST_MARKS, CLASSES_ALONE, COLUMN, BRACKETS = 2, 3, 5, 6, 8, 10


@compiled
def _read(rows: np.ndarray, text: np.ndarray, at: int) -> None:
    for place in range(text.shape[0]):
        track_text(rows, 0, np.int64(text[place]))
        track_symbol(rows, 0, np.int64(text[place]), np.int64(place))
    hash_text_contexts(rows, 0, np.int64(text.shape[0]), at)


def after(text: bytes) -> np.ndarray:
    """A lane's fields behind a text, with its hashes at the end."""
    rows = np.zeros((1, LANE_FIELDS + TEXT_FIELDS + TEXT_CONTEXTS), np.int64)
    _read(rows, np.frombuffer(text, np.uint8), LANE_FIELDS + TEXT_FIELDS)
    return rows[0]


def hashed(text: bytes, which: int) -> int:
    return int(after(text)[LANE_FIELDS + TEXT_FIELDS + which])


def test_marks_are_what_lies_between_words() -> None:
    marks = int(after("one 22, zwölf (ab".encode())[MARKS])
    assert marks.to_bytes(8, "big").lstrip(b"\0") == b" ,  ("
    assert int(after(b"a" * 9)[MARKS]) == 0


def test_a_line_begins_behind_its_blanks() -> None:
    assert after(b"x y\n \t")[FIRST] == 0
    assert after(b"x y\n \tz w")[FIRST] == ord("z")
    same = hashed(b"a\n   if a", INDENT_FIRST), hashed(b"other\n   is a", INDENT_FIRST)
    assert same[0] == same[1] != hashed(b"a\n  if a", INDENT_FIRST)


@pytest.mark.parametrize(
    ("which", "one", "same", "other"),
    [
        (WORDS_AFTER_TAGS, b"<title>word", b"<a><title lang=x>word", b"<titles>word"),
        (WORDS_AFTER_TAGS, b"<b>cd</b> e", b"</b> f e", b"<b>cd e"),
        (LAST_MARKS, b"it's, so", b"that's, thus", b"its, so"),
        (CLASSES_ALONE, b"2024-06-12 Abcdefg", b"1999-12-31 Vwxyzab", b"1999-12-31 VWxyzab"),
        (COLUMN, b"ab\ncde,", b"\nxyz,", b"\nvwxyz,"),
        (BRACKETS, b"f(a[1], b", b"f(c, b", b"g(a[1], b"),
        (BRACKETS, b"x) f(a, b", b"f(a, b", b"f{a, b"),
    ],
)
def test_contexts_are_the_same_where_texts_are_built_alike(which: int, one: bytes, same: bytes, other: bytes) -> None:
    assert hashed(one, which) == hashed(same, which) != hashed(other, which)


def test_brackets_may_be_as_deep_as_they_like() -> None:
    assert hashed(b"(" * 40 + b")" * 60 + b" ab", BRACKETS) == hashed(b" ab", BRACKETS)
