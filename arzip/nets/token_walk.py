"""The exact reading, pixel by pixel, of pictures that are not known yet, under a net over tokens of several pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from arzip.nets.token_kernels import descend, pick
from arzip.nets.token_phases import Phases, rounded_mean

if TYPE_CHECKING:
    from arzip.nets.token_net import TokenNet

__all__ = ["PhasedWalk", "TokenWalk"]

_TOGETHER = 512  # lanes that go through a net together: what passes from layer to layer stays in the cache


class TokenWalk:
    """One phase: what is known of its frames, the trees of the open token and where in them the lanes stand."""

    def __init__(self, net: TokenNet, lanes: int, given: NDArray[np.uint8] | None, phase: int) -> None:
        self._net, self._phase, self._at = net, phase, 0
        self._parts = [slice(at, min(at + _TOGETHER, lanes)) for at in range(0, lanes, _TOGETHER)]
        self._states = [net.start(part.stop - part.start) for part in self._parts]
        self._canvas = net.drawn(np.zeros((lanes, net.variables), np.uint8), given)
        self._nodes = np.empty((lanes, net.nodes), np.float32)
        self._node = np.zeros(lanes, np.int32)

    def outputs(self) -> NDArray[np.int32]:
        net = self._net
        if self._at % net.span == 0:
            for part, state in zip(self._parts, self._states, strict=True):
                nodes = net.read(state, self._canvas[part], self._at // net.span, 1, self._phase)
                self._nodes[part] = nodes[:, 0].cpu().numpy()
            self._node[:] = 0
        z = np.empty(len(self._node), np.int32)
        pick(self._nodes, self._node, z)
        return z

    def observe(self, x: NDArray[np.int32]) -> None:
        net = self._net
        row, column = divmod(self._at, net.columns)
        left, _, above, _ = net.frame
        self._canvas[:, (above + row) * net.canvas[1] + left + column] = x
        descend(self._node, x)
        self._at += 1


class PhasedWalk:
    """All phases side by side, each in its own frame; columns of a frame that are not of the picture are white."""

    def __init__(self, phases: Phases, walks: list[TokenWalk], lanes: int) -> None:
        self._phases, self._walks, self._column = phases, walks, 0
        self._white = np.zeros(lanes, np.int32)

    def outputs(self) -> NDArray[np.int32]:
        total = np.zeros(len(self._white), np.int32)
        for walk, offset, shares in zip(self._walks, self._phases.offsets, self._phases.shares, strict=True):
            if self._column == 0:
                self._skip(walk, -offset)
            if 0 <= self._column - offset < self._phases.columns:
                total += shares[self._column] * walk.outputs()
        return rounded_mean(total)

    def observe(self, x: NDArray[np.int32]) -> None:
        end = self._phases.columns
        for walk, offset in zip(self._walks, self._phases.offsets, strict=True):
            if 0 <= self._column - offset < end:
                walk.observe(x)
        self._column += 1
        if self._column == end:
            self._column = 0
            for walk, offset in zip(self._walks, self._phases.offsets, strict=True):
                self._skip(walk, offset)

    def _skip(self, walk: TokenWalk, columns: int) -> None:
        for _ in range(columns):
            walk.outputs()  # opens a token
            walk.observe(self._white)
