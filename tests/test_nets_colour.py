"""Gated PixelCNN over colour pictures: parity, road, causality in raster and colour order, floats against integers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arzip.coding.coder import Dice
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.errors import UnsupportedInput
from arzip.exact.engine import Engine
from arzip.nets import colour_model, wavefront_model
from arzip.nets.colour_model import ColourModel
from arzip.nets.gated_colour import GatedColour
from tests.laws import check_causality, check_parity, check_road

ROWS, COLUMNS = 5, 6
D = ROWS * COLUMNS * 3
HALVES = 2


def trained(scale: float = 0.1) -> GatedColour:
    torch.manual_seed(0)
    net = GatedColour(rows=ROWS, columns=COLUMNS, channels=8, layers=2, reach=2, head=8, components=3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * scale)
    return net


def placed(kind: str = "fp32", scale: float = 0.1) -> ColourModel:
    net = trained(scale)
    net.freeze()
    net.place(Engine(kind, "cpu"))
    return ColourModel(net)


def pictures(count: int) -> np.ndarray:
    """Smooth pictures with noise, as a table [count, D]."""
    random = np.random.default_rng(0)
    ramp = np.linspace(0, 200, ROWS * COLUMNS).reshape(1, ROWS, COLUMNS, 1) + random.integers(0, 40, (count, 1, 1, 3))
    return (ramp + random.integers(0, 16, (count, ROWS, COLUMNS, 3))).astype(np.uint8).reshape(count, D)


@pytest.mark.parametrize("count", [1, 21])
@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_parity_and_road(count: int, scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour_model, "_LANES", 8)
    check_parity(placed(scale=scale), pictures(count))
    check_road(placed(scale=scale), pictures(count))


def test_causality() -> None:
    """A changed sample moves nothing before it, in raster order and in the order green, red, blue."""
    model, x = placed(), pictures(4)
    for pixel in (0, 9, ROWS * COLUMNS - 1):
        for place, colour in enumerate((1, 0, 2)):
            changed = x.copy()
            changed[:, 3 * pixel + colour] ^= 0x80
            done = (3 * pixel + place) * HALVES * len(x)
            if 3 * pixel + place < D - 1:
                check_causality(model, x, changed, done + len(x))  # its first half is still predicted as before


def test_engines_chunks_and_threads_give_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    words, before = set(), torch.get_num_threads()
    try:
        for at_once, chunk, kind, threads in ((1, 64, "fp32", 1), (7, 1 << 13, "int8", 2), (16, 1 << 13, "fp32", 2)):
            monkeypatch.setattr(colour_model, "_PICTURES", at_once)
            monkeypatch.setattr(wavefront_model, "CHUNK", chunk)
            torch.set_num_threads(threads)
            words.add(encode_symbols(placed(kind), pictures(20)).words)
    finally:
        torch.set_num_threads(before)
    assert len(words) == 1


def test_freezing_costs_little() -> None:
    net, x = trained(), pictures(40)
    with torch.no_grad():
        real = float(net.bits(torch.from_numpy(x).float()))
    assert abs(encode_symbols(placed(), x).ideal_bits / real - 1) < 0.003


def test_samples_and_rows() -> None:
    samples = [decode_symbols(placed(kind), (6, D), Dice(3)) for kind in ("fp32", "int8")]
    np.testing.assert_array_equal(*samples)
    model, x = placed(), pictures(3)
    rows = model.rows(x)
    np.testing.assert_allclose(rows.sum(axis=-1), 1.0)
    chosen = np.take_along_axis(rows, x[..., None].astype(np.int64), axis=-1)[..., 0]
    np.testing.assert_allclose(-np.log2(chosen), model.code_lengths(x), rtol=1e-6)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(UnsupportedInput, match="6 x 5"):
        placed().stepper((4, D + 3))
