"""MADE: a feed-forward net whose weights are masked so that no output sees its own or a later variable.

    p(x_d = 1 | x_<d) = sigmoid(z_d),   all z from one pass:   t_1 = W_1 x + b_1,  t_l = t_{l-1} + W_l f(t_{l-1}) + b_l,
                                                               z = V f(t_L) + A x + c

(Germain et al. 2015 [1].) Every hidden unit has a degree m and sees the first m variables: W_1 keeps inputs d <= m, W_l
units of degrees <= its own, V units of degrees below d, A (the direct connections of section 3) variables below d. Two
things differ from the paper. Hidden layers are residual and share their degrees. And connections are cut to a band:
the variables, in coding order, fall into equal groups (the rows of a picture), units belong to a group, see `window`
groups before it and their own, and serve the outputs of their group. One group is the paper's MADE.

In integers: weights of 16 bits, hidden units f(t) = clamp(t) to 0..1023, everything else exact sums below 2**24. To
decode, what earlier groups contribute is one product when a group opens; within it, each unit is computed when its
last variable becomes known, so that a whole decode costs no more than one pass (`made_kernels`).

[1] https://arxiv.org/abs/1502.03509
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.bernoulli import LOGIT
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range, straight_through
from arzip.exact.layers import SUM_LIMIT
from arzip.nets.made_kernels import HIDDEN, STREAM, WEIGHT, group_bit
from arzip.nets.table_model import OrderedNet

__all__ = ["MADE", "degrees_of"]

_WIDE = 32767
_DOWN_HIDDEN = WEIGHT + HIDDEN.point - STREAM  # dropped from a product of hidden units to reach the stream
_DOWN_LOGIT = WEIGHT + HIDDEN.point - LOGIT.point


def degrees_of(units: int, columns: int, margin: int) -> NDArray[np.int64]:
    """How many variables of its own group each unit sees, rising: spread evenly over margin..columns - 1 - margin."""
    if columns < 2 * margin + 1:
        raise ModelError(f"a margin of {margin} leaves nothing of {columns} variables")
    return np.floor(np.linspace(margin, columns - 1 - margin, units) + 0.5).astype(np.int64)


class MADE(OrderedNet):
    """`layers` hidden layers of `hidden` units a group over `variables` in `groups` groups.

    `margin` variables at either end of a group get no units of their own degree (the border of digits is empty);
    `dropout` silences a share of the hidden units while training.
    """

    first_q: Tensor
    inner_q: Tensor
    offsets_q: Tensor
    last_q: Tensor
    direct_q: Tensor
    bias_q: Tensor

    def __init__(
        self,
        *,
        variables: int,
        rows: int,
        order: str,
        groups: int,
        window: int,
        hidden: int,
        layers: int,
        margin: int,
        dropout: float,
    ) -> None:
        super().__init__(variables, rows, order)
        if variables % groups:
            raise ModelError(f"{variables} variables do not make {groups} equal groups")
        self.groups, self.columns, self.window = groups, variables // groups, window
        self.hidden, self.layers, self.dropout = hidden, layers, dropout
        self.inputs = (window + 1) * self.columns
        self.degrees = degrees_of(hidden, self.columns, margin)
        g, c, h, i = groups, self.columns, hidden, self.inputs
        self.first = nn.Parameter(torch.randn(g, i, h) * 2 * i**-0.5)
        self.inner = nn.Parameter(torch.randn(layers - 1, g, h, h) * 0.7 * h**-0.5)
        self.offsets = nn.Parameter(torch.zeros(layers, g, 1, h))
        self.last = nn.Parameter(torch.randn(g, h, c) * 0.3 * h**-0.5)
        self.direct = nn.Parameter(torch.randn(g, i, c) * 0.01)
        self.bias = nn.Parameter(torch.full((g, 1, c), -1.0))
        for name, parameter in list(self.named_parameters()):
            self.register_buffer(f"{name}_q", torch.zeros(parameter.shape, dtype=torch.int16))

    def masks(self) -> dict[str, Tensor]:
        """Which weights exist, 0 or 1: first [I, H], inner [H, H], last [H, C], direct [I, C], by input and output."""
        degrees, columns = torch.from_numpy(self.degrees), torch.arange(self.columns)
        before = torch.ones(self.inputs - self.columns, max(self.hidden, self.columns))
        first = torch.cat([before[:, : self.hidden], (columns[:, None] < degrees[None]).float()])
        direct = torch.cat([before[:, : self.columns], (columns[:, None] < columns[None]).float()])
        inner = (degrees[:, None] <= degrees[None]).float()
        last = (degrees[:, None] <= columns[None]).float()
        return {"first": first, "inner": inner, "last": last, "direct": direct}

    def _real(self, name: str, point: int) -> Tensor:
        """A masked parameter; on its grid unless training."""
        value = getattr(self, name)
        mask = self.masks().get(name)
        value = value if mask is None else value * mask.to(value.device)
        return value if self.training else straight_through(value, Range(point, -_WIDE, _WIDE))

    def forward(self, x: Tensor) -> Tensor:
        """Logits in nats, [N, D], of x [N, D] in coding order; in `eval` mode those of the exact reading."""
        seen = self._windows(x)
        inner, offsets = self._real("inner", WEIGHT), self._real("offsets", STREAM)
        t = torch.baddbmm(offsets[0], seen, self._real("first", STREAM))
        for weight, offset in zip(inner, offsets[1:], strict=True):
            t = t + self._rounded(torch.bmm(self._active(t), weight), STREAM) + offset
        z = self._rounded(torch.bmm(self._active(t), self._real("last", WEIGHT)), LOGIT.point)
        z = z + torch.baddbmm(self._real("bias", LOGIT.point), seen, self._real("direct", LOGIT.point))
        ends = LOGIT.low / (1 << LOGIT.point), LOGIT.high / (1 << LOGIT.point)
        return z.clamp(*ends).transpose(0, 1).reshape(x.shape)

    def unrounded(self, x: Tensor) -> Tensor:
        dropout, mode, self.dropout = self.dropout, self.training, 0.0
        try:
            return self.train()(x)  # type: ignore[no-any-return]
        finally:
            self.dropout = dropout
            self.train(mode)

    def _windows(self, x: Tensor) -> Tensor:
        """What each group sees of x [N, D]: its window and itself, zeros before the first group; [G, N, I]."""
        padded = nn.functional.pad(x, (self.inputs - self.columns, 0)).contiguous()  # without padding, x as it lies
        # Windows overlap: a view, not a copy.
        return padded.as_strided((self.groups, len(x), self.inputs), (self.columns, padded.shape[1], 1))

    def _active(self, t: Tensor) -> Tensor:
        if self.training:
            t = nn.functional.hardtanh(t, 0.0, HIDDEN.high / (1 << HIDDEN.point))
            return nn.functional.dropout(t, self.dropout) if self.dropout else t
        return straight_through(t, HIDDEN)

    def _rounded(self, x: Tensor, point: int) -> Tensor:
        return x if self.training else straight_through(x, Range(point, -SUM_LIMIT, SUM_LIMIT))

    def freeze(self) -> None:
        self.eval()
        points = {"first": STREAM, "inner": WEIGHT, "offsets": STREAM, "last": WEIGHT}
        with torch.no_grad():
            for name, _ in list(self.named_parameters()):
                point = points.get(name, LOGIT.point)
                frozen = self._real(name, point) * (1 << point)
                setattr(self, f"{name}_q", (_bounded(frozen) if name in ("inner", "last") else frozen).to(torch.int16))
        self.check()

    def check(self) -> None:
        """Proves that the masks hold and that no sum can reach 2**24; raises ModelError."""
        for name, mask in self.masks().items():
            if bool((getattr(self, f"{name}_q").bool() & ~mask.bool()).any()):
                raise ModelError(f"a weight of {name!r} breaks its mask: the net is not autoregressive")
        frozen = {name: getattr(self, f"{name}_q").to(torch.int64) for name, _ in self.named_parameters()}
        stream = _largest_sum(frozen["first"]) + frozen["offsets"][0, :, 0].abs()
        worst = [stream]
        for weight, offset in zip(frozen["inner"], frozen["offsets"][1:], strict=True):
            product = _largest_sum(weight) * HIDDEN.high
            stream = stream + (product >> _DOWN_HIDDEN) + 1 + offset[:, 0].abs()
            worst += [product, stream]
        product = _largest_sum(frozen["last"]) * HIDDEN.high
        direct = _largest_sum(frozen["direct"]) + frozen["bias"][:, 0].abs()
        worst += [product, (product >> _DOWN_LOGIT) + 1 + direct]
        largest = max(int(w.max()) for w in worst)
        if largest >= SUM_LIMIT:
            raise ModelError(f"a sum may reach {largest}, beyond 2**24: train with more weight decay")

    def place(self, engine: Engine) -> None:
        super().place(engine)
        frozen = {name: getattr(self, f"{name}_q") for name, _ in self.named_parameters()}
        self._fp32 = {name: tensor.to(engine.device, torch.float32) for name, tensor in frozen.items()}
        # By output unit, as the kernel that decodes walks them.
        self._rows = {name: np.ascontiguousarray(t.transpose(-1, -2).numpy()) for name, t in frozen.items()}
        self._ends = np.searchsorted(self.degrees, np.arange(self.columns + 1), side="right").astype(np.int64)

    def outputs(self, x: NDArray[np.uint8]) -> NDArray[np.int32]:
        self.engine.demand_all_bits()
        fp32 = self._fp32
        seen = self._windows(torch.from_numpy(x).to(self.engine.device, torch.float32))
        t = torch.baddbmm(fp32["offsets"][0], seen, fp32["first"])
        for weight, offset in zip(fp32["inner"], fp32["offsets"][1:], strict=True):
            t += _shifted(torch.bmm(_active(t), weight), _DOWN_HIDDEN) + offset
        z = _shifted(torch.bmm(_active(t), fp32["last"]), _DOWN_LOGIT)
        z += torch.baddbmm(fp32["bias"], seen, fp32["direct"])
        z = z.clamp_(LOGIT.low, LOGIT.high).to(torch.int32).transpose(0, 1)
        outputs: NDArray[np.int32] = z.reshape(x.shape).cpu().numpy()
        return outputs

    def walk(self, lanes: int) -> _Walk:
        return _Walk(self, lanes)


def _bounded(weight: Tensor) -> Tensor:
    """Shrinks the weights of the few outputs (of variables that are hardly ever on) whose sums might reach 2**24."""
    most = (SUM_LIMIT - 1) // HIDDEN.high
    factor = (most / _largest_sum(weight).clamp(min=1)).clamp(max=1)
    return (weight * factor[..., None, :]).trunc()


def _largest_sum(weight: Tensor) -> Tensor:
    """The largest size of any partial sum over inputs 0 .. 1, which are never negative: int64 [.., I, O] -> [.., O]."""
    return torch.maximum(weight.clamp(min=0).sum(dim=-2), (-weight).clamp(min=0).sum(dim=-2))


class _Walk:
    """What is known of the open group: its variables, the sums from earlier groups, the hidden units."""

    def __init__(self, net: MADE, lanes: int) -> None:
        self._net, self._group, self._column = net, 0, 0
        self._known = np.zeros((lanes, net.window + net.groups, net.columns), dtype=np.uint8)
        self._hidden = np.empty((lanes, net.layers, net.hidden), dtype=np.int16)
        self._open()

    def _open(self) -> None:
        """One product for what all earlier groups contribute to this one."""
        net, g = self._net, self._group
        net.engine.demand_all_bits()
        earlier = self._known[:, g : g + net.window].reshape(len(self._known), net.inputs - net.columns)
        seen = torch.from_numpy(earlier).to(net.engine.device, torch.float32)
        first, direct = (net._fp32[name][g, : seen.shape[1]] for name in ("first", "direct"))
        self._sums: NDArray[np.int32] = (seen @ first + net._fp32["offsets"][0, g]).to(torch.int32).cpu().numpy()
        self._logits: NDArray[np.int32] = (seen @ direct + net._fp32["bias"][g]).to(torch.int32).cpu().numpy()
        self._own = np.zeros((len(earlier), net.columns), dtype=np.uint8)
        own = net.inputs - net.columns
        self._weights = (
            np.ascontiguousarray(net._rows["first"][g][:, own:]),
            np.ascontiguousarray(net._rows["inner"][:, g]),
            net.offsets_q.numpy()[:, g, 0],
            net._rows["last"][g],
            np.ascontiguousarray(net._rows["direct"][g][:, own:]),
        )

    def outputs(self) -> NDArray[np.int32]:
        net, column = self._net, self._column
        first = int(net._ends[column - 1]) if column else 0
        z = np.empty(len(self._own), dtype=np.int32)
        units = (first, int(net._ends[column]))
        group_bit(self._own, column, *units, *self._weights, self._sums, self._hidden, self._logits, z)
        return z

    def observe(self, x: NDArray[np.int32]) -> None:
        self._own[:, self._column] = x
        self._column += 1
        if self._column == self._net.columns:
            self._known[:, self._net.window + self._group] = self._own
            self._group, self._column = self._group + 1, 0
            if self._group < self._net.groups:
                self._open()


def _active(t: Tensor) -> Tensor:
    return _shifted(t, STREAM - HIDDEN.point).clamp_(HIDDEN.low, HIDDEN.high)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """floor(x / 2**bits + 1/2) of integers below 2**24 in fp32, every step of it exact."""
    return (x * 2.0**-bits + 0.5).floor_()
