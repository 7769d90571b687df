"""A guided net as a causal model of its own, without counts and mixing: what guides and net know, as a number.

Guides learn while they walk, so every picture of a batch has its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from arzip.errors import UnsupportedInput
from arzip.mixing.guide import PROFILES, learn_plane, new_guide, predict_plane
from arzip.mixing.guided_features import FEATURES, guide_fronts, look_at_plane
from arzip.nets.guided_net import PROFILE, GuidedNet
from arzip.nets.wavefront_model import Opened, WavefrontModel, runs

__all__ = ["GuidedModel"]


class GuidedModel(WavefrontModel):
    """One picture at a time under a placed `GuidedNet`."""

    def __init__(self, net: GuidedNet) -> None:
        self.net, self.components = net, net.components

    def walk_fronts(
        self, pixels: NDArray[np.int32], at: NDArray[np.int32], starts: NDArray[np.int64]
    ) -> Iterator[tuple[slice, list[Opened]]]:
        picture, planes = _single(pixels), pixels.shape[3]
        guide = new_guide(*picture.shape, depth=8, profile=PROFILES[PROFILE])
        for fronts in runs(starts):
            count = int(starts[fronts.stop] - starts[fronts.start])
            means = np.zeros((planes, count, len(PROFILES[PROFILE].first)), np.int32)
            features, base = (
                np.zeros((planes, count, FEATURES), np.float32),
                np.zeros((planes, count), np.int32),
            )
            guide_fronts(guide, fronts.start, fronts.stop, picture, means, features, base)
            yield fronts, [(self.outputs(features[c], c), 0, base[c]) for c in range(planes)]

    def walker(self, pixels: NDArray[np.int32]) -> _Walker:
        return _Walker(self, _single(pixels))

    def outputs(self, features: NDArray[np.float32], plane: int) -> NDArray[np.int32]:
        """The net's integers [F, 3 K] for features [F, I]."""
        x = torch.from_numpy(features).to(self.net.engine.device, self.net.engine.small)
        made: NDArray[np.int32] = self.net.outputs(x, plane).cpu().numpy()
        return made


class _Walker:
    """Guides and net, one plane of one front at a time."""

    def __init__(self, model: GuidedModel, picture: NDArray[np.int32]) -> None:
        self._model, self._picture = model, picture
        self._guide = new_guide(*picture.shape, depth=8, profile=PROFILES[PROFILE])

    def open(self, front: int, here: NDArray[np.int32], colour: int) -> Opened:
        self._means = np.zeros((len(here), len(PROFILES[PROFILE].first)), np.int32)
        features, base = np.empty((len(here), FEATURES), np.float32), np.empty(len(here), np.int32)
        predict_plane(self._guide, colour, front, self._means)
        look_at_plane(self._guide, colour, front, self._means, features, base)
        return self._model.outputs(features, colour), 0, base

    def close(self, front: int, here: NDArray[np.int32], colour: int) -> None:
        learn_plane(self._guide, colour, front, self._means, self._picture)


def _single(pixels: NDArray[np.int32]) -> NDArray[np.int32]:
    if len(pixels) != 1:
        raise UnsupportedInput(f"a guided net takes one picture at a time, not {len(pixels)}")
    picture: NDArray[np.int32] = pixels[0]
    return picture
