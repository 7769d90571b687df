"""Adaptive prediction of one sample after another: lines, cascades of filters, blends (see `presets`).

For channel c at time t every line predicts x[c, t] from the channel's past and its partner's; every cascade adds to its
line what its filters see in the line's errors; the blends weigh all of them. The partner of the first channel is the
second, as far as it is known; that of any other is the one before it, the present sample included. After [1]-[3]; the
weights of the squares by 1 / (recent error) are those of maximum likelihood where the noise changes.

The predictions of a sample, `means` [C, M]:   lines | cascades, summed up to each stage | blends | their average

[1] T. Liebchen, Y. Reznik, "MPEG-4 ALS", DCC 2004, and the RLS-LMS mode of its second edition.
[2] G. Schuller et al., "Perceptual audio coding using adaptive pre- and post-filters and lossless compression", 2002.
[3] S. Lehmann, Sac, https://github.com/slmdev/sac: least squares before a cascade of LMS filters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arzip.audio.filters import add_scaled, dot, learn_squares, power, solve_squares
from arzip.audio.presets import Preset
from arzip.compiled import Integer, Real, inlined

__all__ = ["PAD", "Predictor", "learn_sample", "new_predictor", "predict_sample"]

PAD = 64  # zeros before the first sample
_RING = 16384  # of a filter's past, newest first, moving down
_LIMIT = 1e12  # a prediction beyond this has run away: its filter begins anew
_ERROR_RATE = 0.1
_ERROR_FLOOR = 2.0
_FADE = 0.8  # taps count by 1 / (1 + i)^0.8 in a filter's power

# fields of lines_i, stages_i
OWN, OTHER, EVERY = 0, 1, 2
TAPS, PARTNERS, LINE, OPENS = 0, 1, 2, 3


class Predictor(NamedTuple):
    """All that prediction knows; C channels, O lines of at most N taps, S stages, B blends of F = O + S opinions."""

    signal: Any  # [C, PAD + T]
    means: Any  # [C, M]
    lines_i: Any  # int64 [O, 3]
    memories: Any  # [O]
    inputs: Any  # [C, O, N]
    moments: Any  # [C, O, N, N + 1]
    weights: Any  # [C, O, N]
    stages_i: Any  # int64 [S, 4]
    steps: Any  # [S]
    shares: Any  # [S, taps]
    totals: Any  # [S] sums of shares
    filters: Any  # [C, S, taps]
    partner_filters: Any  # [C, S, taps]
    past: Any  # [C, S, RING]
    place: Any  # int64 [C] of the newest in `past`
    outputs: Any  # [C, S]
    opinions: Any  # [C, F]
    blend_memories: Any  # [B]
    blend_moments: Any  # [C, B, F, F + 1]
    blend_weights: Any  # [C, B, F]
    errors: Any  # [C] recent absolute error
    work: Any  # [N, N + 1]


def _fading(taps: int) -> list[float]:
    """1 / (1 + i)^0.8 = 1 / n^(4/5), as the fifth root of n^4 by integer bisection."""
    return [1.0 / (_fifth_root(n**4 << 200) / float(1 << 40)) for n in range(1, taps + 1)]


def _fifth_root(value: int) -> int:
    x = 1 << -(-value.bit_length() // 5)
    while (y := (4 * x + value // x**4) // 5) < x:
        x = y
    return x


def new_predictor(channels: int, length: int, preset: Preset) -> Predictor:
    """The state before the first sample of a frame [channels, length]."""
    paired = channels > 1
    lines = [(own, other if paired else 0, every) for own, other, every, _ in preset.lines]
    stages = [
        (taps, other if paired else 0, line, int(i == 0))
        for line, cascade in preset.cascades
        for i, (taps, other, _) in enumerate(cascade)
    ]
    widest = max(own + other for own, other, _ in lines)
    longest = max(taps for taps, *_ in stages)
    o, s, b, f = len(lines), len(stages), len(preset.blends), len(lines) + len(stages)
    size = max(widest, f)
    shares = np.zeros((s, longest))
    fading = np.array(_fading(longest))
    for k, (taps, *_) in enumerate(stages):
        shares[k, :taps] = fading[:taps]
    blend_weights = np.zeros((channels, b, f))
    blend_weights[:, :, 0] = 1.0
    totals = np.array([sum(row[:taps].tolist()) for row, (taps, *_) in zip(shares, stages, strict=True)])
    return Predictor(
        signal=np.zeros((channels, PAD + length)),
        means=np.zeros((channels, f + b + 1)),
        lines_i=np.array(lines, np.int64),
        memories=np.array([line[3] for line in preset.lines]),
        inputs=np.zeros((channels, o, widest)),
        moments=np.zeros((channels, o, widest, widest + 1)),
        weights=np.zeros((channels, o, widest)),
        stages_i=np.array(stages, np.int64),
        steps=np.array([step / taps for _, cascade in preset.cascades for taps, _, step in cascade]),
        shares=shares,
        totals=totals,
        filters=np.zeros((channels, s, longest)),
        partner_filters=np.zeros((channels, s, longest)),
        past=np.zeros((channels, s, _RING)),
        place=np.full(channels, _RING - longest, np.int64),
        outputs=np.zeros((channels, s)),
        opinions=np.zeros((channels, f)),
        blend_memories=np.array(preset.blends),
        blend_moments=np.zeros((channels, b, f, f + 1)),
        blend_weights=blend_weights,
        errors=np.full(channels, 10.0),
        work=np.zeros((size, size + 1)),
    )


@inlined
def _partner(channel: Integer) -> Integer:
    return channel - 1 if channel > 0 else np.int64(1)


@inlined
def _ask_lines(s: Predictor, c: Integer, t: Integer) -> None:
    """The lines' inputs and predictions."""
    now = PAD + t
    partner = _partner(c)
    known = now - 1 if c == 0 else now  # the partner's newest sample
    for o in range(s.lines_i.shape[0]):
        own, other = s.lines_i[o, OWN], s.lines_i[o, OTHER]
        x = s.inputs[c, o]
        for i in range(own):
            x[i] = s.signal[c, now - 1 - i]
        for i in range(other):
            x[own + i] = s.signal[partner, known - i]
        value = dot(s.weights[c, o], x, 0, own + other)
        if not (-_LIMIT < value < _LIMIT):
            value = 0.0
            s.weights[c, o, :] = 0.0
        s.means[c, o] = value


@inlined
def _ask_cascades(s: Predictor, c: Integer) -> None:
    """The stages' outputs, and what each cascade says up to each stage."""
    lines = s.lines_i.shape[0]
    partner = _partner(c)
    total = 0.0
    for k in range(s.stages_i.shape[0]):
        value = dot(s.filters[c, k], s.past[c, k], s.place[c], s.stages_i[k, TAPS])
        others = s.stages_i[k, PARTNERS]
        if others > 0:
            value += dot(s.partner_filters[c, k], s.past[partner, k], s.place[partner], others)
        if not (-_LIMIT < value < _LIMIT):
            value = 0.0
            s.filters[c, k, :] = 0.0
            s.partner_filters[c, k, :] = 0.0
        s.outputs[c, k] = value
        if s.stages_i[k, OPENS] == 1:
            total = s.means[c, s.stages_i[k, LINE]]
        total += value
        s.means[c, lines + k] = total


@inlined
def predict_sample(s: Predictor, c: Integer, t: Integer) -> None:
    """Fill `means` for the sample of a channel at a time; everything before it is in `signal` and was learned."""
    _ask_lines(s, c, t)
    _ask_cascades(s, c)
    lines, stages = s.lines_i.shape[0], s.stages_i.shape[0]
    opinions = s.opinions[c]
    for o in range(lines):
        opinions[o] = s.means[c, o] - (s.means[c, 0] if o > 0 else 0.0)
    for k in range(stages):
        opinions[lines + k] = s.outputs[c, k]
    count = lines + stages
    blends = s.blend_memories.shape[0]
    total = 0.0
    for b in range(blends):
        value = 0.0
        for i in range(count):
            value += s.blend_weights[c, b, i] * opinions[i]
        if not (-_LIMIT < value < _LIMIT):
            value = s.means[c, 0]
            s.blend_weights[c, b, :] = 0.0
            s.blend_weights[c, b, 0] = 1.0
        s.means[c, count + b] = value
        total += value
    s.means[c, count + blends] = total / np.float64(blends)


@inlined
def _learn_cascades(s: Predictor, c: Integer, x: Real) -> None:
    """Every filter steps along its own error; then all move on by one sample."""
    partner = _partner(c)
    place = s.place[c]
    left = 0.0
    for k in range(s.stages_i.shape[0]):
        if s.stages_i[k, OPENS] == 1:
            left = x - s.means[c, s.stages_i[k, LINE]]
        taps, others = s.stages_i[k, TAPS], s.stages_i[k, PARTNERS]
        strength = power(s.shares[k], s.past[c, k], place, taps)
        if others > 0:
            strength += power(s.shares[k], s.past[partner, k], s.place[partner], others)
        error = left - s.outputs[c, k]
        gain = s.steps[k] * error * s.totals[k] / (strength + 1.0)
        add_scaled(s.filters[c, k], s.past[c, k], place, taps, gain)
        if others > 0:
            add_scaled(s.partner_filters[c, k], s.past[partner, k], s.place[partner], others, gain)
        s.past[c, k, place - 1] = left
        left = error
    place -= 1
    if place == 0:
        keep = s.filters.shape[2]
        for k in range(s.stages_i.shape[0]):
            for i in range(keep):
                s.past[c, k, _RING - keep + i] = s.past[c, k, i]
        place = np.int64(_RING - keep)
    s.place[c] = place


@inlined
def learn_sample(s: Predictor, c: Integer, t: Integer, x: Real) -> None:
    """Write a sample down and let all that predicted it learn; to be called after `predict_sample`."""
    s.signal[c, PAD + t] = x
    lines, last = s.lines_i.shape[0], s.means.shape[1] - 1
    count = s.opinions.shape[1]
    weight = 1.0 / (s.errors[c] + _ERROR_FLOOR)
    s.errors[c] += _ERROR_RATE * ((abs(x - s.means[c, last]) + 0.001) - s.errors[c])
    for b in range(s.blend_memories.shape[0]):
        moments = s.blend_moments[c, b]
        learn_squares(moments, s.opinions[c], count, x, s.blend_memories[b], weight)
        solve_squares(moments, s.work, s.blend_weights[c, b], count)
    _learn_cascades(s, c, x)
    for o in range(lines):
        size = s.lines_i[o, OWN] + s.lines_i[o, OTHER]
        learn_squares(s.moments[c, o], s.inputs[c, o], size, x, s.memories[o], weight)
        if (t + o) % s.lines_i[o, EVERY] == 0:
            solve_squares(s.moments[c, o], s.work, s.weights[c, o], size)
