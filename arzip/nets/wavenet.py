"""WaveNet: dilated causal convolutions over the samples of a recording, gated units, residual and skip connections.

    z = tanh(W_f * x) . s(W_g * x),   x' = x + W_r z,   out = head(relu(W relu(sum of W_s z)))

(van den Oord et al. 2016 [1], sections 2.1 to 2.4), filters of two taps at distances 1, 2, 4, .. once or several times
over. What of its paper is different: a sample enters by two tables, of its own companded value and of its companded
difference from the one before; the skip connections are one product over what all units say; what comes out depends
on the head (see `wave_heads`).

Two exact readings that give the same integers: `hidden` of known samples, all at once, and `walk`, one sample of every
lane at a time, with the inputs that later taps will ask for kept in ring buffers. Before a lane's first sample there is
silence, and before that nothing.

[1] https://arxiv.org/abs/1609.03499
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact import kernels
from arzip.exact.fixed import Range, wide
from arzip.exact.gates import SUM_POINT, UNIT_POINT, gated
from arzip.exact.layers import Embedding, Layer
from arzip.exact.product import Product
from arzip.nets.wave_heads import HEADS, HIDDEN, Head

__all__ = ["WaveNet", "Walk", "classes"]

CLASSES = 256
_STREAM = Range(8, -4095, 4095)
_UNIT = Range(UNIT_POINT, -(1 << UNIT_POINT), 1 << UNIT_POINT)
_TOGETHER = 1 << 15  # samples that the parallel reading takes at once
_WAVES = 4  # of the smooth first values of a table


class Block(Layer):
    """Gated units that look at now and at `dilation` samples before; `out` is missing from the last."""

    def __init__(self, residual: int, units: int, dilation: int, *, last: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.gates = Product(2 * residual, 2 * units, source=_STREAM, target=wide(SUM_POINT))
        self.out = None if last else Product(units, residual, source=_UNIT, target=_STREAM)

    def units(self, x: Tensor, earlier: Tensor) -> Tensor:
        """Exact reading: integers in fp32 [N, R] and [N, R] -> [N, units]."""
        sums = self.gates.whole(torch.cat([earlier, x], dim=1)).cpu()
        found = torch.empty(len(sums), sums.shape[1] // 2)
        gated(sums.numpy(), found.numpy())
        return found.to(x.device)


class WaveNet(Layer):
    """Args: residual, units, skip, hidden: channels; dilations: of one stack, which is repeated `stacks` times.

    `head` names what comes out, with its own arguments in `output`; `rate` is written in WAV files that are drawn.
    """

    def __init__(
        self,
        *,
        residual: int,
        units: int,
        skip: int,
        hidden: int,
        dilations: list[int],
        stacks: int,
        head: str,
        output: dict[str, int],
        rate: int,
    ) -> None:
        super().__init__()
        if head not in HEADS:
            raise ModelError(f"unknown head {head!r}; use {', '.join(sorted(HEADS))}")
        self.rate = rate
        distances = [d for _ in range(stacks) for d in dilations]
        self.sample = Embedding(CLASSES, residual, target=_STREAM)
        self.change = Embedding(CLASSES, residual, target=_STREAM)
        self.blocks = nn.ModuleList(
            Block(residual, units, d, last=i + 1 == len(distances)) for i, d in enumerate(distances)
        )
        self.collect = Product(len(distances) * units, skip, source=_UNIT, target=HIDDEN, gain=2.0)
        self.middle = Product(skip, hidden, source=HIDDEN, target=HIDDEN, gain=1.4)
        self.head: Head = HEADS[head](hidden, **output)
        with torch.no_grad():
            for table in (self.sample.table, self.change.table):
                table.copy_(_smooth(residual))

    @property
    def depth(self) -> int:
        """Bits of a sample."""
        return self.head.depth

    def bits(self, x: Tensor) -> Tensor:
        """Training reading: the code length in bits of samples x [L, T], each row a lane."""
        return self.head.bits(self(x), x)

    def forward(self, x: Tensor) -> Tensor:
        """What the head is given, in floats, [L, T, hidden]; at t it depends on samples before t alone."""
        now, change = (torch.from_numpy(c).to(x.device) for c in classes(x.cpu().numpy(), self.depth))
        stream, said = self.sample.table[now] + self.change.table[change], []
        for block in self.blocks:
            both = torch.cat([_delayed(stream, block.dilation), stream], dim=2)
            a, b = block.gates(both).chunk(2, dim=2)
            said.append(torch.tanh(a) * torch.sigmoid(b))
            if block.out is not None:
                stream = stream + block.out(said[-1])
        top = HIDDEN.high / (1 << HIDDEN.point)
        skip = self.collect(torch.cat(said, dim=2)).clamp(0, top)
        return self.middle(skip).clamp(0, top)

    def hidden(self, x: NDArray[np.int16]) -> NDArray[np.int16]:
        """Exact reading of known samples [L, T]: int16 [L, T, hidden]."""
        lanes, length = x.shape
        found = np.empty((lanes, length, self.middle.weight_q.shape[1]), dtype=np.int16)
        step = max(1, _TOGETHER // max(1, length))
        for first in range(0, lanes if length else 0, step):
            found[first : first + step] = self._whole(x[first : first + step])
        return found

    def _whole(self, x: NDArray[np.int16]) -> NDArray[Any]:
        shape = (*x.shape, -1)
        stream = self.entered(*classes(x, self.depth)).view(shape)
        said = []
        for block in self.blocks:
            earlier = _delayed(stream, block.dilation)
            units = block.units(stream.flatten(0, 1), earlier.flatten(0, 1))
            said.append(units)
            stream = self.onward(block, stream.flatten(0, 1), units).view(shape)
        return self.concluded(torch.cat(said, dim=1)).reshape(shape)

    def entered(self, now: NDArray[Any], change: NDArray[Any]) -> Tensor:
        """The stream of classes [N]: integers in fp32 [N, R]."""
        device = self.engine.device
        return (
            self.sample.whole(torch.from_numpy(now.ravel()).to(device))
            + self.change.whole(torch.from_numpy(change.ravel()).to(device))
        ).to(torch.float32).clamp_(_STREAM.low, _STREAM.high)

    def onward(self, block: Block, stream: Tensor, units: Tensor) -> Tensor:
        """The stream after a block, [N, R]."""
        if block.out is None:
            return stream
        more = block.out.whole(units)
        if stream.device.type != "cpu":
            return (stream + more).clamp_(_STREAM.low, _STREAM.high)
        after = torch.empty_like(stream)
        kernels.add(stream.numpy(), more.numpy(), _STREAM.low, _STREAM.high, after.numpy())
        return after

    def concluded(self, said: Tensor) -> NDArray[Any]:
        """What the head is given, [N, hidden], of all that the units say, [N, blocks * units]."""
        found: NDArray[Any] = self.middle.whole(self.collect.whole(said)).cpu().numpy()
        return found.astype(np.int16)

    def walk(self, lanes: int) -> Walk:
        """Exact reading, one sample of each lane at a time."""
        return Walk(self, lanes)


class Walk:
    """The state of all lanes: their last sample, and for each block the inputs of its last `dilation` samples."""

    def __init__(self, net: WaveNet, lanes: int) -> None:
        self._net, self._front = net, 0
        residual, device = net.sample.table_q.shape[1], net.engine.device
        self._rings = [torch.zeros(block.dilation, lanes, residual, device=device) for block in net.blocks]
        self._last = np.zeros((lanes, 2), dtype=np.int16)  # samples, the newest second
        self.hidden = self._next()

    def observe(self, x: NDArray[np.int32]) -> None:
        """The sample of every lane; `hidden` is then what the head is given for the next, int16 [L, hidden]."""
        self._last = np.stack([self._last[:, 1], x.astype(np.int16)], axis=1)
        self._front += 1
        self.hidden = self._next()

    def _next(self) -> NDArray[np.int16]:
        net = self._net
        stream = net.entered(*_classes_of(self._last[:, 1], self._last[:, 0], net.depth))
        said = []
        for block, ring in zip(net.blocks, self._rings, strict=True):
            slot = ring[self._front % block.dilation]
            units = block.units(stream, slot)
            said.append(units)
            slot.copy_(stream)
            stream = net.onward(block, stream, units)
        return net.concluded(torch.cat(said, dim=1))


def _delayed(x: Tensor, by: int) -> Tensor:
    """x [L, T, C] `by` samples later, zeros first."""
    return nn.functional.pad(x, (0, 0, by, 0))[:, : x.shape[1]]


def classes(x: NDArray[Any], depth: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of every sample of lanes [L, T] the classes of the sample before it, and of that one's change; each [L, T]."""
    padded = np.pad(x, ((0, 0), (2, 0)))
    return _classes_of(padded[:, 1:-1], padded[:, :-2], depth)


def _classes_of(now: NDArray[Any], before: NDArray[Any], depth: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    change = now.astype(np.int64) - before
    return _companded(now.astype(np.int64), depth), _companded(change, depth)


def _companded(v: NDArray[np.int64], depth: int) -> NDArray[np.int64]:
    """Classes 0..255 around 128: of 8 bits the values themselves, of 16 bits eight steps to the octave."""
    if depth == 8:
        return np.clip(v, -128, 127) + 128
    size = np.minimum(np.abs(v), (1 << 16) - 1) + 8
    octave = np.frexp(size.astype(np.float64))[1].astype(np.int64) - 4  # frexp is exact
    step = 8 * octave + (size >> octave) - 8
    return 128 + np.where(v < 0, -step, step)


def _smooth(channels: int) -> Tensor:
    """First values of a table, [CLASSES, channels]: random waves over the classes, so that neighbours are alike."""
    v = torch.arange(CLASSES)[:, None] / (CLASSES / 2) - 1
    turns = torch.arange(1, _WAVES + 1)[None] * torch.pi
    waves = torch.cat([2 * v, torch.sin(v * turns), torch.cos(v * turns)], dim=1)
    return waves @ torch.randn(waves.shape[1], channels) * waves.shape[1] ** -0.5
