"""Time and memory against size: prefixes of one large file through the command line, whole processes, two threads.

    python benchmarks/scaling.py FILE [--sizes 1000,10000,...] [--threads N] [--json OUT]

Speeds include the start of Python; each row is the median of three runs. Every archive is decoded and compared.
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


def run(words: list[str]) -> tuple[float, int]:
    """Seconds and peak MiB of one process."""
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "arzip", *words])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"arzip {' '.join(words)} failed")
    return time.perf_counter() - started, usage.ru_maxrss // 1024


def measure(data: bytes, folder: Path, threads: int, runs: int) -> dict[str, float]:
    """One size: medians of both directions."""
    plain, packed, back = folder / "plain", folder / "plain.arz", folder / "back"
    plain.write_bytes(data)
    shared = ["-q", "-f", "-T", str(threads)]
    coded, decoded = [], []
    for _ in range(runs):
        coded.append(run(["compress", *shared, "--no-verify", str(plain)]))
        decoded.append(run(["decompress", *shared, "-o", str(back), str(packed)]))
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
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    data = given.file.read_bytes()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, given.sizes.split(",")):
            rows.append(measure(data[:size], Path(folder), given.threads, 3 if size < 5_000_000 else 1))
            print("  ".join(f"{key} {value:,}" for key, value in rows[-1].items()), flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
