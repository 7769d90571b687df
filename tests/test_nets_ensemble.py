"""Ensembles: laws, the mixture against its formula, and members that must be the ones it was made with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import arzip
from arzip.bench.evaluate import part_of
from arzip.errors import ModelError
from arzip.store import load
from arzip.training.publish import train_and_publish
from tests.laws import check_causality, check_parity, check_road
from tests.test_zoo import train

RECIPE = """
id = "tiny-{net}"
net = "{net}"
corpus = "drawn-digits"
seed = 3
[architecture]
variables = 144
rows = 12
{order}members = {members}
[data]
file = "drawn-digits.npz"
rows = 12
moved = 0.0
settle = 0
[schedule]
cycles = [60]
batch = 50
rate = {rate}
warmup = 5
validate_every = 30
"""


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ensemble")
    members = [train("fvsbn", folder, steps=150), train("nade", folder, steps=150)]
    order, named = 'order = "raster"\n', [str(member) for member in members]
    text = RECIPE.format(net="ensemble", order=order, members=named, rate=0.02)
    (folder / "ensemble.toml").write_text(text)
    train_and_publish(folder / "ensemble.toml", output=folder / "e", runs=folder / "runs", device="cpu")
    return folder


def test_laws(ensemble: Path) -> None:
    model = load(str(ensemble / "e")).causal
    x = part_of("drawn-digits", "test")[:40]
    check_parity(model, x)
    check_road(model, x)
    changed = x.copy()
    changed[:, 70] ^= 1
    check_causality(model, x, changed, 71 * len(x))


def test_it_is_better_than_its_members(ensemble: Path) -> None:
    x = part_of("drawn-digits", "test")
    bits = {name: arzip.load(str(ensemble / name)).bits(x).sum() for name in ("e", "fvsbn", "nade")}
    assert bits["e"] < min(bits["fvsbn"], bits["nade"])


def test_the_mixture_is_its_formula(ensemble: Path) -> None:
    x = part_of("drawn-digits", "test")[:30]
    shares = load(str(ensemble / "e")).net.share_q.numpy() / 1024
    odds = []
    for name in ("fvsbn", "nade", "e"):
        p = arzip.load(str(ensemble / name)).rows(x)[..., 1]
        odds.append(np.log(p / (1 - p)))
    inside = np.abs(odds[2]) < 9  # further out a probability of 24 bits says little about its logit
    np.testing.assert_allclose((shares[0] * odds[0] + shares[1] * odds[1])[inside], odds[2][inside], atol=0.02)


def test_other_members_are_refused(ensemble: Path, tmp_path: Path) -> None:
    for name in ("fvsbn", "e"):
        (tmp_path / name).symlink_to(ensemble / name)
    other = train("nade", tmp_path, steps=20)
    text = (ensemble / "e/recipe.toml").read_text()
    (tmp_path / "e").unlink()
    (tmp_path / "e").mkdir()
    (tmp_path / "e/recipe.toml").write_text(text.replace(str(ensemble / "nade"), str(other)))
    (tmp_path / "e/weights.safetensors").symlink_to(ensemble / "e/weights.safetensors")
    with pytest.raises(ModelError, match="made with other weights"):
        load(str(tmp_path / "e"))
