"""What several readings of a picture are worth: one net's phases alone and their means, on validation images.

    ARZIP_CORPORA=... python benchmarks/phases.py bilstm-four-mnist-1 [--examples 2000]

Nats per image of the exact net: of each phase's frames, and of the mean of any that show every column.
"""

from __future__ import annotations

import argparse
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from arzip.bench.evaluate import part_of
from arzip.exact.bernoulli import LOGIT
from arzip.nets.token_net import TokenNet
from arzip.nets.token_phases import Phases
from arzip.recipe import read_recipe
from arzip.store import find, load


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--examples", type=int, default=2000)
    given = parser.parse_args()
    net = load(given.model).net
    if not isinstance(net, TokenNet):
        raise SystemExit(f"{given.model} does not read tokens")
    architecture = read_recipe(find(given.model) / "recipe.toml").architecture
    x = part_of("mnist-binarised", "valid")[: given.examples]
    readings = [net.reading(x, k) for k in range(net.phases.count)]
    offsets = net.phases.offsets
    for k, offset in enumerate(offsets):
        frames = net.phases.framed(torch.from_numpy(x), torch.full((len(x),), k)).numpy()
        print(f"phase {offset:2}: {_nats(readings[k], frames):.3f}")
    span, edges = int(architecture["span"]), architecture["margin"]
    trunk = (int(edges[2]), net.columns - int(edges[3]))
    for count in range(2, len(offsets) + 1):
        for chosen in combinations(range(len(offsets)), count):
            some = [offsets[k] for k in chosen]
            if 0 in some:
                phases = Phases(some, rows=net.rows, columns=net.columns, span=span, trunk=trunk)
                mean = phases.mean([torch.from_numpy(readings[k]) for k in chosen]).numpy()
                print(f"mean of {some}: {_nats(mean, x):.3f}")


def _nats(logits: NDArray[np.int32], x: NDArray[np.uint8]) -> float:
    z = logits / float(1 << LOGIT.point)
    return float(np.logaddexp(0, np.where(x == 1, -z, z)).sum()) / len(x)


if __name__ == "__main__":
    main()
