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

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact import kernels
from arzip.exact.fixed import Range
from arzip.exact.gated import SUMS, UNITS, gate, gated
from arzip.exact.layers import Embedding, Layer
from arzip.exact.product import Product
from arzip.nets.wave_heads import HEADS, HIDDEN, Head
from arzip.nets.wave_kernels import companded, wave_step

__all__ = ["Walk", "WaveNet"]

CLASSES = 256
_STREAM = Range(8, -4095, 4095)
_TOGETHER = 1 << 15  # samples that the parallel reading takes at once
_WAVES = 4  # of the smooth first values of a table


class Block(Layer):
    """Gated units that look at now and at `dilation` samples before; `out` is missing from the last."""

    def __init__(self, residual: int, units: int, dilation: int, *, last: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.gates = Product(2 * residual, 2 * units, source=_STREAM, target=SUMS)
        self.out = None if last else Product(units, residual, source=UNITS, target=_STREAM)

    def units(self, x: Tensor, earlier: Tensor) -> Tensor:
        """Exact reading: integers in fp32 [N, R] and [N, R] -> [N, units]."""
        return gated(self.gates.whole(torch.cat([earlier, x], dim=1)))


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
        self.collect = Product(len(distances) * units, skip, source=UNITS, target=HIDDEN, gain=2.0)
        self.middle = Product(skip, hidden, source=HIDDEN, target=HIDDEN, gain=1.4)
        self.head: Head = HEADS[head](hidden, **output)
        with torch.no_grad():
            for table in (self.sample.table, self.change.table):
                table.copy_(_smooth(residual))

    def _blocks(self) -> list[Block]:
        return list(self.blocks)  # type: ignore[arg-type]

    @property
    def depth(self) -> int:
        """Bits of a sample."""
        return self.head.depth

    def bits(self, x: Tensor) -> Tensor:
        """Training reading: the code length in bits of samples x [L, T], each row a lane."""
        return self.head.lengths(self(x), x).sum()

    def forward(self, x: Tensor) -> Tensor:
        """What the head is given, in floats, [L, T, hidden]; at t it depends on samples before t alone."""
        entering = self.classes(x.cpu().numpy()).to(x.device)
        stream, said = self.sample.table[entering[..., 0]] + self.change.table[entering[..., 1]], []
        for block in self._blocks():
            both = torch.cat([_delayed(stream, block.dilation), stream], dim=2)
            said.append(gate(block.gates(both), 2))
            if block.out is not None:
                stream = stream + block.out(said[-1])
        top = HIDDEN.high / (1 << HIDDEN.point)
        skip = self.collect(torch.cat(said, dim=2)).clamp(0, top)
        found: Tensor = self.middle(skip).clamp(0, top)
        return found

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
        stream = self._entered(self.classes(x).flatten(0, 1)).view(shape)
        said = []
        for block in self._blocks():
            earlier = _delayed(stream, block.dilation)
            said.append(block.units(stream.flatten(0, 1), earlier.flatten(0, 1)))
            stream = self._onward(block, stream.flatten(0, 1), said[-1]).view(shape)
        found: NDArray[Any] = self.middle.whole(self.collect.whole(torch.cat(said, dim=1))).cpu().numpy()
        return found.reshape(shape)

    def classes(self, x: NDArray[np.int16]) -> Tensor:
        """What enters for every sample of lanes [L, T]: the classes of the sample before it, int64 [L, T, 2]."""
        padded = np.pad(x, ((0, 0), (2, 0)))
        return torch.from_numpy(classes_of(padded[:, 1:-1], padded[:, :-2], self.depth))

    def _entered(self, classes: Tensor) -> Tensor:
        """The stream of classes [N, 2]: integers in fp32 [N, R]."""
        classes = classes.to(self.engine.device)
        both = self.sample.whole(classes[:, 0]) + self.change.whole(classes[:, 1])
        return both.to(torch.float32).clamp_(_STREAM.low, _STREAM.high)

    def _onward(self, block: Block, stream: Tensor, units: Tensor) -> Tensor:
        if block.out is None:
            return stream
        more = block.out.whole(units)
        if stream.device.type != "cpu":
            return (stream + more).clamp_(_STREAM.low, _STREAM.high)
        after = torch.empty_like(stream)
        kernels.add(stream.numpy(), more.numpy(), _STREAM.low, _STREAM.high, after.numpy())
        return after

    def walk(self, lanes: int) -> Walk:
        """Exact reading, one sample of each lane at a time."""
        return Walk(self, lanes)


class Walk:
    """The state of all lanes: their last sample, and for each block the inputs of its last `dilation` samples."""

    def __init__(self, net: WaveNet, lanes: int) -> None:
        self._depth, self._front = net.depth, 0
        blocks = net._blocks()
        residual, units = net.sample.table_q.shape[1], net.collect.weight_q.shape[0] // len(blocks)
        skip, hidden = net.middle.weight_q.shape
        self._distances = np.array([block.dilation for block in blocks])
        self._ring = np.zeros((lanes, int(self._distances.sum()), residual), dtype=np.float32)
        collect, bias, scale = net.collect.operands()
        onward = [block.out for block in blocks if block.out is not None]
        self._weights = (
            tuple(table.table_q.numpy().astype(np.float32) for table in (net.sample, net.change)),
            _stacked([block.gates for block in blocks]),
            _stacked(onward) if onward else tuple(np.zeros((0,) * n, np.float32) for n in (3, 2, 2)),
            (collect.reshape(len(blocks), units, skip), bias, scale),
            net.middle.operands(),
        )
        targets = SUMS, _STREAM, HIDDEN, HIDDEN
        self._ranges = np.array([(target.low, target.high) for target in targets], dtype=np.int32)
        shapes = residual, 2 * units, units, residual, skip, hidden
        self._scratch = tuple(np.empty(shape, dtype=np.float32) for shape in shapes)
        self._last = np.zeros(lanes, dtype=np.int32)
        self.hidden = np.empty((lanes, hidden), dtype=np.int16)
        self.observe(self._last)

    def observe(self, x: NDArray[np.int32]) -> None:
        """The sample of every lane; `hidden` is then what the head is given for the next, int16 [L, hidden]."""
        entering = classes_of(x, self._last, self._depth)
        wave_step(
            self._front, self._distances, entering, self._ring, *self._weights, self._ranges, self._scratch, self.hidden
        )
        self._last, self._front = x, self._front + 1


def _stacked(products: list[Product]) -> tuple[NDArray[Any], ...]:
    """Matrices, biases and scales of placed products, one after the other: fp32 [N, I, O], [N, O], [N, O]."""
    return tuple(np.stack(each) for each in zip(*(p.operands() for p in products), strict=True))


def _delayed(x: Tensor, by: int) -> Tensor:
    """x [L, T, C] `by` samples later, zeros first."""
    return nn.functional.pad(x, (0, 0, by, 0))[:, : x.shape[1]]


def classes_of(now: NDArray[Any], before: NDArray[Any], depth: int) -> NDArray[np.int64]:
    """Classes of samples [..] and of their changes from those before them: [.., 2], each 0..255."""
    found = np.empty((now.size, 2), dtype=np.int64)
    companded(*(np.ascontiguousarray(x, dtype=np.int32).ravel() for x in (now, before)), depth, found)
    return found.reshape(*now.shape, 2)


def _smooth(channels: int) -> Tensor:
    """First values of a table, [CLASSES, channels]: random waves over the classes, so that neighbours are alike."""
    v = torch.arange(CLASSES)[:, None] / (CLASSES / 2) - 1
    turns = torch.arange(1, _WAVES + 1)[None] * torch.pi
    waves: Tensor = torch.cat([2 * v, torch.sin(v * turns), torch.cos(v * turns)], dim=1)
    return torch.matmul(waves, torch.randn(waves.shape[1], channels) / math.sqrt(waves.shape[1]))
