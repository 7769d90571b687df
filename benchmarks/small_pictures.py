"""What picture compressors make of a set of small pictures, each alone and all packed into one.

    python benchmarks/small_pictures.py small-pictures [--model gated-pixelcnn-32-1]

Every peer that is installed codes each picture by itself (the sum of all files) and a sheet of them, near square, whose
last row may end in black; each file is decoded and compared. arzip codes the sheet as a picture, and, where a model is
named, the set as one archive.
"""

from __future__ import annotations

import argparse
import io
import math

import numpy as np

import arzip
from arzip.bench.evaluate import part_of
from arzip.bench.peers import BINDINGS, Peer


def sheet_of(pictures: np.ndarray) -> np.ndarray:
    """Pictures [N, H, W, C] side by side, [rows * H, columns * W, C]."""
    count, height, width, colours = pictures.shape
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    full = np.zeros((rows * columns, height, width, colours), np.uint8)
    full[:count] = pictures
    full = full.reshape(rows, columns, height, width, colours).swapaxes(1, 2)
    return full.reshape(rows * height, columns * width, colours)


def coded(peer: Peer, pixels: np.ndarray) -> int:
    """Bytes of a file that was decoded and compared."""
    data = peer.code(pixels)
    np.testing.assert_array_equal(np.asarray(peer.decode(data)).reshape(pixels.shape), pixels)
    return len(data)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus")
    parser.add_argument("--part", default="test")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--model")
    given = parser.parse_args()
    table = part_of(given.corpus, given.part)
    pictures = table.reshape(len(table), given.side, given.side, -1)
    sheet = sheet_of(pictures)

    def told(name: str, size: int) -> None:
        print(f"| {name} | {size:,} | {size * 8 / table.size:.3f} |", flush=True)

    print("| coder | bytes | bits/dim |\n|---|---:|---:|")
    for peer in BINDINGS:
        if peer.takes == "image" and peer.installed:
            told(f"{peer.name}, one by one", sum(coded(peer, picture) for picture in pictures))
            told(f"{peer.name}, one sheet", coded(peer, sheet))
    portable = b"P6\n%d %d\n255\n" % (sheet.shape[1], sheet.shape[0]) + sheet.tobytes()
    archive = arzip.compress(portable)
    assert arzip.decompress(archive) == portable
    told("arzip, one sheet", len(archive))
    if given.model:
        out = io.BytesIO()
        np.save(out, table)
        archive = arzip.compress(out.getvalue(), model=given.model)
        assert arzip.decompress(archive) == out.getvalue()
        told(f"arzip, {given.model}", len(archive))


if __name__ == "__main__":
    main()
