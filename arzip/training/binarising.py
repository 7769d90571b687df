"""Digits binarised anew: from MNIST's levels of gray, every pixel is ink with its gray as the probability.

The fixed binarisation of Larochelle & Murray (2011) [1] was drawn once in just this way, so a net that learns from new
draws of the same images meets the same distribution, but no accident of one draw twice. Which images are behind the
validation part is found by likelihood, and those are left out: what remains is the training part, as a set (but for a
few images in ten thousand that have a double).

A share of the digits may be bent first: turned, slanted and stretched a little. Such digits are not quite like others,
but they teach shapes, and of those 50,000 images have too few for a deep net. A net may be told how each was bent: then
it need not expect such digits where there are none (Jun et al. 2020 [2], section 3).

[1] https://proceedings.mlr.press/v15/larochelle11a.html  [2] https://proceedings.mlr.press/v119/jun20a.html
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from arzip.errors import UnsupportedInput
from arzip.nets.token_net import BENDS

__all__ = ["behind", "bent", "training_grays"]

_CERTAIN = 1e-6  # of pixels that are white or black
_AT_ONCE = 500
_TURN, _SLANT, _STRETCH = 0.1, 0.08, 0.05  # standard deviations of an angle, a slope, two logarithms
_CONTRAST = 1.4  # brings as many gray pixels as there were, of which interpolation makes half as many more
_DOUBLES = 0.002  # of the validation part: images so alike that the likelier one is not the one behind


def behind(bits: NDArray[np.uint8], gray: NDArray[np.float32]) -> NDArray[np.int64]:
    """The likeliest of gray images [M, D], in 0..1, for each example uint8 [N, D]: int64 [N]."""
    p = torch.from_numpy(gray).clamp(_CERTAIN, 1 - _CERTAIN)
    logits, white = torch.logit(p).t().contiguous(), torch.log1p(-p).sum(dim=1)
    parts = torch.split(torch.from_numpy(bits).float(), _AT_ONCE)
    found: NDArray[np.int64] = torch.cat([(part @ logits + white).argmax(dim=1) for part in parts]).numpy()
    return found


def training_grays(levels: NDArray[np.uint8], valid: NDArray[np.uint8], path: Path) -> NDArray[np.float32]:
    """Of MNIST's training images, levels 0..255 [M, D], those that are not behind the validation part, in 0..1.

    Raises UnsupportedInput if these are other images.
    """
    gray = levels.astype(np.float32) / np.float32(255)
    held_out = behind(valid, gray)
    impossible = (valid > (levels[held_out] > 0)) | (valid < (levels[held_out] == 255))
    found = np.unique(held_out[~impossible.any(axis=1)])
    if len(found) < (1 - _DOUBLES) * len(valid):
        raise UnsupportedInput(f"{path}: not the images that the validation part was drawn from")
    kept: NDArray[np.float32] = np.delete(gray, held_out, axis=0)
    return kept


def bent(
    gray: NDArray[np.float32], rows: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pictures [N, D] of so many rows, each turned, slanted and stretched about its middle by its own little; and how.

    How [N, BENDS]: 1, then angle, slant and the logarithms of both stretches in standard deviations.
    """
    count = len(gray)
    how = np.concatenate([np.ones((count, 1)), random.standard_normal((count, BENDS - 1))], axis=1)
    angle, slant = _TURN * how[:, 1], _SLANT * how[:, 2]
    stretch = np.exp(_STRETCH * how[:, 3:, None])
    turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=1).reshape(count, 2, 2)
    lean = np.tile(np.eye(2), (count, 1, 1))
    lean[:, 0, 1] = slant
    places = np.concatenate([stretch * (turn @ lean), np.zeros((count, 2, 1))], axis=2).astype(np.float32)
    pictures = torch.from_numpy(gray).view(count, 1, rows, -1)
    grid = nn.functional.affine_grid(torch.from_numpy(places), list(pictures.shape), align_corners=False)
    blurred = nn.functional.grid_sample(pictures, grid, align_corners=False).view(gray.shape)
    found: NDArray[np.float32] = ((blurred - 0.5) * _CONTRAST + 0.5).clamp(0, 1).numpy()
    return found, how.astype(np.float32)
