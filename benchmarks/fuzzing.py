"""Fuzz the formats: no crash, no hang, nothing that decodes to other bytes. Needs `pip install atheris`.

    NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=/tmp/checked python benchmarks/fuzzing.py FOLDER [libFuzzer options]

FOLDER holds the growing corpus and is filled with small files of every format first. With the two variables the bounds
of arrays are checked in compiled code, too. Typical options:
-len_control=0 -max_total_time=600 -timeout=20 -rss_limit_mb=6000.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import random
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from types import FunctionType

import atheris
import numpy as np
from PIL import Image

from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats import FORMATS, take_apart
from arzip.formats.base import Parsed
from arzip.formats.deflate import put_together
from arzip.formats.deflate import take_apart as open_deflate

TEXT = b" ".join(str(number * number).encode() for number in range(120))


def seeds() -> list[bytes]:
    """A small file of every format and way to write it, behind the byte that says what to do with it."""
    dice = np.random.default_rng(1)
    pixels = np.cumsum(dice.integers(-2, 3, (12, 17, 3)), axis=1).astype(np.uint8)
    colour, gray = Image.fromarray(pixels), Image.fromarray(pixels[..., 0])
    found = []
    for image in (colour, gray):
        for kind, options in (
            ("png", {}),
            ("gif", {"interlace": 1}),
            ("bmp", {}),
            ("ppm", {}),
            ("tga", {}),
            ("tga", {"compression": "tga_rle"}),
            *(("tiff", {"compression": name}) for name in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate")),
        ):
            out = io.BytesIO()
            image.save(out, kind, **options)
            found.append(out.getvalue())
    out = io.BytesIO()
    colour.save(
        out, "png", save_all=True, append_images=[colour.rotate(180), colour.crop((2, 2, 9, 9))], default_image=0
    )
    found.append(out.getvalue())
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("picture.png", found[0], zipfile.ZIP_STORED)
        archive.writestr("text", TEXT, zipfile.ZIP_DEFLATED)
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        info = tarfile.TarInfo("picture.png")
        info.size = len(found[0])
        archive.addfile(info, io.BytesIO(found[0]))
    found += [zipped.getvalue(), tarred.getvalue(), gzip.compress(zipped.getvalue()), gzip.compress(tarred.getvalue())]
    found.append(b"%PDF-1.7\nstream\n" + zlib.compress(TEXT) + b"\nendstream")
    streams = [zlib.compress(TEXT, level, -15) for level in range(10)]
    return [b"\1" + data for data in found] + [b"\0" + data for data in streams]


def check(data: bytes) -> None:
    """Raises AssertionError, or anything that is no error of arzip, where a promise is broken."""
    if len(data) < 4:
        return
    dice = random.Random(data[-4:])
    if data[0] & 1:
        number, parsed, _ = take_apart(data[1:])
        if parsed is None:
            return
        assert FORMATS[number].build(parsed) == data[1:]
        side = damaged(parsed.side, dice)
        with contextlib.suppress(CorruptArchive):
            FORMATS[number].build(Parsed(parsed.parts, side))
        return
    try:
        opened = open_deflate(data[1:], limit=1 << 22)
    except (UnsupportedInput, LimitExceeded):
        return
    assert put_together(opened.plain, opened.recipe) == data[1 : 1 + opened.consumed]
    with contextlib.suppress(CorruptArchive):
        put_together(opened.plain, damaged(opened.recipe, dice))


def damaged(side: bytes, dice: random.Random) -> bytes:
    changed = bytearray(side)
    for _ in range(dice.randrange(1, 4)):
        if changed:
            changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for index, data in enumerate(seeds()):
        (folder / f"seed-{index:02}").write_bytes(data)
        check(data)
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


def instrument() -> None:
    """Let the fuzzer see which lines of the formats run; compiled functions stay as they are."""
    for name, module in list(sys.modules.items()):
        if name.startswith("arzip.formats"):
            for value in list(vars(module).values()):
                if isinstance(value, FunctionType) and value.__module__ == name:
                    atheris.instrument_func(value)


if __name__ == "__main__":
    instrument()
    main()
