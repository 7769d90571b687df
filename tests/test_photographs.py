"""Real photographs, those that scikit-image carries: byte-exact files, smaller than PNG and WebP."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import arzip
from arzip.cli import cli

skimage = pytest.importorskip("skimage")
FOLDER = Path(skimage.__file__).parent / "data"


def photograph() -> np.ndarray:
    """A quarter of the astronaut, uint8 [160, 160, 3]."""
    with Image.open(FOLDER / "astronaut.png") as picture:
        return np.asarray(picture.convert("RGB"))[:160, 150:310]


def saved(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photograph()).save(out, kind, **options)
    return out.getvalue()


def test_a_photograph_as_png_comes_back_and_is_smaller_than_webp() -> None:
    png = saved("PNG", compress_level=9)
    archive = arzip.compress(png)
    assert arzip.decompress(archive) == png
    assert len(archive) < len(saved("WEBP", lossless=True, quality=100, method=6)) < len(png)


def test_the_net_beats_eight_bits_by_far_on_real_pixels() -> None:
    bits = arzip.load("photo-1").bits(photograph()[:64, :64])
    assert 0.5 < bits.mean() < 5.0


def test_pixels_only_is_opt_in_and_says_so(tmp_path: Path) -> None:
    from click.testing import CliRunner

    jpeg = tmp_path / "photo.jpg"
    jpeg.write_bytes(saved("JPEG", quality=80))
    done = CliRunner().invoke(cli, ["compress", "--pixels", str(jpeg)])
    assert done.exit_code == 0 and "pixels and colour profile only" in done.stderr
    assert CliRunner().invoke(cli, ["decompress", str(tmp_path / "photo.png.arz")]).exit_code == 0
    with Image.open(jpeg) as before, Image.open(tmp_path / "photo.png") as after:
        np.testing.assert_array_equal(np.asarray(before), np.asarray(after))
    note = tmp_path / "note.txt"
    note.write_text("no picture")
    assert CliRunner().invoke(cli, ["compress", "--pixels", str(note)]).exit_code == 2
