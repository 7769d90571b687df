"""Orders in which the variables of an example are coded: p(x) = prod_d p(x_o(d) | x_o(1), ..., x_o(d-1)).

    raster   row by row, as the array lies              column          column by column
    turned   from the last pixel to the first           column-turned   column by column, from the last to the first
    spiral   from the middle outwards                   random          drawn once from a seed; random-3: from 3
    coarse   every s-th pixel of every s-th row, then all others row by row

A table that is no picture has one row, and for it raster, the natural order, is what papers use.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from arzip.errors import ModelError

__all__ = ["ORDERS", "ordering"]

ORDERS = ("raster", "turned", "column", "column-turned", "random", "spiral", "coarse")


def ordering(name: str, variables: int, rows: int, *, seed: int = 0, every: int = 2) -> NDArray[np.int64]:
    """The places of the variables in coding order, int64 [D]; `rows` is the height of a picture, 1 for a table.

    `seed` is that of a random order, `every` the s of a coarse one.

    Raises ModelError for an unknown name or rows that do not divide the variables.
    """
    if rows < 1 or variables % rows:
        raise ModelError(f"{variables} variables do not make {rows} equal rows")
    places = np.arange(variables, dtype=np.int64).reshape(rows, -1)
    if name == "raster":
        return places.ravel()
    if name == "turned":
        return places.ravel()[::-1].copy()
    if name == "column":
        return np.ascontiguousarray(places.T).ravel()
    if name == "column-turned":
        return places.T.ravel()[::-1].copy()
    if name == "random" or re.fullmatch(r"random-[1-9]\d?", name):
        seed = int(name.partition("-")[2] or seed)
        return np.random.Generator(np.random.PCG64(seed)).permutation(variables).astype(np.int64)
    if name == "spiral":
        return _inwards(places)[::-1].copy()
    if name == "coarse":
        coarse = np.zeros_like(places, dtype=bool)
        coarse[::every, ::every] = True
        return np.concatenate([places[coarse], places[~coarse]])
    raise ModelError(f"unknown order {name!r}; known are {', '.join(ORDERS)}")


def _inwards(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Around the border clockwise, then around what is left."""
    found = []
    while places.size:
        found.append(places[0])
        places = np.rot90(places[1:])
    return np.concatenate(found)
