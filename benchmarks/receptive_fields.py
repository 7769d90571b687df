"""What a pixel really sees: every earlier pixel is flipped in turn, and the change of one prediction is drawn.

python benchmarks/receptive_fields.py pixelcnn-mnist-1 gated-pixelcnn-mnist-1 -o docs/pictures/receptive-fields.png

The exact nets are asked, so that white means: not a single step of 2**-11 nats, in none of the pictures. The orange
frame is the pixel that is predicted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from arzip.bench.evaluate import part_of
from arzip.exact.bernoulli import LOGIT
from arzip.nets.table_model import OrderedNet
from arzip.store import load

CORPUS = "mnist-binarised"
FAINTEST = 2.0**-LOGIT.point


def reach(net: OrderedNet, pictures: np.ndarray, place: int) -> np.ndarray:
    """The mean change, in nats, of a place's logit when a pixel of pictures uint8 [N, D] is flipped: float [H, W]."""
    at = int(np.flatnonzero(net.order == place)[0])
    ordered = np.ascontiguousarray(pictures[:, net.order])
    before = net.outputs(ordered)[:, at]
    moved = np.zeros(net.variables)
    for d in range(net.variables):
        flipped = ordered.copy()
        flipped[:, d] ^= 1
        moved[net.order[d]] = np.abs(net.outputs(flipped)[:, at] - before).mean() * FAINTEST
    return moved.reshape(net.rows, -1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--pixel", type=int, nargs=2, default=(14, 10), metavar=("ROW", "COLUMN"))
    given = parser.parse_args()
    pictures = part_of(CORPUS, "valid")[: given.pictures]
    row, column = given.pixel
    figure = Figure(figsize=(2.6 * len(given.models), 2.9), layout="constrained")
    panels = figure.subplots(1, len(given.models), squeeze=False)[0]
    for panel, name in zip(panels, given.models, strict=True):
        net = load(name).net
        field = reach(net, pictures, row * (net.variables // net.rows) + column)
        drawn = panel.imshow(np.where(field > 0, field, np.nan), norm=LogNorm(FAINTEST / given.pictures, 2.0))
        panel.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="tab:orange", linewidth=2))
        panel.set_title(name, fontsize=8)
        panel.set_xticks([])
        panel.set_yticks([])
        print(f"{name}: {int((field > 0).sum())} of {row * field.shape[1] + column} earlier pixels are seen")
    figure.colorbar(drawn, ax=panels, label="mean change, nats", shrink=0.8)
    figure.savefig(given.output, dpi=110)


if __name__ == "__main__":
    main()
