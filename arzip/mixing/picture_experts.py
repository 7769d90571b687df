"""What each expert says of the next sample, as a mean and a scale, and what it learns from the sample that came.

A guide has a discretised distribution around its prediction, three parts logistic and one part logistic of 8/3 the
scale: errors of pictures have heavier tails than one logistic. Its scale is the mean |error| that came with the same
class of local energy, the weighted |errors| of the same guide at the neighbours (Wu & Memon 1997 [1], section IV); its
mean is moved by the mean error of a small texture context, as in the same paper. The centre is the mean of all experts,
the net counting double.

[1] CALIC, https://doi.org/10.1109/26.585919
"""

from __future__ import annotations

import numpy as np

from arzip.compiled import Integer, inlined
from arzip.exact.logistic import cumulative, mixture, sigmoid
from arzip.mixing.guide import BEFORE, POINT, UP
from arzip.mixing.magnitudes import half_octaves, signed_class
from arzip.mixing.picture_plane import LEFT, TOP
from arzip.mixing.picture_state import BIAS, CLASS, ENERGIES, MEAN, STEEPNESS, PictureState

__all__ = ["learn_experts", "mass_below", "open_experts"]

# mean |error| = 2 ln 2 * scale of a logistic; an argument of 1 is 32 << 16 in `sigmoid`, a level 64
_STEEPEST = 2906653 << 8
_SMALLEST_SCALE = 3  # in 1/64
_SCALE_MEMORY, _BIAS_MEMORY = 400, 200


@inlined
def _energy(e: np.ndarray, row: Integer, column: Integer, c: Integer, i: Integer) -> Integer:
    """The weighted mean |error| of guide i around a sample, in 1/64; earlier planes of the pixel included."""
    total = 6 * (abs(np.int64(e[row, column - 1, c, i])) + abs(np.int64(e[row - 1, column, c, i])))
    total += 4 * (abs(np.int64(e[row - 1, column - 1, c, i])) + abs(np.int64(e[row - 1, column + 1, c, i])))
    total += 2 * (abs(np.int64(e[row, column - 2, c, i])) + abs(np.int64(e[row - 2, column, c, i])))
    if c == 0:
        return total // 12
    total += 4 * abs(np.int64(e[row, column, 0, i]))
    if c == 1:
        return total // 14
    return (total + 6 * abs(np.int64(e[row, column, 1, i]))) // 17


@inlined
def _centre_energy(e: np.ndarray, row: Integer, column: Integer, c: Integer) -> Integer:
    """The same for the centre, whose errors are kept as sizes in 1/64."""
    total = 3 * (np.int64(e[row, column - 1, c]) + np.int64(e[row - 1, column, c]))
    total += 2 * (np.int64(e[row - 1, column - 1, c]) + np.int64(e[row - 1, column + 1, c]))
    total += np.int64(e[row, column - 2, c]) + np.int64(e[row - 2, column, c])
    if c == 0:
        return total // 12
    total += 2 * np.int64(e[row, column, 0])
    if c == 1:
        return total // 14
    return (total + 3 * np.int64(e[row, column, 1])) // 17


@inlined
def _scale(s: PictureState, at: Integer, i: Integer, c: Integer, energy: Integer) -> Integer:
    """Notes the expert's class of energy and returns its mean |error| there, in 1/64."""
    class_ = min(half_octaves(energy + 1), np.int64(ENERGIES - 1))
    s.expected[at, i, CLASS] = class_
    return max(s.scales[i, c, class_, 0] // s.scales[i, c, class_, 1], np.int64(_SMALLEST_SCALE))


@inlined
def open_experts(
    s: PictureState,
    at: Integer,
    y: Integer,
    x: Integer,
    c: Integer,
    means: np.ndarray,
    outputs: np.ndarray,
    base: Integer,
) -> None:
    """Means and scales of the sample (y, x, c), row `at` of its front, into `expected` and `mixture`.

    means int32 [S] of the guides; outputs int32 [3 K] of the net relative to base, both in 1/32, unused when K is 0.
    """
    row, column = y + TOP, x + LEFT
    west, north = np.int64(s.plane[row, column - 1, c]), np.int64(s.plane[row - 1, column, c])
    guides = s.expected.shape[1] - 1
    total = np.int64(0)
    for i in range(guides):
        mean = np.int64(means[i])
        bias = (signed_class(west - north) * 16 + signed_class((mean >> POINT) - west)) * 4 + (y & 1) * 2 + (x & 1)
        mean += s.biases[i, c, bias, 0] // (s.biases[i, c, bias, 1] + 4)
        s.expected[at, i, MEAN] = mean
        s.expected[at, i, BIAS] = bias
        s.expected[at, i, STEEPNESS] = _STEEPEST // _scale(s, at, i, c, _energy(s.guided, y + UP, x + BEFORE, c, i))
        total += mean
    voices = np.int64(guides)
    components = s.mixture.shape[2]
    if components > 0:
        mixture(outputs, 0, components, s.mixture[at, 1], s.mixture[at, 2])
        mean = np.int64(0)
        for k in range(components):
            s.mixture[at, 0, k] = base + np.int64(outputs[components + k])
            mean += s.mixture[at, 1, k] * s.mixture[at, 0, k]
        total += 2 * (mean >> 16)
        voices += 2
    s.expected[at, guides, MEAN] = total // voices
    s.expected[at, guides, STEEPNESS] = _scale(s, at, guides, c, _centre_energy(s.errors, y + UP, x + BEFORE, c))


@inlined
def mass_below(s: PictureState, at: Integer, i: Integer, edge: Integer) -> Integer:
    """The mass of expert i below the value `edge`, 0 .. levels, in units of about 2^-30; strictly rising."""
    if i >= s.expected.shape[1] - 1:
        return np.int64(cumulative(edge, s.levels[0], s.mixture[at, 0], s.mixture[at, 1], s.mixture[at, 2]))
    distance = (edge << (POINT + 1)) - (1 << POINT) - 2 * s.expected[at, i, MEAN]  # in 1/64 from half a level below
    z = (distance * s.expected[at, i, STEEPNESS]) >> 8
    return ((3 * sigmoid(z) + sigmoid((3 * z) >> 3)) >> 2) + (edge << s.levels[1])


@inlined
def learn_experts(s: PictureState, at: Integer, y: Integer, x: Integer, c: Integer, value: Integer) -> None:
    """Errors, scales and mean errors move towards the sample that came."""
    guides = s.expected.shape[1] - 1
    for i in range(guides + 1):
        error = (value << POINT) - s.expected[at, i, MEAN]
        size = 2 * abs(error)
        scale = s.scales[i, c, s.expected[at, i, CLASS]]
        scale[0] += size
        scale[1] += 1
        if scale[1] > _SCALE_MEMORY:
            scale[0] >>= 1
            scale[1] >>= 1
        if i == guides:
            s.errors[y + UP, x + BEFORE, c] = size
        else:
            bias = s.biases[i, c, s.expected[at, i, BIAS]]
            bias[0] += error
            bias[1] += 1
            if bias[1] > _BIAS_MEMORY:
                bias[0] >>= 1
                bias[1] >>= 1
