"""A recurrent net that reads bytes beside an engine, with all that it remembers: its two opinions of what comes next.

The first is that of the net as it was trained. The second goes on learning: its output layer alone, byte by byte and in
as many lanes as there are (`arzip.exact.small_gru`), or all of it, in one (`arzip.exact.learning_gru`).
"""

from __future__ import annotations

from typing import NamedTuple

from arzip.compiled import Integer, inlined
from arzip.errors import UnsupportedInput
from arzip.exact.learning_gru import LearningGRU, learn_and_read, new_learning_gru
from arzip.exact.small_gru import GRUState, SmallGRU, advance, new_gru_state, no_gru, read

__all__ = ["ReadingGRU", "new_reading_gru", "read_byte"]


class ReadingGRU(NamedTuple):
    """Net, state of its lanes, and the copy of it that learns, of no size where only the output layer does."""

    net: SmallGRU
    state: GRUState
    learner: LearningGRU


def new_reading_gru(net: SmallGRU | None, lanes: int, *, whole: bool = False) -> ReadingGRU:
    """Lanes that have read nothing, none without a net; raises UnsupportedInput for several where all of it learns."""
    if net is None:
        return ReadingGRU(no_gru(), new_gru_state(no_gru(), 0), new_learning_gru(no_gru()))
    if whole and lanes != 1:
        raise UnsupportedInput(f"a net of which all goes on learning reads one lane, not {lanes}")
    learner = new_learning_gru(net if whole else no_gru())
    return ReadingGRU(net, new_gru_state(net, lanes, learns=not whole), learner)


@inlined
def read_byte(reader: ReadingGRU, lane: Integer, byte: Integer) -> None:
    """Read a byte of a lane, and say what may come next in both trees of the state."""
    if reader.learner.hidden.shape[0] > 0:
        read(reader.net, reader.state, lane, byte)
        learn_and_read(reader.learner, reader.net, reader.state, byte)
    elif reader.state.hidden.shape[0] > 0:
        advance(reader.net, reader.state, lane, byte)
