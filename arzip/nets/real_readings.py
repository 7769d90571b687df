"""What nets promise before their probabilities become integer rows: code lengths in floating point.

    net in floating point   real activations, real probabilities      what was trained
    exact net               integer activations, real probabilities   what exact arithmetic makes of it

The next stage, the integer rows that the coder is given, is the model's own `code_lengths`. A family without an entry
here has no such figures and starts its account with its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.exact.logistic import POINT
from arzip.exact.logistic_likelihood import log2_likelihood
from arzip.exact.real import real_reading
from arzip.fronts import PLANES, wavefront
from arzip.mixing import guided_features
from arzip.mixing.guide import PROFILES, SLOPE, new_guide
from arzip.nets.guided_net import PROFILE, GuidedNet
from arzip.nets.local_pixelcnn import LocalPixelCNN
from arzip.nets.nibbles import LEVELS
from arzip.nets.wavefront_model import runs
from arzip.nets.window import COLOURS, FEATURES, colour_features, window_features

__all__ = ["real_bits"]

_CHUNK = 1 << 13  # pixels at once
_FEATURE_POINT = 5  # of what enters the trunk
_COLOUR_POINT = 4  # of the residuals beside the hidden units


def real_bits(family: str, net: Any, block: NDArray[Any]) -> dict[str, float]:
    """Bits of a block by stage, in order; empty for a family that cannot tell."""
    if family not in _READINGS:
        return {}
    real, exact = _READINGS[family](net, block)
    return {"net in floating point": real, "exact net": exact}


def _picture_bits(net: LocalPixelCNN, block: NDArray[Any]) -> tuple[float, float]:
    """Pictures uint8 [H, W, C] or [L, H, W, C]."""
    batch = block if block.ndim == 4 else block[None]
    totals = np.zeros(2)
    with torch.no_grad():
        for planes in PLANES[batch.shape[-1]]:
            pixels = np.ascontiguousarray(batch[..., planes])
            at = np.argwhere(np.ones(pixels.shape[:3], dtype=bool)).astype(np.int32)
            for first in range(0, len(at), _CHUNK):
                totals += _chunk_bits(net, pixels, at[first : first + _CHUNK])
    return float(totals[0]), float(totals[1])


def _chunk_bits(net: LocalPixelCNN, pixels: NDArray[np.uint8], at: NDArray[np.int32]) -> NDArray[np.float64]:
    colours = pixels.shape[3]
    features = np.empty((len(at), FEATURES), dtype=np.float32)
    prediction = np.empty((len(at), COLOURS), dtype=np.int32)
    window_features(pixels, at, features, prediction)
    samples = pixels[at[:, 0], at[:, 1], at[:, 2]].astype(np.int32)
    residual = np.zeros((len(at), COLOURS), dtype=np.int32)
    residual[:, :colours] = samples - prediction[:, :colours]
    engine = net.engine
    exact_hidden = net.hidden(torch.from_numpy(features).to(engine.device, engine.small))
    real_hidden = real_reading(net.trunk, torch.from_numpy(features) / (1 << _FEATURE_POINT))
    totals = np.zeros(2)
    for c in range(colours):
        seen = np.empty((len(at), 2 * c), dtype=np.float32)
        colour_features(residual, c, seen)
        colour = torch.from_numpy(seen)
        exact = net.outputs(exact_hidden, colour, c).cpu() / (1 << POINT)
        head = net.heads[c]
        real = real_reading(head, torch.cat([real_hidden, colour / (1 << _COLOUR_POINT)], dim=1))  # type: ignore[arg-type]
        for i, out in enumerate((real, exact)):
            totals[i] += _mixture_bits(out, torch.from_numpy(prediction), torch.from_numpy(residual), c)
    return totals


def _mixture_bits(out: Tensor, prediction: Tensor, residual: Tensor, c: int) -> float:
    """Bits of one colour under real outputs [N, c + 3 K]; see `LocalPixelCNN.log2_likelihood`."""
    base = prediction[:, c] + (out[:, :c].double() * residual[:, :c]).sum(dim=1)
    return _bits_around(base, out[:, c:], prediction[:, c] + residual[:, c])


def _guided_bits(net: GuidedNet, block: NDArray[Any]) -> tuple[float, float]:
    """One picture uint8 [H, W, C], the guides' predictions known to both readings."""
    totals = np.zeros(2)
    guides = len(PROFILES[PROFILE].first)
    with torch.no_grad():
        for planes in PLANES[block.shape[-1]]:
            pixels = np.ascontiguousarray(block[..., planes], dtype=np.int32)
            at, starts = wavefront((1, *pixels.shape[:2]), SLOPE)
            guide = new_guide(*pixels.shape, depth=8, profile=PROFILES[PROFILE])
            for fronts in runs(starts):
                here = at[starts[fronts.start] : starts[fronts.stop]]
                means = np.zeros((len(planes), len(here), guides), np.int32)
                features = np.zeros((len(planes), len(here), guided_features.FEATURES), np.float32)
                base = np.zeros((len(planes), len(here)), np.int32)
                guided_features.guide_fronts(guide, fronts.start, fronts.stop, pixels, means, features, base)
                for c in range(len(planes)):
                    seen, centre = torch.from_numpy(features[c]), torch.from_numpy(base[c]) / (1 << POINT)
                    value = torch.from_numpy(pixels[here[:, 1], here[:, 2], c])
                    real = real_reading(net.planes[c], seen / (1 << _FEATURE_POINT))  # type: ignore[arg-type]
                    exact = net.outputs(seen.to(net.engine.device, net.engine.small), c).cpu() / (1 << POINT)
                    totals += [_bits_around(centre, out, value) for out in (real, exact)]
    return float(totals[0]), float(totals[1])


def _bits_around(centre: Tensor, out: Tensor, value: Tensor) -> float:
    """Bits of samples [N] under mixtures [N, 3 K] of logits, means from the centre, log2 scales."""
    logits, means, scales = out.double().tensor_split(3, dim=1)
    return -float(log2_likelihood(logits, centre.double()[:, None] + means, scales, value.double(), LEVELS).sum())


_READINGS: dict[str, Callable[[Any, NDArray[Any]], tuple[float, float]]] = {
    "local_pixelcnn": _picture_bits,
    "guided_net": _guided_bits,
}
