"""Digits against what is none: a model's bits per pixel as a measure of strangeness.

    ARZIP_CORPORA=... python benchmarks/anomalies.py MODEL -o FOLDER

writes digits.npy, letters.npy, inverted.npy and noise.npy, 1,000 examples of 28x28 bits each, which `arzip score MODEL
FOLDER/*.npy` sorts; and prints, for each, the mean and the share that scores above 95 % of the digits. Letters are
those of the table ocr_letters (16x8 bits), each pixel doubled in width, 5 rows for every 4, centred.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

import arzip
from arzip.bench.evaluate import part_of
from arzip.training.tables import read_table

COUNT = 1000


def letters(path: Path) -> np.ndarray:
    small = read_table(path)["test"][:COUNT].reshape(-1, 16, 8)
    large = np.repeat(small, 2, axis=2)[:, np.arange(20) * 4 // 5]
    return np.pad(large, ((0, 0), (4, 4), (6, 6)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    random = np.random.default_rng(0)
    digits = part_of("mnist-binarised", "test")
    digits = digits[random.permutation(len(digits))[:COUNT]].reshape(-1, 28, 28)
    kinds = {
        "digits": digits,
        "letters": letters(Path(os.environ["ARZIP_CORPORA"]) / "binary/debd/ocr_letters.npz"),
        "inverted": 1 - digits,
        "noise": (random.random(digits.shape) < digits.mean()).astype(np.uint8),
    }
    given.output.mkdir(parents=True, exist_ok=True)
    model = arzip.load(given.model)
    limit = None
    for name, x in kinds.items():
        np.save(given.output / f"{name}.npy", x)
        scores = model.score(x.reshape(len(x), -1))
        limit = np.percentile(scores, 95) if limit is None else limit
        found = {"mean_bits_per_dim": round(float(scores.mean()), 4), "above": round(float((scores > limit).mean()), 3)}
        print(json.dumps({"kind": name, **found}))


if __name__ == "__main__":
    main()
