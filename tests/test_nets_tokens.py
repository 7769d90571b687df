"""Nets over tokens of pixels, Transformer and PixelSNAIL: parity, road, causality, floats against integers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from arzip.coding.coder import Dice
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.errors import ModelError
from arzip.exact.bernoulli import LOGIT, bits_of
from arzip.exact.engine import Engine
from arzip.nets import NETS as FAMILIES
from arzip.nets import table_model
from arzip.nets.pixelsnail import PixelSNAIL, Residual
from arzip.nets.table_model import TableModel
from arzip.nets.token_net import BENDS, TokenNet
from arzip.nets.transformer import Transformer
from arzip.store import load, save
from arzip.training.tasks import TASKS
from tests.laws import check_causality, check_parity, check_road

ROWS, COLUMNS = 8, 8
D = ROWS * COLUMNS
SIZES = {"variables": D, "rows": ROWS, "order": "raster", "above": 2, "aside": 3, "width": 12, "dropout": 0.1}
EVEN = {**SIZES, "width": 16}  # with products of short integers, where the machine has them
NETS: dict[str, Callable[[], TokenNet]] = {
    "transformer": lambda: Transformer(**SIZES, span=4, margin=[1, 1, 0, 4], layers=2, heads=2, key=4, inner=20),
    "transformer, even": lambda: Transformer(**EVEN, span=4, margin=[1, 1, 0, 4], layers=1, heads=2, key=4, inner=32),
    "transformer, pixels": lambda: Transformer(**SIZES, span=1, margin=[0, 0, 0, 0], layers=1, heads=1, key=8, inner=9),
    "pixelsnail": lambda: PixelSNAIL(**SIZES, span=4, margin=[1, 1, 0, 0], layers=2, residual=1, key=4, inner=20),
    "pixelsnail, pairs": lambda: PixelSNAIL(**SIZES, span=2, margin=[0, 0, 2, 2], layers=1, residual=2, key=4, inner=9),
    "pixelsnail, phases": lambda: PixelSNAIL(
        **EVEN, span=4, margin=[1, 1, 0, 4], layers=1, residual=1, key=8, inner=16, phases=[0, 2, -1]
    ),
}


def trained(name: str) -> TokenNet:
    """A net with weights large enough that every part of it speaks."""
    torch.manual_seed(0)
    net = NETS[name]()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return net.eval()


def placed(name: str, kind: str = "fp32") -> TableModel:
    net = trained(name)
    net.freeze()
    net.place(Engine(kind, "cpu"))
    return TableModel(net)


def table(examples: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.random((examples, D)) < np.linspace(0.1, 0.8, D)).astype(np.uint8)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("examples", [0, 1, 37, 70])
def test_parity_and_road(name: str, examples: int) -> None:
    check_road(placed(name), table(examples))
    if examples:
        check_parity(placed(name), table(examples))


@pytest.mark.parametrize("name", NETS)
def test_causality_by_perturbation(name: str) -> None:
    model, x = placed(name), table(9)
    for at in range(0, D - 1, 3):
        changed = x.copy()
        changed[:, at] ^= 1
        check_causality(model, x, changed, (at + 1) * len(x))


@pytest.mark.parametrize("name", NETS)
def test_causality_by_gradient(name: str) -> None:
    """d logit_d / d x_i is zero for i >= d, and for pixels of the same token, which choose among logits.

    In another phase they may be of the token before.
    """
    net = trained(name)
    x = torch.from_numpy(table(8)).float().requires_grad_()
    logits = net.unrounded(x)
    for d in range(D):
        (slope,) = torch.autograd.grad(logits[:, d].sum(), x, retain_graph=True)
        token = d // net.span * net.span if net.phases.count == 1 else d
        assert not slope[:, token:].any(), d
        assert d < net.columns or slope[:, :token].any(), f"variable {d} sees nothing"


@pytest.mark.parametrize("name", NETS)
def test_attention_reaches_the_first_token(name: str) -> None:
    """The last logit inside the margin depends on a pixel that patches and convolutions cannot show it."""
    net, x = trained(name), torch.from_numpy(table(40)).float()
    first, last = int(net.inside[0]) * net.span, int(net.inside[-1]) * net.span
    convolutions = sum(isinstance(block, Residual) for block in net.blocks)
    assert last // COLUMNS - first // COLUMNS > SIZES["above"] + convolutions
    changed = x.clone()
    changed[:, first] = 1 - changed[:, first]
    with torch.no_grad():
        moved = (net(changed) - net(x))[:, last].abs()
    assert float(moved.max()) > 1e-5


@pytest.mark.parametrize("name", NETS)
def test_the_exact_reading_is_close_to_floats(name: str) -> None:
    net, x = trained(name), table(200)
    with torch.no_grad():
        real = net.unrounded(torch.from_numpy(x).float())
    net.freeze()
    net.place(Engine("fp32", "cpu"))
    exact = torch.from_numpy(net.outputs(x)) / (1 << LOGIT.point)
    assert float((exact - real).abs().max()) < 0.06
    known = torch.from_numpy(x).float()
    assert abs(float(bits_of(exact, known) / bits_of(real, known)) - 1) < 0.001


@pytest.mark.parametrize("name", NETS)
def test_batch_sizes_threads_and_engines_give_the_same_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words, threads = set(), torch.get_num_threads()
    try:
        for chunk, count in ((1, 1), (7, 2), (500, 3)):
            monkeypatch.setattr(table_model, "_CHUNK", chunk)
            torch.set_num_threads(count)
            words |= {encode_symbols(placed(name, kind), table(50)).words for kind in ("fp32", "int8")}
    finally:
        torch.set_num_threads(threads)
    assert len(words) == 1


@pytest.mark.parametrize("name", NETS)
def test_samples_are_the_same_on_every_engine(name: str) -> None:
    samples = [decode_symbols(placed(name, kind), (30, D), Dice(3)) for kind in ("fp32", "int8")]
    np.testing.assert_array_equal(*samples)
    assert len(np.unique(samples[0], axis=0)) > 20


def test_the_tree_is_the_joint_distribution_of_a_token() -> None:
    """Probabilities of all 16 values of the last token, found pixel by pixel, sum to one."""
    model, x = placed("transformer"), np.repeat(table(1), 16, axis=0)
    x[:, D - 4 :] = (np.arange(16)[:, None] >> np.arange(4)) & 1
    total = np.exp2(-model.code_lengths(x)[:, D - 4 :].sum(axis=1)).sum()
    np.testing.assert_allclose(total, 1.0, rtol=1e-5)


def test_training_bits_are_those_of_the_logits() -> None:
    net, x = trained("transformer"), torch.from_numpy(table(9)).float()
    with torch.no_grad():
        torch.testing.assert_close(net.expected_bits(x, x), bits_of(net(x), x))


def test_training_bits_are_the_mean_over_all_draws_of_a_token() -> None:
    """Each token's 16 values, by their chance, after what was drawn before."""
    net, x = trained("transformer"), torch.from_numpy(table(2)).float()
    chance = torch.rand(2, D, generator=torch.Generator().manual_seed(1))
    values, mean = ((torch.arange(16)[:, None] >> torch.arange(4)) & 1).float(), 0.0
    with torch.no_grad():
        for first in range(0, D, 4):
            token = slice(first, first + 4)
            for drawn, p in zip(x, chance, strict=True):
                every = drawn.repeat(16, 1)
                every[:, token] = values
                nats = torch.nn.functional.softplus((1 - 2 * values) * net(every)[:, token]).sum(dim=1)
                mean += float(((values * p[token] + (1 - values) * (1 - p[token])).prod(dim=1) * nats).sum())
        assert float(net.expected_bits(x, chance)) == pytest.approx(mean / np.log(2), rel=1e-5)


def test_phases_are_readings_of_moved_pictures() -> None:
    """Each phase is the net over frames, and where all have a trunk the logit is their mean."""
    net, x = trained("pixelsnail, phases"), torch.from_numpy(table(6)).float()
    pictures = x.view(6, ROWS, COLUMNS)
    with torch.no_grad():
        for k, offset in enumerate((0, 2, -1)):
            frames = net.phases.framed(x, torch.full((6,), k)).view(pictures.shape)
            first, end = max(0, offset), COLUMNS + min(0, offset)
            assert torch.equal(frames[:, :, first - offset : end - offset], pictures[:, :, first:end])
            assert frames.sum() == pictures[:, :, first:end].sum()
    logits = [torch.full((6, D), value, dtype=torch.int32) for value in (10, 40, 101)]
    mean = net.phases.mean(logits).view(pictures.shape)[0, 0].tolist()
    assert mean == [56, 56, 50, 25, 40, 40, 50, 25]  # trunks of 0..3, 2..5 and -1..2; 7 has left the last frame
    real = net.phases.mean([z.float() for z in logits]).view(pictures.shape)[0, 0]
    torch.testing.assert_close(real, torch.tensor(mean).float(), atol=0.51, rtol=0.0)


@pytest.mark.parametrize("order", ["turned", "column", "column-turned"])
def test_an_order_is_raster_of_a_picture_that_was_moved(order: str) -> None:
    """The same net in another order makes of a picture what it made of the picture that lies as it reads it."""
    x, nets = table(20), []
    for each in ("raster", order):
        torch.manual_seed(0)
        sizes = {**SIZES, "order": each, "margin": [1, 1, 0, 4]}
        nets.append(Transformer(**sizes, span=4, layers=1, heads=2, key=4, inner=8))
    moved = x[:, nets[1].order]
    batches = [torch.from_numpy(each).float() for each in (moved, x)]
    losses = []
    for net, batch in zip(nets, batches, strict=True):
        net.eval()
        losses.append(float(TASKS["transformer"].loss(net, (batch,))[0].detach()))
        net.freeze()
        net.place(Engine("fp32", "cpu"))
    assert losses[0] == losses[1]
    lengths = [TableModel(net).code_lengths(each) for net, each in zip(nets, (moved, x), strict=True)]
    np.testing.assert_array_equal(lengths[0], lengths[1][:, nets[1].order])
    check_parity(TableModel(nets[1]), x)


def test_training_reads_every_example_in_one_phase() -> None:
    net, x = trained("pixelsnail, phases"), torch.from_numpy(table(50)).float()
    torch.manual_seed(3)
    with torch.no_grad():
        bits = [float(net.expected_bits(x, x)) for _ in range(40)]
        phases = [net.phases.framed(x, torch.full((50,), k)) for k in range(3)]
        whole = [bits_of(_path(net, frames, k), frames) for k, frames in enumerate(phases)]
    assert np.std(bits) > 0
    assert np.mean(bits) == pytest.approx(float(sum(whole)) / 3, rel=0.01)


def _path(net: TokenNet, frames: torch.Tensor, phase: int) -> torch.Tensor:
    """The logits of one phase's frames, the slow way."""
    trees = net.trees(frames, torch.full((len(frames),), phase))
    known, z = frames.view(len(frames), -1, net.span).long(), []
    for token in range(known.shape[1]):
        node = torch.zeros(len(frames), dtype=torch.long)
        for pixel in range(net.span):
            z.append(trees[torch.arange(len(frames)), token, node])
            node = 2 * node + 1 + known[:, token, pixel]
    return torch.stack(z, dim=1)


def test_what_training_tells_of_bends_counts_for_nothing_later() -> None:
    net, x = trained("pixelsnail"), torch.from_numpy(table(20)).float()
    how = torch.randn(20, BENDS)
    with torch.no_grad():
        plain, unbent, told = (float(net.expected_bits(x, x, *more)) for more in ((), (0 * how,), (how,)))
    assert plain == unbent != told
    net.freeze()
    assert not any(name.startswith("bends") for name, _ in net.named_buffers())
    net.thaw()
    with torch.no_grad():
        assert float(net.expected_bits(x, x, how)) == float(net.expected_bits(x, x))


def test_dropout_is_for_training_alone() -> None:
    net, x = trained("transformer"), torch.from_numpy(table(5)).float()
    assert torch.equal(net(x), net(x))
    assert not torch.equal(net.train()(x), net(x))


def test_examples_may_lie_in_memory_as_they_like() -> None:
    net, x = trained("pixelsnail"), torch.from_numpy(table(21)).float()
    with torch.no_grad():
        assert torch.equal(net(x.t().contiguous().t()), net(x))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"order": "spiral"}, "order 'spiral'"),
        ({"order": "column", "rows": 4}, "4 rows of 16 in order 'column'"),
        ({"span": 3}, "rows of 8"),
        ({"margin": [4, 4, 0, 0]}, "whole tokens"),
        ({"margin": [0, 0, 2, 0]}, "whole tokens"),
        ({"heads": 5}, "do not share"),
        ({"width": 514}, "beyond"),
        ({"near": 2}, "no shape"),
        ({"phases": [0, 3, -1]}, "alike"),
        ({"phases": [0, 5]}, "alike"),
        ({"phases": [1, 2]}, "lack 0"),
        ({"span": 8, "phases": [0, 1, 2, 3, 4]}, "more than four"),
        ({"phases": [0, 1], "shown": np.zeros((16, 1), np.int64)}, "in one phase"),
    ],
)
def test_what_cannot_be_built_is_refused(changes: dict[str, object], what: str) -> None:
    given = {**SIZES, "span": 4, "margin": [0, 0, 0, 0], "layers": 1, "heads": 2, "key": 4, "inner": 8, **changes}
    with pytest.raises(ModelError, match=what):
        Transformer(**given)


@pytest.mark.parametrize(("net", "phases"), [("transformer", [0]), ("pixelsnail", [0]), ("pixelsnail", [0, 1])])
def test_a_model_is_written_and_read(net: str, phases: list[int], tmp_path: Path) -> None:
    given = {**SIZES, "span": 4, "margin": [1, 1, 0, 0], "layers": 1, "key": 4, "inner": 8, "phases": phases}
    given |= {"heads": 2} if net == "transformer" else {"residual": 1}
    architecture = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
    schedule = "cycles = [1]\nbatch = 1\nrate = 0.1\nwarmup = 1\nvalidate_every = 1\n"
    head = f'id = "some"\nnet = "{net}"\ncorpus = "none"\nseed = 1\n'
    (tmp_path / "recipe.toml").write_text(f"{head}[architecture]\n{architecture}[data]\n[schedule]\n{schedule}")
    written = FAMILIES[net].net(**given).eval()
    written.freeze()
    written.place(Engine("fp32", "cpu"))
    save(written, tmp_path)
    np.testing.assert_array_equal(load(str(tmp_path)).net.outputs(table(5)), written.outputs(table(5)))


def test_broken_weights_are_refused() -> None:
    net = placed("transformer").net
    net.blocks[0].up.weight_q[:, 3] = 32767
    with pytest.raises(ModelError, match="2\\*\\*24"):
        net.check()


SCRIPT = """
import hashlib, sys, torch
from tests.test_nets_tokens import Engine, NETS, TableModel, encode_symbols, table
digest = hashlib.sha256()
for name, weights in torch.load(sys.argv[1]).items():
    net = NETS[name]()
    net.load_state_dict(weights)
    net.place(Engine(sys.argv[2], "cpu"))
    digest.update(encode_symbols(TableModel(net), table(70)).words)
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_every_machine_one_digest(tmp_path: Path) -> None:
    """Instruction sets of oneDNN, and what numba compiles for: each is a process of its own."""
    weights = {name: placed(name).net.state_dict() for name in NETS}
    torch.save(weights, tmp_path / "weights.pt")
    digests = set()
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    for kind, more in (
        ("fp32", {}),
        ("int8", {"ONEDNN_MAX_CPU_ISA": "SSE41"}),
        ("fp32", {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "default"}),
        ("fp32", generic),
    ):
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), **more}
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "weights.pt"), kind]
        digests.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(digests) == 1
