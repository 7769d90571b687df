"""The predictor for zlib-ng's middle levels: matches of four and more, one match seen ahead.

Unlike a lazy encoder it looks for the next match behind the present one. If the next match also agrees with the last
bytes of the present one, so far that only a single byte or nothing is left of it, the next match takes them over.

[1] zlib-ng, deflate_medium, of A. van de Ven (Intel), 2013.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import compiled

__all__ = ["MARGIN", "take_over"]

MARGIN = 262  # bytes that zlib wants to see ahead; also what a window is shorter than its size


@compiled
def take_over(plain, position, length, following, start, reach):
    """How many bytes a match of `following` bytes with `start`, right behind a match at `position`, takes from it.

    0, or enough to leave at most one byte of the `length`.
    """
    place = position + length
    if length - 1 > start or plain[start - length + 1] != plain[place - length + 1]:
        return np.int64(0)
    limit = max(place - reach, np.int64(0))
    taken = np.int64(0)
    while start - taken >= 1 and plain[start - 1 - taken] == plain[place - 1 - taken]:
        if length - taken < 1 or place - taken <= limit or following + taken >= 256 or start - taken <= 1:
            break
        taken += 1
    return taken if length - taken <= 1 else np.int64(0)
