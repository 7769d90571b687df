"""Character nets: the recurrent cells against a plain reading of their formulas, laws, and training from scratch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import arzip
from arzip.coding.coder import Dice
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.exact.engine import Engine
from arzip.exact.recurrent import GRU, LSTM, SUMS, Recurrent
from arzip.nets import char_rnn
from arzip.nets.char_rnn import CharRNN, TextModel
from arzip.nets.char_transformer import CharTransformer
from arzip.training.publish import train_and_publish
from tests.laws import check_causality, check_parity, check_road

TEXT = np.frombuffer(Path(arzip.__file__).with_name("container.py").read_bytes(), np.uint8)
RECIPE = """
id = "tiny-{cell}"
net = "{net}"
corpus = "texts"
seed = 3
[architecture]
{architecture}
[data]
file = "texts.txt"
window = 32
[schedule]
cycles = [160]
batch = 24
rate = 0.03
warmup = 10
validate_every = 80
"""


CELLS = 'cell = "{cell}"\nunits = 40'
BLOCKS = "width = 32\nlayers = 1\nheads = 2\nkey = 8\ninner = 64\nwindow = 32\ndropout = 0.0"


def recipe_of(family: str) -> str:
    blocks = family == "transformer"
    architecture = BLOCKS if blocks else CELLS.format(cell=family)
    return RECIPE.format(cell=family, net="char_transformer" if blocks else "char_rnn", architecture=architecture)


FAMILIES = ["gru", "lstm", "transformer"]


def unplaced(family: str) -> CharRNN | CharTransformer:
    torch.manual_seed(0)
    if family == "transformer":
        return CharTransformer(width=24, layers=2, heads=2, key=8, inner=32, window=20, dropout=0.1).eval()
    return CharRNN(cell=family, units=24)


def placed(family: str, kind: str = "fp32") -> TextModel:
    net = unplaced(family)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3.0)
    net.freeze()
    net.place(Engine(kind, "cpu"))
    return TextModel(net)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def reference(cell: Recurrent, x: np.ndarray) -> np.ndarray:
    """h of every step by the papers' equations in doubles, from the frozen integers; h enters products unrounded."""
    inner = cell.inner
    scale = 2.0 ** -(inner.shift_q.numpy() + SUMS.point - 7)
    weight, bias = inner.weight_q.numpy() * scale[:, None], inner.bias_q.numpy() * scale / 128
    n, h, c = cell.units, np.zeros((x.shape[1], cell.units)), np.zeros((x.shape[1], cell.units))
    found = []
    for row in x:
        q = h @ weight.T + bias
        if isinstance(cell, LSTM):
            i, f, o, g = np.split(row + q, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            r, z = np.split(sigmoid(row[:, : 2 * n] + q[:, : 2 * n]), 2, axis=1)
            h = z * h + (1 - z) * np.tanh(row[:, 2 * n :] + r * q[:, 2 * n :])
        found.append(h)
    return np.stack(found)


@pytest.mark.parametrize("family", [GRU, LSTM])
def test_cells_follow_their_equations(family: type[Recurrent]) -> None:
    torch.manual_seed(1)
    cell = family(12)
    cell.freeze()
    cell.place(Engine("fp32", "cpu"))
    x = torch.randint(-3000, 3000, (30, 5, cell.gates * 12), dtype=torch.int32)
    exact = cell.whole(x).numpy() / 128
    np.testing.assert_allclose(exact, reference(cell, x.numpy() / 1024), atol=0.03)
    with torch.no_grad():
        np.testing.assert_allclose(exact, cell(x / 1024).numpy(), atol=0.03)
    assert np.abs(exact).max() > 0.5


@pytest.mark.parametrize("family", [GRU, LSTM])
def test_cells_at_the_extremes(family: type[Recurrent]) -> None:
    """Gates that never open or close: the state stays on its grid and inside its range."""
    cell = family(4)
    cell.freeze()
    cell.place(Engine("fp32", "cpu"))
    for value in (-32767, 32767):
        x = torch.full((200, 2, cell.gates * 4), value, dtype=torch.int32)
        h = cell.whole(x)
        assert int(h.abs().max()) <= 127


@pytest.mark.parametrize("cell", FAMILIES)
@pytest.mark.parametrize("size", [0, 1, 17, 300])
def test_laws(cell: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(char_rnn, "_LANE", 32)
    if size:
        rows = check_parity(placed(cell), TEXT[:size])
        assert (rows >= 1).all() and (rows.sum(axis=1, dtype=np.int64) == 1 << 24).all()
    check_road(placed(cell), TEXT[:size])


@pytest.mark.parametrize("cell", FAMILIES)
def test_causality(cell: str) -> None:
    changed = TEXT[:200].copy()
    changed[90] ^= 1
    check_causality(placed(cell), TEXT[:200], changed, 91)


@pytest.mark.parametrize("cell", FAMILIES)
def test_engines_agree(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(char_rnn, "_LANE", 64)
    assert len({encode_symbols(placed(cell, kind), TEXT[:700]).words for kind in ("fp32", "int8")}) == 1
    samples = [decode_symbols(placed(cell, kind), (150,), Dice(2)) for kind in ("fp32", "int8")]
    np.testing.assert_array_equal(*samples)


def test_a_transformer_walks_as_it_was_trained() -> None:
    net, x = unplaced("transformer"), TEXT[:20]
    with torch.no_grad():
        real = float(net.bits(torch.from_numpy(x.astype(np.int64))[:, None]))
    net.freeze()
    net.place(Engine("fp32", "cpu"))
    assert abs(float(TextModel(net).code_lengths(x).sum()) / real - 1) < 0.003


def test_a_transformer_forgets_half_a_window_at_once() -> None:
    """One layer, a window of 20: byte 12 is still seen at 23, byte 2 is not; at 19 it was."""
    torch.manual_seed(0)
    net = CharTransformer(width=24, layers=1, heads=2, key=8, inner=32, window=20, dropout=0.0)
    with torch.no_grad():
        for parameter in net.parameters():  # blocks add nothing at first
            parameter.add_(torch.randn_like(parameter) * 0.1)
    net.freeze()
    net.place(Engine("fp32", "cpu"))

    def row(at: int, changed: int) -> np.ndarray:
        text = TEXT[:24].copy()
        text[changed] ^= 1
        return TextModel(net).rows(text)[at]

    before = TextModel(net).rows(TEXT[:24])
    assert not np.array_equal(row(23, 12), before[23])
    assert not np.array_equal(row(19, 2), before[19])
    np.testing.assert_array_equal(row(23, 2), before[23])


@pytest.mark.parametrize("cell", FAMILIES)
def test_train_publish_compress_continue(cell: str, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    documents = [TEXT[at : at + 160].tobytes() for at in range(0, len(TEXT), 160)]
    (tmp_path / "texts/texts.txt").write_bytes(b"\0".join(documents))
    (tmp_path / "recipe.toml").write_text(recipe_of(cell))
    train_and_publish(tmp_path / "recipe.toml", output=tmp_path / "m", runs=tmp_path / "runs", device="cpu")
    model = arzip.load(str(tmp_path / "m"))
    bits = model.bits(TEXT)
    assert bits.mean() < 4.3  # a histogram of this text needs 4.7
    archive = arzip.compress(TEXT.tobytes(), model=str(tmp_path / "m"))
    assert arzip.decompress(archive, model=str(tmp_path / "m")) == TEXT.tobytes()
    assert len(archive) < bits.sum() / 8 * 1.001 + 80
    text = np.concatenate([TEXT[:40], np.zeros(20, np.uint8)])
    longer = model.complete(text, np.arange(60) < 40, seed=1)
    np.testing.assert_array_equal(longer[:40], TEXT[:40])
    assert longer[40:].any()
