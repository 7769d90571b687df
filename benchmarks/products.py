"""What exact products of wide integers cost: short integers (`arzip.exact.shorts`) beside the same sums in fp32.

    python benchmarks/products.py [--rows 512]

One thread. The two take turns, so that whatever else the machine does meets both: medians of 10^9 multiplications and
additions a second, and their ratio, for products of the deep nets over binarised MNIST. Both give the same integers,
which is checked.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from arzip.exact import shorts
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range, wide
from arzip.exact.product import Product

SHAPES = {
    "cells, input": (128, 384),
    "cells, state": (192, 384),
    "convolution": (640, 192),
    "attention": (256, 160),
    "gates": (192, 256),
}
RUNS = 60


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=512)
    rows = parser.parse_args().rows
    if not shorts.QUICK or rows < shorts.LEAST_ROWS:
        raise SystemExit(f"fp32 is all that is taken here: no x86, or less than {shorts.LEAST_ROWS} rows")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("| product | inputs, outputs | shorts | fp32 | ratio |\n|---|---|---:|---:|---:|")
    for name, (inputs, outputs) in SHAPES.items():
        product = Product(inputs, outputs, source=Range(8, -256, 256), target=wide(10))
        product.freeze()
        product.place(Engine("fp32", "cpu"))
        x = torch.randint(-256, 257, (rows, inputs)).float()
        ways = partial(product.part, x), partial(torch.matmul, x, product.matrix)
        assert torch.equal(*(way() for way in ways))
        taken = np.array([[_seconds(way) for way in ways] for _ in range(RUNS)])
        quick, plain = 2 * rows * inputs * outputs / np.median(taken, axis=0) / 1e9
        print(f"| {name} | {inputs}, {outputs} | {quick:.0f} | {plain:.0f} | {quick / plain:.2f} |")


def _seconds(way: Callable[[], torch.Tensor]) -> float:
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
