"""Outputs of PixelCNN++: per colour a mixture of discretised logistics that moves with the earlier colours.

    base_c = prediction_c + sum over earlier colours j of coefficient_cj * residual_j
    P(colour c) = sum over k of w_ck Logistic(base_c + m_ck, s_ck)

(Salimans et al. 2017 [1], equations 2 and 3; weights and scales of a later colour may depend on the earlier ones too.)
The prediction is the median edge detector of `window`, a residual what a sample differs from it by.

[1] https://arxiv.org/abs/1701.05517
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arzip.exact.fixed import Range, wide
from arzip.exact.layers import Layer
from arzip.exact.logistic import POINT
from arzip.exact.logistic_likelihood import log2_likelihood
from arzip.exact.product import Product
from arzip.nets.window import COLOURS

__all__ = ["COLOUR_UNIT", "ColourHeads"]

COLOUR_UNIT = 16  # steps of 2**-8 that a colour feature's step is worth
_OUTPUT = wide(POINT)


class ColourHeads(Layer):
    """For each of three colours, one hidden layer of `head` units over `channels` units and the earlier colours."""

    def __init__(self, channels: int, head: int, components: int, *, source: Range) -> None:
        super().__init__()
        self.components = components
        self.hidden = nn.ModuleList(
            Product(channels + 2 * c, head, source=source, target=source, gain=1.4) for c in range(COLOURS)
        )
        self.mixtures = nn.ModuleList(
            Product(head, c + 3 * components, source=source, target=_OUTPUT, gain=0.1) for c in range(COLOURS)
        )
        with torch.no_grad():
            for c, mixture in enumerate(self.mixtures):
                bias = mixture.get_parameter("bias")
                # Starts as wide logistics around the prediction, later colours moving with the earlier ones.
                bias[:c] = 1.0 if c == 1 else 0.5
                bias[c + components : c + 2 * components] = torch.linspace(-4.0, 4.0, components)
                bias[c + 2 * components :] = torch.linspace(1.0, 3.0, components)

    def log2_likelihood(self, hidden: Tensor, residual: Tensor, colour: Tensor, prediction: Tensor) -> Tensor:
        """Training reading: log2 P of each colour, [N, 3]; residual and prediction [N, 3] in levels.

        hidden [N, channels] in real units; colour [N, 4] the integers of `window.colour_features`.
        """
        colour = colour * (COLOUR_UNIT / 256)
        k, columns = self.components, []
        for c in range(COLOURS):
            out = self.mixtures[c](self.hidden[c](torch.cat([hidden, colour[:, : 2 * c]], dim=1)).relu())
            base = prediction[:, c] + (out[:, :c] * residual[:, :c]).sum(dim=1)
            logits, means, scales = out[:, c:].split(k, dim=1)
            sample = prediction[:, c] + residual[:, c]
            columns.append(log2_likelihood(logits, base[:, None] + means, scales, sample, 256))
        return torch.stack(columns, dim=1)

    def outputs(self, hidden: Tensor, colour: Tensor, index: int) -> Tensor:
        """Exact reading of one colour: integers in fp32, hidden [F, channels] and colour features [F, 2 index]."""
        x = torch.cat([hidden, colour * COLOUR_UNIT], dim=1) if index else hidden
        out: Tensor = self.mixtures[index].whole(self.hidden[index].whole(x))  # type: ignore[operator]
        return out
