"""Nets over tables: parity, road, causality, masks, and the training reading against the exact one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from arzip.coding.coder import Dice
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.errors import ModelError, UnsupportedInput
from arzip.exact.bernoulli import LOGIT, bits_of, probabilities
from arzip.exact.engine import Engine
from arzip.nets import nade, table_model
from arzip.nets.fvsbn import FVSBN
from arzip.nets.made import MADE
from arzip.nets.nade import NADE
from arzip.nets.ordering import ORDERS, ordering
from arzip.nets.table_model import OrderedNet, TableModel
from tests.laws import check_causality, check_parity, check_road

D, ROWS = 36, 6
SIZES = {"variables": D, "rows": ROWS}
MADE_OF = {"layers": 2, "margin": 0, "dropout": 0.2}
NETS: dict[str, Callable[[], OrderedNet]] = {
    "fvsbn": lambda: FVSBN(**SIZES, order="raster"),
    "fvsbn, spiral": lambda: FVSBN(**SIZES, order="spiral"),
    "nade": lambda: NADE(**SIZES, order="column", hidden=20),
    "nade, 5 levels": lambda: NADE(**SIZES, order="raster", hidden=20, levels=5),
    "made, one group": lambda: MADE(**SIZES, order="random", groups=1, window=0, hidden=50, **MADE_OF),
    "made, groups": lambda: MADE(**SIZES, order="raster", groups=6, window=2, hidden=16, **MADE_OF),
    "made, one layer": lambda: MADE(
        **SIZES, order="raster", groups=3, window=2, hidden=9, layers=1, margin=2, dropout=0.0
    ),
}


def trained(name: str, seed: int = 0) -> OrderedNet:
    """A net with weights large enough that every clamp is met."""
    torch.manual_seed(seed)
    net = NETS[name]()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.7)
    return net.eval()


def placed(name: str, kind: str = "fp32") -> TableModel:
    net = trained(name)
    net.freeze()
    net.place(Engine(kind, "cpu"))
    return TableModel(net)


def table(examples: int, name: str = "") -> np.ndarray:
    """Random bits, or levels, with a share of zeros that changes from column to column."""
    random = np.random.default_rng(0)
    bits = random.random((examples, D)) < np.linspace(0.05, 0.95, D)
    return (bits * (random.integers(1, 5, bits.shape) if "levels" in name else 1)).astype(np.uint8)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("examples", [1, 2, 37])
def test_parity_and_road(name: str, examples: int) -> None:
    check_parity(placed(name), table(examples, name))
    check_road(placed(name), table(examples, name))


@pytest.mark.parametrize("name", NETS)
def test_an_empty_table(name: str) -> None:
    check_road(placed(name), table(0, name))


@pytest.mark.parametrize("name", NETS)
def test_causality_by_perturbation(name: str) -> None:
    model, x = placed(name), table(9, name)
    for at in (0, 7, 20, D - 2):
        changed = x.copy()
        place = model.net.order[at]
        changed[:, place] = (x[:, place] + 1) % model.net.alphabet
        check_causality(model, x, changed, (at + 1) * len(x))


@pytest.mark.parametrize("name", NETS)
def test_causality_by_gradient(name: str) -> None:
    """d logit_d / d x_i is zero for i >= d, and not for every i < d."""
    net = trained(name)
    x = torch.from_numpy(table(8, name)).float().requires_grad_()
    logits = net.unrounded(x)
    for d in range(D):
        (slope,) = torch.autograd.grad(logits[:, d].sum(), x, retain_graph=True, allow_unused=True)
        assert not slope[:, d:].any(), d
        assert d == 0 or slope[:, :d].any(), f"variable {d} sees nothing"


@pytest.mark.parametrize("name", NETS)
def test_the_training_reading_is_the_exact_one(name: str) -> None:
    net, x = trained(name), table(21, name)
    unit = 1 << LOGIT.point if net.alphabet == 2 else 32 / np.log(2)
    with torch.no_grad():
        read = (net(torch.from_numpy(x).float()) * unit).round()
    net.freeze()
    net.place(Engine("fp32", "cpu"))
    np.testing.assert_array_equal(read.numpy().astype(np.int64), net.outputs(x))


@pytest.mark.parametrize("name", NETS)
def test_examples_may_lie_in_memory_as_they_like(name: str) -> None:
    """Indexing by an order leaves arrays column by column; every reading takes them."""
    net, x = trained(name), torch.from_numpy(table(21, name)).float()
    across = x.t().contiguous().t()
    with torch.no_grad():
        assert torch.equal(net(across), net(x)) and torch.equal(net.unrounded(across), net.unrounded(x))


@pytest.mark.parametrize("name", NETS)
def test_rounding_costs_little(name: str) -> None:
    net, x = trained(name), torch.from_numpy(table(200, name)).float()
    with torch.no_grad():
        free = net.unrounded(x).clamp(LOGIT.low / 2048, LOGIT.high / 2048)
        assert abs(float(bits_of(net(x), x) / bits_of(free, x)) - 1) < 0.005, name


@pytest.mark.parametrize("name", NETS)
def test_batch_sizes_and_engines_give_the_same_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = set()
    for chunk in (1, 7, 500):
        monkeypatch.setattr(table_model, "_CHUNK", chunk)
        words |= {encode_symbols(placed(name, kind), table(50, name)).words for kind in ("fp32", "int8")}
    assert len(words) == 1


@pytest.mark.parametrize("name", NETS)
def test_samples_are_the_same_on_every_engine(name: str) -> None:
    samples = [decode_symbols(placed(name, kind), (30, D), Dice(3)) for kind in ("fp32", "int8")]
    np.testing.assert_array_equal(*samples)
    assert len(np.unique(samples[0], axis=0)) > 20
    assert not np.array_equal(samples[0], decode_symbols(placed(name), (30, D), Dice(4)))


@pytest.mark.parametrize("name", NETS)
def test_rows_and_code_lengths_say_the_same(name: str) -> None:
    model, x = placed(name), table(10, name)
    rows, lengths = model.rows(x), model.code_lengths(x)
    np.testing.assert_allclose(rows.sum(axis=-1), 1.0)
    chosen = np.take_along_axis(rows, x[..., None].astype(np.int64), axis=-1)[..., 0]
    np.testing.assert_allclose(-np.log2(chosen), lengths, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(lengths.sum(), encode_symbols(model, x).ideal_bits)


@pytest.mark.parametrize("name", [n for n in NETS if n.startswith("made")])
def test_masks_are_their_definition(name: str) -> None:
    """Drawn by degrees as in the paper, for every group; then all paths counted: i reaches d exactly when i < d."""
    net = NETS[name]()
    assert isinstance(net, MADE)
    masks = {key: mask.numpy() for key, mask in net.masks().items()}
    before = net.inputs - net.columns
    for u, degree in enumerate(net.degrees):
        for i in range(net.inputs):
            assert masks["first"][i, u] == (i - before < degree)
        for v, other in enumerate(net.degrees):
            assert masks["inner"][u, v] == (degree <= other)
        for d in range(net.columns):
            assert masks["last"][u, d] == (degree <= d)
    hidden = np.linalg.matrix_power(np.eye(net.hidden) + masks["inner"], net.layers - 1)
    paths = masks["first"] @ hidden @ masks["last"] + masks["direct"]
    inputs, outputs = np.arange(net.inputs)[:, None] - before, np.arange(net.columns)[None]
    np.testing.assert_array_equal(paths > 0, inputs < outputs)


def test_a_broken_mask_is_refused() -> None:
    net = placed("made, groups").net
    net.last_q[0, -1, 0] = 1  # a unit that sees five variables speaks to the first
    with pytest.raises(ModelError, match="not autoregressive"):
        net.check()


@pytest.mark.parametrize("name", ["made, one group", "made, groups"])
def test_sums_that_may_overflow_are_refused(name: str) -> None:
    net = trained(name)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(100.0)
    net.freeze()  # shrinks what it has to, so that the bounds hold
    assert 0 < int(net.last_q.max()) < 100 << 8
    net.last_q = (net.masks()["last"] * 32767).to(torch.int16).expand_as(net.last_q).clone()
    with pytest.raises(ModelError, match="beyond"):
        net.check()


def test_nades_gradient_is_that_of_its_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nade, "_CERTAIN", 0.0)
    net = trained("nade")
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(0.3)
    x = torch.from_numpy(table(64)).float()
    gradients = []
    for reading in (net, net.unrounded):
        net.zero_grad()
        bits_of(reading(x), x).backward()
        gradients.append({n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() and len(gradients[0]) == 4
    for name, exact in gradients[0].items():
        assert torch.allclose(exact, gradients[1][name], atol=0.02 * float(gradients[1][name].abs().max())), name


def test_fewer_slopes_are_the_same_on_average() -> None:
    torch.manual_seed(0)
    slope = torch.tensor([[1.0, 0.005, -0.01, 0.0, -0.03]]).expand(200_000, 5)
    fewer = nade._fewer(slope)
    assert torch.allclose(fewer.mean(dim=0), slope[0], atol=2e-4)
    assert float((fewer == 0).float().mean()) > 0.4


def test_probabilities_are_the_logistic_function() -> None:
    logits = np.arange(LOGIT.low, LOGIT.high + 1, dtype=np.int32)
    p = np.empty_like(logits)
    probabilities(logits, p)
    wanted = 1 / (1 + np.exp(-logits / 2048.0))
    np.testing.assert_allclose(p / 2**24, wanted, atol=1.5e-5, rtol=1e-3)
    assert (np.diff(p) >= 0).all() and p.min() >= 1 and p.max() < 1 << 24
    assert abs(p + p[::-1] - (1 << 24)).max() <= 1


@pytest.mark.parametrize("name", ORDERS)
def test_orders_are_permutations(name: str) -> None:
    order = ordering(name, 84, 7)
    np.testing.assert_array_equal(np.sort(order), np.arange(84))
    np.testing.assert_array_equal(order, ordering(name, 84, 7))


def test_orders_go_where_they_say() -> None:
    assert ordering("column", 6, 2).tolist() == [0, 3, 1, 4, 2, 5]
    assert ordering("turned", 6, 2).tolist() == [5, 4, 3, 2, 1, 0]
    assert ordering("column-turned", 6, 2).tolist() == [5, 2, 4, 1, 3, 0]
    assert ordering("spiral", 9, 3).tolist() == [4, 3, 6, 7, 8, 5, 2, 1, 0]
    assert ordering("coarse", 16, 4).tolist()[:5] == [0, 2, 8, 10, 1]
    assert ordering("coarse", 36, 6, every=3).tolist()[:5] == [0, 3, 18, 21, 1]
    with pytest.raises(ModelError, match="known are raster"):
        ordering("zigzag", 9, 3)
    with pytest.raises(ModelError, match="equal rows"):
        ordering("raster", 9, 2)


def test_a_random_order_may_name_its_seed() -> None:
    orders = [tuple(ordering(name, 50, 1)) for name in ("random", "random-1", "random-2")]
    assert len(set(orders)) == 3
    assert orders[2] == tuple(ordering("random", 50, 1, seed=2))
    with pytest.raises(ModelError, match="unknown order"):
        ordering("random-x", 50, 1)


def test_other_tables_are_refused() -> None:
    model = placed("fvsbn")
    with pytest.raises(UnsupportedInput, match="36 variables"):
        list(model.predictions(np.zeros((3, 35), np.uint8)))
    with pytest.raises(UnsupportedInput, match=r"0\.\.1"):
        list(model.predictions(np.full((3, D), 2, np.uint8)))
