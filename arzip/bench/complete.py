"""Completion: what is given stays, the model draws what comes after it in coding order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.library import Model

__all__ = ["completed"]


def completed(
    model: Model, x: NDArray[Any], *, known: float, count: int, seed: int, temperature: float
) -> NDArray[Any]:
    """x with the rest drawn anew: of tables and pictures all but the upper share `known`; others get `count` more."""
    if model.kind == "table":
        layout = model.layout
        pixels = layout.variables - layout.labels
        row = pixels // layout.rows if layout.rows > 1 else 1
        given = np.arange(layout.variables) < layout.labels + round(known * (pixels // row)) * row
        mask = np.broadcast_to(given, x.shape)
    elif model.kind == "image":
        mask = np.zeros(x.shape, dtype=np.bool_)
        mask[: round(known * len(x))] = True
    else:
        shape = len(x) + count, *x.shape[1:]
        mask = np.broadcast_to((np.arange(shape[0]) < len(x)).reshape(-1, *[1] * (x.ndim - 1)), shape)
        x = np.concatenate([x, np.zeros((count, *x.shape[1:]), dtype=x.dtype)])
    return model.complete(x, mask, seed=seed, temperature=temperature)
