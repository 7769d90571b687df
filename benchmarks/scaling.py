"""Time and memory against size through the command line, whole processes, two threads.

    python benchmarks/scaling.py FILE [--sizes 1000,10000,...] [--level N] [--threads N] [--json OUT]

Sizes are bytes of prefixes of FILE, or, for a picture, pixels of square PPM files cut from it (mirrored where it is too
small). Speeds include the start of Python; each row is the median of three runs. Every archive is decoded and compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError


def run(words: list[str]) -> tuple[float, int]:
    """Seconds and peak MiB of one process."""
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "arzip", *words])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"arzip {' '.join(words)} failed")
    return time.perf_counter() - started, usage.ru_maxrss // 1024


def picture_of(path: Path) -> np.ndarray | None:
    """The pixels of a picture, uint8 [H, W, 3]; None of any other file."""
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except UnidentifiedImageError:
        return None


def square(pixels: np.ndarray, count: int) -> bytes:
    """About `count` pixels as a PPM file."""
    side = round(count**0.5)
    height, width = pixels.shape[:2]
    rows, columns = (np.arange(side) % (2 * size) for size in (height, width))
    rows, columns = np.minimum(rows, 2 * height - 1 - rows), np.minimum(columns, 2 * width - 1 - columns)
    return f"P6\n{side} {side}\n255\n".encode() + pixels[rows[:, None], columns].tobytes()


def measure(data: bytes, folder: Path, how: list[str], runs: int) -> dict[str, float]:
    """One size: medians of both directions."""
    plain, packed, back = folder / "plain", folder / "plain.arz", folder / "back"
    plain.write_bytes(data)
    coded, decoded = [], []
    for _ in range(runs):
        coded.append(run(["compress", *how, "--no-verify", str(plain)]))
        decoded.append(run(["decompress", *how[:4], "-o", str(back), str(packed)]))
    if back.read_bytes() != data:
        raise SystemExit("decoded to other bytes")
    encode, decode = (statistics.median(t for t, _ in times) for times in (coded, decoded))
    return {
        "bytes": len(data),
        "archive": packed.stat().st_size,
        "encode_seconds": round(encode, 3),
        "decode_seconds": round(decode, 3),
        "encode_kb_per_second": round(len(data) / encode / 1000, 1),
        "decode_kb_per_second": round(len(data) / decode / 1000, 1),
        "peak_mib": max(m for _, m in coded + decoded),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000,8000000,30000000")
    parser.add_argument("--level", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data, pixels = given.file.read_bytes(), picture_of(given.file)
    how = ["-q", "-f", "-T", str(given.threads), f"-{given.level}"]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, given.sizes.split(",")):
            part = data[:size] if pixels is None else square(pixels, size)
            rows.append(measure(part, Path(folder), how, 3 if len(part) < 5_000_000 else 1))
            print("  ".join(f"{key} {value:,}" for key, value in rows[-1].items()), flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
