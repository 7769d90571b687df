"""Guided net: local least squares predict every sample, a small net says how far and in which way they will be wrong.

    p(picture) = prod over pixels and planes of  sum_k w_k Logistic(base + m_k, s_k),   (w, m, s) = net(features)

The base is the mean of two guides' predictions (arzip.mixing.guide), which learn while the picture is coded; the net is
trained once. After the classical predictors the net has little left to see, so it is small: a few layers of 1x1 for
each plane, where others fit a parametric model of the error (Weinlich et al. 2016 [1]). Outputs are mixtures of
discretised logistics (Salimans et al. 2017 [2], section 2.1).

[1] https://doi.org/10.1109/TIP.2016.2522339  [2] https://arxiv.org/abs/1701.05517
"""

from __future__ import annotations

import torch
from torch import Tensor

from arzip.exact.combine import Chain, Residual
from arzip.exact.fixed import relu7, signed8, wide
from arzip.exact.layers import Dense, Layer, Round
from arzip.exact.logistic import POINT
from arzip.exact.logistic_likelihood import log2_likelihood
from arzip.exact.small_net import SmallNet, small_net
from arzip.mixing.guided_features import FEATURES

__all__ = ["PLANES", "PROFILE", "GuidedNet"]

PLANES = 3
PROFILE = 1  # of the guides that the net was trained with, see arzip.mixing.guide
_INPUT = signed8(5)
_HIDDEN = relu7(4)
_STREAM = wide(8)
_OUTPUT = wide(POINT)


class GuidedNet(Layer):
    """A net of `width` units, `depth` residual blocks and `components` logistics for each of three planes."""

    def __init__(self, *, width: int, depth: int, components: int) -> None:
        super().__init__()
        self.components, self.depth = components, depth
        self.planes = torch.nn.ModuleList([_plane_net(width, depth, components) for _ in range(PLANES)])

    def log2_likelihood(self, features: Tensor, base: Tensor, value: Tensor, plane: int) -> Tensor:
        """Training reading: log2 P of samples [N] of a plane; features [N, I] small integers, base in levels."""
        out = self.planes[plane](features / (1 << _INPUT.point))
        logits, means, scales = out.split(self.components, dim=1)
        return log2_likelihood(logits, base[:, None] + means, scales, value, 256)

    def compiled(self) -> SmallNet:
        """The same integers for the picture engine, which reads them without torch."""
        buffers = {name: buffer.cpu().numpy() for name, buffer in self.named_buffers()}
        return small_net(buffers, planes=PLANES, depth=self.depth)

    def outputs(self, features: Tensor, plane: int) -> Tensor:
        """Exact reading: int32 [F, 3 K] at binary point 5 (logits, means, log2 scales), from features [F, I]."""
        out: Tensor = self.planes[plane].whole(features)  # type: ignore[operator]
        return out


def _plane_net(width: int, depth: int, components: int) -> Chain:
    blocks = [
        Residual(
            Chain(Round(source=_STREAM, target=_HIDDEN), Dense(width, width, source=_HIDDEN, target=_STREAM)),
            stream=_STREAM,
        )
        for _ in range(depth)
    ]
    last = Dense(width, 3 * components, source=_HIDDEN, target=_OUTPUT)
    with torch.no_grad():
        # Begins as a heap of logistics around the base, narrow to wide.
        last.weight.mul_(0.1)
        last.bias[components : 2 * components] = 0.0
        last.bias[2 * components :] = torch.linspace(-0.5, 3.0, components)
    first = Dense(FEATURES, width, source=_INPUT, target=_STREAM)
    return Chain(first, *blocks, Round(source=_STREAM, target=_HIDDEN), last)
