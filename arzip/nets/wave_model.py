"""A WaveNet as a causal model of sound: channels are cut into lanes that are decoded in lockstep.

Samples int16 [T, C]: every channel is cut into lanes of equal length (the last may be shorter), each of which begins
with silence before it. A front is one plane of the next sample of every lane that still has one, so a sample of 16 bits
is two fronts. Lane i of channel c stands at i * C + c: those that end early are the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Prediction
from arzip.coding.length import ideal_bits
from arzip.errors import UnsupportedInput
from arzip.nets.wave_heads import Head
from arzip.nets.wavenet import WaveNet

__all__ = ["WaveModel"]

_LANE = 8192  # samples: shorter lanes pay too much for beginning with silence
_LANES = 256  # of all channels
_MOST_CHANNELS = 64
_CHUNK = 1 << 14  # samples whose rows are in memory at once


class WaveModel:
    """Samples int16 [T, C] under a placed `WaveNet`.

    Args:
        lane: samples of a lane at least; None makes one lane of every channel, for sounds that are drawn.
    """

    def __init__(self, net: WaveNet, lane: int | None = _LANE) -> None:
        self.net, self._lane = net, lane
        self.depth = net.depth
        self.extremes = -(1 << (net.depth - 1)), (1 << (net.depth - 1)) - 1

    @property
    def unbroken(self) -> WaveModel:
        """The same model without a cut in time."""
        return WaveModel(self.net, None)

    def predictions(self, symbols: NDArray[Any]) -> Iterator[tuple[Prediction, NDArray[np.int32]]]:
        """Sample by sample of all lanes, plane by plane; pairs hold many samples where no lane ends."""
        for _, rows, x in self._read(symbols):
            yield rows, x

    def code_lengths(self, symbols: NDArray[Any]) -> NDArray[np.float64]:
        """What each sample costs in bits, [T, C]."""
        lengths = np.zeros(symbols.shape)
        for places, rows, x in self._read(symbols):
            bits = ideal_bits(rows, x).reshape(-1, self.net.head.planes, len(places[0][0]))
            for (times, channels), each in zip(places, bits.sum(axis=1), strict=True):
                lengths[times, channels] = each
        return lengths

    def lanes(self, symbols: NDArray[Any]) -> NDArray[np.int16]:
        """The lanes [L, length] that samples [T, C] are cut into, zeros where a lane has ended."""
        return _Cut(symbols.shape, self._lane).lanes_of(symbols)

    def stepper(self, shape: tuple[int, ...]) -> _Stepper:
        """A walk over samples of a shape [T, C]."""
        return _Stepper(self.net, _Cut(shape, self._lane))

    def _read(self, symbols: NDArray[Any]) -> Iterator[tuple[list[Any], Prediction, NDArray[np.int32]]]:
        """Places, rows and planes of the parallel reading, some fronts at a time."""
        cut, head = _Cut(symbols.shape, self._lane), self.net.head
        lanes = cut.lanes_of(symbols)
        hidden = self.net.hidden(lanes)
        past = np.pad(lanes.astype(np.int32), ((0, 0), (head.taps + 1, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(past, head.taps + 1, axis=1)[..., ::-1]
        for first, last, alive in cut.runs(max(1, _CHUNK // max(1, len(lanes)))):
            h = np.ascontiguousarray(hidden[:alive, first:last].swapaxes(0, 1)).reshape(-1, hidden.shape[2])
            before = np.ascontiguousarray(windows[:alive, first:last].swapaxes(0, 1)).reshape(len(h), -1)
            u = lanes[:alive, first:last].T.astype(np.int32).ravel() - self.extremes[0]
            said, rows, x = head.said(h, before), [], []
            for plane in range(head.planes):
                known, now = _split(u, plane, head)
                rows.append(head.rows(said, known, plane).reshape(last - first, 1, alive, -1))
                x.append(now.reshape(last - first, 1, alive))
            found = np.concatenate(rows, axis=1)
            places = [cut.places(front) for front in range(first, last)]
            yield places, found.reshape(-1, found.shape[-1]), np.concatenate(x, axis=1).ravel()


def _split(u: NDArray[np.int32], plane: int, head: Head) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Of samples counted from the lowest: what the planes before say, and what this plane does."""
    down = 8 * (head.planes - 1 - plane)
    known = (u >> (down + 8)) << (down + 8)
    return known, (u - known) >> down


class _Cut:
    """Where the samples of a shape [T, C] lie in lanes."""

    def __init__(self, shape: tuple[int, ...], lane: int | None) -> None:
        if len(shape) != 2 or shape[1] > _MOST_CHANNELS:
            raise UnsupportedInput(f"the model takes samples [T, C] of {_MOST_CHANNELS} channels at most, not {shape}")
        self.samples, self.channels = shape
        most = _LANES // max(1, self.channels)
        self._each = 1 if lane is None else min(most, max(1, self.samples // lane))
        self.length = -(-self.samples // self._each)
        self.count = self._each * self.channels
        self._starts = np.repeat(np.arange(self._each) * self.length, self.channels)
        self._channels = np.tile(np.arange(self.channels), self._each)

    def alive(self, front: int) -> int:
        """How many lanes have a sample at `front`."""
        return int(np.searchsorted(self._starts, self.samples - front, side="left"))

    def places(self, front: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Times and channels of a front's samples."""
        alive = self.alive(front)
        return self._starts[:alive] + front, self._channels[:alive]

    def lanes_of(self, symbols: NDArray[Any]) -> NDArray[np.int16]:
        """Samples [T, C] as lanes [L, length], zeros where a lane has ended."""
        padded = np.zeros((self._each * self.length, self.channels), dtype=np.int16)
        padded[: self.samples] = symbols
        by_lane = padded.reshape(self._each, self.length, self.channels).swapaxes(1, 2)
        return np.ascontiguousarray(by_lane.reshape(self.count, self.length))

    def runs(self, most: int) -> Iterator[tuple[int, int, int]]:
        """First and last + 1 of at most `most` fronts with as many lanes, and that number."""
        first = 0
        while first < self.length:
            alive = self.alive(first)
            last = min(first + most, self.length)
            while self.alive(last - 1) != alive:
                last -= 1
            if alive:
                yield first, last, alive
            first = last


class _Stepper:
    def __init__(self, net: WaveNet, cut: _Cut) -> None:
        self._net, self._cut = net, cut
        self._symbols = np.zeros((cut.samples, cut.channels), dtype=np.int16)
        self._past = np.zeros((cut.count, net.head.taps + 1), dtype=np.int32)
        self._front, self._plane, self._said = 0, 0, None
        self._known = np.zeros(cut.count, dtype=np.int32)
        self._walk = net.walk(cut.count) if cut.count else None

    @property
    def symbols(self) -> NDArray[np.int16]:
        """The samples, as far as they are known."""
        return self._symbols

    def predict(self) -> Prediction | None:
        if self._walk is None or self._front == self._cut.length:
            return None
        alive, head = self._cut.alive(self._front), self._net.head
        if self._plane == 0:
            self._said = head.said(self._walk.hidden[:alive], self._past[:alive])
        return head.rows(self._said, self._known[:alive], self._plane)

    def observe(self, x: NDArray[np.int32]) -> None:
        head = self._net.head
        self._known[: len(x)] += x << (8 * (head.planes - 1 - self._plane))
        self._plane += 1
        if self._plane < head.planes:
            return
        found = self._known - (1 << (head.depth - 1))
        self._symbols[self._cut.places(self._front)] = found[: len(x)]
        self._past = np.concatenate([found[:, None], self._past[:, :-1]], axis=1)
        self._front, self._plane = self._front + 1, 0
        self._known = np.zeros_like(self._known)
        if self._walk is not None and self._front < self._cut.length:
            self._walk.observe(found)
