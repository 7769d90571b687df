"""The picture engine's compiled walk, the same for both directions: fronts, planes, and the samples of a plane by rows.

    for each front, for each plane:   guides -> net -> code, sample by sample -> guides learn

Within a front the samples of a plane are coded from the top row down. What is known of them beforehand is laid down for
all at once, so that memory can be asked for a sample ahead; counts and mixers learn from each before the next is coded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.compiled import Integer, compiled, inlined
from arzip.exact.learning_net import LearningNet, learn, read
from arzip.exact.logistic import slopes
from arzip.exact.small_net import SmallNet, WorkSpace, forward
from arzip.mixing.guide import BEFORE, SLOPE, UP, Guide, front_rows, learn_plane, predict_plane
from arzip.mixing.guided_features import look_at_plane
from arzip.mixing.picture_contexts import open_contexts
from arzip.mixing.picture_experts import learn_experts, open_experts
from arzip.mixing.picture_state import THRESHOLD, PictureState
from arzip.mixing.picture_tree import Bits, code_value, fetch

__all__ = ["FrontSpace", "walk"]


class FrontSpace(NamedTuple):
    """What one plane of one front takes while it is coded, F rows at most."""

    means: np.ndarray  # int32 [F, S] of the guides
    features: np.ndarray  # int8 [F, I] of the net
    base: np.ndarray  # int32 [F]
    outputs: np.ndarray  # int32 [F, O]
    work: WorkSpace  # the net's


@inlined
def _code_plane(
    s: PictureState, bits: Bits, front: Integer, c: Integer, space: FrontSpace, symbols: np.ndarray
) -> None:
    """Codes plane c of a front, row by row, once all that is known of its rows is laid down."""
    first, last = front_rows(front, np.int64(symbols.shape[0]), np.int64(symbols.shape[1]))
    for y in range(first, last):
        x, at = front - SLOPE * y, y - first
        open_experts(s, at, y, x, c, space.means[at], space.outputs[at], np.int64(space.base[at]))
        open_contexts(s, at, y, x, c)
    fetch(s, np.int64(0))
    for y in range(first, last):
        x, at = front - SLOPE * y, y - first
        fetch(s, min(at + 1, last - first - 1))
        symbols[y, x, c] = code_value(s, bits, at, c, np.int64(symbols[y, x, c]))
        if bits.ends.shape[0] > 0:
            bits.ends[y, x, c] = bits.state[0]
    for y in range(first, last):
        x, at = front - SLOPE * y, y - first
        value = np.int64(symbols[y, x, c])
        learn_experts(s, at, y, x, c, value)
        s.misses[y + UP, x + BEFORE, c] = value - s.sample[at, THRESHOLD]


@inlined
def _teach(s: PictureState, learner: LearningNet, front: Integer, c: Integer, symbols: np.ndarray) -> None:
    """Lets the net learn from plane c of a front, which it has read."""
    first, last = front_rows(front, np.int64(symbols.shape[0]), np.int64(symbols.shape[1]))
    for y in range(first, last):
        at, mixture = y - first, s.mixture[y - first]
        value = np.int64(symbols[y, front - SLOPE * y, c])
        slopes(value, s.levels[0], mixture[0], mixture[1], mixture[2], learner.slopes[at])
    learn(learner, c, last - first)


@compiled
def walk(
    g: Guide,
    s: PictureState,
    net: SmallNet,
    learner: LearningNet,
    pace: Integer,
    bits: Bits,
    begin: Integer,
    end: Integer,
    space: FrontSpace,
    symbols: np.ndarray,
) -> None:
    """Codes the fronts begin .. end - 1; symbols int32 [H, W, C] are known, or written as they are read.

    The net learns from two fronts of every 2 `pace`: from even columns and odd ones.
    """
    for front in range(begin, end):
        first, last = front_rows(front, np.int64(symbols.shape[0]), np.int64(symbols.shape[1]))
        if first >= last:
            continue
        for c in range(symbols.shape[2]):
            predict_plane(g, c, front, space.means)
            if net.last.shape[0] > 0:
                look_at_plane(g, c, front, space.means, space.features, space.base)
                if learner.steps.shape[0] > 0:
                    read(learner, c, space.features, last - first, space.outputs)
                else:
                    forward(net, c, space.features, last - first, space.work, space.outputs)
            _code_plane(s, bits, front, c, space, symbols)
            if learner.steps.shape[0] > 0 and (front >> 1) % pace == 0:
                _teach(s, learner, front, c, symbols)
            learn_plane(g, c, front, space.means, symbols)
