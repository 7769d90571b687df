"""What the cache of keys and values saves: time per symbol against position, with it and by reading all again.

    python benchmarks/caching.py models/transformer-mnist-1 -o docs/pictures/caching.png    (needs the extra `report`)

Two nets of the recipe's shape that read a picture once: a position for every token, as it is, and one for every pixel
of the whole picture. Their weights are random, for time does not depend on them. At each position, `cached` is one
step that finds the keys and values of all earlier ones, `again` a reading from the first position on. 64 lanes, one
thread, CPU time; the median of five steps. Both give the same integers, which is checked.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from arzip.exact.engine import Engine
from arzip.nets import NETS
from arzip.nets.token_net import TokenNet
from arzip.recipe import read_recipe

LANES, RUNS = 64, 5


def placed(folder: Path, **changes: object) -> TokenNet:
    recipe = read_recipe(folder / "recipe.toml")
    torch.manual_seed(0)
    net: TokenNet = NETS[recipe.net].net(**{**recipe.architecture, **changes}).eval()
    net.freeze()
    net.place(Engine("fp32", "cpu"))
    return net


def seconds(reading: Callable[[], torch.Tensor], runs: int) -> tuple[float, torch.Tensor]:
    taken = []
    for _ in range(runs):
        started = time.process_time()
        result = reading()
        taken.append(time.process_time() - started)
    return float(np.median(taken)), result


def measured(net: TokenNet) -> dict[str, list[float]]:
    """Microseconds per symbol and lane; `pixels` says before which pixel."""
    random = np.random.default_rng(0)
    canvas = net.drawn((random.random((LANES, net.variables)) < 0.2).astype(np.uint8))
    inside = net.inside
    found: dict[str, list[float]] = {"pixels": [], "cached": [], "again": []}
    net.read(net.start(LANES), canvas, 0, int(inside[1]) + 1)  # compiles
    for rank in sorted({min(int(r), len(inside) - 1) for r in np.geomspace(1, len(inside), 12)}):
        token = int(inside[rank])
        found["pixels"].append((rank + 1) * net.span)
        for name, time_ in zip(("cached", "again"), at(net, canvas, token), strict=True):
            found[name].append(time_ * 1e6 / (LANES * net.span))
    return found


def at(net: TokenNet, canvas: np.ndarray, token: int) -> tuple[float, float]:
    """Seconds of a step to a token and of reading all up to it."""
    state = net.start(LANES)
    net.read(state, canvas, 0, token)
    cached, one = seconds(lambda: net.read(state, canvas, token, 1), RUNS)
    again, everything = seconds(lambda: net.read(net.start(LANES), canvas, 0, token + 1), 1 if token > 100 else RUNS)
    if not torch.equal(one[:, 0], everything[:, -1]):
        raise SystemExit("a step must give what reading everything gives")
    return cached, again


def draw(found: dict[str, dict[str, list[float]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5.2, 3.6), dpi=80)
    for colour, (name, values) in zip(("#2a6fbb", "#d9730d"), found.items(), strict=True):
        axes.loglog(values["pixels"], values["again"], "o--", ms=3, lw=1.2, color=colour, label=f"{name}, all again")
        axes.loglog(values["pixels"], values["cached"], "o-", ms=3, lw=1.2, color=colour, label=f"{name}, cached")
    axes.set(xlabel="pixels before this one, inside the margin", ylabel="microseconds per pixel and picture")
    axes.legend(fontsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="of a model over tokens")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    pixelwise, tokens = placed(given.folder, span=1, margin=[0, 0, 0, 0], phases=[0]), placed(given.folder, phases=[0])
    found = {"a position per pixel": measured(pixelwise), "tokens of 4": measured(tokens)}
    print(json.dumps(found, default=lambda v: round(v, 3)))
    draw(found, given.output)


if __name__ == "__main__":
    main()
