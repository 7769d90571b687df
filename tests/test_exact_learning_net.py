"""A picture's net that goes on learning: it begins as it was trained, and moves down the slopes of the code length."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arzip.exact.learning_layers import new_layers
from arzip.exact.learning_net import LearningNet, learn, new_learning_net, read
from arzip.exact.logistic import mixture, slopes
from arzip.exact.logistic_likelihood import log2_likelihood
from arzip.exact.packed import unpacked
from arzip.exact.small_net import SmallNet, forward, no_net, work_space
from arzip.mixing.guided_features import FEATURES
from tests.conftest import small_guided_net

COUNT = 37


def features_of(net: SmallNet, seed: int = 0) -> np.ndarray:
    wide = np.zeros((COUNT, net.inputs), np.int8)
    wide[:, :FEATURES] = np.random.default_rng(seed).integers(-127, 128, (COUNT, FEATURES))
    return wide


def said(net: LearningNet, plane: int, features: np.ndarray, outputs: int) -> np.ndarray:
    out = np.zeros((COUNT, outputs), np.int32)
    read(net, plane, features, COUNT, out)
    return out


@pytest.mark.parametrize("shape", [(24, 1, 3), (64, 2, 4), (9, 3, 1)])
def test_it_begins_as_it_was_trained(shape: tuple[int, int, int]) -> None:
    width, depth, components = shape
    net = small_guided_net(width=width, depth=depth, components=components).compiled()
    learner, features = new_learning_net(net, COUNT), features_of(net)
    for plane in range(3):
        expected = np.zeros((COUNT, net.outputs), np.int32)
        forward(net, plane, features, COUNT, work_space(net), expected)
        np.testing.assert_array_equal(said(learner, plane, features, net.outputs), expected)


def test_without_a_net_there_is_nothing() -> None:
    assert new_learning_net(no_net(), COUNT).steps.shape == (0,)


def test_slopes_are_those_of_the_likelihood() -> None:
    random = np.random.default_rng(1)
    for value in (0, 3, 90, 128, 255):
        outputs = np.concatenate(
            [random.integers(-64, 64, 4), random.integers(-200, 200, 4), random.integers(-20, 120, 4)]
        )
        mean, weight, reciprocal = np.zeros((3, 4), np.int64)
        base = value * 32 + 20
        mixture(outputs, 0, 4, weight, reciprocal)
        mean[:] = base + outputs[4:8]
        found = np.zeros(12, np.float32)
        slopes(value, 256, mean, weight, reciprocal, found)
        real = torch.tensor(outputs / 32, dtype=torch.float64, requires_grad=True)
        logits, means, scales = real[None].split(4, dim=1)
        cost = -log2_likelihood(logits, base / 32 + means, scales, torch.tensor([float(value)]), 256) * np.log(2)
        cost.sum().backward()  # type: ignore[no-untyped-call]
        np.testing.assert_allclose(found, real.grad, rtol=0.02, atol=2e-4)


def test_weights_move_against_normalised_errors() -> None:
    net = small_guided_net().compiled()
    learner, features = new_learning_net(net, COUNT), features_of(net)
    before = learner.last.weights[1].copy(), learner.first.weights.copy()
    said(learner, 1, features, net.outputs)
    random = np.random.default_rng(2)
    learner.slopes[:COUNT, : net.outputs] = random.standard_normal((COUNT, net.outputs)) * 0.1
    heard = learner.operands[-1, :COUNT].astype(float)
    wrong = learner.slopes[:COUNT].astype(float)
    learn(learner, 1, COUNT)
    shape = learner.slopes.shape[1], heard.shape[1]
    first, last = (unpacked(w, np.zeros(shape[0], np.int32), shape)[0] for w in (before[0], learner.last.weights[1]))
    expected, mean_e, mean_x = np.zeros(shape), np.zeros(shape[0]), np.zeros(shape[1])
    for step, part in enumerate((slice(0, COUNT // 2), slice(COUNT // 2, COUNT)), 1):
        e, x = wrong[part], heard[part]
        mean_e += ((e**2).mean(axis=0) - mean_e) / step
        mean_x += ((x**2).mean(axis=0) - mean_x) / step
        expected -= (e / (np.sqrt(mean_e) + 2.0**-24)).T @ (x / (np.sqrt(mean_x) + 2.0**-4)) * 2.0**-14
    scale = np.ldexp(1.0, net.last_sums[1, 1] + 5 - 4 + 8)[:, None]  # steps of the finest weights
    moved = (last.astype(float) - first)[: net.outputs]
    assert np.abs(moved - expected[: net.outputs] * scale).max() < 0.02 * np.abs(moved).max() + 2
    assert not np.array_equal(learner.first.weights[1], before[1][1])
    assert np.array_equal(learner.first.weights[[0, 2]], before[1][[0, 2]])


def test_it_learns() -> None:
    net = small_guided_net().compiled()
    learner, features = new_learning_net(net, COUNT), features_of(net)
    components, values = net.outputs // 3, np.random.default_rng(3).integers(100, 140, COUNT)
    mean, weight, reciprocal = np.zeros((3, components), np.int64)
    costs = []
    for _ in range(60):
        outputs, cost = said(learner, 0, features, net.outputs), 0.0
        for at in range(COUNT):
            mixture(outputs[at], 0, components, weight, reciprocal)
            mean[:] = 120 * 32 + outputs[at, components : 2 * components]
            slopes(values[at], 256, mean, weight, reciprocal, learner.slopes[at])
            logits, means, scales = torch.tensor(outputs[at : at + 1] / 32).split(components, dim=1)
            cost -= float(log2_likelihood(logits, 120 + means, scales, torch.tensor([float(values[at])]), 256))
        costs.append(cost / COUNT)
        learn(learner, 0, COUNT)
    assert costs[-1] < costs[0] - 0.5


@pytest.mark.parametrize("shift", [0, 9, 23])
@pytest.mark.parametrize("points", [(5, 8), (4, 8), (4, 5)])
def test_no_step_is_shifted_by_less_than_nothing(shift: int, points: tuple[int, int]) -> None:
    sums = np.stack([np.zeros(16, np.int32), np.full(16, shift, np.int32)])
    layers = new_layers((16, 16), [np.ones((16, 16), np.int8)], [sums], *points)
    assert layers.shifts[0] >= 1 and layers.shifts[1] >= 0
