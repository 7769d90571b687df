"""Proof that nothing of the evaluation texts is in the training texts: shared runs of 64 bytes, found by rolling hash.

    python benchmarks/contamination.py CORPORA/text

Every run of 64 bytes of every evaluation file that is no mere repetition is looked for at every place of every training
collection. Prints, for each evaluation file, the share of its bytes that lie in a run found in training, and examples.
"""

from __future__ import annotations

import argparse
import lzma
from pathlib import Path

import numpy as np
from numba import njit

RUN = 64
_BASE = np.uint64(0x9E3779B97F4A7C15)
_FILTER_BITS = 30


@njit(cache=True)
def hashes(data: np.ndarray) -> np.ndarray:
    """The hash of every run of RUN bytes, uint64 [n - RUN + 1]."""
    power = np.uint64(1)
    for _ in range(RUN):
        power = power * _BASE
    out = np.empty(max(len(data) - RUN + 1, 0), np.uint64)
    value = np.uint64(0)
    for i in range(len(data)):
        value = value * _BASE + np.uint64(data[i]) + np.uint64(1)
        if i >= RUN:
            value -= power * (np.uint64(data[i - RUN]) + np.uint64(1))
        if i >= RUN - 1:
            out[i - RUN + 1] = value ^ (value >> np.uint64(29))
    return out


@njit(cache=True)
def varied(data: np.ndarray) -> np.ndarray:
    """Whether each run holds at least 12 different bytes: rulers and blank lines prove nothing."""
    seen = np.zeros(256, np.int32)
    out = np.zeros(max(len(data) - RUN + 1, 0), np.bool_)
    different = 0
    for i in range(len(data)):
        different += seen[data[i]] == 0
        seen[data[i]] += 1
        if i >= RUN:
            seen[data[i - RUN]] -= 1
            different -= seen[data[i - RUN]] == 0
        if i >= RUN - 1:
            out[i - RUN + 1] = different >= 12
    return out


@njit(cache=True)
def passed(found: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Which hashes may be among those marked in a filter of bits."""
    out = np.empty(len(found), np.bool_)
    for i in range(len(found)):
        place = found[i] >> np.uint64(64 - _FILTER_BITS)
        out[i] = (marks[place >> np.uint64(3)] >> np.uint8(place & np.uint64(7))) & 1
    return out


def contents(path: Path) -> np.ndarray:
    """A file, unpacked, uint8 [n]."""
    data = path.read_bytes()
    return np.frombuffer(lzma.decompress(data) if path.suffix == ".xz" else data, np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder that holds train/ and eval/")
    folder = parser.parse_args().folder
    files = sorted(p for p in (folder / "eval").rglob("*") if p.is_file() and p.name != "README.md")
    held = {p: contents(p) for p in files}
    runs = {p: hashes(data) for p, data in held.items()}
    wanted = np.unique(np.concatenate([runs[p][varied(held[p])] for p in files]))
    marks = np.zeros(1 << (_FILTER_BITS - 3), np.uint8)
    places = wanted >> np.uint64(64 - _FILTER_BITS)
    np.bitwise_or.at(marks, places >> np.uint64(3), (1 << (places & np.uint64(7))).astype(np.uint8))
    shared: list[np.ndarray] = []
    for collection in sorted((folder / "train").glob("*.xz")):
        data = contents(collection)
        met = hashes(data)
        met = np.unique(met[passed(met, marks)])
        common = met[np.isin(met, wanted, assume_unique=True)]
        print(f"{collection.name}: {len(data):,} bytes, {len(common):,} of {len(wanted):,} runs are there")
        shared.append(common)
    everywhere = np.unique(np.concatenate(shared))
    for path, data in held.items():
        hits = np.flatnonzero(np.isin(runs[path], everywhere) & varied(data))
        if len(hits):
            cover = np.zeros(len(data) + 1, np.int32)
            np.add.at(cover, hits, 1)
            np.add.at(cover, hits + RUN, -1)
            share = (np.cumsum(cover)[:-1] > 0).mean()
            at = int(hits[len(hits) // 2])
            print(f"{path.relative_to(folder)}: {share:.2%} of its bytes, as {data[at : at + RUN].tobytes()!r}")


if __name__ == "__main__":
    main()
