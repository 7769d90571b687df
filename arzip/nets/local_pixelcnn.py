"""Local PixelCNN: a causal window, then 1x1 layers, then a mixture of discretised logistics per colour.

    p(picture) = prod over pixels of  p(green | window) p(red | window, green) p(blue | window, green, red)

A PixelCNN (van den Oord et al. 2016a [1]) whose receptive field is one window: after the first layer all convolutions
are 1x1, so nothing but pixels has to be remembered and a wavefront of pixels is decoded by a few matrix products. The
outputs are those of PixelCNN++ (Salimans et al. 2017 [2], section 2.2), colour coupling included: the means of a later
colour move with the residuals of the earlier ones, by coefficients that the net chooses per pixel.

[1] https://arxiv.org/abs/1601.06759  [2] https://arxiv.org/abs/1701.05517
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from arzip.exact.combine import Chain, Residual
from arzip.exact.fixed import relu7, signed8, wide
from arzip.exact.layers import Dense, Layer, Round
from arzip.exact.logistic import POINT
from arzip.exact.logistic_likelihood import log2_likelihood
from arzip.nets.window import COLOURS, FEATURES

__all__ = ["LocalPixelCNN"]

_INPUT = signed8(5)
_HIDDEN = relu7(4)
_JOINED = signed8(_HIDDEN.point)  # hidden units beside the residuals of earlier colours
_STREAM = wide(8)
_OUTPUT = wide(POINT)


class LocalPixelCNN(Layer):
    """The net of `width` units, `depth` residual blocks, heads of `head` units and `components` logistics."""

    def __init__(self, *, width: int, depth: int, head: int, components: int) -> None:
        super().__init__()
        self.components = components
        blocks = [
            Residual(
                Chain(Round(source=_STREAM, target=_HIDDEN), Dense(width, width, source=_HIDDEN, target=_STREAM)),
                stream=_STREAM,
            )
            for _ in range(depth)
        ]
        self.trunk = Chain(
            Dense(FEATURES, width, source=_INPUT, target=_STREAM),
            *blocks,
            Round(source=_STREAM, target=_HIDDEN),
        )
        heads = [
            Chain(
                Dense(width + 2 * c, head, source=_JOINED, target=_HIDDEN),
                Dense(head, c + 3 * components, source=_HIDDEN, target=_OUTPUT),
            )
            for c in range(COLOURS)
        ]
        self.heads = torch.nn.ModuleList(heads)
        self._initialise([head.layers[-1] for head in heads])

    def _initialise(self, outputs: list[Any]) -> None:
        """Starts as a wide logistic around the prediction, later colours moving with the earlier ones."""
        k = self.components
        with torch.no_grad():
            for c, last in enumerate(outputs):
                last.weight.mul_(0.1)
                last.bias[:c] = 1.0 if c == 1 else 0.5
                last.bias[c + k : c + 2 * k] = torch.linspace(-4.0, 4.0, k)
                last.bias[c + 2 * k :] = torch.linspace(1.0, 3.0, k)

    def log2_likelihood(self, features: Tensor, residual: Tensor, colour: Tensor, prediction: Tensor) -> Tensor:
        """Training reading: log2 P of each colour, [N, 3].

        features [N, FEATURES] and colour [N, 4] are the integers of `arzip.nets.window`; residual and prediction
        [N, 3] in levels.
        """
        hidden = self.trunk(features / (1 << _INPUT.point))
        colour = colour / (1 << _JOINED.point)
        k = self.components
        columns = []
        for c, head in enumerate(self.heads):
            out = head(torch.cat([hidden, colour[:, : 2 * c]], dim=1))
            base = prediction[:, c] + (out[:, :c] * residual[:, :c]).sum(dim=1)
            logits, means, scales = out[:, c:].split(k, dim=1)
            sample = prediction[:, c] + residual[:, c]
            columns.append(log2_likelihood(logits, base[:, None] + means, scales, sample, 256))
        return torch.stack(columns, dim=1)

    def hidden(self, features: Tensor) -> Tensor:
        """Exact reading of the trunk: small integers [F, FEATURES] -> [F, width]."""
        return self.trunk.whole(features)

    def outputs(self, hidden: Tensor, colour: Tensor, index: int) -> Tensor:
        """Exact reading of one colour's head: int32 [F, index + 3 K], from hidden and colour features [F, 2 index]."""
        x = torch.cat([hidden, colour.to(hidden)], dim=1) if index else hidden
        out: Tensor = self.heads[index].whole(x)  # type: ignore[operator]
        return out
