"""The net of which more than its output goes on learning: its gradient, its steps, the engine's laws beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import arzip
from arzip.compiled import compiled
from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.exact.learning_gru import LearningGRU, learn_and_read, new_learning_gru
from arzip.exact.learning_matrix import WINDOW, Room, move, new_matrix, new_room, normalise
from arzip.exact.small_gru import LEARNING, TRAINED, GRUState, SmallGRU, new_gru_state, read
from arzip.given import Given
from arzip.mixing.byte_road import EngineModel, decode_bytes, encode_bytes
from arzip.mixing.priming import settle
from arzip.nets.text_net import TextNet
from arzip.primed import decode_primed, encode_primed
from arzip.roads import Bytes
from arzip.settings import Settings
from tests.conftest import small_text_net
from tests.laws import check_parity, check_road
from tests.test_priming import primer, text

__all__ = ["primer"]


@compiled
def _walk(learner: LearningGRU, net: SmallGRU, state: GRUState, symbols: np.ndarray) -> None:
    for symbol in symbols:
        read(net, state, 0, np.int64(symbol))
        learn_and_read(learner, net, state, np.int64(symbol))


def walked(net: SmallGRU, symbols: np.ndarray) -> tuple[LearningGRU, GRUState]:
    learner, state = new_learning_gru(net), new_gru_state(net, 1, learns=False)
    _walk(learner, net, state, symbols)
    return learner, state


@pytest.fixture(scope="module")
def net() -> TextNet:
    return small_text_net()


def test_gradient_is_that_of_automatic_differentiation(net: TextNet) -> None:
    symbols = text(3, WINDOW)
    learner, _ = walked(net.compiled(), symbols)
    net.zero_grad()
    net.eval()
    net.bits(torch.from_numpy(symbols.astype(np.int64))[:, None], torch.ones(1, dtype=torch.bool)).backward()
    units = net.units
    ours = learner.errors.T @ (learner.heard.T / 128.0)
    theirs = net.inner.weight.grad
    assert theirs is not None
    for mine, true in (
        (ours, theirs.numpy()),
        (ours[2 * units :], theirs.numpy()[2 * units :]),
        (learner.wrong.T @ (learner.heard.T / 128.0), net.output.weight.grad.numpy()),  # type: ignore[union-attr]
    ):
        assert (mine * true).sum() > 0.99 * np.linalg.norm(mine) * np.linalg.norm(true)
        assert np.linalg.norm(mine) == pytest.approx(np.linalg.norm(true), rel=0.05)


@compiled
def _move(matrix, errors, heard, squares, normal, count, into: Room) -> None:  # type: ignore[no-untyped-def]
    normalise(heard, squares, count, normal)
    move(matrix, errors, normal, count, into)


def test_a_step_is_that_of_wide_integers() -> None:
    """Drift and bias after two steps, beside a slow reading in Python's integers and doubles."""
    random = np.random.default_rng(0)
    outputs, inputs = 32, 16
    weights, shift = random.integers(-60, 60, (outputs, inputs)).astype(np.int8), random.integers(2, 5, outputs)
    bias = random.integers(-99, 99, outputs).astype(np.int32)
    matrix = new_matrix(weights, bias, shift.astype(np.int32), 10)
    into, squares, normal = new_room(outputs, inputs), np.zeros(inputs), np.zeros((inputs, WINDOW), np.int16)
    drift, means, wanted_bias = np.zeros((outputs, inputs), np.int64), np.zeros(outputs), matrix.bias.copy()
    points = shift + 3
    for count in (1, 2):
        errors = random.standard_normal((WINDOW, outputs)) * np.geomspace(1e-6, 3, outputs)
        errors[3, 2:4] = 1e9, -1e9  # beyond what a normalised error may be
        heard = random.integers(-127, 128, (inputs, WINDOW)).astype(np.int16)
        _move(matrix, errors, heard, squares, normal, count, into)
        means += ((errors**2).sum(axis=0) / WINDOW - means) / count
        scales = np.exp2(points - points.max()) * 256 / (np.sqrt(means) + 2.0**-14)
        steps = np.floor(errors * scales + 0.5).clip(-8191, 8191).astype(np.int64)
        summed = steps.T @ normal.T.astype(np.int64)
        power = 20 - points.max()
        drift = (drift - ((summed + (1 << (power - 1))) >> power)).clip(-63 * 64, 63 * 64)
        wanted_bias -= steps.sum(axis=0) << (points.max() + 2)
        size = np.sqrt((heard.astype(float) ** 2).mean(axis=1)) / 128
        if count == 1:
            expected = (heard / 128 / (size + 2.0**-10)[:, None] * 128).clip(-4095, 4095)
            assert np.abs(normal - expected).max() <= 0.51
    finest = matrix.finest.reshape(outputs // 16, 4, inputs // 4, 16).transpose(0, 3, 2, 1).reshape(outputs, inputs)
    assert np.array_equal(finest, drift) and np.array_equal(matrix.bias, wanted_bias)
    short = matrix.drift.transpose(0, 2, 1, 3).reshape(outputs, inputs)
    assert np.array_equal(short, (drift + 32) >> 6) and short.any()
    assert np.array_equal(matrix.offsets, 128 * short.sum(axis=1))


def test_it_learns_what_the_output_alone_does_not(net: TextNet) -> None:
    small, symbols = net.compiled(), np.tile(text(11, 400), 6)
    learner, state = walked(small, symbols)
    assert learner.inner.drift.any() and learner.output.drift.any() and (learner.pairs & 255).any()
    assert (state.tree[TRAINED] != state.tree[LEARNING]).any()
    costs = [encode_bytes(symbols, lanes=1, net=small, whole=whole)[1] for whole in (False, True)]
    assert costs[1] < 1.02 * costs[0]
    byte = 256 + int(symbols[0])
    alone = np.log2(state.tree[LEARNING, 0, byte] / state.tree[LEARNING, 0, 1])
    assert alone > np.log2(state.tree[TRAINED, 0, byte] / state.tree[TRAINED, 0, 1])


def test_laws_beside_the_engine(net: TextNet) -> None:
    symbols = text(7, 500)
    model = EngineModel(1, None, net.compiled(), whole=True)
    check_parity(model, symbols)
    check_road(model, symbols)
    payload, _ = encode_bytes(symbols, lanes=1, net=model.net, whole=True)
    assert decode_bytes(payload, len(symbols), None, model.net, True) == symbols.tobytes()
    with pytest.raises(CorruptArchive, match="lanes"):
        decode_bytes(b"\2" + payload[1:], len(symbols), None, model.net, True)


def test_several_lanes_are_refused(net: TextNet) -> None:
    with pytest.raises(UnsupportedInput, match="one lane"):
        encode_bytes(text(7, 500), lanes=2, net=net.compiled(), whole=True)


def test_weights_beside_it_are_settled_apart(primer, net: TextNet) -> None:  # type: ignore[no-untyped-def]
    documents = [text(seed, 400) for seed in range(20, 32)]
    beside = settle(primer, documents, net.compiled())
    whole = settle(beside, documents, net.compiled(), whole=True)
    assert np.array_equal(whole.beside_net, beside.beside_net) and whole.beside_whole.shape == beside.beside_net.shape
    assert (whole.beside_whole != beside.beside_net).any()


def test_published_net_learns_where_it_may() -> None:
    symbols = np.frombuffer(Path(arzip.__file__).with_name("roads.py").read_bytes()[:9000], np.uint8)
    payload, ideal, label = encode_primed(symbols, Given.LEARNING_NET, lanes=None)
    assert label.endswith("learning") and abs(8 * len(payload) - ideal) < 150
    assert decode_primed(payload, len(symbols), Given.LEARNING_NET) == symbols.tobytes()
    assert len(payload) < 1.01 * len(encode_primed(symbols, Given.NET, lanes=None)[0])

    def given(size: int, **settings: int) -> list[Given]:
        return Bytes(Settings(**settings))._reading(size)

    assert given(1 << 16) == [Given.NET, Given.LEARNING_NET]
    assert given((1 << 16) + 1) == given(1 << 20, level=8) == [Given.LEARNING_NET]
    assert given(1 << 20) == given(1000, lanes=2) == [Given.NET]
