"""PixelRNN: fronts and the gradient through them, exact against float, causality, what a pixel sees, every engine."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from arzip.coding.coder import Dice
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.errors import ModelError
from arzip.exact.bernoulli import bits_of
from arzip.exact.engine import Engine
from arzip.exact.gates import CELL_POINT, lstm_row, lstm_unit
from arzip.nets import table_model
from arzip.nets.diagonal_bilstm import DiagonalBiLSTM
from arzip.nets.fronts_of_cells import Fronts, diagonal_fronts, recur, row_fronts
from arzip.nets.pixel_rnn import PixelRNN
from arzip.nets.row_lstm import RowLSTM
from arzip.nets.table_model import TableModel
from tests.laws import check_causality, check_parity, check_road

ROWS, COLUMNS = 6, 8
D = ROWS * COLUMNS
SIZES = {
    "variables": D,
    "rows": ROWS,
    "order": "raster",
    "above": 2,
    "aside": 2,
    "width": 8,
    "hidden": 5,
    "dropout": 0.1,
}
EVEN = {**SIZES, "width": 16, "hidden": 8}  # with products of short integers, where the machine has them
PIXELS = {**SIZES, "span": 1, "margin": [1, 0, 1, 2]}
NETS = {
    "rows": lambda: RowLSTM(**SIZES, span=2, margin=[0, 0, 0, 0], layers=2),
    "rows, pixels": lambda: RowLSTM(**PIXELS, layers=1),
    "diagonals": lambda: DiagonalBiLSTM(**SIZES, span=2, margin=[0, 0, 0, 0], layers=2),
    "diagonals, pixels": lambda: DiagonalBiLSTM(**PIXELS, layers=1),
    "diagonals, even": lambda: DiagonalBiLSTM(**EVEN, span=2, margin=[0, 0, 0, 0], layers=2),
    "rows, even": lambda: RowLSTM(**EVEN, span=2, margin=[0, 0, 0, 0], layers=1),
    "diagonals, phases": lambda: DiagonalBiLSTM(**SIZES, span=2, margin=[1, 0, 2, 0], layers=1, phases=[1, 0]),
}
FRONTS = {
    "rows": row_fronts(4, 5),
    "diagonals, wide": diagonal_fronts(3, 5, mirrored=False),
    "diagonals, high": diagonal_fronts(5, 3, mirrored=True),
}


def trained(name: str, spread: float = 0.3) -> PixelRNN:
    torch.manual_seed(0)
    net = NETS[name]()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name != "bends":  # only training knows these
                parameter.add_(torch.randn_like(parameter) * spread)
    return net.eval()


@cache
def placed(name: str, kind: str = "fp32", spread: float = 0.3) -> TableModel:
    net = trained(name, spread)
    net.freeze()
    net.place(Engine(kind, "cpu"))
    return TableModel(net)


def table(examples: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.random((examples, D)) < np.linspace(0.05, 0.95, D)).astype(np.uint8)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("examples", [0, 1, 37])
def test_parity_and_road(name: str, examples: int) -> None:
    if examples:
        check_parity(placed(name), table(examples))
    check_road(placed(name), table(examples))


@pytest.mark.parametrize("name", NETS)
def test_parity_where_everything_is_clamped(name: str) -> None:
    model = placed(name, spread=4.0)
    assert float((np.abs(model.net.outputs(table(9))) == 32767).mean()) > 0.1
    check_parity(model, table(9))


@pytest.mark.parametrize("name", NETS)
def test_causality_by_perturbation(name: str) -> None:
    model, x = placed(name), table(9)
    for at in (0, 9, 20, D - 2):
        changed = x.copy()
        changed[:, at] ^= 1
        check_causality(model, x, changed, (at + 1) * len(x))


@pytest.mark.parametrize("name", NETS)
def test_causality_by_gradient(name: str) -> None:
    """d logit_d / d x_i is zero for i >= d, and not for every i < d."""
    net, x = trained(name), torch.from_numpy(table(3)).float().requires_grad_()
    logits = net.unrounded(x)
    for d in range(D):
        (slope,) = torch.autograd.grad(logits[:, d].sum(), x, retain_graph=True)
        # Pixels of the same token choose among logits, but in another phase they may be of the token before.
        token = d // net.span * net.span if net.phases.count == 1 else d
        assert not slope[:, token:].any(), d
        assert token < net.span or slope[:, :token].any(), f"pixel {d} sees nothing"


def seen_by(net: PixelRNN, y: int, x: int) -> np.ndarray:
    """Which pixels change the logit of pixel (y, x) at all."""
    pixels = torch.rand(64, net.variables, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with torch.no_grad():
        for layer in net.layers:  # which add nothing at first
            layer.up.weight.add_(torch.randn_like(layer.up.weight))
    (slope,) = torch.autograd.grad(net.unrounded(pixels)[:, y * net.columns + x].sum(), pixels)
    return slope.abs().sum(dim=0).view(net.rows, net.columns).numpy() > 0


def test_what_a_pixel_sees() -> None:
    """Of all pixels before: the Diagonal BiLSTM all but the end of the row above, of which no cell knows before the row
    is over; the Row LSTM those in a triangle, with their windows."""
    torch.manual_seed(0)
    sizes = {"variables": 15 * 15, "rows": 15, "order": "raster", "span": 1, "margin": [0, 0, 0, 0], "layers": 1}
    sizes |= {"above": 3, "aside": 3, "width": 8, "hidden": 8, "dropout": 0.0}
    y, x = 6, 4
    before = np.arange(225).reshape(15, 15) < y * 15 + x
    every = before.copy()
    every[y - 1, -1] = False
    np.testing.assert_array_equal(seen_by(DiagonalBiLSTM(**sizes), y, x), every)
    wanted = np.zeros_like(before)
    for up in range(y + 1):
        for column in range(max(0, x - up - 1), min(15, x + up + 1)):  # cells x - up .. x + up and a left neighbour
            wanted[max(0, y - up - 3) : y - up, max(0, column - 3) : column + 4] = True
            wanted[y - up, max(0, column - 3) : column] = True
    np.testing.assert_array_equal(seen_by(RowLSTM(**sizes), y, x), wanted)


@pytest.mark.parametrize("name", NETS)
def test_freezing_costs_next_to_nothing(name: str) -> None:
    net, x = trained(name), table(200)
    with torch.no_grad():
        real = net.unrounded(torch.from_numpy(x).float())
    exact = torch.from_numpy(placed(name).net.outputs(x)) / 2048
    wanted, found = (float(bits_of(z, torch.from_numpy(x).float())) for z in (real.clamp(-16, 16), exact))
    assert abs(found / wanted - 1) < 0.002
    assert float((real.clamp(-16, 16) - exact).abs().mean()) < 0.01


@pytest.mark.parametrize("name", NETS)
def test_neither_engines_nor_threads_nor_sizes_change_a_word(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words, samples = set(), []
    threads = torch.get_num_threads()
    for chunk, together, kind, count in ((1, 1, "fp32", 1), (7, 3, "int8", 2), (500, 500, "fp32", 2)):
        monkeypatch.setattr(table_model, "_CHUNK", chunk)
        monkeypatch.setattr(PixelRNN, "together", together)
        try:
            torch.set_num_threads(count)
            words.add(encode_symbols(placed(name, kind), table(50)).words)
            samples.append(decode_symbols(placed(name, kind), (30, D), Dice(3)))
        finally:
            torch.set_num_threads(threads)
    assert len(words) == 1
    for sample in samples[1:]:
        np.testing.assert_array_equal(sample, samples[0])
    assert len(np.unique(samples[0], axis=0)) > 20


def test_a_row_of_cells_is_what_each_of_them_is_alone() -> None:
    """Wherever gates are shut, open or half open, and with cells up to their limits."""
    random, units = np.random.default_rng(0), 3000
    sums = random.integers(-9 << 10, 9 << 10, (4, units)) * random.choice([1, 7], (4, units))
    sums[:, :4] = np.array([-65534, 65534, 8184, -8200])[:, None] * [1, -1, 1, -1]
    end = (16 << CELL_POINT) - 1
    before = random.integers(-end, end + 1, units).astype(np.int32)
    before[:2] = end, -end
    cell, hidden = before.copy(), np.empty(units, np.float32)
    lstm_row(sums.astype(np.float32).ravel(), cell, hidden)
    wanted = [lstm_unit(*sums[:, j], before[j]) for j in range(units)]
    np.testing.assert_array_equal(np.stack([cell, hidden], axis=1), wanted)


def by_definition(x: Tensor, inner: Tensor, bias: Tensor, weight: Tensor, fronts: Fronts) -> Tensor:
    """Cell by cell, each looking for its neighbours; gradients by torch."""
    units = weight.shape[1] // 4
    h = [torch.zeros(x.shape[1], units, dtype=x.dtype)] * (fronts.indices + 2)
    c = [torch.zeros(x.shape[1], units, dtype=x.dtype)] * fronts.indices
    hidden: list[Tensor] = []
    for first, end in fronts.spans:
        after = list(h)
        for index in range(first, end):
            seen = torch.cat([h[1 + index + tap] for tap in fronts.taps], dim=1)
            i, f, o, g = (x[len(hidden)] @ inner + bias + seen @ weight).chunk(4, dim=1)
            c[index] = torch.sigmoid(f) * c[index] + torch.sigmoid(i) * torch.tanh(g)
            after[1 + index] = torch.sigmoid(o) * torch.tanh(c[index])
            hidden.append(after[1 + index])
        h = after
    return torch.stack(hidden)


@pytest.mark.parametrize("name", FRONTS)
def test_recurrence_and_its_gradient_are_those_of_the_definition(name: str) -> None:
    fronts, units, draw = FRONTS[name], 4, torch.Generator().manual_seed(1)
    shapes = (len(fronts.order), 3, 6), (6, 4 * units), (4 * units,), (len(fronts.taps) * units, 4 * units)
    given = [torch.randn(shape, generator=draw).requires_grad_() for shape in shapes]
    slope = torch.randn(len(fronts.order), 3, units, generator=draw)
    found, wanted = recur(*given, fronts), by_definition(*(t.double() for t in given), fronts)
    torch.testing.assert_close(found.double(), wanted, atol=1e-5, rtol=1e-4)
    gradients = [torch.autograd.grad((y * slope).sum(), given) for y in (found, wanted)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = torch.autograd.grad((recur(*given, fronts) * slope).sum(), given)
    for ours, theirs in zip(coarse, gradients[0], strict=True):
        assert ours.dtype == torch.float32 and float((ours - theirs).norm()) < 0.05 * float(theirs.norm())


@pytest.mark.parametrize("name", FRONTS)
def test_cells_of_a_front_see_their_neighbours_in_the_front_before(name: str) -> None:
    fronts = FRONTS[name]
    height, width = (4, 5) if name == "rows" else (3, 5) if "wide" in name else (5, 3)
    np.testing.assert_array_equal(np.sort(fronts.order), np.arange(height * width))
    cells = iter(fronts.order.tolist())
    before: dict[int, int] = {}
    for first, end in fronts.spans:
        now = {index: next(cells) for index in range(first, end)}
        for index, cell in now.items():
            y, x = divmod(cell, width)
            left = x + 1 if "high" in name else x - 1  # mirrored: comes from the right
            seen = [(y - 1, x + step) for step in (-1, 0, 1)] if name == "rows" else [(y, left), (y - 1, x)]
            wanted = [v * width + u for v, u in seen if v >= 0 and 0 <= u < width]
            assert [before[index + tap] for tap in fronts.taps if index + tap in before] == wanted
        before = {index: cell for index, cell in now.items() if index in range(first, end)}


@pytest.mark.parametrize("name", NETS)
def test_a_broken_bound_is_refused(name: str) -> None:
    net = trained(name)
    net.freeze()
    net.layers[0].up.weight_q[:, 2] = 32767
    with pytest.raises(ModelError, match="beyond"):
        net.check()
