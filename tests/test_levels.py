"""Pictures that leave values out go by rank, drawings stay whole, and either comes back."""

from __future__ import annotations

import io

import numpy as np
import pytest

import arzip
from arzip import roads
from arzip.archive import compress_stream
from arzip.bench.accounting import explain
from arzip.container import Fields
from arzip.errors import ArzipError, CorruptArchive
from arzip.levels import pack_levels, ranked, restored, sparse_levels, unpack_levels
from arzip.settings import Settings
from arzip.symbols import Symbols
from arzip.ways import Drawing, Photograph, Ranked


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A soft surface with a little noise, uint8 [H, W]."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(seed).normal(0, 1.5, (height, width))
    return (110 + 60 * np.sin(x / 23) * np.cos(y / 17) + noise).astype(np.uint8)


def stretched(picture: np.ndarray) -> np.ndarray:
    """Every value times 17 / 12: three in ten between the least and the largest never occur."""
    return (picture.astype(np.int64) * 17 // 12 % 256).astype(np.uint8)


def pgm(picture: np.ndarray, most: int = 255) -> bytes:
    body = picture.astype(">u2" if most > 255 else np.uint8).tobytes()
    return b"P5\n%d %d\n%d\n" % (picture.shape[1], picture.shape[0], most) + body


@pytest.mark.parametrize("depth", [8, 16])
def test_levels_come_back(depth: int) -> None:
    random = np.random.default_rng(depth)
    kind = np.uint8 if depth == 8 else np.uint16
    some = np.sort(random.choice(1 << depth, 100, replace=False)).astype(kind)
    block = random.choice(some, (30, 40, 3))
    block[..., 1] = (np.arange(1200) % 256).reshape(30, 40)  # nothing left out
    levels = sparse_levels(block)
    assert levels[0] is not None and levels[1] is None and levels[2] is not None
    ranks = ranked(block, levels)
    assert ranks.dtype == kind and ranks[..., 0].max() < 100 and (ranks[..., 1] == block[..., 1]).all()
    fields = Fields(pack_levels(levels))
    again = unpack_levels(fields, 3, depth)
    assert not fields.rest()
    for one, other in zip(levels, again, strict=True):
        assert (one is None and other is None) or np.array_equal(one, other)
    np.testing.assert_array_equal(restored(ranks, again), block)
    with pytest.raises(CorruptArchive):
        restored(np.full_like(ranks, 255), levels)


def test_damaged_levels_are_refused() -> None:
    packed = pack_levels(sparse_levels(np.array([3, 90, 200, 210], np.uint8).reshape(2, 2, 1)))
    for bad in (packed[:-1], packed[:2] + bytes(len(packed) - 2), b"\xff\xff\x03" + packed[2:], b""):
        with pytest.raises(ArzipError):
            unpack_levels(Fields(bad), 1, 8)


def test_a_stretched_picture_costs_little_more_than_the_picture() -> None:
    picture = smooth(90, 110)
    plain, wide = pgm(picture), pgm(stretched(picture))
    archive = arzip.compress(wide)
    assert arzip.decompress(archive) == wide
    assert len(archive) < len(arzip.compress(plain)) + 40
    report = compress_stream(io.BytesIO(wide), io.BytesIO(), Settings())
    assert [frame.road for frame in report.frames] == [Ranked.number]


def test_twelve_bits_in_sixteen_cost_what_twelve_do() -> None:
    picture = smooth(64, 80).astype(np.uint16) * 9
    shifted = pgm(picture * 16, 65535)
    archive = arzip.compress(shifted)
    assert arzip.decompress(archive) == shifted
    assert len(archive) < 1.05 * len(arzip.compress(pgm(picture, 4095)))


def test_a_drawing_is_not_cut_and_a_photograph_is() -> None:
    settings = Settings()
    letters = np.random.default_rng(3).integers(0, 2, (40, 9, 7)) * 255
    text = letters[np.random.default_rng(4).integers(0, 40, (48, 64))].transpose(0, 2, 1, 3).reshape(432, 448)
    drawn = np.repeat(text[..., None], 3, axis=2).astype(np.uint8)
    seen = np.dstack([smooth(432, 448, seed) for seed in range(3)])
    for pixels, way, tiles in ((drawn, Drawing, 1), (seen, Photograph, 2)):
        road, grid = roads.plan(Symbols("image", pixels, depth=8), settings)
        assert isinstance(road.taken, way) and len(list(grid.slices())) == tiles
    data = b"P6\n448 432\n255\n" + drawn.tobytes()
    assert arzip.decompress(arzip.compress(data)) == data


@pytest.mark.parametrize("shape", [(90, 110), (400, 400)])
def test_accounts_of_ranks_add_up(shape: tuple[int, int]) -> None:
    found = explain(pgm(stretched(smooth(*shape))), Settings())
    assert sum(step.bytes for step in found.account) == found.size
    ideal = sum(float(costs.sum()) for costs in found.costs) / 8
    assert 0 <= found.size - ideal < 120 + 0.002 * found.size
