"""What a local image net sees of a pixel: its causal window relative to a prediction, as small integers.

    . . n n n n n . . .        n  neighbour: 3 colours minus the prediction of the current pixel's colour
    . n n n n n n n . .        x  the pixel to come
    n n n n n n n n
    n n n n n n n n            The window reaches 3 pixels to the right in the rows above, so pixel (y, x) lies on
    n n n n n x                front x + 4 y of the wavefront and a whole front can be coded at once.

The prediction is the median edge detector of JPEG-LS (Weinberger et al. 2000, eq. 1), per colour. Colours come in
coding order: green, red, blue, or gray alone, which is shown to the net as three equal colours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import allocating

__all__ = ["COLOURS", "FEATURES", "REACH", "colour_features", "everywhere", "seen", "window_features"]

COLOURS = 3
REACH = 3  # pixels to the right that the window needs in the rows above
_ROWS = ((0, -5, -1), (-1, -4, 3), (-2, -4, 3), (-3, -3, 3), (-4, -2, 2), (-5, 0, 0))  # dy, first dx, last dx
OFFSETS = np.array([(dy, dx) for dy, first, last in _ROWS for dx in range(first, last + 1)], dtype=np.int64)
FEATURES = COLOURS * len(OFFSETS) + COLOURS  # window, then the three predictions themselves


def _compand() -> NDArray[np.float32]:
    """Differences -255..255 to -127..127: exact up to 63, then one step in three."""
    d = np.arange(-255, 256)
    size = np.abs(d)
    return (np.sign(d) * np.where(size <= 63, size, 63 + (size - 63) // 3)).astype(np.float32)


_COMPAND = _compand()


@allocating
def _median_edge(pixels: NDArray[Any], image: int, y: int, x: int, c: int) -> Any:
    """JPEG-LS prediction of sample (y, x, c), from left, above and above-left."""
    if y == 0:
        return np.int64(pixels[image, 0, x - 1, c] if x > 0 else 128)
    north = np.int64(pixels[image, y - 1, x, c])
    if x == 0:
        return north
    west = np.int64(pixels[image, y, x - 1, c])
    corner = np.int64(pixels[image, y - 1, x - 1, c])
    if corner >= max(west, north):
        return min(west, north)
    if corner <= min(west, north):
        return max(west, north)
    return west + north - corner


@allocating
def window_features(pixels: NDArray[Any], at: NDArray[Any], features: NDArray[Any], prediction: NDArray[Any]) -> None:
    """Fills features [F, FEATURES] (integers -127..127) and prediction int32 [F, 3] of the pixels at [F, 3].

    pixels uint8 [L, H, W, C] in coding order, C 1 or 3; `at` int32 rows (image, y, x). Neighbours outside the picture
    count as equal to the prediction.
    """
    height, width, channels = pixels.shape[1], pixels.shape[2], pixels.shape[3]
    for f in range(at.shape[0]):
        image, y, x = at[f, 0], at[f, 1], at[f, 2]
        out = features[f]
        for c in range(COLOURS):
            channel = min(c, channels - 1)
            expected = _median_edge(pixels, image, y, x, channel)
            prediction[f, c] = expected
            out[COLOURS * len(OFFSETS) + c] = _clamped(expected - 128)
            for n in range(len(OFFSETS)):
                row = y + OFFSETS[n, 0]
                column = x + OFFSETS[n, 1]
                if 0 <= row < height and 0 <= column < width:
                    out[COLOURS * n + c] = _COMPAND[np.int64(pixels[image, row, column, channel]) - expected + 255]
                else:
                    out[COLOURS * n + c] = 0


@allocating
def _clamped(v: int) -> int:
    return min(max(v, -127), 127)


@allocating
def colour_features(residual: NDArray[Any], count: int, features: NDArray[Any]) -> None:
    """What a later colour sees of the `count` earlier ones of its pixel: each residual, coarse and fine.

    residual int32 [F, 3] (sample minus prediction) -> features [F, 2 * count].
    """
    for f in range(residual.shape[0]):
        for c in range(count):
            d = residual[f, c]
            features[f, 2 * c] = _COMPAND[d + 255]
            features[f, 2 * c + 1] = _clamped(8 * d)


def seen(pixels: NDArray[Any], at: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """What `window_features` fills: features [F, FEATURES] and predictions [F, 3]."""
    features = np.empty((len(at), FEATURES), dtype=np.float32)
    prediction = np.empty((len(at), COLOURS), dtype=np.int32)
    window_features(pixels, at, features, prediction)
    return features, prediction


def everywhere(pixels: NDArray[Any]) -> NDArray[np.int32]:
    """The rows (image, y, x) of all pixels of [L, H, W, C], in reading order."""
    places = np.indices(pixels.shape[:3], dtype=np.int32).reshape(3, -1)
    return np.ascontiguousarray(places.T)
