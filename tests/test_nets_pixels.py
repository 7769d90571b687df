"""Convolutional nets over binary pictures: parity, road, causality, blind spots, and floats against integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from arzip.coding.coder import Dice
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.errors import ModelError
from arzip.exact.bernoulli import bits_of
from arzip.exact.engine import Engine
from arzip.nets import table_model
from arzip.nets.gated_pixelcnn import GatedPixelCNN
from arzip.nets.labelled_pixelcnn import LabelledPixelCNN
from arzip.nets.multiscale import Multiscale
from arzip.nets.pixelcnn import PixelCNN
from arzip.nets.table_model import OrderedNet, TableModel
from tests.laws import check_causality, check_parity, check_road

ROWS, COLUMNS = 6, 8
D = ROWS * COLUMNS
TOKENS = {"span": 4, "margin": [0, 1, 0, 0], "above": 2, "aside": 2, "channels": 6, "layers": 2, "dropout": 0.1}
NEAR = {"near": 7, "reach": 2}  # all of the row above
SIZES = {"variables": D, "rows": ROWS, "order": "raster", **TOKENS}
WHOLE = {**TOKENS, "margin": [0, 0, 0, 0], "reach": 1}
CELLS = {
    "span": 4,
    "margin": [0, 0, 0, 0],
    "above": 2,
    "aside": 2,
    "width": 12,
    "hidden": 6,
    "layers": 2,
    "dropout": 0.1,
}
NETS: dict[str, Callable[[], OrderedNet]] = {
    "pixelcnn": lambda: PixelCNN(**SIZES, width=12),
    "pixelcnn, pixels": lambda: PixelCNN(**{**SIZES, "span": 1}, width=12),
    "gated": lambda: GatedPixelCNN(**SIZES, **NEAR),
    "gated, pixels": lambda: GatedPixelCNN(**{**SIZES, "span": 1}, **NEAR),
    "multiscale": lambda: Multiscale(variables=D, rows=ROWS, every=2, small={**CELLS, "span": 2}, large=CELLS),
    "multiscale, sparse": lambda: Multiscale(
        variables=2 * D, rows=2 * ROWS, every=4, small={**CELLS, "span": 1}, large=CELLS
    ),
    "labelled": lambda: LabelledPixelCNN(variables=D + 3, rows=ROWS, labels=3, picture=WHOLE),
}


def trained(name: str, scale: float = 0.2) -> OrderedNet:
    torch.manual_seed(0)
    net = NETS[name]()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * scale)
    return net.eval()


def placed(name: str, kind: str = "fp32", scale: float = 0.2) -> TableModel:
    net = trained(name, scale)
    net.freeze()
    net.place(Engine(kind, "cpu"))
    return TableModel(net)


def table(examples: int, name: str = "") -> np.ndarray:
    variables = NETS[name]().variables if name else D
    return (np.random.default_rng(0).random((examples, variables)) < np.linspace(0.05, 0.95, variables)).astype(
        np.uint8
    )


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("examples", [0, 1, 37])
def test_parity_and_road(name: str, examples: int) -> None:
    if examples:
        check_parity(placed(name), table(examples, name))
    check_road(placed(name), table(examples, name))


@pytest.mark.parametrize("name", NETS)
def test_every_clamp_is_met(name: str) -> None:
    """Weights so large that streams and sums leave their ranges: both readings are cut in the same places."""
    check_parity(placed(name, scale=1.5), table(20, name))


@pytest.mark.parametrize("name", NETS)
def test_causality_by_perturbation(name: str) -> None:
    model, x = placed(name), table(9, name)
    for at in (0, 7, 20, D - 2):
        changed = x.copy()
        changed[:, model.net.order[at]] ^= 1
        check_causality(model, x, changed, (at + 1) * len(x))


def slopes(name: str) -> np.ndarray:
    """Whether logit d moves with variable i, bool [D, D]; both in coding order."""
    net = trained(name)
    x = torch.from_numpy(table(8, name)).float().requires_grad_()
    logits = net(x)
    rows = [torch.autograd.grad(z.sum(), x, retain_graph=True)[0].abs().amax(dim=0) for z in logits.unbind(1)]
    return torch.stack(rows).numpy() > 0


@pytest.mark.parametrize("name", NETS)
def test_causality_by_gradient(name: str) -> None:
    seen = slopes(name)
    assert not np.triu(seen).any(), "a pixel sees itself or the future"
    # Labels enter as numbers of classes, and pixels of the same token choose among logits: neither has slopes.
    first = getattr(NETS[name](), "labels", 0)
    assert seen[first + COLUMNS :].any(axis=1).all(), "a pixel sees nothing"


def test_only_the_plain_net_has_a_blind_spot() -> None:
    """Up and to the right: in reach of as many 3 x 3 kernels, but of no path of masked ones."""
    at, blind = 4 * COLUMNS + 1, 3 * COLUMNS + 6
    assert not slopes("pixelcnn, pixels")[at, blind]
    seen = slopes("gated, pixels")
    assert seen[at, blind]
    assert np.tril(np.ones((D, D), bool), -1)[at][~seen[at]].sum() == 0, "a pixel before this one is not seen"


@pytest.mark.parametrize("name", NETS)
def test_freezing_costs_little(name: str) -> None:
    net, x = trained(name), table(300, name)
    with torch.no_grad():
        ordered = torch.from_numpy(x[:, net.order]).float()
        real = float(bits_of(net(ordered), ordered))
    net.freeze()
    net.place(Engine("fp32", "cpu"))
    assert abs(encode_symbols(TableModel(net), x).ideal_bits / real - 1) < 0.002


@pytest.mark.parametrize("name", NETS)
def test_engines_chunks_and_threads_give_the_same_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words, before = set(), torch.get_num_threads()
    try:
        for chunk, kind, threads in ((1, "fp32", 1), (7, "int8", 2), (500, "fp32", 2)):
            monkeypatch.setattr(table_model, "_CHUNK", chunk)
            torch.set_num_threads(threads)
            words.add(encode_symbols(placed(name, kind), table(50, name)).words)
    finally:
        torch.set_num_threads(before)
    assert len(words) == 1


@pytest.mark.parametrize("name", NETS)
def test_samples(name: str) -> None:
    samples = [decode_symbols(placed(name, kind), (30, trained(name).variables), Dice(3)) for kind in ("fp32", "int8")]
    np.testing.assert_array_equal(*samples)
    assert len(np.unique(samples[0], axis=0)) > 20


def test_bounds_are_proved_before_any_use() -> None:
    net = placed("gated").net
    net.get_submodule("layers.0.vertical").weight_q[:, 0] = 32767
    with pytest.raises(ModelError, match="beyond"):
        net.check()
