"""The net that reads along with the byte engine: its gradient, its exact reading, the engine's laws beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import arzip
from arzip.errors import CorruptArchive, ModelError
from arzip.exact.fixed import straight_through
from arzip.exact.recurrence import recur
from arzip.exact.recurrent import HIDDEN
from arzip.exact.small_gru import LEARNING, TRAINED, advance_all, new_gru_state, small_gru
from arzip.given import Given
from arzip.mixing.byte_road import EngineModel, decode_bytes, encode_bytes
from arzip.nets.char_rnn import TextModel
from arzip.nets.text_net import TextNet
from arzip.primed import decode_primed, encode_primed
from arzip.store import load
from arzip.training.publish import train_and_publish
from tests.conftest import small_text_net
from tests.laws import check_causality, check_parity, check_road
from tests.test_priming import text

RECIPE = """
id = "tiny-text"
net = "text_net"
corpus = "texts"
seed = 3
[architecture]
units = 48
pairs = 64
words = 64
[data]
window = 32
longest = 2000
[data.weights]
"texts.txt" = 1.0
[schedule]
cycles = [150]
batch = 24
rate = 0.02
warmup = 10
validate_every = 75
"""


@pytest.fixture(scope="module")
def net() -> TextNet:
    return small_text_net()


def test_gradient_is_that_of_automatic_differentiation() -> None:
    torch.manual_seed(0)
    x, more, start = 0.5 * torch.randn(7, 3, 15), 0.3 * torch.randn(7, 3, 5), torch.tanh(torch.randn(3, 5))
    weight, bias = 0.5 * torch.randn(15, 5), torch.randn(15)
    mask = torch.randn(7, 3, 5)

    def plain(x: torch.Tensor, more: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        h, hidden = start, []
        for row, added in zip(x, more, strict=True):
            q = straight_through(h, HIDDEN) @ weight.t() + bias
            r, z = torch.sigmoid(row[:, :10] + q[:, :10]).chunk(2, dim=1)
            n = torch.tanh(row[:, 10:] + added + r * q[:, 10:])
            h = n + z * (h - n)
            hidden.append(straight_through(h, HIDDEN))
        return torch.stack(hidden)

    def gradients(reading: object) -> list[torch.Tensor]:
        inputs = [part.clone().requires_grad_() for part in (x, more, weight, bias)]
        hidden = reading(*inputs)  # type: ignore[operator]
        return [hidden.detach(), *torch.autograd.grad((hidden * mask).sum(), inputs)]

    mine = gradients(lambda *inputs: recur(*inputs, start, HIDDEN)[0])
    for ours, theirs in zip(mine, gradients(plain), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = gradients(lambda *inputs: recur(*inputs, start, HIDDEN)[0])
    for ours, theirs in zip(coarse, mine, strict=True):
        assert float((ours - theirs).norm()) < 0.03 * float(theirs.norm())


def test_exact_reading_follows_the_float_one(net: TextNet) -> None:
    symbols = text(3, 300)
    x = torch.from_numpy(symbols.astype(np.int64))[:, None]
    net.eval()
    with torch.no_grad():
        real = float(net.bits(x, torch.ones(1, dtype=torch.bool)))
    exact = float(TextModel(net).code_lengths(symbols).sum())
    assert exact < 1.01 * real  # the output layer goes on learning; rounding costs less than that brings
    state = new_gru_state(net.compiled(), 1)
    assert (state.tree[TRAINED] == state.tree[LEARNING]).all()
    first = np.log2(state.tree[TRAINED, 0, 256:] / state.tree[TRAINED, 0, 1])
    with torch.no_grad():
        octaves = net.output(torch.zeros(1, net.units))[0]
        known = (torch.log_softmax(octaves * np.log(2), 0) / np.log(2)).numpy()
    assert np.abs(first - known)[known > -14].max() < 0.02


def test_one_copy_of_the_output_goes_on_learning(net: TextNet) -> None:
    """A byte that always comes costs less and less, lanes learn apart, and the other copy says what it always would."""
    small = net.compiled()
    state, unread = new_gru_state(small, 2), new_gru_state(small, 2)
    begun = unread.learned.copy(), unread.output.copy(), unread.bias.copy()
    for _ in range(300):
        advance_all(small, state, np.array([200, 201]))
        for now, then in zip((unread.learned, unread.output, unread.bias), begun, strict=True):
            now[:] = then
        advance_all(small, unread, np.array([200, 201]))
    for lane, byte in enumerate((200, 201)):
        assert state.tree[LEARNING, lane, 256 + byte] > 0.9 * state.tree[LEARNING, lane, 1]
    assert (state.tree[TRAINED] == unread.tree[TRAINED]).all()
    assert (small.output == net.compiled().output).all()


def test_small_steps_are_not_rounded_away(net: TextNet) -> None:
    """What enters products is the rounded part of what learns."""
    small = net.compiled()
    state = new_gru_state(small, 1)
    for byte in text(5, 200):
        advance_all(small, state, np.array([byte]))
    assert (state.output == (state.learned + 128) >> 8).all()
    assert (state.learned & 255).any() and (state.output != new_gru_state(small, 1).output).any()


def test_trees_add_up(net: TextNet) -> None:
    small = net.compiled()
    state = new_gru_state(small, 3)
    for front in text(5, 60).reshape(-1, 3):
        advance_all(small, state, front)
        for node in range(1, 256):
            assert (state.tree[..., node] == state.tree[..., 2 * node] + state.tree[..., 2 * node + 1]).all()
        assert state.tree[..., 256:].min() >= 1


@pytest.mark.parametrize("lanes", [1, 3])
def test_laws_beside_the_engine(net: TextNet, lanes: int) -> None:
    symbols = text(7, 500)
    model = EngineModel(lanes, None, net.compiled())
    check_parity(model, symbols)
    check_road(model, symbols)
    payload, _ = encode_bytes(symbols, lanes=lanes, net=model.net)
    assert decode_bytes(payload, len(symbols), None, model.net) == symbols.tobytes()


def test_laws_alone(net: TextNet) -> None:
    symbols = text(8, 400)
    check_parity(TextModel(net), symbols)
    check_road(TextModel(net), symbols)


def test_causality(net: TextNet) -> None:
    symbols = text(7, 300)
    changed = symbols.copy()
    changed[200:] ^= 1
    check_causality(EngineModel(1, None, net.compiled()), symbols, changed, 8 * 200)


def test_weights_that_do_not_fit_are_refused(net: TextNet) -> None:
    good = {name: buffer.numpy().copy() for name, buffer in net.named_buffers()}
    small_gru(good)
    for name, bad in {
        "inner.weight_q": good["inner.weight_q"][:-1],
        "pairs_q": good["pairs_q"][:-1],
        "output.shift_q": good["output.shift_q"] + 40,
        "output.weight_q": np.full_like(good["output.weight_q"], 127),
    }.items():
        with pytest.raises(ModelError):
            small_gru({**good, name: bad})
    with pytest.raises(ModelError):
        small_gru({name: tensor for name, tensor in good.items() if name != "words_q"})


def test_units_whose_sums_might_not_fit_are_refused() -> None:
    for units in (1024, 1025):
        wide = TextNet(units=units, pairs=1, words=1)
        tensors = {name: buffer.numpy() for name, buffer in wide.named_buffers()}
        if units == 1024:
            small_gru(tensors)
        else:
            with pytest.raises(ModelError, match="1025 units"):
                small_gru(tensors)


def test_published_net_helps_and_its_mark_is_checked() -> None:
    symbols = np.frombuffer(Path(arzip.__file__).with_name("container.py").read_bytes()[:2500], np.uint8)
    payload, ideal, label = encode_primed(symbols, Given.NET, lanes=None)
    without = encode_primed(symbols, Given.PRIMER, lanes=None)[0]
    assert len(payload) < 0.97 * len(without)
    assert "text-s-4" in label and abs(8 * len(payload) - ideal) < 150
    assert decode_primed(payload, len(symbols), Given.NET) == symbols.tobytes()
    for place in (0, 1, 3, 4):
        damaged = bytearray(payload)
        damaged[place] ^= 0x55
        with pytest.raises((CorruptArchive, ModelError)):
            decode_primed(bytes(damaged), len(symbols), Given.NET)


def test_levels() -> None:
    data = Path(arzip.__file__).with_name("container.py").read_bytes()[:2500]
    sizes = {}
    for level in (1, 3, 5):
        packed = arzip.compress(data, level=level)
        assert arzip.decompress(packed) == data
        sizes[level] = len(packed)
    assert sizes[5] < sizes[3] < sizes[1]
    random = np.random.default_rng(0)
    table = np.cumsum(random.integers(-3, 4, (3000, 4)), axis=0).astype("<i2").tobytes()
    assert len(arzip.compress(table, level=5)) <= len(arzip.compress(table, level=1)) + 8


def test_a_stream_carries_its_state(net: TextNet) -> None:
    """Training piece by piece reads what one long piece would."""
    x = torch.from_numpy(text(4, 120).astype(np.int64))[:, None]
    begins, goes_on = torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.bool)
    net.train()
    with torch.no_grad():
        pieces = float(net.bits(x[:50], begins)) + float(net.bits(x[50:], goes_on))
        whole = float(net.bits(x, begins))
    net.eval()
    assert pieces == pytest.approx(whole, rel=1e-5)


def test_trained_from_scratch(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    documents = [text(seed, 1500).tobytes() for seed in range(80)]
    (tmp_path / "texts" / "texts.txt").write_bytes(b"\0".join(documents))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    line = train_and_publish(recipe, output=tmp_path / "tiny-text", runs=tmp_path / "runs", device="cpu", threads=1)
    assert "fingerprint" in line
    symbols = text(1000, 4000)
    model = load(str(tmp_path / "tiny-text")).causal
    assert model.code_lengths(symbols).sum() < 2.5 * len(symbols)
    folder, data = str(tmp_path / "tiny-text"), symbols.astype(np.uint8).tobytes()
    beside, alone = (arzip.compress(data, model=folder, adapt=adapt) for adapt in (True, False))
    assert {arzip.decompress(archive, model=folder) for archive in (beside, alone)} == {data}
    assert len(beside) < min(len(alone), len(arzip.compress(data)))
    with pytest.raises(ModelError, match="not installed"):
        arzip.decompress(beside)
