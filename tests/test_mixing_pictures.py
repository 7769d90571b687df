"""The picture engine: encoding equals decoding for all shapes, depths and profiles, with and without a net."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arzip.errors import CorruptArchive, ModelError
from arzip.exact.engine import Engine
from arzip.exact.small_net import SmallNet, forward, small_net, work_space
from arzip.fronts import front_starts, wavefront
from arzip.mixing import picture_engine
from arzip.mixing.guide import PROFILES, SLOPE, learn_plane, new_guide, predict_plane
from arzip.mixing.guided_features import FEATURES, guide_fronts
from arzip.mixing.least_squares import Neighbours, learn_front, new_least_squares, predict_front, predicted
from arzip.mixing.picture_plane import LEFT, RIGHT, TOP, new_plane, set_sample
from arzip.nets.guided_model import GuidedModel
from arzip.nets.guided_net import GuidedNet
from arzip.pictures import decode_picture, encode_picture
from tests.conftest import small_guided_net
from tests.laws import check_parity, check_road


@pytest.fixture(scope="module")
def guided() -> GuidedNet:
    return small_guided_net()


def road(picture: np.ndarray, depth: int, profile: int, net: SmallNet | None, pace: int = 0) -> bytes:
    payload, ideal = encode_picture(picture, depth, profile=profile, net=net, pace=pace)
    np.testing.assert_array_equal(decode_picture(payload, picture.shape, depth, net), picture)
    assert 8 * len(payload) <= ideal * 1.0005 + 1e-3 * picture.size + 120
    return payload


@pytest.mark.parametrize("profile", range(len(PROFILES)))
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (7, 1, 2), (5, 6, 4), (13, 17, 1)])
def test_small_pictures_of_every_kind(shape: tuple[int, ...], profile: int, guided: GuidedNet) -> None:
    pixels = np.random.default_rng(sum(shape)).integers(0, 256, shape).astype(np.uint8)
    road(pixels, 8, profile, None)
    if profile == 1:
        road(pixels, 8, profile, guided.compiled())
        road(pixels, 8, profile, guided.compiled(), pace=1)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 24), st.sampled_from([1, 2, 3, 4]), st.integers(1, 16), st.integers(0, 2**32 - 1)
)
def test_every_depth(height: int, width: int, channels: int, depth: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.integers(-3, 4, (height, width, channels)), axis=1) + (1 << depth >> 1)
    pixels = np.clip(walk, 0, (1 << depth) - 1).astype(np.uint16 if depth > 8 else np.uint8)
    road(pixels, depth, int(seed % 2), None)


@pytest.mark.parametrize("pace", [0, 1, 2])
@pytest.mark.parametrize("piece", [1, 60, 1 << 20])
def test_pieces_of_any_size_agree(piece: int, pace: int, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    net = small_guided_net().compiled()
    reference = road(picture, 8, 1, net, pace)
    monkeypatch.setattr(picture_engine, "_PIECE", piece)
    assert encode_picture(picture, 8, profile=1, net=net, pace=pace)[0] == reference


@pytest.mark.parametrize("profile", range(len(PROFILES)))
def test_every_feature_is_seen(profile: int, picture: np.ndarray) -> None:
    found = []
    for before in (-99, 99):
        guide = new_guide(*picture.shape, depth=8, profile=PROFILES[profile])
        planes, height, width = picture.shape[2], *picture.shape[:2]
        means = np.zeros((planes, height * width, len(PROFILES[profile].first)), np.int32)
        features = np.full((planes, height * width, FEATURES), before, np.float32)
        base = np.zeros((planes, height * width), np.int32)
        guide_fronts(guide, 0, width + SLOPE * (height - 1), picture.astype(np.int32), means, features, base)
        found.append(features)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("shape", [(24, 1, 3), (64, 2, 4), (9, 3, 1)])
def test_the_compiled_net_says_what_every_engine_says(shape: tuple[int, int, int]) -> None:
    width, depth, components = shape
    net = small_guided_net(width=width, depth=depth, components=components)
    features = np.random.default_rng(width).integers(-127, 128, (37, FEATURES)).astype(np.float32)
    small = net.compiled()
    wide = np.zeros((len(features), small.inputs), np.int8)
    wide[:, :FEATURES] = features
    for kind in ("fp32", "int8"):
        net.place(Engine(kind, "cpu"))
        for plane in range(3):
            expected = net.outputs(torch.from_numpy(features).to(net.engine.small), plane).numpy()
            for count in (1, 2, len(features)):
                said = np.zeros((len(features), 3 * components), np.int32)
                forward(small, plane, wide, count, work_space(small), said)
                np.testing.assert_array_equal(said[:count], expected[:count])
                assert not said[count:].any()


def test_weights_beyond_their_bounds_are_refused() -> None:
    buffers = {name: buffer.numpy().copy() for name, buffer in small_guided_net().named_buffers()}
    buffers["planes.1.layers.0.bias_q"][3] = 1 << 24
    with pytest.raises(ModelError, match="2\\*\\*24"):
        small_net(buffers, planes=3, depth=1)
    with pytest.raises(ModelError, match="2 blocks"):
        small_net(buffers, planes=3, depth=2)


def test_the_guided_net_alone(guided: GuidedNet, picture: np.ndarray) -> None:
    check_parity(GuidedModel(guided), picture)
    check_road(GuidedModel(guided), picture)
    check_road(GuidedModel(guided), picture[..., :1])


def test_the_engine_learns(picture: np.ndarray) -> None:
    tall = np.tile(picture, (4, 3, 1))
    once, often = (encode_picture(p, 8, profile=1, net=None)[1] / p.size for p in (picture, tall))
    assert often < 0.8 * once < 6.4


def test_damage_is_noticed_or_decodes_to_something_else(picture: np.ndarray) -> None:
    payload = road(picture, 8, 1, None)
    with pytest.raises(CorruptArchive):
        decode_picture(payload[:-3], picture.shape, 8, None)
    with pytest.raises(CorruptArchive):
        decode_picture(bytes([99]) + payload[1:], picture.shape, 8, None)
    with pytest.raises(CorruptArchive):
        decode_picture(bytes([129]) + payload[1:], picture.shape, 8, None)
    with pytest.raises(CorruptArchive):
        decode_picture(bytes([65]) + payload[1:], picture.shape, 8, small_guided_net().compiled())
    for at in range(1, len(payload), 97):
        damaged = bytearray(payload)
        damaged[at] ^= 16
        with contextlib.suppress(CorruptArchive):
            assert not np.array_equal(decode_picture(bytes(damaged), picture.shape, 8, None), picture)


def test_no_cell_of_the_margin_changes_once_it_may_be_read() -> None:
    height, width = 6, 9
    symbols = np.random.default_rng(0).integers(0, 256, (height, width, 1)).astype(np.int32)
    final = new_plane(height, width, 1, 8)
    for y in range(height):
        for x in range(width):
            set_sample.py_func(final, y, x, 0, symbols[y, x, 0])
    guide = new_guide(height, width, 1, depth=8, profile=PROFILES[0])
    means = np.zeros((height, 1), np.int32)
    for front in range(width + 4 * (height - 1)):
        for y in range(height):
            x = front - 4 * y
            if 0 <= x < width:
                for dy, dx in ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-2, 1), (-1, 2), (-1, -2)):
                    place = TOP + y + dy, LEFT + x + dx, 0
                    assert guide.plane[place] == final[place]
        predict_plane(guide, 0, front, means)
        learn_plane(guide, 0, front, means, symbols)
    np.testing.assert_array_equal(guide.plane[TOP:, LEFT:-RIGHT], symbols)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 3), (3, 20), (40, 7), (1, 9), (9, 1)])
def test_where_fronts_begin(height: int, width: int) -> None:
    np.testing.assert_array_equal(front_starts(height, width, 4), wavefront((1, height, width), 4)[1])


def reference_weights(u: np.ndarray, t: np.ndarray, g: np.ndarray, ridge: float) -> np.ndarray:
    a = (u.T * g) @ u + ridge * np.eye(u.shape[1])
    return np.linalg.solve(a, (u.T * g) @ t)


def reference_trust(u: np.ndarray, error: np.ndarray) -> np.ndarray:
    h = 1 / ((u**2).mean(axis=1) + 60.0)
    return h / (1 + np.abs(error) * np.sqrt(h))


def test_least_squares_against_numpy() -> None:
    """One row of a picture: the sums are a plain exponentially weighted regression."""
    width, decay = 60, 0.9
    random = np.random.default_rng(3)
    line = np.clip(128 + np.cumsum(random.normal(0, 6, width)), 0, 255).astype(np.int64)
    expert = new_least_squares(Neighbours(((0, -1), (0, -2)), (), (), 1, decay, 0.8), 0, 1, 1, 4)
    plane = new_plane(1, width, 1, 8)
    found = np.zeros(width)
    for x in range(width):
        predict_front(expert, plane, 0, x, 0, 1)
        found[x] = predicted.py_func(expert, 0)
        row = plane[TOP, :, 0].astype(float)
        centre = np.array([(row[LEFT + i - 1] + 3 * 128) / 4 for i in range(x + 1)])
        inputs = np.array([[row[LEFT + i - 1] - centre[i], row[LEFT + i - 2] - centre[i]] for i in range(x + 1)])
        if x > 4:
            g = decay ** np.arange(x - 1, -1, -1) * reference_trust(inputs[:x], line[:x] - found[:x])
            w = reference_weights(inputs[:x], line[:x] - centre[:x], g, 0.02)
            assert abs(found[x] - (centre[x] + inputs[x] @ w)) < 0.02
        set_sample.py_func(plane, 0, x, 0, line[x])
        learn_front(expert, plane, 0, x, 0, 1)


@pytest.mark.parametrize("period", [1, 2])
def test_least_squares_over_rows(period: int) -> None:
    """What is known around a sample, left and above in a widening triangle, each with the weight that it faded to."""
    height, width, along, down = 70, 60, 0.7, 0.6
    random = np.random.default_rng(4)
    picture = np.clip(
        np.add.outer(np.arange(height), np.arange(width)) + random.integers(0, 90, (height, width)), 0, 255
    )
    expert = new_least_squares(Neighbours(((0, -1), (-1, 0), (-1, 1)), (), (), period, along, down), 0, 1, height, 4)
    plane = new_plane(height, width, 1, 8)
    found = np.zeros((height, width))
    for front in range(width + 4 * (height - 1)):
        first, last = max(0, (front - width + 4) // 4), min(height, front // 4 + 1)
        predict_front(expert, plane, 0, front, first, last)
        for y in range(first, last):
            found[y, front - 4 * y] = predicted.py_func(expert, y)
            set_sample.py_func(plane, y, front - 4 * y, 0, picture[y, front - 4 * y])
        learn_front(expert, plane, 0, front, first, last)
    p = plane[..., 0].astype(float)

    def seen(y: int, x: int) -> tuple[np.ndarray, float]:
        row, column = y + TOP, x + LEFT
        near = [p[row, column - 1], p[row - 1, column], p[row - 1, column + 1]]
        centre = (sum(near) + p[row - 1, column - 1]) / 4
        return np.array(near) - centre, centre

    for y, x in ((0, 9), (1, 20), (31, 30), (32, 30), (33, 31), (64, 17), (69, 20)):
        u, t, g = [], [], []
        for up in range(0, y + 1, period):
            last = x + up if up else x - period  # the triangle's right edge
            for i in range(last % period, min(last + 1, width), period):
                inputs, centre = seen(y - up, i)
                u.append(inputs)
                t.append(picture[y - up, i] - centre)
                trust = reference_trust(inputs[None], picture[y - up, i] - found[y - up, i])[0]
                g.append(along ** ((last - i) // period) * down ** max(up // period - 1, 0) * trust)
        inputs, centre = seen(y, x)
        expected = centre + inputs @ reference_weights(np.array(u), np.array(t), np.array(g), 0.02)
        assert abs(found[y, x] - expected) < 0.1, (y, x)
