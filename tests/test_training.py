"""Recipes are checked; a tiny net trains, resumes where it stopped, is frozen, published and used to compress."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import arzip
from arzip.errors import ModelError, UnsupportedInput
from arzip.exact.attention import regridded
from arzip.nets import NETS
from arzip.nets.local_pixelcnn import LocalPixelCNN
from arzip.nets.pixelcnn import PixelCNN
from arzip.recipe import read_recipe
from arzip.store import begin, load
from arzip.training.loop import train
from arzip.training.muon import Muon
from arzip.training.pictures import PictureSampler
from arzip.training.publish import train_and_publish
from arzip.training.tasks import TASKS
from tests.test_archive import picture_file

ROOT = Path(__file__).resolve().parents[1]
RECIPE = """
id = "tiny"
net = "local_pixelcnn"
corpus = "rendered"
seed = 3
[architecture]
width = 24
depth = 1
head = 16
components = 2
[data]
include = ["rendered-"]
exclude = ["none"]
crop = 64
scale_down = 0.2
half_chroma = 0.2
[schedule]
cycles = [40, 20]
batch = 256
rate = 0.004
warmup = 5
validate_every = 20
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("seed = 3", "seed = 3\nspeed = 4"), "unknown key 'speed'"),
        (("rate = 0.004", ""), "lacks the key 'rate'"),
        (("seed = 3", "seed = "), "not TOML"),
        (("warmup = 5", 'warmup = 5\noptimizer = "moun"'), "optimizer 'moun' in schedule; known are adam, muon"),
        (("warmup = 5", 'warmup = 5\nprecision = "int4"'), "precision 'int4' in schedule"),
    ],
)
def test_recipes_are_checked(recipe: Path, change: tuple[str, str], says: str) -> None:
    recipe.write_text(RECIPE.replace(*change))
    with pytest.raises(UnsupportedInput, match=says):
        read_recipe(recipe)


def test_train_publish_compress(recipe: Path, tmp_path: Path) -> None:
    line = train_and_publish(recipe, output=tmp_path / "tiny", runs=tmp_path / "runs", device="cpu")
    assert line.startswith("tiny: ")
    log = [json.loads(row) for row in (tmp_path / "runs/tiny/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log] == [20, 40, 60]
    assert log[-1]["valid"] < 6  # 8 would be no model at all
    data = picture_file()
    archive = arzip.compress(data, model=str(tmp_path / "tiny"))
    assert arzip.decompress(archive, model=str(tmp_path / "tiny")) == data
    with pytest.raises(ModelError, match="not installed"):
        arzip.decompress(archive)
    with pytest.raises(ModelError, match="never changes"):
        train_and_publish(recipe, output=tmp_path / "tiny", runs=tmp_path / "runs", device="cpu")


@pytest.mark.parametrize("name", ["photo-4", "text-s-4", "rowlstm-mnist-1", "transformer-mnist-1"])
def test_a_net_that_begins_from_a_model_is_that_model(name: str) -> None:
    recipe = read_recipe(ROOT / "models" / name / "recipe.toml")
    net = NETS[recipe.net].net(**recipe.architecture)
    begin(net, name)
    net.freeze()
    published = load_file(ROOT / "models" / name / "weights.safetensors")
    assert {n: torch.equal(t, published[n]) for n, t in net.named_buffers()} == dict.fromkeys(published, True)


def test_a_net_may_have_more_than_the_model_it_begins_from() -> None:
    """Further layers add nothing at first, nor do inputs that the model lacks: the same logits."""
    small = read_recipe(ROOT / "models/bilstm-small-mnist-1/recipe.toml")
    x = (torch.rand(4, 784) < 0.2).float()
    known, deep = (NETS[small.net].net(**{**small.architecture, "layers": layers}) for layers in (3, 4))
    multi = read_recipe(ROOT / "models/multiscale-mnist-1/recipe.toml")
    shown = NETS[multi.net].net(**multi.architecture)
    for net in (known, deep, shown):
        begin(net, small.id)
    with torch.no_grad():
        assert torch.equal(known(x), deep(x))
        given = torch.zeros(4, shown.coded_first + 1)
        torch.testing.assert_close(known(x), shown.large(x, given), atol=1e-4, rtol=1e-4)
        phased = NETS[small.net].net(**small.architecture, phases=[0, 2])
        begin(phased, small.id)
        first, second = (phased.phases.framed(x, torch.full((4,), k)) for k in range(2))
        torch.testing.assert_close(phased(x), phased.phases.mean([known(first), known(second)]))
    with pytest.raises(ModelError, match="another architecture"):
        begin(NETS[small.net].net(**{**small.architecture, "layers": 2}), small.id)


@pytest.mark.parametrize("name", ["pixelsnail-raster-mnist-1", "transformer-single-mnist-1"])
def test_further_blocks_add_nothing_at_first(name: str) -> None:
    """Nor do phases that are left away change those that stay, the third of PixelSNAIL's here."""
    small = read_recipe(ROOT / "models" / name / "recipe.toml")
    deeper = {"layers": small.architecture["layers"] + 2, "phases": [2, 0]}
    nets = [NETS[small.net].net(**{**small.architecture, **more}) for more in ({}, deeper)]
    for net in nets:
        begin(net, name)
    x = (torch.rand(4, 784) < 0.2).float()
    phases = [[net.phases.offsets.index(k if k in net.phases.offsets else 0) for k in (0, 2)] for net in nets]
    with torch.no_grad():
        for pair in zip(*phases, strict=True):
            trees = [net.trees(x, torch.full((4,), phase)) for net, phase in zip(nets, pair, strict=True)]
            assert torch.equal(*trees)


@pytest.mark.parametrize("name", ["pixelsnail-narrow-mnist-1", "transformer-mnist-1", "bilstm-mnist-1"])
def test_a_wider_trunk_knows_what_the_narrower_one_knew(name: str) -> None:
    """Rows below, which nothing above them sees, change none of it; new places begin as near ones."""
    had = read_recipe(ROOT / "models" / name / "recipe.toml")
    nets = [NETS[had.net].net(**{**had.architecture, "margin": margin}) for margin in ([3, 2, 4, 4], [3, 1, 4, 4])]
    for net in nets:
        begin(net, name)
    x = (torch.rand(4, 784) < 0.2).float()
    with torch.no_grad():
        before, after = (net.trees(x, torch.tensor([0, 1, 0, 1])) for net in nets)
    assert torch.allclose(before[:, : 26 * 7], after[:, : 26 * 7], atol=1e-4)
    assert not torch.allclose(before[:, 26 * 7 :], after[:, 26 * 7 :], atol=1e-2)
    wide = NETS[had.net].net(**{**had.architecture, "margin": [2, 1, 0, 0]})
    begin(wide, name)
    places = [net.positions.view(net.phases.count, *net.grid, -1) for net in (nets[0], wide)]
    assert torch.equal(places[1][:, 1:24, 1:6], places[0])
    assert torch.equal(places[1][:, 0, 0], places[0][:, 0, 0]) and torch.equal(places[1][:, 24, 6], places[0][:, 22, 4])


@pytest.mark.parametrize("name", ["made-mnist-1", "gated-pixelcnn-mnist-1", "char-transformer-1"])
def test_what_does_not_fit_is_refused(name: str) -> None:
    had = read_recipe(ROOT / "models/transformer-mnist-1/recipe.toml")
    with pytest.raises(ModelError, match="another architecture"):
        begin(NETS[had.net].net(**had.architecture), name)


def test_tokens_of_another_size_are_refused() -> None:
    had = read_recipe(ROOT / "models/transformer-mnist-1/recipe.toml")
    with pytest.raises(ModelError, match="another architecture"):
        begin(NETS[had.net].net(**{**had.architecture, "span": 2, "phases": [0, 1]}), "transformer-mnist-1")


def test_distances_beyond_a_grid_are_its_farthest() -> None:
    before, after = (2, 3), (3, 4)
    offsets = torch.arange(10.0).view(1, 10)
    wanted = [[0, 0, 1, 2, 3, 4, 4], [5, 5, 6, 7, 8, 9, 9], [5, 5, 6, 7, 8, 9, 9]]
    assert regridded(offsets, before, after).view(3, 7).tolist() == wanted
    assert torch.equal(regridded(offsets, before, before), offsets)


def test_training_goes_on_from_a_model(recipe: Path, tmp_path: Path) -> None:
    train_and_publish(recipe, output=tmp_path / "tiny", runs=tmp_path / "runs", device="cpu")
    again = tmp_path / "again.toml"
    text = RECIPE.replace('id = "tiny"', f'id = "again"\nbegin = "{tmp_path / "tiny"}"').replace("[40, 20]", "[20]")
    text = text.replace("rate = 0.004", "rate = 0.0004")
    again.write_text(text)
    train_and_publish(again, output=tmp_path / "again", runs=tmp_path / "runs", device="cpu")
    logs = [(tmp_path / f"runs/{run}/log.jsonl").read_text().splitlines() for run in ("tiny", "again")]
    before, after = ([json.loads(row)["valid"] for row in log] for log in logs)
    assert abs(after[0] - before[-1]) < 0.03  # gentle steps leave a model about where it was
    again.write_text(text.replace("width = 24", "width = 32"))
    with pytest.raises(ModelError, match="another architecture"):
        train_and_publish(again, output=tmp_path / "other", runs=tmp_path / "runs", device="cpu")
    with pytest.raises(ModelError, match="MADE does not go on from integers"):
        begin(NETS["made"].net(**read_recipe(ROOT / "models/made-dna-1/recipe.toml").architecture), "made-dna-1")


def test_the_float_and_the_exact_net_agree(recipe: Path, tmp_path: Path) -> None:
    """The training reading with its rounding and the frozen net differ by less than a thousandth of a bit."""
    read = read_recipe(recipe)
    torch.manual_seed(1)
    net = LocalPixelCNN(**read.architecture)
    sampler = PictureSampler(ROOT / "corpora/rendered", 1, read.data)
    train(net, TASKS[read.net].loss, sampler, read, tmp_path / "run", device="cpu")
    batch = sampler.validation()[0]
    with torch.no_grad():
        total, dims = TASKS[read.net].loss(net, batch)
    from arzip.store import save

    net.freeze()
    save(net, tmp_path / "m")
    (tmp_path / "m/recipe.toml").write_text(RECIPE)
    pixels = sampler.crops.held_out[0]
    lengths = load(str(tmp_path / "m")).causal.code_lengths(pixels)
    at = np.random.default_rng(0).integers(0, (1, *pixels.shape[:2]), (len(batch[0]), 3))
    exact = lengths[at[:, 1], at[:, 2]].mean()
    assert abs(exact - float(total / dims)) < 1e-3


def test_a_run_goes_on_where_it_stopped(recipe: Path, tmp_path: Path) -> None:
    read = read_recipe(recipe)

    def steps(count: int, folder: str) -> list[int]:
        torch.manual_seed(1)
        net = LocalPixelCNN(**read.architecture)
        sampler = PictureSampler(ROOT / "corpora/rendered", 1, read.data)
        schedule = read.schedule.__class__(**{**read.schedule.__dict__, "cycles": [count]})
        shortened = read.__class__(**{**read.__dict__, "schedule": schedule})
        train(net, TASKS[read.net].loss, sampler, shortened, tmp_path / folder, device="cpu")
        return [json.loads(r)["step"] for r in (tmp_path / folder / "log.jsonl").read_text().splitlines()]

    assert steps(20, "run") == [20]
    assert steps(40, "run") == [20, 40]
    saved = torch.load(tmp_path / "run/checkpoint.pt", weights_only=False)
    saved["net"].popitem()
    torch.save(saved, tmp_path / "run/checkpoint.pt")
    with pytest.raises(ModelError, match="other parameters"):
        steps(40, "run")


DIGITS = """
id = "digits"
net = "pixelcnn"
corpus = "none"
seed = 1
[architecture]
variables = 64
rows = 8
order = "raster"
span = 4
margin = [0, 0, 0, 0]
above = 2
aside = 2
width = 16
channels = 12
layers = 2
dropout = 0.0
[data]
[schedule]
cycles = [12]
batch = 10
rate = 0.02
warmup = 1
validate_every = 6
optimizer = "muon"
precision = "{precision}"
"""


class Stripes:
    """Pictures of one row of ink."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)

    def batch(self, count: int) -> tuple[torch.Tensor, ...]:
        rows = torch.from_numpy(self.random.integers(0, 8, count))
        return (torch.nn.functional.one_hot(rows, 8)[:, :, None].expand(-1, 8, 8).reshape(count, 64).float(),)

    def validation(self) -> list[tuple[torch.Tensor, ...]]:
        return [Stripes().batch(20)]

    def state(self) -> dict[str, object]:
        return {"random": self.random.bit_generator.state}

    def restore(self, state: dict[str, object]) -> None:
        self.random.bit_generator.state = state["random"]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_muon_trains_in_either_precision(precision: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(DIGITS.format(precision=precision))
    read = read_recipe(tmp_path / "recipe.toml")

    torch.manual_seed(1)
    net = PixelCNN(**read.architecture)
    train(net, TASKS[read.net].loss, Stripes(), read, tmp_path / "run", device="cpu")
    first, last = (json.loads(row) for row in (tmp_path / "run/log.jsonl").read_text().splitlines())
    assert last["valid"] < 0.8 * first["valid"]
    saved = torch.load(tmp_path / "run/checkpoint.pt", weights_only=False)
    muon, adam = (state["param_groups"][0]["params"] for state in saved["optimizers"])
    assert len(muon) == len(net.matrices()) == 6
    assert len(adam) == len(list(net.parameters())) - 6


def test_muon_is_that_of_torch_but_for_its_precision() -> None:
    """Matrices of one shape are moved together, among others here."""
    torch.manual_seed(0)
    start = [torch.randn(shape) for shape in ((12, 7), (7, 12), (12, 7), (9, 9))]
    ours, single, theirs = ([torch.nn.Parameter(matrix.clone()) for matrix in start] for _ in range(3))
    optimizers = (
        Muon(ours, lr=0.1, decay=0.1, precision=torch.bfloat16),
        Muon(single, lr=0.1, decay=0.1, precision=torch.float32),
        torch.optim.Muon(theirs, lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    )
    for _ in range(3):
        gradients = [torch.randn(matrix.shape) for matrix in start]
        for matrices, optimizer in zip((ours, single, theirs), optimizers, strict=True):
            for matrix, gradient in zip(matrices, gradients, strict=True):
                matrix.grad = gradient.clone()
            optimizer.step()
    for one, other, known, begun in zip(ours, single, theirs, start, strict=True):
        assert torch.equal(one, known)
        torch.testing.assert_close(other, known, atol=0.01, rtol=0.0)
        assert (known - begun).abs().max() > 0.1


def test_muon_wants_a_net_that_names_its_matrices(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(RECIPE.replace("warmup = 5", 'warmup = 5\noptimizer = "muon"'))
    read = read_recipe(recipe)
    net, sampler = LocalPixelCNN(**read.architecture), PictureSampler(ROOT / "corpora/rendered", 1, read.data)
    with pytest.raises(ModelError, match="LocalPixelCNN does not say"):
        train(net, TASKS[read.net].loss, sampler, read, tmp_path / "run", device="cpu")
