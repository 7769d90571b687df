"""Why counting is not enough: code length on training and test data as the context grows, and what cures it.

    python benchmarks/generalisation.py AUDIO_FOLDER -o docs/pictures/generalisation.png    (needs the extra `report`)

Left, binarised MNIST: p(pixel | k nearest earlier pixels) = (n(context, pixel) + 1/2) / (n(context) + 1), counted on
1,000 and on 20,000 training images (static) or while coding the test images (adaptive). Right, audio: differences of
successive 16-bit samples, by a histogram of 2^17 bins and by a mixture of five logistics, both fitted to N of them.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch

from arzip.bench.evaluate import part_of

CONTEXTS = [0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]
NUMBERS = [100, 300, 1000, 3000, 10000, 30000, 100000]
SPAN = 1 << 17  # values of a difference of 16-bit samples


def contexts(x: np.ndarray, size: int) -> np.ndarray:
    """The `size` nearest earlier pixels of every pixel of images [N, 28, 28] as one integer."""
    offsets = [(dy, dx) for dy in range(-6, 1) for dx in range(-6, 7) if (dy, dx) < (0, 0)]
    offsets.sort(key=lambda o: (o[0] ** 2 + o[1] ** 2, o))
    padded = np.pad(x, ((0, 0), (6, 0), (6, 6)))
    code = np.zeros(x.shape, dtype=np.int32)
    for dy, dx in offsets[:size]:
        code = code * 2 + padded[:, 6 + dy : 34 + dy, 6 + dx : 34 + dx]
    return code.ravel()


def counted(code: np.ndarray, x: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(code * 2 + x.ravel(), minlength=2 << size).reshape(-1, 2)


def nats(counts: np.ndarray, code: np.ndarray, x: np.ndarray) -> float:
    """A test image's code length under fixed counts."""
    p = (counts + 0.5) / (counts.sum(axis=1, keepdims=True) + 1.0)
    return float(-np.log(p[code, x.ravel()]).sum() / len(x))


def adaptive_nats(counts: np.ndarray, images: int) -> float:
    """What counting while coding pays for counts in the end: the order of the symbols does not matter to it."""
    a, b = counts[:, 0], counts[:, 1]
    table = np.concatenate([[0.0], np.cumsum(np.log(np.arange(counts.max() + 1) + 0.5))])
    totals = np.concatenate([[0.0], np.cumsum(np.log(np.arange(int((a + b).max()) + 1) + 1.0))])
    return float((totals[a + b] - table[a] - table[b]).sum() / images)


def digits() -> dict[str, list[float]]:
    train = part_of("mnist-binarised", "train").reshape(-1, 28, 28)[:20000]
    test = part_of("mnist-binarised", "test").reshape(-1, 28, 28)
    found: dict[str, list[float]] = {"train 1,000": [], "test 1,000": [], "train 20,000": [], "test 20,000": []}
    found["adaptive"] = []
    for size in CONTEXTS:
        code = contexts(test, size)
        for number in (1000, 20000):
            seen, known = contexts(train[:number], size), train[:number]
            counts = counted(seen, known, size)
            found[f"train {number:,}"].append(nats(counts, seen, known))
            found[f"test {number:,}"].append(nats(counts, code, test))
        found["adaptive"].append(adaptive_nats(counted(code, test, size), len(test)))
    return found


def fitted_bits(train: np.ndarray, test: np.ndarray) -> float:
    """Bits a test sample costs under five logistics fitted to training samples by gradient steps."""
    torch.manual_seed(0)
    spread = float(np.log2(np.abs(train).mean() + 1))
    logits = torch.zeros(5, requires_grad=True)
    means = torch.zeros(5, requires_grad=True)
    scales = (spread + torch.linspace(-4, 2, 5)).requires_grad_()
    optimizer = torch.optim.Adam([logits, means, scales], lr=0.05)
    half = SPAN // 2

    def likelihood(x: np.ndarray) -> torch.Tensor:
        value = torch.from_numpy(x).double()
        s = torch.exp2(scales.double())
        above, below = (value[:, None] - means + 0.5) / s, (value[:, None] - means - 0.5) / s
        log = torch.nn.functional.logsigmoid(above) + torch.nn.functional.logsigmoid(-below)
        log = log + torch.log(-torch.expm1(-1 / s)) + torch.log_softmax(logits.double(), 0)
        return torch.logaddexp(torch.logsumexp(log, 1), torch.tensor(-math.log(half) - 7).double())

    for _ in range(300):
        some = train if len(train) <= 3000 else train[torch.randint(len(train), (3000,)).numpy()]
        loss = -likelihood(some).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return float(-likelihood(test).mean() / math.log(2))


def audio(folder: Path) -> dict[str, list[float]]:
    import soundfile

    pieces = []
    for path in sorted(folder.glob("digits_*")):
        samples, _ = soundfile.read(path, dtype="int16")
        pieces.append(np.diff(samples.astype(np.int64)))
    data = np.concatenate(pieces)
    data = np.random.default_rng(0).permutation(data)
    train, test = data[: NUMBERS[-1]], data[NUMBERS[-1] : NUMBERS[-1] + 50000]
    found: dict[str, list[float]] = {"histogram": [], "five logistics": []}
    for number in NUMBERS:
        counts = np.bincount(train[:number] + SPAN // 2, minlength=SPAN)
        p = (counts + 0.5) / (number + SPAN / 2)
        found["histogram"].append(float(-np.log2(p[test + SPAN // 2]).mean()))
        found["five logistics"].append(fitted_bits(train[:number], test))
    return found


def draw(found: dict[str, dict[str, list[float]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), dpi=80)
    for name, values in found["digits"].items():
        left.plot(CONTEXTS, values, "--" if name.startswith("train") else "-", label=name, lw=1.2)
    left.set(xlabel="pixels of context", ylabel="nats per image", title="counting: binarised MNIST", ylim=(60, 220))
    for name, values in found["audio"].items():
        right.semilogx(NUMBERS, values, "o-", ms=3, lw=1.2, label=name)
    right.set(xlabel="training samples", ylabel="bits per test sample", title="differences of 16-bit samples")
    for axes in (left, right):
        axes.legend(fontsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("audio", type=Path, help="folder with digits_*.flac")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    found = {"digits": digits(), "audio": audio(given.audio)}
    print(json.dumps({"contexts": CONTEXTS, "numbers": NUMBERS, **found}, default=lambda v: round(v, 3)))
    draw(found, given.output)


if __name__ == "__main__":
    main()
