"""Digits binarised anew: the images behind the validation part are found and left out, the rest keeps its grays."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from arzip.errors import ModelError, UnsupportedInput
from arzip.nets.nade import NADE
from arzip.nets.token_net import BENDS
from arzip.training.binarising import behind, bent, training_grays
from arzip.training.tables import TableSampler
from arzip.training.tasks import TASKS

COUNT, D = 60, 64
SETTINGS = {"file": "t.npz", "rows": 8, "moved": 0.0, "settle": 0}


@pytest.fixture
def levels() -> np.ndarray:
    """Pictures that are white, black or gray, uint8 [60, 64]."""
    random = np.random.default_rng(0)
    gray = random.integers(1, 255, (COUNT, D))
    return np.choose(random.integers(0, 3, (COUNT, D)), [np.zeros_like(gray), np.full_like(gray, 255), gray]).astype(
        np.uint8
    )


def drawn(levels: np.ndarray, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(levels.shape) < levels / 255).astype(np.uint8)


@pytest.fixture
def corpus(levels: np.ndarray, tmp_path: Path) -> Path:
    """A folder with 50 of them binarised to train with, 10 to validate with, and all of their grays."""
    parts = {"train": drawn(levels[:50], 5), "valid": drawn(levels[50:], 6)}
    np.savez(tmp_path / "t.npz", width=D, **{name: np.packbits(x, axis=1) for name, x in parts.items()})
    header = bytes([0, 0, 8, 3]) + np.array([COUNT, 8, 8], ">i4").tobytes()
    (tmp_path / "g.gz").write_bytes(gzip.compress(header + levels.tobytes()))
    return tmp_path


def test_the_image_behind_a_binarisation_is_found(levels: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(COUNT)
    found = behind(drawn(levels[order], 2), levels.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(found, order)


def test_what_is_behind_the_validation_part_never_trains(levels: np.ndarray) -> None:
    kept = training_grays(levels, drawn(levels[20:30], 3), Path("images"))
    np.testing.assert_allclose(kept * 255, np.delete(levels, np.s_[20:30], axis=0), atol=1e-4)


def test_other_images_are_refused(levels: np.ndarray) -> None:
    with pytest.raises(UnsupportedInput, match="not the images"):
        training_grays(levels[:30], drawn(levels[40:50], 3), Path("images"))


def test_batches_are_drawn_anew_from_some_batch_on(levels: np.ndarray, corpus: Path) -> None:
    sampler = TableSampler(corpus, 1, {**SETTINGS, "grays": "g.gz", "anew": 2})
    known = {row.tobytes() for row in drawn(levels[:50], 5)}
    for batch in range(4):
        x = sampler.batch(20)[0].numpy().astype(np.uint8)
        assert all(row.tobytes() in known for row in x) == (batch < 2)
        source = behind(x, levels.astype(np.float32) / np.float32(255))
        assert source.max() < 50
    state, x = sampler.state(), sampler.batch(5)[0]
    sampler.restore(state)
    assert (sampler.batch(5)[0] == x).all()


def test_what_is_expected_is_what_was_drawn_on_average(corpus: Path) -> None:
    """Moved as it is, and 0 or 1 where the pixel is certain."""
    settings = {**SETTINGS, "grays": "g.gz", "moved": 0.5, "settle": 9, "expected": 1}
    sampler = TableSampler(corpus, 1, settings)
    assert len(sampler.batch(4)) == 1
    x, chance = sampler.batch(4000)
    assert abs(float((x - chance).mean())) < 0.005
    assert (x[chance == 1] == 1).all() and (x[chance == 0] == 0).all() and bool((chance % 1 > 0).any())
    assert float(((x - chance) ** 2).mean()) == pytest.approx(float((chance * (1 - chance)).mean()), rel=0.05)


def test_bent_digits_keep_their_ink() -> None:
    """A blob off the middle stays about where it is and as dark as it is, and none stays what it was."""
    gray = np.zeros((200, 28, 28), np.float32)
    gray[:, 8:13, 15:20] = 1
    found = bent(gray.reshape(200, -1), 28, np.random.default_rng(1))[0].reshape(200, 28, 28)
    assert found.min() >= 0 and found.max() <= 1
    np.testing.assert_allclose(found.sum(axis=(1, 2)).mean(), gray[0].sum(), rtol=0.05)
    y, x = np.mgrid[:28, :28]
    middles = np.stack([(found * at).sum(axis=(1, 2)) / found.sum(axis=(1, 2)) for at in (y, x)], axis=1)
    assert np.abs(middles.mean(axis=0) - [10, 17]).max() < 0.2
    assert middles.std(axis=0).min() > 0.2 and middles.std(axis=0).max() < 1
    assert (np.abs(found - gray).max(axis=(1, 2)) > 0.01).all()


def test_bent_digits_are_as_sharp_as_others() -> None:
    """An ellipse with an edge as wide as a pixel has as many gray pixels when it is bent."""
    y, x = np.mgrid[:28, :28] - 13.5
    disc = np.clip(8.5 - np.hypot(0.8 * y, 1.2 * x), 0, 1).astype(np.float32).reshape(1, -1)
    found, _ = bent(np.tile(disc, (200, 1)), 28, np.random.default_rng(1))
    before, after = (((g > 0.1) & (g < 0.9)).sum(axis=1).mean() for g in (disc, found))
    assert after == pytest.approx(before, rel=0.2)


def test_how_a_digit_is_bent_is_told() -> None:
    """A bar across the middle leans as its angle says; a square is as high and wide as the stretches say."""
    y, x = np.mgrid[:28, :28] - 13.5
    bar, square = ((abs(y) < 2) & (abs(x) < 11)), ((abs(y) < 6) & (abs(x) < 6))
    for shape in (bar, square):
        gray = np.tile(shape.astype(np.float32).reshape(1, -1), (300, 1))
        found, how = bent(gray, 28, np.random.default_rng(1))
        assert how.shape == (300, BENDS) and (how[:, 0] == 1).all() and abs(how[:, 1:].std() - 1) < 0.1
        yy, xx, xy = (
            (found.reshape(-1, 28, 28) * at).sum(axis=(1, 2)) / found.sum(axis=1) for at in (y * y, x * x, x * y)
        )
        if shape is bar:
            assert abs(np.corrcoef(xy / xx, how[:, 1])[0, 1]) > 0.95
        else:
            assert np.corrcoef(np.log(xx), how[:, 3])[0, 1] < -0.8 and np.corrcoef(np.log(yy), how[:, 4])[0, 1] < -0.8


def test_a_net_is_told_how_digits_are_bent(corpus: Path) -> None:
    settings = {**SETTINGS, "grays": "g.gz", "bent": 0.5, "told": True, "expected": 0, "settle": 1}
    sampler = TableSampler(corpus, 1, settings)
    x, chance, how = sampler.batch(400)
    assert x.shape == chance.shape and abs(float(how[:, 0].mean()) - 0.5) < 0.15
    assert not how[how[:, 0] == 0].any() and how[how[:, 0] == 1].all()
    assert not sampler.batch(40)[2].any()


def test_other_nets_cannot_be_told() -> None:
    x = torch.zeros(3, D)
    with pytest.raises(ModelError, match="NADE cannot be told"):
        TASKS["nade"].loss(NADE(variables=D, rows=8, order="raster", hidden=4), (x, x, torch.zeros(3, BENDS)))


def test_some_digits_are_bent_until_a_run_settles(levels: np.ndarray, corpus: Path) -> None:
    sampler = TableSampler(corpus, 1, {**SETTINGS, "grays": "g.gz", "bent": 0.5, "settle": 1})
    for share in (0.5, 0.0):
        x = sampler.batch(400)[0].numpy().astype(np.uint8)
        source = levels[behind(x, levels.astype(np.float32) / np.float32(255))]
        impossible = ((x > (source > 0)) | (x < (source == 255))).any(axis=1)
        assert abs(impossible.mean() - share) < 0.15
