"""RNADE: its table of the normal distribution, laws, the training reading, and training from scratch on pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import arzip
from arzip.coding.coder import Dice
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.errors import ModelError
from arzip.exact.engine import Engine
from arzip.exact.gaussian import log2_gaussian, normal_table
from arzip.nets.real_model import RealModel
from arzip.nets.rnade import RNADE
from arzip.training.publish import train_and_publish
from arzip.training.samples import read_patches
from tests.laws import check_causality, check_parity, check_road

ROOT = Path(__file__).resolve().parents[1]
RECIPE = """
id = "tiny-rnade"
net = "rnade"
corpus = "rendered"
seed = 3
[architecture]
variables = 63
rows = 1
order = "raster"
hidden = 16
components = 3
[data]
kind = "patches"
include = "rendered-"
[schedule]
cycles = [150]
batch = 30
rate = 0.01
warmup = 10
validate_every = 50
"""


def trained(seed: int = 0) -> RNADE:
    torch.manual_seed(seed)
    net = RNADE(variables=12, rows=1, order="random", hidden=10, components=3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return net


def placed(kind: str = "fp32") -> RealModel:
    net = trained()
    net.freeze()
    net.place(Engine(kind, "cpu"))
    return RealModel(net)


def walks(examples: int) -> np.ndarray:
    random = np.random.default_rng(examples)
    return np.clip(random.integers(0, 256, (examples, 1)) + random.integers(-20, 21, (examples, 12)), 0, 255).astype(
        np.uint8
    )


def test_the_normal_table() -> None:
    z = np.arange(-8 * 32, 8 * 32 + 2) / 32
    wanted = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z])
    assert np.abs(normal_table() / 2**30 - wanted).max() < 2**-30


def test_training_likelihoods_sum_to_one() -> None:
    x = torch.arange(256.0)
    logits, means, scales = (torch.tensor([v]).expand(256, 2) for v in ([0.3, -1.0], [3.0, 250.0], [-3.0, 4.0]))
    total = torch.exp2(log2_gaussian(logits, means, scales, x, 256)).sum()
    assert abs(float(total) - 1) < 1e-3


@pytest.mark.parametrize("examples", [0, 1, 20])
def test_laws(examples: int) -> None:
    x = walks(examples)
    if examples:
        rows = check_parity(placed(), x)
        assert (rows >= 1).all() and (rows.sum(axis=1, dtype=np.int64) == 1 << 24).all()
    check_road(placed(), x)


def test_causality() -> None:
    model, x = placed(), walks(10)
    for at in (0, 5, 10):
        changed = x.copy()
        changed[:, model.net.order[at]] ^= 0x33
        check_causality(model, x, changed, (2 * at + 1) * len(x))


def test_the_training_reading_is_the_exact_one() -> None:
    net, x = trained(), walks(30)
    with torch.no_grad():
        read = net(torch.from_numpy(x).float()) * 32
        bits = float(net.bits(torch.from_numpy(x).float()))
    net.freeze()
    net.place(Engine("fp32", "cpu"))
    np.testing.assert_array_equal(read.numpy().astype(np.int64), net.outputs(x))
    model = RealModel(net)
    place = np.argsort(model.net.order)
    exact = model.code_lengths(x[:, place]).sum()
    assert abs(exact / bits - 1) < 1e-3


def test_rows_and_code_lengths_say_the_same() -> None:
    model, x = placed(), walks(10)
    rows, lengths = model.rows(x), model.code_lengths(x)
    np.testing.assert_allclose(rows.sum(axis=-1), 1.0)
    chosen = np.take_along_axis(rows, x[..., None].astype(np.int64), axis=-1)[..., 0]
    np.testing.assert_allclose(-np.log2(chosen), lengths, rtol=1e-9)


def test_engines_agree() -> None:
    assert len({encode_symbols(placed(kind), walks(25)).words for kind in ("fp32", "int8")}) == 1
    samples = [decode_symbols(placed(kind), (25, 12), Dice(1)) for kind in ("fp32", "int8")]
    np.testing.assert_array_equal(*samples)


def test_weights_that_look_ahead_are_refused() -> None:
    net = placed().net
    net.direct_q[3, 3] = 1
    with pytest.raises(ModelError, match="not autoregressive"):
        net.check()


def test_train_publish_compress(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    train_and_publish(tmp_path / "recipe.toml", output=tmp_path / "m", runs=tmp_path / "runs", device="cpu")
    x = read_patches(ROOT / "corpora/rendered", "rendered-")["valid"]
    model = arzip.load(str(tmp_path / "m"))
    bits = model.bits(x)
    assert bits.mean() < 5  # 8 would be no model at all
    archive = arzip.compress(x, model=str(tmp_path / "m"))
    assert arzip.decompress(archive, model=str(tmp_path / "m"))[-x.size :] == x.tobytes()
    assert len(archive) < bits.sum() / 8 + 150
