"""Train from scratch on drawn digits, then all a trained model is for: evaluate, sample, complete, score, compress."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import arzip
from arzip.bench.evaluate import part_of
from arzip.cli import cli
from arzip.coding.temperature import tempered
from arzip.errors import UnsupportedInput
from arzip.recipe import read_recipe
from arzip.training.publish import train_and_publish

RECIPE = """
id = "tiny-{net}"
net = "{net}"
corpus = "drawn-digits"
seed = 3
[architecture]
variables = 144
rows = 12
order = "raster"
{architecture}
[data]
file = "drawn-digits.npz"
rows = 12
moved = 0.2
settle = {settle}
[schedule]
cycles = [{steps}]
batch = 50
rate = 0.01
warmup = 20
validate_every = 100
decay = 0.01
"""
MADE = "groups = 12\nwindow = 6\nhidden = 24\nlayers = 2\nmargin = 0\ndropout = 0.0"
NETS = {"fvsbn": "", "nade": "hidden = 32", "made": MADE}


def train(net: str, folder: Path, steps: int = 400) -> Path:
    recipe = folder / f"{net}.toml"
    recipe.write_text(RECIPE.format(net=net, architecture=NETS[net], steps=steps, settle=steps * 3 // 4))
    train_and_publish(recipe, output=folder / net, runs=folder / "runs", device="cpu")
    return folder / net


@pytest.fixture(scope="module")
def nade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train("nade", tmp_path_factory.mktemp("nade"))


def independent_nats() -> float:
    """The code length of the test digits under the frequencies of single pixels in the training part."""
    p = part_of("drawn-digits", "train").mean(axis=0).clip(1e-4, 1 - 1e-4)
    x = part_of("drawn-digits", "test")
    return float(-(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean())


@pytest.mark.parametrize("net", ["fvsbn", "made", "nade"])
def test_train_from_scratch(net: str, tmp_path: Path) -> None:
    folder = train(net, tmp_path)
    result = CliRunner().invoke(
        cli,
        ["evaluate", str(folder), "--corpus", "drawn-digits", "--json", "--run", str(tmp_path / f"runs/tiny-{net}")],
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output)
    assert figures["file_nats_per_example"] < 0.6 * independent_nats()
    assert abs(figures["exact_bits_per_dim"] / figures["float_bits_per_dim"] - 1) < 0.005
    assert figures["file_bits_per_dim"] * figures["dims"] < figures["exact_bits_per_dim"] * figures["dims"] + 8 * 200


@pytest.mark.slow
def test_two_minutes_of_training_reach_what_the_digits_allow(tmp_path: Path) -> None:
    """A longer run comes close to the noise that make.py adds: 144 H(0.01) = 8 nats, and a few for the digit."""
    folder = train("made", tmp_path, steps=4000)
    x = part_of("drawn-digits", "test")
    assert arzip.load(str(folder)).bits(x).sum() / len(x) * np.log(2) < 19


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_arrays_become_archives_and_come_back(nade: Path, dtype: type) -> None:
    x = part_of("drawn-digits", "test")[:200].reshape(-1, 12, 12).astype(dtype)
    archive = arzip.compress(x, model=str(nade))
    again = arzip.decompress(archive, model=str(nade))
    assert again[-x.size :] == x.tobytes()
    bits = arzip.load(str(nade)).bits(x.reshape(200, -1).astype(np.uint8)).sum()
    assert len(archive) < bits / 8 + 150
    plain = arzip.compress(x)
    assert arzip.decompress(plain) == again
    assert len(archive) < len(plain)


def test_what_is_no_table_is_refused_in_one_line(nade: Path) -> None:
    with pytest.raises(UnsupportedInput, match="takes table"):
        arzip.compress(b"no table", model=str(nade))
    with pytest.raises(UnsupportedInput, match="144 variables"):
        arzip.compress(np.zeros((5, 100), np.uint8), model=str(nade))
    with pytest.raises(UnsupportedInput, match="of 1 bits, this is table of 2 bits"):
        arzip.compress(np.full((5, 144), 3, np.uint8), model=str(nade))


def test_sampling_writes_a_grid_that_reads_back(nade: Path, tmp_path: Path) -> None:
    grids = []
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        arguments = ["sample", str(nade), "-n", "10", "-o", str(tmp_path / name), "--seed", str(seed)]
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
        with Image.open(tmp_path / name) as picture:
            grids.append(np.asarray(picture))
    assert grids[0].shape == (24, 96)
    np.testing.assert_array_equal(grids[0], grids[1])
    assert not np.array_equal(grids[0], grids[2])
    drawn = arzip.load(str(nade)).sample((10, 144), seed=1)
    np.testing.assert_array_equal(grids[0][:12, 12:24] // 255, drawn[1].reshape(12, 12))


def test_completion_keeps_what_is_given(nade: Path, tmp_path: Path) -> None:
    x = part_of("drawn-digits", "test")[:16]
    np.save(tmp_path / "half.npy", x)
    arguments = ["complete", str(nade), str(tmp_path / "half.npy"), "-o", str(tmp_path / "whole.npy")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    whole = np.load(tmp_path / "whole.npy")
    np.testing.assert_array_equal(whole[:, :72], x[:, :72])
    assert not np.array_equal(whole[:, 72:], x[:, 72:])
    # Drawn digits are likelier than halves that do not belong together.
    model = arzip.load(str(nade))
    mixed = np.concatenate([x[:, :72], x[::-1, 72:]], axis=1)
    assert model.score(whole).mean() < model.score(mixed).mean()


def test_scores_put_the_strangest_first(nade: Path, tmp_path: Path) -> None:
    x = part_of("drawn-digits", "test")[:20]
    files = {"digits": x, "inverted": 1 - x, "noise": np.random.default_rng(0).integers(0, 2, x.shape)}
    for name, array in files.items():
        np.save(tmp_path / f"{name}.npy", array.astype(np.uint8))
    result = CliRunner().invoke(cli, ["score", str(nade), *(str(tmp_path / f"{n}.npy") for n in files)])
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert [Path(name).stem for _, name in lines][-1] == "digits"
    assert float(lines[-1][0]) < 0.5 < 1.0 < float(lines[0][0])


def test_errors_are_one_line(nade: Path, tmp_path: Path) -> None:
    for arguments, says in (
        (["evaluate", str(nade), "--corpus", "nowhere"], "neither a folder"),
        (["evaluate", str(nade), "--corpus", "drawn-digits", "--part", "more"], "has no part 'more'"),
        (["sample", str(nade), "-o", str(tmp_path / "x.wav")], "written as .npy or .png"),
        (["sample", str(nade), "-o", str(tmp_path / "x.png"), "--temperature", "0"], "temperature of 0.0"),
        (["complete", str(nade), str(tmp_path / "absent.png"), "-o", str(tmp_path / "y.png")], "absent.png"),
    ):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code != 0 and says in result.output, result.output
        assert len(result.output.strip().splitlines()) == 1


def test_a_float_net_is_measured_after_the_whole_run_of_its_own_recipe(nade: Path, tmp_path: Path) -> None:
    recipe = read_recipe(nade / "recipe.toml")
    whole = {"recipe": recipe.digest, "step": recipe.schedule.steps, "net": {}}
    for saved, says in (
        (None, "no checkpoint there"),
        (whole | {"recipe": "another"}, "belongs to another recipe"),
        (whole | {"step": 1}, "has done 1 of"),
        (whole, "has other parameters"),
    ):
        if saved is not None:
            torch.save(saved, tmp_path / "checkpoint.pt")
        arguments = ["evaluate", str(nade), "--corpus", "drawn-digits", "--run", str(tmp_path)]
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code != 0 and f"{tmp_path}: " in result.output and says in result.output, result.output


def test_temperature_moves_probabilities_as_it_should() -> None:
    random = np.random.default_rng(1)
    rows = random.dirichlet(np.ones(5), 50)
    f = np.floor(rows * (2**24 - 10)).astype(np.int32) + 1
    f[:, 0] += 2**24 - f.sum(axis=1)
    for temperature in (0.5, 1.0, 2.0):
        got = tempered(f, temperature) / 2**24
        wanted = (f / 2**24) ** (1 / temperature)
        np.testing.assert_allclose(got, wanted / wanted.sum(axis=1, keepdims=True), atol=0.03)
        np.testing.assert_allclose(got.sum(axis=1), 1.0)
    p = tempered(np.array([1 << 22, 1 << 23], np.int32), 0.5) / 2**24
    np.testing.assert_allclose(p, [0.1, 0.5], atol=0.01)
