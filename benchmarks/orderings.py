"""What the order of the variables does: FVSBN, NADE and MADE trained briefly on binarised MNIST in four orders.

    ARZIP_CORPORA=... python benchmarks/orderings.py [--share 1.0]

Each run is a recipe of its own, a tenth or so of a published one; the figure is the exact net's code length on the
validation images in nats. They compare orders with each other, not with the published models.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch

import arzip
from arzip.bench.evaluate import part_of
from arzip.nets.ordering import ORDERS
from arzip.training.publish import train_and_publish

NETS = {
    "fvsbn": ("", 1000, 200, 0.01, 0.01),
    "nade": ("hidden = 128", 2500, 100, 0.005, 0.01),
    "made": ("groups = 28\nwindow = 9\nhidden = 48\nlayers = 2\nmargin = 0\ndropout = 0.0", 1500, 100, 0.008, 0.01),
}
RECIPE = """
id = "{net}-{order}"
net = "{net}"
corpus = "mnist-binarised"
seed = 1
[architecture]
variables = 784
rows = 28
order = "{order}"
{architecture}
[data]
file = "binarized_mnist_larochelle.npz"
rows = 28
moved = 0.0
settle = 0
[schedule]
cycles = [{steps}]
batch = {batch}
rate = {rate}
warmup = 50
validate_every = {steps}
decay = {decay}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=1.0, help="of the steps")
    given = parser.parse_args()
    torch.set_num_threads(1)
    x = part_of("mnist-binarised", "valid")
    for net, (architecture, steps, batch, rate, decay) in NETS.items():
        for order in ORDERS:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                filled = RECIPE.format(
                    net=net,
                    order=order,
                    architecture=architecture,
                    steps=round(steps * given.share),
                    batch=batch,
                    rate=rate,
                    decay=decay,
                )
                (folder / "recipe.toml").write_text(filled)
                train_and_publish(folder / "recipe.toml", output=folder / "m", runs=folder / "runs", device="cpu")
                nats = float(arzip.load(str(folder / "m")).bits(x).sum() * np.log(2) / len(x))
                print(
                    json.dumps(
                        {"net": net, "order": order, "steps": round(steps * given.share), "nats": round(nats, 2)}
                    )
                )


if __name__ == "__main__":
    main()
