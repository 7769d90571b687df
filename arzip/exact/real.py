"""A frozen net in floating point: the integers of its file as weights, and nothing rounded on the way.

What a net would say if its activations were real numbers. The difference to the exact reading is the price of exact
arithmetic; rounding of the weights is not in it, for they were trained rounded and exist in no other form. Ranges stay
clamped, because a rectifier is a clamp.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arzip.errors import ModelError
from arzip.exact.combine import Chain, Gate, Residual
from arzip.exact.fixed import Range
from arzip.exact.layers import Dense, Embedding, Layer, Round

__all__ = ["real_reading"]


def real_reading(layer: Layer, x: Tensor) -> Tensor:
    """Real activations [N, C] of a frozen layer for real inputs; raises ModelError for a layer it does not know."""
    if isinstance(layer, Dense):
        scale = torch.exp2((layer.shift_q + layer.target.point - layer.source.point).float())
        weight = layer.weight_q / scale[:, None]
        bias = layer.bias_q / (scale * (1 << layer.source.point))
        return _clamped(torch.nn.functional.linear(x, weight, bias), layer.target)
    if isinstance(layer, Round):
        return _clamped(x, layer.target)
    if isinstance(layer, Embedding):
        return layer.table_q[x.long()] / (1 << layer.target.point)
    if isinstance(layer, Chain):
        for part in layer.parts():
            x = real_reading(part, x)
        return x
    if isinstance(layer, Residual):
        return _clamped(x + real_reading(layer.inner, x), layer.stream)
    if isinstance(layer, Gate):
        return _clamped(real_reading(layer.value, x) * real_reading(layer.gate, x), layer.target)
    raise ModelError(f"{type(layer).__name__} has no reading in floating point")


def _clamped(x: Tensor, target: Range) -> Tensor:
    scale = 1 << target.point
    return x.clamp(target.low / scale, target.high / scale)
