"""The benchmark of small pictures: its sheet holds every picture once, in reading order, and its sizes are of files."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arzip.bench.peers import BINDINGS, Peer

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "small_pictures.py"))


@pytest.mark.parametrize("count", [1, 4, 7, 846])
def test_a_sheet_holds_every_picture_in_order(benchmark: dict[str, Any], count: int) -> None:
    pictures = np.random.default_rng(0).integers(1, 256, (count, 4, 3, 3), dtype=np.uint8)
    sheet = benchmark["sheet_of"](pictures)
    height, width = sheet.shape[0] // 4, sheet.shape[1] // 3
    tiles = [sheet[4 * y : 4 * y + 4, 3 * x : 3 * x + 3] for y in range(height) for x in range(width)]
    np.testing.assert_array_equal(np.stack(tiles[:count]), pictures)
    assert not np.any(tiles[count:])
    assert len(tiles) - count < width


def test_sizes_are_those_of_files_that_decode(benchmark: dict[str, Any]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    png = next(peer for peer in BINDINGS if peer.name == "PNG optimised")
    assert benchmark["coded"](png, pixels) == len(png.code(pixels))
    lossy = Peer("lossy", "image", "PIL", png.code, lambda data: np.asarray(png.decode(data)) ^ 1)
    with pytest.raises(AssertionError):
        benchmark["coded"](lossy, pixels)
