"""Mixtures over orders: the walk, the code against its formula, bits that come back, the members they came with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import arzip
from arzip.bench.accounting import explain
from arzip.bench.evaluate import part_of
from arzip.cli import cli
from arzip.coding.bits_back import UNKNOWN, decode_mixture, encode_mixture
from arzip.coding.coder import Stack
from arzip.coding.exact_length import LENGTH_POINT, ExactLengths
from arzip.errors import CorruptArchive, ModelError, UnsupportedInput
from arzip.nets.mixture_model import MixtureModel
from arzip.settings import Settings
from arzip.store import load
from arzip.training.publish import train_and_publish
from tests.laws import check_road
from tests.test_nets_ensemble import RECIPE
from tests.test_zoo import RECIPE as MEMBER

ORDERS = ("raster", "turned", "column")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixture")
    for order in ORDERS:
        text = MEMBER.format(net="fvsbn", architecture="", steps=150, settle=100)
        (folder / f"{order}.toml").write_text(text.replace('"raster"', f'"{order}"').replace("tiny-fvsbn", order))
        train_and_publish(folder / f"{order}.toml", output=folder / order, runs=folder / "runs", device="cpu")
    members = [str(folder / order) for order in ORDERS]
    (folder / "mixture.toml").write_text(RECIPE.format(net="mixture", order="", members=members, rate=0.05))
    train_and_publish(folder / "mixture.toml", output=folder / "m", runs=folder / "runs", device="cpu")
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> MixtureModel:
    found: MixtureModel = load(str(folder / "m")).causal
    return found


def formula(folder: Path, x: np.ndarray) -> np.ndarray:
    """Bits of each example, from the members' own code lengths and the weights."""
    bits = np.stack([arzip.load(str(folder / order)).bits(x).sum(axis=1) for order in ORDERS])
    weight = np.exp2(load(str(folder / "m")).net.weight_q.numpy() / 32.0)
    return -np.logaddexp2.reduce(np.log2(weight / weight.sum())[:, None] - bits, axis=0)


def test_a_walk_asks_what_was_coded(model: MixtureModel) -> None:
    """Rows of components first, then decisions; it also finds the lengths of the components it met."""
    x = part_of("drawn-digits", "test")[:40]
    stepper = model.stepper(x.shape)
    for prediction, happened in model.predictions(x):
        np.testing.assert_array_equal(stepper.predict(), prediction)
        stepper.observe(happened)
    assert stepper.predict() is None
    np.testing.assert_array_equal(stepper.symbols, x)
    lengths = model.lengths(x)
    np.testing.assert_array_equal(stepper.components, model.posterior(lengths).argmax(axis=1))
    assert (np.where(stepper.lengths == UNKNOWN, lengths, stepper.lengths) == lengths).all()
    assert ((stepper.lengths != UNKNOWN).sum(axis=1) == 1).all()
    np.testing.assert_array_equal(model.lengths(x, stepper.lengths), lengths)
    check_road(model, x)


def test_its_cost_is_its_formula_and_below_every_member(folder: Path) -> None:
    x = part_of("drawn-digits", "test")
    bits = arzip.load(str(folder / "m")).bits(x)
    np.testing.assert_allclose(bits.sum(axis=1), formula(folder, x), atol=1e-3)
    members = [arzip.load(str(folder / order)).bits(x).sum() for order in ORDERS]
    assert bits.sum() < min(members) - len(x)  # more than a bit an example


def test_the_file_is_as_small_as_the_formula_says(folder: Path, model: MixtureModel) -> None:
    """Choosing the likeliest component, with no bits to come back, costs what the posterior keeps open."""
    x = part_of("drawn-digits", "test")
    first, coded = encode_mixture(model, x)
    total = formula(folder, x).sum()
    assert abs(coded.ideal_bits - total) < len(x) / 16
    size = 8 * len(coded.words)
    assert total < size < total + 96 + 2 * first
    assert 0 < first < len(x) / 20
    np.testing.assert_array_equal(decode_mixture(model, x.shape, first, coded.words), x)
    likeliest = total - np.log2(model.posterior(model.lengths(x)).max(axis=1) / (1 << 24)).sum()
    assert size < likeliest < 8 * len(check_road(model, x))


@pytest.mark.parametrize("examples", [1, 2, 7, 100])
def test_archives_of_any_size(folder: Path, examples: int) -> None:
    x = part_of("drawn-digits", "test")[:examples]
    archive = arzip.compress(x, model=str(folder / "m"))
    assert arzip.decompress(archive, model=str(folder / "m"))[-x.size :] == x.tobytes()
    assert len(archive) < formula(folder, x).sum() / 8 + 170


def test_components_of_any_chance_are_given_back(model: MixtureModel) -> None:
    """Even where the first examples hold less than the components take."""
    x = np.zeros((300, 144), np.uint8)  # next to nothing each
    first, coded = encode_mixture(model, x)
    np.testing.assert_array_equal(decode_mixture(model, x.shape, first, coded.words), x)


@pytest.mark.parametrize("held", [0, 4, 400])
def test_what_was_read_from_a_stack_can_be_written_back(held: int) -> None:
    """Even where it held less than was read."""
    random = np.random.default_rng(1)
    rows = random.integers(1, 1 << 20, (500, 3))
    rows = np.concatenate([rows, (1 << 24) - rows.sum(axis=1, keepdims=True)], axis=1).astype(np.int32)
    words = bytes(8) + random.bytes(held)
    stack = Stack(words if held else b"")
    x, decisions = stack.read(rows), stack.read(rows[:, 0])
    assert len(np.unique(x)) == (4 if held else 1)
    left = Stack(stack.words())
    left.write(rows[:, 0], decisions)
    left.write(rows, x)
    assert left.words() == (words if held else b"")


def test_a_stack_tells_what_is_no_stack() -> None:
    with pytest.raises(CorruptArchive, match="whole number"):
        Stack(bytes(5))
    with pytest.raises(CorruptArchive, match="ends in a zero"):
        Stack(b"1234" + bytes(4))
    with pytest.raises(CorruptArchive, match="longer than its contents"):
        Stack(b"1234").close()


def test_exact_lengths_are_logarithms() -> None:
    random = np.random.default_rng(2)
    chances = random.integers(1, 1 << 24, (300, 6), np.int32)
    chances[:, 5] = 1 << 24
    total = ExactLengths(6)
    for frequencies in chances:
        total.add(frequencies)
    exact = (24 - np.log2(chances)).sum(axis=0)
    bits = total.bits() / (1 << LENGTH_POINT)
    assert ((bits > exact - 1e-3) & (bits < exact + 0.04)).all()
    assert bits[5] == 0


def test_every_machine_writes_the_same() -> None:
    """Posteriors included: only where a block is cut in two may floats have a say, and that stands in the frame."""
    x = np.random.default_rng(5).integers(0, 2, (60, 180), np.uint8)
    first, coded = encode_mixture(load("mixture-dna-1").causal, x)
    digest = hashlib.sha256(coded.words).hexdigest()[:16]
    assert (first, digest) == (1, "8663491bed0f85df")


def test_damage_is_told(model: MixtureModel) -> None:
    x = part_of("drawn-digits", "test")[:50]
    first, coded = encode_mixture(model, x)
    with pytest.raises(CorruptArchive):
        decode_mixture(model, x.shape, 51, coded.words)
    for damaged in (coded.words[:-8], coded.words[:-1], bytes(4) + coded.words):
        with pytest.raises(CorruptArchive):
            decode_mixture(model, x.shape, first, damaged)


def test_other_tables_are_refused(model: MixtureModel) -> None:
    for shape in ((5, 143), (5, 12, 12)):
        with pytest.raises(UnsupportedInput, match="144 variables"):
            model.stepper(shape)


def test_a_symbol_has_no_row(folder: Path) -> None:
    with pytest.raises(UnsupportedInput, match="no distribution of a symbol"):
        arzip.load(str(folder / "m")).rows(part_of("drawn-digits", "test")[:2])


def test_samples_come_from_all_members(folder: Path, model: MixtureModel) -> None:
    drawn = arzip.load(str(folder / "m")).sample((64, 144), seed=4)
    shares = model.posterior(model.lengths(drawn)) / (1 << 24)
    assert (shares.max(axis=0) > 0.5).all()
    assert 5 < drawn.sum(axis=1).mean() < 60


def test_what_is_known_chooses_the_order_of_completion(folder: Path, model: MixtureModel) -> None:
    top = np.zeros((4, 144), bool)
    top[:, :72] = True
    left = np.tile(np.arange(144) % 12 < 6, (4, 1))
    for known, order in ((top, "raster"), (~top, "turned"), (left, "column")):
        assert model.suited(known).net is model.models[ORDERS.index(order)].net
        x = part_of("drawn-digits", "test")[:4]
        whole = arzip.load(str(folder / "m")).complete(x, known, seed=1)
        np.testing.assert_array_equal(whole[known], x[known])


def test_it_can_be_evaluated_and_explained(folder: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", str(folder / "m"), "--corpus", "drawn-digits", "--run", str(folder / "runs/tiny-mixture")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "decoded and compared" in result.output
    np.save(tmp_path / "digits.npy", part_of("drawn-digits", "test")[:60])
    found = explain((tmp_path / "digits.npy").read_bytes(), Settings(model=str(folder / "m")))
    assert sum(step.bytes for step in found.account) == found.size


def test_other_members_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    text = (folder / "m/recipe.toml").read_text()
    (tmp_path / "m/recipe.toml").write_text(text.replace(str(folder / "column"), str(folder / "turned")))
    (tmp_path / "m/weights.safetensors").symlink_to(folder / "m/weights.safetensors")
    with pytest.raises(ModelError, match="made with other weights"):
        load(str(tmp_path / "m"))
