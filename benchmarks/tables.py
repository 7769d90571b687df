"""What other compressors make of a corpus of binary examples: the rows beside arzip's models in docs/models.md.

    python benchmarks/tables.py CORPUS [--part test]

General compressors get the examples as packed bits (one bit each, the smaller of the two things they could be given);
picture formats get them as one bilevel picture, 100 examples to a row.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import lzma
import math
import zlib

import numpy as np
from PIL import Image

import arzip
from arzip.bench.evaluate import part_of

ROW = 100  # examples


def bilevel(x: np.ndarray, rows: int) -> Image.Image:
    """All examples as one picture."""
    count, variables = x.shape
    columns = variables // rows
    padded = np.zeros((-(-count // ROW) * ROW, variables), dtype=np.uint8)
    padded[:count] = x
    tiled = padded.reshape(-1, ROW, rows, columns).swapaxes(1, 2).reshape(-1, ROW * columns)
    return Image.fromarray(tiled * 255).convert("1")


def saved(picture: Image.Image, kind: str, **options: object) -> int:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return len(out.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus")
    parser.add_argument("--part", default="test")
    parser.add_argument("--rows", type=int, default=28, help="of an example that is a picture")
    given = parser.parse_args()
    x = part_of(given.corpus, given.part)
    packed = np.packbits(x, axis=1).tobytes()
    p = part_of(given.corpus, "train").mean(axis=0).clip(1e-5, 1 - 1e-5)
    independent = -(x * np.log2(p) + (1 - x) * np.log2(1 - p)).sum() / 8
    picture = bilevel(x, given.rows) if x.shape[1] % given.rows == 0 else None
    sizes = {
        "packed bits": len(packed),
        "independent variables, frequencies of the training part (ideal)": round(independent),
        "gzip -9": len(gzip.compress(packed, 9, mtime=0)),
        "zlib -9 of single bytes": len(zlib.compress(x.tobytes(), 9)),
        "xz -9e": len(lzma.compress(packed, preset=9 | lzma.PRESET_EXTREME)),
        "arzip, byte road, packed bits": len(arzip.compress(packed)),
        "arzip, byte road, single bytes": len(arzip.compress(x.tobytes())),
    }
    if picture is not None:
        sizes["PNG, 1 bit"] = saved(picture, "PNG", optimize=True)
        sizes["TIFF, CCITT group 4"] = saved(picture, "TIFF", compression="group4")
        sizes["WebP lossless"] = saved(picture.convert("RGB"), "WEBP", lossless=True, quality=100, method=6)
    for name, size in sizes.items():
        nats = 8 * size * math.log(2) / len(x)
        print(json.dumps({"name": name, "bytes": size, "nats_per_example": round(nats, 2)}))


if __name__ == "__main__":
    main()
