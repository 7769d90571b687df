"""Accounts add up to the byte, costs lie where their symbols lie, and the stages are what they are called."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

import arzip
from arzip import roads
from arzip.bench.accounting import Explanation, explain
from arzip.bench.sound import Sound, sound_of_wav, wav_of_sound
from arzip.coding.length import ideal_bits
from arzip.errors import CorruptArchive, ModelError
from arzip.exact.fixed import relu7, signed8, wide
from arzip.exact.layers import Dense, Layer
from arzip.exact.real import real_reading
from arzip.formats import take_apart
from arzip.mixing.byte_road import EngineModel
from arzip.mixing.drawing_road import drawing_code_lengths, drawing_predictions, encode_drawing
from arzip.nets.guided_model import GuidedModel
from arzip.nets.local_pixelcnn import LocalPixelCNN
from arzip.nets.picture_model import PictureModel
from arzip.nets.real_readings import real_bits
from arzip.pictures import encode_picture, picture_code_lengths
from arzip.settings import Settings
from tests.conftest import small_guided_net
from tests.test_archive import picture_file

TEXT = b"An account that is off by one byte is no account. " * 30


def _npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.add.outer(np.arange(30), np.arange(40)).astype(np.int16))
    return out.getvalue()


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", TEXT)
        file.writestr("b.txt", TEXT[::-1])
    return out.getvalue()


def _png() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(90, 120, (24, 20, 3)).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def _wav() -> bytes:
    wave = (6000 * np.sin(np.arange(3000) / 9)).astype(np.int16)
    return wav_of_sound(Sound(np.stack([wave, wave // 2], axis=1), 16))


FILES = {
    "empty": b"",
    "text": TEXT,
    "noise": os.urandom(6000),
    "picture": picture_file(),
    "gray": picture_file(20, 31, 1),
    "alpha": picture_file(17, 12, 4),
    "png": _png(),
    "gzip": gzip.compress(TEXT, mtime=0),
    "zip": _zip(),
    "npy": _npy(),
    "wav": _wav(),
}


@pytest.mark.parametrize(("name", "adapt"), [*((name, True) for name in FILES), ("text", False), ("alpha", False)])
def test_accounts_sum_to_the_archive(name: str, adapt: bool) -> None:
    data = FILES[name]
    explanation = explain(data, Settings(adapt=adapt, threads=1))
    assert explanation.size == len(arzip.compress(data, adapt=adapt))
    _adds_up(explanation)
    _, parsed, _ = take_apart(data)
    shapes = [part.array.shape for part in parsed.parts] if parsed else [(len(data),)] if data else []
    assert [costs.shape for costs in explanation.costs] == shapes
    assert explanation.dims == sum(costs.size for costs in explanation.costs)


def _adds_up(explanation: Explanation) -> None:
    assert sum(step.bytes for step in explanation.account) == explanation.size
    assert sum(step.bits for step in explanation.account) == pytest.approx(8 * explanation.size, abs=1e-6)
    assert all(abs(step.bytes - step.bits / 8) < 1 for step in explanation.account)
    steps = {step.name: step.bits for step in explanation.account}
    assert steps["container"] > 0 and steps["side data"] >= 0
    spent = sum(float(costs.sum()) for costs in explanation.costs)
    around = {"coder", "side data", "container"}
    assert spent == pytest.approx(sum(bits for name, bits in steps.items() if name not in around), abs=1e-6)
    if explanation.curve:
        assert explanation.curve[-1] == (explanation.dims, pytest.approx(spent, abs=0.1))
        assert np.all(np.diff([bits for _, bits in explanation.curve]) >= 0)


def test_several_blocks_and_a_model_of_ones_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    from arzip import blocks

    monkeypatch.setattr(blocks, "_UNCUT", 100)
    monkeypatch.setattr(blocks, "_BYTES", 300)
    explanation = explain(TEXT, Settings(threads=1))
    _adds_up(explanation)
    assert explanation.costs[0].shape == (len(TEXT),)
    monkeypatch.undo()
    counted = explain(TEXT, Settings(threads=1, model="order-1"))
    _adds_up(counted)
    assert counted.road == "order-1" and counted.account[0].name == "exact net"


@pytest.mark.parametrize("lanes", [1, 3, 7, 64])
@pytest.mark.parametrize("size", [1, 50, 301])
def test_the_engines_costs_lie_where_its_bytes_lie(lanes: int, size: int) -> None:
    data = np.frombuffer(TEXT[:size], np.uint8)
    model = EngineModel(min(lanes, size))
    expected = np.zeros(size)
    stepper = model.stepper((size,))
    length = -(-size // model.lanes)
    front, bit = 0, 0
    while (p := stepper.predict()) is not None:
        places = np.arange(len(p)) * length + front
        x = (data[places] >> (7 - bit) & 1).astype(np.int32)
        expected[places] += ideal_bits(p, x)
        stepper.observe(x)
        front, bit = (front + 1, 0) if bit == 7 else (front, bit + 1)
    np.testing.assert_array_equal(model.code_lengths(data), expected)


def test_costs_of_wide_symbols_are_those_of_their_bytes() -> None:
    array = np.arange(60, dtype="<u2").reshape(4, 5, 3)
    road = roads.Road("image", 16, None, Settings(threads=1))
    costs = road.costs(1, array)
    assert costs.shape == array.shape
    assert costs.sum() == pytest.approx(roads.Bytes(road.settings).costs(1, array.reshape(-1).view(np.uint8)).sum())
    assert road.costs(0, array).sum() == 16 * array.size
    with pytest.raises(CorruptArchive, match="road 99"):
        road.costs(99, array)


def test_a_dense_layer_in_floating_point_is_its_integers_without_rounding() -> None:
    torch.manual_seed(3)
    dense = Dense(9, 6, source=signed8(5), target=wide(8))
    dense.freeze()
    x = torch.randn(11, 9)
    scale = 2.0 ** (dense.shift_q + 8 - 5)
    expected = x @ (dense.weight_q / scale[:, None]).T + dense.bias_q / (scale * 32)
    torch.testing.assert_close(real_reading(dense, x), expected)
    rectifier = Dense(9, 6, source=signed8(5), target=relu7(4))
    rectifier.freeze()
    assert float(real_reading(rectifier, 50 * x).min()) == 0.0
    assert float(real_reading(rectifier, 50 * x).max()) == 127 / 16
    with pytest.raises(ModelError, match="Layer has no reading"):
        real_reading(Layer(), x)


def test_stages_of_a_net_are_close_and_not_the_same(placed: LocalPixelCNN, picture: np.ndarray) -> None:
    model = PictureModel(placed)
    for block in (picture, picture[..., :1], np.stack([picture, picture])):
        stages = real_bits("local_pixelcnn", placed, block)
        assert list(stages) == ["net in floating point", "exact net"]
        rows = float(model.code_lengths(block).sum())
        # The rows' floor and rounding cost little; a net of random weights is far off, yet its readings agree.
        assert stages["exact net"] == pytest.approx(rows, rel=0.01)
        assert stages["net in floating point"] == pytest.approx(stages["exact net"], rel=0.2)
        assert len({*stages.values(), rows}) == 3
    assert real_bits("counting", None, picture) == {}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_picture_engines_costs_lie_where_its_samples_lie(picture: np.ndarray, channels: int) -> None:
    block = np.concatenate([picture, picture[:, :, :1]], axis=2)[:, :, :channels].copy()
    block[9:12, 20:23] = 255 - block[9:12, 20:23]
    for net in (None, small_guided_net().compiled()):
        costs = picture_code_lengths(block, 8, profile=1, net=net)
        assert costs.sum() == pytest.approx(encode_picture(block, 8, profile=1, net=net)[1])
        assert costs.shape == block.shape and costs.min() > 0
        # What nobody could foresee costs more than what surrounds it.
        assert costs[9:12, 20:23].mean() > 1.3 * costs.mean()


@pytest.mark.parametrize("shape", [(20, 40, 3), (60, 9, 1), (15, 33, 4)])
def test_the_drawing_engines_costs_lie_where_its_pixels_lie(shape: tuple[int, int, int]) -> None:
    block = np.zeros(shape, np.uint8)
    block[:, 5:] = 200
    block[10:12, 6:8] = [17, 90, 33, 61][: shape[2]]
    costs = drawing_code_lengths(block, 8)
    assert costs.shape == shape and costs.min() >= 0
    assert costs.sum() == pytest.approx(encode_drawing(block, 8)[1])
    spot = costs[10:12, 6:8].mean()
    assert spot > 4 * costs.mean() and spot > costs[13:15, 6:8].mean()
    assert sum(len(x) for _, x in drawing_predictions(block, 8)) >= block.shape[0] * block.shape[1] * 0.9


def test_stages_of_a_guided_net(picture: np.ndarray) -> None:
    net = small_guided_net()
    for block in (picture, picture[..., :1]):
        stages = real_bits("guided_net", net, block)
        rows = float(GuidedModel(net).code_lengths(block).sum())
        assert stages["exact net"] == pytest.approx(rows, rel=0.01)
        assert stages["net in floating point"] == pytest.approx(stages["exact net"], rel=0.2)


def test_calibration_counts_outcomes() -> None:
    explanation = explain(
        np.random.default_rng(1).choice([65, 66], 9000, p=[0.75, 0.25]).astype(np.uint8).tobytes(), Settings()
    )
    assert sum(tally.count for tally in explanation.calibration) >= 8000
    for tally in explanation.calibration:
        if tally.count > 500:
            assert tally.observed == pytest.approx(tally.predicted, abs=0.06)
    assert explain(os.urandom(6000), Settings()).calibration == ()


@pytest.mark.parametrize("depth", [8, 12, 16, 24, 32])
def test_sound_goes_to_wav_and_back(depth: int) -> None:
    high = 1 << (depth - 1)
    samples = np.random.default_rng(2).integers(-high, high, (50, 3)).astype(np.int32)
    samples[:2] = [[-high] * 3, [high - 1] * 3]
    back = sound_of_wav(wav_of_sound(Sound(samples, depth, 48000)))
    assert back.rate == 48000
    np.testing.assert_array_equal(back.samples, samples)


def test_an_account_of_other_bytes_is_refused() -> None:
    from arzip.bench.measure import Row
    from arzip.bench.results import FileResult, explained
    from arzip.errors import ArzipError

    explanation = explain(TEXT, Settings(threads=1))
    row = Row("arzip -5", True, explanation.size)
    assert explained(FileResult("a", rows=(row,)), explanation).account == explanation.account
    with pytest.raises(ArzipError, match="two runs"):
        explained(FileResult("a", rows=(replace(row, bytes=7),)), explanation)
