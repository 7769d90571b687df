"""The local image net as a causal model: parity, causality, road, for every number of channels and odd sizes."""

from __future__ import annotations

import numpy as np
import pytest

from arzip.coding.coder import Dice
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.exact.engine import Engine
from arzip.fronts import wavefront
from arzip.nets import wavefront_model
from arzip.nets.local_pixelcnn import LocalPixelCNN
from arzip.nets.picture_model import PictureModel
from tests.conftest import small_net
from tests.laws import check_causality, check_parity, check_road, concatenated


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (7, 1, 2), (5, 6, 4), (3, 4, 5, 3), (0, 3, 3)])
def test_parity_and_road(placed: LocalPixelCNN, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(sum(shape)).integers(0, 256, shape).astype(np.uint8)
    if pixels.size:
        check_parity(PictureModel(placed), pixels)
    check_road(PictureModel(placed), pixels)


def test_parity_on_a_picture(placed: LocalPixelCNN, picture: np.ndarray) -> None:
    check_parity(PictureModel(placed), picture)


@pytest.mark.parametrize("chunk", [1, 100, 1 << 20])
def test_engines_and_batch_sizes_agree(chunk: int, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wavefront_model, "CHUNK", chunk)
    words = set()
    for kind in ("fp32", "int8"):
        net = small_net()
        net.place(Engine(kind, "cpu"))
        words.add(encode_symbols(PictureModel(net), picture).words)
    assert len(words) == 1
    monkeypatch.undo()
    net.place(Engine("fp32", "cpu"))
    assert encode_symbols(PictureModel(net), picture).words in words


def test_causality(placed: LocalPixelCNN, picture: np.ndarray) -> None:
    at, starts = wavefront((1, *picture.shape[:2]), 4)
    front = 30
    changed = picture.copy()
    later = at[starts[front] :]
    changed[later[:, 1], later[:, 2]] ^= 0x5A
    # The first symbols of the front itself depend on earlier fronts alone.
    unmoved = starts[front] * 6 + (starts[front + 1] - starts[front])
    check_causality(PictureModel(placed), picture, changed, int(unmoved))


def test_rows_and_code_lengths_say_the_same(placed: LocalPixelCNN, picture: np.ndarray) -> None:
    model = PictureModel(placed)
    small = picture[:9, :11]
    rows, lengths = model.rows(small), model.code_lengths(small)
    np.testing.assert_allclose(rows.sum(axis=-1), 1.0)
    chosen = np.take_along_axis(rows, small[..., None].astype(np.int64), axis=-1)[..., 0]
    np.testing.assert_allclose(-np.log2(chosen), lengths, rtol=1e-9)
    p, x = concatenated(model, small)
    assert len(p) == len(x) == small.size * 2
    np.testing.assert_allclose(lengths.sum(), encode_symbols(model, small).ideal_bits)


def test_samples_are_reproducible_and_engine_free(picture: np.ndarray) -> None:
    samples = []
    for kind in ("fp32", "int8"):
        net = small_net()
        net.place(Engine(kind, "cpu"))
        samples.append(decode_symbols(PictureModel(net), (2, 4, 5, 3), Dice(4)))
    np.testing.assert_array_equal(*samples)
    assert len(np.unique(samples[0])) > 20


def test_wavefront_covers_every_pixel_once() -> None:
    at, starts = wavefront((2, 5, 9), 4)
    assert len({tuple(row) for row in at}) == 2 * 5 * 9
    fronts = at[:, 2] + 4 * at[:, 1]
    assert (np.diff(fronts) >= 0).all()
    np.testing.assert_array_equal(np.unique(fronts, return_index=True)[1], starts[:-1][np.diff(starts) > 0])
