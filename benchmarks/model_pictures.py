"""What is inside a model, as a small gray picture: weights, filters, masks, shares or tables.

python benchmarks/model_pictures.py MODEL -o docs/pictures/MODEL-inside.png

fvsbn     the weights that predict 32 pixels, each as the picture of the pixels before it
nade      the weights of 32 hidden units W (upper half) and of the same units' outputs V (lower half)
made      which units and pixels a row of the picture sees: the masks of its first, inner and last layers, and the
          direct connections, side by side
ensemble  a bar for the share of each member
transformer, pixelsnail  what each head of attention adds to the score of a token for its distance, one picture a head,
          layer by layer: the looking token in the middle of the last row, white is favoured
gated_pixelcnn, pixelcnn, row_lstm, diagonal_bilstm  what 32 channels of the stream see in a token's patch, those with
          the largest weights
wavenet   what a sample (upper half) and its change (lower half) enter as: a row for each channel, from the most
          negative class to the most positive
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from arzip.store import load

GAP = 2


def tiles(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures [N, H, W] in -1..1 as a grid, gray for zero, white for positive."""
    count, height, width = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), 255, dtype=np.uint8)
    for i, picture in enumerate(pictures):
        y, x = i // columns * (height + GAP), i % columns * (width + GAP)
        sheet[y : y + height, x : x + width] = np.clip(128 + 127 * picture, 0, 255)
    return sheet


def scaled(weights: np.ndarray) -> np.ndarray:
    """Weights [N, ...] with the 99.5th percentile of each at 1."""
    flat = np.abs(weights).reshape(len(weights), -1)
    return weights / np.maximum(np.percentile(flat, 99.5, axis=1), 1e-9).reshape(-1, *[1] * (weights.ndim - 1))


def placed(net: object, vectors: np.ndarray) -> np.ndarray:
    """Vectors [N, D] in coding order as pictures."""
    pictures = np.zeros(vectors.shape)
    pictures[:, net.order] = vectors
    return pictures.reshape(len(vectors), net.rows, -1)


def fvsbn(net: object) -> np.ndarray:
    square = net._square().numpy().astype(float)
    chosen = [y * 28 + x for y in (9, 13, 17, 21) for x in range(7, 23, 2)]
    pictures = placed(net, scaled(square[chosen]))
    for picture, d in zip(pictures, chosen, strict=True):
        picture.ravel()[net.order[d]] = 1.0
    return tiles(pictures, 8)


def nade(net: object) -> np.ndarray:
    first, second = net.first_q.numpy().T.astype(float), net.second_q.numpy().T.astype(float)
    chosen = np.argsort(-np.abs(first).sum(axis=1))[:: len(first) // 32][:32]
    return np.concatenate([tiles(placed(net, scaled(w[chosen])), 16) for w in (first, second)], axis=0)


def made(net: object) -> np.ndarray:
    masks = {name: mask.numpy() for name, mask in net.masks().items()}
    height = max(mask.shape[0] for mask in masks.values())
    columns = []
    for name in ("first", "inner", "last", "direct"):
        mask = 1.0 - masks[name]
        columns += [np.pad(mask, ((0, height - len(mask)), (0, 0)), constant_values=0.75), np.full((height, 4), 1.0)]
    return (255 * np.concatenate(columns[:-1], axis=1)).astype(np.uint8)


def ensemble(net: object) -> np.ndarray:
    shares = net.share_q.numpy() / 1024
    sheet = np.full((16 * len(shares), 200), 255, dtype=np.uint8)
    for i, share in enumerate(shares):
        sheet[16 * i + 3 : 16 * i + 13, : int(150 * max(share, 0))] = 96
    return sheet


def attention(net: object) -> np.ndarray:
    from arzip.exact.attention import CausalAttention

    rows, columns = net.grid
    layers = [part.offsets_q for part in net.modules() if isinstance(part, CausalAttention)]
    heads = np.concatenate([layer.numpy() for layer in layers]).reshape(-1, rows, 2 * columns - 1)[:, ::-1, ::-1]
    heads = heads.astype(float)
    heads[:, -1, columns:] = 0  # later than the looking token
    pictures = np.repeat(np.repeat(scaled(heads), 2 * net.span, axis=2), 2, axis=1)
    return tiles(pictures, len(pictures))


def patches(net: object) -> np.ndarray:
    weights = scaled(net.first.weight_q.numpy().T.astype(float))
    y, x = np.divmod(net.index[0], net.canvas[1])
    inner = slice(net.frame[0] - net.aside, net.frame[0] + net.span + net.aside)
    seen = np.zeros((len(weights), int(y.max()) + 1, net.canvas[1]))
    seen[:, y, x] = weights
    loudest = np.argsort(-np.abs(net.first.weight_q.numpy()).sum(axis=0))[:32]
    return np.kron(tiles(seen[np.sort(loudest)][:, :, inner], 8), np.ones((3, 3))).astype(np.uint8)


def wavenet(net: object) -> np.ndarray:
    tables = [scaled(table.table_q.numpy().T.astype(float)) for table in (net.sample, net.change)]
    return tiles(np.stack([np.kron(table, np.ones((5, 2))) for table in tables]), 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    model = load(given.model)
    drawn = {"ensemble": ensemble, "fvsbn": fvsbn, "made": made, "nade": nade, "wavenet": wavenet}
    drawn |= {"pixelsnail": attention, "transformer": attention}
    drawn |= dict.fromkeys(("gated_pixelcnn", "pixelcnn", "row_lstm", "diagonal_bilstm"), patches)
    picture = drawn[model.family](model.net)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(given.output, optimize=True)


if __name__ == "__main__":
    main()
